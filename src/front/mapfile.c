/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bad ranges are kept in their order, none touching the next.
 *
 * The file has comments, a status line (current position, status, pass), then
 * blocks (position, size, status) that leave no gaps between them.  Statuses:
 * '?' not tried, '*' '/' '-' failed so far in three ways, '+' finished.
 */
#include "front/mapfile.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/newfile.h"

#define LINE_MAX_LEN 4096 /* a command line may stand in a comment */

struct bad {
	uint64_t offset;
	uint64_t end;
};

struct mapfile {
	uint64_t offset; /* of the range */
	uint64_t end;
	struct bad *bad;
	size_t n;
	size_t room;
};

/* ---- the list ---- */

int
mapfile_new(uint64_t offset, uint64_t length, struct mapfile **ret)
{
	struct mapfile *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	m->offset = offset;
	m->end = offset + length;
	*ret = m;
	return 0;
}

void
mapfile_free(struct mapfile *m)
{
	if (m == NULL)
		return;
	free(m->bad);
	free(m);
}

/* The first that ends at offset or behind it. */
static size_t
mapfile_find(const struct mapfile *m, uint64_t offset)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (m->bad[middle].end < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
mapfile_insert(struct mapfile *m, size_t at, const struct bad *bad)
{
	if (m->n == m->room) {
		size_t room = m->room == 0 ? 64 : m->room * 2;
		void *more = reallocarray(m->bad, room, sizeof(*m->bad));

		if (more == NULL)
			return -ENOMEM;
		m->bad = more;
		m->room = room;
	}
	memmove(m->bad + at + 1, m->bad + at, (m->n - at) * sizeof(*m->bad));
	m->bad[at] = *bad;
	m->n++;
	return 0;
}

int
mapfile_add(struct mapfile *m, uint64_t offset, uint64_t length)
{
	struct bad bad = { .offset = offset, .end = offset + length };
	size_t first = mapfile_find(m, offset), behind = first;

	if (length == 0)
		return 0;
	while (behind < m->n && m->bad[behind].offset <= bad.end)
		behind++;
	if (behind == first)
		return mapfile_insert(m, first, &bad);
	/* Those it touches become one with it. */
	if (m->bad[first].offset < bad.offset)
		bad.offset = m->bad[first].offset;
	if (m->bad[behind - 1].end > bad.end)
		bad.end = m->bad[behind - 1].end;
	m->bad[first] = bad;
	memmove(m->bad + first + 1, m->bad + behind,
	    (m->n - behind) * sizeof(*m->bad));
	m->n -= behind - first - 1;
	return 0;
}

uint64_t
mapfile_bytes(const struct mapfile *m)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < m->n; i++)
		total += m->bad[i].end - m->bad[i].offset;
	return total;
}

/* ---- reading ---- */

struct reader {
	const char *path;
	FILE *f;
	char line[LINE_MAX_LEN];
	unsigned number;
	struct error *err;
};

static int
not_one(const struct reader *r)
{
	return error_set(r->err, ERROR_USAGE,
	    "%s: line %u: not as in a mapfile of ddrescue; it was left as it "
	    "is",
	    r->path, r->number);
}

/* The next line that is not a comment: 1, 0 at the end, or -1. */
static int
reader_next(struct reader *r)
{
	do {
		r->number++;
		if (fgets(r->line, sizeof(r->line), r->f) == NULL)
			return ferror(r->f)
				   ? error_set(r->err, ERROR_FAILED, "%s: %s",
					 r->path, strerror(errno))
				   : 0;
		if (strchr(r->line, '\n') == NULL)
			return not_one(r);
	} while (
	    r->line[0] == '#' || r->line[strspn(r->line, " \t\r\n")] == '\0');
	return 1;
}

/* As C writes numbers: decimal, octal, hexadecimal. */
static bool
take_number(char **p, uint64_t *ret)
{
	char *end;

	*p += strspn(*p, " \t");
	if (!isdigit((unsigned char)**p))
		return false;
	errno = 0;
	*ret = strtoull(*p, &end, 0);
	if (errno != 0 || strchr(" \t\r\n", *end) == NULL)
		return false;
	*p = end;
	return true;
}

static bool
take_status(char **p, const char *known, char *ret)
{
	*p += strspn(*p, " \t");
	if (**p == '\0' || strchr(known, **p) == NULL ||
	    !isspace((unsigned char)(*p)[1]))
		return false;
	*ret = *(*p)++;
	return true;
}

static bool
take_end(const char *p)
{
	return p[strspn(p, " \t\r\n")] == '\0';
}

