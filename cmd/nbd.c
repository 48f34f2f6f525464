/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nbd - the LUNs of a target as NBD exports: takes the arguments apart and has
 * front/nbd.h served, at the places that were named, or for one command alone
 * (--run).
 *
 * A device of the kernel takes two processes and privileges, and goes its own
 * way from where the arguments are known: device.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/activation.h"
#include "cmd/cmd.h"
#include "cmd/device.h"
#include "cmd/mountpoint.h"
#include "cmd/nbduri.h"
#include "cmd/options.h"
#include "cmd/run.h"
#include "cmd/serve.h"
#include "front/nbd.h"
#include "io/daemon.h"

#define NBD_PORT   "10809"
#define PLACES_MAX 32 /* to listen at */

static const char help[] =
    "usage: luntap nbd [OPTION]... URL\n"
    "       luntap nbd --detach /dev/nbdN [--force]\n\n"
    "Serves the disks of a target by NBD, as the exports lun-0, lun-1, ...; "
    "with a\n"
    "LUN in the URL that one alone, which is the default export as well.\n\n"
    "options:\n"
    "      --socket PATH            listen on a Unix socket; repeatable\n"
    "      --listen ADDR[:PORT]     listen on TCP, port 10809; repeatable\n"
    "      --run COMMAND            serve this command alone, as $uri\n"
    "      --device /dev/nbdN|auto  a block device of the kernel (root)\n"
    "      --connections N          to the kernel\n"
    "      --user NAME              who logs in and serves the device\n"
    "      --device-timeout SECONDS until its requests fail, 300; 0: never\n"
    "      --tls off|on|require     of clients, with the keys in\n"
    "      --tls-certificates DIR   server-cert.pem, server-key.pem, or\n"
    "      --tls-psk FILE           lines user:key\n"
    "      --tls-verify-peer        ask for certificates, by ca-cert.pem\n"
    "      --read-only              the exports cannot be written\n"
    "  -f                           stay in the foreground\n"
    "      --pidfile FILE           the server's process "
    "number\n" OPTIONS_SESSION_HELP "\nexamples:\n"
    "  luntap nbd iscsi://nas.example/iqn.2026-01.org.example:disk/3 \\\n"
    "      --run 'qemu-img convert -O qcow2 \"$uri\" backup.qcow2'\n"
    "  luntap nbd iscsi://nas.example/iqn.2026-01.org.example:disk \\\n"
    "      --socket /tmp/disks.sock\n"
    "  luntap unmount /tmp/disks.sock\n"
    "  luntap nbd iscsi://nas.example/iqn.2026-01.org.example:disk/3 \\\n"
    "      --device /dev/nbd0 --user nobody\n"
    "  luntap nbd --detach /dev/nbd0\n";

enum {
	OPTION_SOCKET = OPTIONS_OWN,
	OPTION_LISTEN,
	OPTION_RUN,
	OPTION_DEVICE,
	OPTION_CONNECTIONS,
	OPTION_USER,
	OPTION_DEVICE_TIMEOUT,
	OPTION_DETACH,
	OPTION_FORCE,
	OPTION_TLS,
	OPTION_TLS_CERTIFICATES,
	OPTION_TLS_PSK,
	OPTION_TLS_VERIFY_PEER,
	OPTION_READ_ONLY,
	OPTION_PIDFILE
};

