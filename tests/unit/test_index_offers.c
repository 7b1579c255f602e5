/* What peers have and we want: it comes back as it was said, and every count is what a recount would give. */
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

static int want(uint64_t peer, const char *path, uint64_t seq, int64_t size)
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

static bool say_path(void *arg, const char *path)
{
	struct said *s = arg;
	size_t at = strlen(s->text);

	snprintf(s->text + at, sizeof(s->text) - at, "%s ", path);
	return ++s->n != s->max;
}

static void wants_come_back(void **state)
{
	struct said s = { .n = 0 };
	char *why;

	(void)state;
	assert_int_equal(want(UINT64_MAX, "d/a", 5, 10), 0);
	assert_int_equal(want(2, "d/a", 7, 30), 0);
	assert_int_equal(want(2, "b", 6, 1), 0);
	index_close(ix);
	assert_int_equal(index_open(&ix, dir, &why), INDEX_OK);
	assert_int_equal(index_offers(ix, "d/a", say_peer, &s), 0);
	assert_string_equal(s.text, "d/a:ffffffffffffffff:5:10 d/a:2:7:30 ");
	assert_int_equal(index_wants_missing(ix), 2);
	assert_int_equal(index_wants_missing_bytes(ix), 31);
	assert_int_equal(index_wants_min_seq(ix, 2), 6);
	assert_int_equal(index_wants_min_seq(ix, 3), 0);
	assert_int_equal(index_offer_forget(ix, "d/a", 2), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 11);
	assert_int_equal(index_offer_forget(ix, "d/a", 0), 0);
	assert_int_equal(index_offer_forget(ix, "d/a", 0), 0);
	assert_int_equal(index_offer_forget(ix, "nothing", 99), 0);
	assert_int_equal(index_wants_missing(ix), 1);
}

static void wanted_paths_come_once_in_walk_order(void **state)
{
	struct said s = { .n = 0 }, part = { .n = 0 }, stopped = { .max = 1 };

	(void)state;
	want(1, "a-b", 1, 1);
	want(1, "a/c", 2, 1);
	want(2, "a/c", 9, 1);
	want(1, "a", 4, 1);
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
	assert_int_equal(want(1, "a", 0, 1), -1);
	assert_int_equal(want(1, "a", (uint64_t)1 << 48, 1), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(want(1, "a", ((uint64_t)1 << 48) - 1, 1), 0);
	assert_int_equal(want(2, "b", 3, 5), 0);
	assert_int_equal(want(1, "a", 3, 5), 0);
	assert_int_equal(want(1, "c", 3, 7), 0); /* one number, two paths: the last counts */
	assert_int_equal(index_wants_missing(ix), 2);
	assert_int_equal(index_wants_missing_bytes(ix), 12);
	assert_int_equal(index_offers(ix, "a", say_peer, &s), 0);
	assert_int_equal(s.n, 0);
	assert_int_equal(index_commit(ix), 0);
}

/* Random wants against a table that is counted afresh each time. */
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
			assert_int_equal(want(peer, path, next++, size[peer][k]), 0);
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
			assert_int_equal(index_wants_min_seq(ix, (uint64_t)p), min);
		}
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(wants_come_back),
		T(wanted_paths_come_once_in_walk_order),
		T(odd_numbers_do_no_harm),
		T(counts_are_what_a_recount_gives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
