/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a server of TLS proves itself with, and knows its clients by.
 *
 * Files are read into memory that no core dump contains and that is wiped when
 * it is given back.  GnuTLS makes its own copy of a private key, in memory that
 * it looks after; pre-shared keys stay here, and GnuTLS is given the one that a
 * handshake needs.
 */
#include "io/tls.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/x509.h>

#include "base/hex.h"
#include "io/tls_impl.h"

/* Certificates of the server go into one flight of the handshake: tls.c has
 * room for more than this. */
#define FILE_MAX ((size_t)128 << 10)
/* RFC 9257, 6: at least 128 bits of entropy. */
#define PSK_KEY_MIN 16

/* In addition to the system's policy: RFC 8996 forbids the versions; a
 * pre-shared key alone, without Diffie-Hellman, keeps no secret once the key is
 * known. */
#define PRIORITY_X509 "-VERS-TLS1.0:-VERS-TLS1.1"
#define PRIORITY_PSK  "-KX-ALL:+ECDHE-PSK:+DHE-PSK:" PRIORITY_X509

/* ---- files ---- */

struct file {
	char path[PATH_MAX];
	char *text; /* FILE_MAX + 1 bytes; NULL: not read */
	size_t len;
};

static int
file_error(const struct file *f, int error, struct error *err)
{
	return error_set(err, ERROR_USAGE, "%s: %s", f->path, strerror(error));
}

static gnutls_datum_t
file_datum(const struct file *f)
{
	return (gnutls_datum_t){ .data = (unsigned char *)f->text,
		.size = (unsigned)f->len };
}

static void
file_free(struct file *f)
{
	if (f->text == NULL)
		return;
	explicit_bzero(f->text, FILE_MAX + 1);
	munmap(f->text, FILE_MAX + 1);
	f->text = NULL;
}

static int
file_fill(struct file *f, int fd, struct error *err)
{
	ssize_t n;

	f->text = mmap(NULL, FILE_MAX + 1, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->text == MAP_FAILED) {
		f->text = NULL;
		return file_error(f, errno, err);
	}
	/* A kernel that cannot, or a low limit: better than no service. */
	(void)madvise(f->text, FILE_MAX + 1, MADV_DONTDUMP);
	(void)mlock(f->text, FILE_MAX + 1);
	do {
		n = read(fd, f->text + f->len, FILE_MAX + 1 - f->len);
		if (n > 0)
			f->len += (size_t)n;
	} while ((n > 0 && f->len <= FILE_MAX) || (n == -1 && errno == EINTR));
	if (n == -1)
		return file_error(f, errno, err);
	if (f->len > FILE_MAX)
		return file_error(f, EFBIG, err);
	return 0;
}

/* Fills f but for its path; file_free() in any case. */
static int
file_read(struct file *f, bool secret, struct error *err)
{
	struct stat st;
	int fd, result;

	fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return file_error(f, errno, err);
	if (fstat(fd, &st) == -1)
		result = file_error(f, errno, err);
	else if (secret && (st.st_mode & S_IRWXO) != 0)
		result = error_set(err, ERROR_USAGE,
		    "%s holds keys, and others may use it: chmod o= it",
		    f->path);
	else
		result = file_fill(f, fd, err);
	close(fd);
	return result;
}

/* folder NULL: name is a path. */
static int
file_init(
    struct file *f, const char *folder, const char *name, struct error *err)
{
	int n = snprintf(f->path, sizeof(f->path), "%s%s%s",
	    folder != NULL ? folder : "", folder != NULL ? "/" : "", name);

	f->text = NULL;
	f->len = 0;
	if (n < 0 || (size_t)n >= sizeof(f->path))
		return error_set(
		    err, ERROR_USAGE, "%s: %s", name, strerror(ENAMETOOLONG));
	return 0;
}

/* ---- X.509 ---- */

static int
tls_error(const struct file *f, int r, struct error *err)
{
	return error_set(
	    err, ERROR_USAGE, "%s: %s", f->path, gnutls_strerror(r));
}

/* Clients would refuse it; better to hear that from us. */
static int
certificate_check_time(
    const struct file *f, gnutls_x509_crt_t crt, struct error *err)
{
	time_t now = time(NULL);

	if (gnutls_x509_crt_get_activation_time(crt) > now)
		return error_set(
		    err, ERROR_USAGE, "%s is not valid yet", f->path);
	if (gnutls_x509_crt_get_expiration_time(crt) < now)
		return error_set(err, ERROR_USAGE, "%s has expired", f->path);
	return 0;
}

