/* SPDX-License-Identifier: BSD-2-Clause */
/* report - see the header. */
#include "cmd/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "proto/lunaddr.h"

#define VALUE_COLUMN 34

/* The address of this marks a string that report_dump() has made. */
static char dump_mark;

/* Keys are for programs too: '_' stands for a blank. */
static int
print_key(const char *key, int indent)
{
	int width = indent + 1;

	printf("%*s", indent, "");
	for (; *key != '\0'; key++, width++)
		putchar(*key == '_' ? ' ' : *key);
	putchar(':');
	return width;
}

static void
print_plain(struct json_object *value)
{
	if (json_object_get_type(value) == json_type_boolean)
		fputs(json_object_get_boolean(value) ? "yes" : "no", stdout);
	else
		fputs(json_object_get_string(value), stdout);
}

static void print_members(struct json_object *, int indent);

/* Objects each begin with a dash in the margin of their members. */
static void
print_objects(struct json_object *array, int indent)
{
	size_t i;

	for (i = 0; i < json_object_array_length(array); i++) {
		printf("%*s-\n", indent, "");
		print_members(json_object_array_get_idx(array, i), indent + 2);
	}
}

static bool
has_objects(struct json_object *array)
{
	return json_object_array_length(array) > 0 &&
	       json_object_get_type(json_object_array_get_idx(array, 0)) ==
		   json_type_object;
}

static void
print_words(struct json_object *array)
{
	size_t i;

	for (i = 0; i < json_object_array_length(array); i++) {
		fputs(i > 0 ? " " : "", stdout);
		print_plain(json_object_array_get_idx(array, i));
	}
}

/* Sixteen bytes in a line, from their digits. */
static void
print_dump(const char *hex, int indent)
{
	size_t i, len = strlen(hex);

	for (i = 0; i < len; i += 2) {
		if (i % 32 == 0)
			printf("%*s%04zx ", indent, "", i / 2);
		printf(" %.2s%s", hex + i,
		    i % 32 == 30 || i + 2 == len ? "\n" : "");
	}
}

static void
print_member(const char *key, struct json_object *value, int indent)
{
	enum json_type type = json_object_get_type(value);
	int width = print_key(key, indent);

	if (type == json_type_object) {
		putchar('\n');
		print_members(value, indent + 2);
		return;
	}
	if (type == json_type_array && has_objects(value)) {
		putchar('\n');
		print_objects(value, indent + 2);
		return;
	}
	if (json_object_get_userdata(value) == &dump_mark) {
		putchar('\n');
		print_dump(json_object_get_string(value), indent + 2);
		return;
	}
	printf("%*s", width < VALUE_COLUMN ? VALUE_COLUMN - width : 1, "");
	if (type == json_type_array)
		print_words(value);
	else
		print_plain(value);
	putchar('\n');
}

static void
print_members(struct json_object *object, int indent)
{
	json_object_object_foreach(object, key, value)
	{
		print_member(key, value, indent);
	}
}

void
report_print(struct json_object *report, bool json)
{
	if (json)
		puts(json_object_to_json_string_ext(
		    report, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
				JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		print_members(report, 0);
}

void
report_bool(struct json_object *object, const char *key, bool value)
{
	json_object_object_add(object, key, json_object_new_boolean(value));
}

void
report_int(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

void
report_text(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value));
}

void
report_peer(
    struct json_object *object, const char *key, const void *text, size_t len)
{
	char *escaped = malloc(4 * len + 1);

	if (escaped == NULL)
		return;
	report_text(object, key, escape(escaped, 4 * len + 1, text, len));
	free(escaped);
}

static char
digit(const uint8_t *bytes, unsigned i)
{
	return "0123456789abcdef"[bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf];
}

void
report_digits(struct json_object *object, const char *key, const uint8_t *bytes,
    unsigned first, unsigned n)
{
	char *hex = malloc(n + 1);
	unsigned i;

	if (hex == NULL)
		return;
	for (i = 0; i < n; i++)
		hex[i] = digit(bytes, first + i);
	hex[n] = '\0';
	report_text(object, key, hex);
	free(hex);
}

void
report_hex(struct json_object *object, const char *key, const uint8_t *bytes,
    size_t len)
{
	report_digits(object, key, bytes, 0, (unsigned)(2 * len));
}

void
report_dump(struct json_object *object, const char *key, const uint8_t *bytes,
    size_t len)
{
	struct json_object *value;

	report_hex(object, key, bytes, len);
	if (json_object_object_get_ex(object, key, &value))
		json_object_set_userdata(value, &dump_mark, NULL);
}

void
report_lun(struct json_object *object, const char *key, uint64_t addr)
{
	char text[LUNADDR_TEXT];
	uint64_t number;

	if (lunaddr_number(addr, &number))
		report_int(object, key, number);
	else
		report_text(object, key, lunaddr_text(text, addr));
}
