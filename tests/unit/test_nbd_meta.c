/* SPDX-License-Identifier: BSD-2-Clause */
/* The metadata contexts of the NBD server, which has one. */
#include "nbd_rig.h"

#define FLAGS (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)

static struct rig rig;
static struct client c;

static void
begin(void)
{
	rig_init(&rig);
	rig_start(&rig);
	client_init(&c, &rig);
}

static void
finish(void)
{
	client_fini(&c);
	rig_fini(&rig);
}

static void
test_meta(void **state)
{
	static const char *const exact[] = { "qemu:dirty", "base:allocation" };
	static const char *const wild[] = { "base:" };
	static const char *const others[] = { "", "base", "base:alloc", ":",
		"base:allocationx", "x-y:base:allocation", "BASE:ALLOCATION" };
	const uint32_t list = NBD_OPT_LIST_META_CONTEXT;
	const uint32_t set = NBD_OPT_SET_META_CONTEXT;

	(void)state;
	begin();
	client_greet(&c, FLAGS);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_meta(&c, list, "first", NULL, 0, true);
	client_meta(&c, list, "", exact, 2, true);
	client_meta(&c, list, "second", wild, 1, true);
	client_meta(&c, list, "first", exact, 1, false);
	client_meta(&c, list, "first", others, countof(others), false);
	client_meta(&c, set, "first", NULL, 0, false);
	client_meta(&c, set, "first", exact, 2, true);
	client_meta(&c, set, "first", wild, 1, false);
	client_meta(&c, set, "first", others, countof(others), false);
	finish();
}

static void
test_meta_wrong(void **state)
{
	static const char *const query[] = { "base:allocation" };
	const uint32_t set = NBD_OPT_SET_META_CONTEXT;
	static uint8_t data[NBD_NAME_MAX + 64];
	size_t len;

	(void)state;
	begin();
	client_greet(&c, FLAGS);
	len = meta_data(data, "first", query, 1);
	client_ask(
	    &c, NBD_OPT_LIST_META_CONTEXT, data, len, NBD_REP_ERR_INVALID);
	client_ask(&c, set, data, len, NBD_REP_ERR_INVALID);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	for (size_t cut = 0; cut < len; cut++)
		client_ask(&c, set, data, cut, NBD_REP_ERR_INVALID);
	client_ask(&c, set, data, len + 1, NBD_REP_ERR_INVALID);
	be32_put(data + 9, UINT32_MAX); /* queries */
	client_ask(&c, set, data, len, NBD_REP_ERR_INVALID);
	len = meta_data(data, "third", query, 1);
	client_ask(&c, set, data, len, NBD_REP_ERR_UNKNOWN);
	/* A query that no string may be. */
	memset(data, 0, sizeof(data));
	be32_put(data + 4, 1);
	be32_put(data + 8, NBD_NAME_MAX + 1);
	client_ask(&c, set, data, 12 + NBD_NAME_MAX + 1, NBD_REP_ERR_INVALID);
	be32_put(data, NBD_NAME_MAX + 1);
	be32_put(data + 4 + NBD_NAME_MAX + 1, 0);
	client_ask(&c, set, data, 8 + NBD_NAME_MAX + 1, NBD_REP_ERR_INVALID);
	finish();
}

/* BLOCK_STATUS is answered only when the last SET_META_CONTEXT selected the
 * context for the export in use. */
static void
check_selected(void (*between)(void), const char *name, bool expect)
{
	static const char *const query[] = { "base:allocation" };
	uint8_t data[256];

	begin();
	client_greet(&c, FLAGS);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_meta(&c, NBD_OPT_SET_META_CONTEXT, "first", query, 1, true);
	if (between != NULL)
		between();
	client_option(&c, NBD_OPT_GO, data, info_data(data, name, NULL, 0));
	for (unsigned i = 0; i < 3; i++)
		client_answer(&c, NBD_OPT_GO, NULL);
	c.mode = NWIRE_STRUCTURED;
	assert_int_equal(
	    client_do(&c, NBD_CMD_BLOCK_STATUS, 0, 0, 512, NULL, NULL),
	    expect ? NBD_OK : NBD_EINVAL);
	finish();
}

static void
set_nothing(void)
{
	client_meta(&c, NBD_OPT_SET_META_CONTEXT, "first", NULL, 0, false);
}

static void
set_badly(void)
{
	client_ask(&c, NBD_OPT_SET_META_CONTEXT, "x", 1, NBD_REP_ERR_INVALID);
}

static void
set_too_much(void)
{
	static uint8_t data[70000];

	client_ask(&c, NBD_OPT_SET_META_CONTEXT, data, sizeof(data),
	    NBD_REP_ERR_TOO_BIG);
}

static void
set_unknown(void)
{
	uint8_t data[64];

	client_ask(&c, NBD_OPT_SET_META_CONTEXT, data,
	    meta_data(data, "third", NULL, 0), NBD_REP_ERR_UNKNOWN);
}

static void
list_only(void)
{
	client_meta(&c, NBD_OPT_LIST_META_CONTEXT, "second", NULL, 0, true);
}

static void
test_meta_selected(void **state)
{
	(void)state;
	check_selected(NULL, "first", true);
	check_selected(NULL, "", true);
	check_selected(NULL, "second", false);
	check_selected(list_only, "first", true);
	check_selected(set_nothing, "first", false);
	check_selected(set_badly, "first", false);
	check_selected(set_too_much, "first", false);
	check_selected(set_unknown, "first", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_meta_wrong),
		cmocka_unit_test(test_meta_selected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
