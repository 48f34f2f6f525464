/* SPDX-License-Identifier: BSD-2-Clause */
/* url - see the header. */
#include "proto/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/hex.h"
#include "proto/lunaddr.h"
#include "proto/name.h"

#define SCHEME	 "iscsi://"
#define ROOTPATH "iscsi:"
#define ISER	 "iser://"

/* A part of the text, not terminated. */
struct span {
	const char *p;
	size_t len;
};

static struct span
span(const char *p, size_t len)
{
	return (struct span){ p, len };
}

static bool
span_is(struct span s, const char *word)
{
	return strlen(word) == s.len && memcmp(s.p, word, s.len) == 0;
}

/* Splits at the first c; without one all is *ret_head and false is returned.
 * ret_tail may be s itself. */
static bool
span_split(struct span s, char c, struct span *ret_head, struct span *ret_tail)
{
	const char *at = s.len == 0 ? NULL : memchr(s.p, c, s.len);

	if (at == NULL) {
		*ret_head = s;
		*ret_tail = span(s.p + s.len, 0);
		return false;
	}
	*ret_head = span(s.p, (size_t)(at - s.p));
	*ret_tail = span(at + 1, s.len - (size_t)(at - s.p) - 1);
	return true;
}

/* Copies s with its NUL into size bytes. */
static int
span_copy(struct span s, char *dst, size_t size)
{
	if (s.len >= size || memchr(s.p, '\0', s.len) != NULL)
		return -EMSGSIZE;
	memcpy(dst, s.p, s.len);
	dst[s.len] = '\0';
	return 0;
}

/* Fit to be shown: only for parts that are no secret. */
struct shown {
	char text[80];
};

static struct shown
show(struct span s)
{
	struct shown shown = { "" };

	escape(shown.text, sizeof(shown.text), s.p, s.len);
	return shown;
}

/*
 * ---- host and port ----
 *
 * Nothing is quoted here: when an '@' is missing or misplaced, this is where a
 * password turns up.
 */

