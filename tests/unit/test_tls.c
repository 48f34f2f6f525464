/* SPDX-License-Identifier: BSD-2-Clause */
/* tls.h, the connections: see tls_rig.h. */
#include "tls_rig.h"

#include <sys/socket.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define TLS13	"NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define TLS12	"NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define TLS11	"NORMAL:-VERS-ALL:+VERS-TLS1.1"
#define PSK	":-KX-ALL:+ECDHE-PSK:+DHE-PSK"
#define PSK_DHE ":-KX-ALL:+DHE-PSK"

static void
open_x509(const char *folder, bool verify_peer)
{
	const struct tls_config config = { .certificates = rig_path(folder),
		.verify_peer = verify_peer };

	rig_open(&config);
}

static void
open_psk(void)
{
	const struct tls_config config = { .psk_file = rig_path("keys.psk") };

	rig_open(&config);
}

static bool
quick(void)
{
	return getenv("QUICK") != NULL;
}

/* To the next byte that is spoilt or the last one: most in the handshake. */
static size_t
step(size_t at)
{
	if (quick())
		return 3333;
	return at < 2000 ? 97 : 1777;
}

static bool
logged(const char *text)
{
	return strstr(rig.log, text) != NULL;
}

static void
assert_logged(const char *text)
{
	if (!logged(text))
		fail_msg("\"%s\" is not in the log: %s", text, rig.log);
}

/* The handshake came to its end, and bytes pass unchanged both ways. */
static void
assert_works(size_t size)
{
	rig.put_max = size;
	rig.out_len = size;
	rig_until(rig.in_len == size && rig.got_len == size);
	assert_true(rig.ready);
	assert_int_equal(rig.ended, 0);
	assert_memory_equal(rig.in, rig.out, size);
	assert_memory_equal(rig.got, rig.out, size);
}

/* It did not, and the engine saw nothing of it. */
static void
assert_refused(const char *why)
{
	rig_until(rig.ended > 0);
	assert_int_equal(rig.ended, 1);
	assert_int_equal(rig.error, 0);
	assert_false(rig.ready);
	assert_int_equal(rig.in_len, 0);
	assert_logged("the client: TLS handshake: ");
	assert_logged(why);
	/* The client is told, too. */
	if (rig.client != NULL)
		rig_until(rig.failed != 0);
	/* And nothing follows. */
	for (int i = 0; i < 10; i++)
		rig_turn();
	assert_int_equal(rig.ended, 1);
}

/* ---- who may come in ---- */

static void
bytes_pass_both_ways(void **state)
{
	static const struct {
		bool psk;
		const char *priority;
		const char *logged;
	} table[] = {
		{ false, TLS13, "TLS1.3" },
		{ false, TLS12, "TLS1.2" },
		{ true, TLS13 PSK, "TLS1.3" },
		{ true, TLS12 PSK, "TLS1.2" },
		{ true, TLS12 PSK_DHE, "DHE-FFDHE" },
	};

	(void)state;
	for (size_t i = 0; i < countof(table); i++) {
		if (table[i].psk) {
			open_psk();
			rig_client_psk(
			    "bob", rig_key("bob"), table[i].priority);
		} else {
			open_x509("server", false);
			rig_client_x509("nobody", table[i].priority);
		}
		assert_works(RIG_SIZE);
		assert_logged(table[i].logged);
		assert_logged(table[i].psk ? "client: bob" : "client: anybody");
		rig_close();
	}
}

static void
client_certificate_is_checked(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *priority = i == 0 ? TLS13 : TLS12;

		open_x509("server", true);
		rig_client_x509("client", priority);
		assert_works(100000);
		assert_logged("client: CN=tester");
		rig_close();

		open_x509("server", true);
		rig_client_x509("nobody", priority);
		assert_refused("ertificate");
		rig_close();

		open_x509("server", true);
		rig_client_x509("stranger", priority);
		assert_refused("issuer is unknown");
		rig_close();

		open_x509("revoked", true);
		rig_client_x509("client", priority);
		assert_refused("revoked");
		rig_close();
	}
}

static void
client_may_refuse_the_server(void **state)
{
	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS12);
	gnutls_session_set_verify_cert(rig.client, "example.org", 0);
	assert_refused("the client refused: ");
	rig_close();
}

/* A client that may come in because it is trusted as a server. */
static void
client_certificate_has_its_purpose(void **state)
{
	char path[2][256];

	(void)state;
	open_x509("server", true);
	rig_client_x509("nobody", TLS13);
	snprintf(
	    path[0], sizeof(path[0]), "%s", rig_path("server/server-cert.pem"));
	snprintf(
	    path[1], sizeof(path[1]), "%s", rig_path("server/server-key.pem"));
	assert_int_equal(gnutls_certificate_set_x509_key_file(
			     rig.x509, path[0], path[1], GNUTLS_X509_FMT_PEM),
	    0);
	assert_refused("purpose");
	rig_close();
}