static const struct option longs[] = {
	{ "socket", required_argument, NULL, OPTION_SOCKET },
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "run", required_argument, NULL, OPTION_RUN },
	{ "device", required_argument, NULL, OPTION_DEVICE },
	{ "connections", required_argument, NULL, OPTION_CONNECTIONS },
	{ "user", required_argument, NULL, OPTION_USER },
	{ "device-timeout", required_argument, NULL, OPTION_DEVICE_TIMEOUT },
	{ "detach", required_argument, NULL, OPTION_DETACH },
	{ "force", no_argument, NULL, OPTION_FORCE },
	{ "tls", required_argument, NULL, OPTION_TLS },
	{ "tls-certificates", required_argument, NULL,
	    OPTION_TLS_CERTIFICATES },
	{ "tls-psk", required_argument, NULL, OPTION_TLS_PSK },
	{ "tls-verify-peer", no_argument, NULL, OPTION_TLS_VERIFY_PEER },
	{ "read-only", no_argument, NULL, OPTION_READ_ONLY },
	{ "pidfile", required_argument, NULL, OPTION_PIDFILE },
	{ 0 },
};

struct arguments {
	struct listen_at at[PLACES_MAX];
	unsigned at_n;
	char *paths[PLACES_MAX]; /* of the Unix sockets among them, absolute */
	unsigned paths_n;
	const char *command; /* --run */
	struct device_options device;
	enum nbd_tls tls;
	struct tls_config tls_config;
	bool read_only;
	bool foreground;
	const char *pidfile;
};

/* What is served. */
struct exporting {
	struct nbd_front_config config;
	struct nbd_front *front;
	struct serve *serve;
	struct run run;
};

/* ---- arguments ---- */

static int
add_place(struct arguments *args, struct listen_at at, struct error *err)
{
	if (args->at_n == PLACES_MAX)
		return error_set(err, ERROR_USAGE,
		    "more than %d places to listen at", PLACES_MAX);
	if (listener_check(&at, err) < 0)
		return -1;
	args->at[args->at_n++] = at;
	return 0;
}

/* The server leaves the working directory, and removes the socket at the end.
 */
static int
add_path(struct arguments *args, const char *path, struct error *err)
{
	struct listen_at at = { .kind = LISTEN_UNIX };
	char *full;
	unsigned i;

	if (path[0] == '\0')
		return error_set(
		    err, ERROR_USAGE, "--socket wants the path of a socket");
	full = mountpoint_resolve(path);
	for (i = 0; full != NULL && i < args->paths_n; i++)
		if (strcmp(full, args->paths[i]) == 0) {
			free(full);
			return error_set(err, ERROR_USAGE,
			    "--socket %s is given twice", path);
		}
	if (full == NULL)
		return error_set(
		    err, ERROR_USAGE, "--socket %s: %s", path, strerror(errno));
	at.text = full;
	if (add_place(args, at, err) < 0) {
		free(full);
		return -1;
	}
	args->paths[args->paths_n++] = full;
	return 0;
}

static int
take_tls(const char *arg, enum nbd_tls *ret, struct error *err)
{
	static const char *const names[] = {
		[NBD_TLS_OFF] = "off",
		[NBD_TLS_ON] = "on",
		[NBD_TLS_REQUIRE] = "require",
	};
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(arg, names[i]) == 0) {
			*ret = (enum nbd_tls)i;
			return 0;
		}
	return error_set(
	    err, ERROR_USAGE, "--tls %s: off, on or require is wanted", arg);
}

static int
take(void *ctx, int option, const char *arg, struct error *err)
{
	struct arguments *args = ctx;

	switch (option) {
	case OPTION_SOCKET:
		return add_path(args, arg, err);
	case OPTION_LISTEN:
		return add_place(args,
		    (struct listen_at){
			.kind = LISTEN_TCP, .text = arg, .port = NBD_PORT },
		    err);
	case OPTION_RUN:
		args->command = arg;
		return 0;
	case OPTION_DEVICE:
		args->device.path = arg;
		return 0;
	case OPTION_CONNECTIONS:
		return device_take_connections(&args->device, arg, err);
	case OPTION_USER:
		args->device.user = arg;
		return 0;
	case OPTION_DEVICE_TIMEOUT:
		return device_take_timeout(&args->device, arg, err);
	case OPTION_DETACH:
		args->device.detach = arg;
		return 0;
	case OPTION_FORCE:
		args->device.force = true;
		return 0;
	case OPTION_TLS:
		return take_tls(arg, &args->tls, err);
	case OPTION_TLS_CERTIFICATES:
		args->tls_config.certificates = arg;
		return 0;
	case OPTION_TLS_PSK:
		args->tls_config.psk_file = arg;
		return 0;
	case OPTION_TLS_VERIFY_PEER:
		args->tls_config.verify_peer = true;
		return 0;
	case OPTION_READ_ONLY:
		args->read_only = true;
		return 0;
	case OPTION_PIDFILE:
		args->pidfile = arg;
		return 0;
	default: /* -f */
		args->foreground = true;
		return 0;
	}
}

