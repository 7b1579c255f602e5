/* The primitives under sealed groups, against published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <pthread.h>

#include "sync/seal/aead.h"
#include "tests/unit/seal_forms.h"

#define PART(a) ((struct aead_part){ .p = (a), .n = sizeof(a) })

/* The specification of GCM (McGrew and Viega), test case 16. */
static const char gcm_key[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char gcm_nonce[] = "cafebabefacedbaddecaf888";
static const char gcm_aad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char gcm_plain[] =
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
	"b16aedf5aa0de657ba637b39";
static const char gcm_sealed[] =
	"522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
	"c5f61e6393ba7a0abcc9f662";
static const char gcm_tag[] = "76fc6ece0f4e1768cddf8853bb2d551b";

enum { GCM_N = 60, GCM_AAD_N = 20 };

struct gcm_case {
	uint8_t key[AEAD_KEY_LEN], nonce[AEAD_NONCE_LEN], aad[GCM_AAD_N], plain[GCM_N], sealed[GCM_N],
		tag[AEAD_TAG_LEN];
};

static void gcm_case_read(struct gcm_case *c)
{
	seal_forms_hex(c->key, sizeof(c->key), gcm_key);
	seal_forms_hex(c->nonce, sizeof(c->nonce), gcm_nonce);
	seal_forms_hex(c->aad, sizeof(c->aad), gcm_aad);
	seal_forms_hex(c->plain, sizeof(c->plain), gcm_plain);
	seal_forms_hex(c->sealed, sizeof(c->sealed), gcm_sealed);
	seal_forms_hex(c->tag, sizeof(c->tag), gcm_tag);
}

static void gcm_agrees_with_its_specification(void **state)
{
	struct gcm_case c;
	struct aead_part aad[3];
	uint8_t out[GCM_N], tag[AEAD_TAG_LEN];

	(void)state;
	gcm_case_read(&c);
	/* However the associated data is cut into parts. */
	for (size_t cut = 0; cut <= GCM_AAD_N; cut++) {
		aad[0] = (struct aead_part){ .p = c.aad, .n = cut };
		aad[1] = (struct aead_part){ .p = NULL, .n = 0 };
		aad[2] = (struct aead_part){ .p = c.aad + cut, .n = GCM_AAD_N - cut };
		aead_seal(c.key, c.nonce, aad, 3, c.plain, GCM_N, out, tag);
		assert_memory_equal(out, c.sealed, GCM_N);
		assert_memory_equal(tag, c.tag, sizeof(tag));
		assert_int_equal(aead_open(c.key, c.nonce, aad, 3, out, GCM_N, tag, out), 0);
		assert_memory_equal(out, c.plain, GCM_N);
	}
}

static bool opens_case(void *arg, const uint8_t *p, size_t n)
{
	struct gcm_case c;
	struct aead_part aad;
	uint8_t out[GCM_N];

	(void)arg;
	if (n != sizeof(c))
		return false;
	memcpy(&c, p, sizeof(c));
	aad = PART(c.aad);
	return aead_open(c.key, c.nonce, &aad, 1, c.sealed, GCM_N, c.tag, out) == 0 && memcmp(out, c.plain, GCM_N) == 0;
}

static void every_bit_of_key_nonce_data_and_tag_matters(void **state)
{
	struct gcm_case c;

	(void)state;
	gcm_case_read(&c);
	seal_forms_check((const uint8_t *)&c, sizeof(c), opens_case, NULL);
}

static void what_is_not_genuine_is_zeroed(void **state)
{
	struct gcm_case c;
	struct aead_part aad;
	static const uint8_t zeros[GCM_N];

	(void)state;
	gcm_case_read(&c);
	aad = PART(c.aad);
	c.tag[0] ^= 1;
	assert_int_equal(aead_open(c.key, c.nonce, &aad, 1, c.sealed, GCM_N, c.tag, c.sealed), -1);
	assert_memory_equal(c.sealed, zeros, GCM_N);
}

static void nothing_is_sealed_too(void **state)
{
	struct gcm_case c;
	uint8_t tag[AEAD_TAG_LEN];

	(void)state;
	gcm_case_read(&c);
	aead_seal(c.key, c.nonce, NULL, 0, NULL, 0, NULL, tag);
	assert_int_equal(aead_open(c.key, c.nonce, NULL, 0, NULL, 0, tag, NULL), 0);
	tag[15] ^= 1;
	assert_int_equal(aead_open(c.key, c.nonce, NULL, 0, NULL, 0, tag, NULL), -1);
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
static void hmac_agrees_with_rfc_4231(void **state)
{
	static const char hash_first[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	uint8_t key[131], expected[AEAD_PRF_LEN], out[AEAD_PRF_LEN];
	struct aead_part parts[2] = { { .p = "Hi ", .n = 3 }, { .p = "There", .n = 5 } };

	(void)state;
	memset(key, 0x0b, 20);
	aead_prf(out, key, 20, parts, 2);
	seal_forms_hex(expected, sizeof(expected), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	assert_memory_equal(out, expected, sizeof(out));
	parts[0] = (struct aead_part){ .p = "what do ya want for nothing?", .n = 28 };
	aead_prf(out, "Jefe", 4, parts, 1);
	seal_forms_hex(expected, sizeof(expected), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	assert_memory_equal(out, expected, sizeof(out));
	memset(key, 0xaa, sizeof(key));
	parts[0] = (struct aead_part){ .p = hash_first, .n = sizeof(hash_first) - 1 };
	aead_prf(out, key, sizeof(key), parts, 1);
	seal_forms_hex(expected, sizeof(expected), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	assert_memory_equal(out, expected, sizeof(out));
}

/* RFC 5869, test cases 1 and 3. */
static void hkdf_agrees_with_rfc_5869(void **state)
{
	uint8_t secret[22], salt[13], info[10], expected[42], out[42];
	struct aead_part parts[2];

	(void)state;
	memset(secret, 0x0b, sizeof(secret));
	seal_forms_hex(salt, sizeof(salt), "000102030405060708090a0b0c");
	seal_forms_hex(info, sizeof(info), "f0f1f2f3f4f5f6f7f8f9");
	parts[0] = (struct aead_part){ .p = info, .n = 4 };
	parts[1] = (struct aead_part){ .p = info + 4, .n = 6 };
	aead_hkdf(out, sizeof(out), salt, sizeof(salt), secret, sizeof(secret), parts, 2);
	seal_forms_hex(expected, sizeof(expected),
	               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
	assert_memory_equal(out, expected, sizeof(out));
	aead_hkdf(out, sizeof(out), NULL, 0, secret, sizeof(secret), NULL, 0);
	seal_forms_hex(expected, sizeof(expected),
	               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
	assert_memory_equal(out, expected, sizeof(out));
}

/* The first paper's appendix: the key is 00 to 0f, the input 00 to 0e. */
static void siphash_agrees_with_its_paper(void **state)
{
	uint8_t key[AEAD_SIPHASH_KEY], in[15], expected[AEAD_SIPHASH_LEN], out[AEAD_SIPHASH_LEN];

	(void)state;
	seal_forms_hex(key, sizeof(key), "000102030405060708090a0b0c0d0e0f");
	memcpy(in, key, sizeof(in));
	seal_forms_hex(expected, sizeof(expected), "e545be4961ca29a1");
	aead_siphash(out, key, in, sizeof(in));
	assert_memory_equal(out, expected, sizeof(out));
	key[0] ^= 1;
	aead_siphash(out, key, in, sizeof(in));
	assert_memory_not_equal(out, expected, sizeof(out));
}

static pthread_key_t late; /* made after the contexts' own key, so that its destructor comes after theirs */

static void prf_at_the_end(void *arg)
{
	aead_prf(arg, "Jefe", 4, NULL, 0);
}

static void *end_with_a_prf(void *arg)
{
	aead_prf(arg, "Jefe", 4, NULL, 0);
	memset(arg, 0, AEAD_PRF_LEN);
	assert_int_equal(pthread_setspecific(late, arg), 0);
	return NULL;
}

static void a_thread_may_use_keys_until_its_very_end(void **state)
{
	uint8_t expected[AEAD_PRF_LEN], out[AEAD_PRF_LEN];
	pthread_t thread;

	(void)state;
	aead_prf(expected, "Jefe", 4, NULL, 0);
	assert_int_equal(pthread_key_create(&late, prf_at_the_end), 0);
	assert_int_equal(pthread_create(&thread, NULL, end_with_a_prf, out), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_memory_equal(out, expected, sizeof(out));
	pthread_key_delete(late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gcm_agrees_with_its_specification),
		cmocka_unit_test(every_bit_of_key_nonce_data_and_tag_matters),
		cmocka_unit_test(what_is_not_genuine_is_zeroed),
		cmocka_unit_test(nothing_is_sealed_too),
		cmocka_unit_test(hmac_agrees_with_rfc_4231),
		cmocka_unit_test(hkdf_agrees_with_rfc_5869),
		cmocka_unit_test(siphash_agrees_with_its_paper),
		cmocka_unit_test(a_thread_may_use_keys_until_its_very_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
