/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuse-serve [-b BLOCK] [-r] [-t] [-1] [-o OPTIONS] SIZE|FILE... MOUNTPOINT
 *
 * Serves block devices in RAM or on files through the FUSE front end, without
 * any iSCSI: for tests of the front end, and for measuring it alone.  -1 mounts
 * the first one on the mount point itself; -t says that it is thin; -r that it
 * is read-only.
 *
 * Between the front end and the device lies a gate that stands for a LUN that
 * does not answer.  It obeys lines on stdin, and answers each with a line:
 *
 *     hold      requests wait here, and the files are not healthy
 *     stall     requests wait here, though the files say that they are healthy
 *     writes    writes wait here
 *     reads     reads wait here, and all else goes on
 *     pass      they go on
 *     lose      writes fail, and their pages stay in a pipe, as in the socket
 *               of a session that ended without an answer
 *     lost C    so many of the bytes there are C
 *     resize N  every file is N bytes long now (at most what it was)
 *     stats     in flight, open, reads, writes, and how many wait here
 *     unmount | lazy
 *
 * A SIZE is in bytes, or in MiB with an M.  SIGTERM unmounts, too.  It ends
 * when nothing is mounted any more.
 */
#include <sys/epoll.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/file.h"
#include "block/mem.h"
#include "front/fuse.h"

#define FILES_MAX 8

struct gate {
	struct bdev bdev;
	struct bdev *below;
	struct bdev_req_queue held;
	bool closed;
	bool closed_to_writes;
	bool closed_to_reads;
	bool healthy;
	bool loses;
};

static int lost[2] = { -1, -1 };

static struct loop *loop;
static struct fuse_front *front;
static struct timer end_timer;
static struct gate gates[FILES_MAX];
static struct fuse_front_file files[FILES_MAX];
static char names[FILES_MAX][16];
static size_t nfiles;
static char line[256];
static size_t line_len;

static void
lose(struct bdev_req *req)
{
	ssize_t n =
	    vmsplice(lost[1], req->iov, (size_t)req->iovcnt, SPLICE_F_NONBLOCK);

	if (n != (ssize_t)req->length)
		perror("fuse-serve: vmsplice");
	req->result = -EIO;
	req->done(req);
}

