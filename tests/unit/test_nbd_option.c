/* SPDX-License-Identifier: BSD-2-Clause */
/* The handshake of the NBD server: each option, and each way to get it wrong. */
#include "nbd_rig.h"

#define FLAGS (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)

/* Transmission flags of the two disks. */
#define FLAGS_FIRST  (0x1 | 0x4 | 0x8 | 0x20 | 0x40 | 0x100 | 0x400 | 0x800)
#define FLAGS_SECOND (0x1 | 0x4 | 0x8 | 0x40 | 0x100 | 0x400)

static struct rig rig;
static struct client c;

static void
begin(enum nbd_tls tls)
{
	rig_init(&rig);
	rig.config.tls = tls;
	rig_start(&rig);
	client_init(&c, &rig);
}

static void
finish(void)
{
	client_fini(&c);
	rig_fini(&rig);
}

/* The connection goes on: it answers. */
static void
assert_alive(void)
{
	client_ask(&c, 0x4711, NULL, 0, NBD_REP_ERR_UNSUP);
}

/* ---- greeting ---- */

static void
test_client_flags(void **state)
{
	(void)state;
	for (uint32_t bit = 2; bit < 32; bit++) {
		begin(NBD_TLS_OFF);
		client_greet(&c, UINT32_C(1) << bit | 1);
		assert_dropped(&c, "unknown flags");
		finish();
	}
	for (uint32_t flags = 0; flags < 4; flags++) {
		begin(NBD_TLS_OFF);
		client_greet(&c, flags);
		assert_false(client_closed(&c, NULL));
		finish();
	}
}

static void
test_not_fixed(void **state)
{
	(void)state;
	begin(NBD_TLS_ON);
	client_greet(&c, NBD_FLAG_NO_ZEROES);
	client_option(&c, NBD_OPT_STARTTLS, NULL, 0);
	assert_dropped(&c, "fixed newstyle");
	assert_false(nconn_wants_tls(c.nc));
	finish();
}

static void
test_garbage(void **state)
{
	struct client other;

	(void)state;
	begin(NBD_TLS_OFF);
	client_init(&other, &rig);
	client_greet(&c, FLAGS);
	client_bytes(&c, "GET / HTTP/1.0\r\n\r\n", 18);
	assert_dropped(&c, "no option: magic 0x474554202f204854");
	client_greet(&other, FLAGS);
	client_ask(&other, NBD_OPT_ABORT, NULL, 0, NBD_REP_ACK);
	client_fini(&other);
	finish();
}

/* ---- EXPORT_NAME ---- */

static void
check_export_name(uint32_t flags, const char *name, unsigned expect)
{
	static const uint8_t zeroes[NBD_ZEROES_LEN];
	struct reply r;
	const uint8_t *p;

	begin(NBD_TLS_OFF);
	client_greet(&c, flags);
	client_option(&c, NBD_OPT_EXPORT_NAME, name, strlen(name));
	p = client_take(&c, NBD_EXPORT_LEN);
	assert_non_null(p);
	assert_true(be64_get(p) == RIG_SIZE);
	assert_int_equal(be16_get(p + 8), expect);
	if (!(flags & NBD_FLAG_NO_ZEROES)) {
		p = client_take(&c, NBD_ZEROES_LEN);
		assert_non_null(p);
		assert_memory_equal(p, zeroes, sizeof(zeroes));
	}
	assert_int_equal(c.in_len, 0);
	assert_int_equal(client_do(&c, NBD_CMD_READ, 0, 0, 512, NULL, &r), 0);
	assert_int_equal(r.len, 512);
	finish();
}

static void
test_export_name(void **state)
{
	(void)state;
	for (uint32_t flags = 0; flags < 4; flags++) {
		check_export_name(flags, "", FLAGS_FIRST);
		check_export_name(flags, "first", FLAGS_FIRST);
		check_export_name(flags, "second", FLAGS_SECOND);
	}
}

static void
test_export_name_unknown(void **state)
{
	static const char *const names[] = { "firs", "firstt", "sec\nond" };
	static const char *const shown[] = { "\"firs\"", "\"firstt\"",
		"\"sec\\x0aond\"" };
	static char huge[70000];

	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		begin(NBD_TLS_OFF);
		client_greet(&c, FLAGS);
		client_option(
		    &c, NBD_OPT_EXPORT_NAME, names[i], strlen(names[i]));
		assert_dropped(&c, shown[i]);
		assert_int_equal(c.in_len, 0);
		finish();
	}
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_option(&c, NBD_OPT_EXPORT_NAME, huge, sizeof(huge));
	assert_dropped(&c, "too much data");
	finish();
}

