/* Asking to join over real connections: a stranger that knows a group's tag and a member's address, members that carry
 * the request, and owners that decide. A founds and owns the group, B is a member, C asks. */
#include "tests/unit/peer_nodes.h"

#include <fcntl.h>
#include <unistd.h>

#include <utlist.h>

#include "sync/peer/asker.h"
#include "sync/peer/peers_internal.h"

static struct asker *asker;
static struct asker_status st;
static struct roster *given;
static int changes;

static void on_changed(void *arg)
{
	(void)arg;
	changes++;
}

static void on_given(void *arg, struct roster *roster)
{
	(void)arg;
	given = roster;
}

static void ask_again(const struct group_tag *tag, const struct bytes *saved)
{
	asker = asker_new(c.peers, &(struct asker_config){ .tag = *tag,
	                                                   .message = "the laptop in\troom 2",
	                                                   .saved = saved ? saved->p : NULL,
	                                                   .nsaved = saved ? saved->len : 0,
	                                                   .changed = on_changed,
	                                                   .accepted = on_given });
}

static void ask(const struct node *member)
{
	struct group_tag tag;

	given = NULL;
	changes = 0;
	group_id_tag_of(&tag, roster_group(member->roster));
	ask_again(&tag, NULL);
}

static void stop_asking(void)
{
	asker_free(asker);
	asker = NULL;
	roster_free(given);
	given = NULL;
}

static enum asker_state state(void)
{
	asker_status(asker, &st);
	return st.state;
}

/* The one request that waits at n. */
static bool take_item(void *arg, const struct requests_item *item)
{
	*(struct requests_item *)arg = *item;
	return true;
}

static struct requests_item waiting_at(const struct node *n)
{
	struct requests_item item = { 0 };

	assert_int_equal(requests_waiting(n->requests), 1);
	requests_each(n->requests, take_item, &item);
	return item;
}

static void accept_at(struct node *owner)
{
	assert_int_equal(roster_grant(owner->roster, owner->self, identity_id(c.self), ROLE_MEMBER, "c",
	                              clock_wall_s()),
	                 0);
	peer_group_roster_changed(owner->group);
}

static void reject_at(struct node *owner, bool forever)
{
	assert_int_equal(requests_reject(owner->requests, owner->roster, owner->self, identity_id(c.self), forever,
	                                 clock_wall_s()),
	                 0);
	peer_group_requests_changed(owner->group);
}

static void an_asker_that_is_connected_becomes_a_member_at_once(void **arg)
{
	struct requests_item item;

	(void)arg;
	node_member(&a, founded());
	ask(&a);
	assert_int_equal(state(), ASKER_LOOKING);
	dial(&c, &a);
	UNTIL(state() == ASKER_WAITING && st.carriers == 1);
	assert_int_equal(st.ncodes, 1);
	item = waiting_at(&a);
	assert_string_equal(item.code, st.codes[0]);
	assert_string_equal(item.name, "node");
	assert_string_equal(item.message, "the laptop inroom 2");
	assert_string_equal(item.address, "127.0.0.1");
	assert_true(agent_id_equal(&item.asker, identity_id(c.self)));
	assert_true(agent_id_equal(&item.giver, identity_id(a.self)));
	assert_int_equal(a.refused, 0);
	accept_at(&a);
	UNTIL(given != NULL);
	assert_int_equal(roster_role(given, identity_id(c.self)), ROLE_MEMBER);
	assert_string_equal(roster_name(given), "group");
	assert_int_equal(requests_waiting(a.requests), 0);
	stop_asking();
}

/* B carries it to A, which it meets later; both see the code that the asker sees. */
static void a_member_carries_the_request_to_an_owner_and_the_answer_back(void **arg)
{
	struct requests_item item;

	(void)arg;
	pair();
	ask(&b);
	dial(&c, &b);
	UNTIL(state() == ASKER_WAITING);
	assert_int_equal(requests_waiting(a.requests), 0);
	dial(&a, &b);
	UNTIL(requests_waiting(a.requests) == 1);
	assert_string_equal(waiting_at(&a).code, st.codes[0]);
	assert_string_equal(waiting_at(&b).code, st.codes[0]);
	item = waiting_at(&a);
	assert_true(agent_id_equal(&item.giver, identity_id(b.self)));
	accept_at(&a);
	UNTIL(given != NULL);
	assert_int_equal(requests_waiting(b.requests), 0);
	stop_asking();
}

