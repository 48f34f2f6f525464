/* SPDX-License-Identifier: BSD-2-Clause */
/* discovery - see discovery.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "proto/login.h"
#include "session/discovery.h"

/* The value of "key=value" when the key is this one, or NULL. */
static char *
value_of(char *pair, const char *key)
{
	size_t n = strlen(key);

	return strncmp(pair, key, n) == 0 && pair[n] == '=' ? pair + n + 1
							    : NULL;
}

static int
refuse(struct error *err, const char *what, const char *value)
{
	char shown[128];

	error_set(err, ERROR_FAILED,
	    "the SendTargets answer is not valid: %s "
	    "%s",
	    what, escape(shown, sizeof(shown), value, strlen(value)));
	return -EPROTO;
}

static int
add_target(struct discovery *d, const char *name, struct error *err)
{
	struct discovery_target *t;

	if (name[0] == '\0' || strlen(name) > ISCSI_NAME_MAX)
		return refuse(err, "TargetName", name);
	if (d->targets_n > 0 &&
	    strcmp(d->targets[d->targets_n - 1].name, name) == 0)
		return 0;
	t = &d->targets[d->targets_n++];
	t->name = name;
	t->portals = &d->portals[d->portals_n];
	t->portals_n = 0;
	return 0;
}

/* "host[:port],tag" (RFC 7143, 13.8). */
static int
add_portal(struct discovery *d, char *value, struct error *err)
{
	struct discovery_portal *p = &d->portals[d->portals_n];
	char *comma = strrchr(value, ','), *end;
	unsigned long tpgt;

	if (d->targets_n == 0)
		return refuse(
		    err, "TargetAddress before any TargetName:", value);
	if (comma == NULL || comma == value || comma - value > ISCSI_ADDR_MAX ||
	    comma[1] < '0' || comma[1] > '9')
		return refuse(err, "TargetAddress", value);
	tpgt = strtoul(comma + 1, &end, 10);
	if (*end != '\0' || tpgt > UINT16_MAX)
		return refuse(err, "TargetAddress", value);
	*comma = '\0';
	p->address = value;
	p->tpgt = (uint16_t)tpgt;
	d->portals_n++;
	d->targets[d->targets_n - 1].portals_n++;
	return 0;
}

static int
parse(struct discovery *d, size_t len, struct error *err)
{
	char *pair, *value, *next;
	int rc = 0;

	for (pair = d->text; rc == 0 && pair < d->text + len; pair = next) {
		/* Before a value is cut at its comma. */
		next = pair + strlen(pair) + 1;
		if ((value = value_of(pair, "TargetName")) != NULL)
			rc = add_target(d, value, err);
		else if ((value = value_of(pair, "TargetAddress")) != NULL)
			rc = add_portal(d, value, err);
	}
	return rc;
}

int
discovery_parse(
    const void *text, size_t len, struct discovery *ret, struct error *err)
{
	struct discovery d = { 0 };
	size_t i, pairs = 1;
	int rc;

	d.text = malloc(len + 1);
	if (d.text != NULL) {
		if (len > 0)
			memcpy(d.text, text, len);
		d.text[len] = '\0';
		for (i = 0; i < len; i++)
			pairs += d.text[i] == '\0';
		d.targets = calloc(pairs, sizeof(*d.targets));
		d.portals = calloc(pairs, sizeof(*d.portals));
	}
	if (d.text == NULL || d.targets == NULL || d.portals == NULL) {
		error_set(err, ERROR_FAILED, "out of memory");
		rc = -ENOMEM;
	} else
		rc = parse(&d, len, err);
	if (rc < 0) {
		discovery_free(&d);
		return rc;
	}
	*ret = d;
	return 0;
}

void
discovery_free(struct discovery *d)
{
	free(d->targets);
	free(d->portals);
	free(d->text);
	memset(d, 0, sizeof(*d));
}
