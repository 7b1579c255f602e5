/* Proves that what the index answers from memory is what its table has: after every kind of write, after one that was
 * undone, and for more paths than it remembers. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "tests/unit/index_rows.h"

enum { PATHS = 40, MANY = 6000, STEPS = 20000, CHECK_EVERY = 20, CONTENTS = 9 };

static const char *path_of(int i)
{
	static char path[32];

	snprintf(path, sizeof(path), "folder-%d/file-%d", i / 10, i);
	return path;
}

/* A walk reads the table itself. */
static void check_all(int paths)
{
	struct index_cursor *c = index_walk(ix, "");
	struct record there;
	int rows = 0;

	while (index_next(c, &there) > 0) {
		struct record r;

		rows++;
		assert_int_equal(index_get(ix, there.path, &r), 1);
		check_record(&r, &there);
		assert_int_equal(r.leaving, there.leaving);
		assert_false(r.absent);
		record_clear(&r);
		record_clear(&there);
	}
	index_cursor_free(c);
	for (int i = 0; i < paths; i++) {
		struct record r;

		rows -= index_get(ix, path_of(i), &r) > 0;
		record_clear(&r);
	}
	assert_int_equal(rows, 0);
}

static struct record any_row(const char *path)
{
	struct record r = file(path, (uint32_t)(rand() % CONTENTS));

	if (rand() % 5 == 0) {
		r.kind = RECORD_SYMLINK;
		r.target = mem_strdup("there");
		r.mode = 0;
	} else if (rand() % 5 == 0) {
		r.kind = RECORD_DIR; /* its content means nothing, and does not come back */
	} else if (rand() % 5 == 0) {
		r.deleted = true;
	}
	r.mode |= 07000;
	r.leaving = rand() % 4 == 0;
	r.absent = rand() % 4 == 0;
	r.via = (uint64_t)rand() % 3;
	r.seen.ino = (uint64_t)rand() % 100;
	version_bump(&r.version, 5, 1 + (uint64_t)rand());
	return r;
}

static void put_any(const char *path)
{
	struct record r = any_row(path);

	assert_int_equal(index_put(ix, &r, NULL), 0);
	record_clear(&r);
}

static void forget_some(void)
{
	uint64_t after = 0, upto = index_seq(ix) * 9 / 10;

	while (after < upto)
		assert_true(index_forget(ix, &after, upto) >= 0);
}

static void change_any(const char *path)
{
	struct record r;
	bool live = index_get(ix, path, &r) > 0 && record_is_live(&r);

	record_clear(&r);
	switch (rand() % 8) {
	case 0:
		assert_int_equal(index_touch(ix, path, &(struct seen){ 1, 2, 3, (uint64_t)rand(), 5 }), 0);
		break;
	case 1:
		assert_int_equal(index_leaving_put(ix, path, rand() % 2), 0);
		break;
	case 2:
		if (live)
			assert_int_equal(index_drop(ix, path), 0);
		break;
	case 3:
		if (rand() % 10 == 0)
			forget_some();
		break;
	case 4:
		assert_int_equal(index_set_aside(ix, path, ASIDE_UNSHARED), 0);
		assert_true(index_bring_back(ix, path, NULL) > 0);
		break;
	default:
		put_any(path);
	}
}

static void what_is_remembered_is_what_is_stored(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < STEPS; i++) {
		change_any(path_of(rand() % PATHS));
		if (rand() % CHECK_EVERY == 0)
			check_all(PATHS);
		if (rand() % 30 == 0)
			assert_int_equal(index_commit(ix), 0);
	}
	assert_int_equal(index_doubt(ix), 0);
	check_all(PATHS);
	reopen();
	check_all(PATHS);
}

static void more_than_are_remembered_come_back(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++) {
		put_any(path_of(i));
		if (i % 100 == 99)
			assert_int_equal(index_commit(ix), 0);
	}
	check_all(MANY);
}

/* Counts rows of a content, by its number. */
static bool count_row(void *arg, const struct record *r)
{
	(void)r;
	(*(int *)arg)++;
	return true;
}

static int rows_of(uint32_t content)
{
	struct record r = file("x", content);
	int n = 0;

	assert_int_equal(index_by_content(ix, &r.content, count_row, &n), 0);
	record_clear(&r);
	return n;
}

static void what_was_undone_is_not_remembered(void **state)
{
	struct rlimit was, none;
	struct record r;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	put("stays", 1);
	put("changes", 2);
	assert_int_equal(index_commit(ix), 0);
	put_deleted("stays");
	put("changes", 3);
	put("new", 4);
	assert_int_equal(rows_of(4), 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(index_commit(ix), -1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(index_get(ix, "new", &r), 0);
	assert_int_equal(index_get(ix, "stays", &r), 1);
	assert_false(r.deleted);
	record_clear(&r);
	assert_int_equal(rows_of(2), 1);
	assert_int_equal(rows_of(3) + rows_of(4), 0);
	assert_int_equal(index_commit(ix), 0);
	put("new", 5);
	assert_int_equal(rows_of(5), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_remembered_is_what_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_are_remembered_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_undone_is_not_remembered, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