static int
certificate_check(const struct file *f, struct error *err)
{
	gnutls_datum_t text = file_datum(f);
	gnutls_x509_crt_t *chain;
	unsigned n;
	int result;

	result = gnutls_x509_crt_list_import2(
	    &chain, &n, &text, GNUTLS_X509_FMT_PEM, 0);
	if (result < 0)
		return tls_error(f, result, err);
	result = certificate_check_time(f, chain[0], err);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	return result;
}

/* What the server proves itself with. */
static int
x509_load_own(gnutls_certificate_credentials_t x509, struct file *crt,
    struct file *key, const char *folder, struct error *err)
{
	gnutls_datum_t crt_text, key_text;
	int r;

	if (file_init(crt, folder, "server-cert.pem", err) != 0 ||
	    file_init(key, folder, "server-key.pem", err) != 0 ||
	    file_read(crt, false, err) != 0 ||
	    certificate_check(crt, err) != 0 || file_read(key, true, err) != 0)
		return -1;
	crt_text = file_datum(crt);
	key_text = file_datum(key);
	r = gnutls_certificate_set_x509_key_mem2(
	    x509, &crt_text, &key_text, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return error_set(err, ERROR_USAGE,
		    "%s is not the key of server-cert.pem", key->path);
	if (r < 0)
		return tls_error(key, r, err);
	return 0;
}

/* What it checks its clients by. */
static int
x509_load_peers(gnutls_certificate_credentials_t x509, struct file *ca,
    struct file *crl, const char *folder, struct error *err)
{
	gnutls_datum_t text;
	int r;

	if (file_init(ca, folder, "ca-cert.pem", err) != 0 ||
	    file_init(crl, folder, "ca-crl.pem", err) != 0 ||
	    file_read(ca, false, err) != 0)
		return -1;
	text = file_datum(ca);
	r = gnutls_certificate_set_x509_trust_mem(
	    x509, &text, GNUTLS_X509_FMT_PEM);
	if (r <= 0)
		return tls_error(
		    ca, r < 0 ? r : GNUTLS_E_NO_CERTIFICATE_FOUND, err);
	if (access(crl->path, F_OK) == -1 && errno == ENOENT)
		return 0;
	if (file_read(crl, false, err) != 0)
		return -1;
	text = file_datum(crl);
	r = gnutls_certificate_set_x509_crl_mem(
	    x509, &text, GNUTLS_X509_FMT_PEM);
	return r < 0 ? tls_error(crl, r, err) : 0;
}

static int
x509_load(struct tls_server *server, const struct tls_config *config,
    struct error *err)
{
	struct file *f = calloc(2, sizeof(*f));
	int result;

	if (f == NULL ||
	    gnutls_certificate_allocate_credentials(&server->x509) != 0) {
		free(f);
		return error_set(
		    err, ERROR_FAILED, "TLS: %s", strerror(ENOMEM));
	}
	result = x509_load_own(
	    server->x509, &f[0], &f[1], config->certificates, err);
	file_free(&f[0]);
	file_free(&f[1]);
	if (result == 0 && config->verify_peer) {
		result = x509_load_peers(
		    server->x509, &f[0], &f[1], config->certificates, err);
		file_free(&f[0]);
		file_free(&f[1]);
	}
	free(f);
	return result;
}

/* ---- pre-shared keys ---- */

struct psk_user {
	const char *name; /* within the file's text, as the key */
	size_t name_len;
	unsigned char *key;
	size_t key_len;
};

struct psk {
	struct file file;
	size_t users_n;
	struct psk_user *users;
};

/* Puts the bytes in place of their digits.  Their number, or -1. */
static ssize_t
hex_decode(char *text, size_t len)
{
	unsigned char *to = (unsigned char *)text;

	if (len % 2 != 0)
		return -1;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);

		if (high == -1 || low == -1)
			return -1;
		*to++ = (unsigned char)(high << 4 | low);
	}
	return (ssize_t)(len / 2);
}

/* NULL, or what is wrong with the line. */
static const char *
psk_parse_line(struct psk *psk, char *line, size_t len)
{
	char *colon = memchr(line, ':', len);
	struct psk_user *user = &psk->users[psk->users_n];
	ssize_t key_len;

	if (colon == NULL || colon == line)
		return "not user:hexkey";
	*user = (struct psk_user){ .name = line,
		.name_len = (size_t)(colon - line),
		.key = (unsigned char *)colon + 1 };
	key_len = hex_decode(colon + 1, len - user->name_len - 1);
	if (key_len == -1)
		return "the key is not hexadecimal";
	if (key_len < PSK_KEY_MIN)
		return "the key is shorter than 16 bytes";
	user->key_len = (size_t)key_len;
	psk->users_n++;
	return NULL;
}