static int
port_parse(struct span s, unsigned *ret, struct error *err)
{
	unsigned port = 0;
	size_t i;

	for (i = 0; i < s.len && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		if (port <= 65535)
			port = port * 10 + (unsigned)(s.p[i] - '0');
	if (i == 0 || i < s.len || port == 0 || port > 65535)
		return error_set(err, ERROR_USAGE,
		    "the port is not a number from 1 to 65535");
	*ret = port;
	return 0;
}

static int
host_check(struct span host, bool brackets, struct error *err)
{
	size_t i;

	if (host.len == 0)
		return error_set(err, ERROR_USAGE, "the host is missing");
	for (i = 0; i < host.len; i++)
		if (host.p[i] <= ' ' || host.p[i] >= 0x7f ||
		    strchr("/@?#[]\\\"", host.p[i]) != NULL ||
		    (!brackets && host.p[i] == '%'))
			return error_set(err, ERROR_USAGE,
			    "the host is neither a name nor an address");
	return 0;
}

/* Writes "host:port". */
static int
portal_put(struct url *u, struct span host, bool brackets, unsigned port,
    struct error *err)
{
	int n;

	if (host_check(host, brackets, err) < 0)
		return -1;
	if (host.len > ISCSI_ADDR_MAX)
		return error_set(err, ERROR_USAGE, "the host name is too long");
	n = snprintf(u->portal, sizeof(u->portal), "%s%.*s%s:%u",
	    brackets ? "[" : "", (int)host.len, host.p, brackets ? "]" : "",
	    port);
	if (n < 0 || (size_t)n >= sizeof(u->portal))
		return error_set(err, ERROR_USAGE, "the host name is too long");
	return 0;
}

/* Takes "[IPv6]" or a host without ':' from the front of *rest. */
static int
host_take(struct span *rest, struct span *ret_host, bool *ret_brackets,
    struct error *err)
{
	struct span host, tail;

	*ret_brackets = rest->len > 0 && rest->p[0] == '[';
	if (*ret_brackets) {
		if (!span_split(
			span(rest->p + 1, rest->len - 1), ']', &host, &tail))
			return error_set(err, ERROR_USAGE,
			    "the ']' behind the address is missing");
	} else {
		const char *colon =
		    rest->len == 0 ? NULL : memchr(rest->p, ':', rest->len);

		host = span(rest->p,
		    colon == NULL ? rest->len : (size_t)(colon - rest->p));
		tail = span(host.p + host.len, rest->len - host.len);
	}
	*ret_host = host;
	*rest = tail;
	return 0;
}

/* HOST[:PORT], all of s. */
static int
portal_parse(struct span s, struct url *u, struct error *err)
{
	struct span host, rest = s;
	unsigned port = URL_PORT;
	bool brackets;

	if (host_take(&rest, &host, &brackets, err) < 0)
		return -1;
	if (rest.len > 0) {
		if (rest.p[0] != ':')
			return error_set(err, ERROR_USAGE,
			    "only :PORT may follow the ']' of an address");
		rest = span(rest.p + 1, rest.len - 1);
		if (!brackets && memchr(rest.p, ':', rest.len) != NULL)
			return error_set(err, ERROR_USAGE,
			    "an IPv6 address must be in brackets, as in "
			    "[::1]:3260");
		if (port_parse(rest, &port, err) < 0)
			return -1;
	}
	return portal_put(u, host, brackets, port, err);
}

/*
 * ---- user information ----
 */

static int
userinfo_parse(struct span s, struct auth *auth, struct error *err)
{
	struct span user, secret;

	if (!span_split(s, '%', &user, &secret))
		span_split(s, ':', &user, &secret);
	if (user.len == 0)
		return error_set(err, ERROR_USAGE,
		    "there is no user name before the '@' of the URL");
	if (span_copy(user, auth->user, sizeof(auth->user)) < 0)
		return error_set(err, ERROR_USAGE,
		    "the user name in the URL is too long (at most %d bytes)",
		    AUTH_NAME_MAX);
	if (span_copy(secret, auth->secret, sizeof(auth->secret)) < 0)
		return error_set(err, ERROR_USAGE,
		    "the password in the URL is too long (at most %d bytes)",
		    AUTH_SECRET_MAX);
	return 0;
}

/*
 * ---- target and LUN ----
 */

static int
target_parse(struct span s, bool decode, struct url *u, struct error *err)
{
	size_t i, n = 0;
	int hi, lo;
	char c;

	for (i = 0; i < s.len; i++) {
		c = s.p[i];
		if (decode && c == '%') {
			hi = i + 2 < s.len ? hex_digit(s.p[i + 1]) : -1;
			lo = hi < 0 ? -1 : hex_digit(s.p[i + 2]);
			if (lo < 0 || (hi | lo) == 0)
				return error_set(err, ERROR_USAGE,
				    "target \"%s\": a '%%' is not followed by "
				    "two hexadecimal digits",
				    show(s).text);
			c = (char)(hi << 4 | lo);
			i += 2;
		}
		if (n == ISCSI_NAME_MAX)
			return error_set(err, ERROR_USAGE,
			    "target \"%s\" is longer than %d bytes",
			    show(s).text, ISCSI_NAME_MAX);
		u->target[n++] = c;
	}
	u->target[n] = '\0';
	return name_check(u->target, "target", err) < 0 ? -1 : 0;
}

static int
lun_fail(struct span s, struct error *err)
{
	return error_set(err, ERROR_USAGE,
	    "\"%s\" is not a LUN: a number, or 0x and 16 hexadecimal digits, "
	    "is wanted",
	    show(s).text);
}

/*
 * ---- query ----
 */

struct alg_word {
	const char *word;
	enum chap_alg alg;
};

static int
auth_parse(struct span value, struct url *u, struct error *err)
{
	static const struct alg_word words[] = {
		{ "md5", CHAP_MD5 },
		{ "sha1", CHAP_SHA1 },
		{ "sha-256", CHAP_SHA256 },
		{ "sha3-256", CHAP_SHA3_256 },
	};
	uint8_t algs[CHAP_ALGS] = { 0 };
	struct span word;
	size_t i, n = 0;

	do {
		span_split(value, ',', &word, &value);
		for (i = 0; i < CHAP_ALGS; i++)
			if (span_is(word, words[i].word))
				break;
		if (i == CHAP_ALGS)
			return error_set(err, ERROR_USAGE,
			    "auth=%s: known are md5, sha1, sha-256, sha3-256",
			    show(word).text);
		if (memchr(algs, words[i].alg, n) == NULL)
			algs[n++] = (uint8_t)words[i].alg;
	} while (value.len > 0);
	memcpy(u->auth.algs, algs, sizeof(algs));
	return 0;
}

int
digest_list_parse(const char *text, struct digest_list *ret)
{
	struct span word, rest = span(text, strlen(text));
	struct digest_list list = { 0 };
	uint8_t digest;

	do {
		span_split(rest, ',', &word, &rest);
		if (span_is(word, "none"))
			digest = DIGEST_NONE;
		else if (span_is(word, "crc32c"))
			digest = DIGEST_CRC32C;
		else
			return -EINVAL;
		if (list.n == 2 || (list.n == 1 && list.order[0] == digest))
			return -EINVAL;
		list.order[list.n++] = digest;
	} while (rest.len > 0);
	*ret = list;
	return 0;
}

static int
digest_parse(struct span key, struct span value, struct digest_list *ret,
    struct error *err)
{
	char text[sizeof("crc32c,none")];

	if (span_copy(value, text, sizeof(text)) < 0 ||
	    digest_list_parse(text, ret) < 0)
		return error_set(err, ERROR_USAGE,
		    "%.*s=%s: none, crc32c, or both with a comma is wanted",
		    (int)key.len, key.p, show(value).text);
	return 0;
}

/* The key is shown unless it looks like the rest of a password with a '?'. */
static int
key_unknown(struct span key, struct error *err)
{
	bool shown = memchr(key.p, '@', key.len) == NULL;

	return error_set(err, ERROR_USAGE,
	    "unknown key %s%s%sin the URL; known are header_digest, "
	    "data_digest, auth, target_user, target_password",
	    shown ? "\"" : "", shown ? show(key).text : "", shown ? "\" " : "");
}

static int
pair_parse(struct span key, struct span value, struct url *u, struct error *err)
{
	struct auth *auth = &u->auth;

	if (span_is(key, "header_digest"))
		return digest_parse(key, value, &u->header_digest, err);
	if (span_is(key, "data_digest"))
		return digest_parse(key, value, &u->data_digest, err);
	if (span_is(key, "auth"))
		return auth_parse(value, u, err);
	if (span_is(key, "target_user")) {
		if (span_copy(value, auth->target_user,
			sizeof(auth->target_user)) == 0)
			return 0;
	} else if (span_is(key, "target_password")) {
		if (span_copy(value, auth->target_secret,
			sizeof(auth->target_secret)) == 0)
			return 0;
	} else {
		return key_unknown(key, err);
	}
	return error_set(err, ERROR_USAGE, "the value of %.*s is too long",
	    (int)key.len, key.p);
}

static int
query_parse(struct span query, struct url *u, struct error *err)
{
	struct span pair, key, value;

	while (query.len > 0) {
		span_split(query, '&', &pair, &query);
		if (pair.len == 0)
			continue;
		span_split(pair, '=', &key, &value);
		if (pair_parse(key, value, u, err) < 0)
			return -1;
	}
	return 0;
}

/*
 * ---- the two forms ----
 */

/* What follows "iscsi://". */
static int
parse_iscsi(struct span s, struct url *u, struct error *err)
{
	struct span query, rest, user, authority, path, target, lun;

	span_split(s, '?', &rest, &query);
	if (span_split(rest, '@', &user, &path)) {
		if (userinfo_parse(user, &u->auth, err) < 0)
			return -1;
		rest = path;
		if (memchr(rest.p, '@', rest.len) != NULL)
			return error_set(err, ERROR_USAGE,
			    "the URL has more than one '@'; a password with "
			    "one belongs in --chap-secret-file");
	}
	span_split(rest, '/', &authority, &path);
	if (portal_parse(authority, u, err) < 0)
		return -1;
	span_split(path, '/', &target, &lun);
	if (target.len == 0 && lun.len > 0)
		return error_set(err, ERROR_USAGE,
		    "there is a LUN in the URL, but no target");
	if (target.len > 0 && target_parse(target, true, u, err) < 0)
		return -1;
	if (lun.len > 0) {
		if (lunaddr_parse(lun.p, lun.len, &u->lun) < 0)
			return lun_fail(lun, err);
		u->has_lun = true;
	}
	return query_parse(query, u, err);
}

/* What follows "iscsi:" in a root path. */
static int
parse_rootpath(struct span s, struct url *u, struct error *err)
{
	struct span host, rest = s, protocol, port_text, lun, target;
	unsigned port = URL_PORT;
	bool brackets;

	if (host_take(&rest, &host, &brackets, err) < 0)
		return -1;
	if (rest.len == 0 || rest.p[0] != ':')
		goto malformed;
	rest = span(rest.p + 1, rest.len - 1);
	if (!span_split(rest, ':', &protocol, &rest) ||
	    !span_split(rest, ':', &port_text, &rest) ||
	    !span_split(rest, ':', &lun, &target) || target.len == 0)
		goto malformed;
	/* An IANA protocol number; iSCSI runs on TCP only. */
	if (protocol.len > 0 && !span_is(protocol, "6"))
		return error_set(err, ERROR_USAGE,
		    "protocol \"%s\" in the root path: only 6 (TCP) is known",
		    show(protocol).text);
	if (port_text.len > 0 && port_parse(port_text, &port, err) < 0)
		return -1;
	if (lunaddr_parse_rfc4173(lun.p, lun.len, &u->lun) < 0)
		return error_set(err, ERROR_USAGE,
		    "\"%s\" is not a LUN as RFC 4173 writes it: groups of "
		    "hexadecimal digits, as in 1 or 4752-3A4F-6b7e-2F99",
		    show(lun).text);
	u->has_lun = true;
	if (portal_put(u, host, brackets, port, err) < 0)
		return -1;
	return target_parse(target, false, u, err);

malformed:
	return error_set(err, ERROR_USAGE,
	    "the root path is not iscsi:HOST:[PROTOCOL]:[PORT]:[LUN]:TARGET");
}

static bool
starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static int
parse_scheme(const char *text, struct url *u, struct error *err)
{
	if (starts(text, SCHEME))
		return parse_iscsi(
		    span(text + strlen(SCHEME), strlen(text) - strlen(SCHEME)),
		    u, err);
	if (starts(text, ROOTPATH))
		return parse_rootpath(span(text + strlen(ROOTPATH),
					  strlen(text) - strlen(ROOTPATH)),
		    u, err);
	if (starts(text, ISER))
		return error_set(err, ERROR_USAGE,
		    "iser:// needs RDMA, which is not supported: use iscsi://");
	return error_set(err, ERROR_USAGE,
	    "not an iSCSI URL: iscsi://[USER[%%PASSWORD]@]HOST[:PORT]/TARGET/"
	    "LUN is wanted");
}

/* Gives the result out, or wipes what was read so far. */
static int
finish(int result, struct url *u, struct url *ret)
{
	if (result == 0)
		*ret = *u;
	url_wipe(u);
	return result;
}

int
url_parse(const char *text, struct url *ret, struct error *err)
{
	struct url u;

	memset(&u, 0, sizeof(u));
	return finish(parse_scheme(text, &u, err), &u, ret);
}

int
url_parse_portal(const char *text, struct url *ret, struct error *err)
{
	struct url u;

	if (starts(text, ROOTPATH) || strstr(text, "://") != NULL)
		return url_parse(text, ret, err);
	memset(&u, 0, sizeof(u));
	return finish(portal_parse(span(text, strlen(text)), &u, err), &u, ret);
}

void
url_wipe(struct url *u)
{
	explicit_bzero(u, sizeof(*u));
}
