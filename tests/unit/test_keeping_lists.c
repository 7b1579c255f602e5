/* Block lists that a vault has as pages: put together from these they are the content's, or none. */
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
#include "sync/index/index_sealed.h"

enum { SMALL = 700 };

static struct objects_world world, *w = &world;

static void no_log(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int setup(void **state)
{
	(void)state;
	log_set_sink(no_log, NULL);
	objects_world_start(w, KEYS_UNIFORM);
	objects_world_up(w, GIVER);
	objects_world_up(w, GETTER);
	objects_world_calm(w);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	objects_world_end(w);
	log_set_sink(NULL, NULL);
	return 0;
}

static void a_list_comes_in_pieces(void **state)
{
	struct objects_file *f = objects_world_file(w, 40000, 0, 20, 0);

	(void)state;
	objects_world_fill(w, f);
	w->wanted = 0;
	assert_true(objects_world_list_comes(w, f, 0));
	assert_int_equal(w->nlists, 3);
	assert_int_equal(w->wanted, f->nrefs);
	assert_true(objects_world_list_comes(w, f, 30000));
}

static void pages_in_another_order_are_no_list(void **state)
{
	struct objects_file *f = objects_world_file(w, 900, 0, SMALL, 0);
	struct index_sealed is;
	uint8_t *names, first[32];

	(void)state;
	objects_world_fill(w, f);
	assert_int_equal(index_sealed_get(w->index[GETTER], &f->content, &is), 1);
	assert_true(is.paged && is.n >= 64);
	names = mem_dup(is.list, is.n);
	memcpy(first, names, 32);
	memcpy(names, names + 32, 32);
	memcpy(names + 32, first, 32);
	is.list = names;
	assert_int_equal(index_sealed_put(w->index[GETTER], &f->content, &is), 0);
	free(names);
	assert_false(objects_world_list_comes(w, f, 0));
	assert_int_equal(w->nlists_none, 1);
	assert_int_equal(w->bad, 0);
}

static void a_list_without_one_of_its_pages_is_none(void **state)
{
	struct objects_file *f = objects_world_file(w, 3000, 0, SMALL, 0);

	(void)state;
	objects_world_fill(w, f);
	w->lie = OBJECTS_NONE;
	w->lies = 1;
	assert_false(objects_world_list_comes(w, f, 0));
	w->lie = OBJECTS_BIT;
	w->lies = 1;
	assert_false(objects_world_list_comes(w, f, 0));
	assert_int_equal(w->bad, 1);
	assert_true(objects_world_list_comes(w, f, 0));
	assert_int_equal(w->misbehaved[GETTER], 0);
}

static void a_cancelled_list_is_not_answered(void **state)
{
	static const uint32_t ten = 10;
	struct objects_file *f = objects_world_file(w, 100, 0, SMALL, 0);

	(void)state;
	objects_world_fill(w, f);
	for (int turns = 0; w->nlists == 0; turns++) {
		size_t answered;

		assert_int_equal(keeping_get_list(w->keeping[GETTER], w->vault, ten, &f->content, 0), 0);
		for (int i = 0; i < turns; i++)
			objects_world_turn(w);
		answered = w->nlists;
		keeping_cancel(w->keeping[GETTER], w->vault, &ten, 1);
		objects_world_calm(w);
		assert_int_equal(w->nlists, answered);
	}
	assert_int_equal(w->misbehaved[GETTER], 0);
	assert_true(objects_world_list_comes(w, f, 0));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_list_comes_in_pieces),
		CASE(pages_in_another_order_are_no_list),
		CASE(a_list_without_one_of_its_pages_is_none),
		CASE(a_cancelled_list_is_not_answered),
	};

	return cmocka_run_group_tests_name("keeping lists", tests, NULL, NULL);
}
