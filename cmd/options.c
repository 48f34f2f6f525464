/* SPDX-License-Identifier: BSD-2-Clause */
/* options - see the header. */
#include "cmd/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/initiator.h"
#include "cmd/secret.h"

#define LONGS_MAX  32
#define SHORTS_MAX 64

/* Values of the shared options, below OPTIONS_OWN and above any letter. */
enum {
	OPT_INITIATOR_NAME = 0x800,
	OPT_TIMEOUT,
	OPT_CHAP_SECRET_FILE,
	OPT_HEADER_DIGEST,
	OPT_DATA_DIGEST,
	OPT_LOG_FILE,
	OPT_JSON
};

static const struct {
	unsigned group; /* 0: every command */
	struct option option;
} shared[] = {
	{ 0, { "help", no_argument, NULL, 'h' } },
	{ OPTIONS_LOGIN,
	    { "initiator-name", required_argument, NULL, OPT_INITIATOR_NAME } },
	{ OPTIONS_LOGIN, { "timeout", required_argument, NULL, OPT_TIMEOUT } },
	{ OPTIONS_CHAP, { "chap-secret-file", required_argument, NULL,
			    OPT_CHAP_SECRET_FILE } },
	{ OPTIONS_DIGEST,
	    { "header-digest", required_argument, NULL, OPT_HEADER_DIGEST } },
	{ OPTIONS_DIGEST,
	    { "data-digest", required_argument, NULL, OPT_DATA_DIGEST } },
	{ OPTIONS_LOG, { "log-file", required_argument, NULL, OPT_LOG_FILE } },
	{ OPTIONS_LOG, { "verbose", no_argument, NULL, 'v' } },
	{ OPTIONS_JSON, { "json", no_argument, NULL, OPT_JSON } },
};

/* What is known only when all options were read. */
struct parsed {
	struct options *o;
	const struct command_line *line;
	const char *initiator_name;
	struct option longs[LONGS_MAX];
	char shorts[SHORTS_MAX];
	bool help;
};

