/* What a member takes of a vault's rows: in order, opened, and endorsed by who may write; and what it does with those
 * that it cannot judge yet, or that an honest vault does not give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <malloc.h>

#include <cmocka.h>

#include "sync/index/index_sealed.h"
#include "tests/unit/keeping_world.h"

enum { EPOCH = 50 };

static int setup(void **state)
{
	struct keeping_world *w = MEM_NEW(struct keeping_world);

	keeping_world_start(w, ANNA);
	keeping_world_up(w, 0, 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct keeping_world *w = *state;

	keeping_world_end(w);
	free(w);
	return 0;
}

static struct given_row row(uint64_t seq, const char *path, uint32_t nblocks, int by)
{
	return (struct given_row){ .seq = seq,
		                   .path = path,
		                   .nblocks = nblocks,
		                   .seed = seq,
		                   .counter = 1,
		                   .by = by,
		                   .endorsed = seq,
		                   .epoch = EPOCH };
}

static bool came(struct keeping_world *w, const char *path)
{
	return keeping_world_news(w, path) != NULL;
}

static uint64_t sealed(struct keeping_world *w, const struct content *c, struct index_sealed *s)
{
	return index_sealed_get(w->index, c, s) == 1 ? s->generation : 0;
}

static bool is_noted_rejected(struct keeping_world *w)
{
	int64_t first;

	assert_true(index_meta_get(w->index, "passed 0000000000000309", &first) >= 0); /* VAULT_EPOCH */
	return first > 0;
}

static void test_rows_come_out_opened_and_in_order(void **state)
{
	struct keeping_world *w = *state;
	const struct given_row rows[] = { row(3, "one", 1, BERT), row(4, "three", 3, BERT), row(8, "paged", 700, FRED),
		                          row(9, "gone", 0, ANNA) };
	uint64_t generation = keys_about(ring_current(w->group->agents[BERT].ring))->id;
	struct index_sealed s;

	keeping_world_give(w, 0, 8, rows, 3);
	keeping_world_give(w, 8, 12, rows + 3, 1);
	keeping_world_calm(w);
	assert_int_equal(w->nnews, 4);
	assert_int_equal(w->news_upto, 12);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(w->news[i].seq, rows[i].seq);
		assert_string_equal(w->news[i].r.path, rows[i].path);
		assert_int_equal(w->news[i].r.content.nblocks, rows[i].nblocks);
		assert_int_equal(w->news[i].r.version.n, 1);
	}
	assert_true(w->news[3].r.deleted);
	/* Short lists come along. */
	assert_int_equal(w->news[0].nblocks, 0);
	assert_int_equal(w->news[1].nblocks, 3);
	assert_int_equal(w->news[2].nblocks, 0);
	assert_int_equal(sealed(w, &w->news[0].r.content, &s), generation);
	assert_int_equal(sealed(w, &w->news[1].r.content, &s), generation);
	assert_int_equal(s.n, 3 * PAGE_ENTRY);
	assert_int_equal(sealed(w, &w->news[2].r.content, &s), generation);
	assert_true(s.paged && s.n > 0);
	assert_int_equal(w->misbehaved, 0);
}

static void test_the_vaults_generation_of_a_content_replaces_ours(void **state)
{
	struct keeping_world *w = *state;
	struct given_row given = row(3, "theirs", 1, BERT);
	struct blocklist list = keeping_world_blocks(1, 3);
	struct content c = { .size = list.b[0].len, .nblocks = 1 };
	struct index_sealed s = { .generation = 4711 };

	memcpy(c.root, list.b[0].hash, sizeof(c.root));
	blocklist_clear(&list);
	assert_int_equal(index_sealed_put(w->index, &c, &s), 0);
	keeping_world_give(w, 0, 3, &given, 1);
	keeping_world_calm(w);
	assert_int_equal(sealed(w, &c, &s), keys_about(ring_current(w->group->agents[ANNA].ring))->id);
}

