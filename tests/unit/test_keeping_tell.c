/* What a member tells a vault of its rows: which, in what order, how sealed, how much at a time, and when again. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "sync/index/index_sealed.h"
#include "tests/unit/keeping_world.h"
#include "tests/unit/let_pass.h"

static int setup_as(void **state, int who)
{
	struct keeping_world *w = MEM_NEW(struct keeping_world);

	keeping_world_start(w, who);
	*state = w;
	return 0;
}

static int setup(void **state)
{
	return setup_as(state, ANNA);
}

static int setup_reader(void **state)
{
	return setup_as(state, RITA);
}

static int teardown(void **state)
{
	struct keeping_world *w = *state;

	keeping_world_end(w);
	free(w);
	return 0;
}

static uint64_t current(struct keeping_world *w)
{
	return keys_about(ring_current(w->group->agents[w->who].ring))->id;
}

static uint64_t core_generation(const struct heard_row *h)
{
	struct core c;
	uint64_t generation;

	assert_int_equal(core_parse(&c, h->core.p, h->core.len), CORE_OK);
	generation = c.head.generation;
	core_clear(&c);
	return generation;
}

/* Of the content; 0: it has none. */
static uint64_t content_generation(const struct heard_row *h)
{
	struct core c;
	uint64_t generation;

	assert_int_equal(core_parse(&c, h->core.p, h->core.len), CORE_OK);
	generation = c.head.ngroups > 0 ? c.head.groups[0].generation : 0;
	core_clear(&c);
	return generation;
}

/* The last row that the vault heard of this path; -1: none. */
static int heard_of(struct keeping_world *w, const char *path)
{
	for (size_t i = w->nheard; i-- > 0;) {
		struct record r = keeping_world_open(w, BERT, i);
		bool is = strcmp(r.path, path) == 0;

		record_clear(&r);
		if (is)
			return (int)i;
	}
	return -1;
}

static void is_endorsed(struct keeping_world *w, const struct heard_row *h)
{
	struct endorse_signer signer;
	uint8_t name[32];
	uint64_t seq;
	struct core c;

	assert_int_equal(core_parse(&c, h->core.p, h->core.len), CORE_OK);
	memcpy(name, c.name, sizeof(name));
	core_clear(&c);
	assert_int_equal(endorse_check(&w->group->group, name, h->endorsement.p, h->endorsement.len, NULL, &signer,
	                               &seq),
	                 ENDORSE_OK);
	assert_memory_equal(signer.key, identity_public_key(w->group->agents[w->who].self), PUBLIC_KEY_LEN);
	assert_int_equal(seq, h->seq);
	assert_int_equal(signer.epoch, index_epoch(w->index));
}

static void test_all_rows_are_told_sealed_and_endorsed(void **state)
{
	static const uint32_t sizes[] = { 1, 2, 64, 65, 3000 };
	struct keeping_world *w = *state;
	char path[32];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		snprintf(path, sizeof(path), "file %zu", i);
		keeping_world_put(w, path, sizes[i], i + 1);
	}
	keeping_world_put(w, "gone", 1, 99);
	keeping_world_put(w, "gone", 0, 100);
	keeping_world_turn(w);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 6);
	assert_int_equal(w->told_upto, index_seq(w->index));
	for (size_t i = 0; i < w->nheard; i++) {
		struct record r = keeping_world_open(w, BERT, i), ours;

		assert_int_equal(index_get(w->index, r.path, &ours), 1);
		assert_int_equal(w->heard[i].seq, ours.seq);
		assert_true(record_same(&r, &ours));
		assert_int_equal(version_compare(&r.version, &ours.version), VERSION_EQUAL);
		assert_int_equal(core_generation(&w->heard[i]), current(w));
		is_endorsed(w, &w->heard[i]);
		record_clear(&ours);
		record_clear(&r);
	}
}

