/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor - walks the way to a LUN step by step, and says at the first that
 * fails what is wrong and what to try.
 */
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "cmd/cmd.h"
#include "cmd/doctor_impl.h"
#include "cmd/targets.h"
#include "io/socket.h"

#define ADDRESSES_SHOWN 8
#define LUNS_SHOWN	16

static const char help[] =
    "usage: luntap doctor [OPTION]... URL\n\n"
    "Walks the way to a LUN: name resolution, TCP connection, login, target,\n"
    "authentication, LUN map, LUN, readiness, capacity, first and last block.\n"
    "At the first step that fails it says what is wrong, and what to try.\n"
    "Without a LUN in the URL it takes the first disk.\n\n"
    "URL is iscsi://[USER[%PASSWORD]@]HOST[:PORT]/TARGET[/LUN]"
    "[?KEY=VALUE...].\n\n"
    "options:\n"
    "      --json                   an object\n" OPTIONS_SESSION_HELP
    "\nexamples:\n"
    "  luntap doctor iscsi://nas.example/iqn.2026-01.org.example:disk\n"
    "  luntap doctor --timeout 3 "
    "iscsi://nas.example/iqn.2026-01.org.example:disk/0\n";

/* ---- what is printed ---- */

static void
print_line(const char *mark, const char *name, const char *text)
{
	printf("%-5s %-18s %s\n", mark, name, text);
	fflush(stdout);
}

static void
add_line(struct json_object *array, const char *key, const char *name,
    const char *text)
{
	struct json_object *o = json_object_new_object();

	report_text(o, key, name);
	report_text(o, "detail", text);
	json_object_array_add(array, o);
}

void
doctor_ok(struct doctor *d, const char *fmt, ...)
{
	char text[sizeof(((struct error *)0)->text)];
	struct json_object *o;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!d->json)
		print_line("ok", d->stage, text);
	o = json_object_new_object();
	report_text(o, "stage", d->stage);
	report_bool(o, "ok", true);
	report_text(o, "detail", text);
	json_object_array_add(d->stages, o);
}

void
doctor_note(struct doctor *d, const char *name, const char *fmt, ...)
{
	char text[sizeof(((struct error *)0)->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!d->json)
		print_line("note", name, text);
	add_line(d->notes, "note", name, text);
}

void
doctor_try(struct doctor *d, const char *fmt, ...)
{
	char text[sizeof(((struct error *)0)->text)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_object_array_add(d->advice, json_object_new_string(text));
}

static void
print_failure(struct doctor *d, const struct error *err)
{
	size_t i;

	if (!d->json) {
		print_line("FAIL", d->stage, err->text);
		for (i = 0; i < json_object_array_length(d->advice); i++)
			print_line("try", "",
			    json_object_get_string(
				json_object_array_get_idx(d->advice, i)));
		return;
	}
	add_line(d->stages, "stage", d->stage, err->text);
	report_bool(json_object_array_get_idx(
			d->stages, json_object_array_length(d->stages) - 1),
	    "ok", false);
}

static void
print_json(const struct doctor *d, const struct error *err, int result)
{
	struct json_object *o = json_object_new_object();

	report_bool(o, "healthy", result == 0);
	if (result < 0) {
		report_text(o, "failed", d->stage);
		report_text(o, "error", err->text);
	}
	json_object_object_add(o, "stages", json_object_get(d->stages));
	json_object_object_add(o, "notes", json_object_get(d->notes));
	json_object_object_add(o, "try", json_object_get(d->advice));
	report_print(o, true);
	json_object_put(o);
}

/* ---- the network ---- */

static int
look_up(struct doctor *d, struct error *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_ADDRCONFIG };
	char name[SOCKET_NAME_MAX + 1],
	    text[ADDRESSES_SHOWN * (sizeof(name) + 2)];
	struct addrinfo *found, *at;
	struct socket_portal portal;
	size_t len = 0;
	int error, n = 0;

	d->stage = "name resolution";
	if (socket_parse(d->url->portal, ISCSI_PORT, &portal) < 0)
		return error_set(
		    err, ERROR_USAGE, "%s: not HOST[:PORT]", d->url->portal);
	error = getaddrinfo(portal.host, portal.port, &hints, &found);
	if (error != 0) {
		doctor_try(d,
		    "check how %s is spelt, and your DNS: "
		    "`getent hosts %s`",
		    portal.host, portal.host);
		doctor_try(d, "put the address of the target into the URL "
			      "instead of its name");
		return error_set(err, ERROR_UNREACHED, "%s: %s", portal.host,
		    gai_strerror(error));
	}
	text[0] = '\0';
	for (at = found; at != NULL && n < ADDRESSES_SHOWN; at = at->ai_next) {
		socket_name(at->ai_addr, at->ai_addrlen, name);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
		    n++ == 0 ? "" : ", ", name);
	}
	freeaddrinfo(found);
	doctor_ok(d, "%s is %s", portal.host, text);
	return 0;
}

