/* The index: rows come back as they were put, with numbers and totals to match. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"
#include "tests/unit/index_rows.h"

static void a_new_index_is_empty(void **state)
{
	struct record r;
	uint64_t epoch = index_epoch(ix);

	(void)state;
	assert_int_not_equal(epoch, 0);
	assert_int_equal(index_seq(ix), 0);
	assert_int_equal(index_get(ix, "a", &r), 0);
	assert_int_equal(index_get(ix, "", &r), 0);
	assert_int_equal(index_totals(ix).files, 0);
	reopen();
	assert_true(index_epoch(ix) == epoch);
	assert_int_equal(index_seq(ix), 0);
}

static void rows_come_back(void **state)
{
	char *deep = mem_calloc(RECORD_PATH_MAX + 1, 1);
	struct record r[5] = { file("dir/f\xff\n", 1), { 0 }, { 0 }, file("gone", 2), { 0 } };

	(void)state;
	r[0].mtime_ns = INT64_MIN;
	r[0].modified_by = UINT64_MAX;
	r[0].via = UINT64_MAX - 1;
	r[0].chunk_log2 = 17;
	r[0].seen = (struct seen){ 1, -2, INT64_MAX, UINT64_MAX, 07777 };
	version_bump(&r[0].version, UINT64_MAX, UINT64_MAX);
	version_bump(&r[0].base, UINT64_MAX, 5);
	version_bump(&r[0].mode_base, UINT64_MAX, 6);
	r[1] = (struct record){ .path = mem_strdup("dir"), .kind = RECORD_DIR, .mode = 07755 };
	r[2] = (struct record){ .path = mem_strdup("link"), .kind = RECORD_SYMLINK, .target = mem_strdup("/a/b\x01") };
	r[3].deleted = true;
	for (int i = 0; i < RECORD_PATH_MAX; i++)
		deep[i] = i % 200 == 199 ? '/' : 'n';
	r[4] = file(deep, 3);
	for (int i = 0; i < 5; i++) {
		if (i > 0)
			version_bump(&r[i].version, 5, (uint64_t)i);
		assert_int_equal(index_put(ix, &r[i], NULL), 0);
		assert_int_equal(r[i].seq, i + 1);
		r[i].mode &= RECORD_MODE; /* other bits do not come back */
		check_row(&r[i]);         /* before the commit */
	}
	reopen();
	assert_int_equal(index_seq(ix), 5);
	for (int i = 0; i < 5; i++) {
		check_row(&r[i]);
		record_clear(&r[i]);
	}
	deep[0] = 'x';
	assert_int_equal(index_get(ix, deep, &r[0]), 0);
	free(deep);
}

static void a_change_gets_a_version_and_a_number(void **state)
{
	struct record r = file("a", 1);

	(void)state;
	r.via = 9;
	put("other", 0);
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	assert_int_equal(r.seq, 2);
	assert_int_equal(r.via, 0);
	assert_int_equal(r.modified_by, ME);
	assert_int_equal(r.version.n, 1);
	assert_int_equal(version_counter(&r.version, index_epoch(ix)), 2);
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	assert_int_equal(version_counter(&r.version, index_epoch(ix)), 3);
	check_row(&r);
	record_clear(&r);
}

static void a_claimed_later_number_cannot_be_mistaken(void **state)
{
	struct record r = file("a", 1), before;

	(void)state;
	version_bump(&r.version, index_epoch(ix), UINT64_MAX);
	record_copy(&before, &r);
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	assert_int_equal(version_compare(&r.version, &before.version), VERSION_NEWER);
	assert_int_equal(r.version.n, 2);
	record_clear(&r);
	record_clear(&before);
}

/* However many writers a path had, it can be changed again. */
static void more_writers_than_a_version_holds(void **state)
{
	struct record r = file("a", 1), before = { 0 };

	(void)state;
	for (uint64_t w = 1; w <= VERSION_MAX; w++)
		version_bump(&r.version, w, w);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	for (int i = 0; i < 3; i++) {
		record_clear(&before);
		record_copy(&before, &r);
		assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
		assert_int_equal(version_compare(&r.version, &before.version), VERSION_NEWER);
		check_row(&r);
	}
	record_clear(&before);
	record_clear(&r);
}

/* A row whose version has the greatest counter cannot be changed; the index goes on. */
static void a_version_without_a_next_one_is_said_so(void **state)
{
	struct record r = file("a", 1);

	(void)state;
	for (uint64_t w = 1; w <= VERSION_MAX; w++)
		version_bump(&r.version, w, VERSION_COUNTER_MAX);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	assert_int_equal(index_put_change(ix, &r, NULL, ME), -1);
	assert_int_equal(errno, EOVERFLOW);
	assert_int_equal(index_commit(ix), 0);
	check_row(&r);
	record_clear(&r);
	put("b", 1);
}

static void touch_gives_no_number(void **state)
{
	struct seen seen = { 5, 6, 7, 8, 0640 };
	struct record r;

	(void)state;
	put("a", 1);
	assert_int_equal(index_touch(ix, "a", &seen), 0);
	assert_int_equal(index_seq(ix), 1);
	assert_int_equal(index_get(ix, "a", &r), 1);
	assert_same_seen(&r.seen, &seen);
	assert_int_equal(r.seq, 1);
	record_clear(&r);
}

