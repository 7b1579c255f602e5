/* Two sets of records are compared by digests of ranges: what both have is found, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/plan/range.h"

enum { ROWS = 3000 };

static void fill(struct record *r, char path[64], int i)
{
	(void)snprintf(path, 64, "d%02d/f%05d", i / 100, i);
	*r = (struct record){ .path = path,
		              .kind = RECORD_FILE,
		              .mode = 0644,
		              .mtime_ns = 1000 + i,
		              .seq = (uint64_t)i + 1 };
	r->content = (struct content){ .size = 10, .nblocks = 1 };
	memcpy(r->content.root, &i, sizeof(i));
}

/* Every record i < n, changed by `change` where that is not NULL. */
static void make(struct range_set *s, int n, bool (*change)(struct record *r, int i))
{
	*s = (struct range_set){ 0 };
	for (int i = 0; i < n; i++) {
		struct record r;
		char path[64];

		fill(&r, path, i);
		if (change == NULL || change(&r, i))
			assert_true(range_add(s, &r, i % 2 == 0));
	}
}

static void compare_leaf(struct range_set *a, struct range_set *b, uint32_t leaf)
{
	uint32_t n;
	const struct range_item *items = range_leaf(b, leaf, &n);

	for (uint32_t i = 0; i < n; i++)
		range_equal_item(a, leaf, items[i].digest);
}

/* As two members do it, all in one place: marks in a what b has too. Returns how many digests of nodes that took. */
static size_t compare(struct range_set *a, struct range_set *b, uint32_t node, unsigned depth)
{
	uint8_t at_a[RANGE_DIGEST], at_b[RANGE_DIGEST];
	unsigned step = a->depth - depth < RANGE_STEP ? a->depth - depth : RANGE_STEP;
	size_t n = 1;

	range_node(a, node, depth, at_a);
	range_node(b, node, depth, at_b);
	if (memcmp(at_a, at_b, RANGE_DIGEST) == 0) {
		range_equal_node(a, node, depth);
		return n;
	}
	if (step == 0)
		compare_leaf(a, b, node);
	for (uint32_t i = 0; step > 0 && i < UINT32_C(1) << step; i++)
		n += compare(a, b, (node << step) + i, depth + step);
	return n;
}

static uint32_t count_equal(const struct range_set *s)
{
	uint32_t n = 0;

	for (uint32_t i = range_next_equal(s, 0); i < s->n; i = range_next_equal(s, i + 1))
		n++;
	return n;
}

static void sort_both(struct range_set *a, struct range_set *b)
{
	unsigned depth = range_depth(a->n > b->n ? a->n : b->n);

	range_sort(a, depth);
	range_sort(b, depth);
}

static void equal_sets_take_one_digest(void **state)
{
	struct range_set a, b;

	(void)state;
	make(&a, ROWS, NULL);
	make(&b, ROWS, NULL);
	sort_both(&a, &b);
	assert_int_equal(compare(&a, &b, 0, 0), 1);
	assert_int_equal(count_equal(&a), ROWS);
	assert_int_equal(a.rows[4].seq, 5);
	assert_int_equal(a.rows[4].marks, RANGE_PLAIN | RANGE_EQUAL);
	assert_int_equal(a.rows[5].marks, RANGE_EQUAL);
	range_clear(&a);
	range_clear(&b);
}

static const char *const kinds[] = { "mode", "mtime", "content", "size", "kind", "path", "gone" };

/* Each way in which a record can be another one. */
static bool change_some(struct record *r, int i)
{
	if (i % 300 != 7)
		return true;
	switch (i / 300 % 7) {
	case 0:
		r->mode = 0600;
		break;
	case 1:
		r->mtime_ns++;
		break;
	case 2:
		r->content.root[31] ^= 1;
		break;
	case 3:
		r->content.size++;
		break;
	case 4:
		r->kind = RECORD_DIR;
		break;
	case 5:
		r->path[0] = 'e';
		break;
	default:
		return false;
	}
	return true;
}

