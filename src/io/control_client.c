/* SPDX-License-Identifier: BSD-2-Clause */
/* The asking side of control.h: for a command that has nothing else to do. */
#include "io/control.h"

#include <sys/socket.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "io/control_name.h"
#include "io/runtime.h"
#include "io/unixsock.h"

#define ANSWER_MAX (1u << 20)

/* ---- one question ---- */

static int64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* 0 when fd is readable, -ETIMEDOUT; until < 0: for ever. */
static int
wait_readable(int fd, int64_t until)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = until < 0 ? -1 : until - now_ms();
		int n;

		if (until >= 0 && left < 0)
			left = 0;
		n = poll(&pfd, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (n == 1)
			return 0;
		if (n == 0 && until >= 0 && now_ms() >= until)
			return -ETIMEDOUT;
		if (n == -1 && errno != EINTR)
			return -errno;
	}
}

/* What comes up to the byte end, or to the end of the stream, as a string. */
static int
read_until(int fd, int end, int64_t until, char **ret)
{
	char *text = NULL;
	size_t len = 0, size = 0;
	int error;

	for (;;) {
		ssize_t n;

		if (size - len < 2) {
			char *more = realloc(text, size + 4096);

			error = more == NULL ? -ENOMEM : 0;
			if (size >= ANSWER_MAX)
				error = -EMSGSIZE;
			if (more != NULL) {
				text = more;
				size += 4096;
			}
			if (error != 0)
				break;
		}
		error = wait_readable(fd, until);
		if (error != 0)
			break;
		n = recv(fd, text + len, size - len - 1, 0);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			error = -errno;
		if (n <= 0)
			break;
		len += (size_t)n;
		if ((unsigned char)text[len - 1] == end)
			break;
	}
	if (error != 0) {
		free(text);
		return error;
	}
	text[len] = '\0';
	*ret = text;
	return 0;
}

static int
take_answer(const char *path, const char *text, struct json_object **ret,
    struct error *err)
{
	struct json_object *json = json_tokener_parse(text);
	struct json_object *error, *class;

	if (!json_object_is_type(json, json_type_object)) {
		json_object_put(json);
		return error_set(
		    err, ERROR_FAILED, "%s: ended without an answer", path);
	}
	if (json_object_object_get_ex(json, "error", &error)) {
		enum error_class c = ERROR_FAILED;

		if (json_object_object_get_ex(json, "class", &class) &&
		    json_object_get_int(class) > 0)
			c = (enum error_class)json_object_get_int(class);
		error_set(err, c, "%s", json_object_get_string(error));
		json_object_put(json);
		return -1;
	}
	*ret = json;
	return 0;
}

