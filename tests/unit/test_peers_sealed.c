/* Connections of a sealed group: what is said travels inside SEALED or not at all, and with a vault only what is sealed
 * already. */
#include "tests/unit/sealed_nodes.h"

#include <string.h>

#include "base/mem.h"
#include "sync/seal/object.h"

/* --- inside SEALED --- */

static void two_with_the_keys_sync_inside_sealed(void **state)
{
	struct content content;
	char *text = mem_calloc(100001, 1);

	(void)state;
	sealed_pair(5, 5);
	memset(text, 'x', 100000);
	put_file(&a, "file", text, &content);
	put_file(&a, "small", "carried inside the news", NULL);
	UNTIL(in_sync() && b.records == 2);
	assert_int_equal(b.carried, 1);
	ask_for(&b, &a, 9, &content);
	UNTIL(b.answered);
	assert_int_equal(b.block_n, 100000);
	assert_memory_equal(b.block, text, 100000);
	/* What cannot be had is answered as well. */
	content.root[0] ^= 1;
	ask_for(&b, &a, 10, &content);
	UNTIL(b.answered);
	assert_int_equal(b.block_n, 0);
	assert_int_equal(session_to(&a, &b)->sealed_out_bulk, 2);
	assert_true(session_to(&a, &b)->sealed_out >= 2);
	assert_int_equal(session_to(&a, &b)->sealed_out, session_to(&b, &a)->sealed_in);
	assert_int_equal(a.refused + b.refused, 0);
	free(text);
}

/* A block that does not compress goes through a worker unpacked. */
static void a_block_that_is_not_packed_comes_as_it_was(void **state)
{
	struct content content;
	char text[60001];

	(void)state;
	sealed_pair(5, 5);
	random_bytes(text, sizeof(text));
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(text[i] == 0 ? 1 : text[i]);
	text[sizeof(text) - 1] = '\0';
	put_file(&a, "file", text, &content);
	UNTIL(in_sync() && b.records == 1);
	ask_for(&b, &a, 9, &content);
	UNTIL(b.answered);
	assert_int_equal(b.block_n, sizeof(text) - 1);
	assert_memory_equal(b.block, text, sizeof(text) - 1);
}

static void who_has_no_keys_waits_for_them(void **state)
{
	(void)state;
	sealed_pair(5, 0);
	put_file(&a, "file", "not yet", NULL);
	UNTIL(of_a.keys_in > 0 && of_b.keys_in > 0 && peer_group_missing(a.group) != NULL);
	for (int i = 0; i < 20; i++)
		nodes_turn();
	assert_int_equal(a.up + b.up, 0);
	assert_non_null(strstr(peer_group_missing(a.group), "to get the group's keys"));
	assert_int_equal(session_to(&a, &b)->sealed_out, 0);
	rekey(&b, 5);
	UNTIL(in_sync() && b.records == 1);
	assert_int_equal(connections(&a), 1);
}

static void two_generations_have_nothing_in_common(void **state)
{
	(void)state;
	sealed_pair(5, 6);
	put_file(&a, "file", "sealed with 6 at last", NULL);
	UNTIL(of_a.keys_in > 0 && of_b.keys_in > 0);
	for (int i = 0; i < 20; i++)
		nodes_turn();
	assert_int_equal(session_to(&a, &b)->sealed_out + session_to(&b, &a)->sealed_out, 0);
	rekey(&a, 6);
	UNTIL(in_sync() && b.records == 1);
}

static void numbers_go_on_when_the_group_opens_again(void **state)
{
	struct session *s;
	uint64_t out, in;
	int ups;

	(void)state;
	sealed_pair(5, 5);
	put_file(&a, "before", "in one generation", NULL);
	UNTIL(in_sync() && b.records == 1);
	s = session_to(&a, &b);
	out = s->sealed_out;
	in = s->sealed_in;
	ups = a.ups;
	peer_group_again(a.group, agent_id_short(identity_id(b.self)));
	UNTIL(a.ups > ups && in_sync());
	assert_ptr_equal(session_to(&a, &b), s);
	assert_true(s->sealed_out > out && s->sealed_in > in);
	out = s->sealed_out;
	put_file(&a, "between", "on its way", NULL);
	rekey(&a, 6);
	nodes_turn();
	rekey(&b, 6);
	put_file(&a, "after", "in the next", NULL);
	UNTIL(in_sync() && b.records >= 3 && has_path(&b, "after") && has_path(&b, "between"));
	assert_ptr_equal(session_to(&a, &b), s);
	assert_true(s->sealed_out > out);
	assert_int_equal(a.refused + b.refused, 0);
}

