/* The rules by which members get one content from one another: each by itself, and swarms of 2 to 200 in virtual
 * time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/swarm/map.h"
#include "sync/swarm/pick.h"
#include "tests/unit/swarm_world.h"

enum { MBIT = 125000, BLOCK = 64 << 10 }; /* bytes per second; bytes */

/* --- the choice --- */

static struct swarm_index index_of(uint32_t n)
{
	struct swarm_index x = { 0 };

	swarm_index_grow(&x, n);
	for (uint32_t i = 0; i < n; i++)
		swarm_index_need(&x, i);
	return x;
}

static void the_rarest_block_that_the_peer_has_is_picked(void **state)
{
	struct swarm_index x = index_of(100);
	uint8_t bits[13] = { 0 };
	struct swarm_ask a = { .bits = bits, .me = 1, .cursor = SWARM_NONE };

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		for (int k = 0; k < (i == 37 || i == 38 ? 1 : 3); k++)
			swarm_index_held(&x, i, true);
	}
	memset(bits, 0xff, sizeof(bits));
	bits[37 / 8] &= (uint8_t) ~(1U << 37 % 8);
	a.wanted = swarm_index_wanted(&x, bits);
	assert_int_equal(a.wanted, 99);
	for (uint64_t random = 1; random < 50; random++)
		assert_int_equal(swarm_pick(&x, &a, random), 38);
	/* It is not needed any more: all others are equally common, and each is picked by some chance. */
	swarm_index_drop(&x, 38);
	a.wanted = swarm_index_wanted(&x, bits);
	assert_int_equal(a.wanted, 98);
	assert_int_not_equal(swarm_pick(&x, &a, 1), swarm_pick(&x, &a, 2));
	swarm_index_clear(&x);
}

/* Against the definition, over many random changes. */
static void the_index_keeps_rarities_in_order(void **state)
{
	enum { N = 60 };
	struct swarm_index x = index_of(N);
	unsigned holders[N] = { 0 };
	bool needed[N];
	uint64_t random = 7;

	(void)state;
	memset(needed, true, sizeof(needed));
	for (int i = 0; i < 20000; i++) {
		uint32_t b = (uint32_t)(swarm_random(&random) % N), what = (uint32_t)(swarm_random(&random) % 4);
		unsigned least = UINT32_MAX;
		uint32_t got;

		if (what == 0)
			swarm_index_need(&x, b);
		else if (what == 1)
			swarm_index_drop(&x, b);
		else
			swarm_index_held(&x, b, what == 2);
		needed[b] = what == 0 ? true : what == 1 ? false : needed[b];
		holders[b] += what == 2 ? 1 : what == 3 && holders[b] > 0 ? -1U : 0;
		for (uint32_t k = 0; k < N; k++)
			least = needed[k] && holders[k] < least ? holders[k] : least;
		got = swarm_pick(&x, &(struct swarm_ask){ .wanted = 1, .cursor = SWARM_NONE }, random);
		if (least == UINT32_MAX)
			assert_int_equal(got, SWARM_NONE);
		else
			assert_true(needed[got] && (holders[got] == least || least >= SWARM_RARITIES - 1));
	}
	swarm_index_clear(&x);
}

static void one_rare_block_among_a_million_is_found(void **state)
{
	enum { N = 1000000 };
	struct swarm_index x = index_of(N);
	uint8_t *bits = mem_calloc(swarm_bits_size(N), 1);
	struct swarm_ask a = { .bits = bits, .wanted = 1, .cursor = SWARM_NONE };

	(void)state;
	swarm_bit_set(bits, 777777);
	assert_int_equal(swarm_pick(&x, &a, 5), 777777);
	free(bits);
	swarm_index_clear(&x);
}

/* Of a peer that has all, each receiver asks first for what falls to it: they ask for different blocks. */
static void receivers_start_at_different_places(void **state)
{
	enum { N = 400, RECEIVERS = 4, EACH = 60 };
	uint8_t asked[N] = { 0 };
	unsigned twice = 0;

	(void)state;
	for (uint64_t me = 1; me <= RECEIVERS; me++) {
		struct swarm_index x = index_of(N);
		uint64_t others[RECEIVERS], random = me;
		size_t n = 0;

		for (uint64_t k = 1; k <= RECEIVERS; k++) {
			if (k != me)
				others[n++] = k;
		}
		for (int i = 0; i < EACH; i++) {
			uint32_t b = swarm_pick(&x,
			                        &(struct swarm_ask){ .wanted = x.n,
			                                             .me = me,
			                                             .others = others,
			                                             .nothers = n,
			                                             .seed = 9 },
			                        swarm_random(&random));

			swarm_index_drop(&x, b);
			twice += asked[b]++ > 0;
		}
		swarm_index_clear(&x);
	}
	assert_in_range(twice, 0, 5);
}