static void
wrong_key_and_unknown_user_look_the_same(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *priority = i == 0 ? TLS13 PSK : TLS12 PSK;
		int wrong;

		open_psk();
		rig_client_psk("alice", rig_key("bob"), priority);
		assert_refused("TLS handshake");
		assert_false(logged("no user"));
		wrong = rig.failed == GNUTLS_E_FATAL_ALERT_RECEIVED
			    ? (int)gnutls_alert_get(rig.client)
			    : rig.failed;
		rig_close();

		open_psk();
		rig_client_psk("ali\nce", rig_key("alice"), priority);
		assert_refused("there is no user \"ali\\x0ace\"");
		assert_int_equal(rig.failed == GNUTLS_E_FATAL_ALERT_RECEIVED
				     ? (int)gnutls_alert_get(rig.client)
				     : rig.failed,
		    wrong);
		assert_false(logged(rig_key("alice")));
		rig_close();
	}
}

static void
old_versions_and_other_means_are_refused(void **state)
{
	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS11);
	assert_refused("version");
	rig_close();

	open_psk();
	rig_client_x509("client", TLS13);
	assert_refused("");
	rig_close();

	open_x509("server", false);
	rig_client_psk("alice", rig_key("alice"), TLS13 PSK);
	assert_refused("");
	rig_close();
}

/* ---- peers that speak something else ---- */

static void
clear_text_ends_the_handshake(void **state)
{
	static const char option[] = "IHAVEOPT\0\0\0\7\0\0\0\0";

	(void)state;
	open_x509("server", false);
	assert_int_equal(
	    send(rig.fd, option, sizeof(option) - 1, 0), sizeof(option) - 1);
	assert_refused("");
	rig_close();
}

static void
garbage_ends_the_handshake(void **state)
{
	uint8_t bytes[3000];

	(void)state;
	for (unsigned seed = 0; seed < (quick() ? 20 : 200); seed++) {
		size_t len;

		open_x509("server", true);
		rig.prng.state = seed;
		prng_fill(&rig.prng, bytes, sizeof(bytes));
		/* Half of them begin as a handshake does. */
		if (seed % 2 == 0)
			memcpy(bytes, "\x16\x03\x01\x01\x00\x01\x00\x00", 8);
		len = 1 + prng_below(&rig.prng, sizeof(bytes));
		assert_int_equal(send(rig.fd, bytes, len, 0), len);
		for (int i = 0; i < 5; i++)
			rig_turn();
		shutdown(rig.fd, SHUT_WR);
		assert_refused("");
		rig_close();
	}
}

static void
client_that_goes_is_noticed(void **state)
{
	(void)state;
	open_x509("server", false);
	rig_turn();
	close(rig.fd);
	rig.fd = -1;
	assert_refused("has gone");
	rig_close();
}

/* Broken off anywhere: what came whole is delivered, nothing else. */
static void
client_breaks_off_anywhere(void **state)
{
	size_t whole = 0;

	(void)state;
	for (size_t at = 1; at < 40000; at += step(at)) {
		open_x509("server", true);
		rig_client_x509("client", TLS13);
		rig.budget = at;
		rig.put_max = 100000;
		rig_until(rig.ended > 0);
		assert_int_equal(rig.ended, 1);
		assert_true(rig.in_len <= rig.put_len);
		assert_memory_equal(rig.in, rig.out, rig.in_len);
		assert_true(rig.ready || logged("TLS handshake: "));
		whole += rig.in_len > 0;
		rig_close();
	}
	assert_true(whole > 0);
}

static void
spoilt_byte_ends_it(void **state)
{
	size_t ended_late = 0;

	(void)state;
	for (size_t at = 1; at < 60000; at += step(at)) {
		open_x509("server", true);
		rig_client_x509("client", TLS13);
		rig.flip = at;
		rig.put_max = 100000;
		/* A spoilt length makes the server wait for more than comes. */
		for (int i = 0; i < 20000 && rig.ended == 0; i++) {
			rig_turn();
			if (rig.put_len == rig.put_max)
				shutdown(rig.fd, SHUT_WR);
		}
		assert_int_equal(rig.ended, 1);
		assert_true(rig.in_len < rig.put_max);
		assert_memory_equal(rig.in, rig.out, rig.in_len);
		ended_late += logged("the client: TLS: ");
		rig_close();
	}
	assert_true(ended_late > 0);
}

/* ---- what a client may do, and may not ---- */

