/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error - filling a struct error.  The text is formed beside the old one first,
 * because the old one may be among the arguments.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#undef error_set

int
error_set(struct error *err, enum error_class class, const char *fmt, ...)
{
	char text[sizeof(err->text)];
	va_list ap;

	if (err == NULL)
		return -1;
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	err->class = class;
	memcpy(err->text, text, strlen(text) + 1);
	return -1;
}
