/* Objects between members and a vault: what one gives is what another gets, and neither the vault nor a file that
 * changes meanwhile makes them give or take anything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/objects_world.h"

#include "base/log.h"
#include "base/mem.h"
#include "sync/hash/chunk.h"
#include "sync/index/index_sealed.h"

enum { SMALL = 700, FLOOD = 100000 };

static struct objects_world world, *w = &world;

static void no_log(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int start(int policy)
{
	log_set_sink(no_log, NULL);
	objects_world_start(w, policy);
	objects_world_up(w, GIVER);
	objects_world_up(w, GETTER);
	objects_world_calm(w);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(KEYS_UNIFORM);
}

static int setup_packed(void **state)
{
	(void)state;
	return start(KEYS_PACKED);
}

static int teardown(void **state)
{
	(void)state;
	objects_world_end(w);
	log_set_sink(NULL, NULL);
	return 0;
}

/* --- there and back --- */

static void contents_of_all_lengths_go_there_and_back(void **state)
{
	static const uint32_t lengths[] = { 1, 2, 64, 65, 300, 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (uint32_t every = 0; every < 4; every += 3) {
			struct objects_file *f = objects_world_file(w, lengths[i], every, SMALL, 0);

			objects_world_fill(w, f);
			assert_true(f->paged == (f->refs != NULL && f->refs[0][0] == OBJECT_PAGE));
			assert_true(objects_world_comes(w, f));
		}
	}
	assert_int_equal(w->none, 0);
	assert_int_equal(w->bad, 0);
	assert_int_equal(w->misbehaved[GIVER] + w->misbehaved[GETTER], 0);
}

static void zeros_need_no_vault(void **state)
{
	struct objects_file *one = objects_world_file(w, 1, 1, SMALL, 0), *f = objects_world_file(w, 900, 1, SMALL, 0);

	(void)state;
	assert_int_equal(f->nrefs + one->nrefs, 0);
	assert_true(objects_world_comes(w, f));
	assert_true(objects_world_comes(w, one));
	assert_int_equal(w->wanted, 0);
}

/* As a file that the group's rule has cut: every block is padded to one size. */
static void cut_blocks_have_one_size(void **state)
{
	struct objects_file *f = objects_world_file(w, 8, 0, 60000, CHUNK_RULE + 16);
	struct objects_stored *o, *next;

	(void)state;
	objects_world_fill(w, f);
	HASH_ITER(hh, w->stored, o, next)
		assert_int_equal(o->n, w->stored->n);
	assert_in_range(w->stored->n, 81920, 81920 + 100);
	assert_true(objects_world_comes(w, f));
}

/* --- what is not given --- */

static void wants_one(const struct objects_file *f, uint64_t seq, uint32_t i, size_t given, size_t none)
{
	uint8_t name[INDEX_VAULT_OBJECT];

	objects_world_name(w, f, i, name);
	w->given = w->none = 0;
	objects_world_want(w, seq, name);
	objects_world_calm(w);
	assert_int_equal(w->given, given);
	assert_int_equal(w->none, none);
}

static void a_changed_file_is_not_given(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, SMALL, 0);

	(void)state;
	wants_one(f, f->seq, 1, 1, 0);
	f->other = 5;
	wants_one(f, f->seq, 1, 0, 1);
	f->other = 0;
	f->fails = true;
	wants_one(f, f->seq, 1, 0, 1);
	f->fails = false;
	wants_one(f, f->seq, 1, 1, 0);
}

static void only_what_the_row_needs_is_given(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, SMALL, 0), *other = objects_world_file(w, 70, 0, SMALL, 0);
	uint8_t name[INDEX_VAULT_OBJECT];

	(void)state;
	wants_one(f, f->seq, 0, 1, 0);
	wants_one(other, f->seq, 0, 0, 1);
	wants_one(f, other->seq, 0, 0, 1);
	wants_one(f, 77777, 0, 0, 1);
	objects_world_name(w, f, 0, name);
	for (uint8_t kind = 0; kind < 6; kind++) {
		if (kind == OBJECT_BLOCK || kind == OBJECT_PATCH)
			continue;
		name[0] = kind;
		objects_world_want(w, f->seq, name);
	}
	name[0] = OBJECT_BLOCK;
	name[8] ^= 1; /* another generation */
	objects_world_want(w, f->seq, name);
	objects_world_calm(w);
	assert_int_equal(w->given, 0);
	assert_int_equal(w->none, 6);
}

