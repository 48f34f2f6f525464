/* SPDX-License-Identifier: BSD-2-Clause */
/* status - the mounts and NBD servers that are running, as their control sockets
 * tell. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/escape.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "io/control.h"

static const char help[] =
    "usage: luntap status [OPTION]...\n\n"
    "Shows the mounts and NBD servers that are running.\n\n"
    "options:\n"
    "      --json                   an array of {kind, state, portal, target, "
    "luns,\n"
    "                               in_flight, read_bytes, written_bytes, "
    "pid} with\n"
    "                               mountpoint, or with addresses, exports,\n"
    "                               spliced_bytes, connections; device, "
    "server_pid\n"
    "  -h, --help                   this\n\n"
    "example:\n"
    "  luntap status --json | jq -r '.[] | .mountpoint // .addresses[0]'\n";

#define ANSWER_MS 2000

static const char *
member(struct json_object *o, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(o, key, &value) || value == NULL)
		return "?";
	return json_object_get_string(value);
}

/* 12.3M */
static const char *
bytes_text(char *dst, size_t size, struct json_object *o, const char *key)
{
	static const char units[] = "\0KMGTPE";
	double n = (double)strtoull(member(o, key), NULL, 10);
	unsigned unit = 0;

	while (n >= 1024 && units[unit + 1] != '\0') {
		n /= 1024;
		unit++;
	}
	snprintf(dst, size, unit == 0 ? "%.0f" : "%.1f%c", n, units[unit]);
	return dst;
}

/* The first says which server it is. */
static void
print_addresses(struct json_object *addresses)
{
	size_t i, n = json_object_array_length(addresses);

	if (n == 0)
		puts("(an NBD server that listens nowhere)");
	for (i = 0; i < n; i++)
		printf("%s%s\n", i == 0 ? "" : "  also at ",
		    json_object_get_string(
			json_object_array_get_idx(addresses, i)));
}

static void
print(struct json_object *array)
{
	char read[16], written[16];
	struct json_object *o, *addresses;
	size_t i;

	for (i = 0; i < json_object_array_length(array); i++) {
		o = json_object_array_get_idx(array, i);
		if (json_object_object_get_ex(o, "addresses", &addresses) &&
		    json_object_is_type(addresses, json_type_array))
			print_addresses(addresses);
		else
			printf("%s\n", member(o, "mountpoint"));
		printf("  %s at %s: %s\n", member(o, "target"),
		    member(o, "portal"), member(o, "state"));
		printf("  %s LUNs, %s in flight, %s read, %s written\n",
		    member(o, "luns"), member(o, "in_flight"),
		    bytes_text(read, sizeof(read), o, "read_bytes"),
		    bytes_text(written, sizeof(written), o, "written_bytes"));
	}
}

/* One that ends meanwhile, or does not answer, is left out. */
static struct json_object *
collect(struct error *err)
{
	struct json_object *array, *answer;
	struct control_entry *entries;
	int i, n = control_list(&entries, err);

	if (n < 0)
		return NULL;
	array = json_object_new_array();
	for (i = 0; i < n; i++) {
		struct error ignored;

		if (control_ask(entries[i].path, "status", ANSWER_MS, &answer,
			&ignored) < 0) {
			fprintf(stderr, "luntap: warning: %s\n", ignored.text);
			continue;
		}
		json_object_object_add(
		    answer, "kind", json_object_new_string(entries[i].kind));
		json_object_array_add(array, answer);
	}
	control_list_free(entries, n);
	return array;
}

/* File names may be any bytes, JSON not. */
static void
string_utf8(struct json_object *string)
{
	const char *text = json_object_get_string(string);
	char *utf8 = malloc(ESCAPE_UTF8_SIZE(strlen(text)));

	json_object_set_string(
	    string, utf8 == NULL ? "?" : escape_utf8(utf8, text, strlen(text)));
	free(utf8);
}

/* To a terminal go characters alone: neither C0 nor, in UTF-8, C1. */
static void
string_plain(struct json_object *string)
{
	char *text = strdup(json_object_get_string(string));
	unsigned char *p = (unsigned char *)text;

	for (; p != NULL && *p != '\0'; p++)
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (*p == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			p[0] = p[1] = '?';
	json_object_set_string(string, text == NULL ? "?" : text);
	free(text);
}

static void
each_string(struct json_object *answer, void (*run)(struct json_object *))
{
	json_object_object_foreach(answer, key, value)
	{
		size_t i, n = 0;

		(void)key;
		if (json_object_is_type(value, json_type_string))
			run(value);
		if (json_object_is_type(value, json_type_array))
			n = json_object_array_length(value);
		for (i = 0; i < n; i++) {
			struct json_object *item =
			    json_object_array_get_idx(value, i);

			if (json_object_is_type(item, json_type_string))
				run(item);
		}
	}
}

static void
print_json(struct json_object *array)
{
	puts(json_object_to_json_string_ext(
	    array, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int
status_run(int argc, char **argv)
{
	static const struct command_line line = {
		.help = help,
		.groups = OPTIONS_JSON,
	};
	struct json_object *array;
	struct options o;
	struct error err;
	size_t i;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	array = collect(&err);
	if (array == NULL) {
		code = command_fail(&err);
	} else {
		for (i = 0; i < json_object_array_length(array); i++)
			each_string(json_object_array_get_idx(array, i),
			    o.json ? string_utf8 : string_plain);
		if (o.json)
			print_json(array);
		else
			print(array);
		json_object_put(array);
		code = command_done();
	}
	options_fini(&o);
	return code;
}

const struct command command_status = {
	.name = "status",
	.summary = "the running mounts and NBD servers",
	.run = status_run,
};
