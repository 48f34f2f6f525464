/* SPDX-License-Identifier: BSD-2-Clause */
/* sense - explains sense data that somebody else has printed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/hex.h"
#include "cmd/cmd.h"
#include "cmd/options.h"
#include "cmd/sensewords.h"

/* More than any sense data have; what is behind is an error. */
#define ROOM	 1024
#define TEXT_MAX 65536

static const char help[] =
    "usage: luntap sense [OPTION]... HEX...\n\n"
    "Explains SCSI sense data, in fixed or in descriptor format, from bytes "
    "in\n"
    "hexadecimal: 70 00 03 ..., 700003..., 0x70,0x00,...  - reads them from\n"
    "standard input.\n\n"
    "options:\n"
    "      --json                   an object\n"
    "  -h, --help                   this\n\n"
    "examples:\n"
    "  luntap sense 70 00 05 00 00 00 00 0a 00 00 00 00 24 00 00 c0 00 02\n"
    "  sg_requests --hex /dev/sg1 | cut -c 5-53 | luntap sense -\n";

/*
 * Digits two by two; between bytes there may be blanks, commas, colons and a
 * 0x.  Returns how many bytes, or -1.
 */
static int
take_hex(const char *text, uint8_t ret[ROOM], struct error *err)
{
	const char *p = text;
	char shown[32];
	int n = 0;

	for (;;) {
		p += strspn(p, " \t\r\n,:");
		if (*p == '\0')
			return n;
		if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
			p += 2;
		if (hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
			return error_set(err, ERROR_USAGE,
			    "byte %d, \"%s\": not two hexadecimal digits", n,
			    escape(shown, sizeof(shown), p, strnlen(p, 8)));
		if (n == ROOM)
			return error_set(err, ERROR_USAGE,
			    "more than %d bytes: no sense data are that long",
			    ROOM);
		ret[n++] = (uint8_t)(hex_digit(p[0]) * 16 + hex_digit(p[1]));
		p += 2;
	}
}

/* Standard input, or the operands with blanks between them. */
static int
take_text(char **operands, char text[TEXT_MAX + 1], struct error *err)
{
	size_t n = 0, len;

	if (strcmp(operands[0], "-") == 0 && operands[1] == NULL) {
		n = fread(text, 1, TEXT_MAX, stdin);
		if (ferror(stdin))
			return error_set(err, ERROR_FAILED,
			    "standard input: %s", strerror(errno));
		if (memchr(text, '\0', n) != NULL)
			return error_set(err, ERROR_USAGE,
			    "standard input: not text in hexadecimal");
		text[n] = '\0';
		return 0;
	}
	for (; *operands != NULL; operands++) {
		len = strlen(*operands);
		if (len >= TEXT_MAX - n)
			return error_set(
			    err, ERROR_USAGE, "no sense data are that long");
		memcpy(text + n, *operands, len);
		n += len;
		text[n++] = ' ';
	}
	text[n] = '\0';
	return 0;
}

static int
explain(char **operands, bool json, struct error *err)
{
	char *text = malloc(TEXT_MAX + 1);
	struct json_object *report;
	uint8_t bytes[ROOM];
	int n;

	if (text == NULL)
		return error_set(err, ERROR_FAILED, "out of memory");
	n = take_text(operands, text, err);
	if (n == 0)
		n = take_hex(text, bytes, err);
	free(text);
	if (n < 0)
		return -1;
	report = json_object_new_object();
	n = sense_describe(report, bytes, (size_t)n, err);
	if (n == 0)
		report_print(report, json);
	json_object_put(report);
	return n;
}

static int
run(int argc, char **argv)
{
	const struct command_line line = { .help = help,
		.groups = OPTIONS_JSON,
		.operands_min = 1,
		.operands_max = -1 };
	struct options o;
	struct error err;
	int code;

	if (!options_parse(&o, &line, argc, argv, &code))
		return code;
	code = explain(argv + optind, o.json, &err) < 0 ? command_fail(&err)
							: command_done();
	options_fini(&o);
	return code;
}

const struct command command_sense = {
	.name = "sense",
	.summary = "explain SCSI sense data",
	.run = run,
};
