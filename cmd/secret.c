/* SPDX-License-Identifier: BSD-2-Clause */
/* secret - see the header. */
#include "cmd/secret.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Deeper than any function that handles a secret goes. */
#define STACK_SCRUB (128 << 10)
#define ARENA_ROOM  (64 * 1024) /* for everything but the arguments */
#define ALIGN	    16
#define FILE_MAX    2048
#define PASSWORD    "target_password="

/* One piece of memory for the life of the process: what is in it is handed out
 * from the front and never given back. */
static struct {
	uint8_t *base;
	size_t size;
	size_t used;
} arena;

static struct auth *environment;

static int
arena_init(size_t size, struct error *err)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p;

	size = (size + page - 1) / page * page;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return error_set(err, ERROR_FAILED, "memory for secrets: %s",
		    strerror(errno));
	madvise(p, size, MADV_DONTDUMP);
	arena.base = p;
	arena.size = size;
	arena.used = 0;
	secret_lock();
	return 0;
}

static void wipe_dead_frames(void) __attribute__((noinline));

/* Functions that have returned leave copies on the stack. */
static void
wipe_dead_frames(void)
{
	char dead[64 * 1024];

	explicit_bzero(dead, sizeof(dead));
}

void
secret_wipe(void)
{
	if (arena.base != NULL)
		explicit_bzero(arena.base, arena.size);
	wipe_dead_frames();
}

void
secret_lock(void)
{
	/* Limits may forbid it; then swap is as safe as the machine's is. */
	if (arena.base != NULL)
		(void)mlock(arena.base, arena.size);
}

void
secret_fini(void)
{
	if (arena.base == NULL)
		return;
	explicit_bzero(arena.base, arena.size);
	munmap(arena.base, arena.size);
	memset(&arena, 0, sizeof(arena));
	environment = NULL;
}

void *
secret_new(size_t size)
{
	void *p;

	size = (size + ALIGN - 1) / ALIGN * ALIGN;
	if (size > arena.size - arena.used)
		return NULL;
	p = arena.base + arena.used;
	arena.used += size;
	return p;
}

/*
 * ---- arguments ----
 */

static bool
argument_has_secret(const char *arg)
{
	return strstr(arg, "://") != NULL &&
	       (strchr(arg, '@') != NULL || strstr(arg, PASSWORD) != NULL);
}

/* Puts one star where [from, to) was; the argument only gets shorter, and the
 * rest of its memory is zeroed. */
static void
argument_star(char *from, char *to)
{
	size_t rest = strlen(to), gap;

	if (from == to)
		return;
	*from++ = '*';
	gap = (size_t)(to - from);
	memmove(from, to, rest);
	explicit_bzero(from + rest, gap);
}

static void
argument_wipe(char *arg)
{
	char *start = strstr(arg, "://") + 3, *value, *at, *split, *p;

	for (p = start; (value = strstr(p, PASSWORD)) != NULL; p = value + 1) {
		value += strlen(PASSWORD);
		argument_star(value, value + strcspn(value, "&"));
	}
	value = strstr(start, PASSWORD);
	at =
	    value == NULL ? NULL : memrchr(start, '@', (size_t)(value - start));
	/* A password may look like the key. */
	if (at == NULL)
		at = strrchr(start, '@');
	if (at == NULL)
		return;
	split = memchr(start, '%', (size_t)(at - start));
	if (split == NULL)
		split = memchr(start, ':', (size_t)(at - start));
	if (split != NULL)
		argument_star(split + 1, at);
}

static int
arguments_take(int argc, char **argv, struct error *err)
{
	size_t len;
	char *copy;
	int i;

	for (i = 1; i < argc; i++) {
		if (!argument_has_secret(argv[i]))
			continue;
		len = strlen(argv[i]);
		copy = secret_new(len + 1);
		if (copy == NULL)
			return error_set(
			    err, ERROR_FAILED, "the arguments are too long");
		memcpy(copy, argv[i], len + 1);
		argument_wipe(argv[i]);
		argv[i] = copy;
	}
	return 0;
}

/*
 * ---- environment ----
 */

static int
variable_take(const char *name, char *ret, size_t size, struct error *err)
{
	char *value = getenv(name);
	size_t len;

	if (value == NULL)
		return 0;
	len = strlen(value);
	if (len < size)
		memcpy(ret, value, len + 1);
	explicit_bzero(value, len);
	unsetenv(name);
	if (len >= size)
		return error_set(err, ERROR_USAGE,
		    "%s is too long (at most %zu bytes)", name, size - 1);
	return 0;
}

