/* Invites: the token survives a paste, and lets in whom it should and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "sync/group/invite.h"
#include "tests/unit/invite_world.h"

/* --- admission --- */

static void any_member_admits_the_bearer_and_everybody_can_check(void **state)
{
	struct fixture *f = *state;
	struct roster *other = roster_new(roster_group(f->r));
	struct roster_member m;

	assert_int_equal(admit_as(f, f->member, NOW), ADMIT_OK);
	assert_int_equal(roster_role(f->r, identity_id(f->joiner)), ROLE_MEMBER);
	assert_true(roster_member_by_short(f->r, agent_id_short(identity_id(f->joiner)), &m));
	assert_string_equal(m.name, "host-c");
	assert_int_equal(m.since_s, NOW);
	assert_true(f->entry.len > 0);
	assert_int_equal(roster_add(f->r, f->entry.p, f->entry.len), ROSTER_KNOWN);
	assert_int_equal(roster_add(other, f->entry.p, f->entry.len), ROSTER_PENDING);
	roster_free(other);
}

static void a_member_is_not_admitted_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(admit_as(f, f->member, NOW), ADMIT_OK);
	assert_int_equal(admit_as(f, f->owner, NOW + 1), ADMIT_ALREADY);
}

static void an_expired_invite_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(admit_as(f, f->owner, LATER + 1), ADMIT_EXPIRED);
	assert_int_equal(roster_role(f->r, identity_id(f->joiner)), ROLE_NONE);
	assert_int_equal(f->entry.len, 0);
	assert_int_equal(admit_as(f, f->owner, LATER), ADMIT_OK);
}

static void an_invite_to_another_group_is_refused(void **state)
{
	struct fixture *f = *state;
	struct roster *other = roster_found(f->owner, "pictures", false, false, "host-a", NOW - 100);

	assert_int_equal(shown(&f->entry, other, f->owner, f->joiner, f->request.p, f->request.len, binding, NOW),
	                 ADMIT_WRONG_GROUP);
	roster_free(other);
}

static void a_request_holds_for_its_agent_and_connection_only(void **state)
{
	struct fixture *f = *state;
	struct identity *thief = identity_new();
	uint8_t elsewhere[BINDING];

	memcpy(elsewhere, binding, BINDING);
	elsewhere[0] ^= 1;
	assert_int_equal(shown(&f->entry, f->r, f->owner, thief, f->request.p, f->request.len, binding, NOW),
	                 ADMIT_BAD_SIGNATURE);
	assert_int_equal(shown(&f->entry, f->r, f->owner, f->joiner, f->request.p, f->request.len, elsewhere, NOW),
	                 ADMIT_BAD_SIGNATURE);
	identity_free(thief);
}

static void every_altered_byte_of_a_request_is_noticed(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->request.len; i++) {
		f->request.p[i] ^= 1;
		assert_int_not_equal(admit_as(f, f->owner, NOW), ADMIT_OK);
		f->request.p[i] ^= 1;
	}
	assert_int_equal(shown(&f->entry, f->r, f->owner, f->joiner, f->request.p, f->request.len - 1, binding, NOW),
	                 ADMIT_MALFORMED);
	assert_int_equal(admit_as(f, f->owner, NOW), ADMIT_OK);
}

/* What someone makes who knows the token's terms and altered them, role included. */
static void an_altered_invite_is_refused(void **state)
{
	struct fixture *f = *state;
	struct invite altered = f->invite;

	altered.expires_s += 1000000;
	bytes_clear(&f->request);
	assert_int_equal(invite_request(&altered, f->joiner, "host-c", binding, &f->request), 0);
	assert_int_equal(admit_as(f, f->owner, NOW), ADMIT_BAD_SIGNATURE);
	altered = f->invite;
	altered.role = ROLE_OWNER;
	bytes_clear(&f->request);
	assert_int_equal(invite_request(&altered, f->joiner, "host-c", binding, &f->request), 0);
	assert_int_equal(admit_as(f, f->owner, NOW), ADMIT_MALFORMED);
}

static void a_self_made_invite_is_refused(void **state)
{
	struct fixture *f = *state;
	struct roster *own = roster_found(f->joiner, "pictures", false, false, "x", NOW);
	struct invite invite, forged;

	/* A true signature, by one who owns another group. */
	assert_int_equal(invite_make(&invite, own, f->joiner, ROLE_MEMBER, INVITE_USES, LATER), 0);
	forged = invite;
	forged.group = *roster_group(f->r);
	bytes_clear(&f->request);
	assert_int_equal(invite_request(&forged, f->joiner, "host-c", binding, &f->request), 0);
	assert_int_equal(admit_as(f, f->owner, NOW), ADMIT_BAD_SIGNATURE);
	roster_free(own);
}