static void
test_export_name_extended(void **state)
{
	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_ask(&c, NBD_OPT_EXTENDED_HEADERS, NULL, 0, NBD_REP_ACK);
	client_option(&c, NBD_OPT_EXPORT_NAME, "first", 5);
	assert_dropped(&c, "extended headers");
	finish();
}

static void
test_export_name_structured(void **state)
{
	const uint8_t *p;

	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_option(&c, NBD_OPT_EXPORT_NAME, "first", 5);
	p = client_take(&c, NBD_EXPORT_LEN);
	assert_non_null(p);
	assert_int_equal(be16_get(p + 8), FLAGS_FIRST | 0x80);
	c.mode = NWIRE_STRUCTURED;
	assert_int_equal(client_do(&c, NBD_CMD_READ, 0, 0, 512, NULL, NULL), 0);
	finish();
}

/* ---- ABORT, LIST, unknown, too much ---- */

static void
test_abort(void **state)
{
	static uint8_t data[100000];
	static const size_t lens[] = { 0, 4, sizeof(data) };
	struct error err;

	(void)state;
	for (size_t i = 0; i < countof(lens); i++) {
		begin(NBD_TLS_REQUIRE);
		client_greet(&c, FLAGS);
		client_option(&c, NBD_OPT_ABORT, data, lens[i]);
		/* Nothing behind it is looked at. */
		client_option(&c, NBD_OPT_LIST, NULL, 0);
		c.deaf = true;
		assert_false(client_closed(&c, NULL));
		c.deaf = false;
		assert_int_equal(
		    client_answer(&c, NBD_OPT_ABORT, NULL).type, NBD_REP_ACK);
		assert_true(client_closed(&c, &err));
		assert_int_equal(err.class, ERROR_NONE);
		assert_int_equal(c.in_len, 0);
		finish();
	}
}

static void
test_list(void **state)
{
	struct nwire_answer answer;
	const uint8_t *p;

	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_option(&c, NBD_OPT_LIST, NULL, 0);
	answer = client_answer(&c, NBD_OPT_LIST, &p);
	assert_int_equal(answer.type, NBD_REP_SERVER);
	assert_int_equal(answer.length, 9);
	assert_memory_equal(p, "\0\0\0\5first", 9);
	answer = client_answer(&c, NBD_OPT_LIST, &p);
	assert_int_equal(answer.type, NBD_REP_SERVER);
	assert_int_equal(answer.length, 4 + 6 + 12);
	assert_memory_equal(p, "\0\0\0\6seconda plain disk", 22);
	answer = client_answer(&c, NBD_OPT_LIST, &p);
	assert_int_equal(answer.type, NBD_REP_ACK);
	assert_int_equal(answer.length, 0);
	client_ask(&c, NBD_OPT_LIST, "x", 1, NBD_REP_ERR_INVALID);
	assert_alive();
	finish();
}

static void
test_unknown(void **state)
{
	static const uint32_t unknown[] = { 0, 4, 12, 13, 0x10000, UINT32_MAX };
	static uint8_t data[70000];

	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	for (size_t i = 0; i < countof(unknown); i++) {
		client_ask(&c, unknown[i], NULL, 0, NBD_REP_ERR_UNSUP);
		client_ask(
		    &c, unknown[i], data, sizeof(data), NBD_REP_ERR_UNSUP);
	}
	finish();
}

static void
test_too_much(void **state)
{
	static const uint32_t plain[] = { NBD_OPT_INFO, NBD_OPT_GO,
		NBD_OPT_LIST_META_CONTEXT, NBD_OPT_SET_META_CONTEXT };
	static uint8_t data[65537];

	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	for (size_t i = 0; i < countof(plain); i++) {
		client_ask(
		    &c, plain[i], data, sizeof(data), NBD_REP_ERR_TOO_BIG);
		client_ask(
		    &c, plain[i], data, sizeof(data) - 1, NBD_REP_ERR_INVALID);
	}
	client_ask(&c, NBD_OPT_LIST, data, sizeof(data), NBD_REP_ERR_INVALID);
	client_option(&c, NBD_OPT_INFO, NULL, 0);
	/* The announced length alone ends it. */
	be32_put(c.out + c.out_len - 4, (32u << 20) + 1);
	assert_dropped(&c, "33554433 bytes of data for option 6");
	finish();
}

/* ---- INFO, GO ---- */