static void
renegotiation_ends_it(void **state)
{
	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS12);
	assert_works(1000);
	rig.shaken = false; /* client_turn() begins another one */
	rig_until(rig.ended > 0);
	assert_int_equal(rig.error, 0);
	assert_logged("the client: TLS: Rehandshake");
	rig_close();
}

static void
keys_may_change(void **state)
{
	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS13);
	for (size_t i = 1; i <= 6; i++) {
		assert_works(i * 100); /* in the same read */
		assert_int_equal(
		    gnutls_session_key_update(rig.client, GNUTLS_KU_PEER), 0);
	}
	assert_works(RIG_SIZE);
	rig_close();
}

static void
records_may_be_small(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		open_x509("server", false);
		rig_client_x509("nobody", i == 0 ? TLS13 : TLS12);
		assert_int_equal(
		    gnutls_record_set_max_recv_size(rig.client, 512), 0);
		assert_works(500000);
		rig_close();
	}
}

/* The engine stops to read: so does the socket, soon, and nothing is lost. */
static void
engine_without_room_stops_the_client(void **state)
{
	size_t stopped;

	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS13);
	assert_works(1000);
	rig.starved = true;
	rig.put_max = RIG_SIZE;
	for (int i = 0; i < 2000; i++)
		rig_turn();
	stopped = rig.put_len;
	assert_true(stopped < (1u << 20));
	for (int i = 0; i < 200; i++)
		rig_turn();
	assert_int_equal(rig.put_len, stopped);
	assert_int_equal(rig.in_len, 1000);
	rig.starved = false;
	assert_works(RIG_SIZE);
	rig_close();
}

/* All that came is in memory, and nothing more comes of the socket. */
static void
engine_with_room_again_gets_what_waits(void **state)
{
	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS13);
	assert_works(1000);
	for (size_t len = 1100; len < 60000; len += len / 2) {
		rig.starved = true;
		rig.put_max = len;
		rig_until(rig.put_len == len);
		for (int i = 0; i < 10; i++)
			rig_turn();
		rig.starved = false;
		rig_until(rig.in_len == len);
	}
	assert_memory_equal(rig.in, rig.out, rig.in_len);
	rig_close();
}

/* ---- the end ---- */

static void
our_end_waits_for_what_was_sent(void **state)
{
	unsigned waited = 0;

	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS13);
	assert_works(1000);
	rig.out_len = 200000; /* less than tls takes at once */
	stream_flush(&rig.stream);
	assert_int_equal(rig.out_sent, rig.out_len);
	while (!tls_bye(rig.tls)) {
		rig_turn();
		assert_true(++waited < 10000);
	}
	assert_true(waited > 0);
	assert_int_equal(rig.ended, 0);
	stream_close(&rig.stream);
	rig_until(rig.failed != 0);
	assert_int_equal(rig.failed, GNUTLS_E_SESSION_EOF);
	assert_int_equal(rig.got_len, 200000);
	assert_memory_equal(rig.got, rig.out, 200000);
	rig_close();
}

static void
clients_end_is_no_error(void **state)
{
	size_t len;

	(void)state;
	open_x509("server", false);
	rig_client_x509("nobody", TLS13);
	assert_works(30000);
	len = strlen(rig.log);
	assert_int_equal(gnutls_bye(rig.client, GNUTLS_SHUT_WR), 0);
	rig_until(rig.finished);
	/* It still takes what we send. */
	rig.out_len += 30000;
	rig_until(rig.got_len == 60000);
	assert_int_equal(rig.in_len, 30000);
	assert_true(tls_bye(rig.tls));
	shutdown(rig.fd, SHUT_RDWR);
	rig_until(rig.ended > 0);
	assert_int_equal(rig.error, 0);
	assert_int_equal(strlen(rig.log), len);
	rig_close();
}

int
main(void)
{
#define T(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		T(bytes_pass_both_ways),
		T(client_certificate_is_checked),
		T(client_certificate_has_its_purpose),
		T(client_may_refuse_the_server),
		T(wrong_key_and_unknown_user_look_the_same),
		T(old_versions_and_other_means_are_refused),
		T(clear_text_ends_the_handshake),
		T(garbage_ends_the_handshake),
		T(client_that_goes_is_noticed),
		T(client_breaks_off_anywhere),
		T(spoilt_byte_ends_it),
		T(renegotiation_ends_it),
		T(keys_may_change),
		T(records_may_be_small),
		T(engine_without_room_stops_the_client),
		T(engine_with_room_again_gets_what_waits),
		T(our_end_waits_for_what_was_sent),
		T(clients_end_is_no_error),
	};

	return cmocka_run_group_tests(tests, rig_files, rig_files_remove);
}