static void alone_blocks_come_in_order(void **state)
{
	struct swarm_index x = index_of(300);
	struct swarm_ask a = { .wanted = 300, .in_order = true };

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		assert_int_equal(swarm_pick(&x, &a, 3), i);
		swarm_index_drop(&x, i);
		a.cursor = i + 1;
	}
	swarm_index_clear(&x);
}

static void a_wireless_peer_is_asked_only_for_what_no_wired_one_has(void **state)
{
	struct swarm_index x = index_of(64);
	uint8_t air[8], wire[8];
	const uint8_t *wired[1] = { wire };
	struct swarm_ask a = { .bits = air, .wanted = 64, .wired = wired, .nwired = 1, .cursor = SWARM_NONE };

	(void)state;
	memset(air, 0xff, sizeof(air));
	memset(wire, 0xff, sizeof(wire));
	assert_int_equal(swarm_pick(&x, &a, 1), SWARM_NONE);
	wire[2] = 0xfb;
	assert_int_equal(swarm_pick(&x, &a, 1), 18);
	a.in_order = true;
	a.cursor = 0;
	assert_int_equal(swarm_pick(&x, &a, 1), 18);
	wired[0] = NULL;
	assert_int_equal(swarm_pick(&x, &a, 1), SWARM_NONE);
	swarm_index_clear(&x);
}

static void windows_and_patience_are_bounded(void **state)
{
	const struct swarm_debt debts[3] = { { 1, 1 }, { 5, 20 }, { 2, 10 } };

	(void)state;
	assert_int_equal(swarm_window(1, 0, BLOCK), SWARM_WINDOW_ALL);
	assert_int_equal(swarm_window(100, 0, BLOCK), SWARM_WINDOW_MIN);
	assert_int_equal(swarm_window(100, 0, 1 << 20), 2 << 20);
	assert_int_equal(swarm_window(1, INT64_MAX / 2, BLOCK), SWARM_WINDOW_MAX);
	assert_int_equal(swarm_window(4, 0, BLOCK), SWARM_WINDOW_ALL / 4);
	assert_int_equal(swarm_window_alone(1, 0), SWARM_WINDOW_ALL);
	assert_int_equal(swarm_window_alone(2, 12 << 20), 6 << 20);
	assert_int_equal(swarm_window_alone(1, INT64_MAX / 2), SWARM_WINDOW_MAX);
	/* Of more peers less is asked in all. */
	assert_int_equal(swarm_window(8, 0, BLOCK), SWARM_WINDOW_ALL / 16);
	assert_int_equal(swarm_late_ms(0), 2000);
	assert_int_equal(swarm_late_ms(1), 300);
	assert_int_equal(swarm_late_ms(100), 800);
	assert_int_equal(swarm_late_ms(10000), 2000);
	assert_int_equal(swarm_endgame(debts, 3), 2);
	assert_int_equal(swarm_endgame(debts, 1), 1);
}

static void a_giver_that_is_out_is_left_alone_for_a_while(void **state)
{
	struct swarm_out o = { .since_ms = 99, .quiet_ms = 99, .rate_then = 100 };

	(void)state;
	assert_false(swarm_may_name(&o));
	o.since_ms = o.quiet_ms = 100;
	assert_true(swarm_may_name(&o));
	o.rate = 51;
	assert_false(swarm_may_name(&o));
	o.since_ms = 600;
	assert_true(swarm_may_name(&o));
	o.spread_ms = 50;
	assert_false(swarm_may_name(&o));
}

/* --- what a peer tells --- */

static struct content content_of(uint32_t nblocks, uint8_t name)
{
	return (struct content){ .size = (int64_t)nblocks * BLOCK, .nblocks = nblocks, .root = { name } };
}