/* Nothing is sealed again and again while it cannot be noted. */
static void test_an_index_that_fails_is_tried_again_after_a_while(void **state)
{
	struct keeping_world *w = *state;
	struct rlimit was, none;
	int turns = 0;

	keeping_world_put(w, "file", 1, 1);
	keeping_world_turn(w);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	keeping_world_up(w, 0, 0);
	LET_PASS(w->loop, 300, (loop_turn(w->loop, true), (void)index_commit(w->index), turns++));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(w->nheard, 0);
	assert_true(turns < 60);
	for (int i = 0; i < 500 && w->nheard == 0; i++)
		LET_PASS(w->loop, 20, (loop_turn(w->loop, true), (void)index_commit(w->index)));
	assert_int_equal(w->nheard, 1);
}

static void test_what_changes_later_is_told_then(void **state)
{
	struct keeping_world *w = *state;

	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 0);
	keeping_world_put(w, "new", 1, 1);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 1);
	keeping_world_put(w, "new", 1, 2);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 2);
}

/* --- when --- */

static void test_what_the_vault_has_is_heard_first(void **state)
{
	struct keeping_world *w = *state;
	struct given_row row = { .seq = 5,
		                 .path = "theirs",
		                 .nblocks = 1,
		                 .seed = 1,
		                 .counter = 1,
		                 .by = BERT,
		                 .endorsed = 1,
		                 .epoch = 1 };
	int64_t up_ms;

	keeping_world_put(w, "ours", 1, 2);
	keeping_world_turn(w);
	up_ms = loop_now_ms(w->loop);
	keeping_world_up(w, 5, 0);
	keeping_world_calm(w);
	if (loop_now_ms(w->loop) - up_ms < KEEPING_PATIENCE_MS) /* the machine did not stand still meanwhile */
		assert_int_equal(w->messages, 0);
	keeping_world_give(w, 0, 5, &row, 1);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 1);
}

static void test_a_vault_that_says_nothing_is_told_after_a_while(void **state)
{
	struct keeping_world *w = *state;
	int64_t up_ms;

	keeping_world_put(w, "ours", 1, 2);
	keeping_world_turn(w);
	up_ms = loop_now_ms(w->loop);
	keeping_world_up(w, UINT64_MAX >> 1, 0);
	keeping_world_pass(w, KEEPING_PATIENCE_MS / 2);
	if (loop_now_ms(w->loop) - up_ms < KEEPING_PATIENCE_MS) /* the machine did not stand still meanwhile */
		assert_int_equal(w->messages, 0);
	keeping_world_pass(w, KEEPING_PATIENCE_MS);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 1);
}

static void test_nothing_is_told_while_there_are_no_fit_keys(void **state)
{
	struct keeping_world *w = *state;

	keeping_world_put(w, "ours", 1, 2);
	keeping_world_turn(w);
	assert_true(ring_world_remove(w->group, ANNA, FRED));
	assert_null(ring_current(w->group->agents[ANNA].ring));
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->messages, 0);
	keeping_world_generation(w, ANNA, true);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 1);
	assert_int_equal(core_generation(&w->heard[0]), current(w));
}

/* While a worker seals, somebody is removed: what it made is not sent. */
static void test_what_was_sealed_before_an_exit_is_not_told_after_it(void **state)
{
	struct keeping_world *w = *state;
	uint64_t before = current(w);

	keeping_world_put(w, "ours", 1, 2);
	keeping_world_turn(w);
	keeping_world_up(w, 0, 0);
	assert_true(workers_pending(w->workers) > 0);
	assert_true(ring_world_remove(w->group, ANNA, FRED));
	keeping_world_generation(w, ANNA, true);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 1);
	assert_int_not_equal(core_generation(&w->heard[0]), before);
	assert_int_equal(content_generation(&w->heard[0]), current(w));
}

static void test_a_reader_tells_nothing(void **state)
{
	struct keeping_world *w = *state;
	struct record r = { .path = mem_strdup("theirs"), .kind = RECORD_DIR, .mode = 0755 };

	version_bump(&r.version, 900, 1);
	assert_int_equal(index_put(w->index, &r, NULL), 0);
	record_clear(&r);
	keeping_world_turn(w);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->messages, 0);
}

/* --- which generation --- */

