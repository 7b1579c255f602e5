/* Offers: they come back as they were written, every count is what a recount would give, and unwanted ones are in
 * nobody's way. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/index/index.h"
#include "tests/unit/index_new.h"

static int offer(uint64_t peer, const char *path, uint64_t seq, int64_t size)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .mode = 0600,
		            .content = { .size = size, .nblocks = 1, .root = { (uint8_t)size } },
		            .seq = seq };
	int rc;

	version_bump(&r.version, peer, seq > 0 ? seq : 1);
	rc = index_offer(ix, peer, &r);
	record_clear(&r);
	return rc;
}

struct said {
	char text[400];
	int max; /* 0: all */
	int n;
};

static bool say_peer(void *arg, uint64_t peer, const struct record *r)
{
	struct said *s = arg;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%s:%llx:%llu:%lld ", r->path, (unsigned long long)peer,
	         (unsigned long long)r->seq, (long long)r->content.size);
	assert_int_equal(version_counter(&r->version, peer), r->seq);
	return ++s->n != s->max;
}

static bool say_size(void *arg, uint64_t peer, const struct record *r)
{
	struct said *s = arg;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%s:%llx:%lld ", r->path, (unsigned long long)peer,
	         (long long)r->content.size);
	return true;
}

static bool say_path(void *arg, const char *path)
{
	struct said *s = arg;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%s ", path);
	return ++s->n != s->max;
}

static void offers_come_back(void **state)
{
	struct said s = { .n = 0 };
	char *why;

	(void)state;
	assert_int_equal(offer(UINT64_MAX, "d/a", 5, 10), 0);
	assert_int_equal(offer(2, "d/a", 7, 30), 0);
	assert_int_equal(offer(2, "b", 6, 1), 0);
	index_close(ix);
	assert_int_equal(index_open(&ix, dir, &why), INDEX_OK);
	assert_int_equal(index_offers(ix, "d/a", say_peer, &s), 0);
	assert_string_equal(s.text, "d/a:ffffffffffffffff:5:10 d/a:2:7:30 ");
	assert_int_equal(index_wants_missing(ix), 2);
	assert_int_equal(index_wants_missing_bytes(ix), 31);
	assert_int_equal(index_settled(ix, 2, 9), 5);
	assert_int_equal(index_settled(ix, 2, 4), 4);
	assert_int_equal(index_settled(ix, 3, 9), 9);
	assert_int_equal(index_offer_forget(ix, "d/a", 2), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 11);
	assert_int_equal(index_offer_forget(ix, "d/a", 0), 0);
	assert_int_equal(index_offer_forget(ix, "d/a", 0), 0);
	assert_int_equal(index_offer_forget(ix, "nothing", 99), 0);
	assert_int_equal(index_wants_missing(ix), 1);
}

static void offered_paths_come_once_in_walk_order(void **state)
{
	struct said s = { .n = 0 }, part = { .n = 0 }, stopped = { .max = 1 };

	(void)state;
	offer(1, "a-b", 1, 1);
	offer(1, "a/c", 2, 1);
	offer(2, "a/c", 9, 1);
	offer(1, "a", 4, 1);
	assert_int_equal(index_offers_paths(ix, "", 10, say_path, &s), 3);
	assert_string_equal(s.text, "a a/c a-b ");
	assert_int_equal(index_offers_paths(ix, "a", 1, say_path, &part), 1);
	assert_string_equal(part.text, "a/c ");
	assert_int_equal(index_offers_paths(ix, "", 10, say_path, &stopped), 1);
	assert_int_equal(index_offers_paths(ix, "a-b", 10, say_path, &s), 0);
}

