/* SPDX-License-Identifier: BSD-2-Clause */
/* url.h: what libiscsi's users have, what RFC 4173 says, and what is refused
 * with which words - none of them a secret. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "proto/url.h"

#define IQN "iqn.2001-04.com.example:disk"

static struct url u;
static struct error err;

static void
good(const char *text)
{
	memset(&u, 0x5a, sizeof(u));
	memset(&err, 0, sizeof(err));
	if (url_parse(text, &u, &err) != 0)
		fail_msg("%s: %s", text, err.text);
}

/* Refused as usage, with this word, and without the other. */
static void
bad(const char *text, const char *says, const char *secret)
{
	memset(&err, 0, sizeof(err));
	memset(&u, 0x5a, sizeof(u));
	assert_int_equal(url_parse(text, &u, &err), -1);
	assert_int_equal(err.class, ERROR_USAGE);
	if (strstr(err.text, says) == NULL)
		fail_msg(
		    "%s: \"%s\" does not say \"%s\"", text, err.text, says);
	if (secret != NULL && strstr(err.text, secret) != NULL)
		fail_msg("\"%s\" gives the secret away", err.text);
	assert_int_equal(u.portal[0], 0x5a);
}

static void
test_forms(void **state)
{
	(void)state;
	good("iscsi://nas/" IQN "/3");
	assert_string_equal(u.portal, "nas:3260");
	assert_string_equal(u.target, IQN);
	assert_true(u.has_lun);
	assert_true(u.lun == UINT64_C(3) << 48);
	assert_string_equal(u.auth.user, "");
	assert_int_equal(u.header_digest.n, 0);
	good("iscsi://192.0.2.1:860/" IQN);
	assert_string_equal(u.portal, "192.0.2.1:860");
	assert_false(u.has_lun);
	good("iscsi://[2001:db8::1]/" IQN "/");
	assert_string_equal(u.portal, "[2001:db8::1]:3260");
	assert_false(u.has_lun);
	good("iscsi://[fe80::1%eth0]:65535");
	assert_string_equal(u.portal, "[fe80::1%eth0]:65535");
	assert_string_equal(u.target, "");
	good("iscsi://nas/");
	assert_string_equal(u.target, "");
	good("iscsi://nas/" IQN "/0x8101000000000000");
	assert_true(u.lun == UINT64_C(0x8101) << 48);
}

static void
test_decode(void **state)
{
	(void)state;
	good("iscsi://nas/iqn.2001-04.com.example%3Adisk%2d1/0");
	assert_string_equal(u.target, "iqn.2001-04.com.example:disk-1");
	bad("iscsi://nas/iqn.2001-04.com.example%3/0", "hexadecimal", NULL);
	bad("iscsi://nas/iqn.2001-04.com.example%zz/0", "hexadecimal", NULL);
	bad("iscsi://nas/iqn.2001-04.com.example%00a/0", "hexadecimal", NULL);
}

static void
test_userinfo(void **state)
{
	(void)state;
	good("iscsi://me%secret@nas/" IQN "/0");
	assert_string_equal(u.auth.user, "me");
	assert_string_equal(u.auth.secret, "secret");
	good("iscsi://me:se:cret@nas/" IQN "/0");
	assert_string_equal(u.auth.user, "me");
	assert_string_equal(u.auth.secret, "se:cret");
	/* Literal; the first '%' comes before any ':'. */
	good("iscsi://me:you%41%/x@nas/" IQN "/0");
	assert_string_equal(u.auth.user, "me:you");
	assert_string_equal(u.auth.secret, "41%/x");
	good("iscsi://me@nas:860");
	assert_string_equal(u.auth.user, "me");
	assert_string_equal(u.auth.secret, "");
	assert_string_equal(u.portal, "nas:860");
}

static void
test_query(void **state)
{
	(void)state;
	good("iscsi://u%p@nas/" IQN "/0?header_digest=crc32c,none&"
	     "data_digest=none&target_user=tu&target_password=t=p@/?&"
	     "auth=sha3-256,md5");
	assert_int_equal(u.header_digest.n, 2);
	assert_int_equal(u.header_digest.order[0], DIGEST_CRC32C);
	assert_int_equal(u.header_digest.order[1], DIGEST_NONE);
	assert_int_equal(u.data_digest.n, 1);
	assert_int_equal(u.data_digest.order[0], DIGEST_NONE);
	assert_string_equal(u.auth.target_user, "tu");
	assert_string_equal(u.auth.target_secret, "t=p@/?");
	assert_int_equal(u.auth.algs[0], CHAP_SHA3_256);
	assert_int_equal(u.auth.algs[1], CHAP_MD5);
	assert_int_equal(u.auth.algs[2], 0);
	bad("iscsi://nas/" IQN "/0?frobnicate=1", "\"frobnicate\"", NULL);
	bad("iscsi://nas/" IQN "/0?frobnicate=1",
	    "header_digest, data_digest, auth, target_user, target_password",
	    NULL);
	bad("iscsi://nas/" IQN "/0?header_digest=md5", "crc32c", NULL);
	bad("iscsi://nas/" IQN "/0?header_digest=none,none", "crc32c", NULL);
	bad("iscsi://nas/" IQN "/0?auth=sha512", "sha3-256", NULL);
	bad("iscsi://nas/" IQN "/0?auth=", "sha3-256", NULL);
}

