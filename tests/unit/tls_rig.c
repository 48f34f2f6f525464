/* SPDX-License-Identifier: BSD-2-Clause */
#include "tls_rig.h"

#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct rig rig;

/* ---- files ---- */

static char folder[64];

int
rig_files(void **state)
{
	const char *srcdir = getenv("srcdir");
	const char *tmp = getenv("TMPDIR");
	char command[512];

	(void)state;
	snprintf(folder, sizeof(folder), "%s/luntap-tls.XXXXXX",
	    tmp != NULL && strlen(tmp) < 40 ? tmp : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(command, sizeof(command),
	    "\"%s/tests/e2e/make-certificates\" \"%s\"",
	    srcdir != NULL ? srcdir : ".", folder);
	return system(command) == 0 ? 0 : -1;
}

int
rig_files_remove(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf \"%s\"", folder);
	return system(command);
}

const char *
rig_path(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

const char *
rig_key(const char *user)
{
	static char line[256];
	FILE *f = fopen(rig_path("keys.psk"), "r");
	size_t len = strlen(user);

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, user, len) == 0 && line[len] == ':') {
			line[strcspn(line, "\n")] = '\0';
			fclose(f);
			return line + len + 1;
		}
	}
	fclose(f);
	fail_msg("no user %s", user);
	return NULL;
}

/* ---- the engine ---- */

static int
split(uint8_t *buf, size_t len, struct iovec *iov, int max)
{
	int n = 0;

	while (n < max && len > 0) {
		static const size_t sizes[] = { 1, 28, 512, 4096, 70000,
			1 << 20 };
		size_t part =
		    1 + prng_below(&rig.prng, sizes[prng_below(&rig.prng, 6)]);

		if (part > len)
			part = len;
		iov[n++] = (struct iovec){ buf, part };
		buf += part;
		len -= part;
	}
	return n;
}

static int
rx_iov(void *ctx, struct iovec *iov, int max)
{
	assert_ptr_equal(ctx, &rig);
	assert_int_equal(rig.ended, 0);
	/* As a real engine that has stopped to read for a while. */
	if (rig.starved || prng_below(&rig.prng, 16) == 0)
		return 0;
	return split(rig.in + rig.in_len, rig.in_max - rig.in_len, iov,
	    max < 3 ? max : 3);
}

static void
rx_done(void *ctx, size_t n, uint64_t now)
{
	assert_ptr_equal(ctx, &rig);
	assert_true(now != 0);
	assert_true(n > 0);
	assert_int_equal(rig.ended, 0);
	rig.in_len += n;
	assert_true(rig.in_len <= rig.in_max);
}

static int
tx_iov(void *ctx, struct iovec *iov, int max, uint64_t now)
{
	assert_ptr_equal(ctx, &rig);
	(void)now;
	assert_true(rig.ready);
	assert_int_equal(rig.ended, 0);
	return split(rig.out + rig.out_sent, rig.out_len - rig.out_sent, iov,
	    max < 40 ? max : 40);
}

static void
tx_done(void *ctx, size_t n, uint64_t now)
{
	assert_ptr_equal(ctx, &rig);
	(void)now;
	assert_int_equal(rig.ended, 0);
	rig.out_sent += n;
	assert_true(rig.out_sent <= rig.out_len);
}

static void
active(void *ctx)
{
	assert_ptr_equal(ctx, &rig);
	assert_int_equal(rig.ended, 0);
}

static void
ended(void *ctx, int error)
{
	assert_ptr_equal(ctx, &rig);
	rig.ended++;
	rig.error = error;
}

static void
rx_end(void *ctx, bool all, uint64_t now)
{
	assert_ptr_equal(ctx, &rig);
	assert_true(now != 0);
	assert_int_equal(rig.ended, 0);
	rig.finished = all;
}

static const struct stream_ops engine_ops = { .rx_iov = rx_iov,
	.rx_done = rx_done,
	.tx_iov = tx_iov,
	.tx_done = tx_done,
	.active = active,
	.ended = ended,
	.rx_end = rx_end };

static void
ready(void *ctx)
{
	assert_ptr_equal(ctx, &rig);
	assert_false(rig.ready);
	rig.ready = true;
}

static void
log_write(void *ctx, enum log_level level, const char *line)
{
	size_t len = strlen(rig.log);

	(void)ctx;
	(void)level;
	snprintf(rig.log + len, sizeof(rig.log) - len, "%s\n", line);
}

static const struct log log_all = { .write = log_write,
	.max = LOG_DEBUG_LEVEL };

/* ---- both ---- */

