/* SPDX-License-Identifier: BSD-2-Clause */
/* name - see name.h for what is accepted and why. */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/escape.h"
#include "proto/name.h"

/* The bytes of the well-formed UTF-8 sequence at p, or 0.  The C1 controls
 * (U+0080 .. U+009F) count as ill-formed: RFC 3722 prohibits them. */
static size_t
utf8_len(const uint8_t *p)
{
	uint32_t code;
	size_t n, i;

	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	code = p[0] & (0x7fu >> n);
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (p[i] & 0x3fu);
	}
	if (code < 0xa0 || (n == 3 && code < 0x800) ||
	    (code >= 0xd800 && code <= 0xdfff) ||
	    (n == 4 && (code < 0x10000 || code > 0x10ffff)))
		return 0;
	return n;
}

/* The characters of what follows "iqn.", whatever its structure. */
static const char *
charset_fault(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t n;

	for (; *p != '\0'; p += n) {
		n = 1;
		if (isspace(*p))
			return "contains white space";
		if (iscntrl(*p))
			return "contains a control character";
		if (*p >= 0x80 && (n = utf8_len(p)) == 0)
			return "is not valid UTF-8";
		if (*p < 0x80 && !isalnum(*p) && strchr("-.:_", *p) == NULL)
			return "contains a character other than letters, "
			       "digits, '-', '.', ':' and '_'";
	}
	return NULL;
}

/* Up to the colon or the end: labels that are not empty, joined by dots. */
static const char *
domain_fault(const char *s, size_t len)
{
	size_t i, label = 0;

	for (i = 0; i < len; i++) {
		label = s[i] == '.' ? 0 : label + 1;
		if (label == 0 && (i == 0 || s[i - 1] == '.'))
			return "has an empty label in its domain name";
	}
	if (label == 0)
		return "lacks the reversed domain name after its date";
	return NULL;
}

static bool
digits(const char *s, size_t n)
{
	while (n > 0 && isdigit((unsigned char)*s)) {
		s++;
		n--;
	}
	return n == 0;
}

static const char *
iqn_fault(const char *s)
{
	size_t domain;
	int month;

	if (!digits(s, 4) || s[4] != '-' || !digits(s + 5, 2) || s[7] != '.')
		return "lacks a date like 2001-04 and a dot after 'iqn.'";
	month = (s[5] - '0') * 10 + s[6] - '0';
	if (month < 1 || month > 12)
		return "has a month that is not 01 to 12";
	s += 8;
	domain = strcspn(s, ":");
	if (s[domain] == ':' && s[domain + 1] == '\0')
		return "has nothing after its colon";
	return domain_fault(s, domain);
}

static bool
hex_digits(const char *s, size_t n)
{
	return strspn(s, "0123456789abcdefABCDEF") == n && s[n] == '\0';
}

const char *
name_fault(const char *name)
{
	const char *fault;

	if (name[0] == '\0')
		return "is empty";
	if (strlen(name) > ISCSI_NAME_MAX)
		return "is longer than 223 bytes";
	if (strncasecmp(name, "iqn.", 4) == 0) {
		fault = charset_fault(name + 4);
		return fault != NULL ? fault : iqn_fault(name + 4);
	}
	if (strncasecmp(name, "eui.", 4) == 0)
		return hex_digits(name + 4, 16)
			   ? NULL
			   : "does not have 16 hex digits after 'eui.'";
	if (strncasecmp(name, "naa.", 4) == 0)
		return hex_digits(name + 4, 16) || hex_digits(name + 4, 32)
			   ? NULL
			   : "does not have 16 or 32 hex digits after 'naa.'";
	return "does not begin with 'iqn.', 'eui.' or 'naa.'";
}

int
name_check(const char *name, const char *role, struct error *err)
{
	const char *fault = name_fault(name);
	char text[ISCSI_NAME_MAX + 32];

	if (fault == NULL)
		return 0;
	error_set(err, ERROR_USAGE,
	    "the %s name '%s' %s; names look like "
	    "iqn.2001-04.com.example:disk",
	    role, escape(text, sizeof(text), name, strlen(name)), fault);
	return -EINVAL;
}

bool
name_equal(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}