/* The first one that answers gives the salt; it is asked alone, so that others need not give one for nothing. */
static void several_members_that_are_asked_at_once_make_one_code(void **arg)
{
	(void)arg;
	pair();
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1);
	ask(&a);
	dial(&c, &a);
	dial(&c, &b);
	UNTIL(state() == ASKER_WAITING && st.carriers == 2);
	assert_int_equal(st.ncodes, 1);
	assert_string_equal(waiting_at(&a).code, st.codes[0]);
	assert_string_equal(waiting_at(&b).code, st.codes[0]);
	stop_asking();
}

static void an_asker_that_was_away_is_told_when_it_comes(void **arg)
{
	struct bytes saved = BYTES_INIT(ASKER_SAVED_MAX);
	struct group_tag tag;
	char code[REQUEST_CODE_TEXT];

	(void)arg;
	pair();
	ask(&b);
	dial(&c, &b);
	UNTIL(state() == ASKER_WAITING);
	memcpy(code, st.codes[0], sizeof(code));
	asker_save(asker, &saved);
	tag = *asker_tag(asker);
	stop_asking();
	dial(&a, &b);
	UNTIL(requests_waiting(a.requests) == 1);
	ask_again(&tag, &saved);
	assert_int_equal(state(), ASKER_WAITING);
	assert_string_equal(st.codes[0], code);
	/* Another member than the one it asked: it shows its request, and there is no second code. */
	dial(&c, &a);
	UNTIL(state() == ASKER_WAITING && st.carriers >= 1);
	assert_int_equal(st.ncodes, 1);
	accept_at(&a);
	UNTIL(given != NULL);
	stop_asking();
	bytes_free(&saved);
}

static void a_rejected_asker_is_told_once_and_may_ask_again(void **arg)
{
	char code[REQUEST_CODE_TEXT];

	(void)arg;
	pair();
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1);
	ask(&b);
	dial(&c, &b);
	UNTIL(state() == ASKER_WAITING && requests_waiting(a.requests) == 1);
	memcpy(code, st.codes[0], sizeof(code));
	reject_at(&a, false);
	UNTIL(state() == ASKER_REJECTED);
	assert_int_equal(requests_waiting(b.requests), 0);
	stop_asking();
	ask(&b);
	UNTIL(state() == ASKER_WAITING && requests_waiting(a.requests) == 1);
	assert_string_not_equal(st.codes[0], code);
	reject_at(&a, true);
	UNTIL(state() == ASKER_BARRED);
	stop_asking();
	/* For good: a new request is not even carried. */
	ask(&b);
	UNTIL(state() == ASKER_BARRED);
	assert_int_equal(requests_waiting(b.requests), 0);
	stop_asking();
	/* An owner's acceptance beats that. */
	accept_at(&a);
	ask(&b);
	UNTIL(given != NULL);
	stop_asking();
}

/* The connection ends between what the asker reveals and the answer to it: it has no paper, but it did ask. */
static void a_rejection_is_heard_though_the_answer_to_the_request_was_lost(void **arg)
{
	struct session *s, *next;

	(void)arg;
	node_member(&a, founded());
	ask(&a);
	dial(&c, &a);
	UNTIL(requests_waiting(a.requests) == 1);
	assert_int_equal(state(), ASKER_LOOKING);
	DL_FOREACH_SAFE(c.peers->sessions, s, next)
		session_ended(s, "lost");
	reject_at(&a, false);
	dial(&c, &a);
	UNTIL(state() == ASKER_REJECTED);
	assert_int_equal(requests_waiting(a.requests), 0);
	stop_asking();
}

