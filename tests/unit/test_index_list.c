/* The list: it is told like rows, makes way for them, costs nothing while it is empty, and its counts are what a recount
 * gives. */
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
#include <sqlite3.h>

#include "base/clock.h"
#include "base/fs.h"
#include "tests/unit/index_rows.h"

enum { ANNA = 5, BERT = 6, OTHER_WRITER = 900 };

static const struct choose_rule only_a[] = { { "a", true } };
static const struct choices some = { .mode = CHOOSE_ON_DEMAND, .rules = only_a, .nrules = 1 };
static const struct choices none = { .mode = CHOOSE_ON_DEMAND };
static const struct choices all = { .mode = CHOOSE_MIRROR };

/* A record as another member makes it. */
static struct record theirs(const char *path, uint32_t content, uint64_t writer, uint64_t counter)
{
	struct record r = file(path, content);

	version_bump(&r.version, writer, counter);
	r.modified_by = writer;
	return r;
}

static int list(const char *path, uint32_t content, uint64_t writer, uint64_t counter)
{
	struct record r = theirs(path, content, writer, counter);
	int rc = index_list_add(ix, &r, ANNA);

	record_clear(&r);
	return rc;
}

static int list_gone(const char *path, uint64_t writer, uint64_t counter)
{
	struct record r = theirs(path, 1, writer, counter);
	int rc;

	r.deleted = true;
	rc = index_list_add(ix, &r, ANNA);
	record_clear(&r);
	return rc;
}

/* The content of what is listed and wins; 0: nothing is. */
static int64_t listed(const char *path)
{
	struct record r;
	int64_t content = 0;

	if (index_list_get(ix, path, &r) > 0)
		content = r.content.size - 100;
	record_clear(&r);
	return content;
}

struct told {
	char text[600];
	uint64_t last;
};

static bool tell(void *arg, const struct record *r)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	assert_true(r->seq > t->last);
	t->last = r->seq;
	snprintf(t->text + at, sizeof(t->text) - at, "%s%s%s ", r->path, r->deleted ? "-" : "", r->absent ? "?" : "");
	return true;
}

static void check_told(uint64_t after, const char *want)
{
	struct told t = { .last = after };

	assert_true(index_since(ix, after, 100, tell, &t) >= 0);
	assert_string_equal(t.text, want);
}

/* --- what is told --- */

static void rows_and_listed_records_are_told_by_number(void **state)
{
	uint64_t at;

	(void)state;
	put("b", 1);
	assert_int_equal(list("c", 2, OTHER_WRITER, 1), 1);
	put("a", 3);
	assert_int_equal(list("d", 4, OTHER_WRITER, 2), 1);
	check_told(0, "b c? a d? ");
	assert_int_equal(index_choose(ix, &some), 0);
	check_told(0, "b c? a d? ");
	at = index_seq(ix);
	assert_int_equal(list("c", 5, OTHER_WRITER, 3), 1);
	put("b", 6);
	check_told(at, "c? b ");
	reopen();
	check_told(at, "c? b ");
	assert_int_equal(index_listed(ix), 2);
}

static void what_is_known_is_not_listed(void **state)
{
	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 0);
	assert_int_equal(list("c", 1, OTHER_WRITER, 4), 0);
	assert_int_equal(listed("c"), 2);
	put("a", 1);
	{
		struct record r;

		assert_int_equal(index_get(ix, "a", &r), 1);
		assert_int_equal(index_list_add(ix, &r, ANNA), 0);
		record_clear(&r);
	}
	assert_int_equal(index_listed(ix), 1);
	assert_int_equal(list_gone("a", OTHER_WRITER, 9), -1);
}

static void a_row_takes_its_listed_record_away(void **state)
{
	struct record r = theirs("c", 2, OTHER_WRITER, 5);

	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list("c", 3, OTHER_WRITER + 1, 5), 1);
	assert_int_equal(index_listed(ix), 2);
	assert_int_equal(index_put(ix, &r, NULL), 0);
	assert_int_equal(index_listed(ix), 1);
	assert_int_equal(listed("c"), 3);
	assert_int_equal(index_drop(ix, "c"), 0);
	assert_int_equal(index_listed(ix), 2);
	assert_int_equal(index_get(ix, "c", &r), 0);
	assert_int_equal(index_totals(ix).files, 0);
	assert_int_equal(index_drop(ix, "c"), -1);
	record_clear(&r);
}

/* --- deletions --- */