static void
test_refused(void **state)
{
	(void)state;
	bad("iser://nas/" IQN "/0", "iser://", NULL);
	bad("http://nas/", "iscsi://", NULL);
	bad("iscsi:///" IQN "/0", "host", NULL);
	bad("iscsi://nas:0/" IQN, "port", NULL);
	bad("iscsi://nas:65536/" IQN, "port", NULL);
	bad("iscsi://nas:99999999999999999999/" IQN, "port", NULL);
	bad("iscsi://nas:/" IQN, "port", NULL);
	bad("iscsi://2001:db8::1/" IQN, "brackets", NULL);
	bad("iscsi://[2001:db8::1/" IQN, "]", NULL);
	bad("iscsi://[::1]x/" IQN, "]", NULL);
	bad("iscsi://na s/" IQN, "host", NULL);
	bad("iscsi://nas/disk/0", "disk", NULL);
	bad("iscsi://nas//0", "no target", NULL);
	bad("iscsi://nas/" IQN "/x", "\"x\"", NULL);
	bad("iscsi://nas/" IQN "/0/1", "LUN", NULL);
	bad("iscsi://nas/" IQN "/1099511627776", "LUN", NULL);
	bad("iscsi://@nas/" IQN, "user name", NULL);
	bad("iscsi://u%hush@hush@nas/" IQN, "--chap-secret-file", "hush");
	bad("iscsi://u%hush/" IQN, "host", "hush");
	bad("iscsi://u:hush/" IQN, "port", "hush");
	bad("iscsi://u%hu?sh@nas/" IQN, "host", "sh@");
	bad("iscsi://u?hush@nas/" IQN, "unknown key", "hush");
}

static void
test_long(void **state)
{
	char text[2000], name[300];

	(void)state;
	/* 223 bytes of name and long secrets are not cut. */
	snprintf(name, sizeof(name), "iqn.2001-04.com.example:%0*d", 199, 0);
	assert_int_equal(strlen(name), 223);
	snprintf(text, sizeof(text),
	    "iscsi://%0255d%%%0255d@nas/%s/7?"
	    "target_password=%0255d",
	    1, 2, name, 3);
	good(text);
	assert_string_equal(u.target, name);
	assert_int_equal(strlen(u.auth.user), 255);
	assert_int_equal(strlen(u.auth.secret), 255);
	assert_int_equal(strlen(u.auth.target_secret), 255);
	snprintf(text, sizeof(text), "iscsi://nas/%sx/7", name);
	bad(text, "longer than 223", NULL);
	snprintf(text, sizeof(text), "iscsi://%0256d@nas", 1);
	bad(text, "too long", "0001");
	snprintf(text, sizeof(text), "iscsi://u%%%0256d@nas", 1);
	bad(text, "too long", "0001");
	snprintf(text, sizeof(text), "iscsi://%0251d", 1);
	bad(text, "too long", NULL);
	snprintf(text, sizeof(text), "iscsi://%0250d", 1);
	good(text);
}

static void
test_rootpath(void **state)
{
	(void)state;
	good("iscsi:192.0.2.1::::" IQN);
	assert_string_equal(u.portal, "192.0.2.1:3260");
	assert_string_equal(u.target, IQN);
	assert_true(u.has_lun && u.lun == 0);
	good("iscsi:[2001:db8::1]:6:860:4752-3A4F-6b7e-2F99:" IQN);
	assert_string_equal(u.portal, "[2001:db8::1]:860");
	assert_true(u.lun == 0x47523a4f6b7e2f99);
	good("iscsi:nas:::a:" IQN);
	assert_true(u.lun == UINT64_C(0x000a) << 48);
	bad("iscsi:nas:17::0:" IQN, "TCP", NULL);
	bad("iscsi:nas:::0", "iscsi:HOST:", NULL);
	bad("iscsi:::::" IQN, "host", NULL);
	bad("iscsi:nas:::12345:" IQN, "RFC 4173", NULL);
	bad("iscsi:nas:::0:disk", "disk", NULL);
}

static void
test_portal(void **state)
{
	(void)state;
	assert_int_equal(url_parse_portal("nas", &u, &err), 0);
	assert_string_equal(u.portal, "nas:3260");
	assert_int_equal(url_parse_portal("[::1]:860", &u, &err), 0);
	assert_string_equal(u.portal, "[::1]:860");
	assert_int_equal(url_parse_portal("iscsi://me@nas:860", &u, &err), 0);
	assert_string_equal(u.portal, "nas:860");
	assert_string_equal(u.auth.user, "me");
	assert_int_equal(url_parse_portal("nas:x", &u, &err), -1);
	assert_int_equal(url_parse_portal("iser://nas", &u, &err), -1);
	assert_int_equal(url_parse_portal("", &u, &err), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_userinfo),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_rootpath),
		cmocka_unit_test(test_portal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
