/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file has three blocks of text, filled up with zero bytes:
 *
 *      0     luntap-journal 2         which copy it is; never written again
 *            source ...
 *            ...
 *            crc32c 0a1b2c3d
 *      4096  done 1048576             two slots, written in turn: the valid one
 *            bad 0                    with the higher sequence counts
 *            sequence 4
 *            crc32c 0a1b2c3d
 *      8192  the other slot
 *
 * A slot is written in place and synced.  What a power cut leaves of it has no
 * valid CRC, and the other one still stands.  So a save needs no new block and
 * no new name: it works on a disk that is full by now, costs one write of a
 * block, keeps the lock (which is the file's, not the name's), and has nothing
 * that NFS could carry out twice.  The CRC of a slot goes on from that of the
 * head, so that it belongs to no other.  A slot that could not be written is
 * taken again next: the other one is the last that stands.
 */
#include "front/journal.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/escape.h"
#include "front/record.h"
#include "io/newfile.h"

#define MAGIC	 "luntap-journal"
#define VERSION	 2
#define BLOCK	 4096
#define SLOTS	 2
#define FILESIZE ((1 + SLOTS) * BLOCK)
#define OPENS	 10  /* others may replace the file meanwhile */
#define SHOWN	 120 /* bytes of an identity in a message */

struct save {
	struct journal_state state;
	void (*saved)(void *ctx, int result);
	void *ctx;
};

struct journal {
	struct loop *loop;
	int fd;
	char *path;	   /* links followed */
	uint32_t crc;	   /* of the head */
	uint64_t sequence; /* of the last slot that stands */
	struct save save;  /* under way */
	struct save next;  /* saved is NULL: none waits */
	bool busy;
	int result; /* of the one under way */
	char block[BLOCK];
	struct job job;
};

struct slot {
	struct journal_state state;
	uint64_t sequence;
};

/* ---- the file's text ---- */

/* Ends a block with the CRC, which is returned. */
static uint32_t
block_seal(char block[BLOCK], uint32_t crc)
{
	size_t n = strlen(block);

	crc = crc32c(crc, block, n);
	snprintf(block + n, BLOCK - n, "crc32c %08" PRIx32 "\n", crc);
	return crc;
}

/* Whether the lines that r has read are followed by their CRC, *crc with what
 * came before, and zeros. */
static bool
block_sealed(const char block[BLOCK], struct record *r, uint32_t *crc)
{
	uint32_t is = crc32c(*crc, block, (size_t)(r->at - block));
	char text[9];
	const char *p;

	snprintf(text, sizeof(text), "%08" PRIx32, is);
	if (!record_same(record_text(r, "crc32c"), text) || !record_ok(r))
		return false;
	for (p = r->at; p < r->end; p++)
		if (*p != '\0')
			return false;
	*crc = is;
	return true;
}

static uint32_t
head_write(const struct journal_id *id, char block[BLOCK])
{
	memset(block, 0, BLOCK);
	snprintf(block, BLOCK,
	    MAGIC " %d\n"
		  "source %s\n"
		  "source-size %" PRIu64 "\n"
		  "destination %s\n"
		  "destination-size %" PRIu64 "\n"
		  "offset %" PRIu64 "\n"
		  "length %" PRIu64 "\n",
	    VERSION, id->source, id->source_size, id->destination,
	    id->destination_size, id->offset, id->length);
	return block_seal(block, 0);
}

static void
slot_write(const struct slot *slot, uint32_t crc, char block[BLOCK])
{
	memset(block, 0, BLOCK);
	snprintf(block, BLOCK,
	    "done %" PRIu64 "\n"
	    "bad %d\n"
	    "sequence %" PRIu64 "\n",
	    slot->state.done, slot->state.bad, slot->sequence);
	(void)block_seal(block, crc);
}

static bool
slot_read(const char block[BLOCK], uint32_t crc, struct slot *ret)
{
	struct record r;

	record_init(&r, block, BLOCK);
	ret->state.done = record_number(&r, "done");
	ret->state.bad = record_number(&r, "bad") != 0;
	ret->sequence = record_number(&r, "sequence");
	return record_ok(&r) && block_sealed(block, &r, &crc);
}

static off_t
slot_offset(uint64_t sequence)
{
	return (off_t)(BLOCK * (1 + sequence % SLOTS));
}

/* ---- reading ---- */

static int
differs_text(const char *path, const char *what, struct record_text was,
    const char *is, struct error *err)
{
	char text[SHOWN];

	return error_set(err, ERROR_USAGE,
	    "%s: the journal of a copy with another %s: \"%s\", and this one "
	    "has \"%.*s\"",
	    path, what, escape(text, sizeof(text), was.at, was.len), SHOWN, is);
}

static int
differs_number(const char *path, const char *what, uint64_t was, uint64_t is,
    struct error *err)
{
	return error_set(err, ERROR_USAGE,
	    "%s: the journal of a copy with another %s: %" PRIu64
	    ", and this one has %" PRIu64,
	    path, what, was, is);
}

