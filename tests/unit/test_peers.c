/* Connections of two and more agents: who is let in, what is told, and what is served. */
#include "tests/unit/peer_nodes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

static void news_reach_the_other_and_settle(void **state)
{
	struct record row = { 0 };

	(void)state;
	pair();
	put_file(&a, "before", "was here before", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	assert_int_equal(b.carried, 1);
	put_file(&a, "after", "came later", NULL);
	UNTIL(b.records == 2 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	assert_int_equal(index_get(b.index, "after", &row), 1);
	record_clear(&row);
	/* What came from A is not sent back to A. */
	assert_int_equal(a.records, 0);
}

/* Found by killing a receiver in the middle of a batch: what it had in place then was settled by its scan. */
static void what_settles_without_a_word_from_fetch_is_acknowledged(void **state)
{
	(void)state;
	pair();
	b.wants = true;
	put_file(&a, "file", "there already", NULL);
	dial(&a, &b);
	UNTIL(index_wants_missing(b.index) == 1 && index_commits(b.index) == b.synced);
	assert_non_null(strstr(peer_group_missing(a.group), "to install our changes"));
	assert_int_equal(index_offer_forget(b.index, "file", agent_id_short(identity_id(a.self))), 0);
	UNTIL(!peer_group_missing(a.group));
}

static void a_reconnect_sends_nothing_again(void **state)
{
	(void)state;
	pair();
	put_file(&a, "file", "once", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	peer_group_pause(a.group, true);
	UNTIL(a.up == 0 && b.up == 0);
	peer_group_pause(a.group, false);
	UNTIL(a.up == 1 && b.up == 1 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	assert_int_equal(b.records, 1);
	assert_int_equal(peer_group_counters(a.group).records_sent, 1);
}

/* What A says and that it stops come in one turn. The rows are stored; how far they go is not, so A says them once
 * more. The proof of A's numbers is kept: A may be put back from an older copy before it says them. */
static void news_and_a_goodbye_in_one_turn_lose_nothing(void **state)
{
	struct index_proof proof = { 0 };
	struct index_peer p;
	uint64_t of_a;

	(void)state;
	pair();
	of_a = agent_id_short(identity_id(a.self));
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1);
	b.leaves = true;
	put_file(&a, "file", "last words", NULL);
	UNTIL(b.records == 1);
	assert_int_equal(b.up, 0);
	assert_true(has_path(&b, "file"));
	assert_int_equal(index_peer_get(b.index, of_a, &p), 0);
	assert_int_equal(p.received, 0);
	assert_int_equal(index_peer_proof_get(b.index, of_a, &proof), 0);
	assert_int_equal(proof.number, index_seq(a.index));
	peer_group_pause(b.group, false);
	UNTIL(b.records == 2 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	assert_int_equal(index_peer_get(b.index, of_a, &p), 0);
	assert_int_equal(p.received, index_seq(a.index));
}

/* Rows that were not acknowledged are sent again, and nothing else. */
static void a_peer_that_is_to_tell_again_does(void **state)
{
	int ups;

	(void)state;
	pair();
	put_file(&a, "file", "once", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	ups = b.ups;
	peer_group_again(b.group, agent_id_short(identity_id(a.self)));
	UNTIL(b.ups > ups && a.up == 1 && b.up == 1 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	assert_int_equal(b.records, 1);
	put_file(&a, "other", "news", NULL);
	UNTIL(b.records == 2 && !peer_group_missing(a.group));
	assert_int_equal(connections(&a), 1);
}

static void two_that_dial_at_once_keep_one_connection(void **state)
{
	(void)state;
	pair();
	dial(&a, &b);
	dial(&b, &a);
	UNTIL(a.up == 1 && b.up == 1);
	put_file(&a, "file", "proves that it is the same one", NULL);
	UNTIL(b.records == 1 && !peer_group_missing(a.group));
	assert_int_equal(connections(&a), 1);
	assert_int_equal(connections(&b), 1);
}

/* Were it dialled, the new connection would take the place of the old one, since the smaller ID made it. */
static void a_named_address_of_a_member_that_came_is_not_dialled(void **state)
{
	bool a_is_smaller = memcmp(identity_id(a.self)->b, identity_id(b.self)->b, sizeof(struct agent_id)) < 0;
	struct node *smaller = a_is_smaller ? &a : &b, *greater = a_is_smaller ? &b : &a;

	(void)state;
	pair();
	node_member(&c, roster_found(c.self, "group", false, false, "node", clock_wall_s()));
	dial(greater, smaller);
	UNTIL(a.up == 1 && b.up == 1);
	dial_name(smaller, greater);
	/* Another, dialled after it, has come to its end: so would this one. */
	dial_name(smaller, &c);
	UNTIL(c.refused > 0);
	assert_int_equal(connections(&a), 1);
	assert_int_equal(a.ups, 1);
	assert_int_equal(b.ups, 1);
}

static void a_member_of_another_group_is_refused(void **state)
{
	(void)state;
	node_member(&a, founded());
	node_member(&c, roster_found(c.self, "group", false, false, "node", clock_wall_s()));
	put_file(&a, "secret", "not yours", NULL);
	dial(&c, &a);
	UNTIL(a.refused > 0 || c.refused > 0);
	assert_int_equal(c.records, 0);
	assert_int_equal(c.up, 0);
	assert_int_equal(connections(&c), 0);
}

static void one_who_only_knows_the_group_id_is_refused(void **state)
{
	struct roster *r = founded();

	(void)state;
	node_member(&a, r);
	put_file(&a, "secret", "not yours", NULL);
	node_member(&c, roster_new(roster_group(r)));
	/* Neither shows anything before the other did; C, which would have to, has nothing to show. */
	dial(&c, &a);
	int64_t enough = clock_mono_ns() + 300 * 1000000LL;
	UNTIL(a.refused > 0 || c.refused > 0 || clock_mono_ns() > enough);
	assert_int_equal(c.records, 0);
	assert_int_equal(a.up, 0);
	assert_string_equal(roster_name(c.roster), "");
}

/* --- who may write --- */

/* The peer has dealt with all that `from` sent so far: an answer to what was asked after that has come. */
static void wait_until_heard(struct node *from, const struct node *by, const struct content *of)
{
	struct block_want want = { .request = 1, .len = (uint32_t)of->size };

	from->answered = false;
	assert_int_equal(peer_group_get(from->group, agent_id_short(identity_id(by->self)), of, &want, 1), 0);
	UNTIL(from->answered);
}

static void a_reader_reads_and_is_not_believed(void **state)
{
	struct roster *r = founded();
	struct content content;

	(void)state;
	node_member(&a, r);
	node_member(&b, granted(r, &b, ROLE_READER));
	put_file(&a, "group's", "for all", &content);
	put_file(&b, "reader's", "its own", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1 && peer_group_counters(b.group).records_sent == 1);
	wait_until_heard(&b, &a, &content);
	assert_memory_equal(b.block, "for all", 7);
	/* All that counts of what it says is which content it has. */
	assert_int_equal(a.records, 0);
	assert_int_equal(a.has, 1);
	/* The group is in sync without what the reader has. */
	UNTIL(!peer_group_missing(a.group));
}

static void no_record_reaches_a_member_through_a_reader(void **state)
{
	struct roster *r = founded();
	struct content content;

	(void)state;
	node_member(&b, granted(r, &b, ROLE_MEMBER));
	node_member(&c, granted(r, &c, ROLE_READER));
	put_file(&b, "member's", "from far", NULL);
	dial(&c, &b);
	UNTIL(c.records == 1);
	peer_group_pause(b.group, true);
	node_member(&a, r);
	put_file(&a, "founder's", "here", &content);
	dial(&c, &a);
	UNTIL(c.records == 2 && peer_group_counters(c.group).records_sent > 0);
	wait_until_heard(&c, &a, &content);
	assert_int_equal(a.records, 0);
}

static void a_reader_s_record_reaches_nobody_through_a_member(void **state)
{
	struct roster *r = founded();
	struct content content;

	(void)state;
	node_member(&c, granted(r, &c, ROLE_READER));
	node_member(&b, granted(r, &b, ROLE_MEMBER));
	put_file(&b, "member's", "from far", &content);
	put_file(&c, "reader's", "its own", NULL);
	dial(&b, &c);
	UNTIL(c.records == 1 && peer_group_counters(c.group).records_sent == 1);
	wait_until_heard(&c, &b, &content);
	node_member(&a, r);
	dial(&a, &b);
	UNTIL(a.records == 1 && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	assert_int_equal(b.records, 0);
}

static void a_role_that_changes_counts_at_once(void **state)
{
	struct roster *r = founded();
	struct content content;
	uint64_t sent;
	int ups;

	(void)state;
	node_member(&a, r);
	node_member(&b, granted(r, &b, ROLE_READER));
	put_file(&a, "group's", "for all", &content);
	put_file(&b, "first", "its own", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1);
	wait_until_heard(&b, &a, &content);
	assert_int_equal(a.records, 0);
	/* What it said as a reader was not acknowledged, so it says it again. */
	roster_grant(r, a.self, identity_id(b.self), ROLE_MEMBER, "node", clock_wall_s());
	peer_group_roster_changed(a.group);
	UNTIL(has_path(&a, "first") && !peer_group_missing(a.group) && !peer_group_missing(b.group));
	ups = b.ups;
	roster_grant(r, a.self, identity_id(b.self), ROLE_READER, "node", clock_wall_s());
	peer_group_roster_changed(a.group);
	/* A opens the group again since it knows, and B since it knows. */
	UNTIL(roster_role(b.roster, identity_id(b.self)) == ROLE_READER && b.ups > ups && b.up == 1 && a.up == 1);
	sent = peer_group_counters(b.group).records_sent;
	put_file(&b, "second", "not any more", NULL);
	UNTIL(peer_group_counters(b.group).records_sent > sent);
	wait_until_heard(&b, &a, &content);
	assert_false(has_path(&a, "second"));
	/* And what was not taken then is said again as well. */
	roster_grant(r, a.self, identity_id(b.self), ROLE_MEMBER, "node", clock_wall_s());
	peer_group_roster_changed(a.group);
	UNTIL(has_path(&a, "second"));
}

/* An owner has made it a member, and it has not heard of that: what it announces is still a reader's list. */
static void a_member_that_does_not_know_it_is_not_believed(void **state)
{
	struct roster *r = founded();
	struct content content;

	(void)state;
	node_member(&a, r);
	node_member(&b, granted(r, &b, ROLE_READER));
	index_set_reader(b.index, true);
	put_file(&a, "group's", "for all", &content);
	put_file(&b, "first", "its own", NULL);
	assert_int_equal(roster_grant(r, a.self, identity_id(b.self), ROLE_MEMBER, "node", clock_wall_s()), 0);
	dial(&a, &b);
	UNTIL(b.records == 1 && roster_role(b.roster, identity_id(b.self)) == ROLE_MEMBER && a.up == 1);
	wait_until_heard(&b, &a, &content);
	assert_int_equal(a.records, 0);
	/* Its engine has doubted its list. */
	index_set_reader(b.index, false);
	peer_group_hello_again(b.group);
	UNTIL(has_path(&a, "first"));
}

/* A reader shows a signature of ours that another peer was sent. Our index has given that number, so it was not rolled
 * back. */
static void a_reader_s_proof_begins_no_epoch(void **state)
{
	struct roster *r = founded();
	struct index_proof proof = { 0 };
	struct index_peer p;
	uint64_t epoch;

	(void)state;
	node_member(&a, r);
	node_member(&b, granted(r, &b, ROLE_MEMBER));
	node_member(&c, granted(r, &c, ROLE_READER));
	epoch = index_epoch(a.index);
	put_file(&a, "one", "1", NULL);
	dial(&a, &b);
	UNTIL(b.records == 1 && !peer_group_missing(a.group));
	assert_int_equal(index_peer_proof_get(b.index, agent_id_short(identity_id(a.self)), &proof), 0);
	assert_true(proof.number > 0);
	index_peer_put(c.index, agent_id_short(identity_id(a.self)),
	               &(struct index_peer){ .epoch = epoch, .received = proof.number });
	index_peer_proof_put(c.index, agent_id_short(identity_id(a.self)), &proof);
	dial(&c, &a);
	UNTIL(c.records == 1); /* all is sent to it again */
	assert_int_equal(index_epoch(a.index), epoch);
	assert_int_equal(index_peer_get(a.index, agent_id_short(identity_id(c.self)), &p), 0);
	assert_int_equal(p.received, 0);
}

/* A asks whether the file may be dropped, and believes members alone. */
static void only_a_member_s_word_lets_a_file_be_dropped(void **state)
{
	struct roster *r = founded();
	struct record row = { 0 };

	(void)state;
	node_member(&a, r);
	node_member(&b, granted(r, &b, ROLE_MEMBER));
	node_member(&c, granted(r, &c, ROLE_READER));
	put_file(&a, "precious", "1", NULL);
	assert_int_equal(index_get(a.index, "precious", &row), 1);
	dial(&a, &b);
	dial(&a, &c);
	UNTIL(has_path(&b, "precious") && has_path(&c, "precious") && a.up == 2);
	put_file(&b, "precious", "1", NULL);
	assert_int_equal(peer_group_hold_ask(a.group, agent_id_short(identity_id(c.self)), 1, &row), -1);
	assert_int_equal(peer_group_hold_ask(a.group, agent_id_short(identity_id(b.self)), 2, &row), 0);
	UNTIL(a.answered);
	assert_true(a.held);
	assert_int_equal(a.answers, 1);
	a.answered = false;
	/* Its row alone is not an answer. */
	assert_int_equal(unlinkat(share_root(b.share), "precious", 0), 0);
	assert_int_equal(peer_group_hold_ask(a.group, agent_id_short(identity_id(b.self)), 4, &row), 0);
	UNTIL(a.answered);
	assert_false(a.held);
	a.answered = false;
	row.path[0] = 'P';
	assert_int_equal(peer_group_hold_ask(a.group, agent_id_short(identity_id(b.self)), 3, &row), 0);
	UNTIL(a.answered);
	assert_false(a.held);
	record_clear(&row);
}

static void a_vault_is_sent_nothing_that_is_not_sealed(void **state)
{
	struct roster *r = founded();
	int64_t enough;

	(void)state;
	node_member(&a, r);
	node_member(&c, granted(r, &c, ROLE_VAULT));
	put_file(&a, "secret", "not yours", NULL);
	dial(&c, &a);
	UNTIL(peers_connected(a.peers, identity_id(c.self)));
	enough = clock_mono_ns() + 300 * 1000000LL;
	UNTIL(clock_mono_ns() > enough);
	assert_int_equal(a.up + c.up, 0);
	assert_int_equal(c.records, 0);
}

static void an_invite_is_honoured_by_a_member_that_is_no_owner(void **state)
{
	struct roster *r = founded(), *joining;
	struct invite invite;

	(void)state;
	node_member(&b, admitted(r, &b));
	assert_int_equal(invite_make(&invite, r, a.self, ROLE_MEMBER, INVITE_USES, clock_wall_s() + 60), 0);
	joining = roster_new(&invite.group);
	node_joins(joining, &invite);
	dial(&c, &b);
	UNTIL(c.join_status != 1);
	assert_int_equal(c.join_status, 0);
	assert_int_equal(roster_role(joining, identity_id(c.self)), ROLE_MEMBER);
	assert_int_equal(roster_role(b.roster, identity_id(c.self)), ROLE_MEMBER);
	/* And on the same connection it becomes a member like any other. */
	peer_group_free(c.group);
	c.group = NULL;
	node_member(&c, joining);
	UNTIL(b.up == 1 && c.up == 1);
	put_file(&b, "welcome", "hello", NULL);
	UNTIL(c.records == 1);
	roster_free(r);
}

static void an_expired_invite_is_refused(void **state)
{
	struct roster *r = founded(), *joining;
	struct invite invite;

	(void)state;
	assert_int_equal(invite_make(&invite, r, a.self, ROLE_MEMBER, INVITE_USES, clock_wall_s() - 1), 0);
	node_member(&a, r);
	joining = roster_new(&invite.group);
	node_joins(joining, &invite);
	dial(&c, &a);
	UNTIL(c.join_status != 1);
	assert_int_equal(c.join_status, -1);
	assert_string_equal(roster_name(joining), "");
	assert_int_equal(roster_role(a.roster, identity_id(c.self)), ROLE_NONE);
}

static void a_block_is_served_and_a_changed_file_is_not(void **state)
{
	struct content content;
	struct block_want want = { .request = 7, .len = 5 };

	(void)state;
	pair();
	put_file(&a, "file", "bytes", &content);
	dial(&a, &b);
	UNTIL(b.records == 1);
	assert_int_equal(peer_group_get(b.group, agent_id_short(identity_id(a.self)), &content, &want, 1), 0);
	UNTIL(b.answered);
	assert_int_equal(b.block_n, 5);
	assert_memory_equal(b.block, "bytes", 5);
	b.answered = false;
	int fd = fs_open(share_root(a.share), "file", O_WRONLY | O_TRUNC, 0);
	assert_int_equal(fs_pwrite_all(fd, "other", 5, 0), 0);
	close(fd);
	assert_int_equal(peer_group_get(b.group, agent_id_short(identity_id(a.self)), &content, &want, 1), 0);
	UNTIL(b.answered);
	assert_null(b.block);
	assert_string_equal(a.hinted, "file");
}

/* The other opens its group only after it was dialled, and does not know where we are. */
static void a_member_that_has_just_started_is_dialled_again(void **state)
{
	struct roster *founder = founded(), *member = admitted(founder, &b);

	(void)state;
	node_member(&a, founder);
	dial_name(&a, &b);
	UNTIL(a.refused > 0);
	node_member(&b, member);
	UNTIL(a.up && b.up);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, nodes_setup, nodes_teardown)
	const struct CMUnitTest tests[] = {
		T(news_reach_the_other_and_settle),
		T(what_settles_without_a_word_from_fetch_is_acknowledged),
		T(news_and_a_goodbye_in_one_turn_lose_nothing),
		T(a_peer_that_is_to_tell_again_does),
		T(a_reconnect_sends_nothing_again),
		T(two_that_dial_at_once_keep_one_connection),
		T(a_named_address_of_a_member_that_came_is_not_dialled),
		T(a_member_of_another_group_is_refused),
		T(one_who_only_knows_the_group_id_is_refused),
		T(a_reader_reads_and_is_not_believed),
		T(no_record_reaches_a_member_through_a_reader),
		T(a_reader_s_record_reaches_nobody_through_a_member),
		T(a_role_that_changes_counts_at_once),
		T(a_member_that_does_not_know_it_is_not_believed),
		T(a_reader_s_proof_begins_no_epoch),
		T(only_a_member_s_word_lets_a_file_be_dropped),
		T(a_vault_is_sent_nothing_that_is_not_sealed),
		T(an_invite_is_honoured_by_a_member_that_is_no_owner),
		T(an_expired_invite_is_refused),
		T(a_block_is_served_and_a_changed_file_is_not),
		T(a_member_that_has_just_started_is_dialled_again),
	};

	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
