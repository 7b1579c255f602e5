/* What a vault keeps in the index: counts of who needs an object, against a model in memory, in random histories; paths
 * that are found to be one; mail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/index/index_vault.h"
#include "tests/unit/index_new.h"

enum { BLOCKS = 24, PAGES = 12, OBJECTS = BLOCKS + PAGES, CORES = 40, NEEDS = 6, STEPS = 12000 };

/* What has to be true of an object or a core. */
static struct model {
	bool known, gone;
	int64_t refs, dead;
	int nneeds, needs[NEEDS]; /* of a page or a core, ascending; of a block: the bases of a patch */
	uint64_t seq;             /* of a core */
} objects[OBJECTS], cores[CORES];
static int64_t now_s;

static void name_of(uint8_t name[INDEX_VAULT_OBJECT], int i)
{
	memset(name, i, INDEX_VAULT_OBJECT);
	name[0] = i < BLOCKS ? 1 : 2;
}

static struct index_vault_object object_of(int i)
{
	struct index_vault_object o = { .size = 100 + i };

	name_of(o.name, i);
	memset(o.sum, i + 1, sizeof(o.sum));
	return o;
}

/* Draws up to NEEDS different ones of the first `below`. */
static void draw_needs(struct model *m, int below)
{
	int want = (int)random_below(NEEDS + 1);

	m->nneeds = 0;
	for (int i = 0; i < below && m->nneeds < want; i++) {
		if (random_below((uint64_t)(below - i)) < (uint64_t)(want - m->nneeds))
			m->needs[m->nneeds++] = i;
	}
}

static bool needs_here(const struct model *m)
{
	for (int i = 0; i < m->nneeds; i++) {
		if (!objects[m->needs[i]].known || objects[m->needs[i]].gone)
			return false;
	}
	return true;
}

/* A patch needs blocks that are here and whole. */
static bool has_bases(const struct model *m)
{
	for (int i = 0; i < m->nneeds; i++) {
		if (m->needs[i] >= BLOCKS || objects[m->needs[i]].nneeds > 0)
			return false;
	}
	return needs_here(m);
}

static void count(const struct model *m, int sign)
{
	for (int i = 0; i < m->nneeds; i++) {
		struct model *o = &objects[m->needs[i]];

		o->refs += sign;
		o->dead = o->refs == 0 ? now_s : 0;
	}
}

static void names_of(uint8_t names[NEEDS][INDEX_VAULT_OBJECT], const struct model *m)
{
	for (int i = 0; i < m->nneeds; i++)
		name_of(names[i], m->needs[i]);
}

/* Whole, or a patch of anything; it may have been the other before. */
static void put_block(int i)
{
	uint8_t names[NEEDS][INDEX_VAULT_OBJECT];
	struct index_vault_object o = object_of(i);
	struct model *m = &objects[i], as = { .nneeds = (int)random_below(3) };
	int rc;

	for (int k = 0; k < as.nneeds; k++)
		as.needs[k] = (int)random_below(random_below(8) == 0 ? OBJECTS : BLOCKS);
	names_of(names, &as);
	rc = index_vault_object_put(ix, &o, (const uint8_t(*)[INDEX_VAULT_OBJECT])names, (size_t)as.nneeds, now_s);
	if ((m->known && !m->gone) || !has_bases(&as)) {
		assert_int_equal(rc, -1);
		assert_int_equal(errno, EINVAL);
		return;
	}
	assert_int_equal(rc, 0);
	count(&as, 1);
	count(m, -1);
	if (!m->known)
		m->dead = now_s;
	m->nneeds = as.nneeds;
	memcpy(m->needs, as.needs, sizeof(m->needs));
	m->known = true;
	m->gone = false;
}

static void put_page(int i)
{
	uint8_t names[NEEDS][INDEX_VAULT_OBJECT];
	struct index_vault_object o = object_of(i);
	struct model *m = &objects[i];
	int rc;

	if (!m->known)
		draw_needs(m, BLOCKS);
	names_of(names, m);
	rc = index_vault_object_put(ix, &o, (const uint8_t(*)[INDEX_VAULT_OBJECT])names, (size_t)m->nneeds, now_s);
	if ((m->known && !m->gone) || (!m->known && !needs_here(m))) {
		assert_int_equal(rc, -1);
		assert_int_equal(errno, EINVAL);
		return;
	}
	assert_int_equal(rc, 0);
	if (!m->known) {
		m->dead = now_s;
		count(m, 1);
	}
	m->known = true;
	m->gone = false;
}

static void put_object(int i)
{
	if (i < BLOCKS)
		put_block(i);
	else
		put_page(i);
}