static int
damaged(const char *path, struct error *err)
{
	return error_set(err, ERROR_FAILED,
	    "%s: the journal is damaged; without it the copy has to begin anew",
	    path);
}

/* 0 when the head is whole and of this copy. */
static int
head_read(const char *path, const char block[BLOCK],
    const struct journal_id *id, uint32_t *ret_crc, struct error *err)
{
	struct record_text source, destination;
	uint64_t source_size, destination_size, offset, length, version;
	struct record r;

	*ret_crc = 0;
	record_init(&r, block, BLOCK);
	version = record_number(&r, MAGIC);
	if (record_ok(&r) && version != VERSION)
		return error_set(err, ERROR_FAILED,
		    "%s: the journal of another version of luntap (format "
		    "%" PRIu64 ", not %d)",
		    path, version, VERSION);
	source = record_text(&r, "source");
	source_size = record_number(&r, "source-size");
	destination = record_text(&r, "destination");
	destination_size = record_number(&r, "destination-size");
	offset = record_number(&r, "offset");
	length = record_number(&r, "length");
	if (!record_ok(&r) || !block_sealed(block, &r, ret_crc))
		return damaged(path, err);
	if (!record_same(source, id->source))
		return differs_text(path, "source", source, id->source, err);
	if (!record_same(destination, id->destination))
		return differs_text(
		    path, "destination", destination, id->destination, err);
	if (source_size != id->source_size)
		return differs_number(path, "size of the source", source_size,
		    id->source_size, err);
	if (destination_size != id->destination_size)
		return differs_number(path, "size of the destination",
		    destination_size, id->destination_size, err);
	if (offset != id->offset)
		return differs_number(
		    path, "offset of the range", offset, id->offset, err);
	if (length != id->length)
		return differs_number(
		    path, "length of the range", length, id->length, err);
	return 0;
}