static void count_commit(void *arg)
{
	(*(int *)arg)++;
}

static void commits_are_told_when_they_number(void **state)
{
	struct seen seen = { 0 };
	int told = 0;

	(void)state;
	index_on_commit(ix, count_commit, &told);
	put("a", 1);
	put("b", 1);
	assert_int_equal(told, 0);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(told, 1);
	index_touch(ix, "a", &seen);
	index_meta_put(ix, "m", 1);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(told, 1);
	for (int i = 0; i < 2001; i++) /* more than one transaction takes */
		put("a", (uint32_t)i);
	assert_int_equal(told, 2);
}

static void totals_follow(void **state)
{
	struct index_totals t;
	struct record d = { .path = mem_strdup("d"), .kind = RECORD_DIR };
	struct record l = { .path = mem_strdup("l"), .kind = RECORD_SYMLINK, .target = mem_strdup("t") };

	(void)state;
	put("a", 1);
	put("b", 2);
	put("b", 20); /* replaced */
	index_put_change(ix, &d, NULL, ME);
	index_put_change(ix, &l, NULL, ME);
	put_deleted("a");
	record_clear(&d);
	record_clear(&l);
	for (int i = 0; i < 2; i++) {
		t = index_totals(ix);
		assert_int_equal(t.files, 1);
		assert_int_equal(t.bytes, 120);
		assert_int_equal(t.dirs, 1);
		assert_int_equal(t.symlinks, 1);
		assert_int_equal(t.tombstones, 1);
		reopen();
	}
	put("l", 1);
	put("a", 1);
	t = index_totals(ix);
	assert_int_equal(t.symlinks, 0);
	assert_int_equal(t.tombstones, 0);
	assert_int_equal(t.files, 3);
}

struct listing {
	char text[4000];
	int stop_after; /* 0: never */
	int n;
};

static bool list_row(void *arg, const struct record *r)
{
	struct listing *l = arg;
	size_t at = strlen(l->text);

	snprintf(l->text + at, sizeof(l->text) - at, "%s%s", at > 0 ? " " : "", r->path);
	return ++l->n != l->stop_after;
}

static void news_are_rows_since_a_number(void **state)
{
	struct listing all = { .n = 0 }, two = { .n = 0 }, stopped = { .stop_after = 1 };

	(void)state;
	put("a", 1);
	put("b", 1);
	put("c", 1);
	put("a", 2);
	assert_int_equal(index_since(ix, 0, 100, list_row, &all), 3);
	assert_string_equal(all.text, "b c a");
	assert_int_equal(index_since(ix, 2, 1, list_row, &two), 1);
	assert_string_equal(two.text, "c");
	assert_int_equal(index_since(ix, 0, 100, list_row, &stopped), 1);
	assert_int_equal(index_since(ix, index_seq(ix), 100, list_row, &two), 0);
	assert_int_equal(index_since(ix, UINT64_MAX, 100, list_row, &two), 0);
}

/* A callback can read and write the index, also by the call that it was called from. */
static bool change_it(void *arg, const struct record *r)
{
	struct listing *l = arg, inner = { .n = 0 };

	put("new", r->content.root[0]);
	index_since(ix, 0, 2, list_row, &inner);
	assert_int_equal(inner.n, 2);
	if (r->seq == 2)
		assert_int_equal(index_commit(ix), 0);
	return list_row(l, r);
}

static void callbacks_may_use_the_index(void **state)
{
	struct listing l = { .n = 0 };

	(void)state;
	put("a", 1);
	put("b", 1);
	put("c", 1);
	index_commit(ix);
	index_since(ix, 0, 100, change_it, &l);
	assert_string_equal(l.text, "a b c");
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_seq(ix), 6);
}

static void the_wal_is_measured_and_moved(void **state)
{
	int64_t peak = 0;
	char path[128];

	(void)state;
	for (int i = 0; i < 30000; i++) {
		snprintf(path, sizeof(path), "some/folder/number-%d/file-%d", i % 97, i);
		put(path, 1);
		if (i % 500 != 499)
			continue;
		assert_int_equal(index_commit(ix), 0);
		peak = index_wal_bytes(ix) > peak ? index_wal_bytes(ix) : peak;
		if (index_wal_bytes(ix) > 1 << 20) {
			index_checkpoint(ix);
			assert_int_equal(index_wal_bytes(ix), 0);
		}
	}
	assert_true(peak > 1 << 20);
	assert_true(peak < 8 << 20);
	snprintf(path, sizeof(path), "%s/index.db-wal", dir);
	assert_true(access(path, F_OK) == 0);
	reopen();
	assert_int_equal(index_totals(ix).files, 30000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_new_index_is_empty),
		T(rows_come_back),
		T(a_change_gets_a_version_and_a_number),
		T(a_claimed_later_number_cannot_be_mistaken),
		T(more_writers_than_a_version_holds),
		T(a_version_without_a_next_one_is_said_so),
		T(touch_gives_no_number),
		T(commits_are_told_when_they_number),
		T(totals_follow),
		T(news_are_rows_since_a_number),
		T(callbacks_may_use_the_index),
		T(the_wal_is_measured_and_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
