/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One connection.  GnuTLS is given memory instead of a socket:
 *
 *     stream -> in  -> gnutls_record_recv -> the engine's vectors
 *     stream <- out <- gnutls_record_send <- the engine's vectors
 *
 * so that one system call brings or takes many records.
 *
 * What always holds:
 *  - in is offered to the stream only when GnuTLS has taken all of it, and
 *    GnuTLS decrypts nothing before the engine has room: a peer has at most one
 *    in and one record waiting.
 *  - out is filled only when it is empty and has always room for an alert.
 *    The engine is told that its bytes have gone once they are encrypted, so
 *    the end of a connection waits for out (tls_bye()).
 *  - after over nothing of the engine is called.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gnutls/crypto.h>
#include <gnutls/x509.h>

#include "base/escape.h"
#include "io/socket.h"
#include "io/tls_impl.h"

#define IOV_RX 16
#define IOV_TX 256
/* RFC 8446, 5.1 and 5.2: of text, and what encryption adds to it, header
 * included (256 + 5), rounded up. */
#define RECORD_TEXT_MAX ((size_t)16384)
#define RECORD_ADDS_MAX ((size_t)512)
#define RECORD_MAX	(RECORD_TEXT_MAX + RECORD_ADDS_MAX)
/* Kept free by what is encrypted: a change of keys, or an alert. */
#define OUT_RESERVE ((size_t)1024)
#define OUT_SIZE    (16 * RECORD_MAX + OUT_RESERVE)
#define IN_SIZE	    ((size_t)128 << 10)

#define NAME_SIZE 256 /* of a user in the log */

struct tls {
	gnutls_session_t session;
	const struct tls_server *server;
	struct stream *stream;
	const struct stream_ops *ops; /* the engine's, with its ctx */
	void *ctx;
	void (*ready)(void *ctx);
	const struct log *log;
	char peer[SOCKET_NAME_MAX + 1];
	gnutls_typed_vdata_st purpose; /* of a client's certificate */
	bool established;
	bool over;		  /* ended() was called */
	bool bye;		  /* our end was told */
	bool heard_bye;		  /* the client's */
	char stranger[NAME_SIZE]; /* who asked for a key that there is not */
	size_t in_off, in_len;
	size_t out_off, out_len;
	unsigned char in[IN_SIZE];
	unsigned char out[OUT_SIZE];
	unsigned char gather[RECORD_TEXT_MAX];
};

/* ---- what GnuTLS calls ---- */

static ssize_t
tls_pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct tls *t = ptr;
	size_t have = t->in_len - t->in_off;

	if (have == 0) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return -1;
	}
	if (len > have)
		len = have;
	memcpy(buf, t->in + t->in_off, len);
	t->in_off += len;
	return (ssize_t)len;
}

static ssize_t
tls_push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct tls *t = ptr;

	if (len > OUT_SIZE - t->out_len) {
		gnutls_transport_set_errno(t->session, EAGAIN);
		return -1;
	}
	memcpy(t->out + t->out_len, buf, len);
	t->out_len += len;
	return (ssize_t)len;
}

/*
 * A user that is not in the file gets a key that nobody has: from outside, an
 * unknown user and a wrong key look the same.
 */
int
tls_psk_key(gnutls_session_t session, const gnutls_datum_t *user,
    gnutls_datum_t *ret_key)
{
	struct tls *t = gnutls_session_get_ptr(session);
	unsigned char nobodys[32];
	gnutls_datum_t key = { .data = nobodys, .size = sizeof(nobodys) };

	t->stranger[0] = '\0';
	if (!psk_find(t->server->keys, user, &key)) {
		escape(
		    t->stranger, sizeof(t->stranger), user->data, user->size);
		if (gnutls_rnd(GNUTLS_RND_KEY, nobodys, sizeof(nobodys)) < 0)
			return -1;
	}
	ret_key->data = gnutls_malloc(key.size);
	if (ret_key->data == NULL)
		return -1;
	memcpy(ret_key->data, key.data, key.size);
	ret_key->size = key.size;
	return 0;
}

