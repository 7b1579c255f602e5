/* An OpenSSL that has no SipHash, as one that is limited to FIPS: all else is as ever, and HMAC takes its place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <openssl/evp.h>

#include "sync/seal/aead.h"

typedef EVP_MAC *fetch_fn(OSSL_LIB_CTX *libctx, const char *algorithm, const char *properties);

/* In place of OpenSSL's own. */
EVP_MAC *EVP_MAC_fetch(OSSL_LIB_CTX *libctx, const char *algorithm, const char *properties)
{
	fetch_fn *real;
	void *found = dlsym(RTLD_NEXT, "EVP_MAC_fetch");

	if (strcmp(algorithm, "SIPHASH") == 0)
		return NULL;
	memcpy(&real, &found, sizeof(real));
	return real(libctx, algorithm, properties);
}

static void hmac_takes_the_place_of_siphash(void **state)
{
	static const uint8_t key[AEAD_SIPHASH_KEY] = { 7 }, in[] = { 1, 2, 3 };
	uint8_t out[AEAD_SIPHASH_LEN], again[AEAD_SIPHASH_LEN], prf[AEAD_PRF_LEN];

	(void)state;
	aead_prf(prf, key, sizeof(key), &(struct aead_part){ .p = in, .n = sizeof(in) }, 1);
	aead_siphash(out, key, in, sizeof(in));
	assert_memory_equal(out, prf, sizeof(out));
	aead_siphash(again, key, in, sizeof(in) - 1);
	assert_memory_not_equal(again, out, sizeof(out));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(hmac_takes_the_place_of_siphash) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