void
rig_open(const struct tls_config *config)
{
	static const int size = 8192;
	struct error err;
	int pair[2];

	rig = (struct rig){
		.prng = { .state = 7 }, .budget = SIZE_MAX, .flip = SIZE_MAX
	};
	rig.in_max = RIG_SIZE;
	rig.in = malloc(RIG_SIZE);
	rig.out = malloc(RIG_SIZE);
	rig.got = malloc(RIG_SIZE + 1); /* a read always has room */
	assert_true(rig.in != NULL && rig.out != NULL && rig.got != NULL);
	prng_fill(&rig.prng, rig.out, RIG_SIZE);
	if (tls_server_new(config, &rig.server, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(loop_new(&rig.loop), 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	for (int i = 0; i < 2; i++) {
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	rig.fd = pair[1];
	stream_init(&rig.stream, rig.loop, &engine_ops, &rig);
	assert_int_equal(stream_open(&rig.stream, pair[0]), 0);
	rig.tls =
	    tls_start(rig.server, &rig.stream, "the client", &log_all, ready);
	assert_non_null(rig.tls);
}

void
rig_close(void)
{
	stream_close(&rig.stream);
	tls_free(rig.tls);
	tls_server_free(rig.server);
	loop_free(rig.loop);
	if (rig.client != NULL)
		gnutls_deinit(rig.client);
	if (rig.x509 != NULL)
		gnutls_certificate_free_credentials(rig.x509);
	if (rig.psk != NULL)
		gnutls_psk_free_client_credentials(rig.psk);
	if (rig.fd != -1)
		close(rig.fd);
	free(rig.in);
	free(rig.out);
	free(rig.got);
}

/* ---- the client ---- */

static ssize_t
client_push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	uint8_t part[1024];
	ssize_t n;

	(void)ptr;
	if (len > sizeof(part))
		len = sizeof(part);
	if (len > rig.budget)
		len = rig.budget;
	if (len == 0) { /* breaks off */
		shutdown(rig.fd, SHUT_RDWR);
		gnutls_transport_set_errno(rig.client, EPIPE);
		return -1;
	}
	memcpy(part, buf, len);
	if (rig.flip - rig.pushed < len)
		part[rig.flip - rig.pushed] ^= 0x40;
	n = send(rig.fd, part, len, MSG_NOSIGNAL);
	if (n == -1) {
		gnutls_transport_set_errno(rig.client, errno);
		return -1;
	}
	rig.pushed += (size_t)n;
	if (rig.budget != SIZE_MAX)
		rig.budget -= (size_t)n;
	return n;
}

static ssize_t
client_pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	ssize_t n = recv(rig.fd, buf, len, 0);

	(void)ptr;
	if (n == -1)
		gnutls_transport_set_errno(rig.client, errno);
	return n;
}

static void
client_new(const char *priority)
{
	/* With its certificate whoever the server says it trusts. */
	assert_int_equal(
	    gnutls_init(&rig.client,
		GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_FORCE_CLIENT_CERT),
	    0);
	assert_int_equal(
	    gnutls_priority_set_direct(rig.client, priority, NULL), 0);
	gnutls_transport_set_pull_function(rig.client, client_pull);
	gnutls_transport_set_push_function(rig.client, client_push);
	gnutls_server_name_set(rig.client, GNUTLS_NAME_DNS, "localhost", 9);
}

void
rig_client_x509(const char *name, const char *priority)
{
	char path[3][300];
	static const char *const files[] = { "ca-cert.pem", "client-cert.pem",
		"client-key.pem" };

	for (size_t i = 0; i < 3; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", rig_path(name),
		    files[i]);
	client_new(priority);
	gnutls_certificate_allocate_credentials(&rig.x509);
	assert_int_equal(gnutls_certificate_set_x509_trust_file(
			     rig.x509, path[0], GNUTLS_X509_FMT_PEM),
	    1);
	if (access(path[1], R_OK) == 0)
		assert_int_equal(gnutls_certificate_set_x509_key_file(rig.x509,
				     path[1], path[2], GNUTLS_X509_FMT_PEM),
		    0);
	gnutls_credentials_set(rig.client, GNUTLS_CRD_CERTIFICATE, rig.x509);
	gnutls_session_set_verify_cert(rig.client, "localhost", 0);
}

void
rig_client_psk(const char *user, const char *hexkey, const char *priority)
{
	gnutls_datum_t key = { 0 };

	key.data = (unsigned char *)strdup(hexkey);
	key.size = (unsigned)strlen(hexkey);
	client_new(priority);
	gnutls_psk_allocate_client_credentials(&rig.psk);
	assert_int_equal(gnutls_psk_set_client_credentials(
			     rig.psk, user, &key, GNUTLS_PSK_KEY_HEX),
	    0);
	free(key.data);
	gnutls_credentials_set(rig.client, GNUTLS_CRD_PSK, rig.psk);
}

static void
client_result(ssize_t r)
{
	if (r >= 0 || !gnutls_error_is_fatal((int)r))
		return;
	rig.failed = (int)r;
	gnutls_alert_send_appropriate(rig.client, (int)r);
	shutdown(rig.fd, SHUT_WR);
}

static void
client_turn(void)
{
	ssize_t r;

	if (rig.client == NULL || rig.failed != 0)
		return;
	if (!rig.shaken) {
		r = gnutls_handshake(rig.client);
		rig.shaken = r == 0;
		client_result(r);
		return;
	}
	if (rig.put_len < rig.put_max) {
		size_t n = 1 + prng_below(&rig.prng, 40000);

		if (n > rig.put_max - rig.put_len)
			n = rig.put_max - rig.put_len;
		/* A record that waits is asked for with the same bytes. */
		r = gnutls_record_send(rig.client, rig.out + rig.put_len, n);
		if (r > 0)
			rig.put_len += (size_t)r;
		client_result(r);
	}
	r = gnutls_record_recv(
	    rig.client, rig.got + rig.got_len, RIG_SIZE + 1 - rig.got_len);
	if (r > 0)
		rig.got_len += (size_t)r;
	else if (r == 0)
		rig.failed = GNUTLS_E_SESSION_EOF;
	client_result(r);
}

static void
stop_timer(struct timer *t, uint64_t now)
{
	(void)t;
	(void)now;
	loop_stop(rig.loop, 0);
}

void
rig_turn(void)
{
	struct timer timer;

	client_turn();
	timer_init(&timer, stop_timer, NULL);
	timer_set(rig.loop, &timer, loop_now(rig.loop));
	loop_run(rig.loop);
	timer_clear(rig.loop, &timer);
	stream_flush(&rig.stream);
}