/* ---- the end ---- */

static void
tls_end(struct tls *t, int error)
{
	if (t->over)
		return;
	t->over = true;
	t->ops->ended(t->ctx, error);
}

/* What is wrong with the client's certificate. */
static void
log_unverified(const struct tls *t)
{
	gnutls_datum_t text;

	if (gnutls_certificate_verification_status_print(
		gnutls_session_get_verify_cert_status(t->session),
		GNUTLS_CRT_X509, &text, 0) != 0)
		return;
	while (text.size > 0 && text.data[text.size - 1] == ' ')
		text.size--;
	log_warn(t->log, "%s: TLS handshake: %.*s", t->peer, (int)text.size,
	    (const char *)text.data);
	gnutls_free(text.data);
}

/* r is GnuTLS's; tells the peer as far as it can be told, and the log. */
static void
tls_fail(struct tls *t, int r)
{
	const char *doing = t->established ? "TLS" : "TLS handshake";
	const char *alert = gnutls_alert_get_name(gnutls_alert_get(t->session));

	if (r != GNUTLS_E_FATAL_ALERT_RECEIVED)
		gnutls_alert_send_appropriate(t->session, r);
	if (r == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
		log_unverified(t);
	else if (r == GNUTLS_E_FATAL_ALERT_RECEIVED)
		log_warn(t->log, "%s: %s: the client refused: %s", t->peer,
		    doing, alert != NULL ? alert : "unknown alert");
	else if (!t->established && t->stranger[0] != '\0')
		log_warn(t->log, "%s: %s: there is no user \"%s\"", t->peer,
		    doing, t->stranger);
	else
		log_warn(
		    t->log, "%s: %s: %s", t->peer, doing, gnutls_strerror(r));
	tls_end(t, 0);
}

/* ---- the handshake ---- */

/* Who the client has proven to be, for the log. */
static void
tls_client(const struct tls *t, char ret[NAME_SIZE])
{
	const gnutls_datum_t *chain = NULL;
	gnutls_datum_t name = { 0 };
	gnutls_x509_crt_t crt;
	unsigned n = 0;

	snprintf(ret, NAME_SIZE, "anybody");
	if (t->server->psk != NULL) {
		if (gnutls_psk_server_get_username2(t->session, &name) == 0)
			escape(ret, NAME_SIZE, name.data, name.size);
		return;
	}
	if (t->server->verify_peer)
		chain = gnutls_certificate_get_peers(t->session, &n);
	if (chain == NULL || n == 0 || gnutls_x509_crt_init(&crt) != 0)
		return;
	if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) == 0 &&
	    gnutls_x509_crt_get_dn3(crt, &name, 0) == 0)
		escape(ret, NAME_SIZE, name.data, name.size);
	gnutls_free(name.data);
	gnutls_x509_crt_deinit(crt);
}

static int
tls_handshake(struct tls *t)
{
	int r = gnutls_handshake(t->session);
	char client[NAME_SIZE];
	char *how;

	if (r != 0)
		return r;
	t->established = true;
	how = gnutls_session_get_desc(t->session);
	tls_client(t, client);
	log_info(t->log, "%s: TLS, %s, client: %s", t->peer,
	    how != NULL ? how : "", client);
	gnutls_free(how);
	t->ready(t->ctx);
	return 0;
}

/* ---- receiving ---- */

/* The client sends no more; see rx_end() in stream.h. */
static void
tls_finished(struct tls *t, bool all, uint64_t now)
{
	if (t->ops->rx_end != NULL)
		t->ops->rx_end(t->ctx, all, now);
	else if (all)
		tls_end(t, 0);
}

/* Into the first vector: what is left of the record waits in GnuTLS.  How many
 * bytes, 0 at the end, or GnuTLS's error. */
