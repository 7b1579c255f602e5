/* Proves what is derived of a generation's secret, that rings hold what was promised, and that their file is whole,
 * private and this group's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/keyring.h"
#include "tests/unit/seal_forms.h"

static const struct group_id group = { "a group" }, other_group = { "another" };

static struct keys_about about_of(uint64_t id)
{
	return (struct keys_about){ .id = id, .suite = KEYS_SUITE, .policy = KEYS_PACKED };
}

static struct keys *keys_number(const struct group_id *g, uint8_t number)
{
	const struct keys_about about = about_of(7);
	uint8_t secret[KEYS_SECRET_LEN] = { number };

	return keys_new(g, &about, secret);
}

/* --- deriving --- */

/* Computed by another program (Python, cryptography). These may never change. */
static void test_derived_keys_are_part_of_the_format(void **state)
{
	static const char *const known[KEYS_LABELS] = {
		[KEYS_NAME] = "326d5a626a5aabc1b43564e0ca18a0a6bb8fa6b731bf4f5cdcecc582dd189c96",
		[KEYS_PATH] = "504f1430785a37433ed952d0545ad2bd01bc92ac977d08e6d6e66be20ea4921b",
		[KEYS_BLOCK] = "f092f2d667423bcb73903325340b923f5a8f614273cf12cdbc23f25c0a38b020",
		[KEYS_RECORD] = "7c8a04638ee1916990ec10e72ea7a518e2ae70b46055a740cae33dc714cafa03",
		[KEYS_NONCE] = "3b7112a62488f62f7958a3b63b59b7b89c1d80768559760d5f9f8d2f0458c5ad",
		[KEYS_CUT] = "cf2d9fa4fed8b8609800a97044c207dda03648626de6ae1f486077716bd7351c",
		[KEYS_ROW] = "ace355b4c44f1fa7aca40c11ea35e1aa34aeb07b07daf3e9450a2de7beacffd3",
	};
	struct keys *k = keys_number(&group, 3);
	uint8_t key[KEYS_SECRET_LEN];

	(void)state;
	for (int label = 0; label < KEYS_LABELS; label++) {
		seal_forms_hex(key, sizeof(key), known[label]);
		assert_memory_equal(keys_derived(k, label), key, sizeof(key));
	}
	seal_forms_hex(key, sizeof(key), "fd72485f88bf443ef5217eff51a97c35c99d0fdbe011d6a0ac8b164705e2a209");
	assert_memory_equal(keys_commitment(k), key, sizeof(key));
	assert_int_equal(keys_secret(k)[0], 3);
	keys_free(k);
}

static void test_every_secret_group_and_label_has_its_own(void **state)
{
	struct keys *all[] = { keys_number(&group, 1), keys_number(&group, 2), keys_number(&other_group, 1) };
	enum { N = 3, EACH = KEYS_LABELS + 1 };

	(void)state;
	for (size_t i = 0; i < N * EACH; i++) {
		for (size_t j = 0; j < i; j++) {
			const struct keys *a = all[i / EACH], *b = all[j / EACH];
			size_t la = i % EACH, lb = j % EACH;

			assert_memory_not_equal(la < KEYS_LABELS ? keys_derived(a, la) : keys_commitment(a),
			                        lb < KEYS_LABELS ? keys_derived(b, lb) : keys_commitment(b),
			                        KEYS_SECRET_LEN);
		}
	}
	for (size_t i = 0; i < N; i++)
		keys_free(all[i]);
}

static void test_parts_are_joined_under_the_key(void **state)
{
	struct keys *k = keys_number(&group, 1);
	const struct aead_part one = { "path/of", 7 }, parts[] = { { "path", 4 }, { NULL, 0 }, { "/of", 3 } };
	uint8_t a[32], b[32];

	(void)state;
	keys_prf(k, KEYS_PATH, &one, 1, a);
	keys_prf(k, KEYS_PATH, parts, 3, b);
	assert_memory_equal(a, b, 32);
	aead_prf(b, keys_derived(k, KEYS_PATH), KEYS_SECRET_LEN, &one, 1);
	assert_memory_equal(a, b, 32);
	keys_prf(k, KEYS_NAME, &one, 1, b);
	assert_memory_not_equal(a, b, 32);
	keys_free(k);
}

