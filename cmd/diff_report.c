/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_report - what differs, as it is found: there may be more than memory
 * could hold.  As JSON it is one object, complete whatever happens:
 *
 *     {"a": NAME, "a_size": N, "b": NAME, "b_size": N, "extents": [
 *     {"offset": N, "length": N},
 *     ...
 *     ], "compared": N, "different": N, "longer": NAME or null, "same": false}
 */
#include <inttypes.h>
#include <stdio.h>

#include <json-c/json.h>

#include "cmd/diff_impl.h"

/* A name was escaped when it was made: it is ASCII. */
static void
print_text(const char *text)
{
	struct json_object *o =
	    text == NULL ? NULL : json_object_new_string(text);

	fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE),
	    stdout);
	json_object_put(o);
}

static void
print_size(uint64_t size)
{
	if (size == UINT64_MAX)
		fputs("null", stdout);
	else
		printf("%" PRIu64, size);
}

void
diff_report_begin(struct diff_report *r, const uint64_t size[2])
{
	r->open = true;
	if (!r->json)
		return;
	fputs("{\"a\": ", stdout);
	print_text(r->name[0]);
	fputs(", \"a_size\": ", stdout);
	print_size(size[0]);
	fputs(", \"b\": ", stdout);
	print_text(r->name[1]);
	fputs(", \"b_size\": ", stdout);
	print_size(size[1]);
	fputs(", \"extents\": [", stdout);
}

void
diff_report_extent(struct diff_report *r, uint64_t offset, uint64_t length)
{
	if (r->json)
		printf("%s\n{\"offset\": %" PRIu64 ", \"length\": %" PRIu64 "}",
		    r->extents > 0 ? "," : "", offset, length);
	else
		printf("%" PRIu64 " %" PRIu64 "\n", offset, length);
	r->extents++;
}

static void
end_text(const struct diff_result *result)
{
	if (result->longer == NULL || result->failure != NULL)
		return;
	printf("%" PRIu64 " ", result->end);
	if (result->rest == UINT64_MAX)
		putchar('-');
	else
		printf("%" PRIu64, result->rest);
	printf(" only in %s\n", result->longer);
}

void
diff_report_end(struct diff_report *r, const struct diff_result *result)
{
	if (!r->open)
		return;
	if (!r->json) {
		end_text(result);
		return;
	}
	printf("%s], \"compared\": %" PRIu64 ", \"different\": %" PRIu64
	       ", \"longer\": ",
	    r->extents > 0 ? "\n" : "", result->compared, result->differs);
	print_text(result->longer);
	if (result->failure != NULL) {
		fputs(", \"error\": ", stdout);
		print_text(result->failure);
	} else {
		printf(", \"same\": %s",
		    result->differs == 0 && result->longer == NULL ? "true"
								   : "false");
	}
	puts("}");
}
