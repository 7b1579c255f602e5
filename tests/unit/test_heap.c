/* Proves that a heap always gives the least key, the oldest of equal ones first, whatever was changed and taken out
 * in between, against a plain search. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/heap.h"

enum { ENTRIES = 300, STEPS = 20000 };

static struct heap_entry entries[ENTRIES];

static const struct heap_entry *least(void)
{
	const struct heap_entry *best = NULL;

	for (int i = 0; i < ENTRIES; i++) {
		const struct heap_entry *e = &entries[i];

		if (e->at != 0 &&
		    (best == NULL || e->key < best->key || (e->key == best->key && e->order < best->order)))
			best = e;
	}
	return best;
}

static void the_least_comes_first_whatever_changed(void **state)
{
	struct heap h = { 0 };

	(void)state;
	srand(1);
	for (int i = 0; i < STEPS; i++) {
		struct heap_entry *e = &entries[rand() % ENTRIES];

		/* It fills, and then empties again. */
		if (rand() % STEPS > i)
			heap_set(&h, e, rand() % 50);
		else
			heap_remove(&h, e);
		assert_ptr_equal(heap_first(&h), least());
	}
	while (heap_first(&h) != NULL) {
		assert_ptr_equal(heap_first(&h), least());
		heap_remove(&h, heap_first(&h));
	}
	assert_int_equal(h.n, 0);
	heap_clear(&h);
}

static void equal_keys_come_in_the_order_in_which_they_were_set(void **state)
{
	struct heap_entry e[100] = { 0 };
	struct heap h = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		heap_set(&h, &e[i], 7);
	heap_set(&h, &e[0], 7);
	for (int i = 1; i <= 100; i++) {
		assert_ptr_equal(heap_first(&h), &e[i % 100]);
		heap_remove(&h, heap_first(&h));
		heap_remove(&h, &e[i % 100]); /* once more, which changes nothing */
	}
	assert_null(heap_first(&h));
	heap_clear(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_comes_first_whatever_changed),
		cmocka_unit_test(equal_keys_come_in_the_order_in_which_they_were_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
