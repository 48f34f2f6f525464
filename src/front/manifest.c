/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hash of zeros alone stands for a chunk that is not known: no content has it
 * that anybody will ever see.  So threads share nothing but the array, in which
 * each writes bytes of its own.
 */
#include "front/manifest.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/hex.h"
#include "front/record.h"
#include "io/newfile.h"

#define MAGIC	   "luntap-manifest"
#define VERSION	   1
#define SUM	   "sha256"
#define BUFFER	   (1 << 20) /* of the stream */
#define LINE	   (MANIFEST_IDENTITY_MAX + 64)
#define LINE_CHUNK (20 + 1 + 2 * MANIFEST_HASH + 1)
#define HEAD_LINES 6

struct manifest {
	struct manifest_id id;
	char *source;
	uint64_t chunks;
	uint8_t (*hashes)[MANIFEST_HASH];
	uint64_t room; /* for so many */
	bool begun;
};

/* ---- chunks ---- */

static bool
id_makes_sense(const struct manifest_id *id)
{
	return id->chunk >= 512 && (id->chunk & (id->chunk - 1)) == 0 &&
	       id->offset <= id->size && id->length <= id->size - id->offset &&
	       record_fits(id->source, MANIFEST_IDENTITY_MAX);
}

static uint64_t
chunks_of(const struct manifest_id *id)
{
	if (id->length == 0)
		return 0;
	return (id->offset + id->length - 1) / id->chunk -
	       id->offset / id->chunk + 1;
}

static uint64_t
chunk_offset(const struct manifest_id *id, uint64_t n)
{
	return n == 0 ? id->offset : (id->offset / id->chunk + n) * id->chunk;
}

/* ---- new and free ---- */

static struct manifest *
manifest_alloc(const struct manifest_id *id)
{
	struct manifest *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->id = *id;
	m->chunks = chunks_of(id);
	m->source = strdup(id->source);
	m->id.source = m->source;
	if (m->source == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

int
manifest_new(
    const struct manifest_id *id, struct manifest **ret, struct error *err)
{
	struct manifest *m;

	if (id->size == UINT64_MAX)
		return error_set(err, ERROR_USAGE,
		    "a manifest wants a source whose size is known");
	if (!id_makes_sense(id))
		return error_set(err, ERROR_FAILED,
		    "a source of this name or size cannot have a manifest");
	m = manifest_alloc(id);
	if (m != NULL) {
		m->room = m->chunks > 0 ? m->chunks : 1;
		m->hashes = calloc(m->room, MANIFEST_HASH);
	}
	if (m == NULL || m->hashes == NULL) {
		manifest_free(m);
		return error_set(
		    err, ERROR_FAILED, "out of memory for the manifest");
	}
	*ret = m;
	return 0;
}

void
manifest_free(struct manifest *m)
{
	if (m == NULL)
		return;
	free(m->source);
	free(m->hashes);
	free(m);
}

/* ---- saving ---- */

struct writer {
	struct newfile file;
	struct hash hash;
	char *buf; /* of BUFFER bytes */
	size_t n;
	int error; /* the first, or 0 */
};

static void
writer_flush(struct writer *w)
{
	hash_update(&w->hash, w->buf, w->n);
	if (w->error == 0)
		w->error = newfile_write(&w->file, w->buf, w->n);
	w->n = 0;
}

/* Room for a line. */
static char *
writer_room(struct writer *w, size_t len)
{
	if (BUFFER - w->n < len)
		writer_flush(w);
	return w->buf + w->n;
}

static char *
put_hex(char *p, const uint8_t *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < len; i++) {
		*p++ = digits[bytes[i] >> 4];
		*p++ = digits[bytes[i] & 15];
	}
	return p;
}

static char *
put_decimal(char *p, uint64_t v)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	while (n > 0)
		*p++ = digits[--n];
	return p;
}