static void remove_object(int i)
{
	struct index_vault_object o = object_of(i);
	struct model *m = &objects[i];
	int rc = index_vault_object_remove(ix, o.name, now_s);

	assert_int_equal(rc, m->known && m->refs > 0 ? -1 : 0);
	if (rc < 0 || !m->known)
		return;
	count(m, -1);
	*m = (struct model){ 0 };
}

static void lose_object(int i)
{
	struct index_vault_object o = object_of(i);

	assert_int_equal(index_vault_object_lose(ix, o.name), 0);
	objects[i].gone = objects[i].known;
}

static void put_core(int i)
{
	uint8_t names[NEEDS][INDEX_VAULT_OBJECT];
	struct model *m = &cores[i];
	struct index_vault_core c = { .path = 1 + i, .core = (const uint8_t *)"core", .ncore = 4 };
	int rc;

	if (m->known)
		return;
	draw_needs(m, OBJECTS);
	names_of(names, m);
	memset(c.name, i, sizeof(c.name));
	c.endorsement = c.core;
	c.nendorsement = 3;
	rc = index_vault_put(ix, &c, (const uint8_t(*)[INDEX_VAULT_OBJECT])names, (size_t)m->nneeds, NULL, 0, now_s);
	assert_int_equal(rc, needs_here(m) ? 0 : -1);
	if (rc < 0)
		return;
	m->known = true;
	m->seq = c.seq;
	count(m, 1);
}

static void remove_core(int i)
{
	uint8_t names[NEEDS][INDEX_VAULT_OBJECT];
	struct model *m = &cores[i];

	if (!m->known)
		return;
	names_of(names, m);
	assert_int_equal(index_vault_remove(ix, m->seq, (const uint8_t(*)[INDEX_VAULT_OBJECT])names, (size_t)m->nneeds,
	                                    now_s),
	                 0);
	count(m, -1);
	m->known = false;
}

static bool count_dead(void *arg, const struct index_vault_object *o)
{
	assert_int_equal(o->refs, 0);
	(*(int *)arg)++;
	return true;
}

static void check_model(void)
{
	struct index_vault_totals t = index_vault_totals(ix), want = { 0 };
	int dead = 0, found = 0;
	bool lacks = false;

	for (int i = 0; i < OBJECTS; i++) {
		struct index_vault_object o, is = object_of(i);
		const struct model *m = &objects[i];

		assert_int_equal(index_vault_object_get(ix, is.name, &o), m->known);
		if (!m->known)
			continue;
		assert_int_equal(o.refs, m->refs);
		assert_int_equal(o.dead, m->dead);
		assert_int_equal(o.gone, m->gone);
		assert_int_equal(o.needs, m->nneeds > 0);
		assert_memory_equal(o.sum, is.sum, sizeof(o.sum));
		dead += m->refs == 0;
		lacks = lacks || (m->gone && m->refs > 0);
		want.objects += !m->gone;
		want.bytes += m->gone ? 0 : 100 + i;
	}
	for (int i = 0; i < CORES; i++)
		want.rows += cores[i].known;
	want.bytes += want.rows * 7;
	assert_memory_equal(&t, &want, sizeof(t));
	assert_int_equal(index_vault_lacks(ix), lacks);
	assert_int_equal(index_vault_dead(ix, INT64_MAX, 1000, count_dead, &found), dead);
	assert_int_equal(found, dead);
}

static void counts_are_those_of_a_model(void **state)
{
	char *why;

	(void)state;
	random_set_seed(4711);
	now_s = 1000;
	memset(objects, 0, sizeof(objects));
	memset(cores, 0, sizeof(cores));
	for (int step = 0; step < STEPS; step++, now_s++) {
		uint64_t what = random_below(20);

		if (what < 6)
			put_object((int)random_below(OBJECTS));
		else if (what < 12)
			put_core((int)random_below(CORES));
		else if (what < 16)
			remove_core((int)random_below(CORES));
		else if (what < 18)
			remove_object((int)random_below(OBJECTS));
		else if (what < 19)
			lose_object((int)random_below(OBJECTS));
		if (step % 10 == 0)
			check_model();
		if (step % 1000 == 999) {
			assert_int_equal(index_commit(ix), 0);
			index_close(ix);
			assert_int_equal(index_open(&ix, dir, &why), INDEX_OK);
			check_model();
		}
	}
}

/* --- cores and paths --- */

static struct index_vault_core a_core(int64_t path, uint8_t name)
{
	struct index_vault_core c = { .path = path,
		                      .core = (const uint8_t *)"c",
		                      .ncore = 1,
		                      .endorsement = (const uint8_t *)"e",
		                      .nendorsement = 1 };

	memset(c.name, name, sizeof(c.name));
	return c;
}

