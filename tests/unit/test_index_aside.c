/* What is set aside, and the members that have a file; and whatever happens to lists, rows and choices, the counts are
 * what a recount gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "tests/unit/index_listed.h"

/* --- holders --- */

static void holders_are_noted_for_one_content(void **state)
{
	struct index_peer p = { .epoch = 1, .settled = 1, .settled_epoch = index_epoch(ix) };
	struct record r;

	(void)state;
	put("c", 1);
	assert_int_equal(index_get(ix, "c", &r), 1);
	p.settled = r.seq;
	assert_false(index_has(ix, &r, ANNA));
	assert_int_equal(index_peer_put(ix, ANNA, &p), 0);
	assert_true(index_has(ix, &r, ANNA));
	p.on_demand = true;
	assert_int_equal(index_peer_put(ix, ANNA, &p), 0);
	assert_false(index_has(ix, &r, ANNA));
	/* A mirror again: what it settled on demand it may only list. */
	p.on_demand = false;
	p.listed_until = r.seq;
	assert_int_equal(index_peer_put(ix, ANNA, &p), 0);
	assert_false(index_has(ix, &r, ANNA));
	p.listed_until = r.seq - 1;
	assert_int_equal(index_peer_put(ix, ANNA, &p), 0);
	assert_true(index_has(ix, &r, ANNA));
	p.on_demand = true;
	p.mirror_until = r.seq;
	assert_int_equal(index_peer_put(ix, ANNA, &p), 0);
	assert_true(index_has(ix, &r, ANNA));
	assert_int_equal(index_holds_put(ix, &r, ANNA, false), 0);
	assert_false(index_has(ix, &r, ANNA));
	reopen();
	assert_false(index_has(ix, &r, ANNA));
	assert_int_equal(index_holds_put(ix, &r, BERT, true), 0);
	assert_true(index_has(ix, &r, BERT));
	record_clear(&r);
	put("c", 2);
	assert_int_equal(index_get(ix, "c", &r), 1);
	assert_false(index_has(ix, &r, BERT));
	record_clear(&r);
}

/* --- set aside --- */

static void what_is_set_aside_has_no_row_and_comes_back(void **state)
{
	enum aside_reason why;
	struct record was, r;

	(void)state;
	put("c", 1);
	assert_int_equal(index_set_aside(ix, "c", ASIDE_UNSHARED), 0);
	assert_int_equal(index_get(ix, "c", &r), 0);
	assert_int_equal(index_totals(ix).files, 0);
	assert_int_equal(index_totals(ix).tombstones, 0);
	assert_int_equal(listed("c"), 1);
	assert_int_equal(index_set_aside(ix, "new", ASIDE_READER), 0);
	reopen();
	assert_int_equal(index_aside_count(ix, ASIDE_UNSHARED), 1);
	assert_int_equal(index_aside_count(ix, ASIDE_READER), 1);
	assert_int_equal(index_aside_get(ix, "new", &why, &was), 1);
	assert_int_equal(why, ASIDE_READER);
	assert_null(was.path);
	/* Neither is wanted, also at a mirror. */
	assert_int_equal(index_choose(ix, &all), 0);
	assert_int_equal(list("c", 2, OTHER_WRITER, 99), 1);
	assert_int_equal(list("new", 2, OTHER_WRITER, 100), 1);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_bring_back(ix, "c", &was), 1);
	assert_int_equal(was.content.size, 101);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_put(ix, &was, NULL), 0);
	record_clear(&was);
	assert_int_equal(index_bring_back(ix, "c", &was), 0);
	assert_int_equal(index_bring_back(ix, "new", NULL), 1);
	assert_int_equal(index_aside_count(ix, ASIDE_READER), 0);
}

static bool note_aside(void *arg, const char *path, enum aside_reason why)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof(t->text) - at, "%s:%d ", path, (int)why);
	return true;
}