static void what_differs_is_found_and_nothing_else(void **state)
{
	struct range_set a, b;

	(void)state;
	make(&a, ROWS, NULL);
	make(&b, ROWS, change_some);
	sort_both(&a, &b);
	assert_true(compare(&a, &b, 0, 0) < 600);
	for (uint32_t i = 0; i < a.n; i++) {
		bool equal = (a.rows[i].marks & RANGE_EQUAL) != 0;

		if (equal == (i % 300 == 7))
			fail_msg("row %u (%s): %d", i, kinds[i / 300 % 7], equal);
	}
	range_clear(&a);
	range_clear(&b);
}

/* Versions, numbers, authors and what the disk showed are no part of it; nor is the mode of a symlink. */
static void only_what_is_at_the_path_counts(void **state)
{
	struct version_entry e = { .writer = 7, .counter = 9 };
	struct range_set a = { 0 }, b = { 0 };
	struct record r, s;
	char path[64], other[64], to[] = "to", elsewhere[] = "TO";

	(void)state;
	fill(&r, path, 1);
	fill(&s, other, 1);
	s.seq = 99;
	s.version = (struct version){ .e = &e, .n = 1 };
	s.modified_by = s.via = 5;
	s.seen.ino = 6;
	s.chunk_log2 = 48;
	assert_true(range_add(&a, &r, true) && range_add(&b, &s, false));
	r.kind = s.kind = RECORD_DIR;
	r.path[0] = s.path[0] = 'g';
	s.mtime_ns = 0;
	assert_true(range_add(&a, &r, true) && range_add(&b, &s, false));
	r.kind = s.kind = RECORD_SYMLINK;
	r.path[0] = s.path[0] = 'h';
	s.mtime_ns = r.mtime_ns;
	s.mode = 0;
	r.target = s.target = to;
	assert_true(range_add(&a, &r, true) && range_add(&b, &s, false));
	s.path[0] = r.path[0] = 'i';
	s.target = elsewhere;
	assert_true(range_add(&a, &r, true) && range_add(&b, &s, false));
	sort_both(&a, &b);
	(void)compare(&a, &b, 0, 0);
	assert_int_equal(count_equal(&a), 3);
	assert_false(a.rows[3].marks & RANGE_EQUAL);
	range_clear(&a);
	range_clear(&b);
}

static bool none(struct record *r, int i)
{
	(void)r;
	return i < 1;
}

static void a_set_that_is_much_smaller(void **state)
{
	struct range_set a, b;

	(void)state;
	make(&a, ROWS, NULL);
	make(&b, ROWS, none);
	sort_both(&a, &b);
	(void)compare(&a, &b, 0, 0);
	assert_int_equal(count_equal(&a), 1);
	assert_int_equal(range_next_equal(&a, 0), 0);
	range_clear(&a);
	range_clear(&b);
}

static void leaves_hold_a_few(void **state)
{
	(void)state;
	assert_int_equal(range_depth(0), 0);
	assert_int_equal(range_depth(16), 0);
	assert_int_equal(range_depth(100000), 13);
	assert_int_equal(range_depth(RANGE_ROWS_MAX), 16);
	assert_int_equal(range_depth(UINT32_MAX), RANGE_DEPTH_MAX);
}

/* In the order of paths, numbers go back and forth. */
static bool number_anew(struct record *r, int i)
{
	r->seq = (uint64_t)(i * 7 % ROWS) + 1;
	return true;
}

static void rows_are_found_in_the_order_of_their_numbers(void **state)
{
	struct range_set s;

	(void)state;
	make(&s, ROWS, number_anew);
	range_sort(&s, range_depth(ROWS));
	for (uint32_t i = 0; i < s.n; i++)
		assert_int_equal(s.rows[s.by_seq[i]].seq, i + 1);
	range_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_sets_take_one_digest),
		cmocka_unit_test(what_differs_is_found_and_nothing_else),
		cmocka_unit_test(only_what_is_at_the_path_counts),
		cmocka_unit_test(a_set_that_is_much_smaller),
		cmocka_unit_test(leaves_hold_a_few),
		cmocka_unit_test(rows_are_found_in_the_order_of_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
