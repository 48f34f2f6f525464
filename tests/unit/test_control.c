/* SPDX-License-Identifier: BSD-2-Clause */
/* control.h: a server in a child process and the asking side here. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/control.h"
#include "io/runtime.h"

#define NAME "/mnt/a \"quoted\" place"

static char folder[64];
static char marker[96]; /* made by the server as its last act */
static struct error err;
static struct json_object *json;

static int
setup(void **state)
{
	(void)state;
	memset(&err, 0, sizeof(err));
	json = NULL;
	snprintf(folder, sizeof(folder), "/tmp/test_control.XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(marker, sizeof(marker), "%s/ended", folder);
	return setenv("XDG_RUNTIME_DIR", folder, 1);
}

static int
teardown(void **state)
{
	char path[96];

	(void)state;
	json_object_put(json);
	snprintf(path, sizeof(path), "%s/luntap", folder);
	/* Fails when anything was left behind in it. */
	if (rmdir(path) == -1 && errno != ENOENT)
		return -1;
	return rmdir(folder);
}

/* ---- the server ---- */

static struct loop *loop;
static struct control *control;
static struct control_request *stopping;

static void
answer(void *ctx, struct control_request *r, const char *what,
    struct json_object *request)
{
	(void)ctx;
	(void)request;
	if (strcmp(what, "status") == 0) {
		struct json_object *reply = json_object_new_object();

		json_object_object_add(
		    reply, "in_flight", json_object_new_int(3));
		control_reply(r, reply);
	} else if (strcmp(what, "stop") == 0) {
		stopping = r;
		loop_stop(loop, 0);
	} else if (strcmp(what, "never") != 0) {
		control_refuse(r, ERROR_USAGE, "unknown request");
	}
}

static const struct control_config config = {
	.kind = "mount", .name = NAME, .request = answer
};

static void
serve(int ready)
{
	struct json_object *reply;

	if (loop_new(&loop) != 0 ||
	    control_new(loop, &config, &control, &err) != 0 ||
	    write(ready, "", 1) != 1)
		_exit(1);
	close(ready);
	loop_run(loop);
	reply = json_object_new_object();
	json_object_object_add(reply, "result", json_object_new_int(0));
	control_reply(stopping, reply);
	control_free(control);
	loop_free(loop);
	usleep(20000);
	_exit(mknod(marker, S_IFREG | 0600, 0) == 0 ? 0 : 2);
}

static pid_t
start_server(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		serve(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static int
field(const char *key)
{
	struct json_object *value;

	assert_true(json_object_object_get_ex(json, key, &value));
	return json_object_get_int(value);
}

static char *
find(void)
{
	char *path = NULL;

	assert_int_equal(control_find("mount", NAME, &path, &err), 1);
	return path;
}

static void
stop_server(pid_t pid)
{
	char *path = find();
	int status;

	assert_int_equal(control_stop(path, 10000, &json, &err), 0);
	assert_int_equal(field("result"), 0);
	/* It has done all, what comes after control_free() included. */
	assert_int_equal(access(marker, F_OK), 0);
	unlink(marker);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
}

static void
answers_are_given(void **state)
{
	pid_t pid = start_server();
	char *path = find();

	(void)state;
	assert_int_equal(control_ask(path, "status", 10000, &json, &err), 0);
	assert_int_equal(field("in_flight"), 3);
	assert_int_equal(field("pid"), pid);
	assert_int_equal(json_object_object_length(json), 2);
	json_object_put(json);
	json = NULL;
	assert_int_equal(control_ask(path, "dance", 10000, &json, &err), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	assert_string_equal(err.text, "unknown request");
	assert_int_equal(control_ask(path, "never", 20, &json, &err), -1);
	assert_non_null(strstr(err.text, "no answer"));
	free(path);
	stop_server(pid);
}

/* Sends bytes as they are; the answer, or NULL when there is none. */
static char *
raw(const char *path, const char *text)
{
	static char reply[512];
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	size_t len = 0;
	ssize_t n;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(
	    send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	if (strchr(text, '\n') == NULL && strlen(text) < 4095) {
		close(fd);
		return NULL;
	}
	while ((n = read(fd, reply + len, sizeof(reply) - 1 - len)) > 0)
		len += (size_t)n;
	reply[len] = '\0';
	close(fd);
	return reply;
}

static void
nonsense_is_refused_and_does_no_harm(void **state)
{
	pid_t pid = start_server();
	char *path = find();
	char *big = malloc(5000);

	(void)state;
	assert_non_null(strstr(raw(path, "hello\n"), "not a request"));
	assert_non_null(strstr(raw(path, "[1,2]\n"), "not a request"));
	assert_non_null(
	    strstr(raw(path, "{\"request\":5}\n"), "not a request"));
	assert_null(raw(path, "half a li"));
	memset(big, 'x', 4095);
	big[4095] = '\0';
	assert_non_null(strstr(raw(path, big), "too long"));
	/* More clients than are let in at once, none of which waits. */
	for (int i = 0; i < 100; i++)
		assert_null(raw(path, "{"));
	assert_int_equal(control_ask(path, "status", 10000, &json, &err), 0);
	json_object_put(json);
	json = NULL;
	free(big);
	free(path);
	stop_server(pid);
}

static void
one_name_is_served_once(void **state)
{
	pid_t pid = start_server();
	struct control *other;
	struct loop *mine;

	(void)state;
	assert_int_equal(loop_new(&mine), 0);
	assert_int_equal(control_new(mine, &config, &other, &err), -1);
	assert_non_null(strstr(err.text, "in use by another luntap"));
	stop_server(pid);
	loop_free(mine);
}

static void
stale_sockets_are_removed_and_replaced(void **state)
{
	struct control_entry *list;
	pid_t pid = start_server();
	char *path = find();

	(void)state;
	assert_int_equal(control_list(&list, &err), 1);
	assert_string_equal(list[0].path, path);
	assert_string_equal(list[0].kind, "mount");
	control_list_free(list, 1);

	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(control_ask(path, "status", 1000, &json, &err), -1);
	assert_non_null(strstr(err.text, "gone"));
	pid = start_server(); /* over the stale one */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(control_list(&list, &err), 0);
	control_list_free(list, 0);
	assert_int_equal(access(path, F_OK), -1);
	free(path);
	assert_int_equal(control_find("mount", NAME, &path, &err), 0);
}

static void
open_folder_is_not_trusted(void **state)
{
	char mine[96], used[PATH_MAX];

	(void)state;
	snprintf(mine, sizeof(mine), "%s/luntap", folder);
	assert_int_equal(runtime_folder(used, &err), 0);
	assert_string_equal(used, mine);
	assert_int_equal(runtime_existing(0, used), 0);
	assert_int_equal(chmod(mine, 0750), 0);
	assert_int_equal(runtime_existing(0, used), -EPERM);
	assert_int_equal(rmdir(mine), 0);
	assert_int_equal(symlink("/tmp", mine), 0);
	assert_int_equal(runtime_existing(0, used), -ENOTDIR);
	unlink(mine);
}

/* The address of a socket has 107 bytes. */
static void
folder_with_a_long_path_is_passed_over(void **state)
{
	char xdg[96], used[PATH_MAX];
	/* "/luntap/" and "123456789012345-0123456789abcdef.sock" fit. */
	size_t most = 107 - 8 - 37;

	(void)state;
	memset(xdg, 'x', sizeof(xdg));
	xdg[0] = '/';
	xdg[most + 1] = '\0';
	assert_int_equal(setenv("XDG_RUNTIME_DIR", xdg, 1), 0);
	assert_int_equal(runtime_existing(0, used), -ENAMETOOLONG);
	xdg[most] = '\0';
	assert_int_equal(setenv("XDG_RUNTIME_DIR", xdg, 1), 0);
	assert_int_equal(runtime_existing(0, used), -ENOENT);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(answers_are_given),
		T(nonsense_is_refused_and_does_no_harm),
		T(one_name_is_served_once),
		T(stale_sockets_are_removed_and_replaced),
		T(open_folder_is_not_trusted),
		T(folder_with_a_long_path_is_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