static void test_unknown_suites_and_policies_are_refused(void **state)
{
	struct keys_about about = about_of(1);
	uint8_t secret[KEYS_SECRET_LEN] = { 1 };

	(void)state;
	for (int suite = 0; suite < 256; suite++) {
		about.suite = (uint8_t)suite;
		if (suite != KEYS_SUITE) {
			assert_null(keys_new(&group, &about, secret));
			assert_null(keys_random(&group, &about));
		}
	}
	about.suite = KEYS_SUITE;
	for (int policy = KEYS_POLICIES; policy < 256; policy++) {
		about.policy = (uint8_t)policy;
		assert_null(keys_new(&group, &about, secret));
	}
}

static void test_secrets_are_random_and_in_the_secure_heap(void **state)
{
	const struct keys_about about = about_of(1);
	struct keys *a = keys_random(&group, &about), *b = keys_random(&group, &about);

	(void)state;
	assert_memory_not_equal(keys_secret(a), keys_secret(b), KEYS_SECRET_LEN);
	assert_true(CRYPTO_secure_allocated(keys_secret(a)));
	assert_true(CRYPTO_secure_allocated(keys_derived(a, KEYS_BLOCK)));
	keys_free(a);
	keys_free(b);
	keys_free(NULL);
}

/* Whoever fills the heap with keys must not end the agent's connections: a thread that has drawn no random number yet,
 * and each handshake, take from the same heap. */
static void *draw_key(void *arg)
{
	(void)arg;
	return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
}

static void test_a_full_heap_leaves_openssl_its_part(void **state)
{
	enum { PIECE = 4096, PIECES = 1024 };
	void *pieces[PIECES], *key = NULL;
	size_t n = 0;
	pthread_t thread;

	(void)state;
	assert_null(keys_memory(SIZE_MAX));
	for (size_t piece = PIECE; piece >= 64 && n < PIECES; piece /= 2) {
		while (n < PIECES && (pieces[n] = keys_memory(piece)) != NULL)
			n++;
	}
	assert_in_range(n, KEYRING_MAX * 256 / PIECE, PIECES - 1);
	assert_null(keys_number(&group, 1));
	assert_int_equal(pthread_create(&thread, NULL, draw_key, NULL), 0);
	assert_int_equal(pthread_join(thread, &key), 0);
	assert_non_null(key);
	EVP_PKEY_free(key);
	while (n > 0)
		keys_wipe(pieces[--n], 64);
}

static void test_a_worker_keeps_what_the_ring_dropped(void **state)
{
	struct keyring *r = keyring_new(&group);
	const struct keys_about about = about_of(5);
	uint8_t secret[KEYS_SECRET_LEN] = { 9 };
	struct keys *k;

	(void)state;
	assert_int_equal(keyring_add(r, &about, secret, NULL), KEYRING_OK);
	k = keys_ref(keyring_find(r, 5));
	keyring_free(r);
	assert_int_equal(keys_secret(k)[0], 9);
	assert_true(group_id_equal(keys_group(k), &group));
	keys_free(k);
}

/* Computed by another program. */
static void test_the_box_key_follows_the_seed(void **state)
{
	uint8_t seed[32], private_key[32], public_key[32], known[32];

	(void)state;
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)i;
	keys_box(private_key, public_key, seed);
	seal_forms_hex(known, 32, "2eb23286530b0f30f1c754eba79c8dba7e8099c945c8fa2a8e0d96c4e41d48ac");
	assert_memory_equal(private_key, known, 32);
	seal_forms_hex(known, 32, "6528a0b4986484cf6e6b46b46136d309d45bcebb765a0bbac944998dae7e6b26");
	assert_memory_equal(public_key, known, 32);
}

/* --- rings --- */

/* Of n generations, in an order that is not theirs. */
static struct keyring *ring_of(size_t n)
{
	struct keyring *r = keyring_new(&group);

	for (size_t i = 0; i < n; i++) {
		const struct keys_about about = about_of((i * 37 % n) * 1000 + 1);
		uint8_t secret[KEYS_SECRET_LEN] = { (uint8_t)i, (uint8_t)(i >> 8) };

		assert_int_equal(keyring_add(r, &about, secret, NULL), KEYRING_OK);
	}
	return r;
}

