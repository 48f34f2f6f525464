/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options - GNU long options that several commands share, parsed together with
 * a command's own, and what follows from them: the initiator name, the secrets,
 * the log, the configuration of a session.
 *
 *	static const struct option longs[] = { { "pidfile", ... }, { 0 } };
 *	struct command_line line = { .help = ..., .groups = OPTIONS_SESSION,
 *		.longs = longs, .take = take, .ctx = &mine,
 *		.operands_min = 2, .operands_max = 2 };
 *	if (!options_parse(&o, &line, argc, argv, &code))
 *		return code;
 *	argv[optind] ... are the operands
 *	...
 *	options_fini(&o);
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "io/link.h"
#include "io/logsink.h"
#include "proto/auth.h"
#include "proto/digest.h"
#include "proto/name.h"
#include "proto/url.h"

/* Which of the shared options a command takes. */
#define OPTIONS_LOGIN  0x01u /* --initiator-name NAME, --timeout SECONDS */
#define OPTIONS_CHAP   0x02u /* --chap-secret-file FILE */
#define OPTIONS_DIGEST 0x04u /* --header-digest LIST, --data-digest LIST */
#define OPTIONS_LOG    0x08u /* --log-file FILE, -v, --verbose */
#define OPTIONS_JSON   0x10u /* --json */
#define OPTIONS_SESSION \
	(OPTIONS_LOGIN | OPTIONS_CHAP | OPTIONS_DIGEST | OPTIONS_LOG)
/* All commands take -h, --help. */

/* The lines of --help for OPTIONS_SESSION. */
#define OPTIONS_SESSION_HELP                                            \
	"      --initiator-name NAME    who we are\n"                   \
	"      --chap-secret-file FILE  one line: user password "       \
	"[target_user\n"                                                \
	"                               target_password]\n"             \
	"      --header-digest LIST     none, crc32c, best first\n"     \
	"      --data-digest LIST       the same\n"                     \
	"      --timeout SECONDS        for connecting, logging in, a " \
	"command\n"                                                     \
	"      --log-file FILE          instead of stderr\n"            \
	"  -v, --verbose                say more; twice: much more\n"   \
	"  -h, --help                   this\n"

/* Values of a command's own long options that have no letter start here. */
#define OPTIONS_OWN 0x1000

struct options {
	char initiator_name[ISCSI_NAME_MAX + 1];
	struct auth *auth; /* of --chap-secret-file; NULL: not given */
	struct digest_list header_digest; /* n = 0: not given */
	struct digest_list data_digest;
	uint64_t timeout; /* ns; 0: not given */
	bool json;
	const char *log_file; /* NULL: not given; opened already */
	struct logsink sink;  /* &sink.log is the log: stderr, or the file */
};

struct command_line {
	const char *help;   /* all of --help, one screen, examples in it */
	unsigned groups;    /* OPTIONS_... */
	const char *shorts; /* own letters as getopt() wants them, or NULL */
	const struct option *longs; /* own, ended by zeros, or NULL */
	/* An own option: its letter or value, and its argument or NULL.  0, or
	 * -1 with err (ERROR_USAGE).  Required when there are own options. */
	int (*take)(void *ctx, int option, const char *arg, struct error *err);
	void *ctx;
	int operands_min, operands_max; /* max < 0: any number */
};

/*
 * True to go on.  False: end with *ret_exit; --help was printed, or what is
 * wrong.
 */
bool options_parse(struct options *, const struct command_line *, int argc,
    char **argv, int *ret_exit);
void options_fini(struct options *);

/*
 * The link to log in to url with: the defaults, and the names, portal, secrets
 * (field by field from the URL, else the file, else the environment), digests
 * (URL, else options), time-outs and log.  The auth is in secret memory.  0, or
 * -1 with err.
 */
int options_link(struct options *, const struct url *, struct link_config *ret,
    struct error *err);

/*
 * url_parse() or, with portal, url_parse_portal() into secret memory: a URL may
 * hold a password.  NULL with err.
 */
struct url *options_url(const char *text, bool portal, struct error *err);

/* Decimal digits, at most max.  0, -EINVAL or -ERANGE. */
int options_number(const char *text, uint64_t max, uint64_t *ret);
/* "4096", "256M", "1.5" is not: bytes with an optional K, M, G, T (binary).
 * 0, -EINVAL or -ERANGE. */
int options_size(const char *text, uint64_t *ret);

/* Prints "luntap: TEXT" to stderr; returns the exit code. */
int command_fail(const struct error *);
/* Flushes stdout: 0, or ERROR_FAILED with a message (disk full, ...). */
int command_done(void);

#endif