static int
add_activated(struct arguments *args, int n, struct error *err)
{
	int i;

	for (i = 0; i < n; i++)
		if (add_place(args,
			(struct listen_at){ .kind = LISTEN_INHERITED,
			    .fd = ACTIVATION_FIRST + i },
			err) < 0)
			return -1;
	return 0;
}

/* What does not go together. */
static int
check(const struct arguments *args, struct error *err)
{
	const struct tls_config *tls = &args->tls_config;
	bool keys = tls->certificates != NULL || tls->psk_file != NULL;

	if (args->command != NULL && args->at_n > 0)
		return error_set(err, ERROR_USAGE,
		    "--run has a socket of its own: --socket and --listen do "
		    "not go with it");
	if (args->command == NULL && args->at_n == 0 &&
	    args->device.path == NULL)
		return error_set(err, ERROR_USAGE,
		    "where to serve? --socket PATH, --listen ADDR[:PORT], "
		    "--run COMMAND or --device /dev/nbdN is wanted");
	if (args->device.path != NULL &&
	    (args->command != NULL || args->at_n > 0 ||
		args->tls != NBD_TLS_OFF))
		return error_set(err, ERROR_USAGE,
		    "--device serves the kernel alone: --run, --socket, "
		    "--listen and --tls do not go with it");
	if (device_check(&args->device, err) < 0)
		return -1;
	if (tls->certificates != NULL && tls->psk_file != NULL)
		return error_set(err, ERROR_USAGE,
		    "--tls-certificates and --tls-psk: one of them is wanted");
	if (tls->verify_peer && tls->certificates == NULL)
		return error_set(err, ERROR_USAGE,
		    "--tls-verify-peer wants --tls-certificates");
	if (args->tls == NBD_TLS_OFF && keys)
		return error_set(err, ERROR_USAGE,
		    "there are keys for TLS, but no --tls=on or "
		    "--tls=require");
	if (args->tls != NBD_TLS_OFF && !keys)
		return error_set(err, ERROR_USAGE,
		    "--tls wants --tls-certificates or --tls-psk");
	return 0;
}

/* ---- URIs ---- */

/* NULL: no memory. */
static char *
export_uri(
    const struct exporting *e, const char *address, const struct disk *disk)
{
	return nbduri_new(address, e->config.has_lun ? NULL : disk->name,
	    e->config.tls == NBD_TLS_REQUIRE);
}

static void
print_uri(
    const struct exporting *e, const char *address, const struct disk *disk)
{
	char *uri = export_uri(e, address, disk);

	if (uri != NULL)
		puts(uri);
	free(uri);
}

/* What a user of the server needs to know, and of port 0 cannot.  Who has made
 * a socket for us knows. */
static void
print_uris(const struct exporting *e)
{
	const struct disk *disk = NULL;
	unsigned i;

	while ((disk = nbd_front_disk(e->front, disk)) != NULL)
		for (i = 0; i < e->config.at_n; i++)
			if (e->config.at[i].kind != LISTEN_INHERITED)
				print_uri(
				    e, nbd_front_address(e->front, i), disk);
	fflush(stdout);
}

/* ---- --run ---- */

static void
command_ended(void *ctx)
{
	struct exporting *e = ctx;

	nbd_front_stop(e->front);
}