static void test_generations_are_found(void **state)
{
	enum { N = 101 };
	struct keyring *r = ring_of(N);

	(void)state;
	assert_int_equal(keyring_count(r), N);
	for (size_t i = 0; i < N; i++) {
		struct keys *k = keyring_find(r, (i * 37 % N) * 1000 + 1);

		assert_non_null(k);
		assert_int_equal(keys_secret(k)[0], i);
		assert_int_equal(keys_about(keyring_at(r, i))->id, i * 1000 + 1);
		assert_null(keyring_find(r, i * 1000));
	}
	assert_null(keyring_find(r, UINT64_MAX));
	keyring_free(r);
	keyring_free(NULL);
}

static void test_only_the_promised_secret_is_taken(void **state)
{
	struct keyring *r = keyring_new(&group);
	struct keys *promised = keys_number(&group, 1);
	const struct keys_about about = about_of(7), later = { .id = 7, .suite = 2 };
	struct keys_about uniform = about;
	uint8_t secret[KEYS_SECRET_LEN] = { 2 };

	(void)state;
	assert_int_equal(keyring_add(r, &about, secret, keys_commitment(promised)), KEYRING_UNFIT);
	assert_int_equal(keyring_count(r), 0);
	secret[0] = 1;
	assert_int_equal(keyring_add(r, &later, secret, NULL), KEYRING_VERSION);
	assert_int_equal(keyring_add(r, &about, secret, keys_commitment(promised)), KEYRING_OK);
	/* Again, and then another one for the same generation. */
	assert_int_equal(keyring_add(r, &about, secret, NULL), KEYRING_OK);
	uniform.policy = KEYS_UNIFORM;
	assert_int_equal(keyring_add(r, &uniform, secret, NULL), KEYRING_UNFIT);
	secret[31] = 1;
	assert_int_equal(keyring_add(r, &about, secret, NULL), KEYRING_UNFIT);
	assert_int_equal(keyring_count(r), 1);
	keys_free(promised);
	keyring_free(r);
}

static void test_a_ring_is_bounded(void **state)
{
	struct keyring *r = ring_of(KEYRING_MAX);
	const struct keys_about about = about_of(2);
	uint8_t secret[KEYS_SECRET_LEN] = { 1 };

	(void)state;
	assert_int_equal(keyring_add(r, &about, secret, NULL), KEYRING_FULL);
	assert_null(keyring_find(r, 2));
	keyring_free(r);
}

/* --- keys.bin --- */

static bool decodes(void *arg, const uint8_t *p, size_t n)
{
	struct keyring *r;
	enum keyring_result result = keyring_decode(&r, &group, p, n);

	(void)arg;
	assert_true((result == KEYRING_OK) == (r != NULL));
	keyring_free(r);
	return result == KEYRING_OK;
}

static void test_what_is_encoded_is_decoded_and_nothing_else(void **state)
{
	for (size_t n = 0; n < 4; n++) {
		struct keyring *r = ring_of(n), *back;
		size_t len;
		uint8_t *form = keyring_encode(r, &len);

		assert_int_equal(keyring_decode(&back, &group, form, len), KEYRING_OK);
		assert_int_equal(keyring_count(back), n);
		for (size_t i = 0; i < n; i++)
			assert_memory_equal(keys_commitment(keyring_at(r, i)), keys_commitment(keyring_at(back, i)),
			                    32);
		keyring_free(back);
		seal_forms_check(form, len, decodes, NULL);
		assert_int_equal(keyring_decode(&back, &other_group, form, len), KEYRING_OTHER);
		keys_wipe(form, len);
		keyring_free(r);
	}
	(void)state;
}

/* With a checksum that is right: what a later version, or a defect, may have written. */
static enum keyring_result result_of(uint8_t *form, size_t n)
{
	struct keyring *r;
	enum keyring_result result;

	sha256(form + n - 32, form, n - 32);
	result = keyring_decode(&r, &group, form, n);
	keyring_free(r);
	return result;
}