static void a_members_invite_has_no_authority(void **state)
{
	struct fixture *f = *state;
	struct invite invite;

	/* The member was an owner when it signed, and is one no more. */
	roster_grant(f->r, f->owner, identity_id(f->member), ROLE_OWNER, "host-b", NOW - 40);
	assert_int_equal(invite_make(&invite, f->r, f->member, ROLE_MEMBER, INVITE_USES, LATER), 0);
	roster_grant(f->r, f->owner, identity_id(f->member), ROLE_MEMBER, "host-b", NOW - 30);
	bytes_clear(&f->request);
	assert_int_equal(invite_request(&invite, f->joiner, "host-c", binding, &f->request), 0);
	assert_int_equal(admit_as(f, f->owner, NOW), ADMIT_NO_AUTHORITY);
}

static void a_stranger_admits_nobody(void **state)
{
	struct fixture *f = *state;
	struct identity *stranger = identity_new();

	assert_int_equal(admit_as(f, stranger, NOW), ADMIT_NOT_HERE);
	identity_free(stranger);
}

static void a_removed_agent_cannot_come_back_by_invite(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(admit_as(f, f->member, NOW), ADMIT_OK);
	assert_int_equal(roster_remove(f->r, f->owner, identity_id(f->joiner), NOW + 1), 0);
	assert_int_equal(admit_as(f, f->member, NOW + 2), ADMIT_REMOVED);
	assert_int_equal(roster_role(f->r, identity_id(f->joiner)), ROLE_NONE);
}

static enum admit admit_another(struct fixture *f, const struct identity *admitter)
{
	struct identity *another = identity_new();
	struct bytes request = BYTES_INIT(JOIN_MAX);
	enum admit answer;

	assert_int_equal(invite_request(&f->invite, another, "host-d", binding, &request), 0);
	answer = shown(&f->entry, f->r, admitter, another, request.p, request.len, binding, NOW);
	bytes_free(&request);
	identity_free(another);
	return answer;
}

/* Its token is still in its hands, and agent IDs cost nothing. */
static void the_token_of_one_who_was_removed_lets_nobody_in_any_more(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(admit_as(f, f->member, NOW), ADMIT_OK);
	assert_int_equal(admit_another(f, f->member), ADMIT_OK);
	assert_int_equal(roster_remove(f->r, f->owner, identity_id(f->joiner), NOW + 1), 0);
	assert_int_equal(admit_another(f, f->member), ADMIT_NO_AUTHORITY);
	assert_int_equal(admit_another(f, f->owner), ADMIT_NO_AUTHORITY);
}

static void those_who_came_by_the_same_token_stay(void **state)
{
	struct fixture *f = *state;
	struct identity *other = identity_new();
	struct bytes request = BYTES_INIT(JOIN_MAX);

	assert_int_equal(admit_as(f, f->member, NOW), ADMIT_OK);
	assert_int_equal(invite_request(&f->invite, other, "host-d", binding, &request), 0);
	assert_int_equal(shown(&f->entry, f->r, f->member, other, request.p, request.len, binding, NOW), ADMIT_OK);
	assert_int_equal(roster_remove(f->r, f->owner, identity_id(f->joiner), NOW + 1), 0);
	assert_int_equal(roster_role(f->r, identity_id(other)), ROLE_MEMBER);
	bytes_free(&request);
	identity_free(other);
}

static void an_invite_is_used_up_whoever_honours_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(invite_make(&f->invite, f->r, f->owner, ROLE_MEMBER, 3, LATER), 0);
	assert_int_equal(admit_another(f, f->owner), ADMIT_OK);
	assert_int_equal(admit_another(f, f->member), ADMIT_OK);
	assert_true(roster_do_duty(f->r, f->owner, NOW)); /* the owner's confirmation does not count as a use */
	assert_int_equal(admit_another(f, f->member), ADMIT_OK);
	assert_int_equal(admit_another(f, f->owner), ADMIT_USED_UP);
	assert_int_equal(admit_another(f, f->member), ADMIT_USED_UP);
}

static bool copy_entry(void *arg, const uint8_t *entry, size_t n)
{
	return roster_add(arg, entry, n) == ROSTER_ADDED;
}

