/* The index: rows come back as they were put, with numbers and totals to match. */
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

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"
#include "tests/unit/index_dir.h"

enum { ME = 77 };

static struct index *ix;

static void open_index(enum index_status want)
{
	char *why;

	assert_int_equal(index_open(&ix, dir, &why), want);
	assert_null(why);
	assert_non_null(ix);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(make_dir(), 0);
	open_index(INDEX_NEW);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	index_close(ix);
	ix = NULL;
	return remove_dir();
}

static void reopen(void)
{
	index_close(ix);
	open_index(INDEX_OK);
}

/* A file of one block that holds nothing but its number. */
static struct record file(const char *path, uint32_t content)
{
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .mode = 0640,
		            .mtime_ns = 1000 + content,
		            .content = { .size = 100 + content, .nblocks = 1 } };

	sha256(r.content.root, &content, sizeof(content));
	return r;
}

static void put(const char *path, uint32_t content)
{
	struct record r = file(path, content);

	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	record_clear(&r);
}

static void put_deleted(const char *path)
{
	struct record r;

	assert_int_equal(index_get(ix, path, &r), 1);
	r.deleted = true;
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	record_clear(&r);
}

/* Field by field: what lies between them is nobody's. */
static void assert_same_seen(const struct seen *a, const struct seen *b)
{
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->mtime_ns, b->mtime_ns);
	assert_int_equal(a->ctime_ns, b->ctime_ns);
	assert_int_equal(a->ino, b->ino);
	assert_int_equal(a->mode, b->mode);
}

static void check_record(const struct record *a, const struct record *b)
{
	assert_string_equal(a->path, b->path);
	assert_true(record_same(a, b));
	assert_int_equal(a->kind, b->kind);
	assert_int_equal(a->deleted, b->deleted);
	assert_int_equal(version_compare(&a->version, &b->version), VERSION_EQUAL);
	assert_int_equal(version_compare(&a->base, &b->base), VERSION_EQUAL);
	assert_int_equal(version_compare(&a->mode_base, &b->mode_base), VERSION_EQUAL);
	assert_int_equal(a->chunk_log2, b->chunk_log2);
	assert_int_equal(a->modified_by, b->modified_by);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->via, b->via);
	assert_same_seen(&a->seen, &b->seen);
}

static void check_row(const struct record *want)
{
	struct record r;

	assert_int_equal(index_get(ix, want->path, &r), 1);
	check_record(&r, want);
	record_clear(&r);
}

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
		r[i].mode &= RECORD_MODE; /* whatever is stored, no more comes back */
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

/* However many writers a path had: the next change goes on from there. */
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

/* A version at the end of all counters is this row's trouble: the index goes on. */
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
	for (int i = 0; i < 2001; i++) /* more than one transaction holds */
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

/* Within a callback the index can be read and written, by the same calls too. */
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

static void peers_and_values_are_remembered(void **state)
{
	struct index_peer p = { UINT64_MAX, 2, 3, UINT64_MAX - 1 }, got;
	struct index_proof shown = { .epoch = UINT64_MAX, .number = 7, .signature = { 1, 2, 3 } }, kept;
	int64_t v;

	(void)state;
	assert_int_equal(index_peer_get(ix, UINT64_MAX, &got), 0);
	assert_int_equal(got.epoch, 0);
	assert_int_equal(index_peer_put(ix, UINT64_MAX, &p), 0);
	p.received = 20;
	assert_int_equal(index_peer_put(ix, UINT64_MAX, &p), 0);
	assert_int_equal(index_peer_proof_get(ix, UINT64_MAX, &kept), 0);
	assert_int_equal(kept.number, 0);
	assert_int_equal(index_peer_proof_put(ix, UINT64_MAX, &shown), 0);
	assert_int_equal(index_meta_get(ix, "x", &v), 0);
	assert_int_equal(index_meta_put(ix, "x", -5), 0);
	assert_int_equal(index_meta_put(ix, "x", -6), 0);
	reopen();
	assert_int_equal(index_peer_get(ix, UINT64_MAX, &got), 0);
	assert_memory_equal(&got, &p, sizeof(p));
	assert_int_equal(index_peer_proof_get(ix, UINT64_MAX, &kept), 0);
	assert_memory_equal(&kept, &shown, sizeof(kept));
	assert_int_equal(index_peer_get(ix, 1, &got), 0);
	assert_int_equal(got.received, 0);
	assert_int_equal(index_meta_get(ix, "x", &v), 1);
	assert_int_equal(v, -6);
}

/* The peer has installed our rows up to this number. */
static void settled(uint64_t peer, uint64_t upto)
{
	struct index_peer p;

	assert_int_equal(index_peer_get(ix, peer, &p), 0);
	p.settled = upto;
	p.settled_epoch = index_epoch(ix);
	assert_int_equal(index_peer_put(ix, peer, &p), 0);
}

/* Rows that no peer was sent may have been written under numbers that the index used before it was rolled back. */
static void a_new_epoch_writes_anew_what_no_peer_has(void **state)
{
	uint64_t epoch = index_epoch(ix), fresh, number;
	char path[24];
	struct record r;

	(void)state;
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "file-%d", i);
		put(path, (uint32_t)i);
	}
	settled(5, 3);
	settled(6, 2);
	index_new_epoch(ix);
	fresh = index_epoch(ix);
	assert_int_equal(index_totals(ix).files, 1200);
	for (int i = 0; i < 1200; i++) {
		snprintf(path, sizeof(path), "file-%d", i);
		assert_int_equal(index_get(ix, path, &r), 1);
		number = version_counter(&r.version, fresh);
		assert_int_equal(version_counter(&r.version, epoch), i + 1);
		assert_int_equal(number, i < 3 ? 0 : r.seq);
		record_clear(&r);
	}
	assert_int_equal(index_seq(ix), 1200 + 1197);
}

static void a_new_epoch_keeps_the_rows(void **state)
{
	uint64_t epoch = index_epoch(ix), fresh;
	struct record r;

	(void)state;
	put("a", 1);
	settled(5, 1);
	index_new_epoch(ix);
	fresh = index_epoch(ix);
	assert_true(fresh != epoch && fresh != 0);
	reopen();
	assert_true(index_epoch(ix) == fresh);
	assert_int_equal(index_get(ix, "a", &r), 1);
	assert_int_equal(r.seq, 1);
	record_clear(&r);
	put("b", 1);
	assert_int_equal(index_seq(ix), 2);
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
		T(peers_and_values_are_remembered),
		T(a_new_epoch_keeps_the_rows),
		T(a_new_epoch_writes_anew_what_no_peer_has),
		T(the_wal_is_measured_and_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
