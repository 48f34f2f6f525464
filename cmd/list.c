/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list - the LUNs of a target, or of every target that a portal knows.
 *
 * It always logs in at the portal that was given: the addresses in the answer
 * to SendTargets may be such as cannot be reached from here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "cmd/client.h"
#include "cmd/cmd.h"
#include "cmd/report.h"
#include "cmd/targets.h"

#define INQUIRY_ROOM 255

static const char help[] =
    "usage: luntap list [OPTION]... URL\n\n"
    "Prints the LUNs of a target: number, type, vendor, product, size in "
    "bytes,\n"
    "block size.  When URL names only a portal: of every target there.\n\n"
    "URL is iscsi://[USER[%PASSWORD]@]HOST[:PORT][/TARGET][?KEY=VALUE...].\n\n"
    "options:\n"
    "      --json                   an array of {lun, type, vendor, product, "
    "bytes,\n"
    "                               block_size}\n" OPTIONS_SESSION_HELP
    "\nexamples:\n"
    "  luntap list iscsi://nas.example\n"
    "  luntap list --json "
    "iscsi://nas.example/iqn.2026-01.org.example:disk\n";

struct list {
	struct options *o;
	bool all; /* every target of the portal: say which */
	struct json_object *array;
	int code; /* of the first failure that did not end it */
};

/* Goes on with the next target or LUN, and remembers. */
static void
failed(struct list *l, const struct error *err)
{
	int code = command_fail(err);

	if (l->code == 0)
		l->code = code;
}

static bool
has_blocks(uint8_t type)
{
	return type == SCSI_TYPE_DISK || type == SCSI_TYPE_CDROM ||
	       type == SCSI_TYPE_RBC || type == 0x07 || type == 0x14;
}

static void
add_capacity(struct client *c, uint64_t lun, struct json_object *row,
    struct error *err, bool *ret_failed)
{
	struct capacity cap;

	*ret_failed = client_capacity(c, lun, &cap, err) < 0;
	if (*ret_failed)
		return;
	report_int(row, "bytes", (cap.last_lba + 1) * cap.block_size);
	report_int(row, "block_size", cap.block_size);
}

/* One LUN as one row.  0, or -1 with err: the row is not added. */
static int
list_lun(struct list *l, struct client *c, const char *target, uint64_t lun,
    struct error *err)
{
	uint8_t cdb[CDB_MAX], buf[INQUIRY_ROOM];
	bool no_capacity = false;
	struct json_object *row;
	struct inquiry q;
	int n;

	cdb_inquiry(cdb, sizeof(buf));
	n = client_read(c, lun, cdb, buf, sizeof(buf), NULL, err);
	if (n < 0)
		return -1;
	if (inquiry_get(buf, (size_t)n, &q) < 0)
		return error_set(err, ERROR_IO,
		    "%s: a LUN's answer to INQUIRY makes no sense", target);
	if (q.qualifier == INQUIRY_NO_LU)
		return 0;
	row = json_object_new_object();
	if (l->all)
		report_peer(row, "target", target, strlen(target));
	report_lun(row, "lun", lun);
	report_text(row, "type", scsi_type_name(q.type));
	report_peer(row, "vendor", q.vendor, strlen(q.vendor));
	report_peer(row, "product", q.product, strlen(q.product));
	if (has_blocks(q.type) && q.qualifier == INQUIRY_CONNECTED)
		add_capacity(c, lun, row, err, &no_capacity);
	json_object_array_add(l->array, row);
	return no_capacity ? -1 : 0;
}

static int
list_target(struct list *l, const struct url *url, struct error *err)
{
	struct client *client;
	uint64_t *luns;
	unsigned i, n;
	int result;

	if (client_open(l->o, url, &client, err) < 0)
		return -1;
	result = client_luns(client, &luns, &n, err);
	if (result == 0) {
		for (i = 0; i < n; i++)
			if (list_lun(l, client, url->target, luns[i], err) < 0)
				failed(l, err);
		free(luns);
	}
	client_close(client);
	return result;
}

static int
list_portal(struct list *l, struct url *url, struct error *err)
{
	struct discovery found;
	size_t i;

	if (targets_discover(l->o, url, &found, err) < 0)
		return -1;
	for (i = 0; i < found.targets_n; i++) {
		if (name_check(found.targets[i].name, "target", err) < 0) {
			failed(l, err);
			continue;
		}
		memcpy(url->target, found.targets[i].name,
		    strlen(found.targets[i].name) + 1);
		if (list_target(l, url, err) < 0) {
			error_set(
			    err, err->class, "%s: %s", url->target, err->text);
			failed(l, err);
		}
	}
	discovery_free(&found);
	return 0;
}

/*
 * ---- printing ----
 */

static const char *
member(struct json_object *o, const char *key)
{
	struct json_object *value = json_object_object_get(o, key);

	return value == NULL ? "-" : json_object_get_string(value);
}

static void
print_row(const char *lun, const char *type, const char *vendor,
    const char *product, const char *bytes, const char *block_size)
{
	printf("%-4s  %-10s  %-8s  %-16s  %15s  %5s\n", lun, type, vendor,
	    product, bytes, block_size);
}

static void
print_table(const struct list *l)
{
	const char *target, *last = "";
	struct json_object *row;
	size_t i;

	if (!l->all)
		print_row("LUN", "TYPE", "VENDOR", "PRODUCT", "BYTES", "BLOCK");
	for (i = 0; i < json_object_array_length(l->array); i++) {
		row = json_object_array_get_idx(l->array, i);
		target = member(row, "target");
		if (l->all && strcmp(target, last) != 0) {
			printf("%s%s\n", i > 0 ? "\n" : "", target);
			print_row("LUN", "TYPE", "VENDOR", "PRODUCT", "BYTES",
			    "BLOCK");
			last = target;
		}
		print_row(member(row, "lun"), member(row, "type"),
		    member(row, "vendor"), member(row, "product"),
		    member(row, "bytes"), member(row, "block_size"));
	}
}

static int
list(struct options *o, const char *text)
{
	struct list l = { .o = o };
	struct error err;
	struct url *url = options_url(text, false, &err);
	int result;

	if (url == NULL)
		return command_fail(&err);
	l.array = json_object_new_array();
	l.all = url->target[0] == '\0';
	result =
	    l.all ? list_portal(&l, url, &err) : list_target(&l, url, &err);
	url_wipe(url);
	if (result < 0) {
		l.code = command_fail(&err);
	} else if (o->json) {
		report_print(l.array, true);
	} else {
		print_table(&l);
	}
	json_object_put(l.array);
	if (l.code == 0)
		l.code = command_done();
	return l.code;
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
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	code = list(&o, argv[optind]);
	options_fini(&o);
	return code;
}

const struct command command_list = {
	.name = "list",
	.summary = "the LUNs of a target",
	.run = run,
};