static void a_deletion_takes_what_it_knew(void **state)
{
	struct record r;

	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list_gone("c", OTHER_WRITER, 6), 1);
	assert_int_equal(index_listed(ix), 0);
	assert_int_equal(index_get(ix, "c", &r), 1);
	assert_true(r.deleted);
	record_clear(&r);
	assert_int_equal(index_totals(ix).tombstones, 1);
	/* Older news of it brings nothing back. */
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 0);
}

static void what_a_deletion_did_not_know_outlives_it(void **state)
{
	struct record r;

	(void)state;
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list_gone("c", ANNA, 6), 1);
	assert_int_equal(listed("c"), 2);
	assert_int_equal(index_list_get(ix, "c", &r), 1);
	assert_int_equal(version_counter(&r.version, ANNA), 6);
	assert_int_equal(version_counter(&r.version, OTHER_WRITER), 5);
	record_clear(&r);
	/* In the other order, and when the deletion is our own user's. */
	assert_int_equal(list_gone("d", ANNA, 6), 1);
	assert_int_equal(list("d", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(listed("d"), 2);
	put("e", 1);
	assert_int_equal(list("e", 2, OTHER_WRITER, 5), 1);
	put_deleted("e");
	assert_int_equal(listed("e"), 2);
	assert_int_equal(index_list_get(ix, "e", &r), 1);
	assert_true(version_counter(&r.version, index_epoch(ix)) > 0);
	record_clear(&r);
	reopen();
	assert_int_equal(index_listed(ix), 3);
}

/* --- what is wanted --- */

static void what_is_here_is_wanted_until_it_leaves(void **state)
{
	struct record r;
	uint64_t after = 0;
	struct told t = { .last = 0 };

	(void)state;
	assert_int_equal(index_choose(ix, &none), 0);
	put("c", 1);
	assert_int_equal(list("c", 2, OTHER_WRITER, 5), 1);
	assert_int_equal(list("d", 3, OTHER_WRITER, 6), 1);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_wants_missing_bytes(ix), 102);
	assert_int_equal(index_leaving_put(ix, "c", true), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_get(ix, "c", &r), 1);
	assert_true(r.leaving);
	record_clear(&r);
	reopen();
	assert_int_equal(index_choose(ix, &none), 0);
	assert_int_equal(index_leaving(ix, after, 10, tell, &t), 1);
	assert_string_equal(t.text, "c ");
	assert_int_equal(index_leaving_put(ix, "c", false), 0);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_leaving(ix, after, 10, tell, &t), 0);
	assert_int_equal(index_drop(ix, "c"), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_listed(ix), 3);
}

/* What others deleted while it was here is wanted when they bring it back, until its user drops it. */
static void what_was_taken_from_here_is_wanted_again(void **state)
{
	struct record r = theirs("c", 1, OTHER_WRITER, 5);

	(void)state;
	assert_int_equal(index_choose(ix, &none), 0);
	r.deleted = true;
	r.seen.size = 7;
	assert_int_equal(index_put(ix, &r, NULL), 0);
	assert_int_equal(list("c", 2, ANNA, 5), 1);
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_touch(ix, "c", &(struct seen){ 0 }), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	record_clear(&r);
}