/* To the asker a hidden group is no different from none. */
static void a_hidden_group_does_not_answer(void **arg)
{
	(void)arg;
	node_member(&a, roster_found(a.self, "group", true, false, "node", clock_wall_s()));
	ask(&a);
	dial(&c, &a);
	UNTIL(a.refused > 0 || c.refused > 0);
	assert_int_equal(state(), ASKER_LOOKING);
	assert_int_equal(requests_waiting(a.requests), 0);
	assert_int_equal(a.mails, 0);
	stop_asking();
}

/* A reader's salt would let it and a helper make any code. It passes on what members have signed. */
static void a_reader_gives_no_salt_but_carries(void **arg)
{
	struct roster *r;

	(void)arg;
	r = founded();
	node_member(&a, r);
	node_member(&b, granted(r, &b, ROLE_READER));
	ask(&b);
	dial(&c, &b);
	UNTIL(state() == ASKER_LOOKING && st.note && strstr(st.note, "cannot take the request now: it is a reader"));
	dial(&a, &b);
	dial(&c, &a);
	UNTIL(state() == ASKER_WAITING && requests_waiting(b.requests) == 1);
	stop_asking();
}

/* B was an owner, and has not heard that A removed it: what it says is as good as any stranger's who knows the
 * group. */
static void with_a_former_owner(void)
{
	struct roster *r = founded();

	node_member(&b, granted(r, &b, ROLE_OWNER));
	assert_int_equal(roster_remove(r, a.self, identity_id(b.self), clock_wall_s()), 0);
	node_member(&a, r);
}

static void a_salt_of_a_former_member_makes_a_second_code_and_no_more(void **arg)
{
	char code[REQUEST_CODE_TEXT];

	(void)arg;
	with_a_former_owner();
	ask(&b);
	dial(&c, &b);
	UNTIL(state() == ASKER_WAITING);
	memcpy(code, st.codes[0], sizeof(code));
	dial(&c, &a);
	UNTIL(state() == ASKER_WAITING && st.ncodes == 2 && requests_waiting(a.requests) == 1);
	assert_string_equal(st.codes[1], code);
	assert_string_equal(st.codes[0], waiting_at(&a).code);
	accept_at(&a);
	UNTIL(given != NULL);
	stop_asking();
}

/* B gave the salt, and is removed: the request is nobody's, and A, which carried it, gives another salt. */
static void a_request_whose_giver_is_removed_is_made_again(void **arg)
{
	char code[REQUEST_CODE_TEXT];

	(void)arg;
	pair();
	dial(&a, &b);
	UNTIL(a.up == 1 && b.up == 1);
	ask(&b);
	dial(&c, &b);
	UNTIL(state() == ASKER_WAITING && requests_waiting(a.requests) == 1);
	memcpy(code, st.codes[0], sizeof(code));
	dial(&c, &a);
	UNTIL(state() == ASKER_WAITING && st.carriers == 2);
	assert_int_equal(roster_remove(a.roster, a.self, identity_id(b.self), clock_wall_s()), 0);
	peer_group_roster_changed(a.group);
	assert_int_equal(requests_waiting(a.requests), 0);
	UNTIL(requests_waiting(a.requests) == 1 && state() == ASKER_WAITING && st.ncodes == 2);
	assert_string_equal(waiting_at(&a).code, st.codes[0]);
	assert_string_not_equal(st.codes[0], code);
	stop_asking();
}

static void a_no_does_not_count_while_another_carries_the_request(void **arg)
{
	int64_t end;

	(void)arg;
	with_a_former_owner();
	ask(&b);
	dial(&c, &b);
	dial(&c, &a);
	UNTIL(state() == ASKER_WAITING && requests_waiting(a.requests) == 1 && requests_waiting(b.requests) == 1);
	reject_at(&b, true);
	UNTIL(state() == ASKER_WAITING && st.note && strstr(st.note, "an owner has rejected"));
	/* Longer than others have to say otherwise. */
	end = clock_mono_ns() + 2500 * 1000000LL;
	UNTIL(clock_mono_ns() > end);
	assert_int_equal(state(), ASKER_WAITING);
	accept_at(&a);
	UNTIL(given != NULL);
	stop_asking();
}