/* The owner says that the keys have changed only after the fact. */
static void nothing_leaves_under_a_generation_that_has_passed(void **state)
{
	struct session *s;
	uint64_t out;

	(void)state;
	sealed_pair(5, 5);
	UNTIL(in_sync());
	s = session_to(&a, &b);
	keys_free(of_a.keys);
	of_a.keys = generation(6);
	out = s->sealed_out;
	put_file(&a, "file", "sealed with 6 at last", NULL);
	index_commit(a.index);
	assert_int_equal(s->sealed_out, out);
	/* Nobody told the connections, which found it out. */
	UNTIL(a.up == 0);
	assert_int_equal(s->sealed_out, out);
	rekey(&b, 6);
	UNTIL(in_sync() && b.records == 1);
}

/* --- roles --- */

static void role_of_b(enum role role)
{
	assert_int_equal(roster_grant(a.roster, a.self, identity_id(b.self), role, "node", clock_wall_s()), 0);
}

/* The roster has it, and nobody has told the connections yet. */
static void one_just_made_a_vault_is_told_nothing_more(void **state)
{
	struct talk_block block;
	struct session *s;
	uint64_t out;

	(void)state;
	sealed_pair(5, 5);
	UNTIL(in_sync());
	s = session_to(&a, &b);
	role_of_b(ROLE_VAULT);
	out = s->sealed_out;
	put_file(&a, "file", "not for a vault", NULL);
	index_commit(a.index);
	talk_send(talk_to(&a, &b), FRAME_NEWS, mem_calloc(1, 1), 1);
	assert_false(talk_block_begin(talk_to(&a, &b), &block));
	assert_int_equal(s->sealed_out, out);
	assert_null(s->condemned);
	peer_group_roster_changed(a.group);
	UNTIL(of_b.keys_in > 1);
	for (int i = 0; i < 50; i++)
		nodes_turn();
	assert_int_equal(s->sealed_out, out);
	assert_int_equal(b.records, 0);
	assert_int_equal(a.refused + b.refused, 0);
}

/* A, a member, and B, a vault. */
static void vault_pair(void)
{
	struct roster *r = sealed_founded(), *rb;

	owned(&a, &of_a, r, 5);
	rb = granted(r, &b, ROLE_VAULT);
	of_b.vault = true;
	owned(&b, &of_b, rb, 0);
	dial(&a, &b);
	UNTIL(of_a.vault_ups == 1 && of_b.vault_ups == 1);
}

/* It could do nothing with what a vault tells; and no time that passes makes it say hello. */
static void one_without_keys_says_no_hello_to_anybody(void **state)
{
	struct roster *r = sealed_founded(), *rb;

	(void)state;
	a.keyless = true;
	owned(&a, &of_a, r, 0);
	rb = granted(r, &b, ROLE_VAULT);
	of_b.vault = true;
	owned(&b, &of_b, rb, 0);
	dial(&a, &b);
	UNTIL(of_a.proved > 0 && of_b.proved > 0 && of_a.keys_in > 0 && of_b.keys_in > 0);
	peer_group_scanned(a.group);
	for (int i = 0; i < 50; i++)
		nodes_turn();
	assert_int_equal(of_a.vault_ups, 0);
	assert_int_equal(of_b.vault_ups, 0);
	assert_int_equal(a.ups, 0);
	assert_int_equal(b.ups, 0);
	assert_non_null(session_to(&a, &b));
}