static void
check_info(uint32_t option, const char *name, unsigned index, unsigned flags,
    uint32_t block)
{
	static const uint16_t all[] = { NBD_INFO_EXPORT, NBD_INFO_NAME,
		NBD_INFO_DESCRIPTION, NBD_INFO_BLOCK_SIZE, 77 };
	static const char *const names[] = { "first", "second" };
	static const char *const described[] = { "", "a plain disk" };
	unsigned seen[4] = { 0 };
	struct nwire_answer answer;
	const char *text;
	uint8_t data[64];
	const uint8_t *p;

	client_option(&c, option, data, info_data(data, name, all, 5));
	while ((answer = client_answer(&c, option, &p)).type == NBD_REP_INFO) {
		assert_in_range(be16_get(p), 0, 3);
		seen[be16_get(p)]++;
		switch (be16_get(p)) {
		case NBD_INFO_EXPORT:
			assert_int_equal(answer.length, 12);
			assert_true(be64_get(p + 2) == RIG_SIZE);
			assert_int_equal(be16_get(p + 10), flags);
			break;
		case NBD_INFO_BLOCK_SIZE:
			assert_int_equal(answer.length, 14);
			assert_int_equal(be32_get(p + 2), 1);
			assert_int_equal(be32_get(p + 6), block);
			assert_int_equal(be32_get(p + 10), 32 << 20);
			break;
		default:
			text = be16_get(p) == NBD_INFO_NAME ? names[index]
							    : described[index];
			assert_int_equal(answer.length, 2 + strlen(text));
			assert_memory_equal(p + 2, text, strlen(text));
			break;
		}
	}
	assert_int_equal(answer.type, NBD_REP_ACK);
	assert_int_equal(answer.length, 0);
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[1], 1);
	assert_int_equal(seen[2], index);
	assert_int_equal(seen[3], 1);
}

static void
test_info(void **state)
{
	(void)state;
	begin(NBD_TLS_OFF);
	rig.disks[1].bdev.physical_block_size = 65536;
	client_greet(&c, FLAGS);
	check_info(NBD_OPT_INFO, "", 0, FLAGS_FIRST, 4096);
	check_info(NBD_OPT_INFO, "first", 0, FLAGS_FIRST, 4096);
	check_info(NBD_OPT_INFO, "second", 1, FLAGS_SECOND, 65536);
	/* DF exists with chunks only. */
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	check_info(NBD_OPT_INFO, "second", 1, FLAGS_SECOND | 0x80, 65536);
	client_ask(&c, NBD_OPT_EXTENDED_HEADERS, NULL, 0, NBD_REP_ACK);
	check_info(NBD_OPT_INFO, "second", 1, FLAGS_SECOND | 0x80, 65536);
	rig.disks[1].bdev.optimal_io = 1 << 20;
	check_info(NBD_OPT_INFO, "second", 1, FLAGS_SECOND | 0x80, 1 << 20);
	rig.disks[1].bdev.optimal_io = 3 << 20;
	check_info(NBD_OPT_INFO, "second", 1, FLAGS_SECOND | 0x80, 65536);
	rig.disks[1].bdev.physical_block_size = 12345;
	check_info(NBD_OPT_INFO, "second", 1, FLAGS_SECOND | 0x80, 16384);
	rig.disks[1].bdev.physical_block_size = 0;
	check_info(NBD_OPT_GO, "second", 1, FLAGS_SECOND | 0x80, 4096);
	c.mode = NWIRE_EXTENDED;
	assert_int_equal(client_do(&c, NBD_CMD_READ, 0, 0, 512, NULL, NULL), 0);
	assert_int_equal(rig.disks[1].seen_n, 1);
	finish();
}

/* Unasked, only what is needed comes. */
static void
test_info_unasked(void **state)
{
	uint8_t data[64];
	const uint8_t *p;

	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_option(
	    &c, NBD_OPT_INFO, data, info_data(data, "second", NULL, 0));
	assert_int_equal(
	    client_answer(&c, NBD_OPT_INFO, &p).type, NBD_REP_INFO);
	assert_int_equal(be16_get(p), NBD_INFO_EXPORT);
	assert_int_equal(
	    client_answer(&c, NBD_OPT_INFO, &p).type, NBD_REP_INFO);
	assert_int_equal(be16_get(p), NBD_INFO_BLOCK_SIZE);
	assert_int_equal(client_answer(&c, NBD_OPT_INFO, &p).type, NBD_REP_ACK);
	assert_alive();
	finish();
}