static ssize_t
tls_decrypt(struct tls *t, const struct iovec *iov, int n, uint64_t now)
{
	ssize_t r;

	for (int i = 0; i < n - 1 && iov->iov_len == 0; i++)
		iov++;
	r = gnutls_record_recv(t->session, iov->iov_base, iov->iov_len);
	if (r > 0)
		t->ops->rx_done(t->ctx, (size_t)r, now);
	if (r == 0) {
		t->heard_bye = true;
		tls_finished(t, true, now);
	}
	return r;
}

/* Gives in to GnuTLS and what comes of it to the engine.  True when more is
 * wanted of the stream. */
static bool
tls_take(struct tls *t)
{
	uint64_t now = loop_now(t->stream->loop);
	struct iovec iov[IOV_RX];

	while (!t->over && !t->heard_bye) {
		size_t before = t->in_len - t->in_off;
		ssize_t r;
		int n = 0;

		if (t->established) {
			n = t->ops->rx_iov(t->ctx, iov, IOV_RX);
			if (n == 0)
				return false;
		}
		r = n > 0 ? tls_decrypt(t, iov, n, now) : tls_handshake(t);
		if (r >= 0)
			continue;
		if (gnutls_error_is_fatal((int)r) ||
		    r == GNUTLS_E_REHANDSHAKE) {
			tls_fail(t, (int)r);
			return false;
		}
		/* In TLS 1.3 this also follows a record that brought no text. */
		if (r == GNUTLS_E_AGAIN && before == t->in_len - t->in_off)
			return true;
	}
	return false;
}

static int
tls_rx_iov(void *ctx, struct iovec *iov, int max)
{
	struct tls *t = ctx;
	bool waiting = t->in_off < t->in_len ||
		       gnutls_record_check_pending(t->session) > 0;

	(void)max;
	if (waiting) {
		bool more = tls_take(t);

		if (!t->over)
			t->ops->active(t->ctx);
		if (!more)
			return 0;
	}
	if (t->over)
		return 0;
	iov[0] = (struct iovec){ .iov_base = t->in, .iov_len = IN_SIZE };
	return 1;
}

static void
tls_rx_done(void *ctx, size_t n, uint64_t now)
{
	struct tls *t = ctx;

	(void)now;
	t->in_off = 0;
	t->in_len = n;
	/* The socket may be empty while bytes wait here: flushing the stream
	 * has to ask again. */
	if (!tls_take(t))
		t->stream->starved = true;
}

/* ---- sending ---- */

/* The next bytes of the vectors, at most one record of them: where they lie, or
 * gathered when they lie scattered.  *iov moves on. */
static size_t
tls_gather(struct tls *t, struct iovec **iov, const struct iovec *end,
    const void **ret)
{
	size_t have = 0;

	for (struct iovec *v = *iov; v < end; *iov = ++v) {
		size_t n = RECORD_TEXT_MAX - have;

		if (n > v->iov_len)
			n = v->iov_len;
		if (have == 0 && (n == RECORD_TEXT_MAX || v + 1 == end)) {
			*ret = v->iov_base;
			have = n;
		} else {
			memcpy(t->gather + have, v->iov_base, n);
			have += n;
			*ret = t->gather;
		}
		v->iov_base = (char *)v->iov_base + n;
		v->iov_len -= n;
		if (have == RECORD_TEXT_MAX)
			break;
	}
	return have;
}

/* False when the session is over. */
static bool
tls_encrypt(struct tls *t, const unsigned char *text, size_t len)
{
	/* A client may have asked for smaller records. */
	while (len > 0) {
		ssize_t r = gnutls_record_send(t->session, text, len);

		if (r < 0) {
			tls_fail(t, (int)r);
			return false;
		}
		text += r;
		len -= (size_t)r;
	}
	return true;
}

/* Fills out with what the engine has to send. */
static void
tls_fill(struct tls *t, uint64_t now)
{
	struct iovec iov[IOV_TX], *v = iov;
	size_t total = 0;
	int n = t->ops->tx_iov(t->ctx, iov, IOV_TX, now);

	while (OUT_SIZE - t->out_len >= RECORD_MAX + OUT_RESERVE) {
		const void *text;
		size_t len = tls_gather(t, &v, iov + n, &text);

		if (len == 0)
			break;
		if (!tls_encrypt(t, text, len))
			return;
		total += len;
	}
	if (total > 0)
		t->ops->tx_done(t->ctx, total, now);
}

