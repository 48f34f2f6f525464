/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_url - any text as a URL and as a portal.  What must hold: the result is
 * complete or untouched, an error is one printable line, and a URL built from
 * the result means the same.
 */
#include <stdio.h>
#include <string.h>

#include "fuzz.h"
#include "proto/lunaddr.h"
#include "proto/name.h"
#include "proto/url.h"

static void
check_error(const struct error *err)
{
	const char *p;

	require(err->class == ERROR_USAGE && err->text[0] != '\0');
	for (p = err->text; *p != '\0'; p++)
		require(*p >= ' ' && *p < 0x7f);
}

static void
check_again(const struct url *u)
{
	char text[2048], lun[LUNADDR_TEXT + 1] = "";
	struct url again;
	struct error err;

	require(strrchr(u->portal, ':') != NULL);
	require(u->target[0] == '\0' || name_fault(u->target) == NULL);
	if (u->has_lun) {
		lun[0] = '/';
		lunaddr_text(lun + 1, u->lun);
	}
	if (strchr(u->target, '%') != NULL || strchr(u->target, '?') != NULL ||
	    strchr(u->target, '@') != NULL || strchr(u->target, '/') != NULL)
		return;
	snprintf(
	    text, sizeof(text), "iscsi://%s/%s%s", u->portal, u->target, lun);
	require(url_parse(text, &again, &err) == 0);
	require(strcmp(again.portal, u->portal) == 0);
	require(strcmp(again.target, u->target) == 0);
	require(again.has_lun == u->has_lun);
	require(!u->has_lun || lunaddr_same(again.lun, u->lun));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct error err;
	struct url u;

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	memset(&err, 0, sizeof(err));
	if (url_parse(text, &u, &err) == 0) {
		check_again(&u);
		url_wipe(&u);
	} else {
		check_error(&err);
	}
	if (url_parse_portal(text, &u, &err) == 0)
		url_wipe(&u);
	else
		check_error(&err);
	free(text);
	return 0;
}
