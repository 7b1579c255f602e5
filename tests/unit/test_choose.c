/* The choice: a mirror wants all that is offered; on demand the last pin that covers a path decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "sync/plan/choose.h"

static enum choice choose_path(const struct choices *c, const char *path)
{
	char copy[64];
	struct record offer = { .path = copy, .kind = RECORD_FILE };

	snprintf(copy, sizeof(copy), "%s", path);
	return choose(c, &offer, NULL);
}

static void a_mirror_wants_everything(void **state)
{
	static const struct choose_rule rules[] = { { "", false } };
	const struct choices none = { 0 }, pinned = { .rules = rules, .nrules = 1 };

	(void)state;
	assert_int_equal(choose_path(&none, "a/b"), CHOICE_GET);
	assert_int_equal(choose_path(&pinned, "a/b"), CHOICE_GET);
}

static void on_demand_wants_only_what_is_pinned(void **state)
{
	static const struct choose_rule rules[] = { { "photos", true } };
	const struct choices none = { .mode = CHOOSE_ON_DEMAND };
	const struct choices c = { .mode = CHOOSE_ON_DEMAND, .rules = rules, .nrules = 1 };

	(void)state;
	assert_int_equal(choose_path(&none, "a"), CHOICE_LEAVE);
	assert_int_equal(choose_path(&c, "photos"), CHOICE_GET);
	assert_int_equal(choose_path(&c, "photos/2026/a.jpg"), CHOICE_GET);
	assert_int_equal(choose_path(&c, "photos-old"), CHOICE_LEAVE);
	assert_int_equal(choose_path(&c, "photo"), CHOICE_LEAVE);
	assert_int_equal(choose_path(&c, "a/photos"), CHOICE_LEAVE);
}

static void the_last_pin_that_covers_a_path_decides(void **state)
{
	static const struct choose_rule rules[] = { { "", true }, { "a", false }, { "a/b", true }, { "a/b/c", false } };
	struct choices c = { .mode = CHOOSE_ON_DEMAND, .rules = rules, .nrules = 4 };

	(void)state;
	assert_int_equal(choose_path(&c, "x"), CHOICE_GET);
	assert_int_equal(choose_path(&c, "a/x"), CHOICE_LEAVE);
	assert_int_equal(choose_path(&c, "a/b/x"), CHOICE_GET);
	assert_int_equal(choose_path(&c, "a/b/c/x"), CHOICE_LEAVE);
}

static void deletions_are_always_wanted(void **state)
{
	const struct choices c = { .mode = CHOOSE_ON_DEMAND };
	char path[] = "a";
	const struct record offer = { .path = path, .kind = RECORD_FILE, .deleted = true };

	(void)state;
	assert_int_equal(choose(&c, &offer, NULL), CHOICE_GET);
}

static enum choice choose_as(const struct choices *c, const char *path, struct choose_state known)
{
	char copy[96];
	const struct record offer = { .path = copy, .kind = RECORD_FILE };

	snprintf(copy, sizeof(copy), "%s", path);
	return choose(c, &offer, &known);
}

static void on_demand_wants_what_is_here_or_was(void **state)
{
	static const struct choose_rule rules[] = { { "a", false } };
	const struct choices c = { .mode = CHOOSE_ON_DEMAND, .rules = rules, .nrules = 1 };

	(void)state;
	assert_int_equal(choose_as(&c, "a", (struct choose_state){ .here = true }), CHOICE_GET);
	assert_int_equal(choose_as(&c, "a", (struct choose_state){ .had = true }), CHOICE_GET);
	assert_int_equal(choose_as(&c, "a", (struct choose_state){ .here = true, .leaving = true }), CHOICE_LEAVE);
	assert_int_equal(choose_as(&c, "a", (struct choose_state){ 0 }), CHOICE_LEAVE);
}

static void what_is_its_users_own_is_not_wanted(void **state)
{
	static const char *const unshared[] = { "a", "b/c", "b/cd" };
	static const struct choose_rule rules[] = { { "", true } };
	const struct choices mirror = { .unshared = unshared, .nunshared = 3 };
	const struct choices c = { .mode = CHOOSE_ON_DEMAND,
		                   .rules = rules,
		                   .nrules = 1,
		                   .unshared = unshared,
		                   .nunshared = 3 };

	(void)state;
	assert_int_equal(choose_as(&mirror, "x", (struct choose_state){ .own = true }), CHOICE_LEAVE);
	for (int i = 0; i < 2; i++) {
		const struct choices *use = i == 0 ? &mirror : &c;

		assert_int_equal(choose_path(use, "a"), CHOICE_LEAVE);
		assert_int_equal(choose_path(use, "a/x"), CHOICE_LEAVE);
		assert_int_equal(choose_path(use, "b/c/x/y"), CHOICE_LEAVE);
		assert_int_equal(choose_path(use, "b/cd"), CHOICE_LEAVE);
		assert_int_equal(choose_path(use, "ab"), CHOICE_GET);
		assert_int_equal(choose_path(use, "b"), CHOICE_GET);
		assert_int_equal(choose_path(use, "b/ce"), CHOICE_GET);
		assert_int_equal(choose_path(use, "b/c-x"), CHOICE_GET);
	}
	assert_true(choose_shares(&c, "b"));
	assert_false(choose_shares(&c, "b/c"));
}

static void a_conflict_copy_is_wanted_where_its_original_is(void **state)
{
	static const struct choose_rule rules[] = { { "d/f.txt", true } };
	const struct choices c = { .mode = CHOOSE_ON_DEMAND, .rules = rules, .nrules = 1 };

	(void)state;
	assert_int_equal(choose_as(&c, "d/f.conflict-20261121-070612-abcdefgh.txt", (struct choose_state){ 0 }),
	                 CHOICE_GET);
	assert_int_equal(choose_as(&c, "d/g.conflict-20261121-070612-abcdefgh.txt", (struct choose_state){ 0 }),
	                 CHOICE_LEAVE);
	assert_int_equal(choose_rule_of(&c, "d/f.txt"), 1);
	assert_int_equal(choose_rule_of(&c, "d"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mirror_wants_everything),
		cmocka_unit_test(on_demand_wants_only_what_is_pinned),
		cmocka_unit_test(the_last_pin_that_covers_a_path_decides),
		cmocka_unit_test(deletions_are_always_wanted),
		cmocka_unit_test(on_demand_wants_what_is_here_or_was),
		cmocka_unit_test(what_is_its_users_own_is_not_wanted),
		cmocka_unit_test(a_conflict_copy_is_wanted_where_its_original_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