static void a_choice_of_one_path_reads_its_range_alone(void **state)
{
	static const struct choose_rule b[] = { { "b", true } };
	static const struct choices with_b = { .mode = CHOOSE_ON_DEMAND, .rules = b, .nrules = 1 };

	(void)state;
	assert_int_equal(index_choose(ix, &none), 0);
	assert_int_equal(list("a", 1, OTHER_WRITER, 1), 1);
	assert_int_equal(list("b/x", 2, OTHER_WRITER, 2), 1);
	assert_int_equal(list("b/y/z", 3, OTHER_WRITER, 3), 1);
	assert_int_equal(list("b-", 4, OTHER_WRITER, 4), 1);
	assert_int_equal(list("bb", 5, OTHER_WRITER, 5), 1);
	assert_int_equal(index_choose_under(ix, &with_b, "b/y"), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 103);
	assert_int_equal(index_choose_under(ix, &with_b, "b"), 0);
	assert_int_equal(index_wants_missing_bytes(ix), 205);
	assert_int_equal(index_choose_under(ix, &none, "b"), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_int_equal(index_choose(ix, &all), 0);
	assert_int_equal(index_wants_missing(ix), 5);
}

static bool say_absent(void *arg, uint64_t peer, const struct record *r)
{
	struct told *t = arg;
	size_t at = strlen(t->text);

	snprintf(t->text + at, sizeof(t->text) - at, "%d%s ", (int)peer, r->absent ? "?" : "");
	return true;
}

static void a_peer_that_has_not_the_bytes_says_so(void **state)
{
	struct record r = theirs("c", 2, OTHER_WRITER, 5), sibling = theirs("c", 3, ANNA, 5),
		      row = theirs("c", 4, BERT, 1);
	struct told t = { .last = 0 }, after = { .last = 0 };

	(void)state;
	r.absent = sibling.absent = true;
	r.seq = 1;
	sibling.seq = 2;
	row.seq = 3;
	assert_int_equal(index_offer(ix, ANNA, &r), 0);
	assert_int_equal(index_offer(ix, ANNA, &sibling), 0);
	assert_int_equal(index_offer(ix, ANNA, &row), 0);
	assert_int_equal(index_offers(ix, "c", say_absent, &t), 0);
	assert_string_equal(t.text, "5? 5? 5 ");
	/* What it has there is one record; and what that knows goes. */
	row.seq = 4;
	version_bump(&row.version, OTHER_WRITER, 5);
	assert_int_equal(index_offer(ix, ANNA, &row), 0);
	assert_int_equal(index_offers(ix, "c", say_absent, &after), 0);
	assert_string_equal(after.text, "5? 5 ");
	assert_int_equal(index_wants_missing(ix), 1);
	assert_int_equal(index_settled(ix, ANNA, 9), 1);
	assert_int_equal(index_offer_forget(ix, "c", ANNA), 0);
	assert_int_equal(index_wants_missing(ix), 0);
	assert_false(index_is_offered(ix, "c"));
	record_clear(&r);
	record_clear(&sibling);
	record_clear(&row);
}

/* --- writers --- */

/* A later number of ours would stand for the version that we dropped and whose bytes the new one does not know. */
static void what_is_found_does_not_succeed_what_was_dropped(void **state)
{
	struct record found, again, r;

	(void)state;
	put("c", 1);
	assert_int_equal(index_drop(ix, "c"), 0);
	put("c", 2);
	assert_int_equal(index_get(ix, "c", &found), 1);
	assert_int_equal(version_counter(&found.version, index_epoch(ix)), 0);
	assert_int_equal(listed("c"), 1);
	/* Its next change is by the same writer ... */
	record_copy(&again, &found);
	assert_int_equal(index_put_change(ix, &again, NULL, ME), 0);
	assert_int_equal(again.version.n, 1);
	assert_int_equal(again.version.e[0].writer, found.version.e[0].writer);
	assert_int_equal(listed("c"), 1);
	/* ... until they are joined. */
	assert_int_equal(index_list_get(ix, "c", &r), 1);
	record_join(&again, &r.version);
	record_clear(&r);
	assert_int_equal(index_put(ix, &again, NULL), 0);
	assert_int_equal(index_listed(ix), 0);
	assert_int_equal(index_put_change(ix, &again, NULL, ME), 0);
	assert_int_equal(version_counter(&again.version, index_epoch(ix)), again.seq);
	record_clear(&again);
	record_clear(&found);
}

/* In a new epoch what is here gets new numbers, and what is listed stays as it is. */
static void a_new_epoch_makes_no_rows_of_what_is_listed(void **state)
{
	uint64_t old = index_epoch(ix);
	struct record r;

	(void)state;
	put("a", 1);
	put("c", 2);
	assert_int_equal(index_drop(ix, "c"), 0);
	index_new_epoch(ix, 0);
	assert_int_equal(index_get(ix, "c", &r), 0);
	assert_int_equal(index_totals(ix).files, 1);
	assert_int_equal(index_list_get(ix, "c", &r), 1);
	assert_true(version_counter(&r.version, old) > 0);
	record_clear(&r);
	assert_int_equal(index_get(ix, "a", &r), 1);
	assert_true(version_counter(&r.version, index_epoch(ix)) > 0);
	record_clear(&r);
}

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
		T(rows_and_listed_records_are_told_by_number),
		T(what_is_known_is_not_listed),
		T(a_row_takes_its_listed_record_away),
		T(a_deletion_takes_what_it_knew),
		T(what_a_deletion_did_not_know_outlives_it),
		T(what_is_here_is_wanted_until_it_leaves),
		T(what_was_taken_from_here_is_wanted_again),
		T(a_choice_of_one_path_reads_its_range_alone),
		T(a_peer_that_has_not_the_bytes_says_so),
		T(what_is_found_does_not_succeed_what_was_dropped),
		T(a_new_epoch_makes_no_rows_of_what_is_listed),
		T(holders_are_noted_for_one_content),
		T(what_is_set_aside_has_no_row_and_comes_back),
		T(what_is_set_aside_is_walked_in_order),
		T(an_aside_keeps_its_block_list),
		T(whatever_happens_counts_and_choices_are_right),
		T(a_damaged_listed_record_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
