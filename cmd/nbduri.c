/* SPDX-License-Identifier: BSD-2-Clause */
/* nbduri - see the header. */
#include "cmd/nbduri.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands for itself in a path (RFC 3986, 3.3), the slash included. */
static bool
is_plain(char c)
{
	return isalnum((unsigned char)c) || strchr("-._~/", c) != NULL;
}

static char *
percent_encode(const char *text)
{
	static const char hex[] = "0123456789ABCDEF";
	char *encoded = malloc(3 * strlen(text) + 1), *p = encoded;

	if (encoded == NULL)
		return NULL;
	for (; *text != '\0'; text++) {
		if (is_plain(*text)) {
			*p++ = *text;
			continue;
		}
		*p++ = '%';
		*p++ = hex[(unsigned char)*text >> 4];
		*p++ = hex[(unsigned char)*text & 15];
	}
	*p = '\0';
	return encoded;
}

char *
nbduri_new(const char *address, const char *name, bool tls)
{
	const char *scheme = tls ? "nbds" : "nbd";
	const char *slash = name == NULL ? "" : "/";
	char *uri = NULL, *path;
	int n;

	if (name == NULL)
		name = "";
	if (address[0] != '/') {
		n = asprintf(&uri, "%s://%s%s%s", scheme, address, slash, name);
		return n < 0 ? NULL : uri;
	}
	path = percent_encode(address);
	if (path == NULL)
		return NULL;
	n = asprintf(
	    &uri, "%s+unix://%s%s?socket=%s", scheme, slash, name, path);
	free(path);
	return n < 0 ? NULL : uri;
}
