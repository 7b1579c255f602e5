/* The agent's key pair: its file, its signatures. */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/sha256.h"
#include "sync/group/identity.h"

struct home {
	char path[64];
	int fd;
};

static int setup(void **state)
{
	static struct home home;

	strcpy(home.path, "/tmp/lanyard-identity-XXXXXX");
	if (mkdtemp(home.path) == NULL)
		return -1;
	home.fd = open(home.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &home;
	return 0;
}

static int teardown(void **state)
{
	struct home *home = *state;

	fs_remove_tree(home->fd, "key.pem");
	close(home->fd);
	return rmdir(home->path);
}

static void expect_refusal(struct home *home, const char *words)
{
	char *why = NULL;

	assert_null(identity_open(home->fd, &why));
	assert_non_null(why);
	assert_non_null(strstr(why, words));
	assert_non_null(strstr(why, "key.pem"));
	free(why);
}

static void first_start_makes_a_key_that_the_next_start_finds(void **state)
{
	struct home *home = *state;
	struct identity *first, *second;
	struct fs_stat st;
	char *why = NULL;

	first = identity_open(home->fd, &why);
	assert_non_null(first);
	assert_int_equal(fs_stat_at(home->fd, "key.pem", &st), 0);
	assert_int_equal(st.mode, 0600);
	second = identity_open(home->fd, &why);
	assert_non_null(second);
	assert_true(agent_id_equal(identity_id(first), identity_id(second)));
	identity_free(first);
	identity_free(second);
}

static void a_key_that_others_may_read_is_refused(void **state)
{
	struct home *home = *state;
	char *why = NULL;

	identity_free(identity_open(home->fd, &why));
	assert_int_equal(fchmodat(home->fd, "key.pem", 0640, 0), 0);
	expect_refusal(home, "chmod 600");
	assert_int_equal(fchmodat(home->fd, "key.pem", 0400, 0), 0);
	identity_free(identity_open(home->fd, &why));
	assert_null(why);
}

static void what_is_no_key_is_refused_and_left_alone(void **state)
{
	static const char *const contents[] = {
		"",
		"hello\n",
		"-----BEGIN PRIVATE KEY-----\n",
		"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END PRIVATE KEY-----\n",
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
	};
	struct home *home = *state;
	size_t n;

	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		char *after;

		assert_int_equal(fs_write_file(home->fd, "key.pem", contents[i], strlen(contents[i]), 0600), 0);
		expect_refusal(home, "does not hold an Ed25519 private key");
		after = fs_read_file(home->fd, "key.pem", 4096, &n);
		assert_string_equal(after, contents[i]);
		free(after);
	}
}

static void a_key_of_another_kind_is_refused(void **state)
{
	struct home *home = *state;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	FILE *file = fdopen(openat(home->fd, "key.pem", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), "w");

	assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
	expect_refusal(home, "does not hold an Ed25519 private key");
	EVP_PKEY_free(key);
}

static void a_passphrase_is_not_asked_for(void **state)
{
	struct home *home = *state;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	FILE *file = fdopen(openat(home->fd, "key.pem", O_CREAT | O_WRONLY | O_CLOEXEC, 0600), "w");

	assert_int_equal(PEM_write_PrivateKey(file, key, EVP_aes_128_cbc(), (const unsigned char *)"xyz", 3, NULL,
	                                      NULL),
	                 1);
	fclose(file);
	expect_refusal(home, "plain PEM");
	EVP_PKEY_free(key);
}

static void a_folder_or_symlink_in_its_place_is_refused(void **state)
{
	struct home *home = *state;

	assert_int_equal(mkdirat(home->fd, "key.pem", 0700), 0);
	expect_refusal(home, "not a regular file");
	assert_int_equal(unlinkat(home->fd, "key.pem", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("/etc/passwd", home->fd, "key.pem"), 0);
	expect_refusal(home, "cannot open");
}

static void a_seed_gives_the_key_of_rfc_8032(void **state)
{
	uint8_t seed[32], public_key[32], back[32], sig[SIGNATURE_LEN], expected[SIGNATURE_LEN];
	struct identity *id;
	struct agent_id agent;

	(void)state;
	assert_int_equal(hex_decode(seed, 32, "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"), 0);
	assert_int_equal(hex_decode(public_key, 32, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"),
	                 0);
	assert_int_equal(hex_decode(expected, SIGNATURE_LEN,
	                            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
	                            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
	                 0);
	id = identity_from_seed(seed);
	assert_memory_equal(identity_public_key(id), public_key, 32);
	identity_seed(id, back);
	assert_memory_equal(back, seed, 32);
	identity_sign(id, "\x72", 1, sig);
	assert_memory_equal(sig, expected, SIGNATURE_LEN);
	identity_id_of_key(&agent, public_key);
	assert_true(agent_id_equal(&agent, identity_id(id)));
	sha256(back, public_key, 32);
	assert_memory_equal(agent.b, back, 32);
	identity_free(id);
}

static void signatures_hold_for_these_bytes_and_this_key_only(void **state)
{
	struct identity *id = identity_new(), *other = identity_new();
	uint8_t sig[SIGNATURE_LEN];
	char text[] = "the quick brown fox";

	(void)state;
	identity_sign(id, text, sizeof(text), sig);
	assert_int_equal(identity_verify(identity_public_key(id), text, sizeof(text), sig), 0);
	assert_int_equal(identity_verify(identity_public_key(other), text, sizeof(text), sig), -1);
	assert_int_equal(identity_verify(identity_public_key(id), text, sizeof(text) - 1, sig), -1);
	for (size_t i = 0; i < SIGNATURE_LEN; i++) {
		sig[i] ^= 1;
		assert_int_equal(identity_verify(identity_public_key(id), text, sizeof(text), sig), -1);
		sig[i] ^= 1;
	}
	text[3] ^= 1;
	assert_int_equal(identity_verify(identity_public_key(id), text, sizeof(text), sig), -1);
	identity_free(id);
	identity_free(other);
}

static void a_public_key_that_is_no_point_verifies_nothing(void **state)
{
	uint8_t public_key[32], sig[SIGNATURE_LEN] = { 0 };

	(void)state;
	memset(public_key, 0xff, sizeof(public_key));
	assert_int_equal(identity_verify(public_key, "x", 1, sig), -1);
}

static void tests_can_repeat_identities(void **state)
{
	struct identity *a, *b, *c;

	(void)state;
	random_set_seed(42);
	a = identity_new();
	c = identity_new();
	random_set_seed(42);
	b = identity_new();
	random_set_seed(0);
	assert_true(agent_id_equal(identity_id(a), identity_id(b)));
	assert_false(agent_id_equal(identity_id(a), identity_id(c)));
	identity_free(a);
	identity_free(b);
	identity_free(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_start_makes_a_key_that_the_next_start_finds),
		TEST(a_key_that_others_may_read_is_refused),
		TEST(what_is_no_key_is_refused_and_left_alone),
		TEST(a_key_of_another_kind_is_refused),
		TEST(a_passphrase_is_not_asked_for),
		TEST(a_folder_or_symlink_in_its_place_is_refused),
		cmocka_unit_test(a_seed_gives_the_key_of_rfc_8032),
		cmocka_unit_test(signatures_hold_for_these_bytes_and_this_key_only),
		cmocka_unit_test(a_public_key_that_is_no_point_verifies_nothing),
		cmocka_unit_test(tests_can_repeat_identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