static void
merge(struct parsed *p)
{
	const struct option *own = p->line->longs;
	size_t i, n = 0;

	for (i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
		if (shared[i].group == 0 ||
		    (p->line->groups & shared[i].group) != 0)
			p->longs[n++] = shared[i].option;
	for (; own != NULL && own->name != NULL && n < LONGS_MAX - 1; own++)
		p->longs[n++] = *own;
	memset(&p->longs[n], 0, sizeof(p->longs[n]));
	/* The colon in front: a missing argument is told from an unknown
	 * option. */
	snprintf(p->shorts, sizeof(p->shorts), ":h%s%s",
	    (p->line->groups & OPTIONS_LOG) != 0 ? "v" : "",
	    p->line->shorts == NULL ? "" : p->line->shorts);
}

static int
take_timeout(struct options *o, const char *arg, struct error *err)
{
	char *end;
	double seconds;

	errno = 0;
	seconds = strtod(arg, &end);
	if (end == arg || *end != '\0' || errno != 0 || !(seconds >= 0.001) ||
	    !(seconds <= 86400))
		return error_set(err, ERROR_USAGE,
		    "--timeout %s: seconds are wanted, at most a day", arg);
	o->timeout = (uint64_t)(seconds * 1000) * CLOCK_MS;
	return 0;
}

static int
take_digest(const char *name, const char *arg, struct digest_list *ret,
    struct error *err)
{
	if (digest_list_parse(arg, ret) < 0)
		return error_set(err, ERROR_USAGE,
		    "--%s %s: none, crc32c, or both with a comma is wanted",
		    name, arg);
	return 0;
}

static int
take_secret_file(struct options *o, const char *arg, struct error *err)
{
	struct auth *auth = secret_new(sizeof(*auth));

	if (auth == NULL)
		return error_set(err, ERROR_FAILED, "no memory for secrets");
	o->auth = auth;
	return secret_file(arg, auth, err);
}

static int
take(struct parsed *p, int option, const char *arg, struct error *err)
{
	struct options *o = p->o;

	switch (option) {
	case 'h':
		p->help = true;
		return 0;
	case 'v':
		if (p->line->groups & OPTIONS_LOG) {
			if (o->sink.log.max < LOG_DEBUG_LEVEL)
				o->sink.log.max++;
			return 0;
		}
		break;
	case OPT_INITIATOR_NAME:
		p->initiator_name = arg;
		return 0;
	case OPT_TIMEOUT:
		return take_timeout(o, arg, err);
	case OPT_CHAP_SECRET_FILE:
		return take_secret_file(o, arg, err);
	case OPT_HEADER_DIGEST:
		return take_digest(
		    "header-digest", arg, &o->header_digest, err);
	case OPT_DATA_DIGEST:
		return take_digest("data-digest", arg, &o->data_digest, err);
	case OPT_LOG_FILE:
		o->log_file = arg;
		return logsink_file(&o->sink, arg, err);
	case OPT_JSON:
		o->json = true;
		return 0;
	default:
		break;
	}
	return p->line->take(p->line->ctx, option, arg, err);
}

/*
 * "--name" or "-x" that getopt stumbled over, without its value.  A letter may
 * stand in the middle of others, and then arg is the word before them; but what
 * is wrong with a letter that is known is the argument of its long name.
 */
static int
option_fail(
    const struct parsed *p, int result, const char *arg, struct error *err)
{
	if (optopt > 0 && optopt < 0x100 &&
	    (result == ':' || strchr(p->shorts, optopt) == NULL))
		return error_set(err, ERROR_USAGE, "-%c: %s", optopt,
		    result == ':' ? "its argument is missing"
				  : "there is no such option");
	return error_set(err, ERROR_USAGE, "%.*s: %s", (int)strcspn(arg, "="),
	    arg,
	    result == ':' ? "its argument is missing"
	    : optopt != 0 ? "it takes no argument"
			  : "there is no such option");
}

static int
parse_all(struct parsed *p, int argc, char **argv, struct error *err)
{
	int result, operands;

	optind = 0;
	opterr = 0;
	while ((result = getopt_long(argc, argv, p->shorts, p->longs, NULL)) !=
	       -1) {
		if (result == '?' || result == ':')
			return option_fail(p, result, argv[optind - 1], err);
		if (take(p, result, optarg, err) < 0)
			return -1;
	}
	if (p->help)
		return 0;
	operands = argc - optind;
	if (operands < p->line->operands_min)
		return error_set(err, ERROR_USAGE, "an argument is missing");
	if (p->line->operands_max >= 0 && operands > p->line->operands_max)
		return error_set(
		    err, ERROR_USAGE, "there is an argument too many");
	if ((p->line->groups & OPTIONS_LOGIN) == 0)
		return 0;
	return initiator_name(p->initiator_name, p->o->initiator_name, err);
}

bool
options_parse(struct options *o, const struct command_line *line, int argc,
    char **argv, int *ret_exit)
{
	struct parsed p = { .o = o, .line = line };
	struct error err;

	memset(o, 0, sizeof(*o));
	logsink_init(&o->sink, LOG_WARN_LEVEL);
	merge(&p);
	if (parse_all(&p, argc, argv, &err) < 0) {
		if (err.class == ERROR_USAGE)
			error_set(&err, ERROR_USAGE,
			    "%s (luntap %s --help shows how it is used)",
			    err.text, argv[0]);
		*ret_exit = command_fail(&err);
		options_fini(o);
		return false;
	}
	if (p.help) {
		fputs(line->help, stdout);
		*ret_exit = command_done();
		options_fini(o);
		return false;
	}
	return true;
}

void
options_fini(struct options *o)
{
	logsink_fini(&o->sink);
	if (o->auth != NULL)
		explicit_bzero(o->auth, sizeof(*o->auth));
}

/*
 * ---- the session ----
 */

/* The first of three that is not empty. */
static void
pick(char *dst, size_t size, const char *url, const char *file,
    const char *environment)
{
	const char *from = url[0] != '\0'    ? url
			   : file[0] != '\0' ? file
					     : environment;

	snprintf(dst, size, "%s", from);
}

static int
auth_merge(const struct options *o, const struct url *url, struct auth *ret,
    struct error *err)
{
	static const struct auth none;
	const struct auth *u = &url->auth;
	const struct auth *f = o->auth == NULL ? &none : o->auth;
	/* A file stands for the environment as a whole. */
	const struct auth *e = o->auth == NULL ? secret_environment() : &none;

	pick(ret->user, sizeof(ret->user), u->user, f->user, e->user);
	pick(ret->secret, sizeof(ret->secret), u->secret, f->secret, e->secret);
	pick(ret->target_user, sizeof(ret->target_user), u->target_user,
	    f->target_user, e->target_user);
	pick(ret->target_secret, sizeof(ret->target_secret), u->target_secret,
	    f->target_secret, e->target_secret);
	memcpy(ret->algs, u->algs, sizeof(ret->algs));
	if (ret->user[0] != '\0' && ret->secret[0] == '\0')
		return error_set(err, ERROR_USAGE,
		    "there is a user name for CHAP but no password: give both "
		    "in --chap-secret-file");
	if (ret->user[0] == '\0' && ret->secret[0] != '\0')
		return error_set(err, ERROR_USAGE,
		    "there is a password for CHAP but no user name");
	if ((ret->target_user[0] == '\0') != (ret->target_secret[0] == '\0'))
		return error_set(err, ERROR_USAGE,
		    "mutual CHAP needs target_user and target_password, and "
		    "one is missing");
	if (ret->target_user[0] != '\0' && ret->user[0] == '\0')
		return error_set(err, ERROR_USAGE,
		    "mutual CHAP needs a user name and password of our own "
		    "too");
	return 0;
}

int
options_link(struct options *o, const struct url *url, struct link_config *ret,
    struct error *err)
{
	struct session_config *s = &ret->session;
	struct auth *auth = secret_new(sizeof(*auth));

	link_config_default(ret);
	if (auth == NULL)
		return error_set(err, ERROR_FAILED, "no memory for secrets");
	if (auth_merge(o, url, auth, err) < 0)
		return -1;
	s->auth = auth;
	memcpy(s->initiator_name, o->initiator_name, sizeof(s->initiator_name));
	memcpy(s->target_name, url->target, sizeof(s->target_name));
	memcpy(s->portal, url->portal, sizeof(s->portal));
	if (url->header_digest.n > 0)
		s->offer.header_digest = url->header_digest;
	else if (o->header_digest.n > 0)
		s->offer.header_digest = o->header_digest;
	if (url->data_digest.n > 0)
		s->offer.data_digest = url->data_digest;
	else if (o->data_digest.n > 0)
		s->offer.data_digest = o->data_digest;
	if (o->timeout > 0) {
		ret->connect_timeout = o->timeout;
		s->login_timeout = o->timeout;
		s->task_timeout = o->timeout;
	}
	s->log = &o->sink.log;
	secret_scrub_stack();
	return 0;
}

/*
 * ---- small things ----
 */

struct url *
options_url(const char *text, bool portal, struct error *err)
{
	struct url *url = secret_new(sizeof(*url));

	if (url == NULL)
		error_set(err, ERROR_FAILED, "no memory for secrets");
	else if ((portal ? url_parse_portal : url_parse)(text, url, err) < 0)
		url = NULL;
	secret_scrub_stack();
	return url;
}

int
options_number(const char *text, uint64_t max, uint64_t *ret)
{
	unsigned long long v;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (*end != '\0')
		return -EINVAL;
	if (errno != 0 || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int
options_size(const char *text, uint64_t *ret)
{
	static const char units[] = "KMGT";
	unsigned shift = 0;
	const char *unit;
	uint64_t v;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -EINVAL;
	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno != 0)
		return -ERANGE;
	if (*end != '\0') {
		unit = strchr(units, toupper((unsigned char)*end));
		if (unit == NULL || end[1] != '\0')
			return -EINVAL;
		shift = 10 * (unsigned)(unit - units + 1);
	}
	if (v > UINT64_MAX >> shift)
		return -ERANGE;
	*ret = v << shift;
	return 0;
}

int
command_fail(const struct error *err)
{
	fprintf(stderr, "luntap: %s\n", err->text);
	return (int)err->class;
}

int
command_done(void)
{
	struct error err;

	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	error_set(
	    &err, ERROR_FAILED, "writing the output: %s", strerror(errno));
	return command_fail(&err);
}
