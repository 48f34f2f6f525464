/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay_main - runs a fuzz target over its corpus as an ordinary test, with
 * any compiler: over the files and folders that are named, else over CORPUS,
 * the target's own folder.  Prints TAP.
 */
#include <sys/stat.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static unsigned inputs;

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *buf = NULL, *more;
	size_t len = 0, room = 0, n;

	if (f == NULL) {
		perror(path);
		return -1;
	}
	do {
		if (len == room) {
			room = room * 2 + 4096;
			more = realloc(buf, room);
			if (more == NULL) {
				perror(path);
				free(buf);
				fclose(f);
				return -1;
			}
			buf = more;
		}
		n = fread(buf + len, 1, room - len, f);
		len += n;
	} while (n > 0);
	fclose(f);
	/* Exactly as long as the input, so that valgrind and ASan see a read
	 * past its end. */
	more = realloc(buf, len > 0 ? len : 1);
	if (more != NULL)
		buf = more;
	LLVMFuzzerTestOneInput(buf, len);
	free(buf);
	inputs++;
	return 0;
}

static int
replay(const char *path)
{
	struct dirent *entry;
	struct stat st;
	char name[4096];
	int result = 0;
	DIR *dir;

	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path);
	dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		return -1;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		if (replay_file(name) != 0)
			result = -1;
	}
	closedir(dir);
	return result;
}

int
main(int argc, char **argv)
{
	int result = 0;

	puts("1..1");
	if (argc < 2)
		result = replay(CORPUS);
	for (int i = 1; i < argc; i++)
		if (replay(argv[i]) != 0)
			result = -1;
	if (inputs == 0)
		result = -1;
	printf("%sok 1 - %u inputs\n", result == 0 ? "" : "not ", inputs);
	return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