static int
psk_parse(struct psk *psk, struct error *err)
{
	char *end = psk->file.text + psk->file.len, *next;
	unsigned number = 1;

	for (char *p = psk->file.text; p < end; p = next + 1, number++) {
		const char *wrong;
		size_t len;

		next = memchr(p, '\n', (size_t)(end - p));
		if (next == NULL)
			next = end;
		len = (size_t)(next - p);
		if (len > 0 && p[len - 1] == '\r')
			len--;
		wrong = len > 0 ? psk_parse_line(psk, p, len) : NULL;
		if (wrong != NULL)
			return error_set(err, ERROR_USAGE, "%s, line %u: %s",
			    psk->file.path, number, wrong);
	}
	if (psk->users_n == 0)
		return error_set(
		    err, ERROR_USAGE, "%s names no user", psk->file.path);
	return 0;
}

static void
psk_free(struct psk *psk)
{
	if (psk == NULL)
		return;
	file_free(&psk->file);
	free(psk->users);
	free(psk);
}

static int
psk_load(struct tls_server *server, const char *path, struct error *err)
{
	struct psk *psk = calloc(1, sizeof(*psk));
	/* The shortest line: a:, its key, a newline. */
	size_t users_max = FILE_MAX / (2 + 2 * PSK_KEY_MIN + 1) + 1;

	server->keys = psk;
	if (psk != NULL)
		psk->users = calloc(users_max, sizeof(*psk->users));
	if (psk == NULL || psk->users == NULL ||
	    gnutls_psk_allocate_server_credentials(&server->psk) != 0)
		return error_set(
		    err, ERROR_FAILED, "TLS: %s", strerror(ENOMEM));
	if (file_init(&psk->file, NULL, path, err) != 0 ||
	    file_read(&psk->file, true, err) != 0 || psk_parse(psk, err) != 0)
		return -1;
	gnutls_psk_set_server_credentials_function2(server->psk, tls_psk_key);
	gnutls_psk_set_server_known_dh_params(
	    server->psk, GNUTLS_SEC_PARAM_MEDIUM);
	return 0;
}

bool
psk_find(
    const struct psk *psk, const gnutls_datum_t *name, gnutls_datum_t *ret_key)
{
	for (size_t i = 0; i < psk->users_n; i++) {
		const struct psk_user *user = &psk->users[i];

		if (user->name_len == name->size &&
		    memcmp(user->name, name->data, name->size) == 0) {
			ret_key->data = user->key;
			ret_key->size = (unsigned)user->key_len;
			return true;
		}
	}
	return false;
}

/* ---- both ---- */

static int
priority_init(struct tls_server *server, struct error *err)
{
	int r = gnutls_priority_init2(&server->priority,
	    server->psk != NULL ? PRIORITY_PSK : PRIORITY_X509, NULL,
	    GNUTLS_PRIORITY_INIT_DEF_APPEND);

	if (r < 0)
		return error_set(err, ERROR_FAILED,
		    "the system's policy for GnuTLS: %s", gnutls_strerror(r));
	return 0;
}

int
tls_server_new(
    const struct tls_config *config, struct tls_server **ret, struct error *err)
{
	struct tls_server *server;
	int result;

	if ((config->certificates == NULL) == (config->psk_file == NULL))
		return error_set(err, ERROR_USAGE,
		    "TLS: either certificates or pre-shared keys are wanted");
	if (config->verify_peer && config->certificates == NULL)
		return error_set(err, ERROR_USAGE,
		    "TLS: only clients with certificates can be verified");
	server = calloc(1, sizeof(*server));
	if (server == NULL)
		return error_set(
		    err, ERROR_FAILED, "TLS: %s", strerror(ENOMEM));
	server->verify_peer = config->verify_peer;
	if (config->certificates != NULL)
		result = x509_load(server, config, err);
	else
		result = psk_load(server, config->psk_file, err);
	if (result == 0)
		result = priority_init(server, err);
	if (result != 0) {
		tls_server_free(server);
		return -1;
	}
	*ret = server;
	return 0;
}

void
tls_server_free(struct tls_server *server)
{
	if (server == NULL)
		return;
	if (server->x509 != NULL)
		gnutls_certificate_free_credentials(server->x509);
	if (server->psk != NULL)
		gnutls_psk_free_server_credentials(server->psk);
	if (server->priority != NULL)
		gnutls_priority_deinit(server->priority);
	psk_free(server->keys);
	free(server);
}