/* An exit is known and no generation covers it: it may have to be known first who may read. */
static void nothing_is_given_while_nothing_may_be_sealed(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, SMALL, 0);
	struct ring *ring = w->rings->agents[GIVER].ring;

	(void)state;
	assert_true(ring_world_remove(w->rings, GIVER, EXMEMBER));
	assert_null(ring_current(ring));
	wants_one(f, f->seq, 0, 0, 0);
	assert_int_equal(ring_sign(ring, -1, RING_NOW), 0);
	keeping_told(w->keeping[GIVER]);
	objects_world_calm(w);
	assert_int_equal(w->given, 1);
}

/* --- bounds --- */

static void a_flood_of_wants_is_misbehaviour(void **state)
{
	struct objects_file *f = objects_world_file(w, 200, 0, SMALL, 0);
	uint8_t name[INDEX_VAULT_OBJECT];

	(void)state;
	objects_world_name(w, f, 7, name);
	w->room = 0;
	for (int i = 0; i < FLOOD; i++)
		objects_world_want(w, f->seq, name);
	objects_world_calm(w);
	assert_in_range(w->misbehaved[GIVER], FLOOD - 10000, FLOOD - 1);
	assert_int_equal(w->given + w->none, 0);
	w->room = 1;
	keeping_room(w->keeping[GIVER], w->vault);
	objects_world_calm(w);
	assert_int_equal(w->given + (size_t)w->misbehaved[GIVER], FLOOD);
	assert_int_equal(w->none, 0);
}

static void little_is_read_at_once(void **state)
{
	struct objects_file *f = objects_world_file(w, 40, 0, SMALL, 0);
	struct objects_file *large = objects_world_file(w, 5, 0, 4 << 20, 0);

	(void)state;
	objects_world_fill(w, f);
	assert_int_equal(w->most_opened, 16);
	objects_world_fill(w, large);
	assert_in_range(w->most_reading, 4 << 20, 8 << 20);
}

static void requests_of_ours_are_bounded(void **state)
{
	struct objects_file *f = objects_world_file(w, 2, 0, SMALL, 0);

	(void)state;
	assert_in_range(keeping_window(w->keeping[GETTER], w->vault), 4 << 20, 64 << 20);
	w->lie = OBJECTS_SILENT;
	w->lies = SIZE_MAX;
	for (uint32_t i = 1; i <= FLOOD; i++)
		objects_world_get(w, f, 0, i);
	assert_int_equal(keeping_window(w->keeping[GETTER], w->vault), 0);
	objects_world_calm(w);
	assert_in_range(w->wanted, 1, 8192);
	for (uint32_t i = (uint32_t)w->wanted + 1; i <= FLOOD; i++)
		assert_int_equal(objects_world_got(w, f, 0, i), 0);
	assert_null(w->got);
}

/* --- what a vault gives --- */

static void what_does_not_open_is_none(void **state)
{
	static const enum objects_lie lies[] = { OBJECTS_BIT, OBJECTS_SHORT, OBJECTS_OTHER };
	struct objects_file *f = objects_world_file(w, 9, 0, SMALL, 0);

	(void)state;
	objects_world_fill(w, f);
	for (size_t i = 0; i < 3; i++) {
		w->lie = lies[i];
		w->lies = 1;
		w->states = 0;
		objects_world_get(w, f, 2, 10);
		objects_world_get(w, f, 3, 11);
		objects_world_calm(w);
		assert_int_equal(objects_world_got(w, f, 2, 10), 0);
		assert_int_equal(objects_world_got(w, f, 3, 11), 1);
		assert_int_equal(w->bad, i + 1);
		assert_int_equal(w->states, 1);
	}
	assert_int_equal(keeping_window(w->keeping[GETTER], w->vault), 16 << 20);
	assert_int_equal(w->misbehaved[GETTER], 0);
}

/* The list is the writer's; the vault gave what it was asked for. */
static void a_block_of_another_length_is_none(void **state)
{
	struct objects_file *f = objects_world_file(w, 9, 0, SMALL, 0);

	(void)state;
	objects_world_fill(w, f);
	f->list.b[2].len--;
	objects_world_get(w, f, 2, 10);
	objects_world_calm(w);
	f->list.b[2].len++;
	assert_int_equal(objects_world_got(w, f, 2, 10), 0);
	assert_int_equal(w->bad, 0);
}

