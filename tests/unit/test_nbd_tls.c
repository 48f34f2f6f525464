/* SPDX-License-Identifier: BSD-2-Clause */
/* NBD_OPT_STARTTLS, and what may be had without it. */
#include "nbd_rig.h"

#define FLAGS (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)

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

static void
test_tls_off(void **state)
{
	(void)state;
	begin(NBD_TLS_OFF);
	client_greet(&c, FLAGS);
	client_ask(&c, NBD_OPT_STARTTLS, NULL, 0, NBD_REP_ERR_POLICY);
	client_ask(&c, NBD_OPT_STARTTLS, "x", 1, NBD_REP_ERR_INVALID);
	assert_false(nconn_wants_tls(c.nc));
	assert_alive();
	finish();
}

static void
test_tls_on(void **state)
{
	static const char *const query[] = { "base:allocation" };
	struct iovec iov[4];
	uint8_t data[64];

	(void)state;
	begin(NBD_TLS_ON);
	client_greet(&c, FLAGS);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_meta(&c, NBD_OPT_SET_META_CONTEXT, "first", query, 1, true);
	client_ask(&c, NBD_OPT_STARTTLS, "x", 1, NBD_REP_ERR_INVALID);
	client_option(&c, NBD_OPT_STARTTLS, NULL, 0);
	c.deaf = true;
	client_pump(&c);
	assert_false(nconn_wants_tls(c.nc));
	assert_int_equal(nconn_rx_iov(c.nc, iov, 4), 0);
	c.deaf = false;
	assert_int_equal(
	    client_answer(&c, NBD_OPT_STARTTLS, NULL).type, NBD_REP_ACK);
	assert_true(nconn_wants_tls(c.nc));
	assert_int_equal(nconn_rx_iov(c.nc, iov, 4), 0);
	assert_int_equal(nconn_tx_iov(c.nc, iov, 4, rig.now), 0);
	nconn_tls_ready(c.nc);
	assert_false(nconn_wants_tls(c.nc));
	assert_true(nconn_rx_iov(c.nc, iov, 4) > 0);
	client_ask(&c, NBD_OPT_STARTTLS, NULL, 0, NBD_REP_ERR_INVALID);
	/* What was negotiated in the clear is forgotten. */
	client_ask(&c, NBD_OPT_LIST_META_CONTEXT, data,
	    meta_data(data, "first", NULL, 0), NBD_REP_ERR_INVALID);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	client_option(&c, NBD_OPT_GO, data, info_data(data, "first", NULL, 0));
	for (unsigned i = 0; i < 3; i++)
		client_answer(&c, NBD_OPT_GO, NULL);
	c.mode = NWIRE_STRUCTURED;
	assert_int_equal(
	    client_do(&c, NBD_CMD_BLOCK_STATUS, 0, 0, 512, NULL, NULL),
	    NBD_EINVAL);
	finish();
}

static void
test_tls_injected(void **state)
{
	(void)state;
	begin(NBD_TLS_ON);
	client_greet(&c, FLAGS);
	client_option(&c, NBD_OPT_STARTTLS, NULL, 0);
	client_option(&c, NBD_OPT_LIST, NULL, 0);
	assert_dropped(&c, "in the clear");
	assert_false(nconn_wants_tls(c.nc));
	assert_int_equal(c.in_len, 0);
	finish();
}

static void
test_tls_required(void **state)
{
	static const uint32_t refused[] = { NBD_OPT_LIST, NBD_OPT_INFO,
		NBD_OPT_GO, NBD_OPT_STRUCTURED_REPLY, NBD_OPT_LIST_META_CONTEXT,
		NBD_OPT_SET_META_CONTEXT, NBD_OPT_EXTENDED_HEADERS, 4711 };

	(void)state;
	begin(NBD_TLS_REQUIRE);
	client_greet(&c, FLAGS);
	for (size_t i = 0; i < countof(refused); i++)
		client_ask(&c, refused[i], NULL, 0, NBD_REP_ERR_TLS_REQD);
	client_ask(&c, NBD_OPT_STARTTLS, NULL, 0, NBD_REP_ACK);
	assert_true(nconn_wants_tls(c.nc));
	nconn_tls_ready(c.nc);
	client_ask(&c, NBD_OPT_STRUCTURED_REPLY, NULL, 0, NBD_REP_ACK);
	assert_alive();
	finish();

	begin(NBD_TLS_REQUIRE);
	client_greet(&c, FLAGS);
	client_option(&c, NBD_OPT_EXPORT_NAME, "first", 5);
	assert_dropped(&c, "TLS is required");
	assert_int_equal(c.in_len, 0);
	finish();

	begin(NBD_TLS_REQUIRE);
	client_greet(&c, 0);
	client_option(&c, NBD_OPT_EXPORT_NAME, NULL, 0);
	assert_dropped(&c, "TLS is required");
	finish();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls_off),
		cmocka_unit_test(test_tls_on),
		cmocka_unit_test(test_tls_injected),
		cmocka_unit_test(test_tls_required),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