static void odd_numbers_do_no_harm(void **state)
{
	struct said s = { .n = 0 };

	(void)state;
	assert_int_equal(offer(1, "a", 0, 1), -1);
	assert_int_equal(offer(1, "a", (uint64_t)1 << 48, 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(offer(1, "a", ((uint64_t)1 << 48) - 1, 1), 0);
	assert_int_equal(offer(2, "b", 3, 5), 0);
	assert_int_equal(offer(1, "a", 3, 5), 0);
	assert_int_equal(offer(1, "c", 3, 7), 0); /* one number, two paths: the last counts */
	assert_int_equal(index_wants_missing(ix), 2);
	assert_int_equal(index_wants_missing_bytes(ix), 12);
	assert_int_equal(index_offers(ix, "a", say_peer, &s), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(index_commit(ix), 0);
}

/* Random offers, compared with a table that is counted each time. */
static void counts_are_what_a_recount_gives(void **state)
{
	enum { PEERS = 4, PATHS = 6 };
	int64_t size[PEERS + 1][PATHS], count, bytes, max;
	uint64_t seqs[PEERS + 1][PATHS], next = 1;
	char path[8];

	(void)state;
	random_set_seed(99);
	memset(size, -1, sizeof(size));
	for (int step = 0; step < 20000; step++) {
		uint64_t peer = random_below(PEERS) + 1, what = random_below(40);
		int k = (int)random_below(PATHS);

		snprintf(path, sizeof(path), "p%d", k);
		if (what < 20) {
			size[peer][k] = (int64_t)random_below(5);
			seqs[peer][k] = next;
			assert_int_equal(offer(peer, path, next++, size[peer][k]), 0);
		} else if (what < 30) {
			size[peer][k] = -1;
			assert_int_equal(index_offer_forget(ix, path, peer), 0);
		} else if (what < 33) {
			for (int i = 1; i <= PEERS; i++)
				size[i][k] = -1;
			assert_int_equal(index_offer_forget(ix, path, 0), 0);
		} else if (what == 33) {
			memset(size[peer], -1, sizeof(size[peer]));
			assert_int_equal(index_offers_forget_peer(ix, peer), 0);
		} else if (what < 36) {
			assert_int_equal(index_commit(ix), 0);
		}
		count = bytes = 0;
		for (int i = 0; i < PATHS; i++) {
			max = -1;
			for (int p = 1; p <= PEERS; p++)
				max = size[p][i] > max ? size[p][i] : max;
			count += max >= 0;
			bytes += max > 0 ? max : 0;
		}
		assert_int_equal(index_wants_missing(ix), count);
		assert_int_equal(index_wants_missing_bytes(ix), bytes);
		for (int p = 1; p <= PEERS; p++) {
			uint64_t min = 0;

			for (int i = 0; i < PATHS; i++) {
				if (size[p][i] >= 0 && (min == 0 || seqs[p][i] < min))
					min = seqs[p][i];
			}
			assert_int_equal(index_settled(ix, (uint64_t)p, next), min > 0 ? min - 1 : next);
		}
	}
}

/* --- unwanted offers --- */

static const struct choose_rule only_a[] = { { "a", true } };
static const struct choices chosen = { .mode = CHOOSE_ON_DEMAND, .rules = only_a, .nrules = 1 };
static const struct choices all = { .mode = CHOOSE_MIRROR };

static void unwanted_offers_are_not_missing_and_count_as_settled(void **state)
{
	struct said s = { .n = 0 }, wanted = { .n = 0 };

	(void)state;
	assert_int_equal(index_choose(ix, &chosen), 0);
	assert_int_equal(offer(1, "b", 3, 100), 0);
	assert_int_equal(offer(2, "b", 4, 100), 0);
	assert_true(index_is_offered(ix, "b"));
	assert_false(index_is_offered(ix, "a"));
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 0);
	assert_int_equal(index_wants_of(ix, 1, 10), 0);
	assert_int_equal(index_settled(ix, 1, 9), 9);
	assert_int_equal(index_offers_paths(ix, "", 10, say_path, &s), 1);
	assert_int_equal(index_wants_paths(ix, "", 10, say_path, &wanted), 0);

	assert_int_equal(offer(1, "a/x", 7, 5), 0);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_wants_missing_bytes(ix), 5);
	assert_int_equal(index_settled(ix, 1, 9), 6);
	assert_int_equal(index_settled(ix, 2, 9), 9);
	assert_int_equal(index_wants_paths(ix, "", 10, say_path, &wanted), 1);
	assert_string_equal(wanted.text, "a/x ");

	assert_int_equal(index_offer_forget(ix, "a/x", 1), 0);
	assert_int_equal(index_settled(ix, 1, 9), 9);
	assert_int_equal(index_offer_forget(ix, "b", 0), 0);
	assert_false(index_is_offered(ix, "b"));
}

static void another_choice_judges_what_is_offered_again(void **state)
{
	struct said s = { .n = 0 };
	char *why;

	(void)state;
	assert_int_equal(offer(1, "a", 3, 10), 0);
	assert_int_equal(offer(1, "b", 4, 100), 0);
	assert_int_equal(offer(2, "b", 1, 200), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 210);
	assert_int_equal(index_choose(ix, &chosen), 0);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_wants_missing_bytes(ix), 10);
	assert_int_equal(index_settled(ix, 1, 9), 2);
	assert_int_equal(index_settled(ix, 2, 9), 9);

	/* The index remembers the choice until it is made again. What peers offered is listed: it is the group's now,
	 * not theirs. */
	index_close(ix);
	assert_int_equal(index_open(&ix, dir, &why), INDEX_OK);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_listed(ix), 2);
	assert_true(index_is_offered(ix, "b"));
	assert_int_equal(index_offers(ix, "b", say_size, &s), 0);
	assert_string_equal(s.text, "b:0:100 b:0:200 ");
	assert_int_equal(index_choose(ix, &all), 0);
	assert_int_equal(index_wants_missing(ix), 2);
	assert_int_equal(index_wants_missing_bytes(ix), 210);
	assert_int_equal(index_settled(ix, 2, 9), 9);
	assert_int_equal(index_offers_forget_peer(ix, 2), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 210);
}

