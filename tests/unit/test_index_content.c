/* Block lists: found while a row refers to them, and deleted some time after the last row is gone. */
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
#include "base/sha256.h"
#include "sync/index/index.h"
#include "tests/unit/index_dir.h"

enum { ME = 77 };

static struct index *ix;
static int64_t now_s;

static int64_t wall(void)
{
	return now_s * 1000000000;
}

static int setup(void **state)
{
	char *why;

	(void)state;
	now_s = 1000000;
	clock_set_wall(wall);
	assert_int_equal(make_dir(), 0);
	assert_int_equal(index_open(&ix, dir, &why), INDEX_NEW);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_set_wall(NULL);
	random_set_seed(0);
	index_close(ix);
	return remove_dir();
}

/* Blocks numbered from `first`, each named by its number. */
static struct blocklist list_of(uint32_t n, uint32_t first)
{
	struct blocklist l = { .n = n, .b = mem_calloc(n, sizeof(struct block)) };

	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = first + i;

		l.b[i].len = 1000 + i;
		sha256(l.b[i].hash, &k, sizeof(k));
	}
	return l;
}

/* list NULL: the index should have it. */
static int put_content(const char *path, struct content c, const struct blocklist *list)
{
	struct record r = { .path = mem_strdup(path), .kind = RECORD_FILE, .content = c };
	int rc = index_put_change(ix, &r, list, ME);

	record_clear(&r);
	return rc;
}

static void put_list(const char *path, const struct blocklist *l)
{
	assert_int_equal(put_content(path, blocklist_content(l), l), 0);
}

static void put_deleted(const char *path)
{
	struct record r;

	assert_int_equal(index_get(ix, path, &r), 1);
	r.deleted = true;
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	record_clear(&r);
}

static void check_list(const struct blocklist *want, bool known)
{
	struct content c = blocklist_content(want);
	struct blocklist l;

	assert_int_equal(index_blocks(ix, &c, &l), known);
	if (known) {
		assert_int_equal(l.n, want->n);
		assert_memory_equal(l.b, want->b, want->n * sizeof(*want->b));
	}
	blocklist_clear(&l);
}

/* Where the block is found: "path@offset"; "": nowhere. */
static void check_found(const struct block *b, const char *want)
{
	struct record r;
	int64_t offset;
	char text[64] = "";
	int rc = index_find_block(ix, b->hash, b->len, &r, &offset);

	assert_int_equal(rc, *want != '\0');
	if (rc > 0)
		snprintf(text, sizeof(text), "%s@%lld", r.path, (long long)offset);
	assert_string_equal(text, want);
	record_clear(&r);
}

/* Commits until the sweep is done. */
static void sweep(void)
{
	for (int i = 0; i < 400; i++) {
		assert_int_equal(index_meta_put(ix, "tick", i), 0);
		assert_int_equal(index_commit(ix), 0);
	}
}

static void lists_and_blocks_are_found(void **state)
{
	struct blocklist l = list_of(1000, 0), small = list_of(2, 5000);
	struct block changed = l.b[0];
	char want[64];
	int64_t offset = 0;

	(void)state;
	put_list("big", &l);
	put_list("small", &small);
	check_list(&l, true);
	check_list(&small, true);
	for (uint32_t i = 0; i < l.n; i++) {
		snprintf(want, sizeof(want), "big@%lld", (long long)offset);
		check_found(&l.b[i], want);
		offset += l.b[i].len;
	}
	check_found(&small.b[1], "small@1000");
	changed.len++;
	check_found(&changed, "");
	changed.len--;
	changed.hash[31] ^= 1; /* the same first 8 bytes */
	check_found(&changed, "");
	blocklist_clear(&l);
	blocklist_clear(&small);
}

static void a_file_of_one_block_is_that_block(void **state)
{
	struct blocklist l = list_of(2, 0), one = { .n = 1, .b = l.b };
	struct block longer = l.b[0];

	(void)state;
	put_list("one", &one);
	check_found(&l.b[0], "one@0");
	longer.len++;
	check_found(&longer, "");
	put_list("two", &l);
	put_deleted("one");
	check_found(&l.b[0], "two@0");
	put_deleted("two");
	check_found(&l.b[0], "");
	blocklist_clear(&l);
}