static void
begin_command(struct exporting *e)
{
	const struct disk *disk = nbd_front_disk(e->front, NULL);
	char *uri = export_uri(e, e->run.socket, disk);
	struct error err;
	int result;

	if (uri == NULL)
		result = error_set(&err, ERROR_FAILED, "out of memory");
	else
		result = run_start(
		    &e->run, serve_loop(e->serve), uri, command_ended, e, &err);
	free(uri);
	if (result == 0)
		return;
	e->run.code = command_fail(&err);
	e->run.started = true;
	nbd_front_stop(e->front);
}

/* ---- what is served ---- */

static void
exporting_ready(void *ctx)
{
	struct exporting *e = ctx;

	if (e->run.command == NULL)
		print_uris(e);
	serve_ready(e->serve);
	if (e->run.command != NULL)
		begin_command(e);
}

static void
exporting_note(void *ctx, const char *text)
{
	struct exporting *e = ctx;

	serve_note(e->serve, text);
}

static void
exporting_ended(void *ctx, const struct error *why)
{
	struct exporting *e = ctx;

	serve_ended(e->serve, why);
}

static int
exporting_start(void *ctx, struct serve *serve, struct error *err)
{
	struct exporting *e = ctx;

	/* Of whoever reads the URIs; our sockets do not send it. */
	signal(SIGPIPE, SIG_IGN);
	e->serve = serve;
	e->config.note = exporting_note;
	e->config.ready = exporting_ready;
	e->config.ended = exporting_ended;
	e->config.ctx = e;
	return nbd_front_new(serve_loop(serve), &e->config, &e->front, err);
}

/* A command is told first, and may end in its own way. */
static void
exporting_stop(void *ctx)
{
	struct exporting *e = ctx;

	if (e->run.pid != 0 && !e->run.stopped) {
		run_stop(&e->run);
		return;
	}
	nbd_front_stop(e->front);
}

static void
exporting_status(void *ctx, struct json_object *into)
{
	struct exporting *e = ctx;
	struct json_object *array = json_object_new_array();
	const struct disk *disk = NULL;
	struct nbd_front_status st;
	const char *text;
	unsigned i;

	for (i = 0; (text = nbd_front_address(e->front, i)) != NULL; i++)
		json_object_array_add(array, json_object_new_string(text));
	json_object_object_add(into, "addresses", array);
	array = json_object_new_array();
	while ((disk = nbd_front_disk(e->front, disk)) != NULL)
		json_object_array_add(
		    array, json_object_new_string(disk->name));
	json_object_object_add(into, "exports", array);
	nbd_front_status(e->front, &st);
	serve_status(into, &st.disks, st.nbd.in_flight, st.nbd.read_bytes,
	    st.nbd.written_bytes);
	json_object_object_add(
	    into, "spliced_bytes", json_object_new_uint64(st.nbd.piped_bytes));
	json_object_object_add(
	    into, "connections", json_object_new_int64(st.nbd.connections));
}

static void
exporting_free(void *ctx)
{
	struct exporting *e = ctx;

	nbd_front_free(e->front);
}

static const struct serve_ops exporting_ops = {
	.start = exporting_start,
	.stop = exporting_stop,
	.status = exporting_status,
	.free = exporting_free,
};

/* ---- the command ---- */

/* What is served is called after its first place, when that is ours alone. */
static const char *
serve_name(const struct arguments *args, char *dst, size_t size)
{
	const struct listen_at *at = &args->at[0];
	size_t len = at->kind == LISTEN_TCP ? strlen(at->text) : 0;

	if (at->kind == LISTEN_UNIX ||
	    (len > 2 && strcmp(at->text + len - 2, ":0") != 0))
		return at->text;
	snprintf(dst, size, "%s of process %d",
	    at->kind == LISTEN_TCP ? at->text : "sockets", (int)getpid());
	return dst;
}