struct attempt {
	struct loop *loop;
	struct connector *connector;
	int fd;
	struct error why;
};

static void
attempt_done(void *ctx, int fd, const struct error *why)
{
	struct attempt *a = ctx;

	a->fd = fd;
	if (why != NULL)
		a->why = *why;
	loop_stop(a->loop, 0);
}

/* A connection that says nothing. */
static int
attempt(struct doctor *d, struct attempt *a)
{
	int result = loop_new(&a->loop);

	a->fd = -1;
	if (result == 0)
		result = connector_new(a->loop, d->url->portal,
		    d->connect_timeout, attempt_done, a, &a->connector);
	if (result == 0)
		result = loop_run(a->loop);
	connector_free(a->connector);
	loop_free(a->loop);
	return result;
}

static int
connect_to(struct doctor *d, struct error *err)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);
	char name[SOCKET_NAME_MAX + 1] = "?";
	struct attempt a = { 0 };
	int result;

	d->stage = "TCP connection";
	result = attempt(d, &a);
	if (result < 0)
		return error_set(err, ERROR_FAILED, "%s", strerror(-result));
	if (a.fd == -1) {
		*err = a.why;
		doctor_try(d, "refused: start the target, or correct the port "
			      "(iSCSI's is " ISCSI_PORT ")");
		doctor_try(d,
		    "no answer, or no route: look for a firewall, and "
		    "whether the machine is on: `ping`");
		return -1;
	}
	if (getpeername(a.fd, (struct sockaddr *)&peer, &len) == 0)
		socket_name((struct sockaddr *)&peer, len, name);
	close(a.fd);
	doctor_ok(d, "%s takes connections", name);
	return 0;
}

/* ---- the login ---- */

/* What the portal has, when it tells everybody. */
static void
try_other_targets(struct doctor *d)
{
	char target[sizeof(d->url->target)];
	char text[4 * ISCSI_NAME_MAX + 1];
	struct discovery found;
	struct error ignored;
	int result;
	size_t i;

	/* The URL without the name; it is not copied, for it holds secrets. */
	memcpy(target, d->url->target, sizeof(target));
	d->url->target[0] = '\0';
	result = targets_discover(d->options, d->url, &found, &ignored);
	memcpy(d->url->target, target, sizeof(target));
	if (result < 0)
		return;
	for (i = 0; i < found.targets_n; i++)
		doctor_try(d, "this portal has %s",
		    escape(text, sizeof(text), found.targets[i].name,
			strlen(found.targets[i].name)));
	if (found.targets_n == 0)
		doctor_try(d, "this portal has no target that %s may see",
		    d->initiator_name);
	discovery_free(&found);
}

static void
try_authentication(struct doctor *d)
{
	if (d->chap)
		doctor_try(d, "compare user name and secret with those that "
			      "the target has for this initiator; the "
			      "target's own secret, too, if it is to prove "
			      "one");
	else
		doctor_try(d, "give a CHAP user name and secret: "
			      "--chap-secret-file FILE with the line "
			      "`user password`");
	doctor_try(d, "let the initiator name %s into the target's access list",
	    d->initiator_name);
}

static int
log_in(struct doctor *d, struct error *err)
{
	const char *how = d->mutual ? "with CHAP, both ways"
			  : d->chap ? "with CHAP"
				    : "none was asked for";

	d->stage = "login";
	if (client_open(d->options, d->url, &d->client, err) == 0) {
		doctor_ok(d, "as %s", d->initiator_name);
		d->stage = "target";
		doctor_ok(d, "%s", d->url->target);
		d->stage = "authentication";
		doctor_ok(d, "%s", how);
		return 0;
	}
	switch (err->class) {
	case ERROR_REFUSED:
		doctor_ok(d, "the portal speaks iSCSI");
		d->stage = "authentication";
		try_authentication(d);
		break;
	case ERROR_ABSENT:
		doctor_ok(d, "the portal speaks iSCSI");
		d->stage = "target";
		try_other_targets(d);
		doctor_try(d, "`luntap discover %s` shows what there is",
		    d->url->portal);
		break;
	case ERROR_UNREACHED:
		doctor_try(d, "something listens there that may be no iSCSI "
			      "target, or one that hangs: look at its log");
		doctor_try(d, "a target that closes the connection may demand "
			      "CHAP, or know initiators by their address");
		break;
	default:
		doctor_try(d, "look at the target's log");
		doctor_try(
		    d, "run this again with -vv to see what was negotiated");
		break;
	}
	return -1;
}

/* ---- the LUN ---- */