static void a_list_must_be_known_or_given(void **state)
{
	struct blocklist l = list_of(300, 0), shorter = { .n = 299, .b = l.b };
	struct content c = blocklist_content(&l), other = c;
	struct record r;

	(void)state;
	assert_int_equal(put_content("a", c, NULL), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(put_content("a", c, &shorter), -1);
	l.b[7].len++;
	assert_int_equal(put_content("a", c, &l), -1);
	l.b[7].len--;
	assert_int_equal(index_get(ix, "a", &r), 0);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(put_content("a", c, &l), 0);
	assert_int_equal(put_content("b", c, NULL), 0);
	/* The same root with another size, which no content can have. */
	other.size++;
	assert_int_equal(put_content("c", other, NULL), -1);
	assert_int_equal(index_blocks(ix, &other, &shorter), 0);
	assert_int_equal(index_commit(ix), 0);
	check_list(&l, true);
	blocklist_clear(&l);
}

static void a_list_lives_while_a_row_has_it(void **state)
{
	struct blocklist l = list_of(300, 0);

	(void)state;
	put_list("a", &l);
	put_list("b", &l);
	put_deleted("a");
	now_s += 1000;
	sweep();
	check_list(&l, true);
	check_found(&l.b[299], "b@343551");
	put_list("b", &l); /* replaced by itself */
	now_s += 1000;
	sweep();
	check_list(&l, true);
	put_deleted("b");
	check_found(&l.b[299], "");
	now_s += 1000;
	sweep();
	check_list(&l, false);
	blocklist_clear(&l);
}

static void a_move_may_come_as_a_deletion_first(void **state)
{
	struct blocklist l = list_of(300, 0);

	(void)state;
	put_list("a", &l);
	put_deleted("a");
	now_s += 30;
	sweep();
	assert_int_equal(put_content("b", blocklist_content(&l), NULL), 0);
	now_s += 1000;
	sweep();
	check_list(&l, true);
	check_found(&l.b[1], "b@1000");
	blocklist_clear(&l);
}

static void a_list_half_deleted_is_given_again(void **state)
{
	struct blocklist l = list_of(20000, 0);
	char *why;

	(void)state;
	put_list("a", &l);
	put_deleted("a");
	assert_int_equal(index_commit(ix), 0);
	now_s += 1000;
	index_close(ix); /* the sweep begins here ... */
	assert_int_equal(index_open(&ix, dir, &why), INDEX_OK);
	index_meta_put(ix, "tick", 1);
	assert_int_equal(index_commit(ix), 0); /* ... and goes on, a few rows a commit */
	check_list(&l, false);
	assert_int_equal(put_content("b", blocklist_content(&l), NULL), -1);
	put_list("b", &l);
	sweep();
	check_list(&l, true);
	check_found(&l.b[0], "b@0");
	put_deleted("b");
	now_s -= 500; /* a clock that was set back does not stop the sweep for ever */
	sweep();
	now_s += 1000;
	sweep();
	check_list(&l, false);
	put_list("c", &l);
	check_found(&l.b[19999], "c@219969001");
	blocklist_clear(&l);
}

static void holes_are_one_position(void **state)
{
	struct blocklist l = list_of(500, 0);

	(void)state;
	for (uint32_t i = 3; i < l.n; i++)
		l.b[i] = l.b[3];
	put_list("sparse", &l);
	check_list(&l, true);
	check_found(&l.b[400], "sparse@3003");
	put_deleted("sparse");
	now_s += 1000;
	sweep();
	check_list(&l, false);
	check_found(&l.b[400], "");
	blocklist_clear(&l);
}

static void dead_lists_do_not_hide_a_live_one(void **state)
{
	struct blocklist l = list_of(2, 0);
	char path[16];

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		l.b[1].len = 5000 + i; /* the same first block in ten contents */
		snprintf(path, sizeof(path), "f%u", i);
		put_list(path, &l);
		if (i < 9)
			put_deleted(path);
	}
	check_found(&l.b[0], "f9@0");
	blocklist_clear(&l);
}

static bool count_row(void *arg, const struct record *r)
{
	(void)r;
	return ++*(int *)arg != 3;
}

static bool put_another(void *arg, const struct record *r)
{
	char path[16];

	snprintf(path, sizeof(path), "more%d", ++*(int *)arg);
	assert_int_equal(put_content(path, r->content, NULL), 0);
	return true;
}

static void rows_of_a_content(void **state)
{
	struct blocklist l = list_of(2, 0), one = { .n = 1, .b = l.b };
	struct content c = blocklist_content(&l), empty = { 0 };
	int n = 0;

	(void)state;
	put_list("a", &l);
	put_list("b", &l);
	put_list("c", &one);
	assert_int_equal(put_content("d", empty, NULL), 0);
	put_deleted("a");
	assert_int_equal(index_by_content(ix, &c, count_row, &n), 0);
	assert_int_equal(n, 1);
	for (int i = 0; i < 9; i++) {
		char path[16];

		snprintf(path, sizeof(path), "x%d", i);
		put_list(path, &l);
	}
	n = 0;
	assert_int_equal(index_by_content(ix, &c, count_row, &n), 0); /* told to stop */
	assert_int_equal(n, 3);
	n = 0;
	assert_int_equal(index_by_content(ix, &empty, count_row, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(index_by_content(ix, &c, put_another, &n), 0);
	assert_int_equal(n, 10);
	blocklist_clear(&l);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lists_and_blocks_are_found),
		T(a_file_of_one_block_is_that_block),
		T(a_list_must_be_known_or_given),
		T(a_list_lives_while_a_row_has_it),
		T(a_move_may_come_as_a_deletion_first),
		T(a_list_half_deleted_is_given_again),
		T(holes_are_one_position),
		T(dead_lists_do_not_hide_a_live_one),
		T(rows_of_a_content),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
