/* SPDX-License-Identifier: BSD-2-Clause */
/* fault - see the header. */
#include "cmd/fault.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum lu_fault_kind kind;
	bool blocks;
} forms[] = {
	{ "read-error", LU_FAULT_READ, true },
	{ "write-error", LU_FAULT_WRITE, true },
	{ "not-ready", LU_FAULT_NOT_READY, false },
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

static bool
take_number(const char **text, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)**text))
		return false;
	errno = 0;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return errno == 0;
}

/* LBA[+COUNT] */
static bool
take_blocks(const char *text, struct lu_fault *f)
{
	f->count = 1;
	if (!take_number(&text, &f->lba))
		return false;
	if (*text == '+') {
		text++;
		if (!take_number(&text, &f->count) || f->count == 0)
			return false;
	}
	return *text == '\0' && f->lba <= UINT64_MAX - f->count;
}

int
fault_add(struct lu_config *config, const char *text, struct error *err)
{
	size_t len = strcspn(text, "="), i = 0;
	struct lu_fault f = { 0 };

	if (config->fault_n == LU_FAULTS_MAX)
		return error_set(err, ERROR_USAGE,
		    "fault \"%s\": more than %d for one LUN", text,
		    LU_FAULTS_MAX);
	while (i < FORMS && (strlen(forms[i].name) != len ||
				memcmp(forms[i].name, text, len) != 0))
		i++;
	if (i == FORMS || forms[i].blocks != (text[len] == '='))
		return error_set(err, ERROR_USAGE,
		    "fault \"%s\": not one of " FAULT_FORMS, text);
	f.kind = forms[i].kind;
	if (forms[i].blocks && !take_blocks(text + len + 1, &f))
		return error_set(err, ERROR_USAGE,
		    "fault \"%s\": %s=LBA[+COUNT] is wanted, at least one "
		    "block",
		    text, forms[i].name);
	config->faults[config->fault_n++] = f;
	return 0;
}