static int
ask_inquiry(
    struct doctor *d, uint64_t lun, struct inquiry *ret, struct error *err)
{
	uint8_t cdb[CDB_MAX], buf[96];
	int n;

	cdb_inquiry(cdb, sizeof(buf));
	n = client_read(d->client, lun, cdb, buf, sizeof(buf), NULL, err);
	if (n >= 0 && inquiry_get(buf, (size_t)n, ret) < 0)
		return error_set(
		    err, ERROR_IO, "the answer to INQUIRY makes no sense");
	return n;
}

/* The LUN of the URL, or the first disk. */
static bool
choose(struct doctor *d, const uint64_t *luns, unsigned n)
{
	struct error ignored;
	struct inquiry q;
	unsigned i;

	for (i = 0; i < n && !d->has_lun; i++) {
		d->lun = luns[i];
		d->has_lun = d->url->has_lun
				 ? lunaddr_same(luns[i], d->url->lun)
				 : ask_inquiry(d, luns[i], &q, &ignored) >= 0 &&
				       q.type == SCSI_TYPE_DISK;
	}
	return d->has_lun;
}

static int
map_luns(struct doctor *d, struct error *err)
{
	char text[LUNS_SHOWN * LUNADDR_TEXT + 1], lun[LUNADDR_TEXT];
	size_t len = 0;
	uint64_t *luns;
	unsigned i, n;
	bool found;

	d->stage = "LUN map";
	if (client_luns(d->client, &luns, &n, err) < 0)
		return -1;
	text[0] = '\0';
	for (i = 0; i < n && i < LUNS_SHOWN; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s",
		    lunaddr_text(lun, luns[i]));
	found = choose(d, luns, n);
	free(luns);
	if (found) {
		doctor_ok(d, "%u LUN%s:%s%s", n, n == 1 ? "" : "s", text,
		    n > LUNS_SHOWN ? " ..." : "");
		return 0;
	}
	if (n > 0)
		doctor_try(d, "the target shows LUN%s%s%s", n == 1 ? "" : "s",
		    text, n > LUNS_SHOWN ? " ..." : "");
	doctor_try(d,
	    "a target may show other LUNs to other initiators: this "
	    "one is %s",
	    d->initiator_name);
	if (!d->url->has_lun)
		return error_set(
		    err, ERROR_ABSENT, "there is no disk among %u LUNs", n);
	return error_set(err, ERROR_ABSENT, "%s has no LUN %s", d->url->target,
	    lunaddr_text(lun, d->url->lun));
}

static int
ask_who(struct doctor *d, struct error *err)
{
	char vendor[4 * 8 + 1], product[4 * 16 + 1], lun[LUNADDR_TEXT];
	struct inquiry q;

	d->stage = "LUN";
	if (ask_inquiry(d, d->lun, &q, err) < 0) {
		doctor_try(d, "look at the target's log");
		return -1;
	}
	lunaddr_text(lun, d->lun);
	if (q.type != SCSI_TYPE_DISK) {
		doctor_try(d, "`luntap list` shows which LUNs are disks");
		return error_set(err, ERROR_IO, "LUN %s is no disk: %s", lun,
		    scsi_type_name(q.type));
	}
	doctor_ok(d, "LUN %s, disk, %s %s", lun,
	    escape(vendor, sizeof(vendor), q.vendor, strlen(q.vendor)),
	    escape(product, sizeof(product), q.product, strlen(q.product)));
	return 0;
}

/* For what a medium or its owner has against us. */
static void
try_sense(struct doctor *d, const struct sense *s)
{
	static const struct {
		uint8_t key, asc, ascq; /* asc 0: any */
		const char *advice;
	} rows[] = {
		{ SENSE_NOT_READY, 0x04, 0x01, "wait until it is ready" },
		{ SENSE_NOT_READY, 0x04, 0x02,
		    "start it: it waits for START UNIT" },
		{ SENSE_NOT_READY, 0x04, 0x0b,
		    "use another portal: this one is in standby" },
		{ SENSE_NOT_READY, 0x04, 0x0c,
		    "use another portal: this one is unavailable" },
		{ SENSE_NOT_READY, 0x3a, 0x00, "there is no medium" },
		{ SENSE_NOT_READY, 0, 0,
		    "look at the target: it needs somebody's attention" },
		{ SENSE_MEDIUM_ERROR, 0, 0,
		    "the medium is damaged there: save the rest with `luntap "
		    "copy --on-error=skip`" },
		{ SENSE_HARDWARE_ERROR, 0, 0,
		    "the device behind the target is failing: save what it "
		    "has" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].key == s->key &&
		    (rows[i].asc == 0 ||
			(rows[i].asc == s->asc && rows[i].ascq == s->ascq))) {
			doctor_try(d, "%s", rows[i].advice);
			return;
		}
	doctor_try(d, "look at the target's log");
	if (s->key == SENSE_NO_SENSE)
		doctor_try(d, "a reservation conflict: another initiator has "
			      "reserved the LUN");
}

