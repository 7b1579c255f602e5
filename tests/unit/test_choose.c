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
	return choose(c, &offer);
}

static void a_mirror_wants_everything(void **state)
{
	static const struct choose_pin pins[] = { { "", false } };
	const struct choices none = { 0 }, pinned = { .pins = pins, .npins = 1 };

	(void)state;
	assert_int_equal(choose_path(&none, "a/b"), CHOICE_GET);
	assert_int_equal(choose_path(&pinned, "a/b"), CHOICE_GET);
}

static void on_demand_wants_only_what_is_pinned(void **state)
{
	static const struct choose_pin pins[] = { { "photos", true } };
	const struct choices none = { .mode = CHOOSE_ON_DEMAND };
	const struct choices c = { .mode = CHOOSE_ON_DEMAND, .pins = pins, .npins = 1 };

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
	static const struct choose_pin pins[] = { { "", true }, { "a", false }, { "a/b", true }, { "a/b/c", false } };
	struct choices c = { .mode = CHOOSE_ON_DEMAND, .pins = pins, .npins = 4 };

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
	assert_int_equal(choose(&c, &offer), CHOICE_GET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mirror_wants_everything),
		cmocka_unit_test(on_demand_wants_only_what_is_pinned),
		cmocka_unit_test(the_last_pin_that_covers_a_path_decides),
		cmocka_unit_test(deletions_are_always_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
