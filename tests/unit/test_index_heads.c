/* Heads in the index: the newest of each agent is kept over restarts, and goes with its agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/index/index_heads.h"
#include "tests/unit/index_new.h"

struct found {
	size_t n, stop_at;
	uint8_t agents[4];
	uint64_t epochs[4], numbers[4];
	char heads[4][8];
};

static bool note(void *arg, const uint8_t agent[32], uint64_t epoch, uint64_t number, const uint8_t *head, size_t n)
{
	struct found *f = arg;

	assert_true(f->n < 4 && n < sizeof(f->heads[0]));
	f->agents[f->n] = agent[31];
	f->epochs[f->n] = epoch;
	f->numbers[f->n] = number;
	memcpy(f->heads[f->n], head, n);
	f->n++;
	return f->n != f->stop_at;
}

static void put_head(uint8_t agent, uint64_t epoch, uint64_t number, const char *head)
{
	const uint8_t id[32] = { [31] = agent };

	assert_int_equal(index_head_put(ix, id, epoch, number, (const uint8_t *)head, strlen(head)), 0);
}

static void the_last_one_of_each_agent_is_kept(void **state)
{
	const uint8_t gone[32] = { [31] = 2 };
	struct found f = { 0 }, first = { .stop_at = 1 }, left = { 0 };
	uint8_t *head;
	size_t n;
	char *why;

	(void)state;
	put_head(3, 30, 1, "three");
	put_head(2, 20, UINT64_MAX, "two");
	put_head(3, 31, 7, "later");
	index_close(ix);
	assert_int_equal(index_open(&ix, dir, &why), INDEX_OK);
	assert_int_equal(index_heads(ix, note, &f), 0);
	assert_int_equal(f.n, 2);
	assert_int_equal(f.agents[0], 2);
	assert_true(f.numbers[0] == UINT64_MAX);
	assert_string_equal(f.heads[0], "two");
	assert_int_equal(f.epochs[1], 31);
	assert_int_equal(f.numbers[1], 7);
	assert_string_equal(f.heads[1], "later");
	assert_int_equal(index_heads(ix, note, &first), 0);
	assert_int_equal(first.n, 1);
	head = index_head_get(ix, gone, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(head, "two", 3);
	free(head);
	assert_int_equal(index_head_forget(ix, gone), 0);
	assert_null(index_head_get(ix, gone, &n));
	assert_int_equal(index_head_forget(ix, gone), 0);
	assert_int_equal(index_heads(ix, note, &left), 0);
	assert_int_equal(left.n, 1);
	assert_int_equal(left.agents[0], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_last_one_of_each_agent_is_kept, setup, teardown),
	};

	return cmocka_run_group_tests_name("index_heads", tests, NULL, NULL);
}