/* Somebody has asked this member, while the other was away. */
static void asked_by_somebody(struct node *n)
{
	struct bytes part = BYTES_INIT(REQUEST_ENTRY_MAX), entry = BYTES_INIT(REQUEST_ENTRY_MAX);
	struct identity *somebody = identity_new();
	struct request q = { .number = 1, .name = "x", .message = "", .giver = *identity_id(n->self) };

	group_id_tag_of(&q.tag, roster_group(n->roster));
	memcpy(q.key, identity_public_key(somebody), PUBLIC_KEY_LEN);
	request_sign(&part, &q, somebody);
	assert_int_equal(request_vouch(&entry, part.p, part.len, "10.0.0.1", clock_wall_s(), n->self), 0);
	assert_int_equal(requests_put(n->requests, 0, entry.p, entry.len, clock_wall_s()), REQUESTS_NEW);
	peer_group_requests_changed(n->group);
	bytes_free(&part);
	bytes_free(&entry);
	identity_free(somebody);
}

static bool have_the_same_mail(void)
{
	uint8_t of_a[32], of_b[32];

	(void)requests_digest(a.requests, of_a);
	(void)requests_digest(b.requests, of_b);
	return memcmp(of_a, of_b, sizeof(of_a)) == 0;
}

static void mailboxes_that_differ_become_one_when_members_meet(void **arg)
{
	int mails;

	(void)arg;
	pair();
	asked_by_somebody(&a);
	asked_by_somebody(&a);
	asked_by_somebody(&b);
	dial(&a, &b);
	UNTIL(requests_waiting(a.requests) == 3 && requests_waiting(b.requests) == 3);
	assert_true(have_the_same_mail());
	/* Met again, they have nothing to tell each other. */
	mails = a.mails + b.mails;
	peer_group_pause(a.group, true);
	UNTIL(a.up == 0 && b.up == 0);
	peer_group_pause(a.group, false);
	UNTIL(a.up == 1 && b.up == 1);
	asked_by_somebody(&b);
	UNTIL(requests_waiting(a.requests) == 4);
	assert_true(have_the_same_mail());
	assert_int_equal(a.mails + b.mails, mails + 2);
}

static void a_request_outlives_the_restart_of_its_carrier(void **arg)
{
	struct requests *loaded;
	struct requests_item item = { 0 };
	int dir = open(b.dir, O_RDONLY | O_DIRECTORY);

	(void)arg;
	node_member(&b, roster_found(b.self, "group", false, false, "node", clock_wall_s()));
	ask(&b);
	dial(&c, &b);
	UNTIL(state() == ASKER_WAITING);
	assert_int_equal(requests_save(b.requests, dir, "requests.bin"), 0);
	loaded = requests_load(roster_group(b.roster), dir, "requests.bin", clock_wall_s());
	requests_settle(loaded, b.roster, clock_wall_s());
	requests_each(loaded, take_item, &item);
	assert_string_equal(item.code, st.codes[0]);
	requests_free(loaded);
	close(dir);
	stop_asking();
}

int main(void)
{
#define ASKS(name) cmocka_unit_test_setup_teardown(name, nodes_setup, nodes_teardown)
	const struct CMUnitTest tests[] = {
		ASKS(an_asker_that_is_connected_becomes_a_member_at_once),
		ASKS(a_member_carries_the_request_to_an_owner_and_the_answer_back),
		ASKS(several_members_that_are_asked_at_once_make_one_code),
		ASKS(an_asker_that_was_away_is_told_when_it_comes),
		ASKS(a_rejected_asker_is_told_once_and_may_ask_again),
		ASKS(a_rejection_is_heard_though_the_answer_to_the_request_was_lost),
		ASKS(a_hidden_group_does_not_answer),
		ASKS(a_reader_gives_no_salt_but_carries),
		ASKS(a_salt_of_a_former_member_makes_a_second_code_and_no_more),
		ASKS(a_request_whose_giver_is_removed_is_made_again),
		ASKS(a_no_does_not_count_while_another_carries_the_request),
		ASKS(mailboxes_that_differ_become_one_when_members_meet),
		ASKS(a_request_outlives_the_restart_of_its_carrier),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