static void what_is_set_aside_is_walked_in_order(void **state)
{
	struct told t = { .last = 0 }, below = { .last = 0 }, rest = { .last = 0 };

	(void)state;
	assert_int_equal(index_set_aside(ix, "d", ASIDE_READER), 0);
	assert_int_equal(index_set_aside(ix, "d-", ASIDE_READER), 0);
	assert_int_equal(index_set_aside(ix, "d/x", ASIDE_UNSHARED), 0);
	assert_int_equal(index_asides(ix, "", "", 10, note_aside, &t), 3);
	assert_string_equal(t.text, "d:2 d/x:1 d-:2 ");
	assert_int_equal(index_asides(ix, "d", "", 10, note_aside, &below), 2);
	assert_string_equal(below.text, "d:2 d/x:1 ");
	assert_int_equal(index_asides(ix, "", "d", 1, note_aside, &rest), 1);
	assert_string_equal(rest.text, "d/x:1 ");
}

/* The block list of a file that is set aside stays, however long. */
static void an_aside_keeps_its_block_list(void **state)
{
	struct blocklist blocks = { .n = 2, .b = mem_calloc(2, sizeof(*blocks.b)) };
	struct record r = file("c", 1), was;
	struct blocklist got;

	(void)state;
	blocks.b[0].len = 60;
	blocks.b[1].len = 41;
	blocks.b[1].hash[0] = 1;
	r.content = blocklist_content(&blocks);
	assert_int_equal(index_put_change(ix, &r, &blocks, ME), 0);
	assert_int_equal(index_set_aside(ix, "c", ASIDE_UNSHARED), 0);
	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_bring_back(ix, "c", &was), 1);
	assert_int_equal(index_put(ix, &was, NULL), 0);
	assert_int_equal(index_blocks(ix, &r.content, &got), 1);
	blocklist_clear(&got);
	blocklist_clear(&blocks);
	record_clear(&was);
	record_clear(&r);
}

/* --- all together --- */

static int64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* What the counters should be, counted by other means. */
static void recount(sqlite3 *db)
{
	static const char wanted[] = "id < 4611686018427387904";
	char *missing = mem_printf("SELECT count(DISTINCT key) FROM wanted WHERE %s", wanted);
	char *bytes =
		mem_printf("SELECT coalesce(sum(m), 0) FROM (SELECT max(size) AS m FROM wanted WHERE %s GROUP BY key)",
	                   wanted);
	struct index_totals t = index_totals(ix);

	assert_int_equal(index_commit(ix), 0);
	assert_int_equal(index_listed(ix), ask(db, "SELECT count(*) FROM wanted WHERE (id >> 48) & 16383 = 0"));
	assert_int_equal(index_wants_missing(ix), ask(db, missing));
	assert_int_equal(index_wants_missing_bytes(ix), ask(db, bytes));
	assert_int_equal(t.files, ask(db, "SELECT count(*) FROM files WHERE deleted = 0"));
	assert_int_equal(t.tombstones, ask(db, "SELECT count(*) FROM files WHERE deleted"));
	assert_int_equal(ask(db, "SELECT offered FROM state"), ask(db, "SELECT count(DISTINCT key) FROM wanted"));
	assert_int_equal(index_aside_count(ix, ASIDE_UNSHARED), ask(db, "SELECT count(*) FROM aside WHERE why = 1"));
	/* No number is there twice. */
	assert_int_equal(ask(db, "SELECT count(*) FROM wanted w JOIN files f ON f.seq = w.id & 0xffffffffffff"
	                         " WHERE (w.id >> 48) & 16383 = 0"),
	                 0);
	free(bytes);
	free(missing);
}

/* Each listed record's bit says what choose() says, and no row knows it. */
static bool check_listed(void *arg, const struct record *r)
{
	struct record row;

	(void)arg;
	if (!r->absent)
		return true;
	assert_int_equal(r->deleted, 0);
	if (index_get(ix, r->path, &row) > 0) {
		enum version_order order = version_compare(&row.version, &r->version);

		assert_true(order == VERSION_OLDER || order == VERSION_CONCURRENT);
	}
	record_clear(&row);
	return true;
}

