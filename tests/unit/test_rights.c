/* Every cell of the table of rights, written out a second time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/group/rights.h"

static const struct {
	enum role role;
	const char *may; /* a letter for each right, in the order of enum right; '-': it may not */
} expected[] = {
	{ ROLE_NONE, "--------" },   { ROLE_OWNER, "trwk-aio" }, { ROLE_MEMBER, "trwk-a--" },
	{ ROLE_READER, "tr-k----" }, { ROLE_VAULT, "t---s---" },
};

static void each_role_has_its_rights_and_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		for (int right = 0; right < RIGHTS; right++)
			assert_int_equal(rights_has(expected[i].role, (enum right)right),
			                 expected[i].may[right] != '-');
}

static void who_may_do_anything_takes_part(void **state)
{
	(void)state;
	for (int role = ROLE_NONE; role <= ROLE_VAULT; role++)
		for (int right = 0; right < RIGHTS; right++)
			assert_true(!rights_has((enum role)role, (enum right)right) ||
			            rights_has((enum role)role, RIGHT_TAKE_PART));
}

static void a_role_is_known_by_its_name(void **state)
{
	enum role role = ROLE_NONE;

	(void)state;
	for (int i = ROLE_OWNER; i <= ROLE_VAULT; i++) {
		assert_int_equal(role_parse(role_name((enum role)i), &role), 0);
		assert_int_equal(role, i);
	}
	assert_int_equal(role_parse(role_name(ROLE_NONE), &role), -1);
	assert_int_equal(role_parse("", &role), -1);
	assert_int_equal(role_parse("Owner", &role), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_role_has_its_rights_and_no_other),
		cmocka_unit_test(who_may_do_anything_takes_part),
		cmocka_unit_test(a_role_is_known_by_its_name),
	};

	return cmocka_run_group_tests_name("rights", tests, NULL, NULL);
}