static void
write_head(struct writer *w, const struct manifest_id *id)
{
	char *to = writer_room(w, LINE * HEAD_LINES);
	int n = snprintf(to, LINE * HEAD_LINES,
	    MAGIC " %d\n"
		  "source %s\n"
		  "size %" PRIu64 "\n"
		  "offset %" PRIu64 "\n"
		  "length %" PRIu64 "\n"
		  "chunk %" PRIu32 "\n",
	    VERSION, id->source, id->size, id->offset, id->length, id->chunk);

	w->n += (size_t)n;
}

static void
write_chunk(struct writer *w, const struct manifest *m, uint64_t n)
{
	const uint8_t *hash = manifest_get(m, n);
	char *start = writer_room(w, LINE_CHUNK), *p;

	p = put_decimal(start, chunk_offset(&m->id, n));
	*p++ = ' ';
	if (hash != NULL)
		p = put_hex(p, hash, MANIFEST_HASH);
	else
		*p++ = '-';
	*p++ = '\n';
	w->n += (size_t)(p - start);
}

static void
write_sum(struct writer *w)
{
	uint8_t sum[HASH_SIZE_MAX];
	char *p;

	writer_flush(w);
	hash_final(&w->hash, sum);
	p = stpcpy(w->buf, SUM " ");
	p = put_hex(p, sum, MANIFEST_HASH);
	*p++ = '\n';
	if (w->error == 0)
		w->error =
		    newfile_write(&w->file, w->buf, (size_t)(p - w->buf));
}

/* 0 when the file may be replaced: it is not there, empty or a manifest. */
static int
check_old(const char *path, struct error *err)
{
	FILE *f = fopen(path, "re");
	char start[sizeof(MAGIC)];
	size_t n;

	if (f == NULL && errno == ENOENT)
		return 0;
	if (f == NULL)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	n = fread(start, 1, sizeof(start), f);
	fclose(f);
	if (n > 0 &&
	    (n < sizeof(start) || memcmp(start, MAGIC " ", sizeof(start)) != 0))
		return error_set(err, ERROR_USAGE,
		    "%s: not a manifest of luntap; it was left as it is", path);
	return 0;
}

int
manifest_save(const struct manifest *m, const char *path, struct error *err)
{
	struct writer w = { 0 };
	uint64_t n;

	if (check_old(path, err) < 0)
		return -1;
	w.buf = malloc(BUFFER);
	w.error = w.buf == NULL ? -ENOMEM : newfile_open(&w.file, path);
	if (w.error == 0) {
		hash_init(&w.hash, HASH_SHA256);
		write_head(&w, &m->id);
		for (n = 0; n < m->chunks && w.error == 0; n++)
			write_chunk(&w, m, n);
		write_sum(&w);
		if (w.error == 0)
			w.error = newfile_commit(&w.file, true, NULL);
		if (w.error < 0)
			newfile_abandon(&w.file);
	}
	free(w.buf);
	if (w.error < 0)
		return error_set(err, ERROR_FAILED,
		    "writing the manifest %s: %s", path, strerror(-w.error));
	return 0;
}

/* ---- loading ---- */

struct reader {
	const char *path;
	FILE *f;
	struct hash hash; /* of the lines before this one */
	char line[LINE + 1];
	size_t len; /* with the newline */
	struct error *err;
};

static int
damaged(const struct reader *r, const char *how)
{
	return error_set(r->err, ERROR_FAILED,
	    "%s: the manifest is damaged: %s", r->path, how);
}

/* The next line: 1, or 0 at the end of the file, or -1. */
static int
reader_next(struct reader *r)
{
	if (fgets(r->line, sizeof(r->line), r->f) == NULL) {
		if (ferror(r->f))
			return error_set(r->err, ERROR_FAILED, "%s: %s",
			    r->path, strerror(errno));
		return 0;
	}
	r->len = strlen(r->line);
	if (r->len == 0 || r->line[r->len - 1] != '\n')
		return damaged(r, "it ends within a line, or has no lines");
	return 1;
}