static ssize_t
read_all(int fd, char *buf, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = pread(fd, buf + done, size - done, (off_t)done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int
journal_read(struct journal *j, const struct journal_id *id,
    struct journal_state *ret_state, struct error *err)
{
	char file[FILESIZE + 1];
	ssize_t n = read_all(j->fd, file, sizeof(file));
	struct slot slot, best = { 0 };
	bool found = false;

	if (n < 0)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", j->path, strerror((int)-n));
	if ((size_t)n < strlen(MAGIC " ") ||
	    memcmp(file, MAGIC " ", strlen(MAGIC " ")) != 0)
		return error_set(err, ERROR_USAGE,
		    "%s: not a journal of luntap; it was left as it is",
		    j->path);
	if (n != FILESIZE)
		return damaged(j->path, err);
	if (head_read(j->path, file, id, &j->crc, err) < 0)
		return -1;
	for (int i = 0; i < SLOTS; i++) {
		if (!slot_read(file + BLOCK * (1 + i), j->crc, &slot) ||
		    slot_offset(slot.sequence) != BLOCK * (1 + i) ||
		    slot.state.done > id->length)
			continue;
		if (!found || slot.sequence > best.sequence)
			best = slot;
		found = true;
	}
	if (!found)
		return damaged(j->path, err);
	/* What was read may be in the page cache alone, and the next save goes
	 * into the other slot: one of them has to be on the medium. */
	if (fdatasync(j->fd) == -1)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", j->path, strerror(errno));
	j->sequence = best.sequence;
	*ret_state = best.state;
	return 0;
}

/* ---- opening ---- */

/* The file with nothing done; -EEXIST: there is one by now. */
static int
journal_make(struct journal *j, const struct journal_id *id, bool replace)
{
	struct slot slot = { 0 };
	struct newfile file;
	char *block = j->block;
	int error = newfile_open(&file, j->path);

	if (error < 0)
		return error;
	if (flock(file.fd, LOCK_EX | LOCK_NB) == -1)
		error = -errno;
	j->crc = head_write(id, block);
	if (error == 0)
		error = newfile_write(&file, block, BLOCK);
	for (; slot.sequence < SLOTS && error == 0; slot.sequence++) {
		slot_write(&slot, j->crc, block);
		error = newfile_write(&file, block, BLOCK);
	}
	j->sequence = SLOTS - 1;
	if (error == 0)
		error = newfile_commit(&file, replace, &j->fd);
	if (error < 0)
		newfile_abandon(&file);
	return error;
}

/* Whether path still leads to the file that is open. */
static bool
journal_in_place(const struct journal *j)
{
	struct stat here, there;

	return fstat(j->fd, &here) == 0 && stat(j->path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

/* Opens and locks what is there: 1, or 0 when there is nothing, or -1. */
static int
journal_lock(struct journal *j, bool *ret_empty, struct error *err)
{
	struct stat st;

	if (stat(j->path, &st) == -1) {
		if (errno == ENOENT)
			return 0;
		return error_set(
		    err, ERROR_FAILED, "%s: %s", j->path, strerror(errno));
	}
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_USAGE,
		    "%s: not a regular file, so not a journal", j->path);
	j->fd = open(j->path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (j->fd == -1)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", j->path, strerror(errno));
	if (flock(j->fd, LOCK_EX | LOCK_NB) == -1)
		return error_set(err, ERROR_FAILED, "%s: %s", j->path,
		    errno == EWOULDBLOCK ? "another copy uses this journal"
					 : strerror(errno));
	if (fstat(j->fd, &st) == -1)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", j->path, strerror(errno));
	*ret_empty = st.st_size == 0;
	return 1;
}

/* One that is empty stays locked until the new one is in its place. */
static int
journal_begin(struct journal *j, const struct journal_id *id,
    struct journal_state *ret_state, struct error *err)
{
	bool empty = false;
	int old, error = -EEXIST;

	for (int i = 0; i < OPENS && error == -EEXIST; i++) {
		int there = journal_lock(j, &empty, err);

		if (there < 0)
			return -1;
		if (there > 0 && !journal_in_place(j)) {
			close(j->fd);
			j->fd = -1;
			continue;
		}
		if (there > 0 && !empty)
			return journal_read(j, id, ret_state, err) < 0 ? -1 : 1;
		old = j->fd;
		j->fd = -1;
		error = journal_make(j, id, empty);
		if (old != -1)
			close(old);
	}
	if (error < 0)
		return error_set(err, ERROR_FAILED, "making the journal %s: %s",
		    j->path, strerror(-error));
	*ret_state = (struct journal_state){ 0 };
	return 0;
}

static int
id_check(const struct journal_id *id, struct error *err)
{
	if (record_fits(id->source, JOURNAL_IDENTITY_MAX) &&
	    record_fits(id->destination, JOURNAL_IDENTITY_MAX))
		return 0;
	return error_set(err, ERROR_FAILED,
	    "a source or destination of this name cannot have a journal");
}

int
journal_open(struct loop *loop, const char *path, const struct journal_id *id,
    struct journal_state *ret_state, struct journal **ret, struct error *err)
{
	struct journal *j;
	int there = -1;

	if (id_check(id, err) < 0)
		return -1;
	j = calloc(1, sizeof(*j));
	if (j == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	j->loop = loop;
	j->fd = -1;
	j->path = realpath(path, NULL);
	if (j->path == NULL)
		j->path = strdup(path);
	if (j->path == NULL)
		error_set(err, ERROR_FAILED, "out of memory");
	else
		there = journal_begin(j, id, ret_state, err);
	if (there < 0)
		journal_free(j);
	else
		*ret = j;
	return there;
}

/* ---- saving ---- */

/* In a helper. */
static void
save_work(struct job *job)
{
	struct journal *j = job->ctx;
	off_t offset = slot_offset(j->sequence + 1);
	size_t done = 0;

	j->result = 0;
	while (done < BLOCK) {
		ssize_t n = pwrite(
		    j->fd, j->block + done, BLOCK - done, offset + (off_t)done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			j->result = -errno;
			return;
		}
		done += (size_t)n;
	}
	if (fdatasync(j->fd) == -1)
		j->result = -errno;
}

static void save_done(struct job *);

static void
save_start(struct journal *j, const struct save *save)
{
	struct slot slot = {
		.state = save->state,
		.sequence = j->sequence + 1,
	};

	j->busy = true;
	j->save = *save;
	slot_write(&slot, j->crc, j->block);
	j->job = (struct job){ .work = save_work, .done = save_done, .ctx = j };
	job_submit(j->loop, &j->job);
}

static void
save_done(struct job *job)
{
	struct journal *j = job->ctx;
	struct save save = j->save, next = j->next;
	int result = j->result;

	j->busy = false;
	if (result == 0)
		j->sequence++;
	j->next.saved = NULL;
	if (next.saved != NULL)
		save_start(j, &next);
	save.saved(save.ctx, result);
}

void
journal_save(struct journal *j, const struct journal_state *state,
    void (*saved)(void *ctx, int result), void *ctx)
{
	struct save save = { .state = *state, .saved = saved, .ctx = ctx };

	if (j->busy)
		j->next = save;
	else
		save_start(j, &save);
}

/* ---- the end ---- */

int
journal_finish(struct journal *j, struct error *err)
{
	int error = 0;

	/* Somebody may have put another file there. */
	if (journal_in_place(j) && unlink(j->path) == -1)
		error = -errno;
	if (error == 0)
		error = newfile_sync_folder(j->path);
	if (error < 0)
		return error_set(err, ERROR_FAILED,
		    "removing the journal %s of the copy, which is complete: "
		    "%s",
		    j->path, strerror(-error));
	return 0;
}

void
journal_free(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->fd != -1)
		close(j->fd);
	free(j->path);
	free(j);
}