static void test_forms_that_nobody_wrote_are_refused(void **state)
{
	struct keyring *r = ring_of(3);
	size_t n;
	uint8_t *form = keyring_encode(r, &n), *second = form + KEYRING_HEAD + KEYRING_ENTRY;

	(void)state;
	assert_int_equal(result_of(form, n), KEYRING_OK);
	form[8] = 2;
	assert_int_equal(result_of(form, n), KEYRING_VERSION);
	form[8] = 1;
	second[8] = 2;
	assert_int_equal(result_of(form, n), KEYRING_VERSION);
	second[8] = 1;
	second[9] = KEYS_POLICIES;
	assert_int_equal(result_of(form, n), KEYRING_VERSION);
	second[9] = 0;
	form[44] = 4;
	assert_int_equal(result_of(form, n), KEYRING_DAMAGED);
	form[41] = 0xff;
	assert_int_equal(result_of(form, n), KEYRING_DAMAGED);
	form[41] = 0;
	form[44] = 3;
	/* Out of order, and twice. */
	memcpy(second, form + KEYRING_HEAD, 8);
	assert_int_equal(result_of(form, n), KEYRING_DAMAGED);
	memset(second, 0, 8);
	assert_int_equal(result_of(form, n), KEYRING_DAMAGED);
	keys_wipe(form, n);
	keyring_free(r);
}

static void test_the_file_is_private_and_whole(void **state)
{
	char dir[] = "/tmp/test-keys-XXXXXX";
	struct keyring *r = ring_of(5), *back;
	int dirfd, fd;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(keyring_load(&back, &group, dirfd, "keys.bin"), KEYRING_SYSTEM);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(keyring_save(r, dirfd, "keys.bin"), KEYRING_OK);
	assert_int_equal(fstatat(dirfd, "keys.bin", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(keyring_load(&back, &group, dirfd, "keys.bin"), KEYRING_OK);
	assert_int_equal(keyring_count(back), 5);
	keyring_free(back);
	assert_int_equal(keyring_load(&back, &other_group, dirfd, "keys.bin"), KEYRING_OTHER);
	assert_int_equal(fchmodat(dirfd, "keys.bin", 0640, 0), 0);
	assert_int_equal(keyring_load(&back, &group, dirfd, "keys.bin"), KEYRING_READABLE);
	assert_null(back);
	fd = openat(dirfd, "keys.bin", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, KEYRING_BYTES_MAX + 1), 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	close(fd);
	assert_int_equal(keyring_load(&back, &group, dirfd, "keys.bin"), KEYRING_DAMAGED);
	assert_int_equal(fs_remove_tree(dirfd, "keys.bin"), 0);
	assert_int_equal(mkdirat(dirfd, "keys.bin", 0700), 0);
	assert_int_equal(keyring_load(&back, &group, dirfd, "keys.bin"), KEYRING_DAMAGED);
	assert_int_equal(fs_remove_tree(dirfd, "keys.bin"), 0);
	close(dirfd);
	assert_int_equal(rmdir(dir), 0);
	keyring_free(r);
	for (enum keyring_result result = 0; result <= KEYRING_SYSTEM; result++)
		assert_non_null(keyring_result_text(result));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_derived_keys_are_part_of_the_format),
		cmocka_unit_test(test_every_secret_group_and_label_has_its_own),
		cmocka_unit_test(test_parts_are_joined_under_the_key),
		cmocka_unit_test(test_unknown_suites_and_policies_are_refused),
		cmocka_unit_test(test_secrets_are_random_and_in_the_secure_heap),
		cmocka_unit_test(test_a_full_heap_leaves_openssl_its_part),
		cmocka_unit_test(test_a_worker_keeps_what_the_ring_dropped),
		cmocka_unit_test(test_the_box_key_follows_the_seed),
		cmocka_unit_test(test_generations_are_found),
		cmocka_unit_test(test_only_the_promised_secret_is_taken),
		cmocka_unit_test(test_a_ring_is_bounded),
		cmocka_unit_test(test_what_is_encoded_is_decoded_and_nothing_else),
		cmocka_unit_test(test_forms_that_nobody_wrote_are_refused),
		cmocka_unit_test(test_the_file_is_private_and_whole),
	};

	return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
