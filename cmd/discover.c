/* SPDX-License-Identifier: BSD-2-Clause */
/* discover - the targets that a portal knows: SendTargets, and its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/report.h"
#include "cmd/targets.h"

static const char help[] =
    "usage: luntap discover [OPTION]... PORTAL\n\n"
    "Prints the targets that PORTAL knows, one line for each of their "
    "portals:\n"
    "  ADDRESS:PORT,TPGT NAME\n\n"
    "PORTAL is HOST[:PORT] or iscsi://[USER[%PASSWORD]@]HOST[:PORT].\n\n"
    "options:\n"
    "      --json                   an array of {portal, tpgt, "
    "target}\n" OPTIONS_SESSION_HELP "\nexamples:\n"
    "  luntap discover nas.example\n"
    "  luntap discover --json [2001:db8::7]:3260\n";

/* "host:port" as iscsiadm prints it, the port always there. */
static void
portal_text(char *dst, size_t size, const char *address)
{
	const char *host_end = strrchr(address, ']');
	bool has_port =
	    strchr(host_end == NULL ? address : host_end, ':') != NULL;
	char text[4 * ISCSI_ADDR_MAX + 1];

	escape(text, sizeof(text), address, strlen(address));
	snprintf(dst, size, "%s%s", text, has_port ? "" : ":3260");
}

static void
add_portal(struct json_object *array, const char *address, unsigned tpgt,
    const char *name)
{
	struct json_object *o = json_object_new_object();
	char portal[4 * ISCSI_ADDR_MAX + 8];

	portal_text(portal, sizeof(portal), address);
	report_text(o, "portal", portal);
	report_int(o, "tpgt", tpgt);
	report_peer(o, "target", name, strlen(name));
	json_object_array_add(array, o);
}

static struct json_object *
describe(const struct discovery *d, const struct url *url)
{
	struct json_object *array = json_object_new_array();
	const struct discovery_target *t;
	size_t i, j;

	for (i = 0; i < d->targets_n; i++) {
		t = &d->targets[i];
		for (j = 0; j < t->portals_n; j++)
			add_portal(array, t->portals[j].address,
			    t->portals[j].tpgt, t->name);
		/* None is named: it is the one that was asked. */
		if (t->portals_n == 0)
			add_portal(array, url->portal, 1, t->name);
	}
	return array;
}

static const char *
member(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static void
print(struct json_object *array, bool json)
{
	struct json_object *o;
	size_t i;

	if (json) {
		report_print(array, true);
		return;
	}
	for (i = 0; i < json_object_array_length(array); i++) {
		o = json_object_array_get_idx(array, i);
		printf("%s,%s %s\n", member(o, "portal"), member(o, "tpgt"),
		    member(o, "target"));
	}
}

static int
discover(struct options *o, const char *portal, struct error *err)
{
	struct url *url = options_url(portal, true, err);
	struct json_object *array;
	struct discovery found;
	int result;

	if (url == NULL)
		return -1;
	if (url->target[0] != '\0')
		result = error_set(err, ERROR_USAGE,
		    "discover asks a portal: leave out the target's name");
	else
		result = targets_discover(o, url, &found, err);
	if (result == 0) {
		array = describe(&found, url);
		print(array, o->json);
		json_object_put(array);
		discovery_free(&found);
	}
	url_wipe(url);
	return result;
}

static int
run(int argc, char **argv)
{
	static const struct command_line line = {
		.help = help,
		.groups = OPTIONS_SESSION | OPTIONS_JSON,
		.operands_min = 1,
		.operands_max = 1,
	};
	struct options o;
	struct error err;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	if (discover(&o, argv[optind], &err) < 0)
		code = command_fail(&err);
	else
		code = command_done();
	options_fini(&o);
	return code;
}

const struct command command_discover = {
	.name = "discover",
	.summary = "the targets that a portal knows",
	.run = run,
};
