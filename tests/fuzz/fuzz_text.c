/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_text - a peer's text: read as pairs, each value taken for everything
 * that a value can be, each pair built again, and offered to the table of keys
 * as initiator and as target.  Names and addresses are text of a peer too.
 *
 *   input:  text ...
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "proto/login.h"

static void
check_error(const struct error *err)
{
	const char *p;

	require(err->class != ERROR_NONE && err->text[0] != '\0');
	for (p = err->text; *p != '\0'; p++)
		require(*p >= ' ' && *p <= '~');
}

static void
decode(const struct text_pair *pair)
{
	uint8_t buf[TEXT_BINARY_MAX], again[TEXT_BINARY_MAX];
	struct text_buffer b = { 0 };
	const char *list = pair->value;
	size_t len, again_len, total = 0;
	uint64_t number;
	bool yes;

	if (text_number(pair->value, 1000000, &number) == 0)
		require(number <= 1000000);
	(void)text_bool(pair->value, &yes);
	if (text_binary(pair->value, buf, sizeof(buf), &len) == 0) {
		require(len > 0 && len <= sizeof(buf));
		text_put_binary(&b, "k", buf, len);
		require(!b.failed);
		require(text_binary(
			    b.data + 2, again, sizeof(again), &again_len) == 0);
		require(again_len == len && memcmp(buf, again, len) == 0);
	}
	while (text_list_next(&list, &len) != NULL)
		total += len + 1;
	require(total == pair->value_len + 1);
	(void)name_fault(pair->value);
	require(login_address_len(pair->value) <= ISCSI_ADDR_MAX);
	text_buffer_fini(&b);
}

static void
negotiate(const uint8_t *data, size_t size, bool initiator, bool discovery)
{
	struct text_buffer out = { 0 };
	struct error err = { 0 };
	struct negotiation n;
	struct text_reader r;
	struct text_pair pair;
	struct params offer;
	int error = 0;

	params_default(&offer);
	offer.data_digest =
	    (struct digest_list){ 2, { DIGEST_CRC32C, DIGEST_NONE } };
	negotiation_init(&n, &offer, initiator, discovery);
	if (initiator)
		param_offer(&n, &out);
	text_reader_init(&r, data, size);
	while (text_next(&r, &pair, &err) > 0) {
		error = param_take(&n, pair.key, pair.value, true, &out, &err);
		if (error < 0 && error != -ENOENT)
			break;
	}
	if ((error == 0 || error == -ENOENT) && param_settle(&n, &err) == 0) {
		require(n.result.first_burst <= n.result.max_burst);
		require(n.result.max_burst >= 512);
		require(n.result.max_send_data_segment >= 512);
		require(n.result.max_send_data_segment < 1u << 24);
		require(n.result.max_outstanding_r2t >= 1);
		require(n.result.max_connections == 1);
		require(n.result.error_recovery_level == 0);
		require(n.result.header_digest.n == 1);
		require(n.result.data_pdu_in_order);
		require(n.result.data_sequence_in_order);
	} else {
		check_error(&err);
	}
	text_buffer_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct text_buffer again = { 0 };
	struct error err = { 0 };
	struct text_reader r;
	struct text_pair pair;
	int n;

	if (size > TEXT_MAX)
		return 0;
	text_reader_init(&r, data, size);
	while ((n = text_next(&r, &pair, &err)) > 0) {
		require(pair.value_len == strlen(pair.value));
		text_put(&again, pair.key, pair.value);
		decode(&pair);
	}
	require(!again.failed && again.len <= size);
	if (n < 0)
		check_error(&err);
	text_buffer_fini(&again);
	for (n = 0; n < 4; n++)
		negotiate(data, size, n & 1, n & 2);
	return 0;
}