static int
nbd_serve(struct options *o, struct arguments *args, struct exporting *e)
{
	char name[300];
	const struct serve_config serve = {
		.ops = &exporting_ops,
		.ctx = e,
		.options = o,
		.kind = "nbd",
		.name = serve_name(args, name, sizeof(name)),
		.foreground = args->foreground || args->command != NULL,
		.pidfile = args->pidfile,
	};
	int code;

	e->config.name = serve.name;
	e->config.at = args->at;
	e->config.at_n = args->at_n;
	code = serve_run(&serve);
	if (e->run.pid != 0)
		return ERROR_FAILED; /* it was not waited for */
	/* What was written may be lost although the command was content. */
	return e->run.started && e->run.code != 0 ? e->run.code : code;
}

static int
nbd_url(struct options *o, struct arguments *args, const struct url *url)
{
	struct tls_server *credentials = NULL;
	struct exporting e = { 0 };
	struct error err;
	int code;

	e.config.has_lun = url->has_lun;
	e.config.lun = url->lun;
	e.config.read_only = args->read_only;
	e.config.tls = args->tls;
	e.config.log = &o->sink.log;
	if (args->device.path != NULL) {
		if (options_link(o, url, &e.config.link, &err) < 0)
			return command_fail(&err);
		return device_serve(o, &args->device, &e.config,
		    args->foreground, args->pidfile);
	}
	if (options_link(o, url, &e.config.link, &err) < 0 ||
	    (args->tls != NBD_TLS_OFF &&
		tls_server_new(&args->tls_config, &credentials, &err) < 0))
		return command_fail(&err);
	e.config.credentials = credentials;
	if (args->command != NULL &&
	    run_init(&e.run, args->command, &err) < 0) {
		tls_server_free(credentials);
		return command_fail(&err);
	}
	if (args->command != NULL)
		args->at[args->at_n++] =
		    (struct listen_at){ .kind = LISTEN_UNIX,
			    .text = e.run.socket };
	code = nbd_serve(o, args, &e);
	run_fini(&e.run);
	tls_server_free(credentials);
	return code;
}

static int
nbd_arguments(
    struct options *o, struct arguments *args, int activated, char **argv)
{
	struct error err;
	struct url *url;

	if (args->device.detach != NULL)
		return device_detach(&args->device, argv[optind] != NULL);
	if (argv[optind] == NULL) {
		error_set(&err, ERROR_USAGE, "a URL is wanted (see --help)");
		return command_fail(&err);
	}
	url = options_url(argv[optind], false, &err);
	if (url == NULL)
		return command_fail(&err);
	if (url->target[0] == '\0') {
		error_set(&err, ERROR_USAGE,
		    "the URL names no target: /TARGET is wanted behind the "
		    "host; `luntap discover` shows what there is");
		return command_fail(&err);
	}
	if (add_activated(args, activated, &err) < 0 || check(args, &err) < 0)
		return command_fail(&err);
	return nbd_url(o, args, url);
}

static int
nbd_run(int argc, char **argv)
{
	struct arguments args = { .device.timeout = DEVICE_TIMEOUT };
	struct command_line line = {
		.help = help,
		.groups = OPTIONS_SESSION,
		.shorts = "f",
		.longs = longs,
		.take = take,
		.ctx = &args,
		.operands_min = 0, /* --detach has none */
		.operands_max = 1,
	};
	struct options o;
	struct error err;
	int activated = activation_take(&err);
	int code;

	if (activated < 0)
		return command_fail(&err);
	daemon_close_inherited((unsigned)activated);
	if (options_parse(&o, &line, argc, argv, &code)) {
		code = nbd_arguments(&o, &args, activated, argv);
		options_fini(&o);
	}
	while (args.paths_n > 0)
		free(args.paths[--args.paths_n]);
	return code;
}

const struct command command_nbd = {
	.name = "nbd",
	.summary = "the LUNs of a target as NBD exports",
	.run = nbd_run,
};