static void test_numbers_without_rows_count(void **state)
{
	struct keeping_world *w = *state;

	keeping_world_give(w, 0, 70, NULL, 0);
	keeping_world_calm(w);
	assert_int_equal(w->news_upto, 70);
}

/* --- keys --- */

static void test_rows_of_keys_that_are_not_here_wait_for_them(void **state)
{
	struct keeping_world *w = *state;
	struct given_row rows[3];

	rows[0] = row(1, "old", 1, BERT);
	keeping_world_give(w, 0, 1, rows, 1);
	/* Bert signs a generation, and Anna hears of it before she gets its keys. */
	assert_true(ring_world_remove(w->group, ANNA, FRED));
	ring_world_tell(w->group, ANNA, BERT, true);
	keeping_world_generation(w, BERT, false);
	rows[1] = row(2, "new", 1, BERT);
	rows[2] = row(3, "behind", 1, BERT);
	keeping_world_give(w, 1, 3, rows + 1, 2);
	keeping_world_calm(w);
	assert_true(came(w, "old"));
	assert_int_equal(w->nnews, 1);
	assert_int_equal(w->news_upto, 1);
	ring_world_settle(w->group);
	keeping_told(w->keeping);
	keeping_world_calm(w);
	assert_true(came(w, "new") && came(w, "behind"));
	assert_int_equal(w->news_upto, 3);
	assert_int_equal(w->misbehaved, 0);
}

/* --- who endorsed them --- */

static void given_by_one_who_may_not(struct keeping_world *w, int by)
{
	struct given_row rows[3];
	int64_t equal_ms;

	rows[0] = row(1, "before", 1, BERT);
	rows[1] = row(2, "false", 1, by);
	rows[2] = row(3, "behind", 1, BERT);
	keeping_world_give(w, 0, 3, rows, 3);
	keeping_world_calm(w);
	/* Our roster may be the one that lags. */
	keeping_world_pass(w, 2 * KEEPING_PATIENCE_MS);
	assert_int_equal(w->nnews, 1);
	assert_int_equal(w->news_upto, 1);
	assert_false(is_noted_rejected(w));
	w->rosters_equal = true;
	equal_ms = loop_now_ms(w->loop);
	keeping_world_pass(w, KEEPING_PATIENCE_MS / 2);
	if (loop_now_ms(w->loop) - equal_ms < KEEPING_PATIENCE_MS) /* the machine did not stand still meanwhile */
		assert_int_equal(w->nnews, 1);
	keeping_world_pass(w, 2 * KEEPING_PATIENCE_MS);
	keeping_world_calm(w);
	assert_false(came(w, "false"));
	assert_true(came(w, "behind"));
	assert_int_equal(w->news_upto, 3);
	assert_true(is_noted_rejected(w));
}

static void test_a_readers_row_is_left_out(void **state)
{
	given_by_one_who_may_not(*state, RITA);
}

static void test_a_row_of_one_who_was_removed_is_left_out(void **state)
{
	struct keeping_world *w = *state;

	assert_true(ring_world_remove(w->group, ANNA, FRED));
	keeping_told(w->keeping);
	given_by_one_who_may_not(w, FRED);
}

static void test_a_writer_of_whom_we_hear_later_counts_then(void **state)
{
	struct keeping_world *w = *state;
	struct given_row given = row(1, "theirs", 1, RITA);

	keeping_world_give(w, 0, 1, &given, 1);
	keeping_world_calm(w);
	assert_int_equal(w->nnews, 0);
	assert_true(ring_world_grant(w->group, ANNA, RITA, ROLE_MEMBER));
	keeping_told(w->keeping);
	keeping_world_calm(w);
	assert_true(came(w, "theirs"));
}

static void harmed(struct keeping_world *w, enum row_harm harm, int misbehaved)
{
	struct given_row rows[3];

	rows[0] = row(1, "before", 1, BERT);
	rows[1] = row(2, "harmed", 1, BERT);
	rows[1].harm = harm;
	rows[2] = row(3, "behind", 1, BERT);
	keeping_world_give(w, 0, 3, rows, 3);
	keeping_world_calm(w);
	assert_false(came(w, "harmed"));
	assert_true(came(w, "before") && came(w, "behind"));
	assert_int_equal(w->news_upto, 3);
	assert_int_equal(w->misbehaved, misbehaved);
	assert_true(is_noted_rejected(w));
}

