/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * coherence FILE SECONDS - buffered, mapped and direct users of one file see
 * each other's completed writes.
 *
 * The file's first pages are cut into sectors.  Each sector has one writer,
 * which counts up in it; after a write has returned, the writer publishes the
 * count in memory that all processes share.  A reader takes the published count
 * first and reads the sector then: what it finds must not be older, and all
 * words of the sector must be the same.
 *
 * The writers of the four sectors of a group of pages use a direct handle
 * (two of them), write(2) through the page cache, and a handle that is opened
 * anew each time, direct or not; the fifth kind stores through a shared mapping
 * and calls msync, in pages of its own: between stores and direct writes to one
 * page at one time there is no order on any file system.  The readers use a
 * direct handle, a buffered one, a mapping, and a handle opened anew.  Direct
 * handles are opened before the buffered ones by some and after by others, and
 * buffered ones come and go all the time, so that the server sees every mix.
 */
#include <sys/mman.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PAGES	16 /* shared by four writers */
#define MAPPED	4  /* for the mapping's writer */
#define PAGE	4096u
#define SECTOR	1024u
#define SECTORS (PAGE / SECTOR)
#define TOTAL	((PAGES + MAPPED) * SECTORS)

struct shared {
	_Atomic uint32_t published[TOTAL];
	_Atomic unsigned reads;
	_Atomic unsigned writes;
	_Atomic bool stop;
	_Atomic bool failed;
};

static struct shared *shared;
static const char *path;

static void
die(const char *what)
{
	fprintf(stderr, "coherence: %s: %s\n", what, strerror(errno));
	shared->failed = shared->stop = true;
	exit(1);
}

static int
open_file(int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die("open");
	return fd;
}

static void *
map_file(int prot)
{
	int fd = open_file(O_RDWR);
	void *p = mmap(NULL, (PAGES + MAPPED) * PAGE, prot, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	close(fd);
	return p;
}

static void
check(const char *who, unsigned sector, uint32_t least, const uint32_t *words)
{
	unsigned i;

	shared->reads++;
	for (i = 0; i < SECTOR / 4; i++)
		if (words[i] < least)
			break;
	if (i == SECTOR / 4)
		return;
	fprintf(stderr,
	    "coherence: %s read sector %u word %u: %u, but %u was complete\n",
	    who, sector, i, words[i], least);
	shared->failed = shared->stop = true;
}

static _Noreturn void
reader(const char *who, int flags, bool reopen)
{
	uint32_t *buf = aligned_alloc(PAGE, PAGE), least;
	unsigned sector;
	int fd = open_file(O_RDONLY | flags);

	if (buf == NULL)
		die("memory");
	while (!shared->stop) {
		sector = (unsigned)random() % TOTAL;
		if (reopen) {
			close(fd);
			flags ^= random() % 2 != 0 ? O_DIRECT : 0;
			fd = open_file(O_RDONLY | flags);
		}
		least = shared->published[sector];
		if (pread(fd, buf, SECTOR, sector * SECTOR) != SECTOR)
			die("read");
		check(who, sector, least, buf);
	}
	exit(0);
}

static _Noreturn void
mapped_reader(void)
{
	const char *map = map_file(PROT_READ);
	uint32_t least, copy[SECTOR / 4];
	unsigned sector;

	while (!shared->stop) {
		sector = (unsigned)random() % TOTAL;
		least = shared->published[sector];
		memcpy(copy, map + sector * SECTOR, SECTOR);
		check("mapping", sector, least, copy);
	}
	exit(0);
}

static void
fill(uint32_t *words, uint32_t value)
{
	unsigned i;

	for (i = 0; i < SECTOR / 4; i++)
		words[i] = value;
}

static _Noreturn void
writer(unsigned slot, int flags, bool reopen)
{
	uint32_t *buf = aligned_alloc(PAGE, PAGE), value;
	unsigned sector;
	int fd = open_file(O_RDWR | flags);

	if (buf == NULL)
		die("memory");
	while (!shared->stop) {
		sector = (unsigned)random() % PAGES * SECTORS + slot;
		if (reopen) {
			close(fd);
			flags ^= random() % 2 != 0 ? O_DIRECT : 0;
			fd = open_file(O_RDWR | flags);
		}
		value = shared->published[sector] + 1;
		fill(buf, value);
		if (pwrite(fd, buf, SECTOR, sector * SECTOR) != SECTOR)
			die("write");
		shared->published[sector] = value;
		shared->writes++;
	}
	exit(0);
}

static _Noreturn void
mapped_writer(void)
{
	char *map = map_file(PROT_READ | PROT_WRITE);
	unsigned sector;
	uint32_t value;

	while (!shared->stop) {
		sector = (PAGES + (unsigned)random() % MAPPED) * SECTORS +
			 (unsigned)random() % SECTORS;
		value = shared->published[sector] + 1;
		fill((uint32_t *)(void *)(map + sector * SECTOR), value);
		if (msync(map + sector / SECTORS * PAGE, PAGE, MS_SYNC) < 0)
			die("msync");
		shared->published[sector] = value;
		shared->writes++;
	}
	exit(0);
}

static _Noreturn void
child(unsigned i)
{
	srandom(i + (unsigned)time(NULL));
	switch (i) {
	case 0:
	case 1:
		writer(i, O_DIRECT, false);
	case 2:
		writer(i, 0, false);
	case 3:
		writer(i, 0, true);
	case 4:
		mapped_writer();
	case 5:
		reader("direct", O_DIRECT, false);
	case 6:
		reader("buffered", 0, false);
	case 7:
		reader("reopened", 0, true);
	default:
		mapped_reader();
	}
}

#define CHILDREN 9

int
main(int argc, char **argv)
{
	pid_t pids[CHILDREN];
	char *zeros = calloc(PAGES + MAPPED, PAGE);
	unsigned i;
	int fd, status, result = 0;

	if (argc != 3 || zeros == NULL)
		return 2;
	path = argv[1];
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	fd = open_file(O_WRONLY);
	if (pwrite(fd, zeros, (PAGES + MAPPED) * PAGE, 0) !=
	    (PAGES + MAPPED) * PAGE)
		die("clear");
	close(fd);
	for (i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			child(i);
		if (i == 1) /* the first two have their direct handles */
			usleep(200000);
	}
	for (i = (unsigned)strtoul(argv[2], NULL, 0) * 10;
	     i > 0 && !shared->stop; i--)
		usleep(100000);
	shared->stop = true;
	for (i = 0; i < CHILDREN; i++)
		if (waitpid(pids[i], &status, 0) < 0 || status != 0)
			result = 1;
	printf("%u reads, %u writes\n", shared->reads, shared->writes);
	free(zeros);
	return result != 0 || shared->failed;
}
