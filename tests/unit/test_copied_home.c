/* Two agents with one identity: they notice each other, and a third that both come to in turns notices them. */
#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "tests/unit/peer_nodes.h"

/* --- seen by themselves --- */

static void assert_copies(bool a_moved, bool b_moved, bool a_yields, bool b_yields)
{
	node_copy(&b, &a);
	a.peers->config.moved = a_moved;
	b.peers->config.moved = b_moved;
	node_member(&a, founded());
	dial_name(&a, &b);
	UNTIL(a.copies > 0 && b.copies > 0);
	assert_int_equal(a.yields, a_yields);
	assert_int_equal(b.yields, b_yields);
	/* No members of each other for that. */
	assert_int_equal(a.up + b.up, 0);
}

static void the_copy_yields_and_the_other_goes_on(void **state)
{
	(void)state;
	assert_copies(false, true, false, true);
}

static void the_copy_yields_whoever_dialled(void **state)
{
	(void)state;
	assert_copies(true, false, true, false);
}

static void both_yield_where_it_cannot_be_told(void **state)
{
	(void)state;
	assert_copies(false, false, true, true);
}

static void both_yield_when_both_were_moved(void **state)
{
	(void)state;
	assert_copies(true, true, true, true);
}

static void an_agent_that_meets_itself_is_no_copy(void **state)
{
	(void)state;
	node_member(&a, founded());
	dial_name(&a, &a);
	UNTIL(a.peers->mirrors != NULL);
	UNTIL(a.peers->mirrors == NULL);
	assert_int_equal(a.copies, 0);
}

/* --- seen by a third --- */

/* The hello of a connection from an agent, in this run of it; whether the connection is refused. */
static bool comes(struct peers *p, uint8_t agent, uint64_t run_id, bool moved)
{
	struct session *s = MEM_NEW(struct session);
	bool refused;

	s->peers = p;
	s->id.b[0] = agent;
	refused = copied_home_must_go(s, &(struct msg_hello){ .run_id = run_id, .moved = moved });
	free(s);
	return refused;
}

static void one_that_starts_again_and_again_is_no_copy(void **state)
{
	(void)state;
	for (uint64_t run_id = 1; run_id < 100; run_id++) {
		assert_false(comes(c.peers, 1, run_id, false));
		assert_false(comes(c.peers, 1, run_id, false)); /* a reconnect */
	}
}

static void a_hello_that_comes_late_is_no_copy(void **state)
{
	(void)state;
	for (uint64_t run_id = 1; run_id < 100; run_id++) {
		assert_false(comes(c.peers, 1, run_id + 1, false));
		assert_false(comes(c.peers, 1, run_id, false));
		assert_false(comes(c.peers, 1, run_id + 1, false));
		assert_false(comes(c.peers, 1, run_id + 2, false));
	}
}

/* How many of n connections of two that come in turns are refused; *first and *second: of each. */
static void in_turns(int n, bool first_moved, bool second_moved, int *first, int *second)
{
	*first = *second = 0;
	for (int i = 0; i < n; i++) {
		*first += comes(c.peers, 1, 11, first_moved);
		*second += comes(c.peers, 1, 12, second_moved);
	}
}

static void two_that_come_in_turns_are_both_refused(void **state)
{
	int first, second;

	(void)state;
	in_turns(20, false, false, &first, &second);
	assert_true(first > 10 && second > 10);
	/* Another agent has nothing to do with it. */
	assert_false(comes(c.peers, 2, 21, false));
	assert_false(comes(c.peers, 2, 22, false));
}

static void of_two_that_come_in_turns_only_the_copy_is_refused(void **state)
{
	int first, second;

	(void)state;
	in_turns(20, false, true, &first, &second);
	assert_int_equal(first, 0);
	assert_true(second > 10);
}

/* --- what a third tells them --- */

/* b says to a that it is one of two, and shows this. */
static void tell(struct msg_run_proof *proof)
{
	struct session *s = session_of(b.peers, identity_id(a.self));
	struct msg_bye m = { .reason = "copied", .copied = true, .proof = *proof };
	size_t n;

	assert_non_null(s);
	uint8_t *body = msg_bye_encode(&m, &n);

	session_send(s, FRAME_BYE, body, n);
}

static void meet(void)
{
	pair();
	dial(&b, &a);
	UNTIL(a.up == 1 && b.up == 1);
}

static void a_member_that_only_says_so_is_not_believed(void **state)
{
	uint8_t noise[SIGNATURE_LEN] = { 1 };
	struct msg_run_proof proof = { .run_id = 5,
		                       .other = a.peers->run_id,
		                       .signature = { .p = noise, .n = sizeof(noise) } };

	(void)state;
	meet();
	tell(&proof);
	UNTIL(b.up == 0 && a.up == 0);
	assert_int_equal(a.copies, 0);
}

static void what_the_other_one_signed_is_believed(void **state)
{
	uint8_t bytes[32] = "lanyard life 1", signature[SIGNATURE_LEN];
	struct msg_run_proof proof = { .run_id = 5,
		                       .other = a.peers->run_id,
		                       .signature = { .p = signature, .n = sizeof(signature) } };

	(void)state;
	put_u64(bytes + 15, 5);
	put_u64(bytes + 23, a.peers->run_id);
	identity_sign(a.self, bytes, sizeof(bytes), signature);
	meet();
	tell(&proof);
	UNTIL(a.copies == 1);
	assert_true(a.yields);
}

static void a_statement_about_another_run_is_not_believed(void **state)
{
	uint8_t bytes[32] = "lanyard life 1", signature[SIGNATURE_LEN];
	struct msg_run_proof proof = { .run_id = 5,
		                       .other = 6,
		                       .signature = { .p = signature, .n = sizeof(signature) } };

	(void)state;
	put_u64(bytes + 15, 5);
	put_u64(bytes + 23, 6);
	identity_sign(a.self, bytes, sizeof(bytes), signature);
	meet();
	tell(&proof);
	UNTIL(b.up == 0 && a.up == 0);
	assert_int_equal(a.copies, 0);
}

static void one_that_says_no_run_id_is_not_judged(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++)
		assert_false(comes(c.peers, 1, i % 2 == 0 ? 0 : 12, false));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, nodes_setup, nodes_teardown)
	const struct CMUnitTest tests[] = {
		T(the_copy_yields_and_the_other_goes_on),
		T(the_copy_yields_whoever_dialled),
		T(both_yield_where_it_cannot_be_told),
		T(both_yield_when_both_were_moved),
		T(an_agent_that_meets_itself_is_no_copy),
		T(one_that_starts_again_and_again_is_no_copy),
		T(a_hello_that_comes_late_is_no_copy),
		T(two_that_come_in_turns_are_both_refused),
		T(of_two_that_come_in_turns_only_the_copy_is_refused),
		T(one_that_says_no_run_id_is_not_judged),
		T(a_member_that_only_says_so_is_not_believed),
		T(what_the_other_one_signed_is_believed),
		T(a_statement_about_another_run_is_not_believed),
	};

	return cmocka_run_group_tests_name("copied_home", tests, NULL, NULL);
}