static int
read_head(struct reader *r, struct manifest **ret)
{
	char head[LINE * HEAD_LINES];
	struct manifest_id id;
	struct record_text source;
	struct record record;
	char *text;
	size_t n = 0;

	for (int i = 0; i < HEAD_LINES; i++) {
		int more = reader_next(r);

		if (i == 0 && (more <= 0 || strncmp(r->line, MAGIC " ",
						strlen(MAGIC " ")) != 0))
			return error_set(r->err, ERROR_USAGE,
			    "%s: not a manifest of luntap", r->path);
		if (more <= 0)
			return more < 0 ? -1 : damaged(r, "it ends early");
		memcpy(head + n, r->line, r->len);
		n += r->len;
	}
	hash_update(&r->hash, head, n);
	record_init(&record, head, n);
	if (record_number(&record, MAGIC) != VERSION)
		return error_set(r->err, ERROR_FAILED,
		    "%s: the manifest of another version of luntap", r->path);
	source = record_text(&record, "source");
	id.size = record_number(&record, "size");
	id.offset = record_number(&record, "offset");
	id.length = record_number(&record, "length");
	id.chunk = (uint32_t)record_number(&record, "chunk");
	text = strndup(source.at, source.len);
	id.source = text;
	if (text == NULL || !record_ok(&record) || !id_makes_sense(&id)) {
		free(text);
		return damaged(r, "its head");
	}
	*ret = manifest_alloc(&id);
	free(text);
	if (*ret == NULL)
		return error_set(r->err, ERROR_FAILED, "out of memory");
	return 0;
}