static int
tls_tx_iov(void *ctx, struct iovec *iov, int max, uint64_t now)
{
	struct tls *t = ctx;

	(void)max;
	if (t->out_len == 0 && t->established && !t->over && !t->bye)
		tls_fill(t, now);
	if (t->out_len == 0)
		return 0;
	iov[0] = (struct iovec){ .iov_base = t->out + t->out_off,
		.iov_len = t->out_len - t->out_off };
	return 1;
}

static void
tls_tx_done(void *ctx, size_t n, uint64_t now)
{
	struct tls *t = ctx;

	(void)now;
	t->out_off += n;
	if (t->out_off == t->out_len)
		t->out_off = t->out_len = 0;
}

/* ---- the stream's other calls ---- */

static void
tls_active(void *ctx)
{
	struct tls *t = ctx;

	if (!t->over)
		t->ops->active(t->ctx);
}

static void
tls_ended(void *ctx, int error)
{
	struct tls *t = ctx;

	if (!t->over && !t->established && error == 0)
		log_warn(
		    t->log, "%s: TLS handshake: the client has gone", t->peer);
	tls_end(t, error);
}

static void
tls_rx_end(void *ctx, bool all, uint64_t now)
{
	struct tls *t = ctx;

	if (t->over || t->heard_bye)
		return;
	if (t->established)
		tls_finished(t, all, now);
	else if (all)
		tls_ended(t, 0);
}

static const struct stream_ops tls_stream_ops = {
	.rx_iov = tls_rx_iov,
	.rx_done = tls_rx_done,
	.tx_iov = tls_tx_iov,
	.tx_done = tls_tx_done,
	.active = tls_active,
	.ended = tls_ended,
	.rx_end = tls_rx_end,
};

/* ---- a connection ---- */

static int
tls_session_credentials(struct tls *t)
{
	const struct tls_server *server = t->server;
	int r = gnutls_priority_set(t->session, server->priority);

	if (r == 0 && server->psk != NULL)
		r = gnutls_credentials_set(
		    t->session, GNUTLS_CRD_PSK, server->psk);
	if (r == 0 && server->x509 != NULL)
		r = gnutls_credentials_set(
		    t->session, GNUTLS_CRD_CERTIFICATE, server->x509);
	if (r != 0 || !server->verify_peer)
		return r;
	gnutls_certificate_server_set_request(t->session, GNUTLS_CERT_REQUIRE);
	t->purpose.type = GNUTLS_DT_KEY_PURPOSE_OID;
	t->purpose.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_session_set_verify_cert2(t->session, &t->purpose, 1, 0);
	return 0;
}

struct tls *
tls_start(const struct tls_server *server, struct stream *stream,
    const char *peer, const struct log *log, void (*ready)(void *ctx))
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->server = server;
	t->stream = stream;
	t->ops = stream->ops;
	t->ctx = stream->ctx;
	t->ready = ready;
	t->log = log;
	snprintf(t->peer, sizeof(t->peer), "%s", peer);
	if (gnutls_init(&t->session,
		GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS) != 0 ||
	    tls_session_credentials(t) != 0) {
		tls_free(t);
		return NULL;
	}
	gnutls_session_set_ptr(t->session, t);
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_pull_function(t->session, tls_pull);
	gnutls_transport_set_push_function(t->session, tls_push);
	stream_set_ops(stream, &tls_stream_ops, t);
	return t;
}

bool
tls_bye(struct tls *t)
{
	if (!t->over && !t->bye && t->established)
		gnutls_bye(t->session, GNUTLS_SHUT_WR);
	t->bye = true;
	stream_flush(t->stream);
	return t->over || t->out_len == 0;
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	if (t->session != NULL)
		gnutls_deinit(t->session);
	free(t);
}
