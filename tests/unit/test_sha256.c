/* Proves SHA-256 against the vectors of FIPS 180-4, whole and in pieces, on several threads at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char million[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void assert_digest(const uint8_t digest[SHA256_SIZE], const char *want)
{
	char text[2 * SHA256_SIZE + 1];

	hex_encode(text, digest, SHA256_SIZE);
	assert_string_equal(text, want);
}

static void one_shot_matches_the_standard(void **state)
{
	uint8_t out[SHA256_SIZE];

	(void)state;
	sha256(out, NULL, 0);
	assert_digest(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256(out, "abc", 3);
	assert_digest(out, abc);
	sha256(out, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
	assert_digest(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void pieces_make_the_same_digest(void **state)
{
	struct sha256_stream s = { 0 };
	uint8_t out[SHA256_SIZE];
	char piece[1000];

	(void)state;
	memset(piece, 'a', sizeof(piece));
	sha256_begin(&s);
	for (int i = 0; i < 1000; i++)
		sha256_update(&s, piece, sizeof(piece));
	sha256(out, "abc", 3); /* the one-shot context is another one */
	sha256_end(&s, out);
	assert_digest(out, million);

	/* Begun again, also in the middle, a stream forgets what it saw. */
	sha256_begin(&s);
	sha256_update(&s, "junk", 4);
	sha256_begin(&s);
	sha256_update(&s, "ab", 2);
	sha256_update(&s, NULL, 0);
	sha256_update(&s, "c", 1);
	sha256_end(&s, out);
	assert_digest(out, abc);
	sha256_free(&s);
	sha256_free(&s);
}

static void *hash_many(void *arg)
{
	uint8_t *out = arg;

	for (int i = 0; i < 2000; i++)
		sha256(out, "abc", 3);
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[4];
	uint8_t out[4][SHA256_SIZE];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hash_many, out[i]), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_digest(out[i], abc);
	}
}

/* Every length around the padding's edges, next to long and short neighbours, in lists of every small size. */
static void many_match_one_by_one(void **state)
{
	enum { BYTES = 70000, MOST = 9 };
	static const size_t lengths[] = { 0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 1000, 4096, 65536, 69999 };
	uint8_t *bytes = mem_calloc(BYTES, 1);
	uint32_t seed = 1;

	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	for (int round = 0; round < 2000; round++) {
		struct sha256_input inputs[MOST];
		size_t n = (size_t)round % (MOST + 1);

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			inputs[i].n = lengths[(seed >> 16) % (sizeof(lengths) / sizeof(lengths[0]))];
			inputs[i].p = bytes + (seed >> 8) % (BYTES - inputs[i].n);
		}
		sha256_many(inputs, n);
		for (size_t i = 0; i < n; i++) {
			uint8_t want[SHA256_SIZE];

			sha256(want, inputs[i].p, inputs[i].n);
			assert_memory_equal(inputs[i].digest, want, SHA256_SIZE);
		}
	}
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_shot_matches_the_standard),
		cmocka_unit_test(pieces_make_the_same_digest),
		cmocka_unit_test(many_match_one_by_one),
		cmocka_unit_test(threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