static void random_step(uint64_t *counter)
{
	static const struct choices *const modes[] = { &none, &some, &all };
	const char *paths[] = { "a", "a/b", "b", "c" };
	const char *path = paths[random_below(4)];
	struct record r = theirs(path, (uint32_t)random_below(4) + 1, ANNA + random_below(3), ++*counter), row, was;
	int live = index_get(ix, path, &row) > 0 && !row.deleted;

	for (int w = 0; w < 3; w++)
		if (random_below(2) == 0 && version_counter(&r.version, ANNA + (uint64_t)w) == 0)
			version_bump(&r.version, ANNA + (uint64_t)w, random_below(*counter) + 1);
	r.seq = *counter;
	r.deleted = random_below(4) == 0;
	r.absent = random_below(2) == 0;
	switch (random_below(12)) {
	case 0:
	case 1:
	case 2:
		assert_int_equal(index_list_add(ix, &r, ANNA) >= 0, !(live && r.deleted));
		break;
	case 3:
		assert_int_equal(index_offer(ix, ANNA + random_below(2), &r), 0);
		break;
	case 4:
		assert_int_equal(index_put(ix, &r, NULL), 0);
		break;
	case 5:
		assert_int_equal(index_put_change(ix, live ? &row : &r, NULL, ME), 0);
		break;
	case 6:
		assert_int_equal(index_drop(ix, path), live ? 0 : -1);
		break;
	case 7:
		assert_int_equal(index_set_aside(ix, path, ASIDE_UNSHARED), 0);
		break;
	case 8:
		assert_true(index_bring_back(ix, path, &was) >= 0);
		if (was.path != NULL)
			assert_int_equal(index_put(ix, &was, NULL), 0);
		record_clear(&was);
		break;
	case 9:
		assert_int_equal(index_leaving_put(ix, path, random_below(2) == 0), 0);
		break;
	case 10:
		assert_int_equal(random_below(2) == 0 ? index_choose(ix, modes[random_below(3)])
		                                      : index_offer_forget(ix, path, random_below(2) * ANNA),
		                 0);
		break;
	default:
		assert_int_equal(index_choose_under(ix, index_choices(ix), path), 0);
		break;
	}
	record_clear(&row);
	record_clear(&r);
}

static void whatever_happens_counts_and_choices_are_right(void **state)
{
	char *path = mem_printf("%s/index.db", dir);
	uint64_t counter = 1000;
	sqlite3 *db;

	(void)state;
	random_set_seed(21);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	for (int step = 0; step < 6000; step++) {
		random_step(&counter);
		recount(db);
		if (step % 20 == 0) {
			int64_t missing = index_wants_missing(ix);

			assert_true(index_since(ix, 0, 1000, check_listed, NULL) >= 0);
			/* Judging all again changes nothing. */
			assert_int_equal(index_choose(ix, index_choices(ix)), 0);
			assert_int_equal(index_wants_missing(ix), missing);
		}
	}
	sqlite3_close(db);
	random_set_seed(0);
	free(path);
}

/* A file whose bit flips in a listed record is found out when it is read. */
static void a_damaged_listed_record_is_noticed(void **state)
{
	char *path = mem_printf("%s/index.db", dir), *why;
	struct record r;
	sqlite3 *db;

	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	index_close(ix);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "UPDATE wanted SET size = size + 1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	open_index(INDEX_OK);
	assert_int_equal(index_list_get(ix, "c", &r), -1);
	assert_true(index_damaged(ix));
	index_close(ix);
	assert_int_equal(index_open(&ix, dir, &why), INDEX_REBUILT);
	assert_int_equal(index_listed(ix), 0);
	free(why);
	free(path);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(holders_are_noted_for_one_content),
		T(what_is_set_aside_has_no_row_and_comes_back),
		T(what_is_set_aside_is_walked_in_order),
		T(an_aside_keeps_its_block_list),
		T(whatever_happens_counts_and_choices_are_right),
		T(a_damaged_listed_record_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