static void count_fresh(void *arg, struct swarm_known *k, uint32_t block)
{
	assert_true(swarm_known_has(k, block));
	(*(int *)arg)++;
}

static void a_book_follows_what_is_told(void **state)
{
	struct swarm_maps book = { 0 };
	uint8_t bits[2] = { 0x05, 0xfe }; /* of 12 blocks: 0, 2, 9, 10, 11 */
	struct swarm_map map = { .number = 3, .content = content_of(12, 1), .tell = true, .bits = bits };
	const struct swarm_run runs[2] = { { 1, 3 }, { 11, 1 } };
	const struct swarm_run wrong = { 11, 2 };
	struct swarm_known *k;
	int fresh = 0;
	bool bad;

	(void)state;
	k = swarm_maps_take(&book, &map, &bad);
	assert_non_null(k);
	assert_int_equal(k->count, 5);
	assert_true(swarm_known_has(k, 2) && !swarm_known_has(k, 1) && !swarm_known_has(k, 12));
	assert_ptr_equal(swarm_maps_have(&book, 3, runs, 2, count_fresh, &fresh, &bad), k);
	assert_int_equal(fresh, 2);
	assert_int_equal(k->count, 7);
	assert_null(swarm_maps_have(&book, 4, runs, 2, count_fresh, &fresh, &bad));
	assert_false(bad);
	assert_null(swarm_maps_have(&book, 3, &wrong, 1, NULL, NULL, &bad));
	assert_true(bad);
	map.gone = true;
	assert_null(swarm_maps_take(&book, &map, &bad));
	assert_false(bad);
	assert_int_equal(book.n, 0);
	assert_int_equal(book.bytes, 0);
	swarm_maps_clear(&book);
}

static void a_book_is_bounded(void **state)
{
	struct swarm_maps book = { 0 };
	bool bad;

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		struct swarm_map map = { .number = i, .content = content_of(i % 2 == 0 ? 1 << 20 : 100, (uint8_t)i) };

		map.content.root[1] = (uint8_t)(i >> 8);
		assert_non_null(swarm_maps_take(&book, &map, &bad));
		assert_in_range(book.n, 1, SWARM_MAPS_MAX);
		assert_in_range(book.bytes, 1, SWARM_BITS_MAX);
	}
	assert_null(swarm_maps_take(&book, &(struct swarm_map){ .content = content_of(3, 1) }, &bad));
	assert_true(bad);
	swarm_maps_clear(&book);
}

/* --- whole swarms --- */

static struct swarm_scene scene_of(int receivers, uint32_t nblocks, double mbit)
{
	struct swarm_scene s = { .nblocks = nblocks, .block = BLOCK, .seed = 11, .members = receivers + 1 };

	for (int i = 0; i <= receivers; i++)
		s.m[i] = (struct swarm_member){ .up = mbit * MBIT / 1e6, .down = mbit * MBIT / 1e6 };
	return s;
}

/* At most that many hundredths of a copy, and of the time in which the source can send one. */
static void assert_swarm(const struct swarm_scene *s, int copies, int limit)
{
	struct swarm_outcome o = swarm_world_run(s, 600);

	print_message("%3d members: %.3f copies, %.3f x the limit, %d incomplete, %d twice\n", s->members, o.copies,
	              o.limit, o.incomplete, (int)o.twice);
	assert_int_equal(o.incomplete, 0);
	assert_in_range((int)(o.copies * 100), 99, copies);
	assert_in_range((int)(o.limit * 100), 99, limit);
}

static void a_source_sends_little_more_than_one_copy(void **state)
{
	static const int receivers[] = { 1, 2, 4, 8, 16 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct swarm_scene s = scene_of(receivers[i], 1500, 200);

		assert_swarm(&s, 103, 105);
	}
}

static void large_swarms_complete(void **state)
{
	struct swarm_scene s = scene_of(32, 800, 200);

	(void)state;
	assert_swarm(&s, 103, 120);
	s = scene_of(200, 400, 200);
	assert_swarm(&s, 105, 140);
}

/* What it was given and passes on slowly costs the others a second or two, however long the content is. */
static void one_slow_receiver_holds_nobody_up(void **state)
{
	struct swarm_scene s = scene_of(4, 1000, 200);

	(void)state;
	s.m[4].up /= 10;
	assert_swarm(&s, 115, 175);
	s.nblocks = 4000;
	assert_swarm(&s, 110, 130);
}

