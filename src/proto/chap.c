/* SPDX-License-Identifier: BSD-2-Clause */
/* chap - see chap.h.  No function here formats a secret into a message. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/hash.h"
#include "proto/chap.h"

static const struct {
	enum chap_alg alg;
	enum hash_alg hash;
	char name[12];
} algs[CHAP_ALGS] = { /* strongest first */
	{ CHAP_SHA3_256, HASH_SHA3_256, "SHA3-256" },
	{ CHAP_SHA256, HASH_SHA256, "SHA-256" },
	{ CHAP_SHA1, HASH_SHA1, "SHA-1" }, { CHAP_MD5, HASH_MD5, "MD5" }
};

static int
refuse(struct error *err, const char *key, const char *value, const char *why)
{
	char text[80];

	error_set(err, ERROR_FAILED, "sent %s=%s, %s", key,
	    escape(text, sizeof(text), value, strlen(value)), why);
	return -EPROTO;
}

int
chap_keys_take(
    struct chap_keys *keys, const struct text_pair *pair, struct error *err)
{
	size_t n = strlen(keys->order);
	const char **slot;

	if (strcmp(pair->key, "CHAP_A") == 0)
		slot = &keys->a;
	else if (strcmp(pair->key, "CHAP_I") == 0)
		slot = &keys->i;
	else if (strcmp(pair->key, "CHAP_C") == 0)
		slot = &keys->c;
	else if (strcmp(pair->key, "CHAP_N") == 0)
		slot = &keys->n;
	else if (strcmp(pair->key, "CHAP_R") == 0)
		slot = &keys->r;
	else
		return 0;
	if (*slot != NULL) {
		error_set(err, ERROR_FAILED, "sent %s twice", pair->key);
		return -EPROTO;
	}
	*slot = pair->value;
	keys->order[n] = (char)(pair->key[5] - 'A' + 'a');
	keys->order[n + 1] = '\0';
	return 1;
}

static bool
alg_known(unsigned alg)
{
	return alg >= CHAP_MD5 && alg <= CHAP_SHA3_256;
}

unsigned
chap_algs(const struct auth *auth, uint8_t ret_algs[CHAP_ALGS])
{
	unsigned i, n = 0;

	for (i = 0; i < CHAP_ALGS && auth->algs[i] != 0; i++)
		if (alg_known(auth->algs[i]))
			ret_algs[n++] = auth->algs[i];
	if (i == 0)
		for (; n < CHAP_ALGS; n++)
			ret_algs[n] = (uint8_t)algs[n].alg;
	return n;
}

bool
chap_leave_out(struct auth *auth, enum chap_alg alg)
{
	uint8_t all[CHAP_ALGS], rest[CHAP_ALGS] = { 0 };
	unsigned i, n, left = 0;

	n = chap_algs(auth, all);
	for (i = 0; i < n; i++)
		if (all[i] != alg)
			rest[left++] = all[i];
	if (left == 0 || left == n)
		return false;
	memcpy(auth->algs, rest, sizeof(rest));
	return true;
}

const char *
chap_alg_name(enum chap_alg alg)
{
	return algs[CHAP_SHA3_256 - alg].name;
}

size_t
chap_response(enum chap_alg alg, uint8_t id, const char *secret,
    const uint8_t *challenge, size_t len, uint8_t ret[CHAP_RESPONSE_MAX])
{
	enum hash_alg function = algs[CHAP_SHA3_256 - alg].hash;
	struct hash h;

	hash_init(&h, function);
	hash_update(&h, &id, 1);
	hash_update(&h, secret, strlen(secret));
	hash_update(&h, challenge, len);
	hash_final(&h, ret);
	return hash_size(function);
}

bool
chap_secrets_equal(const struct auth *auth)
{
	size_t len = strlen(auth->secret);

	return len == strlen(auth->target_secret) &&
	       hash_equal(auth->secret, auth->target_secret, len);
}

void
chap_put_algs(struct text_buffer *out, const struct auth *auth)
{
	char list[CHAP_ALGS * 4 + 1] = "";
	uint8_t mine[CHAP_ALGS];
	unsigned i, n = chap_algs(auth, mine);

	for (i = 0; i < n; i++)
		snprintf(list + strlen(list), sizeof(list) - strlen(list),
		    "%s%u", i == 0 ? "" : ",", mine[i] & 15u);
	text_put(out, "CHAP_A", list);
}

static bool
alg_allowed(const struct auth *auth, uint64_t alg)
{
	uint8_t mine[CHAP_ALGS];
	unsigned i, n = chap_algs(auth, mine);

	for (i = 0; i < n; i++)
		if (mine[i] == alg)
			return true;
	return false;
}