static void test_an_altered_row_is_left_out_and_held_against_the_vault(void **state)
{
	harmed(*state, HARM_CORE, 1);
}

static void test_so_is_an_altered_endorsement(void **state)
{
	harmed(*state, HARM_ENDORSEMENT, 1);
}

static void test_what_a_writer_sealed_wrongly_is_not_held_against_the_vault(void **state)
{
	harmed(*state, HARM_INSIDE, 0);
}

static bool waits_for_a_later_version(void *arg, const struct keeping_about *a)
{
	*(bool *)arg = a->waits != NULL && strstr(a->waits, "later version") != NULL;
	return false;
}

static void test_a_row_of_a_later_form_is_waited_at_if_a_writer_made_it(void **state)
{
	struct keeping_world *w = *state;
	struct given_row rows[2];
	bool waits = false;

	rows[0] = row(1, "later", 1, BERT);
	rows[0].harm = HARM_LATER;
	rows[1] = row(2, "behind", 1, BERT);
	keeping_world_give(w, 0, 2, rows, 2);
	keeping_world_calm(w);
	assert_int_equal(w->nnews, 0);
	assert_int_equal(w->misbehaved, 0);
	keeping_each(w->keeping, waits_for_a_later_version, &waits);
	assert_true(waits);
}

static void test_a_later_form_that_the_vault_made_up_is_not(void **state)
{
	harmed(*state, HARM_LATER_MADE_UP, 1);
}

/* --- our own --- */

static void test_a_row_of_ours_that_we_do_not_know_shows_that_we_were_rolled_back(void **state)
{
	struct keeping_world *w = *state;
	struct given_row rows[2];

	rows[0] = row(1, "known", 1, ANNA);
	rows[0].endorsed = 1;
	rows[0].epoch = index_epoch(w->index);
	keeping_world_put(w, "known", 1, 1);
	keeping_world_turn(w);
	keeping_world_calm(w); /* it is told to the vault */
	keeping_world_give(w, 0, 1, rows, 1);
	keeping_world_calm(w);
	assert_int_equal(w->rolled_back, 0);
	assert_true(came(w, "known"));
	rows[1] = row(2, "lost", 1, ANNA);
	rows[1].endorsed = index_seq(w->index) + 1;
	rows[1].epoch = index_epoch(w->index);
	keeping_world_give(w, 1, 2, rows + 1, 1);
	keeping_world_calm(w);
	assert_int_equal(w->rolled_back, 1);
	assert_int_equal(w->news_upto, 1);
	/* In another epoch it is a row like others. */
	index_new_epoch(w->index, 0);
	keeping_told(w->keeping);
	keeping_world_calm(w);
	assert_true(came(w, "lost"));
	assert_int_equal(w->rolled_back, 1);
}

/* An older copy of the index was put back, and the scan has given the numbers of the lost changes to others, which no
 * vault was told yet. */
static void test_a_number_that_was_not_told_in_this_run_may_have_been_given_twice(void **state)
{
	struct keeping_world *w = *state;
	struct given_row given = row(1, "lost", 1, ANNA);

	keeping_world_put(w, "scanned", 1, 1);
	given.endorsed = 1;
	given.epoch = index_epoch(w->index);
	keeping_world_give(w, 0, 1, &given, 1);
	keeping_world_calm(w);
	assert_int_equal(w->rolled_back, 1);
	assert_false(came(w, "lost"));
}

/* --- bounds, and ends --- */