static void one_that_joins_late_is_served_by_all(void **state)
{
	struct swarm_scene s = scene_of(4, 1000, 100);

	(void)state;
	s.m[3].joins_us = 2000000;
	s.m[4].joins_us = 4000000;
	assert_swarm(&s, 130, 200);
}

static void those_that_leave_cost_little(void **state)
{
	struct swarm_scene s = scene_of(5, 1000, 100);

	(void)state;
	s.m[4].leaves_us = 1500000;
	s.m[5].leaves_us = 3000000;
	assert_swarm(&s, 115, 125);
}

static void a_source_may_die_when_every_block_exists_somewhere(void **state)
{
	struct swarm_scene s = scene_of(4, 1000, 100);

	(void)state;
	s.m[0].dies = true;
	for (int i = 1; i <= 4; i++)
		s.m[i].up /= 2;
	assert_swarm(&s, 110, 170);
}

static void a_silent_one_holds_nobody_up(void **state)
{
	struct swarm_scene s = scene_of(5, 1000, 100);

	(void)state;
	s.m[5].silent_us = 2000000;
	assert_swarm(&s, 115, 125);
}

/* The source sends again what it gave to the liar alone, and nothing more. */
static void a_liar_holds_nobody_up(void **state)
{
	struct swarm_scene s = scene_of(5, 1000, 100);

	(void)state;
	s.m[4].lies = true;
	assert_swarm(&s, 120, 130);
}

static void a_liar_and_a_silent_one_hold_nobody_up(void **state)
{
	struct swarm_scene s = scene_of(5, 1000, 100);

	(void)state;
	s.m[4].lies = true;
	s.m[5].silent_us = 2000000;
	assert_swarm(&s, 145, 160);
}

/* Whatever happens to whom, those that stay have it all in the end. */
static void random_swarms_complete(void **state)
{
	uint64_t random = 4711;

	(void)state;
	for (int i = 0; i < 60; i++) {
		struct swarm_scene s = scene_of(2 + (int)(swarm_random(&random) % 10), 300, 100);
		struct swarm_outcome o;

		s.seed = swarm_random(&random);
		for (int k = 1; k < s.members; k++) {
			uint64_t what = swarm_random(&random) % 10;
			int64_t when = 100000 + (int64_t)(swarm_random(&random) % 2000000);

			s.m[k].up *= 0.1 + (double)(swarm_random(&random) % 10) / 10;
			s.m[k].down *= 0.1 + (double)(swarm_random(&random) % 10) / 10;
			s.m[k].joins_us = what == 0 ? when : 0;
			s.m[k].leaves_us = what == 1 ? when : 0;
			s.m[k].silent_us = what == 2 ? when : 0;
			s.m[k].lies = what == 3;
		}
		o = swarm_world_run(&s, 600);
		assert_int_equal(o.incomplete, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rarest_block_that_the_peer_has_is_picked),
		cmocka_unit_test(the_index_keeps_rarities_in_order),
		cmocka_unit_test(one_rare_block_among_a_million_is_found),
		cmocka_unit_test(receivers_start_at_different_places),
		cmocka_unit_test(alone_blocks_come_in_order),
		cmocka_unit_test(a_wireless_peer_is_asked_only_for_what_no_wired_one_has),
		cmocka_unit_test(windows_and_patience_are_bounded),
		cmocka_unit_test(a_giver_that_is_out_is_left_alone_for_a_while),
		cmocka_unit_test(a_book_follows_what_is_told),
		cmocka_unit_test(a_book_is_bounded),
		cmocka_unit_test(a_source_sends_little_more_than_one_copy),
		cmocka_unit_test(large_swarms_complete),
		cmocka_unit_test(one_slow_receiver_holds_nobody_up),
		cmocka_unit_test(one_that_joins_late_is_served_by_all),
		cmocka_unit_test(those_that_leave_cost_little),
		cmocka_unit_test(a_source_may_die_when_every_block_exists_somewhere),
		cmocka_unit_test(a_silent_one_holds_nobody_up),
		cmocka_unit_test(a_liar_holds_nobody_up),
		cmocka_unit_test(a_liar_and_a_silent_one_hold_nobody_up),
		cmocka_unit_test(random_swarms_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