static int64_t committed_contents(struct keeping_world *w)
{
	char *path = mem_printf("%s/index.db", w->dir);
	sqlite3_stmt *s;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM sealed_contents", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	free(path);
	return n;
}

static void all_are_noted(struct keeping_world *w)
{
	assert_int_equal(committed_contents(w), 2);
}

static void test_how_contents_are_sealed_is_committed_before_they_are_told(void **state)
{
	struct keeping_world *w = *state;
	struct blocklist list = keeping_world_blocks(65, 1);
	struct content c = blocklist_content(&list);
	struct index_sealed s;

	keeping_world_put(w, "a", 65, 1);
	keeping_world_put(w, "b", 3, 2);
	keeping_world_turn(w);
	w->on_cores = all_are_noted;
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 2);
	assert_int_equal(index_sealed_get(w->index, &c, &s), 1);
	assert_true(s.generation == current(w) && s.paged && s.n > 0 && s.n % 32 == 0);
	blocklist_clear(&list);
	list = keeping_world_blocks(3, 2);
	c = blocklist_content(&list);
	assert_int_equal(index_sealed_get(w->index, &c, &s), 1);
	assert_true(s.generation == current(w) && !s.paged && s.n == (size_t)3 * PAGE_ENTRY);
	blocklist_clear(&list);
}

static void test_a_content_keeps_its_generation(void **state)
{
	struct keeping_world *w = *state;
	uint64_t first = current(w);
	int i;

	keeping_world_put(w, "a", 3, 1);
	keeping_world_turn(w);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	keeping_world_generation(w, ANNA, true);
	assert_int_not_equal(current(w), first);
	keeping_world_put(w, "copy", 3, 1);
	keeping_world_put(w, "new", 3, 2);
	keeping_world_calm(w);
	i = heard_of(w, "copy");
	assert_true(i > 0);
	assert_int_equal(core_generation(&w->heard[i]), current(w));
	assert_int_equal(content_generation(&w->heard[i]), first);
	i = heard_of(w, "new");
	assert_int_equal(content_generation(&w->heard[i]), current(w));
}

/* --- how much --- */

static void many(struct keeping_world *w, int n)
{
	char path[32];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "many/%d", i);
		keeping_world_put(w, path, 1, (uint64_t)i + 10);
	}
	keeping_world_turn(w);
}

static void test_no_more_is_told_than_the_vault_has_room_for(void **state)
{
	struct keeping_world *w = *state;
	size_t told;

	many(w, 4400);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_in_range(w->nheard, 4096, 4096 + 63);
	told = w->nheard;
	keeping_world_calm(w);
	assert_int_equal(w->nheard, told);
	keeping_world_settle(w, w->heard[0].seq);
	keeping_world_calm(w);
	assert_in_range(w->nheard, told, told + 64);
	keeping_world_settle(w, w->heard[told - 1].seq);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 4400);
}

static void test_nothing_is_told_while_the_network_has_no_room(void **state)
{
	struct keeping_world *w = *state;

	many(w, 3);
	w->room = 1000;
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 0);
	w->room = 1 << 20;
	keeping_room(w->keeping, w->vault);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 3);
}

/* --- again --- */

static void test_after_a_break_it_goes_on_from_what_is_settled(void **state)
{
	struct keeping_world *w = *state;
	uint64_t settled;

	many(w, 100);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 100);
	settled = w->heard[40].seq;
	keeping_world_down(w);
	keeping_world_up(w, 0, settled);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 100 + 59);
	assert_int_equal(w->heard[100].seq, w->heard[41].seq);
}

static void test_a_vault_that_has_lost_rows_is_told_again(void **state)
{
	struct keeping_world *w = *state;

	many(w, 100);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	keeping_world_settle(w, index_seq(w->index));
	/* On the same connection. */
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 200);
}

static void test_what_was_sealed_before_a_hello_is_not_told_after_it(void **state)
{
	struct keeping_world *w = *state;
	struct record r;

	many(w, 100);
	assert_int_equal(index_get(w->index, "many/40", &r), 1);
	keeping_world_up(w, 0, 0);
	assert_true(workers_pending(w->workers) > 0);
	keeping_world_up(w, 0, r.seq);
	record_clear(&r);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 59);
	assert_int_equal(w->told_upto, index_seq(w->index));
}