static void a_vault_and_a_member_speak_only_what_is_sealed(void **state)
{
	uint64_t vault = agent_id_short(identity_id(b.self)), member = agent_id_short(identity_id(a.self));
	struct msg_core core = { .seq = 3,
		                 .core = { .p = (const uint8_t *)"core", .n = 4 },
		                 .endorsement = { .p = (const uint8_t *)"e", .n = 1 } };
	struct msg_cores cores = { .after = 0, .upto = 3, .cores = &core, .ncores = 1 };
	struct record row = { 0 };

	(void)state;
	vault_pair();
	put_file(&a, "file", "the vault must not see it", NULL);
	for (int i = 0; i < 20; i++)
		nodes_turn();
	assert_null(session_to(&a, &b)->condemned);
	assert_int_equal(of_a.hello.epoch, 77);
	assert_int_equal(of_a.hello.seq, 5);
	assert_true(of_b.hello.epoch == index_epoch(a.index));
	assert_true(peer_group_is_vault(a.group, vault) && !peer_group_is_vault(b.group, member));
	/* The member's rows. */
	assert_int_equal(peer_group_cores(a.group, vault, &cores), 0);
	UNTIL(of_b.cores_upto == 3);
	assert_int_equal(peer_group_vault(b.group, member,
	                                  &(struct msg_vault){ .what = MSG_VAULT_ACK,
	                                                       .epoch = index_epoch(a.index),
	                                                       .have_seq = 3,
	                                                       .settled = 3 }),
	                 0);
	UNTIL(talk_to(&a, &b)->settled == 3);
	/* The vault's. */
	assert_int_equal(peer_group_cores(b.group, member, &cores), 0);
	UNTIL(of_a.cores_upto == 3);
	/* Opened, they count as those of one who vouches. */
	struct version_entry e = { .writer = 1, .counter = 1 };
	struct msg_record record = { .record = { .path = (char[]){ "dir" },
		                                 .kind = RECORD_DIR,
		                                 .mode = 0755,
		                                 .seq = 5,
		                                 .version = { .n = 1, .e = &e } } };

	peer_group_vault_news(a.group, vault, &(struct msg_news){ .upto = 5, .records = &record, .nrecords = 1 });
	assert_int_equal(a.records, 1);
	peer_group_progress(a.group);
	UNTIL(of_b.vault_in.what == MSG_VAULT_ACK && of_b.vault_in.settled == 5);
	assert_true(of_b.vault_in.epoch == 77);
	/* An object, and its room. */
	assert_true(peer_group_vault_room(b.group, member, true) > 0);
	assert_int_equal(peer_group_object(b.group, member, 8, MSG_OBJECT_HERE, mem_calloc(OBJECT_SEALED_MAX, 1),
	                                   OBJECT_SEALED_MAX),
	                 0);
	UNTIL(of_a.object_n == OBJECT_SEALED_MAX);
	assert_int_equal(of_a.object_request, 8);
	UNTIL(of_b.rooms > 0);
	/* No ordinary frame went either way. */
	assert_int_equal(session_to(&a, &b)->sealed_out + session_to(&b, &a)->sealed_out, 0);
	assert_int_equal(b.records, 0);
	assert_int_equal(a.refused + b.refused, 0);
	assert_null(session_to(&a, &b)->condemned);
	record_clear(&row);
	peer_group_pause(a.group, true);
	UNTIL(of_a.vault_ups == 0 && of_b.vault_ups == 0);
}

/* What the vault says at first, and may say again. */
static int says_hello(uint64_t epoch, uint64_t settled)
{
	return peer_group_vault(b.group, agent_id_short(identity_id(a.self)),
	                        &(struct msg_vault){ .what = MSG_VAULT_HELLO,
	                                             .epoch = epoch,
	                                             .seq = 5,
	                                             .have_epoch = index_epoch(a.index),
	                                             .have_seq = settled,
	                                             .settled = settled });
}

static void a_vault_that_says_hello_again_has_settled_less(void **state)
{
	uint64_t vault = agent_id_short(identity_id(b.self));
	struct msg_cores cores = { .after = 0, .upto = 3 };
	struct index_peer known;
	uint64_t serial;

	(void)state;
	vault_pair();
	assert_int_equal(peer_group_cores(a.group, vault, &cores), 0);
	assert_int_equal(peer_group_vault(b.group, agent_id_short(identity_id(a.self)),
	                                  &(struct msg_vault){ .what = MSG_VAULT_ACK,
	                                                       .epoch = index_epoch(a.index),
	                                                       .have_seq = 3,
	                                                       .settled = 3 }),
	                 0);
	UNTIL(talk_to(&a, &b)->settled == 3);
	assert_int_equal(says_hello(77, 1), 0);
	UNTIL(of_a.hellos == 2);
	assert_int_equal(of_a.hello.settled, 1);
	peer_group_progress(a.group);
	assert_int_equal(index_peer_get(a.index, vault, &known), 0);
	assert_int_equal(known.settled, 1);
	assert_true(peer_group_roster_equal(a.group, vault));
	/* With another epoch its numbers are others: the talk opens again. */
	serial = talk_to(&a, &b)->serial;
	assert_int_equal(says_hello(78, 0), 0);
	UNTIL(of_a.hellos == 3 && of_a.vault_ups == 1 && talk_to(&a, &b)->serial != serial);
	assert_null(session_to(&a, &b)->condemned);
	/* Each has us tell all again. */
	for (int i = 0; i < 60 && session_to(&a, &b) != NULL; i++) {
		(void)says_hello(77, 0);
		nodes_turn();
	}
	assert_true(of_a.hellos < 30);
}