static void test_a_vault_that_gives_without_end_is_not_listened_to(void **state)
{
	struct keeping_world *w = *state;
	struct given_row stops = row(1, "false", 1, RITA);
	uint8_t *bulk = mem_calloc(1, 1 << 20);
	struct msg_core core = { .core = { bulk, 1 << 20 }, .endorsement = { bulk, 10 } };

	keeping_world_give(w, 0, 1, &stops, 1);
	for (uint64_t i = 2; i < 102; i++) {
		struct msg_cores m = { .after = i - 1, .upto = i, .cores = &core, .ncores = 1 };

		core.seq = i;
		keeping_cores_in(w->keeping, w->vault, &m);
	}
	assert_int_equal(w->misbehaved, 1);
	free(bulk);
}

/* Files of a million blocks of zeros each, whose lists have one entry. */
static void test_rows_that_wait_keep_no_long_lists(void **state)
{
	enum { ROWS = 12 };
	struct keeping_world *w = *state;
	struct given_row rows[ROWS + 1] = { row(1, "false", 1, RITA) };
	char names[ROWS][2];
	size_t before;

	for (int i = 0; i < ROWS; i++) {
		names[i][0] = (char)('a' + i);
		names[i][1] = '\0';
		rows[i + 1] = row(2 + (uint64_t)i, names[i], CONTENT_MAX_BLOCKS, BERT);
		rows[i + 1].seed = 0;
	}
	before = mallinfo2().hblkhd;
	keeping_world_give(w, 0, ROWS + 1, rows, ROWS + 1);
	keeping_world_calm(w);
	assert_true(mallinfo2().hblkhd - before < (size_t)100 << 20);
	assert_int_equal(w->nnews, 0);
	w->rosters_equal = true;
	keeping_world_pass(w, 2 * KEEPING_PATIENCE_MS);
	keeping_world_calm(w);
	assert_int_equal(w->nnews, ROWS);
}

static void test_the_talk_may_end_while_its_news_are_taken(void **state)
{
	struct keeping_world *w = *state;
	struct given_row rows[3];

	rows[0] = row(1, "one", 1, BERT);
	rows[1] = row(2, "two", 65, BERT);
	rows[2] = row(3, "false", 1, RITA);
	w->ends_on_news = true;
	/* Once with a message that is done, and another behind it; once with one that has to wait. */
	keeping_world_give(w, 0, 2, rows, 2);
	keeping_world_give(w, 2, 3, rows + 2, 1);
	keeping_world_calm(w);
	assert_int_equal(w->nnews, 2);
	keeping_world_up(w, 0, 0);
	keeping_world_give(w, 0, 3, rows, 3);
	keeping_world_calm(w);
	assert_int_equal(w->nnews, 4);
	/* And with a worker that has not answered. */
	keeping_world_up(w, 0, 0);
	keeping_world_give(w, 0, 3, rows, 3);
	keeping_world_down(w);
	keeping_world_calm(w);
	assert_int_equal(w->nnews, 4);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_rows_come_out_opened_and_in_order),
		WITH(test_the_vaults_generation_of_a_content_replaces_ours),
		WITH(test_numbers_without_rows_count),
		WITH(test_rows_of_keys_that_are_not_here_wait_for_them),
		WITH(test_a_readers_row_is_left_out),
		WITH(test_a_row_of_one_who_was_removed_is_left_out),
		WITH(test_a_writer_of_whom_we_hear_later_counts_then),
		WITH(test_an_altered_row_is_left_out_and_held_against_the_vault),
		WITH(test_so_is_an_altered_endorsement),
		WITH(test_what_a_writer_sealed_wrongly_is_not_held_against_the_vault),
		WITH(test_a_row_of_a_later_form_is_waited_at_if_a_writer_made_it),
		WITH(test_a_later_form_that_the_vault_made_up_is_not),
		WITH(test_a_row_of_ours_that_we_do_not_know_shows_that_we_were_rolled_back),
		WITH(test_a_number_that_was_not_told_in_this_run_may_have_been_given_twice),
		WITH(test_a_vault_that_gives_without_end_is_not_listened_to),
		WITH(test_rows_that_wait_keep_no_long_lists),
		WITH(test_the_talk_may_end_while_its_news_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