static void an_unwanted_offer_and_a_wanted_one_share_no_number(void **state)
{
	(void)state;
	assert_int_equal(index_choose(ix, &chosen), 0);
	assert_int_equal(offer(1, "b", 3, 100), 0);
	assert_int_equal(offer(1, "a", 3, 10), 0);
	assert_false(index_is_offered(ix, "b"));
	assert_int_equal(offer(1, "c", 3, 100), 0);
	assert_false(index_is_offered(ix, "a"));
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_choose(ix, &all), 0);
	assert_int_equal(index_wants_missing(ix), 1);
}

/* A deletion is forgotten when all members have settled it, whatever unwanted offers there are. But the change of an
 * unwanted offer never counts as known: the path has no row here, so we would tell a member that announces it that it
 * was deleted. */
static void unwanted_offers_do_not_keep_tombstones(void **state)
{
	struct record gone = { .path = mem_strdup("gone"), .kind = RECORD_FILE, .deleted = true };
	struct index_peer p = { .epoch = 77, .received = 9 };
	struct version late = { 0 };
	uint64_t after = 0;

	(void)state;
	assert_int_equal(index_choose(ix, &chosen), 0);
	assert_int_equal(offer(1, "b", 5, 100), 0);
	assert_int_equal(index_peer_put(ix, 1, &p), 0);
	assert_int_equal(index_put_change(ix, &gone, NULL, 1), 0);
	assert_int_equal(index_note_known(ix, index_seq(ix)), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_int_equal(index_forget(ix, &after, index_seq(ix)), 1);
	assert_int_equal(index_totals(ix).tombstones, 0);
	version_bump(&late, 77, 4);
	assert_true(index_knows(ix, &late));
	version_bump(&late, 77, 5);
	assert_false(index_knows(ix, &late));
	version_clear(&late);
	record_clear(&gone);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(offers_come_back),
		T(offered_paths_come_once_in_walk_order),
		T(odd_numbers_do_no_harm),
		T(counts_are_what_a_recount_gives),
		T(unwanted_offers_are_not_missing_and_count_as_settled),
		T(another_choice_judges_what_is_offered_again),
		T(an_unwanted_offer_and_a_wanted_one_share_no_number),
		T(unwanted_offers_do_not_keep_tombstones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