static unsigned long
count_lost(char c)
{
	unsigned long count = 0;
	char buf[65536];
	ssize_t n;

	while ((n = read(lost[0], buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			count += buf[i] == c;
	return count;
}

static void
gate_submit(struct bdev *bdev, struct bdev_req *req)
{
	struct gate *gate = (struct gate *)bdev;

	if (gate->loses && req->op == BDEV_WRITE)
		lose(req);
	else if (gate->closed ||
		 (gate->closed_to_writes && req->op == BDEV_WRITE) ||
		 (gate->closed_to_reads && req->op == BDEV_READ))
		TAILQ_INSERT_TAIL(&gate->held, req, link);
	else
		gate->below->ops->submit(gate->below, req);
}

static void
gate_close(struct bdev *bdev)
{
	struct gate *gate = (struct gate *)bdev;

	gate->below->ops->close(gate->below);
}

static const struct bdev_ops gate_ops = { .submit = gate_submit,
	.close = gate_close };

static void
gate_open(struct gate *gate, bool to_reads)
{
	struct bdev_req_queue held = TAILQ_HEAD_INITIALIZER(held);
	struct bdev_req *req;

	gate->closed = gate->closed_to_writes = false;
	gate->closed_to_reads = !to_reads;
	gate->healthy = true;
	TAILQ_CONCAT(&held, &gate->held, link);
	while ((req = TAILQ_FIRST(&held)) != NULL) {
		TAILQ_REMOVE(&held, req, link);
		gate_submit(&gate->bdev, req);
	}
}

static bool
gate_healthy(void *ctx)
{
	return ((struct gate *)ctx)->healthy;
}

static void
set_gates(bool closed, bool healthy)
{
	size_t i;

	for (i = 0; i < nfiles; i++) {
		if (!closed)
			gate_open(&gates[i], true);
		gates[i].closed = closed;
		gates[i].healthy = healthy;
		gates[i].loses = false;
	}
}

static void
hold_writes(void)
{
	for (size_t i = 0; i < nfiles; i++)
		gates[i].closed_to_writes = true;
}

static void
hold_reads(void)
{
	for (size_t i = 0; i < nfiles; i++)
		gate_open(&gates[i], false);
}

static void
set_losing(void)
{
	if (lost[0] == -1 && (pipe2(lost, O_CLOEXEC | O_NONBLOCK) == -1 ||
				 fcntl(lost[1], F_SETPIPE_SZ, 1 << 20) == -1))
		perror("fuse-serve: pipe");
	for (size_t i = 0; i < nfiles; i++)
		gates[i].loses = true;
}

static void
resize(uint64_t size)
{
	size_t i;

	for (i = 0; i < nfiles; i++) {
		gates[i].bdev.size = size;
		if (gates[i].bdev.changed != NULL)
			gates[i].bdev.changed(
			    &gates[i].bdev, gates[i].bdev.changed_ctx);
	}
}

static void
obey(const char *word)
{
	struct fuse_front_stats stats;
	struct bdev_req *req;
	unsigned held = 0;

	if (strcmp(word, "hold") == 0) {
		set_gates(true, false);
	} else if (strcmp(word, "stall") == 0) {
		set_gates(true, true);
	} else if (strcmp(word, "writes") == 0) {
		hold_writes();
	} else if (strcmp(word, "reads") == 0) {
		hold_reads();
	} else if (strcmp(word, "pass") == 0) {
		set_gates(false, true);
	} else if (strcmp(word, "lose") == 0) {
		set_losing();
	} else if (strncmp(word, "lost ", 5) == 0) {
		printf("%lu\n", count_lost(word[5]));
		fflush(stdout);
		return;
	} else if (strncmp(word, "resize ", 7) == 0) {
		resize(strtoull(word + 7, NULL, 0));
	} else if (strcmp(word, "stats") == 0) {
		fuse_front_stats(front, &stats);
		for (size_t i = 0; i < nfiles; i++)
			TAILQ_FOREACH (req, &gates[i].held, link)
				held++;
		printf("in_flight %u open %u reads %" PRIu64 " writes %" PRIu64
		       " held %u\n",
		    stats.in_flight, stats.open, stats.reads, stats.writes,
		    held);
		fflush(stdout);
		return;
	} else if (strcmp(word, "unmount") == 0) {
		fuse_front_unmount(front, false);
	} else if (strcmp(word, "lazy") == 0) {
		fuse_front_unmount(front, true);
	}
	printf("%s\n", word);
	fflush(stdout);
}

static void
stdin_ready(struct watch *watch, uint32_t events)
{
	char *nl;
	ssize_t n;

	(void)events;
	n = read(0, line + line_len, sizeof(line) - 1 - line_len);
	if (n <= 0) {
		watch_remove(loop, watch);
		return;
	}
	line_len += (size_t)n;
	line[line_len] = '\0';
	while ((nl = strchr(line, '\n')) != NULL) {
		*nl = '\0';
		obey(line);
		line_len -= (size_t)(nl + 1 - line);
		memmove(line, nl + 1, line_len + 1);
	}
}

static void
ready(void *ctx, const struct error *err)
{
	(void)ctx;
	printf("%s\n", err == NULL ? "ready" : err->text);
	fflush(stdout);
	if (err != NULL)
		fuse_front_unmount(front, true);
}

/* Requests may still be at the devices when nothing is mounted any more. */
static void
look_for_end(struct timer *timer, uint64_t now)
{
	if (fuse_front_busy(front) == 0)
		loop_stop(loop, 0);
	else
		timer_set(loop, timer, now + 10 * CLOCK_MS);
}

static void
ended(void *ctx)
{
	(void)ctx;
	set_gates(false, true);
	timer_init(&end_timer, look_for_end, NULL);
	timer_set(loop, &end_timer, loop_now(loop));
}

static void
unmount_failed(void *ctx, int error, const char *text)
{
	(void)ctx;
	printf("unmount failed: %d %s\n", error, text);
	fflush(stdout);
}

static void
got_signal(void *ctx, int signo)
{
	(void)ctx;
	(void)signo;
	fuse_front_unmount(front, false);
}

static void
write_log(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	(void)level;
	fprintf(stderr, "fuse-serve: %s\n", text);
}

static void
add_file(const char *arg, uint32_t block_size, bool read_only, bool thin)
{
	struct gate *gate = &gates[nfiles];
	struct error err;
	char *end;
	uint64_t size = strtoull(arg, &end, 0);
	int result;

	if (*end == 'M' && end[1] == '\0') {
		size <<= 20;
		end++;
	}
	if (*end != '\0')
		result = file_open(
		    loop, arg, read_only, block_size, &gate->below, &err);
	else
		result = mem_open(loop, size, block_size, &gate->below);
	if (result < 0) {
		fprintf(stderr, "fuse-serve: cannot open %s\n", arg);
		exit(1);
	}
	gate->bdev = *gate->below;
	gate->bdev.ops = &gate_ops;
	gate->bdev.read_only = read_only;
	gate->bdev.thin = thin;
	gate->healthy = true;
	TAILQ_INIT(&gate->held);
	snprintf(names[nfiles], sizeof(names[0]), "lun-%zu", nfiles);
	files[nfiles] = (struct fuse_front_file){
		.name = names[nfiles],
		.bdev = &gate->bdev,
		.healthy = gate_healthy,
		.ctx = gate,
	};
	nfiles++;
}

int
main(int argc, char **argv)
{
	const struct log log = { write_log, NULL, LOG_DEBUG_LEVEL };
	struct fuse_front_config config = {
		.fsname = "fuse-serve, a test",
		.files = files,
		.log = &log,
		.ready = ready,
		.ended = ended,
		.unmount_failed = unmount_failed,
	};
	struct watch in = { .fd = 0, .ready = stdin_ready };
	uint32_t block_size = 512;
	bool read_only = false, thin = false;
	struct error err;
	int opt, result;

	while ((opt = getopt(argc, argv, "b:rt1o:")) != -1)
		switch (opt) {
		case 'b':
			block_size = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'r':
			read_only = true;
			break;
		case 't':
			thin = true;
			break;
		case '1':
			config.single = true;
			break;
		case 'o':
			config.options = optarg;
			break;
		default:
			return 2;
		}
	if (argc - optind < 2 || argc - optind > FILES_MAX ||
	    loop_new(&loop) < 0)
		return 2;
	while (optind < argc - 1)
		add_file(argv[optind++], block_size, read_only, thin);
	config.nfiles = nfiles;
	config.mountpoint = argv[optind];
	loop_signal(loop, SIGTERM, got_signal, NULL);
	if (fuse_front_new(loop, &config, &front, &err) < 0) {
		fprintf(stderr, "fuse-serve: %s\n", err.text);
		return (int)err.class;
	}
	watch_add(loop, &in, EPOLLIN);
	result = loop_run(loop);
	fuse_front_free(front);
	while (nfiles-- > 0)
		gate_close(&gates[nfiles].bdev);
	loop_free(loop);
	return result;
}
