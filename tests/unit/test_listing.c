/* The list of a path: in whatever order records come it ends the same, and it is what a plainer program makes of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/plan/listing.h"
#include "sync/plan/reconcile.h"

enum { WRITERS = 4, RECORDS = 7, RUNS = 20000 };

/* content 0: a tombstone. What was written with equal content has the same root. */
static struct record file(int content, int64_t mtime)
{
	struct record r = { .path = mem_strdup("a"), .kind = RECORD_FILE, .mode = 0644, .deleted = content == 0 };

	if (content > 0) {
		r.mtime_ns = mtime;
		r.content = (struct content){ .size = content, .nblocks = 1 };
		put_u32(r.content.root, (uint32_t)content);
	}
	return r;
}

/* --- the plainer program: versions as arrays --- */

struct plain {
	uint64_t v[WRITERS];
	uint64_t since[WRITERS]; /* the version that gave it its content */
	int content;
	int64_t mtime;
};

struct plain_list {
	struct plain r[64];
	int n;
};

static bool plain_ge(const struct plain *a, const struct plain *b)
{
	for (int i = 0; i < WRITERS; i++)
		if (a->v[i] < b->v[i])
			return false;
	return true;
}

static int plain_base(const struct plain *p, struct version_entry e[WRITERS])
{
	int n = 0;

	for (int i = 0; i < WRITERS && memcmp(p->since, p->v, sizeof(p->v)) != 0; i++)
		if (p->since[i] > 0)
			e[n++] = (struct version_entry){ .writer = (uint64_t)i, .counter = p->since[i] };
	return n;
}

static int plain_compare_base(const struct plain *a, const struct plain *b)
{
	struct version_entry x[WRITERS], y[WRITERS];
	int n = plain_base(a, x), m = plain_base(b, y);

	for (int i = 0; n == m && i < n; i++) {
		if (x[i].writer != y[i].writer)
			return x[i].writer < y[i].writer ? -1 : 1;
		if (x[i].counter != y[i].counter)
			return x[i].counter < y[i].counter ? -1 : 1;
	}
	return n - m;
}

/* Above 0 if a beats b. */
static int plain_rank(const struct plain *a, const struct plain *b)
{
	if ((a->content > 0) != (b->content > 0))
		return (a->content > 0) - (b->content > 0);
	if (a->mtime != b->mtime)
		return a->mtime < b->mtime ? -1 : 1;
	if (a->content != b->content)
		return a->content < b->content ? -1 : 1;
	return a->content > 0 ? plain_compare_base(a, b) : 0;
}

/* Whether the maker of `other` had r's content. */
static bool plain_known(const struct plain *r, const struct plain *other)
{
	for (int i = 0; i < WRITERS; i++)
		if (other->v[i] < r->since[i])
			return false;
	return r->content > 0;
}

/* What a and b, which are concurrent, make together: true and *merged; false if they stay side by side. */
static bool plain_join(const struct plain *a, const struct plain *b, struct plain *merged)
{
	bool a_known = plain_known(a, b), b_known = plain_known(b, a);

	if (a->content == b->content)
		*merged = plain_rank(a, b) > 0 ? *a : *b;
	else if (a_known && b_known)
		*merged = (struct plain){ .content = 0 };
	else if (a_known || b_known)
		*merged = a_known ? *b : *a;
	else if (a->content == 0 || b->content == 0)
		*merged = a->content == 0 ? *b : *a;
	else
		return false;
	for (int w = 0; w < WRITERS; w++)
		merged->v[w] = a->v[w] > b->v[w] ? a->v[w] : b->v[w];
	return true;
}

static void plain_remove(struct plain_list *l, int i)
{
	l->r[i] = l->r[--l->n];
}

/* A deletion that outlives nothing could join any live record that it did not know; this takes the first, as the list
 * does, so the order of the records has to be the same. */
static void plain_add(struct plain_list *l, struct plain r)
{
	struct plain merged = { .content = 0 };

	for (;;) {
		int i;

		for (i = 0; i < l->n; i++)
			if (plain_ge(&l->r[i], &r) && (!plain_ge(&r, &l->r[i]) || plain_rank(&r, &l->r[i]) <= 0))
				return;
		for (i = 0; i < l->n;)
			if (plain_ge(&r, &l->r[i]))
				plain_remove(l, i);
			else
				i++;
		for (i = 0; i < l->n && !plain_join(&r, &l->r[i], &merged); i++)
			continue;
		if (i == l->n) {
			l->r[l->n++] = r;
			return;
		}
		plain_remove(l, i);
		r = merged;
	}
}

static struct record real(const struct plain *p)
{
	struct record r = file(p->content, p->mtime);

	for (int i = 0; i < WRITERS; i++)
		if (p->v[i] > 0)
			version_bump(&r.version, (uint64_t)i + 1, p->v[i]);
	r.modified_by = 1;
	return r;
}

static bool is_same(const struct record *r, const struct plain *p)
{
	struct record want = real(p);
	bool same = version_compare(&r->version, &want.version) == VERSION_EQUAL && record_same_content(r, &want);

	record_clear(&want);
	return same;
}

/* A set of changes as members make them: each knows what some earlier ones knew. */
static void make(struct plain *p, int n)
{
	for (int i = 0; i < n; i++) {
		uint64_t w = random_below(WRITERS);

		p[i] = (struct plain){ .content = (int)random_below(5), .mtime = 0 };
		for (int k = 0; k < i; k++) {
			if (random_below(3) != 0)
				continue;
			for (int j = 0; j < WRITERS; j++)
				p[i].v[j] = p[k].v[j] > p[i].v[j] ? p[k].v[j] : p[i].v[j];
		}
		p[i].v[w] = (uint64_t)i + 1;
		memcpy(p[i].since, p[i].v, sizeof(p[i].since));
		if (p[i].content > 0)
			p[i].mtime = p[i].content; /* one content, one time: the winner's mtime is then no matter */
	}
}

