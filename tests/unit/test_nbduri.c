/* SPDX-License-Identifier: BSD-2-Clause */
/* cmd/nbduri.h: what an NBD server tells its users. */
#include "unit.h"

#include <stdlib.h>

#include "cmd/nbduri.h"

static void
uris_name_every_export(void **state)
{
	static const struct {
		const char *address, *name;
		bool tls;
		const char *uri;
	} rows[] = {
		{ "/run/s", NULL, false, "nbd+unix://?socket=/run/s" },
		{ "/run/s", "lun-3", false, "nbd+unix:///lun-3?socket=/run/s" },
		{ "/a b%c&d=e?f#g+h", NULL, false,
		    "nbd+unix://?socket=/a%20b%25c%26d%3De%3Ff%23g%2Bh" },
		{ "/\xc3\xa4-._~", NULL, true,
		    "nbds+unix://?socket=/%C3%A4-._~" },
		{ "127.0.0.1:10809", NULL, false, "nbd://127.0.0.1:10809" },
		{ "[::1]:1", "lun-0", true, "nbds://[::1]:1/lun-0" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char *uri =
		    nbduri_new(rows[i].address, rows[i].name, rows[i].tls);

		assert_string_equal(uri, rows[i].uri);
		free(uri);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris_name_every_export),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