static int
environment_take(struct error *err)
{
	struct auth *a = secret_new(sizeof(*a));
	int result = 0;

	if (a == NULL)
		return error_set(err, ERROR_FAILED, "no memory for secrets");
	environment = a;
	/* Each one, also after a fault: all are to be wiped. */
	result |= variable_take(
	    "LIBISCSI_CHAP_USERNAME", a->user, sizeof(a->user), err);
	result |= variable_take(
	    "LIBISCSI_CHAP_PASSWORD", a->secret, sizeof(a->secret), err);
	result |= variable_take("LIBISCSI_CHAP_TARGET_USERNAME", a->target_user,
	    sizeof(a->target_user), err);
	result |= variable_take("LIBISCSI_CHAP_TARGET_PASSWORD",
	    a->target_secret, sizeof(a->target_secret), err);
	return result;
}

const struct auth *
secret_environment(void)
{
	return environment;
}

__attribute__((noinline)) void
secret_scrub_stack(void)
{
	char dead[STACK_SCRUB];

	explicit_bzero(dead, sizeof(dead));
}

int
secret_init(int argc, char **argv, struct error *err)
{
	size_t size = ARENA_ROOM;
	int i;

	for (i = 1; i < argc; i++)
		if (argument_has_secret(argv[i]))
			size += strlen(argv[i]) + 1 + ALIGN;
	if (arena_init(size, err) < 0)
		return -1;
	if (arguments_take(argc, argv, err) < 0 || environment_take(err) < 0)
		return -1;
	secret_scrub_stack();
	return 0;
}

/*
 * ---- file ----
 */

/* The whole file, at most FILE_MAX - 1 bytes, and a NUL. */
static int
file_read(const char *path, char *buf, struct error *err)
{
	size_t have = 0;
	struct stat st;
	ssize_t n;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return error_set(
		    err, ERROR_USAGE, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && (st.st_mode & 077) != 0) {
		close(fd);
		return error_set(err, ERROR_USAGE,
		    "%s holds secrets, and others may use it: chmod 600 it",
		    path);
	}
	do {
		n = read(fd, buf + have, FILE_MAX - have);
		if (n > 0)
			have += (size_t)n;
	} while ((n > 0 && have < FILE_MAX) || (n == -1 && errno == EINTR));
	close(fd);
	if (n == -1)
		return error_set(
		    err, ERROR_USAGE, "%s: %s", path, strerror(errno));
	if (have == FILE_MAX || memchr(buf, '\0', have) != NULL)
		return error_set(
		    err, ERROR_USAGE, "%s is not a file of secrets", path);
	buf[have] = '\0';
	return 0;
}

/* Takes the next word off *p; false when there is none or it is too long. */
static bool
word_take(char **p, char *ret, size_t size)
{
	char *start = *p + strspn(*p, " \t");
	size_t len = strcspn(start, " \t\r\n");

	*p = start + len;
	if (len == 0 || len >= size)
		return false;
	memcpy(ret, start, len);
	ret[len] = '\0';
	return true;
}

static bool
line_ends(const char *p)
{
	return p[strspn(p, " \t\r\n")] == '\0';
}

int
secret_file(const char *path, struct auth *ret, struct error *err)
{
	char *buf = secret_new(FILE_MAX), *p = buf;
	bool ok;

	if (buf == NULL)
		return error_set(err, ERROR_FAILED, "no memory for secrets");
	if (file_read(path, buf, err) < 0)
		return -1;
	ok = word_take(&p, ret->user, sizeof(ret->user)) &&
	     word_take(&p, ret->secret, sizeof(ret->secret));
	if (ok && !line_ends(p))
		ok =
		    *p != '\n' &&
		    word_take(&p, ret->target_user, sizeof(ret->target_user)) &&
		    word_take(
			&p, ret->target_secret, sizeof(ret->target_secret)) &&
		    line_ends(p);
	explicit_bzero(buf, FILE_MAX);
	if (!ok)
		return error_set(err, ERROR_USAGE,
		    "%s: one line is wanted, \"user password\" or \"user "
		    "password target_user target_password\", of at most %d "
		    "bytes each",
		    path, AUTH_SECRET_MAX);
	return 0;
}