static void
test_info_wrong(void **state)
{
	static const uint16_t infos[] = { NBD_INFO_NAME, NBD_INFO_BLOCK_SIZE };
	static uint8_t data[NBD_NAME_MAX + 16];
	struct nwire_answer answer;
	const uint8_t *p;
	size_t len;

	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	len = info_data(data, "first", infos, 2);
	for (size_t cut = 0; cut < len; cut++)
		client_ask(&c, NBD_OPT_GO, data, cut, NBD_REP_ERR_INVALID);
	client_ask(&c, NBD_OPT_GO, data, len + 1, NBD_REP_ERR_INVALID);
	be32_put(data, UINT32_MAX);
	client_ask(&c, NBD_OPT_GO, data, len, NBD_REP_ERR_INVALID);
	client_option(
	    &c, NBD_OPT_GO, data, info_data(data, "fir\033st", infos, 2));
	answer = client_answer(&c, NBD_OPT_GO, &p);
	assert_int_equal(answer.type, NBD_REP_ERR_UNKNOWN);
	assert_memory_equal(
	    p, "there is no export \"fir\\x1bst\"", answer.length);
	be32_put(data, NBD_NAME_MAX);
	memset(data + 4, 'x', NBD_NAME_MAX + 1);
	memset(data + 4 + NBD_NAME_MAX, 0, 3);
	client_ask(
	    &c, NBD_OPT_INFO, data, NBD_NAME_MAX + 6, NBD_REP_ERR_UNKNOWN);
	be32_put(data, NBD_NAME_MAX + 1);
	client_ask(
	    &c, NBD_OPT_INFO, data, NBD_NAME_MAX + 7, NBD_REP_ERR_INVALID);
	assert_alive();
	finish();
}

/* A request may come in the same bytes as GO. */
static void
test_go_and_on(void **state)
{
	uint8_t data[64];
	struct reply r;

	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_option(&c, NBD_OPT_GO, data, info_data(data, "", NULL, 0));
	client_request(&c, NBD_CMD_READ, 0, 4096, 10, NULL);
	for (unsigned i = 0; i < 3; i++)
		client_answer(&c, NBD_OPT_GO, NULL);
	assert_true(client_reply(&c, 10, &r));
	assert_int_equal(r.len, 10);
	finish();
}

/* ---- modes ---- */

static void
test_modes(void **state)
{
	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, "x", 1, NBD_REP_ERR_INVALID);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_ask(&c, NBD_OPT_EXTENDED_HEADERS, "x", 1, NBD_REP_ERR_INVALID);
	client_ask(&c, NBD_OPT_EXTENDED_HEADERS, NULL, 0, NBD_REP_ACK);
	client_ask(&c, NBD_OPT_EXTENDED_HEADERS, NULL, 0, NBD_REP_ACK);
	client_ask(
	    &c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ERR_EXT_HEADER_REQD);
	finish();
}

/* ---- shutdown ---- */

static void
test_shutdown(void **state)
{
	static const uint32_t refused[] = { NBD_OPT_LIST, NBD_OPT_STARTTLS,
		NBD_OPT_GO, NBD_OPT_EXTENDED_HEADERS };
	struct error err;

	(void)state;
	for (size_t i = 0; i < countof(refused); i++) {
		begin(NBD_TLS_ON);
		client_greet(&c, FLAGS);
		client_pump(&c);
		/* With an answer on its way the connection is not idle. */
		client_option(&c, NBD_OPT_LIST, NULL, 0);
		client_option(&c, refused[i], NULL, 0);
		c.deaf = true;
		client_pump(&c);
		nbd_shutdown(rig.nbd);
		assert_int_equal(c.wakes, 1);
		assert_false(nconn_closing(c.nc, &err));
		c.deaf = false;
		for (unsigned j = 0; j < 3; j++)
			client_answer(&c, NBD_OPT_LIST, NULL);
		assert_int_equal(client_answer(&c, refused[i], NULL).type,
		    NBD_REP_ERR_SHUTDOWN);
		assert_true(client_closed(&c, &err));
		assert_int_equal(err.class, ERROR_NONE);
		finish();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_flags),
		cmocka_unit_test(test_not_fixed),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_export_name),
		cmocka_unit_test(test_export_name_unknown),
		cmocka_unit_test(test_export_name_extended),
		cmocka_unit_test(test_export_name_structured),
		cmocka_unit_test(test_abort),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_info_unasked),
		cmocka_unit_test(test_info_wrong),
		cmocka_unit_test(test_go_and_on),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_shutdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
