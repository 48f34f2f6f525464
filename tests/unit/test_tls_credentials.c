/* SPDX-License-Identifier: BSD-2-Clause */
/* tls.h, the credentials: what is wrong with a file is said with its name, and
 * never with what it holds. */
#include "tls_rig.h"

#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

#define KEY "00112233445566778899aabbccddeeff"

static void
write_file(const char *name, const char *text, size_t len, mode_t mode)
{
	const char *path = rig_path(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
assert_loads(const struct tls_config *config)
{
	struct tls_server *server;
	struct error err;

	if (tls_server_new(config, &server, &err) != 0)
		fail_msg("%s", err.text);
	tls_server_free(server);
}

static void
assert_fails(const struct tls_config *config, const char *why)
{
	struct tls_server *server = NULL;
	struct error err;

	assert_int_equal(tls_server_new(config, &server, &err), -1);
	assert_null(server);
	assert_int_equal(err.class, ERROR_USAGE);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", why, err.text);
	assert_null(strstr(err.text, "00112233"));
}

static void
assert_psk_fails(const char *text, const char *why)
{
	write_file("bad.psk", text, strlen(text), 0600);
	assert_fails(
	    &(struct tls_config){ .psk_file = rig_path("bad.psk") }, why);
}

/* A folder like server/ whose files a test may change. */
static const char *
copy_of_server(void)
{
	static char copy[256];
	char command[1100];

	snprintf(copy, sizeof(copy), "%s", rig_path("copy"));
	snprintf(command, sizeof(command),
	    "rm -rf '%s' && cp -R '%s' '%s' && chmod -R u+w '%s'", copy,
	    rig_path("server"), copy, copy);
	assert_int_equal(system(command), 0);
	return copy;
}

static void
good_files_load(void **state)
{
	(void)state;
	assert_loads(
	    &(struct tls_config){ .certificates = rig_path("revoked") });
	assert_loads(&(struct tls_config){
	    .certificates = rig_path("revoked"), .verify_peer = true });
	assert_loads(&(struct tls_config){ .psk_file = rig_path("keys.psk") });
	tls_server_free(NULL);
}

static void
one_kind_is_wanted(void **state)
{
	(void)state;
	assert_fails(&(struct tls_config){ .certificates = NULL }, "either");
	assert_fails(
	    &(struct tls_config){ .certificates = "/", .psk_file = "/" },
	    "either");
	assert_fails(
	    &(struct tls_config){ .psk_file = "/", .verify_peer = true },
	    "only clients with certificates");
}

static void
missing_file_is_named(void **state)
{
	static const char *const names[] = { "server-cert.pem",
		"server-key.pem", "ca-cert.pem" };
	char path[300], why[400];

	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct tls_config config = { .certificates = copy_of_server(),
			.verify_peer = true };

		snprintf(
		    path, sizeof(path), "%s/%s", config.certificates, names[i]);
		snprintf(
		    why, sizeof(why), "%s: No such file or directory", path);
		assert_loads(&config);
		assert_int_equal(unlink(path), 0);
		assert_fails(&config, why);
		config.verify_peer = false;
		if (i == 2) /* nobody to trust */
			assert_loads(&config);
	}
	assert_fails(&(struct tls_config){ .psk_file = "/nowhere/keys" },
	    "/nowhere/keys: No such file or directory");
}

static void
file_that_is_none_is_named(void **state)
{
	static const char *const names[] = { "server-cert.pem",
		"server-key.pem", "ca-cert.pem", "ca-crl.pem" };
	char name[64];

	(void)state;
	for (size_t i = 0; i < countof(names); i++) {
		struct tls_config config = { .certificates = copy_of_server(),
			.verify_peer = true };

		snprintf(name, sizeof(name), "copy/%s", names[i]);
		write_file(name, "-----BEGIN", 10, 0600);
		assert_fails(&config, names[i]);
		write_file(name, "", 0, 0600);
		assert_fails(&config, names[i]);
	}
	copy_of_server();
	assert_int_equal(unlink(rig_path("copy/server-cert.pem")), 0);
	assert_int_equal(mkdir(rig_path("copy/server-cert.pem"), 0700), 0);
	assert_fails(&(struct tls_config){ .certificates = rig_path("copy") },
	    "server-cert.pem: Is a directory");
	assert_fails(&(struct tls_config){ .psk_file = "/dev/zero" },
	    "/dev/zero holds keys");
}

static void
keys_that_others_may_read_are_refused(void **state)
{
	const char *folder = copy_of_server();

	(void)state;
	assert_int_equal(chmod(rig_path("copy/server-key.pem"), 0640), 0);
	assert_loads(&(struct tls_config){ .certificates = folder });
	assert_int_equal(chmod(rig_path("copy/server-key.pem"), 0604), 0);
	assert_fails(&(struct tls_config){ .certificates = folder },
	    "server-key.pem holds keys, and others may use it: chmod o=");
	write_file("open.psk", "u:" KEY "\n", 35, 0644);
	assert_fails(&(struct tls_config){ .psk_file = rig_path("open.psk") },
	    "open.psk holds keys, and others may use it");
}

static void
key_belongs_to_its_certificate(void **state)
{
	char command[700];
	char client[256];

	(void)state;
	copy_of_server();
	snprintf(client, sizeof(client), "%s", rig_path("client"));
	snprintf(command, sizeof(command),
	    "cp '%s/client-key.pem' '%s/server-key.pem'", client,
	    rig_path("copy"));
	assert_int_equal(system(command), 0);
	assert_fails(&(struct tls_config){ .certificates = rig_path("copy") },
	    "server-key.pem is not the key of server-cert.pem");
}

static void
expired_certificate_is_refused(void **state)
{
	(void)state;
	assert_fails(
	    &(struct tls_config){ .certificates = rig_path("expired") },
	    "server-cert.pem has expired");
}

static void
line_of_keys_that_is_wrong_is_numbered(void **state)
{
	(void)state;
	assert_psk_fails("", "bad.psk names no user");
	assert_psk_fails("\n\n", "bad.psk names no user");
	assert_psk_fails("u:" KEY "\n" KEY "\n", "line 2: not user:hexkey");
	assert_psk_fails("\n:" KEY, "line 2: not user:hexkey");
	assert_psk_fails("u:" KEY "0", "line 1: the key is not hexadecimal");
	assert_psk_fails("u:" KEY "g0", "line 1: the key is not hexadecimal");
	assert_psk_fails("u: " KEY, "line 1: the key is not hexadecimal");
	assert_psk_fails("u:0011223344556677", "shorter than 16 bytes");
	assert_psk_fails("u:", "shorter than 16 bytes");
}

static void
lines_of_keys_may_end_in_any_way(void **state)
{
	static const char *const texts[] = { "u:" KEY, "u:" KEY "\n",
		"\n\nu:" KEY "\r\n\r\n",
		"v:" KEY KEY KEY "\nu:" KEY "\nw:" KEY };

	(void)state;
	for (size_t i = 0; i < countof(texts); i++) {
		write_file("good.psk", texts[i], strlen(texts[i]), 0600);
		rig_open(
		    &(struct tls_config){ .psk_file = rig_path("good.psk") });
		rig_client_psk("u", KEY, "NORMAL:-KX-ALL:+ECDHE-PSK");
		rig_until(rig.ready);
		rig_close();
	}
}

/* As many users as fit; one byte more does not. */
static void
file_of_keys_is_bounded(void **state)
{
	static char text[(128 << 10) + 1];
	struct tls_config config = { .psk_file = NULL };
	size_t len = 0;

	(void)state;
	while (len + 35 < sizeof(text)) {
		memcpy(text + len, "u:" KEY "\n", 35);
		len += 35;
	}
	memset(text + len, '\n', sizeof(text) - len);
	write_file("large.psk", text, sizeof(text) - 1, 0600);
	config.psk_file = rig_path("large.psk");
	assert_loads(&config);
	write_file("large.psk", text, sizeof(text), 0600);
	assert_fails(&config, "large.psk: File too large");
}

int
main(void)
{
#define T(f) cmocka_unit_test(f)
	const struct CMUnitTest tests[] = {
		T(good_files_load),
		T(one_kind_is_wanted),
		T(missing_file_is_named),
		T(file_that_is_none_is_named),
		T(keys_that_others_may_read_are_refused),
		T(key_belongs_to_its_certificate),
		T(expired_certificate_is_refused),
		T(line_of_keys_that_is_wrong_is_numbered),
		T(lines_of_keys_may_end_in_any_way),
		T(file_of_keys_is_bounded),
	};

	return cmocka_run_group_tests(tests, rig_files, rig_files_remove);
}