static void add(struct listing *l, const struct plain *p)
{
	struct record r = real(p);

	listing_add(l, &r, true);
	record_clear(&r);
}

static void check_against(const struct listing *l, const struct plain_list *want)
{
	assert_int_equal(l->n, want->n);
	for (int i = 0; i < l->n; i++) {
		bool found = false;

		for (int k = 0; k < want->n; k++)
			found |= is_same(&l->r[i], &want->r[k]);
		assert_true(found);
	}
}

static void it_is_what_a_plainer_program_makes(void **state)
{
	struct plain p[RECORDS];

	(void)state;
	random_set_seed(7);
	for (int run = 0; run < RUNS; run++) {
		struct listing l = { .n = 0 };
		struct plain_list want = { .n = 0 };

		make(p, RECORDS);
		for (int i = 0; i < RECORDS; i++) {
			int k = (int)random_below(RECORDS);

			add(&l, &p[k]);
			plain_add(&want, p[k]);
			check_against(&l, &want);
		}
		listing_clear(&l);
	}
}

/* No record knows another, no content is there twice, and a tombstone is alone. */
static void check_form(const struct listing *l)
{
	for (int i = 0; i < l->n; i++) {
		assert_true(l->n == 1 || !l->r[i].deleted);
		for (int k = 0; k < i; k++) {
			assert_int_equal(version_compare(&l->r[i].version, &l->r[k].version), VERSION_CONCURRENT);
			assert_false(record_same_content(&l->r[i], &l->r[k]));
		}
	}
}

/* With bases as well: two members that get the same records in other orders have the same list once they have told each
 * other theirs. */
static void any_order_ends_the_same(void **state)
{
	struct plain p[RECORDS];

	(void)state;
	random_set_seed(8);
	for (int run = 0; run < RUNS; run++) {
		struct listing l[2] = { { .n = 0 }, { .n = 0 } };
		struct record all[RECORDS];

		make(p, RECORDS);
		for (int i = 0; i < RECORDS; i++) {
			all[i] = real(&p[i]);
			for (int k = 0; k < i; k++) {
				if (p[i].content == p[k].content && p[i].content > 0 && plain_ge(&p[i], &p[k]))
					version_copy(&all[i].base, &all[k].version);
				if (all[i].base.n > 0)
					break;
			}
		}
		for (int side = 0; side < 2; side++) {
			for (int i = 0; i < RECORDS; i++)
				listing_add(&l[side], &all[side == 0 ? i : RECORDS - 1 - i], true);
			check_form(&l[side]);
		}
		for (int round = 0; round < 3; round++) {
			struct listing was = { .n = 0 };

			for (int i = 0; i < l[0].n; i++)
				listing_add(&was, &l[0].r[i], true);
			for (int i = 0; i < l[1].n; i++)
				listing_add(&l[0], &l[1].r[i], true);
			for (int i = 0; i < was.n; i++)
				listing_add(&l[1], &was.r[i], true);
			listing_clear(&was);
		}
		assert_int_equal(l[0].n, l[1].n);
		if (l[0].n > 0)
			assert_true(record_same_content(listing_winner(&l[0]), listing_winner(&l[1])));
		check_form(&l[0]);
		for (int i = 0; i < RECORDS; i++)
			record_clear(&all[i]);
		listing_clear(&l[0]);
		listing_clear(&l[1]);
	}
}

static void the_one_that_loses_to_all_goes(void **state)
{
	struct listing l = { .n = 0 };

	(void)state;
	for (int i = LISTING_MAX + 3; i > 0; i--) {
		struct record r = file(i, i);

		version_bump(&r.version, (uint64_t)i, 1);
		assert_int_equal(listing_add(&l, &r, true), i > 3);
		record_clear(&r);
	}
	assert_int_equal(l.n, LISTING_MAX);
	assert_int_equal(listing_winner(&l)->content.size, LISTING_MAX + 3);
	for (int i = 0; i < l.n; i++)
		assert_true(l.r[i].content.size > 3);
	listing_clear(&l);
}

/* A reader's list has the winner as a member made it. */
static void a_reader_joins_nothing(void **state)
{
	struct listing l = { .n = 0 };
	struct record one = file(1, 1), two = file(2, 2), gone = file(0, 0), same = file(2, 2);

	(void)state;
	version_bump(&one.version, 1, 1);
	version_bump(&two.version, 2, 1);
	version_bump(&gone.version, 3, 1);
	version_bump(&same.version, 4, 1);
	assert_true(listing_add(&l, &one, false));
	assert_true(listing_add(&l, &two, false));
	assert_false(listing_add(&l, &one, false));
	assert_false(listing_add(&l, &gone, false));
	listing_add(&l, &same, false);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.r[0].version.n, 1);
	assert_int_equal(l.r[0].content.size, 2);
	listing_clear(&l);
	record_clear(&one);
	record_clear(&two);
	record_clear(&gone);
	record_clear(&same);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_what_a_plainer_program_makes),
		cmocka_unit_test(any_order_ends_the_same),
		cmocka_unit_test(the_one_that_loses_to_all_goes),
		cmocka_unit_test(a_reader_joins_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
