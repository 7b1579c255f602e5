/* What the index keeps of peers, and what a new epoch does with our rows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"
#include "tests/unit/index_rows.h"

static void peers_and_values_are_remembered(void **state)
{
	struct index_peer p = { .epoch = UINT64_MAX,
		                .received = 2,
		                .settled = 3,
		                .settled_epoch = UINT64_MAX - 1,
		                .on_demand = true,
		                .mirror_until = UINT64_MAX - 2,
		                .listed_until = UINT64_MAX - 3 };
	struct index_peer got;
	struct index_proof shown = { .epoch = UINT64_MAX, .number = 7, .signature = { 1, 2, 3 } }, kept;
	int64_t v;

	(void)state;
	assert_int_equal(index_peer_get(ix, UINT64_MAX, &got), 0);
	assert_int_equal(got.epoch, 0);
	assert_int_equal(index_peer_put(ix, UINT64_MAX, &p), 0);
	p.received = 20;
	assert_int_equal(index_peer_put(ix, UINT64_MAX, &p), 0);
	assert_int_equal(index_peer_proof_get(ix, UINT64_MAX, &kept), 0);
	assert_int_equal(kept.number, 0);
	assert_int_equal(index_peer_proof_put(ix, UINT64_MAX, &shown), 0);
	assert_int_equal(index_meta_get(ix, "x", &v), 0);
	assert_int_equal(index_meta_put(ix, "x", -5), 0);
	assert_int_equal(index_meta_put(ix, "x", -6), 0);
	reopen();
	assert_int_equal(index_peer_get(ix, UINT64_MAX, &got), 0);
	assert_true(got.epoch == p.epoch && got.received == p.received && got.settled == p.settled);
	assert_true(got.settled_epoch == p.settled_epoch && got.on_demand && got.mirror_until == p.mirror_until);
	assert_true(got.listed_until == p.listed_until);
	assert_int_equal(index_peer_proof_get(ix, UINT64_MAX, &kept), 0);
	assert_memory_equal(&kept, &shown, sizeof(kept));
	assert_int_equal(index_peer_get(ix, 1, &got), 0);
	assert_int_equal(got.received, 0);
	assert_int_equal(index_meta_get(ix, "x", &v), 1);
	assert_int_equal(v, -6);
}

static void a_new_epoch_writes_anew_what_no_peer_has(void **state)
{
	uint64_t epoch = index_epoch(ix), fresh, number;
	char path[24];
	struct record r;

	(void)state;
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "file-%d", i);
		put(path, (uint32_t)i);
	}
	index_new_epoch(ix, 3);
	fresh = index_epoch(ix);
	assert_int_equal(index_totals(ix).files, 1200);
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "file-%d", i);
		assert_int_equal(index_get(ix, path, &r), 1);
		number = version_counter(&r.version, fresh);
		assert_int_equal(version_counter(&r.version, epoch), i + 1);
		assert_int_equal(number, i < 3 ? 0 : r.seq);
		record_clear(&r);
	}
	assert_int_equal(index_seq(ix), 1200 + 1197);
}

static void a_new_epoch_keeps_the_rows(void **state)
{
	uint64_t epoch = index_epoch(ix), fresh;
	struct record r;

	(void)state;
	put("a", 1);
	index_new_epoch(ix, 1);
	fresh = index_epoch(ix);
	assert_true(fresh != epoch && fresh != 0);
	reopen();
	assert_true(index_epoch(ix) == fresh);
	assert_int_equal(index_get(ix, "a", &r), 1);
	assert_int_equal(r.seq, 1);
	record_clear(&r);
	put("b", 1);
	assert_int_equal(index_seq(ix), 2);
}

static bool count_row(void *arg, const struct record *r)
{
	assert_int_equal(r->version.n, 0);
	++*(int *)arg;
	return true;
}

/* What is here stays, and knows nothing; what others said is gone; and nothing that is announced now is mistaken for
 * what was announced before. */
static void doubted_rows_know_nothing(void **state)
{
	uint64_t epoch = index_epoch(ix);
	struct record r = file("offered", 3),
		      gone = { .path = mem_strdup("gone"), .kind = RECORD_FILE, .deleted = true };
	int doubtful = 0;
	struct index_peer p = { .epoch = 9, .received = 5, .settled = 2, .settled_epoch = epoch };

	(void)state;
	put("here", 1);
	put("there", 2);
	assert_int_equal(index_put_change(ix, &gone, NULL, ME), 0);
	assert_int_equal(index_peer_put(ix, 5, &p), 0);
	assert_int_equal(version_bump(&r.version, 9, 5), 0);
	r.seq = 5;
	assert_int_equal(index_offer(ix, 5, &r), 0);
	assert_int_equal(index_note_known(ix, 3), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_int_equal(index_doubt(ix), 0);
	reopen();
	assert_int_not_equal(index_epoch(ix), epoch);
	assert_int_equal(index_totals(ix).files, 2);
	assert_int_equal(index_totals(ix).tombstones, 0);
	assert_false(index_is_offered(ix, "offered"));
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_peer_get(ix, 5, &p), 0);
	assert_int_equal(p.epoch, 9);
	assert_int_equal(p.received, 0);
	record_clear(&r);
	record_clear(&gone);
	assert_int_equal(index_get(ix, "gone", &r), 0);
	assert_int_equal(index_get(ix, "here", &r), 1);
	assert_int_equal(r.version.n, 0);
	assert_int_equal(r.content.size, 101);
	assert_int_equal(index_doubtful(ix, count_row, &doubtful), 0);
	assert_int_equal(doubtful, 2);
	/* A member's record makes a row of it again. */
	assert_int_equal(version_bump(&r.version, 9, 5), 0);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
	doubtful = 0;
	assert_int_equal(index_doubtful(ix, count_row, &doubtful), 0);
	assert_int_equal(doubtful, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(peers_and_values_are_remembered),
		T(a_new_epoch_keeps_the_rows),
		T(doubted_rows_know_nothing),
		T(a_new_epoch_writes_anew_what_no_peer_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