/* A vault that answers with more than workers have opened is asked again. */
static void what_is_opened_at_once_is_bounded(void **state)
{
	struct objects_file *f = objects_world_file(w, 9, 0, SMALL, 0);
	uint8_t *large = mem_calloc(4 << 20, 1);
	struct msg_object m = { .bytes = { large, 4 << 20 } };

	(void)state;
	objects_world_fill(w, f);
	w->lie = OBJECTS_SILENT;
	w->lies = 40;
	for (m.request = 1; m.request <= 40; m.request++)
		objects_world_get(w, f, 2, 1000 + m.request);
	for (m.request = 1; m.request <= 40; m.request++)
		keeping_object_in(w->keeping[GETTER], w->vault, &m);
	free(large);
	assert_int_equal(w->wanted, 40 + 24);
	objects_world_calm(w);
	assert_int_equal(w->bad, 16);
	for (uint32_t i = 1; i <= 40; i++)
		assert_int_equal(objects_world_got(w, f, 2, 1000 + i), i > 16);
}

static bool counts_bad(void *arg, const struct keeping_about *a)
{
	*(uint64_t *)arg = a->bad;
	return false;
}

static void bad_objects_are_counted(void **state)
{
	struct objects_file *f = objects_world_file(w, 1, 0, SMALL, 0);
	uint64_t bad = 0;

	(void)state;
	objects_world_fill(w, f);
	w->lie = OBJECTS_BIT;
	w->lies = 2;
	objects_world_get(w, f, 0, 10);
	objects_world_get(w, f, 0, 11);
	objects_world_calm(w);
	keeping_each(w->keeping[GETTER], counts_bad, &bad);
	assert_int_equal(bad, 2);
}

static void what_the_vault_lacks_is_none(void **state)
{
	struct objects_file *f = objects_world_file(w, 9, 0, SMALL, 0);

	(void)state;
	objects_world_get(w, f, 2, 10);
	objects_world_calm(w);
	assert_int_equal(objects_world_got(w, f, 2, 10), 0);
	assert_int_equal(w->bad, 0);
}

static void without_a_generations_keys_nothing_is_asked(void **state)
{
	struct objects_file *f = objects_world_file(w, 300, 0, SMALL, 0);
	const uint8_t names[64] = { 0 };
	const struct index_sealed is = { .generation = 4711, .paged = true, .list = names, .n = sizeof(names) };

	(void)state;
	assert_int_equal(index_sealed_put(w->index[GETTER], &f->content, &is), 0);
	objects_world_get(w, f, 2, 10);
	assert_false(objects_world_list_comes(w, f, 0));
	assert_int_equal(objects_world_got(w, f, 2, 10), 0);
	assert_int_equal(w->wanted, 0);
}

static void objects_that_nobody_asked_for_are_misbehaviour(void **state)
{
	struct objects_file *f = objects_world_file(w, 2, 0, SMALL, 0);
	uint8_t byte = 1;
	struct msg_object m = { .request = 99, .bytes = { &byte, 1 } };

	(void)state;
	objects_world_fill(w, f);
	keeping_object_in(w->keeping[GETTER], w->vault, &m);
	assert_int_equal(w->misbehaved[GETTER], 1);
	w->lie = OBJECTS_TWICE;
	w->lies = 1;
	objects_world_get(w, f, 0, 10);
	objects_world_calm(w);
	assert_int_equal(w->misbehaved[GETTER], 2);
	assert_int_equal(objects_world_got(w, f, 0, 10), 1);
}

/* --- taken back, and gone --- */

static void cancelled_requests_are_not_answered(void **state)
{
	static const uint32_t both[] = { 10, 12 };
	struct objects_file *f = objects_world_file(w, 5, 0, SMALL, 0);

	(void)state;
	objects_world_fill(w, f);
	for (uint32_t i = 0; i < 4; i++)
		objects_world_get(w, f, i, 10 + i);
	keeping_cancel(w->keeping[GETTER], w->vault, both, 2);
	assert_int_equal(w->cancelled, 2);
	objects_world_calm(w);
	assert_int_equal(objects_world_got(w, f, 0, 10), -1);
	assert_int_equal(objects_world_got(w, f, 1, 11), 1);
	assert_int_equal(objects_world_got(w, f, 2, 12), -1);
	assert_int_equal(objects_world_got(w, f, 3, 13), 1);
	assert_int_equal(keeping_window(w->keeping[GETTER], w->vault), 16 << 20);
}