static int
test_ready(struct doctor *d, struct error *err)
{
	uint8_t cdb[CDB_MAX];
	struct sense sense;

	d->stage = "readiness";
	cdb_test_unit_ready(cdb);
	if (client_read(d->client, d->lun, cdb, NULL, 0, &sense, err) < 0) {
		try_sense(d, &sense);
		return -1;
	}
	doctor_ok(d, "TEST UNIT READY is answered with GOOD");
	return 0;
}

static int
read_capacity(struct doctor *d, struct error *err)
{
	const struct capacity *c = &d->capacity;

	d->stage = "capacity";
	if (client_capacity(d->client, d->lun, &d->capacity, err) < 0) {
		doctor_try(d, "look at the target's log");
		return -1;
	}
	doctor_ok(d, "%llu blocks of %u bytes, %llu bytes",
	    (unsigned long long)c->last_lba + 1, c->block_size,
	    (unsigned long long)(c->last_lba + 1) * c->block_size);
	return 0;
}

static int
read_block(struct doctor *d, const char *stage, uint64_t lba, struct error *err)
{
	uint32_t size = d->capacity.block_size;
	uint8_t cdb[CDB_MAX], *buf = malloc(size);
	struct sense sense;
	int n;

	d->stage = stage;
	if (buf == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	if (lba <= UINT32_MAX)
		cdb_read10(cdb, (uint32_t)lba, 1, false);
	else
		cdb_read16(cdb, lba, 1, false);
	n = client_read(d->client, d->lun, cdb, buf, size, &sense, err);
	free(buf);
	if (n < 0) {
		try_sense(d, &sense);
		return -1;
	}
	if ((uint32_t)n < size) {
		doctor_try(d, "look at the target's log");
		return error_set(err, ERROR_IO,
		    "block %llu: %d bytes came instead of %u",
		    (unsigned long long)lba, n, size);
	}
	doctor_ok(d, "block %llu can be read", (unsigned long long)lba);
	return 0;
}

/* ---- the walk ---- */

static int
walk(struct doctor *d, struct error *err)
{
	if (look_up(d, err) < 0 || connect_to(d, err) < 0 || log_in(d, err) < 0)
		return -1;
	doctor_note_session(d);
	if (map_luns(d, err) < 0 || ask_who(d, err) < 0 ||
	    test_ready(d, err) < 0 || read_capacity(d, err) < 0 ||
	    read_block(d, "first block", 0, err) < 0 ||
	    read_block(d, "last block", d->capacity.last_lba, err) < 0)
		return -1;
	doctor_note_disk(d);
	return 0;
}

static int
doctor_open(struct doctor *d, const char *text, struct error *err)
{
	struct link_config config;

	d->url = options_url(text, false, err);
	if (d->url == NULL)
		return -1;
	if (d->url->target[0] == '\0')
		return error_set(err, ERROR_USAGE,
		    "the URL names no target: /TARGET is wanted behind the "
		    "host; `luntap discover %s` shows those that it has",
		    d->url->portal);
	if (options_link(d->options, d->url, &config, err) < 0)
		return -1;
	d->chap =
	    config.session.auth != NULL && config.session.auth->user[0] != '\0';
	d->mutual = d->chap && config.session.auth->target_user[0] != '\0';
	d->connect_timeout = config.connect_timeout;
	snprintf(d->initiator_name, sizeof(d->initiator_name), "%s",
	    config.session.initiator_name);
	return 0;
}

static int
doctor(struct options *o, const char *url)
{
	struct doctor d = { .options = o,
		.json = o->json,
		.stages = json_object_new_array(),
		.notes = json_object_new_array(),
		.advice = json_object_new_array() };
	struct error err;
	int result, code;

	if (doctor_open(&d, url, &err) < 0) {
		code = command_fail(&err);
	} else {
		result = walk(&d, &err);
		if (result < 0)
			print_failure(&d, &err);
		if (d.json)
			print_json(&d, &err, result);
		code = command_done();
		if (result < 0)
			code = (int)err.class;
	}
	client_close(d.client);
	if (d.url != NULL)
		url_wipe(d.url);
	json_object_put(d.stages);
	json_object_put(d.notes);
	json_object_put(d.advice);
	return code;
}

static int
run(int argc, char **argv)
{
	const struct command_line line = { .help = help,
		.groups = OPTIONS_SESSION | OPTIONS_JSON,
		.operands_min = 1,
		.operands_max = 1 };
	struct options o;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	code = doctor(&o, argv[optind]);
	options_fini(&o);
	return code;
}

const struct command command_doctor = {
	.name = "doctor",
	.summary = "find out why a LUN cannot be used",
	.run = run,
};