static void our_rows_at_a_vault_show_that_we_were_rolled_back(void **state)
{
	uint64_t epoch;

	(void)state;
	vault_pair();
	epoch = index_epoch(a.index);
	peer_group_begin_epoch(a.group);
	assert_true(index_epoch(a.index) != epoch);
	UNTIL(of_b.hellos == 2 && of_b.hello.epoch == index_epoch(a.index));
}

static void a_frame_for_a_vault_does_not_leave(void **state)
{
	struct session *s;

	(void)state;
	vault_pair();
	s = session_to(&a, &b);
	talk_send(talk_to(&a, &b), FRAME_NEWS, mem_calloc(1, 1), 1);
	assert_int_equal(s->sealed_out, 0);
	assert_string_equal(s->condemned, "a frame of a sealed group had no key");
}

/* What comes with keys may change who is in the group. */
static void keys_may_end_the_talk_that_brought_them(void **state)
{
	(void)state;
	of_b.ends = true;
	sealed_pair(5, 5);
	UNTIL(of_b.keys_in == 1 && talk_to(&a, &b) == NULL);
	assert_null(talk_to(&b, &a));
	of_b.ends = false;
	peer_group_pause(b.group, false);
	UNTIL(in_sync());
}

/* Nor does one whose program does not know what to do with a sealed group say anything in plain. */
static void without_an_owner_nothing_is_said(void **state)
{
	struct roster *r = sealed_founded(), *rb;

	(void)state;
	node_member(&a, r);
	rb = admitted(r, &b);
	owned(&b, &of_b, rb, 5);
	put_file(&a, "file", "not in plain", NULL);
	dial(&a, &b);
	UNTIL(of_b.proved == 1);
	for (int i = 0; i < 50; i++)
		nodes_turn();
	assert_int_equal(a.up + b.up, 0);
	assert_null(session_to(&a, &b)->condemned);
	assert_int_equal(a.refused + b.refused, 0);
	talk_send(talk_to(&a, &b), FRAME_NEWS, mem_calloc(1, 1), 1);
	assert_string_equal(session_to(&a, &b)->condemned, "a frame of a sealed group had no key");
}

/* Without the keys a member has no index either. */
static void a_member_without_keys_and_index_takes_part(void **state)
{
	struct roster *r = sealed_founded(), *rb;

	(void)state;
	owned(&a, &of_a, r, 5);
	rb = admitted(r, &b);
	b.seal = &owner_calls;
	b.owner = &of_b;
	b.roster = rb;
	b.group = peer_group_new(b.peers, &(struct peer_group_config){ .roster = rb,
	                                                               .hooks = &node_hooks,
	                                                               .seal = &owner_calls,
	                                                               .arg = &b });
	dial(&a, &b);
	UNTIL(of_a.keys_in == 1 && of_b.keys_in == 1);
	assert_non_null(strstr(peer_group_missing(b.group), "to get the group's keys"));
	role_of_b(ROLE_READER);
	peer_group_roster_changed(a.group);
	UNTIL(roster_role(b.roster, identity_id(b.self)) == ROLE_READER && of_b.keys_in == 2);
	role_of_b(ROLE_VAULT);
	peer_group_roster_changed(a.group);
	UNTIL(roster_role(b.roster, identity_id(b.self)) == ROLE_VAULT && of_b.keys_in >= 3);
	assert_int_equal(peer_group_turn_end(b.group), 0);
	assert_int_equal(session_to(&a, &b)->sealed_out, 0);
	assert_int_equal(a.refused + b.refused, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SEALED(two_with_the_keys_sync_inside_sealed),
		SEALED(a_block_that_is_not_packed_comes_as_it_was),
		SEALED(who_has_no_keys_waits_for_them),
		SEALED(one_without_keys_says_no_hello_to_anybody),
		SEALED(two_generations_have_nothing_in_common),
		SEALED(numbers_go_on_when_the_group_opens_again),
		SEALED(nothing_leaves_under_a_generation_that_has_passed),
		SEALED(one_just_made_a_vault_is_told_nothing_more),
		SEALED(a_vault_and_a_member_speak_only_what_is_sealed),
		SEALED(a_vault_that_says_hello_again_has_settled_less),
		SEALED(our_rows_at_a_vault_show_that_we_were_rolled_back),
		SEALED(a_frame_for_a_vault_does_not_leave),
		SEALED(keys_may_end_the_talk_that_brought_them),
		SEALED(without_an_owner_nothing_is_said),
		SEALED(a_member_without_keys_and_index_takes_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