/* The vault may have sent it already, or a worker has it. */
static void a_late_answer_is_no_misbehaviour(void **state)
{
	static const uint32_t ten = 10;
	struct objects_file *f = objects_world_file(w, 5, 0, SMALL, 0);
	uint8_t byte = 1;
	struct msg_object late = { .request = 1, .bytes = { &byte, 1 } };

	(void)state;
	objects_world_fill(w, f);
	objects_world_get(w, f, 0, 10);
	keeping_cancel(w->keeping[GETTER], w->vault, &ten, 1);
	keeping_object_in(w->keeping[GETTER], w->vault, &late);
	assert_int_equal(w->misbehaved[GETTER], 0);
	objects_world_get(w, f, 0, 10);
	objects_world_turn(w);
	keeping_cancel(w->keeping[GETTER], w->vault, &ten, 1);
	objects_world_calm(w);
	assert_int_equal(objects_world_got(w, f, 0, 10), -1);
	assert_int_equal(w->misbehaved[GETTER], 0);
	assert_int_equal(w->bad, 0);
}

static void a_vaults_cancelled_wants_are_not_given(void **state)
{
	struct objects_file *f = objects_world_file(w, 8, 0, SMALL, 0);
	uint8_t name[INDEX_VAULT_OBJECT];
	uint32_t requests[8];
	struct msg_vault m = { .what = MSG_VAULT_CANCEL, .requests = requests, .nrequests = 8 };

	(void)state;
	w->room = 0;
	for (uint32_t i = 0; i < 8; i++) {
		objects_world_name(w, f, i, name);
		objects_world_want(w, f->seq, name);
		requests[i] = w->request;
	}
	requests[3] = 0;
	keeping_vault_in(w->keeping[GIVER], w->vault, &m);
	w->room = 1;
	keeping_room(w->keeping[GIVER], w->vault);
	objects_world_calm(w);
	assert_int_equal(w->given, 1);
}

/* In any state of what is under way. */
static void the_vault_goes_away_in_the_middle(void **state)
{
	struct objects_file *f = objects_world_file(w, 3000, 0, SMALL, 0);

	(void)state;
	objects_world_fill(w, f);
	for (int turns = 0; turns < 12; turns++) {
		w->given = w->none = 0;
		for (uint32_t i = 0; i < 40; i++) {
			uint8_t name[INDEX_VAULT_OBJECT];

			objects_world_name(w, f, i, name);
			objects_world_want(w, f->seq, name);
			objects_world_get(w, f, i, 10 + i);
		}
		assert_int_equal(keeping_get_list(w->keeping[GETTER], w->vault, 9, &f->content, 0), 0);
		for (int i = 0; i < turns; i++)
			objects_world_turn(w);
		objects_world_down(w, GIVER);
		objects_world_down(w, GETTER);
		objects_world_calm(w);
		assert_int_equal(w->none, 0);
		assert_int_equal(keeping_window(w->keeping[GETTER], w->vault), 0);
		for (uint32_t i = 0; i < 40; i++)
			assert_int_not_equal(objects_world_got(w, f, i, 10 + i), 0);
		objects_world_up(w, GIVER);
		objects_world_up(w, GETTER);
		objects_world_calm(w);
	}
	assert_true(objects_world_comes(w, f));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(contents_of_all_lengths_go_there_and_back),
		cmocka_unit_test_setup_teardown(contents_of_all_lengths_go_there_and_back, setup_packed, teardown),
		CASE(zeros_need_no_vault),
		CASE(cut_blocks_have_one_size),
		CASE(a_changed_file_is_not_given),
		CASE(only_what_the_row_needs_is_given),
		CASE(nothing_is_given_while_nothing_may_be_sealed),
		CASE(a_flood_of_wants_is_misbehaviour),
		CASE(little_is_read_at_once),
		CASE(requests_of_ours_are_bounded),
		CASE(what_does_not_open_is_none),
		CASE(a_block_of_another_length_is_none),
		CASE(what_is_opened_at_once_is_bounded),
		CASE(bad_objects_are_counted),
		CASE(what_the_vault_lacks_is_none),
		CASE(without_a_generations_keys_nothing_is_asked),
		CASE(objects_that_nobody_asked_for_are_misbehaviour),
		CASE(cancelled_requests_are_not_answered),
		CASE(a_late_answer_is_no_misbehaviour),
		CASE(a_vaults_cancelled_wants_are_not_given),
		CASE(the_vault_goes_away_in_the_middle),
	};

	return cmocka_run_group_tests_name("keeping objects", tests, NULL, NULL);
}
