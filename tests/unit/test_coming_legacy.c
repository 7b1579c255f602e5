/* What of a record's blocks a coming part has, by what came before there was a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/get/coming.h"
#include "sync/get/part.h"

enum { LEN = 1000, RUN = 4 };

static struct block block_of(uint8_t name, uint32_t len)
{
	struct block b = { .len = len };

	memset(b.hash, name, sizeof(b.hash));
	return b;
}

/* A run of four blocks named first, first + 1, ... of LEN bytes each, all there. */
static struct coming_run *add_run(struct coming_legacy *legacy, int64_t base, uint8_t first)
{
	struct coming_run *run = MEM_NEW(struct coming_run);

	run->base = base;
	run->list.n = RUN;
	run->list.b = mem_calloc(RUN, sizeof(*run->list.b));
	run->at = mem_calloc(RUN, sizeof(*run->at));
	run->have = mem_calloc(RUN, 1);
	for (int i = 0; i < RUN; i++) {
		run->list.b[i] = block_of((uint8_t)(first + i), LEN);
		run->at[i] = (int64_t)i * LEN;
		run->have[i] = 1;
	}
	DL_APPEND(legacy->runs, run);
	return run;
}

static struct coming_legacy *two_runs(void)
{
	struct coming_legacy *legacy = MEM_NEW(struct coming_legacy);

	add_run(legacy, 0, 1);
	add_run(legacy, RUN * LEN, 5);
	return legacy;
}

static void expect(const struct coming_legacy *legacy, struct block *blocks, uint32_t n, const uint8_t *expected)
{
	struct blocklist list = { .n = n, .b = blocks };
	uint8_t *have = mem_calloc(n, 1);

	coming_legacy_have(legacy, &list, have);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(have[i], expected[i]);
	free(have);
}

static void blocks_at_their_places_are_here(void **state)
{
	struct coming_legacy *legacy = two_runs();
	struct block blocks[9];
	uint8_t expected[9];

	(void)state;
	for (uint8_t i = 0; i < 9; i++) {
		blocks[i] = block_of((uint8_t)(i + 1), LEN);
		expected[i] = i < 8 ? PART_HERE : PART_LACKS;
	}
	expect(legacy, blocks, 9, expected);
	coming_legacy_free(legacy);
}

static void a_block_that_was_never_verified_is_lacking(void **state)
{
	struct coming_legacy *legacy = two_runs();
	struct block blocks[] = { block_of(1, LEN), block_of(2, LEN), block_of(3, LEN) };

	(void)state;
	legacy->runs->have[1] = 0;
	expect(legacy, blocks, 3, (const uint8_t[]){ PART_HERE, PART_LACKS, PART_HERE });
	coming_legacy_free(legacy);
}

/* The first bytes were written again: what is cut otherwise there is verified, and the rest is as it was. */
static void a_changed_beginning_leaves_the_rest(void **state)
{
	struct coming_legacy *legacy = two_runs();
	struct block blocks[] = { block_of(100, LEN / 2), block_of(101, LEN + LEN / 2), block_of(3, LEN),
		                  block_of(4, LEN), block_of(5, LEN) };

	(void)state;
	expect(legacy, blocks, 5, (const uint8_t[]){ PART_CLAIMS, PART_CLAIMS, PART_HERE, PART_HERE, PART_HERE });
	coming_legacy_free(legacy);
}

/* Another length, or another hash, does not prove it, nor does the same block elsewhere. */
static void what_only_looks_alike_is_verified(void **state)
{
	struct coming_legacy *legacy = two_runs();
	struct block blocks[] = { block_of(2, LEN), block_of(1, LEN), block_of(3, LEN - 1), block_of(4, LEN + 1) };

	(void)state;
	expect(legacy, blocks, 4, (const uint8_t[]){ PART_CLAIMS, PART_CLAIMS, PART_CLAIMS, PART_CLAIMS });
	coming_legacy_free(legacy);
}

static void a_gap_is_lacking_on_both_sides(void **state)
{
	struct coming_legacy *legacy = MEM_NEW(struct coming_legacy);
	struct block blocks[] = { block_of(1, LEN), block_of(50, 3 * LEN + 1), block_of(51, LEN - 1), block_of(5, LEN),
		                  block_of(6, 4 * LEN) };

	(void)state;
	add_run(legacy, 0, 1);
	add_run(legacy, (RUN + 1) * LEN, 5);
	expect(legacy, blocks, 5, (const uint8_t[]){ PART_HERE, PART_LACKS, PART_LACKS, PART_HERE, PART_LACKS });
	coming_legacy_free(legacy);
}

static void nothing_came(void **state)
{
	struct coming_legacy *legacy = MEM_NEW(struct coming_legacy);
	struct block blocks[] = { block_of(1, LEN) };

	(void)state;
	expect(legacy, blocks, 1, (const uint8_t[]){ PART_LACKS });
	coming_legacy_free(legacy);
	coming_legacy_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_at_their_places_are_here),
		cmocka_unit_test(a_block_that_was_never_verified_is_lacking),
		cmocka_unit_test(a_changed_beginning_leaves_the_rest),
		cmocka_unit_test(what_only_looks_alike_is_verified),
		cmocka_unit_test(a_gap_is_lacking_on_both_sides),
		cmocka_unit_test(nothing_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
