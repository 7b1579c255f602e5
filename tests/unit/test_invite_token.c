/* Invite tokens: one survives a paste, and a damaged or altered one is noticed. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/group/invite.h"
#include "tests/unit/invite_world.h"

static void a_token_tells_all_that_the_invite_holds(void **state)
{
	struct fixture *f = *state;
	struct invite back;
	char *token, *padded;

	strcpy(f->invite.addresses[0], "10.0.0.1:4000");
	strcpy(f->invite.addresses[1], "[fe80::1%eth0]:4000");
	f->invite.naddresses = 2;
	token = invite_token(&f->invite);
	assert_true(strlen(token) <= INVITE_TOKEN_MAX);
	assert_int_equal(strncmp(token, "lanyard1-", 9), 0);
	for (const char *p = token; *p != '\0'; p++)
		assert_true(isalnum((unsigned char)*p) || *p == '-' || *p == '_');
	padded = mem_printf(" \t%s\r\n ", token);
	assert_int_equal(invite_parse(&back, padded), INVITE_OK);
	assert_memory_equal(&back, &f->invite, sizeof(back));
	free(token);
	free(padded);
}

/* The token's bytes without the checksum, with one byte of another value behind them if that is above 0. */
static char *with_behind(const char *token, int shorter, int more)
{
	uint8_t bytes[INVITE_TOKEN_MAX], hash[SHA256_SIZE];
	int n = base64url_decode(bytes, sizeof(bytes), token + 9, strlen(token) - 9) - 4 - shorter;
	char *made = mem_calloc(1, INVITE_TOKEN_MAX + 16);

	assert_true(n > 0);
	if (more > 0)
		bytes[n++] = (uint8_t)more;
	sha256(hash, bytes, (size_t)n);
	memcpy(bytes + n, hash, 4);
	memcpy(made, token, 9);
	base64url_encode(made + 9, bytes, (size_t)n + 4);
	return made;
}

/* One byte behind the token of any other group is what a version takes for that of another version which does not know
 * sealed groups. */
static void the_token_of_a_sealed_group_is_one_of_another_version_to_earlier_ones(void **state)
{
	struct fixture *f = *state;
	struct invite back;
	char *plain = invite_token(&f->invite), *token, *shorter, *later;

	f->invite.sealed = true;
	token = invite_token(&f->invite);
	assert_int_equal(invite_parse(&back, token), INVITE_OK);
	assert_true(back.sealed);
	shorter = with_behind(token, 1, 0);
	assert_string_equal(shorter, plain);
	later = with_behind(token, 1, 2);
	assert_int_equal(invite_parse(&back, later), INVITE_OTHER_VERSION);
	free(later);
	later = with_behind(token, 0, 1);
	assert_int_equal(invite_parse(&back, later), INVITE_OTHER_VERSION);
	free(later);
	free(shorter);
	free(token);
	free(plain);
}

static void a_token_stays_short_however_many_addresses(void **state)
{
	struct fixture *f = *state;
	struct invite back;
	char *token;

	for (int i = 0; i < INVITE_MAX_ADDRESSES; i++) {
		memset(f->invite.addresses[i], 'a' + i, INVITE_ADDRESS_MAX - 1);
		f->invite.addresses[i][INVITE_ADDRESS_MAX - 1] = '\0';
	}
	f->invite.naddresses = INVITE_MAX_ADDRESSES;
	token = invite_token(&f->invite);
	assert_true(strlen(token) <= INVITE_TOKEN_MAX);
	assert_int_equal(invite_parse(&back, token), INVITE_OK);
	assert_in_range(back.naddresses, 4, INVITE_MAX_ADDRESSES - 1);
	assert_string_equal(back.addresses[3], f->invite.addresses[3]);
	free(token);
}

static void what_is_no_token_is_told_apart_from_a_damaged_one(void **state)
{
	static const char *const foreign[] = {
		"", " ", "hello", "lanyard1", "LANYARD1-AAAA", "lanyard2-AAAA", "x lanyard1-AAAA"
	};
	static const char *const damaged[] = {
		"lanyard1-", "lanyard1-A", "lanyard1-AAAA", "lanyard1-====", "lanyard1-AAAAAAAAAAAA", "lanyard1-A A"
	};
	struct invite back;

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		assert_int_equal(invite_parse(&back, foreign[i]), INVITE_NOT_A_TOKEN);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
		assert_int_equal(invite_parse(&back, damaged[i]), INVITE_DAMAGED);
}

static void a_truncated_token_is_damaged(void **state)
{
	struct fixture *f = *state;
	char *token = invite_token(&f->invite);
	struct invite back;

	for (size_t n = strlen(token) - 1; n > 9; n--) {
		token[n] = '\0';
		assert_int_equal(invite_parse(&back, token), INVITE_DAMAGED);
	}
	free(token);
}

static void a_mistyped_token_is_damaged(void **state)
{
	struct fixture *f = *state;
	char *token = invite_token(&f->invite);
	struct invite back;

	for (size_t i = 9; token[i] != '\0'; i++) {
		char was = token[i];

		token[i] = was == 'A' ? 'B' : 'A';
		assert_int_equal(invite_parse(&back, token), INVITE_DAMAGED);
		token[i] = was;
	}
	free(token);
}

static void altered_terms_break_the_signature(void **state)
{
	struct fixture *f = *state;
	struct invite altered[5], back;

	for (int i = 0; i < 5; i++)
		altered[i] = f->invite;
	altered[0].role = ROLE_VAULT;
	altered[1].expires_s += 1;
	altered[2].group.b[0] ^= 1;
	altered[3].seed[5] ^= 1;
	altered[4].signature[7] ^= 1;
	for (int i = 0; i < 5; i++) {
		char *token = invite_token(&altered[i]); /* with a good checksum */

		assert_int_equal(invite_parse(&back, token), INVITE_BAD_SIGNATURE);
		free(token);
	}
}

static void only_owners_make_invites_and_none_makes_an_owner(void **state)
{
	struct fixture *f = *state;
	struct invite invite;

	assert_int_equal(invite_make(&invite, f->r, f->member, ROLE_MEMBER, INVITE_USES, LATER), -1);
	assert_int_equal(invite_make(&invite, f->r, f->joiner, ROLE_MEMBER, INVITE_USES, LATER), -1);
	assert_int_equal(invite_make(&invite, f->r, f->owner, ROLE_OWNER, INVITE_USES, LATER), -1);
	assert_int_equal(invite_make(&invite, f->r, f->owner, ROLE_NONE, INVITE_USES, LATER), -1);
	assert_int_equal(invite_make(&invite, f->r, f->owner, ROLE_MEMBER, INVITE_USES, -1), -1);
	assert_int_equal(invite_make(&invite, f->r, f->owner, ROLE_READER, INVITE_USES, LATER), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_token_tells_all_that_the_invite_holds),
		TEST(the_token_of_a_sealed_group_is_one_of_another_version_to_earlier_ones),
		TEST(a_token_stays_short_however_many_addresses),
		TEST(what_is_no_token_is_told_apart_from_a_damaged_one),
		TEST(a_truncated_token_is_damaged),
		TEST(a_mistyped_token_is_damaged),
		TEST(altered_terms_break_the_signature),
		TEST(only_owners_make_invites_and_none_makes_an_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
