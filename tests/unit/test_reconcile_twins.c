/* Two members that have the same at a path, each with a version of its own, come to one record without another word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/plan/reconcile.h"

static uint32_t dice = 1;

static uint32_t draw(uint32_t n)
{
	dice = dice * 1664525 + 1013904223;
	return (dice >> 8) % n;
}

static void set_version(struct version *v, uint32_t writers)
{
	version_clear(v);
	for (uint64_t w = 1; w <= writers; w++)
		if (draw(2))
			assert_int_equal(version_bump(v, w, 1 + draw(5)), 0);
}

/* As members make them: an own change, or that on top of a base. */
static void random_record(struct record *r, uint32_t writers)
{
	*r = (struct record){ .path = mem_strdup("p"), .kind = RECORD_FILE, .mode = 0644, .mtime_ns = 5 };
	r->content = (struct content){ .size = 1, .nblocks = 1, .root = { 1 } };
	r->modified_by = 1 + draw(2);
	set_version(&r->version, writers);
	if (r->version.n == 0)
		assert_int_equal(version_bump(&r->version, 1 + draw(writers), 1), 0);
	if (draw(3) == 0) {
		record_keep_base(r, draw(2) ? r->mode : 0);
		assert_int_equal(version_bump(&r->version, writers + 1 + draw(3), 1 + draw(9)), 0);
	}
}

static void same_record(const struct record *a, const struct record *b)
{
	assert_true(record_same(a, b));
	assert_int_equal(a->modified_by, b->modified_by);
	assert_int_equal(version_compare(&a->version, &b->version), VERSION_EQUAL);
	assert_int_equal(version_compare(&a->base, &b->base), VERSION_EQUAL);
	assert_int_equal(version_compare(&a->mode_base, &b->mode_base), VERSION_EQUAL);
}

/* And to what they would come to if each told the other, and then told again. */
static void as_if_told(const struct record *a, const struct record *b, const struct record *twin)
{
	struct record at_a = { 0 }, at_b = { 0 }, then = { 0 };

	assert_int_equal(reconcile(a, b, &at_a), RECONCILE_ADOPT);
	assert_int_equal(reconcile(b, a, &at_b), RECONCILE_ADOPT);
	if (reconcile(&at_a, &at_b, &then) == RECONCILE_NOTHING)
		same_record(&at_a, twin);
	else
		same_record(&then, twin);
	record_clear(&at_a);
	record_clear(&at_b);
	record_clear(&then);
}

static void both_come_to_the_same(void **state)
{
	int twins = 0, others = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct record a, b, ab = { 0 }, ba = { 0 };
		uint32_t writers = i % 10 == 0 ? VERSION_MAX : 4;
		bool first;

		random_record(&a, writers);
		random_record(&b, writers);
		first = reconcile_twins(&a, &b, &ab);
		assert_int_equal(reconcile_twins(&b, &a, &ba), first);
		if (first) {
			same_record(&ab, &ba);
			as_if_told(&a, &b, &ab);
			assert_int_not_equal(version_compare(&ab.version, &a.version), VERSION_CONCURRENT);
		} else {
			assert_null(ab.path);
		}
		twins += first;
		others += !first;
		record_clear(&a);
		record_clear(&b);
		record_clear(&ab);
		record_clear(&ba);
	}
	assert_true(twins > 1000);
	assert_true(others > 1000); /* one knew the other */
}

static void what_differs_is_no_twin(void **state)
{
	struct record a, b, merged = { 0 };

	(void)state;
	random_record(&a, 1);
	random_record(&b, 1);
	version_clear(&a.version);
	version_clear(&b.version);
	record_clear_base(&a);
	record_clear_base(&b);
	assert_int_equal(version_bump(&a.version, 1, 1) + version_bump(&b.version, 2, 1), 0);
	b.mtime_ns++;
	assert_false(reconcile_twins(&a, &b, &merged));
	b.mtime_ns--;
	b.mode = 0600;
	assert_false(reconcile_twins(&a, &b, &merged));
	b.mode = a.mode;
	b.content.root[0]++;
	assert_false(reconcile_twins(&a, &b, &merged));
	b.content.root[0]--;
	a.deleted = b.deleted = true;
	assert_false(reconcile_twins(&a, &b, &merged));
	a.deleted = b.deleted = false;
	assert_true(reconcile_twins(&a, &b, &merged));
	assert_int_equal(merged.version.n, 2);
	record_clear(&merged);
	record_clear(&a);
	record_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_come_to_the_same),
		cmocka_unit_test(what_differs_is_no_twin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