int
chap_take_alg(const struct auth *auth, const char *a, struct error *err)
{
	uint64_t alg;

	if (text_number(a, 255, &alg) < 0)
		return refuse(err, "CHAP_A", a,
		    "which is not one of the algorithms offered");
	if (!alg_allowed(auth, alg))
		return refuse(
		    err, "CHAP_A", a, "an algorithm that was not offered");
	return (int)alg;
}

int
chap_choose_alg(const struct auth *auth, const char *a, struct error *err)
{
	const char *list = a, *item;
	char number[8];
	uint64_t alg;
	size_t len;

	while ((item = text_list_next(&list, &len)) != NULL) {
		if (len >= sizeof(number))
			continue;
		memcpy(number, item, len);
		number[len] = '\0';
		if (text_number(number, 255, &alg) == 0 &&
		    alg_allowed(auth, alg))
			return (int)alg;
	}
	return refuse(err, "CHAP_A", a,
	    "in which there is no algorithm that is allowed here");
}

void
chap_ask(struct chap_challenge *ch, enum chap_alg alg, int not_id,
    random_fn random, void *random_ctx, struct text_buffer *out)
{
	ch->alg = alg;
	random(random_ctx, &ch->id, 1);
	if (ch->id == not_id)
		ch->id ^= 1;
	ch->len = CHAP_CHALLENGE_LEN;
	random(random_ctx, ch->bytes, ch->len);
	text_put_number(out, "CHAP_I", ch->id);
	text_put_binary(out, "CHAP_C", ch->bytes, ch->len);
}

int
chap_verify(const struct chap_challenge *ch, const char *user,
    const char *secret, const struct chap_keys *keys, struct error *err)
{
	uint8_t theirs[CHAP_RESPONSE_MAX], right[CHAP_RESPONSE_MAX];
	char text[80];
	size_t want, len;
	bool same;

	if (keys->n[0] == '\0' || strlen(keys->n) > AUTH_NAME_MAX)
		return refuse(err, "CHAP_N", keys->n,
		    "a name that is not 1 to 255 bytes long");
	want =
	    chap_response(ch->alg, ch->id, secret, ch->bytes, ch->len, right);
	if (text_binary(keys->r, theirs, sizeof(theirs), &len) < 0 ||
	    len != want) {
		error_set(err, ERROR_FAILED,
		    "sent a CHAP_R that is not the %zu bytes of %s", want,
		    chap_alg_name(ch->alg));
		explicit_bzero(right, sizeof(right));
		return -EPROTO;
	}
	same = hash_equal(theirs, right, want);
	explicit_bzero(right, sizeof(right));
	if (strcmp(keys->n, user) != 0) {
		error_set(err, ERROR_REFUSED,
		    "calls itself '%s' in CHAP, which is not the name expected",
		    escape(text, sizeof(text), keys->n, strlen(keys->n)));
		return -EACCES;
	}
	if (!same) {
		error_set(err, ERROR_REFUSED,
		    "does not know the CHAP secret of '%s'",
		    escape(text, sizeof(text), user, strlen(user)));
		return -EACCES;
	}
	return 0;
}

void
chap_recall(struct chap_challenge *ch, const uint8_t *bytes, size_t len)
{
	size_t i;

	for (i = 0; i < len && bytes[i] == 0; i++)
		;
	if (i == len)
		return;
	memcpy(ch->bytes, bytes, len);
	ch->len = (uint16_t)len;
}

int
chap_take(struct chap_challenge *ch, enum chap_alg alg,
    const struct chap_keys *keys, const struct chap_challenge *ours,
    struct error *err)
{
	uint64_t id;
	size_t len;

	if (text_number(keys->i, 255, &id) < 0)
		return refuse(err, "CHAP_I", keys->i,
		    "which is not a number from 0 to 255");
	if (text_binary(keys->c, ch->bytes, sizeof(ch->bytes), &len) < 0 ||
	    len == 0)
		return refuse(err, "CHAP_C", keys->c,
		    "which is not a binary value of 1 to 1024 bytes");
	if (ours != NULL && len == ours->len &&
	    memcmp(ch->bytes, ours->bytes, len) == 0) {
		error_set(err, ERROR_REFUSED,
		    "sent our own CHAP challenge back to us");
		return -EACCES;
	}
	ch->alg = alg;
	ch->id = (uint8_t)id;
	ch->len = (uint16_t)len;
	return 0;
}

void
chap_answer(const struct chap_challenge *ch, const char *user,
    const char *secret, struct text_buffer *out)
{
	uint8_t response[CHAP_RESPONSE_MAX];
	size_t len;

	len = chap_response(
	    ch->alg, ch->id, secret, ch->bytes, ch->len, response);
	text_put(out, "CHAP_N", user);
	text_put_binary(out, "CHAP_R", response, len);
	explicit_bzero(response, sizeof(response));
}
