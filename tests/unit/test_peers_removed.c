/* A member that is removed: it learns why, and nothing else, wherever it was meanwhile; and it comes back when an owner
 * adds it again. */
#include "tests/unit/peer_nodes.h"

#include "base/mem.h"

static bool remember(void *arg, const uint8_t *entry, size_t n)
{
	return roster_put(arg, 0, entry, n) != ROSTER_BAD;
}

/* A roster with the same entries, for another node. */
static struct roster *copy_of(const struct roster *r)
{
	struct roster *copy = roster_new(roster_group(r));

	roster_entries(r, remember, copy);
	roster_settle(copy);
	return copy;
}

/* A founds; B and C are members, and all three know it. */
static void three(void)
{
	struct roster *r = founded();

	roster_grant(r, a.self, identity_id(b.self), ROLE_MEMBER, "node", clock_wall_s());
	roster_grant(r, a.self, identity_id(c.self), ROLE_MEMBER, "node", clock_wall_s());
	node_member(&a, r);
	node_member(&b, copy_of(r));
	node_member(&c, copy_of(r));
}

static void remove_c(void)
{
	assert_int_equal(roster_remove(a.roster, a.self, identity_id(c.self), clock_wall_s()), 0);
	peer_group_roster_changed(a.group);
}

static bool c_knows(enum roster_outside why)
{
	struct agent_id by;

	return roster_outside(c.roster, identity_id(c.self), &by) == why &&
	       (why != OUTSIDE_REMOVED || agent_id_equal(&by, identity_id(a.self)));
}

/* Nothing but refusals for a while, although C could ask for anything. */
static void expect_nothing_more(void)
{
	size_t records = c.records;
	int64_t enough = clock_mono_ns() + 300 * 1000000LL;

	put_file(&a, "afterwards", "not for c", NULL);
	UNTIL(clock_mono_ns() > enough);
	assert_int_equal(c.records, records);
	assert_int_equal(c.up, 0);
}

static void one_removed_while_connected_learns_it_and_nothing_else(void **state)
{
	(void)state;
	three();
	dial(&c, &a);
	UNTIL(a.up == 1 && c.up == 1);
	put_file(&a, "before", "for all", NULL);
	UNTIL(c.records == 1);
	remove_c();
	put_file(&a, "after", "not for c", NULL);
	UNTIL(c.up == 0 && c_knows(OUTSIDE_REMOVED));
	expect_nothing_more();
	assert_int_equal(c.records, 1);
}

static void one_removed_while_away_learns_it_when_it_returns(void **state)
{
	(void)state;
	three();
	remove_c();
	put_file(&a, "after", "not for c", NULL);
	dial(&c, &a);
	UNTIL(c_knows(OUTSIDE_REMOVED));
	expect_nothing_more();
	assert_int_equal(c.records, 0);
	assert_true(a.refused > 0);
}

/* B was away, and it is the only one that C meets. */
static void a_member_that_has_not_heard_tells_nothing_more_once_it_has(void **state)
{
	size_t before;

	(void)state;
	three();
	dial(&c, &b);
	UNTIL(b.up == 1 && c.up == 1);
	remove_c();
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1 && c.up == 0 && c_knows(OUTSIDE_REMOVED));
	before = c.records;
	put_file(&b, "after", "not for c", NULL);
	expect_nothing_more();
	assert_int_equal(c.records, before);
}

/* B has not heard that C is out, but C has: C asks for nothing, and B hears of it from C. */
static void one_that_knows_that_it_is_out_asks_nobody(void **state)
{
	(void)state;
	three();
	remove_c();
	dial(&c, &a);
	UNTIL(c_knows(OUTSIDE_REMOVED));
	put_file(&b, "after", "not for c", NULL);
	dial(&b, &c);
	UNTIL(roster_role(b.roster, identity_id(c.self)) == ROLE_NONE);
	expect_nothing_more();
	assert_int_equal(c.records, 0);
	assert_int_equal(c.ups, 0);
}

static void one_that_an_owner_adds_again_hears_it_and_is_back(void **state)
{
	(void)state;
	three();
	remove_c();
	dial(&c, &a);
	UNTIL(c_knows(OUTSIDE_REMOVED) && connections(&a) == 0);
	assert_int_equal(roster_grant(a.roster, a.self, identity_id(c.self), ROLE_MEMBER, "node", clock_wall_s()), 0);
	peer_group_roster_changed(a.group);
	put_file(&a, "again", "for c too", NULL);
	dial(&a, &c);
	UNTIL(roster_role(c.roster, identity_id(c.self)) == ROLE_MEMBER);
	assert_int_equal(c.ups, 0); /* its engine starts again first */
	peer_group_pause(c.group, true);
	peer_group_pause(c.group, false);
	UNTIL(c.up == 1 && c.records == 1);
}

#define NODES(name) cmocka_unit_test_setup_teardown(name, nodes_setup, nodes_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NODES(one_removed_while_connected_learns_it_and_nothing_else),
		NODES(one_removed_while_away_learns_it_when_it_returns),
		NODES(a_member_that_has_not_heard_tells_nothing_more_once_it_has),
		NODES(one_that_knows_that_it_is_out_asks_nobody),
		NODES(one_that_an_owner_adds_again_hears_it_and_is_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
