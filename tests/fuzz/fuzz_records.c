/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_records - any bytes as a journal, a manifest and a mapfile.  What must
 * hold: one that is refused is left as it is, with one printable line that says
 * why; one that is taken says the same when it was written and read again.
 *
 * The first byte says which of the three.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "front/journal.h"
#include "front/manifest.h"
#include "front/mapfile.h"
#include "fuzz.h"

#define OFFSET 4096
#define LENGTH 1048576

static char path[32] = "/tmp/fuzz_records.XXXXXX";
static int fd = -1;
static struct loop *loop;

static void
remove_file(void)
{
	unlink(path);
}

static void
begin(void)
{
	fd = mkstemp(path);
	require(fd != -1);
	atexit(remove_file);
	require(loop_new(&loop) == 0);
}

/* Others may have replaced it. */
static void
put(const uint8_t *data, size_t size)
{
	close(fd);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	require(fd != -1);
	require(pwrite(fd, data, size, 0) == (ssize_t)size);
	require(ftruncate(fd, (off_t)size) == 0);
}

static void
refused(const uint8_t *data, size_t size, const struct error *err)
{
	uint8_t *now = malloc(size + 1);
	const char *p;
	int again = open(path, O_RDONLY | O_CLOEXEC);

	require(now != NULL && again != -1);
	require(read(again, now, size + 1) == (ssize_t)size);
	require(memcmp(now, data, size) == 0);
	close(again);
	free(now);
	require(err->class != ERROR_NONE && err->text[0] != '\0');
	for (p = err->text; *p != '\0'; p++)
		require(*p >= ' ' && *p < 0x7f);
}

static void
saved(void *ctx, int result)
{
	require(result == 0);
	*(bool *)ctx = true;
}

static void
as_journal(const uint8_t *data, size_t size)
{
	static const struct journal_id id = {
		.source = "naa.6001405 serial 17",
		.destination = "file /srv/disk.img",
		.source_size = 2 * LENGTH,
		.destination_size = 2 * LENGTH,
		.offset = OFFSET,
		.length = LENGTH,
	};
	struct journal_state state, then = { 0 };
	struct journal *j;
	struct error err;
	bool told = false;

	if (journal_open(loop, path, &id, &state, &j, &err) < 0) {
		refused(data, size, &err);
		return;
	}
	require(state.done <= LENGTH);
	state.done = LENGTH - state.done;
	state.bad = !state.bad;
	journal_save(j, &state, saved, &told);
	loop_drain(loop);
	require(told);
	journal_free(j);
	require(journal_open(loop, path, &id, &then, &j, &err) == 1);
	require(then.done == state.done && then.bad == state.bad);
	journal_free(j);
}

static void
as_manifest(const uint8_t *data, size_t size)
{
	struct manifest *m, *again;
	struct error err;
	uint64_t n;

	if (manifest_load(path, &m, &err) < 0) {
		refused(data, size, &err);
		return;
	}
	require(manifest_begin(path, &err) == 0);
	require(manifest_load(path, &again, &err) == 0);
	require(manifest_begun(again));
	manifest_free(again);
	require(manifest_save(m, path, &err) == 0);
	require(manifest_load(path, &again, &err) == 0);
	require(manifest_match(m, path, manifest_id(again), &err) == 0);
	require(manifest_chunks(m) == manifest_chunks(again));
	for (n = 0; n < manifest_chunks(m); n++) {
		const uint8_t *a = manifest_get(m, n);
		const uint8_t *b = manifest_get(again, n);

		require((a == NULL) == (b == NULL));
		require(a == NULL || memcmp(a, b, MANIFEST_HASH) == 0);
	}
	manifest_free(m);
	manifest_free(again);
}

static void
as_mapfile(const uint8_t *data, size_t size)
{
	struct mapfile *m, *again;
	struct error err;

	if (mapfile_load(path, OFFSET, LENGTH, LENGTH, &m, &err) < 0) {
		refused(data, size, &err);
		return;
	}
	require(mapfile_bytes(m) <= LENGTH);
	require(mapfile_save(m, path, LENGTH, &err) == 0);
	require(mapfile_load(path, OFFSET, LENGTH, LENGTH, &again, &err) == 0);
	require(mapfile_bytes(m) == mapfile_bytes(again));
	mapfile_free(m);
	mapfile_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const as[])(const uint8_t *, size_t) = {
		as_journal,
		as_manifest,
		as_mapfile,
	};

	if (size == 0)
		return 0;
	if (fd == -1)
		begin();
	put(data + 1, size - 1);
	as[data[0] % (sizeof(as) / sizeof(as[0]))](data + 1, size - 1);
	return 0;
}
