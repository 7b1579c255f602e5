/* In a group that is too large for all to connect with all, members know who is there through others, and no more. */
#include "tests/unit/peer_nodes.h"

enum { GHOSTS = 30 };

static struct agent_id ghost(int number)
{
	return (struct agent_id){ .b = { 0xee, (uint8_t)number } };
}

/* A, B and C among many who are away. */
static void members_of_a_crowd(void)
{
	struct roster *r = founded();

	for (int i = 0; i < GHOSTS; i++) {
		struct agent_id id = ghost(i);

		assert_int_equal(roster_grant(r, a.self, &id, ROLE_MEMBER, "ghost", clock_wall_s()), 0);
	}
	(void)roster_grant(r, a.self, identity_id(b.self), ROLE_MEMBER, "node", clock_wall_s());
	(void)roster_grant(r, a.self, identity_id(c.self), ROLE_MEMBER, "node", clock_wall_s());
	node_member(&b, granted(r, &b, ROLE_MEMBER));
	node_member(&c, granted(r, &c, ROLE_MEMBER));
	node_member(&a, r);
}

static uint64_t short_of(const struct node *n)
{
	return agent_id_short(identity_id(n->self));
}

static void members_hear_who_is_connected_with_others(void **state)
{
	struct agent_id id = ghost(1);

	(void)state;
	members_of_a_crowd();
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1);
	assert_int_equal(peer_group_here(a.group), 1);
	dial(&c, &b);
	UNTIL(peer_group_here(a.group) == 2 && peer_group_here(c.group) == 2);
	assert_int_equal(connections(&a), 1);
	assert_int_equal(peer_group_here_s(a.group, short_of(&b)), 0);
	assert_true(peer_group_here_s(a.group, short_of(&c)) >= 0);
	assert_int_equal(peer_group_here_s(a.group, agent_id_short(&id)), -1);
	/* Whoever has gone is a memory: it gets older. */
	peer_group_pause(c.group, true);
	UNTIL(b.up == 1);
	UNTIL(peer_group_here_s(a.group, short_of(&c)) > 0);
}

static void in_a_small_group_nobody_speaks_of_others(void **state)
{
	(void)state;
	struct roster *r = founded();

	node_member(&b, granted(r, &b, ROLE_MEMBER));
	node_member(&a, r);
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1);
	assert_int_equal(peer_group_here(a.group), 1);
	peer_group_pause(b.group, true);
	UNTIL(a.up == 0);
	assert_int_equal(peer_group_here(a.group), 0);
	assert_int_equal(peer_group_here_s(a.group, short_of(&b)), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(members_hear_who_is_connected_with_others, nodes_setup, nodes_teardown),
		cmocka_unit_test_setup_teardown(in_a_small_group_nobody_speaks_of_others, nodes_setup, nodes_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