static bool
get_hash(const char *text, size_t len, uint8_t ret[MANIFEST_HASH])
{
	size_t i;

	if (len != 2 * MANIFEST_HASH)
		return false;
	for (i = 0; i < MANIFEST_HASH; i++) {
		int high = hex_digit(text[2 * i]);
		int low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

/* Memory follows from what is there, not from what the head claims. */
static int
make_room(struct manifest *m, uint64_t n)
{
	uint64_t room = m->room == 0 ? 1024 : m->room * 2;
	void *more;

	if (n < m->room)
		return 0;
	if (room > m->chunks)
		room = m->chunks;
	more = reallocarray(m->hashes, room, MANIFEST_HASH);
	if (more == NULL)
		return -ENOMEM;
	m->hashes = more;
	m->room = room;
	return 0;
}

static int
read_chunk(struct reader *r, struct manifest *m, uint64_t n)
{
	const char *blank, *text;
	uint64_t offset;
	size_t len;
	int more = reader_next(r);

	if (more <= 0)
		return more < 0 ? -1 : damaged(r, "it ends early");
	hash_update(&r->hash, r->line, r->len);
	blank = strchr(r->line, ' ');
	if (blank == NULL ||
	    !record_decimal(r->line, (size_t)(blank - r->line), &offset) ||
	    offset != chunk_offset(&m->id, n))
		return damaged(r, "a chunk is not where it should be");
	if (make_room(m, n) < 0)
		return error_set(r->err, ERROR_FAILED, "out of memory");
	text = blank + 1;
	len = (size_t)(r->line + r->len - 1 - text);
	if (len == 1 && *text == '-')
		memset(m->hashes[n], 0, MANIFEST_HASH);
	else if (!get_hash(text, len, m->hashes[n]))
		return damaged(r, "the hash of a chunk");
	return 0;
}

static int
read_sum(struct reader *r, struct manifest *m)
{
	static const size_t key = sizeof(SUM " ") - 1;
	char is[2 * MANIFEST_HASH];
	uint8_t hash[HASH_SIZE_MAX];
	int more = reader_next(r);

	if (more <= 0)
		return more < 0 ? -1 : damaged(r, "it ends early");
	hash_final(&r->hash, hash);
	put_hex(is, hash, MANIFEST_HASH);
	if (r->len != key + sizeof(is) + 1 ||
	    memcmp(r->line, SUM " ", key) != 0 ||
	    memcmp(r->line + key, is, sizeof(is)) != 0)
		return damaged(r, "its SHA-256");
	/* Also what a crash has left of the line that says so. */
	m->begun = fgetc(r->f) != EOF;
	if (ferror(r->f))
		return error_set(
		    r->err, ERROR_FAILED, "%s: %s", r->path, strerror(errno));
	return 0;
}

static int
read_all(struct reader *r, struct manifest **ret)
{
	uint64_t n;

	if (read_head(r, ret) < 0)
		return -1;
	for (n = 0; n < (*ret)->chunks; n++)
		if (read_chunk(r, *ret, n) < 0)
			return -1;
	return read_sum(r, *ret);
}

int
manifest_load(const char *path, struct manifest **ret, struct error *err)
{
	struct reader r = { .path = path, .err = err };
	struct manifest *m = NULL;
	int result;

	r.f = fopen(path, "re");
	if (r.f == NULL)
		return error_set(
		    err, ERROR_FAILED, "%s: %s", path, strerror(errno));
	(void)setvbuf(r.f, NULL, _IOFBF, BUFFER);
	hash_init(&r.hash, HASH_SHA256);
	result = read_all(&r, &m);
	fclose(r.f);
	if (result < 0) {
		manifest_free(m);
		return -1;
	}
	*ret = m;
	return 0;
}

/* ---- use ---- */

const struct manifest_id *
manifest_id(const struct manifest *m)
{
	return &m->id;
}

static int
differs(const char *path, const char *what, uint64_t was, uint64_t is,
    struct error *err)
{
	return error_set(err, ERROR_USAGE,
	    "%s: the manifest has another %s: %" PRIu64
	    ", and this copy has %" PRIu64,
	    path, what, was, is);
}

int
manifest_match(const struct manifest *m, const char *path,
    const struct manifest_id *id, struct error *err)
{
	if (m->id.size != id->size)
		return differs(
		    path, "size of the source", m->id.size, id->size, err);
	if (m->id.offset != id->offset)
		return differs(
		    path, "offset of the range", m->id.offset, id->offset, err);
	if (m->id.length != id->length)
		return differs(
		    path, "length of the range", m->id.length, id->length, err);
	if (m->id.chunk != id->chunk)
		return differs(
		    path, "size of chunks", m->id.chunk, id->chunk, err);
	return 0;
}

bool
manifest_begun(const struct manifest *m)
{
	return m->begun;
}

static int
append_begun(int fd)
{
	static const char line[] = "begun\n";
	ssize_t n = write(fd, line, strlen(line));

	if (n == -1 || fsync(fd) == -1)
		return -errno;
	return n == (ssize_t)strlen(line) ? 0 : -ENOSPC;
}

int
manifest_begin(const char *path, struct error *err)
{
	int fd =
	    open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st = { 0 };
	int error = 0, result = 0;

	if (fd == -1 && errno == ENOENT)
		return 0;
	if (fd == -1 || fstat(fd, &st) == -1)
		error = errno;
	else if (!S_ISREG(st.st_mode))
		error = EINVAL;
	else if (st.st_size > 0)
		result = check_old(path, err);
	if (error == 0 && result == 0 && st.st_size > 0)
		error = -append_begun(fd);
	if (fd != -1)
		close(fd);
	if (error != 0)
		return error_set(err, ERROR_FAILED,
		    "%s: noting that a copy begins: %s", path,
		    error == EINVAL ? "not a regular file" : strerror(error));
	return result;
}

uint64_t
manifest_chunks(const struct manifest *m)
{
	return m->chunks;
}

void
manifest_set(struct manifest *m, uint64_t n, const uint8_t hash[MANIFEST_HASH])
{
	memcpy(m->hashes[n], hash, MANIFEST_HASH);
}

const uint8_t *
manifest_get(const struct manifest *m, uint64_t n)
{
	static const uint8_t none[MANIFEST_HASH];

	return memcmp(m->hashes[n], none, MANIFEST_HASH) == 0 ? NULL
							      : m->hashes[n];
}
