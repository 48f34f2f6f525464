/* SPDX-License-Identifier: BSD-2-Clause */
/* Data-In that goes into a pipe instead of memory (base/kpipe.h). */
#include "model_pipe.h"
#include "session_steps.h"

#define LENGTH ((uint32_t)4000)

static struct model_pipes pipes;
static struct kpipe *pipe_now;
static struct iovec memory[2];
static unsigned offered, placed;
static bool refuse;

static struct kpipe *
offer(struct task *task)
{
	(void)task;
	offered++;
	if (pipe_now != NULL)
		pipes.source.ops->put(&pipes, pipe_now);
	pipe_now = refuse ? NULL : pipes.source.ops->get(&pipes, task->length);
	return pipe_now;
}

static int
place(struct task *task)
{
	struct rig_task *t = task->ctx;
	size_t held;

	placed++;
	memcpy(t->iov, memory, sizeof(memory));
	if (pipe_now == NULL)
		return 0;
	held = pipe_now->held;
	pipes.source.ops->spill(&pipes, pipe_now, t->data, held);
	pipes.source.ops->put(&pipes, pipe_now);
	pipe_now = NULL;
	return 0;
}

static struct rig *
begin(void)
{
	struct rig *r = rig_new();

	model_pipes_init(&pipes, 1);
	pipes.kind = true;
	pipe_now = NULL;
	offered = placed = 0;
	refuse = false;
	r->config.pipe_least = 100;
	r->fill = model_pipe_fill;
	return r;
}

static void
finish(struct rig *r)
{
	rig_free(r);
	if (pipe_now != NULL)
		pipes.source.ops->put(&pipes, pipe_now);
	assert_true(model_pipes_idle(&pipes));
}

static struct rig_task *
begin_read(struct rig *r)
{
	struct rig_task *t;

	r->hold = true;
	t = rig_read(r, LENGTH);
	memcpy(memory, t->iov, sizeof(memory));
	t->iov[0].iov_base = t->iov[1].iov_base = NULL;
	t->task.place = place;
	t->task.pipe = offer;
	r->hold = false;
	rig_pump(r);
	return t;
}

static void
assert_piped(const struct rig_task *t, size_t n)
{
	uint8_t *bytes = malloc(n);

	assert_int_equal(placed, 0);
	assert_null(t->iov[0].iov_base);
	assert_non_null(pipe_now);
	assert_int_equal(pipe_now->held, n);
	model_pipe_drain(pipe_now, bytes, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(bytes[i], rig_pattern(i));
	free(bytes);
}

static void
assert_in_memory(const struct rig_task *t)
{
	assert_int_equal(placed, 1);
	assert_null(pipe_now);
	for (size_t i = 0; i < LENGTH; i++)
		assert_int_equal(t->data[i], rig_pattern(i));
}

/* One PDU, two, and many of odd lengths with others in between. */
static void
test_into_a_pipe(void **state)
{
	static const uint32_t pieces[] = { 4000, 2000, 1001, 333 };
	struct rig_task *t, *other;
	(void)state;

	for (size_t i = 0; i < 4; i++) {
		struct rig *r = begin();
		uint32_t itt, itt2, sn = 0, at, len;

		rig_login(r);
		t = begin_read(r);
		itt = next_itt(r);
		other = rig_read(r, 600);
		itt2 = next_itt(r);
		for (at = 0; at < LENGTH; at += len) {
			len = LENGTH - at < pieces[i] ? LENGTH - at : pieces[i];
			rig_data_in(r, itt, sn, at, len, at + len == LENGTH);
			if (sn++ == 0)
				rig_data_in(r, itt2, 0, 0, 600, true);
		}
		assert_int_equal(offered, 1);
		assert_done(t, TASK_DONE, 0);
		assert_int_equal(t->task.transferred, LENGTH);
		assert_piped(t, LENGTH);
		assert_done(other, TASK_DONE, 0);
		for (size_t k = 0; k < 600; k++)
			assert_int_equal(other->data[k], rig_pattern(k));
		finish(r);
	}
}

/* The pipe is full at any byte: memory from there on, in which all is. */
static void
test_full(void **state)
{
	static const size_t rooms[] = { 0, 1, 999, 1500, 1501, 2999, 3999 };
	(void)state;

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct rig *r = begin();
		struct rig_task *t;
		uint32_t itt;

		rig_login(r);
		t = begin_read(r);
		itt = next_itt(r);
		pipes.room = rooms[i];
		rig_data_in(r, itt, 0, 0, 1500, false);
		rig_data_in(r, itt, 1, 1500, 1500, false);
		rig_data_in(r, itt, 2, 3000, 1000, true);
		assert_done(t, TASK_DONE, 0);
		assert_int_equal(t->task.transferred, LENGTH);
		assert_in_memory(t);
		assert_int_equal(pipes.spilt, 1);
		finish(r);
	}
}

