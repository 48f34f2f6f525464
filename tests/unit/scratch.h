/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scratch - a folder of a test's own with one file in it.  In memory where that
 * can be had: some tests write it thousands of times.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <sys/stat.h>
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "unit.h"

static char scratch_folder[64];
static char scratch_path[96];

static inline int
scratch_setup(void **state)
{
	(void)state;
	snprintf(scratch_folder, sizeof(scratch_folder),
	    "%s/test_scratch.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(scratch_folder) == NULL)
		return -1;
	snprintf(scratch_path, sizeof(scratch_path), "%s/file", scratch_folder);
	return 0;
}

/* Everything in it; how much there was. */
static inline int
scratch_clear(void)
{
	DIR *dir = opendir(scratch_folder);
	struct dirent *entry;
	char path[400];
	int n = 0;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(
		    path, sizeof(path), "%s/%s", scratch_folder, entry->d_name);
		assert_int_equal(unlink(path), 0);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static inline int
scratch_teardown(void **state)
{
	(void)state;
	scratch_clear();
	return rmdir(scratch_folder);
}

static inline void
scratch_write(const void *data, size_t len)
{
	FILE *f = fopen(scratch_path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Up to size - 1 bytes, terminated; how many. */
static inline size_t
scratch_read(char *buf, size_t size)
{
	FILE *f = fopen(scratch_path, "re");
	size_t n;

	assert_non_null(f);
	n = fread(buf, 1, size - 1, f);
	fclose(f);
	buf[n] = '\0';
	return n;
}

#endif