static bool count_core(void *arg, const struct index_vault_core *c)
{
	assert_int_equal(c->ncore, 1);
	(*(int *)arg)++;
	return true;
}

static int cores_at(int64_t path)
{
	int n = 0;

	assert_int_equal(index_vault_at(ix, path, count_core, &n), 0);
	return n;
}

static void ids_of_one_path_join_what_they_had(void **state)
{
	uint8_t ids[3][INDEX_VAULT_PATH] = { { 1 }, { 2 }, { 3 } };
	const uint8_t(*all)[INDEX_VAULT_PATH] = (const uint8_t(*)[INDEX_VAULT_PATH])ids;
	struct index_vault_core c;
	int64_t first, third;

	(void)state;
	assert_int_equal(index_vault_path(ix, all, 1, false), 0);
	first = index_vault_path(ix, all, 1, true);
	third = index_vault_path(ix, all + 2, 1, true);
	assert_true(first > 0 && third > first);
	c = a_core(first, 1);
	assert_int_equal(index_vault_put(ix, &c, NULL, 0, NULL, 0, 5), 0);
	c = a_core(third, 2);
	assert_int_equal(index_vault_put(ix, &c, NULL, 0, NULL, 0, 5), 0);
	/* The second knows neither, and is an older ID of both. */
	assert_int_equal(index_vault_path(ix, all + 1, 2, true), third);
	assert_int_equal(index_vault_path(ix, all, 2, true), first);
	assert_int_equal(index_vault_path(ix, all + 2, 1, false), first);
	assert_int_equal(cores_at(first), 2);
	assert_int_equal(cores_at(third), 0);
	/* The IDs go with the last core. */
	assert_int_equal(index_vault_remove(ix, c.seq, NULL, 0, 6), 0);
	assert_int_equal(index_vault_path(ix, all + 1, 1, false), first);
	assert_int_equal(index_vault_remove(ix, c.seq - 1, NULL, 0, 6), 0);
	c.seq = 0;
	assert_int_equal(cores_at(first), 0);
}

static void what_a_core_beats_is_superseded_and_oldest_first(void **state)
{
	struct index_vault_core c = a_core(1, 1);
	uint64_t beats[2];
	int n = 0;

	(void)state;
	assert_int_equal(index_vault_put(ix, &c, NULL, 0, NULL, 0, 5), 0);
	beats[0] = c.seq;
	c = a_core(1, 2);
	assert_int_equal(index_vault_put(ix, &c, NULL, 0, beats, 1, 9), 0);
	beats[1] = c.seq;
	c = a_core(1, 3);
	/* The first keeps its time. */
	assert_int_equal(index_vault_put(ix, &c, NULL, 0, beats, 2, 7), 0);
	assert_int_equal(index_vault_old(ix, 10, count_core, &n), 2);
	assert_int_equal(n, 2);
	n = 0;
	assert_int_equal(index_vault_since(ix, beats[0], 10, count_core, &n), 2);
	assert_int_equal(index_vault_since(ix, 0, 1, count_core, &n), 1);
}

/* --- mail --- */

static bool count_mail(void *arg, const uint8_t to[32], const uint8_t from[32], const uint8_t *p, size_t n)
{
	assert_int_equal(n, 3);
	assert_memory_equal(p, to[0] == 1 && from[0] == 3 ? "new" : "old", 3);
	(*(int *)arg)++;
	return true;
}

static int mail_for(const uint8_t *to)
{
	int n = 0;

	assert_int_equal(index_vault_mail(ix, to, count_mail, &n), 0);
	return n;
}

static void a_later_envelope_of_a_sender_replaces_its_earlier_one(void **state)
{
	const uint8_t a[32] = { 1 }, b[32] = { 2 }, c[32] = { 3 };

	(void)state;
	assert_int_equal(index_vault_mail_put(ix, a, b, 1, (const uint8_t *)"old", 3), 0);
	assert_int_equal(index_vault_mail_put(ix, a, c, 1, (const uint8_t *)"old", 3), 0);
	assert_int_equal(index_vault_mail_put(ix, a, c, 2, (const uint8_t *)"new", 3), 0);
	assert_int_equal(index_vault_mail_put(ix, c, b, 2, (const uint8_t *)"old", 3), 0);
	assert_int_equal(mail_for(a), 2);
	assert_int_equal(mail_for(b), 0);
	assert_int_equal(mail_for(NULL), 3);
	assert_int_equal(index_vault_mail_forget(ix, c), 0);
	assert_int_equal(mail_for(NULL), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(counts_are_those_of_a_model),
		T(ids_of_one_path_join_what_they_had),
		T(what_a_core_beats_is_superseded_and_oldest_first),
		T(a_later_envelope_of_a_sender_replaces_its_earlier_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
