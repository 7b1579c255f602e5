/* Groups founded by a secret: what is shown proves it, to this group and of this agent alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sync/group/group_secret.h"
#include "sync/group/request_entry.h"

static const char secret[] = "0123456789abcdef0123456789abcdef";
static const char other_secret[] = "0123456789abcdef0123456789abcdeg";

static void a_group_shows_that_its_founder_had_the_secret(void **state)
{
	struct identity *founder = identity_new();
	struct roster *r = group_secret_found(secret, founder, "photos", "web1", 1000);
	struct roster *plain = roster_found(founder, "photos", false, false, "web1", 1000);

	(void)state;
	assert_true(group_secret_is_founder(secret, r));
	assert_false(group_secret_is_founder(other_secret, r));
	assert_false(group_secret_is_founder(secret, plain));
	assert_int_equal(roster_role(r, identity_id(founder)), ROLE_OWNER);
	assert_false(roster_hidden(r) || roster_sealed(r));
	assert_null(group_secret_found(secret, founder, "no/slash", "web1", 1000));
	roster_free(plain);
	roster_free(r);
	identity_free(founder);
}

/* Nobody can take a nonce that was shown for a group of its own. */
static void a_nonce_is_worth_nothing_to_another_founder_or_under_another_name(void **state)
{
	struct identity *founder = identity_new(), *rogue = identity_new();
	struct roster *r = group_secret_found(secret, founder, "photos", "web1", 1000);
	const uint8_t *key, *nonce = roster_founding_nonce(r, &key);
	struct roster *copied = roster_found_with(rogue, "photos", "web1", 1000, nonce);
	struct roster *renamed = roster_found_with(founder, "music", "web1", 1000, nonce);
	struct group_id id = { { 1 } };
	struct roster *empty = roster_new(&id);

	(void)state;
	assert_memory_equal(key, identity_public_key(founder), PUBLIC_KEY_LEN);
	assert_false(group_secret_is_founder(secret, copied));
	assert_false(group_secret_is_founder(secret, renamed));
	assert_false(group_secret_is_founder(secret, empty));
	roster_free(empty);
	roster_free(renamed);
	roster_free(copied);
	roster_free(r);
	identity_free(rogue);
	identity_free(founder);
}

static void a_proof_is_of_one_agent_to_one_group(void **state)
{
	struct group_tag tag = { { 1 } }, other_tag = { { 2 } };
	struct agent_id asker = { { 3 } }, other = { { 4 } };
	char proof[GROUP_SECRET_PROOF];

	(void)state;
	group_secret_prove(proof, secret, &tag, &asker);
	assert_true(strlen(proof) < REQUEST_MESSAGE_MAX);
	assert_null(strstr(proof, secret));
	assert_true(group_secret_is_proof(proof, secret, &tag, &asker));
	assert_false(group_secret_is_proof(proof, other_secret, &tag, &asker));
	assert_false(group_secret_is_proof(proof, secret, &other_tag, &asker));
	assert_false(group_secret_is_proof(proof, secret, &tag, &other));
	assert_false(group_secret_is_proof("", secret, &tag, &asker));
	assert_false(group_secret_is_proof("the laptop", secret, &tag, &asker));
	proof[strlen(proof) - 1] ^= 1;
	assert_false(group_secret_is_proof(proof, secret, &tag, &asker));
	proof[strlen(proof) - 1] = '\0';
	assert_false(group_secret_is_proof(proof, secret, &tag, &asker));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_shows_that_its_founder_had_the_secret),
		cmocka_unit_test(a_nonce_is_worth_nothing_to_another_founder_or_under_another_name),
		cmocka_unit_test(a_proof_is_of_one_agent_to_one_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