/* --- which --- */

static void put_from(struct keeping_world *w, const char *path, uint64_t via, uint64_t counter)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_DIR,
		            .mode = 0755,
		            .via = via,
		            .modified_by = 900 };

	version_bump(&r.version, 900, counter);
	assert_int_equal(index_put(w->index, &r, NULL), 0);
	record_clear(&r);
}

static void test_what_came_from_the_vault_now_is_not_told_to_it(void **state)
{
	struct keeping_world *w = *state;

	put_from(w, "before", w->vault, 1);
	keeping_world_turn(w);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_true(heard_of(w, "before") >= 0);
	put_from(w, "now", w->vault, 2);
	put_from(w, "of another", 5, 3);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 2);
	/* More runs of numbers than the index remembers. */
	for (uint64_t i = 0; i < 140; i++) {
		char path[32];

		snprintf(path, sizeof(path), "by turns %d", (int)i);
		put_from(w, path, i % 2 == 0 ? w->vault : 5, 10 + i);
	}
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 2 + 70);
	assert_true(heard_of(w, "of another") >= 0);
	assert_int_equal(w->told_upto, index_seq(w->index));
	/* It asks for all: it may have lost it, or its author may have fallen. */
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_true(heard_of(w, "now") >= 0);
}

static void test_what_is_not_here_is_not_told_and_not_taken_to_be_there(void **state)
{
	struct keeping_world *w = *state;
	static const struct choices on_demand = { .mode = CHOOSE_ON_DEMAND };
	struct record r = { .path = mem_strdup("absent"), .kind = RECORD_FILE, .mode = 0644, .modified_by = 900 },
		      listed;

	r.content = (struct content){ .size = 5, .nblocks = 1, .root = { 1 } };
	version_bump(&r.version, 900, 1);
	assert_int_equal(index_choose(w->index, &on_demand), 0);
	assert_int_equal(index_list_add(w->index, &r, 5), 1);
	record_clear(&r);
	keeping_world_put(w, "ignored", 1, 3);
	w->ignored = "ignored";
	keeping_world_turn(w);
	keeping_world_up(w, 0, 0);
	keeping_world_calm(w);
	assert_int_equal(w->nheard, 0);
	assert_int_equal(w->told_upto, index_seq(w->index));
	keeping_world_settle(w, index_seq(w->index));
	assert_int_equal(index_list_get(w->index, "absent", &listed), 1);
	assert_false(index_has(w->index, &listed, w->vault));
	record_clear(&listed);
}

#define WITH(f, s) cmocka_unit_test_setup_teardown(f, s, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_all_rows_are_told_sealed_and_endorsed, setup),
		WITH(test_an_index_that_fails_is_tried_again_after_a_while, setup),
		WITH(test_what_changes_later_is_told_then, setup),
		WITH(test_what_the_vault_has_is_heard_first, setup),
		WITH(test_a_vault_that_says_nothing_is_told_after_a_while, setup),
		WITH(test_nothing_is_told_while_there_are_no_fit_keys, setup),
		WITH(test_what_was_sealed_before_an_exit_is_not_told_after_it, setup),
		WITH(test_a_reader_tells_nothing, setup_reader),
		WITH(test_how_contents_are_sealed_is_committed_before_they_are_told, setup),
		WITH(test_a_content_keeps_its_generation, setup),
		WITH(test_no_more_is_told_than_the_vault_has_room_for, setup),
		WITH(test_nothing_is_told_while_the_network_has_no_room, setup),
		WITH(test_after_a_break_it_goes_on_from_what_is_settled, setup),
		WITH(test_a_vault_that_has_lost_rows_is_told_again, setup),
		WITH(test_what_was_sealed_before_a_hello_is_not_told_after_it, setup),
		WITH(test_what_came_from_the_vault_now_is_not_told_to_it, setup),
		WITH(test_what_is_not_here_is_not_told_and_not_taken_to_be_there, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