static int
send_request(int fd, const char *what)
{
	struct json_object *json = json_object_new_object();
	char *line;
	int len;

	json_object_object_add(json, "request", json_object_new_string(what));
	len = asprintf(&line, "%s\n",
	    json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
	json_object_put(json);
	if (len == -1)
		return -ENOMEM;
	/* Shorter than the least buffer of a socket: goes at once. */
	len = send(fd, line, (size_t)len, MSG_NOSIGNAL) == len ? 0 : -EPIPE;
	free(line);
	return len;
}

static int
ask(int fd, const char *path, const char *what, int64_t until,
    struct json_object **ret, struct error *err)
{
	char *text = NULL;
	int error = send_request(fd, what);
	int result;

	if (error == 0)
		error = read_until(fd, '\n', until, &text);
	if (error != 0)
		return error_set(err, ERROR_FAILED, "%s: %s", path,
		    error == -ETIMEDOUT ? "no answer" : strerror(-error));
	result = take_answer(path, text, ret, err);
	free(text);
	return result;
}

static int
open_socket(const char *path, struct error *err)
{
	int fd = unixsock_connect(path);

	if (fd < 0)
		return error_set(err, ERROR_FAILED, "%s: %s", path,
		    fd == -ECONNREFUSED ? "its process is gone"
					: strerror(-fd));
	return fd;
}

static int64_t
deadline(int timeout_ms)
{
	return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

int
control_ask(const char *path, const char *what, int timeout_ms,
    struct json_object **ret, struct error *err)
{
	int fd = open_socket(path, err);
	int result;

	if (fd == -1)
		return -1;
	result = ask(fd, path, what, deadline(timeout_ms), ret, err);
	close(fd);
	return result;
}

static int
end_server(const char *path, const char *what, int timeout_ms,
    struct json_object **ret, struct error *err)
{
	int64_t until = deadline(timeout_ms);
	struct json_object *json = NULL;
	int fd = open_socket(path, err);
	int result;
	char *rest = NULL;

	if (fd == -1)
		return -1;
	result = ask(fd, path, what, until, &json, err);
	/* The end of the stream is the end of the process. */
	if (result == 0 && read_until(fd, EOF, until, &rest) == 0) {
		free(rest);
		*ret = json;
	} else if (result == 0) {
		json_object_put(json);
		result = error_set(
		    err, ERROR_FAILED, "%s: its process does not end", path);
	}
	close(fd);
	return result;
}

int
control_stop(const char *path, int timeout_ms, struct json_object **ret,
    struct error *err)
{
	return end_server(path, "stop", timeout_ms, ret, err);
}

int
control_force(const char *path, int timeout_ms, struct json_object **ret,
    struct error *err)
{
	return end_server(path, "force", timeout_ms, ret, err);
}

/* ---- finding them ---- */

static bool
entry_kind(const char *file, char ret[CONTROL_KIND_MAX + 1])
{
	const char *dash = strchr(file, '-');
	const char *dot = strrchr(file, '.');
	size_t len = dash != NULL ? (size_t)(dash - file) : 0;

	if (len == 0 || len > CONTROL_KIND_MAX || dot == NULL ||
	    strcmp(dot, ".sock") != 0)
		return false;
	memcpy(ret, file, len);
	ret[len] = '\0';
	return true;
}

/* True when somebody listens.  What nobody listens on is removed; the folder is
 * locked, so it is not one that is just being made. */
static bool
live_or_removed(const char *path)
{
	int fd = unixsock_connect(path);

	if (fd == -ECONNREFUSED)
		unlink(path);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static int
add_entry(
    struct control_entry **list, int *n, const char *folder, const char *file)
{
	struct control_entry entry, *more;

	if (!entry_kind(file, entry.kind))
		return 0;
	if (asprintf(&entry.path, "%s/%s", folder, file) == -1)
		return -ENOMEM;
	if (!live_or_removed(entry.path)) {
		free(entry.path);
		return 0;
	}
	more = realloc(*list, (size_t)(*n + 1) * sizeof(**list));
	if (more == NULL) {
		free(entry.path);
		return -ENOMEM;
	}
	*list = more;
	more[(*n)++] = entry;
	return 0;
}

static int
list_folder(struct control_entry **list, int *n, const char *folder)
{
	int lock = control_lock(folder);
	DIR *dir = lock < 0 ? NULL : opendir(folder);
	struct dirent *de;
	int error = 0;

	if (dir == NULL) {
		error = lock < 0 ? lock : -errno;
		if (lock >= 0)
			close(lock);
		return error;
	}
	while (error == 0 && (de = readdir(dir)) != NULL)
		error = add_entry(list, n, folder, de->d_name);
	closedir(dir);
	close(lock);
	return error;
}

static int
by_path(const void *a, const void *b)
{
	const struct control_entry *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int
control_list(struct control_entry **ret, struct error *err)
{
	struct control_entry *list = NULL;
	char folder[PATH_MAX];
	int n = 0;

	for (int i = 0; i < RUNTIME_FOLDERS; i++) {
		int error;

		if (runtime_existing(i, folder) != 0)
			continue;
		error = list_folder(&list, &n, folder);
		if (error != 0) {
			control_list_free(list, n);
			return error_set(err, ERROR_FAILED, "%s: %s", folder,
			    strerror(-error));
		}
	}
	if (n > 0)
		qsort(list, (size_t)n, sizeof(*list), by_path);
	*ret = list;
	return n;
}

void
control_list_free(struct control_entry *list, int n)
{
	for (int i = 0; i < n; i++)
		free(list[i].path);
	free(list);
}

int
control_find(
    const char *kind, const char *name, char **ret_path, struct error *err)
{
	char folder[PATH_MAX], file[CONTROL_FILE_MAX + 1];

	control_file(kind, name, file);
	for (int i = 0; i < RUNTIME_FOLDERS; i++) {
		char *path;
		int fd;

		if (runtime_existing(i, folder) != 0)
			continue;
		if (asprintf(&path, "%s/%s", folder, file) == -1)
			return error_set(
			    err, ERROR_FAILED, "%s", strerror(ENOMEM));
		fd = unixsock_connect(path);
		if (fd >= 0) {
			close(fd);
			*ret_path = path;
			return 1;
		}
		free(path);
	}
	return 0;
}
