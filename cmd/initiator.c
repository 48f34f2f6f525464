/* SPDX-License-Identifier: BSD-2-Clause */
/* initiator - see the header. */
#include "cmd/initiator.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"

#define NAME_FILE  "/etc/iscsi/initiatorname.iscsi"
#define NAME_KEY   "InitiatorName="
#define MACHINE_ID "/etc/machine-id"
/* A name needs an authority that owns a domain: localhost is every machine's
 * own (RFC 6761). */
#define PREFIX "iqn.2026-01.localhost.luntap:"

/* The last InitiatorName of open-iscsi's file, if any; blanks around it and
 * lines that begin with '#' do not count. */
static bool
name_of_file(char *ret, size_t size)
{
	bool found = false;
	char line[512], *p;
	FILE *f;

	f = fopen(NAME_FILE, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		p = line + strspn(line, " \t");
		if (strncmp(p, NAME_KEY, strlen(NAME_KEY)) != 0)
			continue;
		p += strlen(NAME_KEY);
		p += strspn(p, " \t");
		p[strcspn(p, " \t\r\n")] = '\0';
		if (*p == '\0')
			continue;
		snprintf(ret, size, "%s", p);
		found = true;
	}
	fclose(f);
	return found;
}

/* What tells this machine from others: its machine-id, else its host name. */
static void
machine_identity(char *ret, size_t size)
{
	FILE *f;

	f = fopen(MACHINE_ID, "re");
	if (f != NULL) {
		if (fgets(ret, (int)size, f) != NULL && ret[0] != '\n') {
			fclose(f);
			return;
		}
		fclose(f);
	}
	if (gethostname(ret, size) == -1)
		ret[0] = '\0';
	ret[size - 1] = '\0';
}

/* The identity itself is not to be shown to others: machine-id(5). */
static void
name_of_machine(char *ret, size_t size)
{
	uint8_t digest[HASH_SIZE_MAX];
	char identity[256], user[32];
	struct hash hash;
	size_t n;
	int i;

	machine_identity(identity, sizeof(identity));
	snprintf(user, sizeof(user), "luntap %lu", (unsigned long)getuid());
	hash_init(&hash, HASH_SHA256);
	hash_update(&hash, identity, strlen(identity));
	hash_update(&hash, user, strlen(user));
	hash_final(&hash, digest);
	n = (size_t)snprintf(ret, size, "%s", PREFIX);
	for (i = 0; i < 8; i++)
		n += (size_t)snprintf(ret + n, size - n, "%02x", digest[i]);
}

int
initiator_name(
    const char *given, char ret[ISCSI_NAME_MAX + 1], struct error *err)
{
	const char *where = "--initiator-name", *name = given;
	char found[512];

	if (name == NULL) {
		where = "LUNTAP_INITIATOR_NAME";
		name = getenv("LUNTAP_INITIATOR_NAME");
		if (name != NULL && *name == '\0')
			name = NULL;
	}
	if (name == NULL) {
		where = NAME_FILE;
		name = found;
		if (!name_of_file(found, sizeof(found)))
			name_of_machine(found, sizeof(found));
	}
	if (name_check(name, "initiator", err) < 0)
		return error_set(err, ERROR_USAGE, "%s: %s", where, err->text);
	memcpy(ret, name, strlen(name) + 1); /* checked: it fits */
	return 0;
}