/* What a removed member shows is what it had, without what was said of it. */
static void a_token_tells_a_roster_that_has_gone_back(void **state)
{
	struct fixture *f = *state;
	struct roster *old = roster_new(roster_group(f->r)), *now = roster_new(roster_group(f->r));
	struct invite back;
	char *token;

	roster_entries(f->r, copy_entry, old);
	assert_int_equal(roster_remove(f->r, f->owner, identity_id(f->member), NOW + 1), 0);
	assert_int_equal(invite_make(&f->invite, f->r, f->owner, ROLE_MEMBER, 1, LATER), 0);
	token = invite_token(&f->invite);
	assert_int_equal(invite_parse(&back, token), INVITE_OK);
	assert_int_equal(back.nmarks, 1);
	assert_int_equal(roster_role(old, identity_id(f->member)), ROLE_MEMBER);
	assert_false(roster_shows(old, back.marks, back.nmarks));
	roster_entries(f->r, copy_entry, now);
	assert_true(roster_shows(now, back.marks, back.nmarks));
	free(token);
	roster_free(old);
	roster_free(now);
}

struct all_but {
	struct roster *to;
	size_t at, left_out;
};

static bool copy_all_but(void *arg, const uint8_t *entry, size_t n)
{
	struct all_but *a = arg;

	if (a->at++ != a->left_out)
		(void)roster_add(a->to, entry, n);
	return true;
}

/* The owner's last word alone does not do: it speaks of all others. */
static void a_roster_with_one_of_the_owners_words_left_out_is_told(void **state)
{
	struct fixture *f = *state;
	struct roster_mark marks[ROSTER_MAX_OWNERS];
	size_t n;

	assert_int_equal(roster_remove(f->r, f->owner, identity_id(f->member), NOW + 1), 0);
	assert_int_equal(roster_grant(f->r, f->owner, identity_id(f->joiner), ROLE_MEMBER, "x", NOW + 2), 0);
	n = roster_marks(f->r, marks);
	assert_int_equal(n, 1);
	for (size_t i = 0; i < 4; i++) {
		struct all_but a = { .to = roster_new(roster_group(f->r)), .left_out = i };

		roster_entries(f->r, copy_all_but, &a);
		assert_int_equal(a.at, 4);
		assert_false(roster_shows(a.to, marks, n));
		roster_free(a.to);
	}
}

static void one_who_left_can_come_back_by_invite(void **state)
{
	struct fixture *f = *state;
	struct bytes leave = BYTES_INIT(ROSTER_ENTRY_MAX);

	assert_int_equal(admit_as(f, f->member, NOW), ADMIT_OK);
	/* The leaver's clock is ahead of the member's. */
	assert_int_equal(roster_leave(f->r, f->joiner, true, NOW + 5000, &leave), 0);
	assert_int_equal(roster_role(f->r, identity_id(f->joiner)), ROLE_NONE);
	assert_int_equal(admit_as(f, f->owner, NOW + 100), ADMIT_OK);
	assert_int_equal(roster_role(f->r, identity_id(f->joiner)), ROLE_MEMBER);
	bytes_clear(&leave);
	assert_int_equal(roster_leave(f->r, f->joiner, true, NOW + 101, &leave), 0);
	assert_int_equal(roster_role(f->r, identity_id(f->joiner)), ROLE_NONE);
	bytes_free(&leave);
}

static void every_answer_has_words(void **state)
{
	(void)state;
	for (int a = ADMIT_OK; a <= ADMIT_FULL; a++)
		assert_true(strlen(invite_admit_text((enum admit)a)) > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(any_member_admits_the_bearer_and_everybody_can_check),
		TEST(a_member_is_not_admitted_again),
		TEST(an_expired_invite_is_refused),
		TEST(an_invite_to_another_group_is_refused),
		TEST(a_request_holds_for_its_agent_and_connection_only),
		TEST(every_altered_byte_of_a_request_is_noticed),
		TEST(an_altered_invite_is_refused),
		TEST(a_self_made_invite_is_refused),
		TEST(a_members_invite_has_no_authority),
		TEST(a_stranger_admits_nobody),
		TEST(a_removed_agent_cannot_come_back_by_invite),
		TEST(the_token_of_one_who_was_removed_lets_nobody_in_any_more),
		TEST(those_who_came_by_the_same_token_stay),
		TEST(an_invite_is_used_up_whoever_honours_it),
		TEST(a_token_tells_a_roster_that_has_gone_back),
		TEST(a_roster_with_one_of_the_owners_words_left_out_is_told),
		TEST(one_who_left_can_come_back_by_invite),
		cmocka_unit_test(every_answer_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