/* The status line: 1, 0 for an empty file, or -1. */
static int
read_status(struct reader *r)
{
	int more = reader_next(r);
	char *p = r->line, status;
	uint64_t position, pass;

	if (more == 0 && r->number > 1)
		return not_one(r);
	if (more <= 0)
		return more;
	if (!take_number(&p, &position) || !take_status(&p, "?*/-FG+", &status))
		return not_one(r);
	if (!take_end(p) && (!take_number(&p, &pass) || !take_end(p)))
		return not_one(r);
	return 1;
}

/* What of a bad block lies before `until` in the range. */
static int
take_bad(struct mapfile *m, uint64_t offset, uint64_t end, uint64_t until)
{
	if (offset < m->offset)
		offset = m->offset;
	if (end > until)
		end = until;
	return offset < end ? mapfile_add(m, offset, end - offset) : 0;
}

static int
read_blocks(struct reader *r, struct mapfile *m, uint64_t until)
{
	uint64_t offset, size, next = 0, blocks;
	int more;

	for (blocks = 0; (more = reader_next(r)) > 0; blocks++) {
		char *p = r->line, status;

		if (!take_number(&p, &offset) || !take_number(&p, &size) ||
		    !take_status(&p, "?*/-+", &status) || !take_end(p) ||
		    size > UINT64_MAX - offset ||
		    (blocks > 0 && offset != next))
			return not_one(r);
		next = offset + size;
		if (status != '?' && status != '+' &&
		    take_bad(m, offset, next, until) < 0)
			return error_set(r->err, ERROR_FAILED, "out of memory");
	}
	return more;
}

int
mapfile_load(const char *path, uint64_t offset, uint64_t length, uint64_t done,
    struct mapfile **ret, struct error *err)
{
	struct reader r = { .path = path, .err = err };
	struct mapfile *m;
	int result;

	if (mapfile_new(offset, length, &m) < 0)
		return error_set(err, ERROR_FAILED, "out of memory");
	r.f = fopen(path, "re");
	if (r.f == NULL) {
		result = error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	} else {
		result = read_status(&r);
		if (result > 0)
			result = read_blocks(&r, m, offset + done);
		else if (result == 0)
			result = error_set(
			    err, ERROR_FAILED, "%s: it is empty", path);
		fclose(r.f);
	}
	if (result < 0) {
		mapfile_free(m);
		return -1;
	}
	*ret = m;
	return 0;
}

/* ---- writing ---- */

static void
put_block(FILE *f, uint64_t offset, uint64_t end, char status)
{
	if (offset < end)
		fprintf(f, "0x%08" PRIX64 "  0x%08" PRIX64 "  %c\n", offset,
		    end - offset, status);
}

/* What is not bad: tried up to done. */
static void
put_gap(FILE *f, uint64_t offset, uint64_t end, uint64_t done)
{
	uint64_t middle = done < offset ? offset : done < end ? done : end;

	put_block(f, offset, middle, '+');
	put_block(f, middle, end, '?');
}

static void
put_all(FILE *f, const struct mapfile *m, uint64_t done)
{
	uint64_t at = m->offset;
	size_t i;

	fprintf(f,
	    "# Mapfile, as of GNU ddrescue. Created by luntap\n"
	    "# current_pos  current_status  current_pass\n"
	    "0x%08" PRIX64 "     %c               1\n"
	    "#      pos        size  status\n",
	    done, done < m->end ? '?' : '+');
	for (i = 0; i < m->n; i++) {
		put_gap(f, at, m->bad[i].offset, done);
		put_block(f, m->bad[i].offset, m->bad[i].end, '-');
		at = m->bad[i].end;
	}
	put_gap(f, at, m->end, done);
}

/* 0 when the file may be replaced. */
static int
check_old(const char *path, struct error *err)
{
	struct reader r = { .path = path, .err = err };
	int result;

	r.f = fopen(path, "re");
	if (r.f == NULL)
		return errno == ENOENT ? 0
				       : error_set(err, ERROR_FAILED, "%s: %s",
					     path, strerror(errno));
	result = read_status(&r);
	fclose(r.f);
	return result < 0 ? -1 : 0;
}

int
mapfile_save(
    const struct mapfile *m, const char *path, uint64_t done, struct error *err)
{
	struct newfile file;
	char *text = NULL;
	size_t len = 0;
	FILE *f;
	int error;

	if (check_old(path, err) < 0)
		return -1;
	f = open_memstream(&text, &len);
	if (f == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	put_all(f, m, m->offset + done);
	error = fclose(f) == EOF ? -ENOMEM : newfile_open(&file, path);
	if (error == 0) {
		error = newfile_write(&file, text, len);
		if (error == 0)
			error = newfile_commit(&file, true, NULL);
		if (error < 0)
			newfile_abandon(&file);
	}
	free(text);
	if (error < 0)
		return error_set(err, ERROR_FAILED,
		    "writing the mapfile %s: %s", path, strerror(-error));
	return 0;
}
