/* SPDX-License-Identifier: BSD-2-Clause */
/* run - see the header. */
#include "cmd/run.h"

#include <sys/un.h>
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKET_FILE "/nbd.sock"

/* A folder whose sockets have paths that are short enough. */
static char *
make_folder(void)
{
	static const char pattern[] = "/luntap-XXXXXX";
	const char *tmp = getenv("TMPDIR");
	size_t rest = sizeof(pattern) + sizeof(SOCKET_FILE);
	char *folder;

	if (tmp == NULL || tmp[0] != '/' ||
	    strlen(tmp) + rest > sizeof(((struct sockaddr_un *)NULL)->sun_path))
		tmp = "/tmp";
	if (asprintf(&folder, "%s%s", tmp, pattern) < 0)
		return NULL;
	if (mkdtemp(folder) != NULL)
		return folder;
	free(folder);
	return NULL;
}

int
run_init(struct run *run, const char *command, struct error *err)
{
	*run = (struct run){ .command = command };
	run->folder = make_folder();
	if (run->folder == NULL)
		return error_set(err, ERROR_FAILED,
		    "--run: a folder for the socket: %s", strerror(errno));
	if (asprintf(&run->socket, "%s" SOCKET_FILE, run->folder) < 0) {
		run->socket = NULL;
		run_fini(run);
		return error_set(err, ERROR_FAILED, "out of memory");
	}
	return 0;
}

static void
run_child(void *ctx, int signo)
{
	struct run *run = ctx;
	int status;

	(void)signo;
	if (run->pid == 0 || waitpid(run->pid, &status, WNOHANG) != run->pid)
		return;
	run->pid = 0;
	run->code =
	    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	run->ended(run->ctx);
}

static bool
is_ours(const char *variable)
{
	return strncmp(variable, "uri=", 4) == 0 ||
	       strncmp(variable, "unixsocket=", 11) == 0;
}

/* Our environment is not touched: a helper thread may be reading it. */
static char **
make_environment(char *uri, char *unixsocket)
{
	size_t i, n = 0;
	char **env;

	while (environ[n] != NULL)
		n++;
	env = calloc(n + 3, sizeof(*env));
	if (env == NULL)
		return NULL;
	for (n = i = 0; environ[i] != NULL; i++)
		if (!is_ours(environ[i]))
			env[n++] = environ[i];
	env[n++] = uri;
	env[n] = unixsocket;
	return env;
}

/* Our own signals are blocked, for the loop takes them. */
static int
spawn_shell(struct run *run, char *command, char **env)
{
	char name[] = "sh", option[] = "-c";
	char *argv[] = { name, option, command, NULL };
	posix_spawnattr_t attr;
	sigset_t none, standard;
	pid_t pid;
	int error;

	sigemptyset(&none);
	sigemptyset(&standard);
	sigaddset(&standard, SIGPIPE);
	sigaddset(&standard, SIGTERM);
	sigaddset(&standard, SIGINT);
	error = posix_spawnattr_init(&attr);
	if (error != 0)
		return error;
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &standard);
	posix_spawnattr_setflags(
	    &attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn(&pid, "/bin/sh", NULL, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	if (error == 0)
		run->pid = pid;
	return error;
}

static int
spawn(struct run *run, const char *uri)
{
	char *command = strdup(run->command), *first = NULL, *second = NULL;
	char **env = NULL;
	int error = ENOMEM;

	if (asprintf(&first, "uri=%s", uri) < 0)
		first = NULL;
	if (asprintf(&second, "unixsocket=%s", run->socket) < 0)
		second = NULL;
	if (command != NULL && first != NULL && second != NULL)
		env = make_environment(first, second);
	if (env != NULL)
		error = spawn_shell(run, command, env);
	free(env);
	free(second);
	free(first);
	free(command);
	return error;
}

int
run_start(struct run *run, struct loop *loop, const char *uri,
    void (*ended)(void *ctx), void *ctx, struct error *err)
{
	int error;

	run->ended = ended;
	run->ctx = ctx;
	/* Ignored, as it may have come to us, it would not be told. */
	signal(SIGCHLD, SIG_DFL);
	error = -loop_signal(loop, SIGCHLD, run_child, run);
	if (error == 0)
		error = spawn(run, uri);
	if (error != 0)
		return error_set(
		    err, ERROR_FAILED, "--run: /bin/sh: %s", strerror(error));
	run->started = true;
	return 0;
}

void
run_stop(struct run *run)
{
	run->stopped = true;
	if (run->pid != 0)
		kill(run->pid, SIGTERM);
}

void
run_fini(struct run *run)
{
	if (run->folder != NULL)
		rmdir(run->folder);
	free(run->folder);
	free(run->socket);
	*run = (struct run){ 0 };
}