static void
test_no_pipe(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	refuse = true;
	rig_login(r);
	t = begin_read(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 1500, false);
	rig_data_in(r, itt, 1, 1500, 2500, true);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(offered, 1);
	assert_in_memory(t);
	finish(r);
}

/* A target that sends small pieces is left alone, also with later tasks. */
static void
test_small_pieces(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	rig_login(r);
	t = begin_read(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 99, false);
	rig_data_in(r, itt, 1, 99, LENGTH - 99, true);
	assert_in_memory(t);
	placed = 0;
	t = begin_read(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, LENGTH, true);
	assert_done(t, TASK_DONE, 0);
	assert_in_memory(t);
	assert_int_equal(offered, 0);
	finish(r);
}

static struct kpipe *
offer_never(struct task *task)
{
	(void)task;
	fail_msg("a pipe is asked for");
	return NULL;
}

/* One that finds the target so has half of its data in a pipe: the rest, which
 * comes together with its header now, follows that into memory. */
static void
test_small_pieces_meanwhile(void **state)
{
	struct rig *r = begin();
	struct rig_task *t, *other;
	uint32_t itt, itt2;
	(void)state;

	rig_login(r);
	t = begin_read(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 1500, false);
	r->hold = true;
	other = rig_read(r, 600);
	other->task.pipe = offer_never;
	r->hold = false;
	rig_pump(r);
	itt2 = next_itt(r);
	rig_data_in(r, itt2, 0, 0, 99, false);
	rig_data_in(r, itt, 1, 1500, 2500, true);
	rig_data_in(r, itt2, 1, 99, 501, true);
	assert_done(t, TASK_DONE, 0);
	assert_in_memory(t);
	assert_int_equal(pipes.spilt, 1);
	assert_done(other, TASK_DONE, 0);
	for (size_t i = 0; i < 600; i++)
		assert_int_equal(other->data[i], rig_pattern(i));
	finish(r);
}

static void
with_digest(bool header, bool data)
{
	static const struct digest_list any = { 2,
		{ DIGEST_NONE, DIGEST_CRC32C } };
	static const struct digest_list crc = { 1, { DIGEST_CRC32C } };
	struct rig *r = begin();
	struct rig_task *t;

	r->offer.header_digest = r->offer.data_digest = any;
	if (header)
		r->config.offer.header_digest = crc;
	if (data)
		r->config.offer.data_digest = crc;
	rig_login(r);
	t = begin_read(r);
	rig_data_in(r, next_itt(r), 0, 0, LENGTH, true);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(offered, !data);
	if (data)
		assert_in_memory(t);
	else
		assert_piped(t, LENGTH);
	finish(r);
}

static void
test_digests(void **state)
{
	(void)state;
	with_digest(true, false);
	with_digest(false, true);
	with_digest(true, true);
}

/* A driver that does not know of pipes is not asked to fill any. */
static void
test_driver_without(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	(void)state;

	r->config.pipe_least = 0;
	r->fill = NULL;
	rig_login(r);
	t = begin_read(r);
	rig_data_in(r, next_itt(r), 0, 0, LENGTH, true);
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(offered, 0);
	assert_in_memory(t);
	finish(r);
}

/* Only while a task with a pipe is in flight is a header received alone. */
static void
test_vectors(void **state)
{
	struct rig *r = begin();
	struct iovec iov[4];
	uint32_t itt;
	(void)state;

	rig_login(r);
	assert_int_equal(conn_rx_iov(r->c, iov, 4), 1);
	assert_true(iov[0].iov_len > 4096);
	begin_read(r);
	itt = next_itt(r);
	assert_int_equal(conn_rx_iov(r->c, iov, 4), 1);
	assert_int_equal(iov[0].iov_len, PDU_BHS_LEN);
	rig_data_in(r, itt, 0, 0, LENGTH, true);
	assert_int_equal(conn_rx_iov(r->c, iov, 4), 1);
	assert_true(iov[0].iov_len >= 4096);
	finish(r);
}

/* What came before a loss, or before an error, is not taken for an answer. */
static void
test_half_way(void **state)
{
	struct rig *r = begin();
	struct rig_task *t;
	uint32_t itt;
	(void)state;

	rig_login(r);
	t = begin_read(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 1500, false);
	rig_respond(r, itt, 0); /* GOOD, but too early */
	assert_done(t, TASK_DONE, 0);
	assert_int_equal(t->task.transferred, 1500);
	/* Again, and the old bytes are gone. */
	t = begin_read(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, LENGTH, true);
	assert_int_equal(pipes.wasted, 1);
	assert_piped(t, LENGTH);

	t = begin_read(r);
	itt = next_itt(r);
	rig_data_in(r, itt, 0, 0, 1500, false);
	drop(r);
	assert_done(t, TASK_LOST, 0);
	finish(r);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_into_a_pipe),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_no_pipe),
		cmocka_unit_test(test_small_pieces),
		cmocka_unit_test(test_small_pieces_meanwhile),
		cmocka_unit_test(test_digests),
		cmocka_unit_test(test_driver_without),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_half_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
