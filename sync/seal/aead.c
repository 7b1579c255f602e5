/* AES-256-GCM, HMAC, HKDF and SipHash through EVP: see aead.h. */
#include "sync/seal/aead.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"

/* OpenSSL's contexts, one set per thread. Between calls they hold no key. */
struct aead_thread {
	EVP_CIPHER_CTX *gcm;
	EVP_MAC_CTX *hmac;    /* its digest is set */
	EVP_MAC_CTX *siphash; /* its size is set; NULL: OpenSSL has none */
};

static pthread_once_t aead_once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *cipher; /* fetched once, kept until the process ends; so are the next three */
static EVP_MAC *mac, *siphash;
static EVP_KDF *kdf;
static pthread_key_t aead_key; /* only for its destructor */
static __thread struct aead_thread *mine;

/* OpenSSL fails here only without memory or without its default provider. */
static void __attribute__((noreturn)) aead_give_up(const char *what)
{
	log_error("openssl: %s: %s", what, ERR_reason_error_string(ERR_peek_error()));
	abort();
}

static void aead_thread_end(void *arg)
{
	struct aead_thread *t = arg;

	/* Another destructor of this thread may seal or wipe after this one: it gets new contexts. */
	mine = NULL;
	EVP_CIPHER_CTX_free(t->gcm);
	EVP_MAC_CTX_free(t->hmac);
	EVP_MAC_CTX_free(t->siphash);
	free(t);
}

static void aead_fetch(void)
{
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	siphash = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	if (cipher == NULL || mac == NULL || kdf == NULL || pthread_key_create(&aead_key, aead_thread_end) != 0)
		aead_give_up("AES-256-GCM, HMAC or HKDF is not available");
	ERR_clear_error();
}

static struct aead_thread *contexts(void)
{
	char name[] = "SHA256";
	OSSL_PARAM digest[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		                OSSL_PARAM_construct_end() };
	size_t short_size = AEAD_SIPHASH_LEN;
	OSSL_PARAM size[] = { OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &short_size),
		              OSSL_PARAM_construct_end() };

	if (mine != NULL)
		return mine;
	pthread_once(&aead_once, aead_fetch);
	mine = MEM_NEW(struct aead_thread);
	mine->gcm = EVP_CIPHER_CTX_new();
	mine->hmac = EVP_MAC_CTX_new(mac);
	if (mine->gcm == NULL || mine->hmac == NULL || EVP_MAC_CTX_set_params(mine->hmac, digest) != 1)
		aead_give_up("no context");
	if (siphash != NULL) {
		mine->siphash = EVP_MAC_CTX_new(siphash);
		if (mine->siphash == NULL || EVP_MAC_CTX_set_params(mine->siphash, size) != 1)
			aead_give_up("no context");
	}
	if (pthread_setspecific(aead_key, mine) != 0)
		aead_give_up("no memory for a thread's contexts");
	return mine;
}

/* --- AES-256-GCM --- */

static EVP_CIPHER_CTX *gcm_begin(bool seals, const uint8_t *key, const uint8_t *nonce, const struct aead_part *aad,
                                 size_t naad)
{
	EVP_CIPHER_CTX *ctx = contexts()->gcm;
	int n = 0;

	if (EVP_CipherInit_ex2(ctx, cipher, key, nonce, seals, NULL) != 1)
		aead_give_up("AES-256-GCM cannot begin");
	for (size_t i = 0; i < naad; i++) {
		if (aad[i].n != 0 && EVP_CipherUpdate(ctx, NULL, &n, aad[i].p, (int)aad[i].n) != 1)
			aead_give_up("AES-256-GCM takes no associated data");
	}
	return ctx;
}

void aead_seal(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], const struct aead_part *aad,
               size_t naad, const void *plain, size_t n, uint8_t *out, uint8_t tag[AEAD_TAG_LEN])
{
	EVP_CIPHER_CTX *ctx = gcm_begin(true, key, nonce, aad, naad);
	uint8_t rest[EVP_MAX_BLOCK_LENGTH];
	int done = 0, last = 0;

	if ((n != 0 && EVP_CipherUpdate(ctx, out, &done, plain, (int)n) != 1) ||
	    EVP_CipherFinal_ex(ctx, rest, &last) != 1 || (size_t)done + (size_t)last != n ||
	    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN, tag) != 1)
		aead_give_up("AES-256-GCM cannot seal");
	EVP_CIPHER_CTX_reset(ctx); /* cleanses what it made of the key */
}

int aead_open(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], const struct aead_part *aad,
              size_t naad, const void *sealed, size_t n, const uint8_t tag[AEAD_TAG_LEN], uint8_t *out)
{
	EVP_CIPHER_CTX *ctx = gcm_begin(false, key, nonce, aad, naad);
	uint8_t rest[EVP_MAX_BLOCK_LENGTH], expected[AEAD_TAG_LEN];
	int done = 0, last = 0, rc;

	memcpy(expected, tag, sizeof(expected));
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN, expected) != 1 ||
	    (n != 0 && EVP_CipherUpdate(ctx, out, &done, sealed, (int)n) != 1))
		aead_give_up("AES-256-GCM cannot open");
	rc = EVP_CipherFinal_ex(ctx, rest, &last) == 1 && (size_t)done + (size_t)last == n ? 0 : -1;
	EVP_CIPHER_CTX_reset(ctx);
	/* Nobody can be handed what is not genuine, not even by mistake. */
	if (rc < 0 && n != 0)
		OPENSSL_cleanse(out, n);
	ERR_clear_error();
	return rc;
}

/* --- HMAC and HKDF --- */

void aead_prf(uint8_t out[AEAD_PRF_LEN], const void *key, size_t key_n, const struct aead_part *parts, size_t nparts)
{
	static const uint8_t none[AEAD_KEY_LEN];
	EVP_MAC_CTX *ctx = contexts()->hmac;
	size_t n = 0;

	if (EVP_MAC_init(ctx, key, key_n, NULL) != 1)
		aead_give_up("HMAC cannot begin");
	for (size_t i = 0; i < nparts; i++) {
		if (parts[i].n != 0 && EVP_MAC_update(ctx, parts[i].p, parts[i].n) != 1)
			aead_give_up("HMAC cannot go on");
	}
	if (EVP_MAC_final(ctx, out, &n, AEAD_PRF_LEN) != 1 || n != AEAD_PRF_LEN)
		aead_give_up("HMAC cannot end");
	/* Another key takes the place of what it made of this one. */
	if (EVP_MAC_init(ctx, none, sizeof(none), NULL) != 1)
		aead_give_up("HMAC cannot be cleansed");
}

void aead_hkdf(uint8_t *out, size_t n, const void *salt, size_t salt_n, const void *secret, size_t secret_n,
               const struct aead_part *info, size_t ninfo)
{
	EVP_KDF_CTX *ctx;
	OSSL_PARAM params[5], *next = params;
	char name[] = "SHA256";
	uint8_t salted[256], keyed[256];
	struct bytes said = BYTES_INIT(1024);

	contexts();
	for (size_t i = 0; i < ninfo; i++)
		bytes_append(&said, info[i].p, info[i].n);
	if (salt_n > sizeof(salted) || secret_n > sizeof(keyed) || said.full)
		abort();
	/* Its parameters are not const: it is given copies. */
	if (salt_n != 0)
		memcpy(salted, salt, salt_n);
	if (secret_n != 0)
		memcpy(keyed, secret, secret_n);
	*next++ = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, name, 0);
	*next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, keyed, secret_n);
	if (salt_n != 0)
		*next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salted, salt_n);
	if (said.len != 0)
		*next++ = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, said.p, said.len);
	*next = OSSL_PARAM_construct_end();
	ctx = EVP_KDF_CTX_new(kdf);
	if (ctx == NULL || EVP_KDF_derive(ctx, out, n, params) != 1)
		aead_give_up("HKDF cannot derive");
	EVP_KDF_CTX_free(ctx);
	bytes_free(&said);
	OPENSSL_cleanse(keyed, sizeof(keyed));
}

void aead_siphash(uint8_t out[AEAD_SIPHASH_LEN], const uint8_t key[AEAD_SIPHASH_KEY], const void *p, size_t n)
{
	EVP_MAC_CTX *ctx = contexts()->siphash;
	size_t got = 0;

	if (ctx == NULL) {
		uint8_t prf[AEAD_PRF_LEN];

		aead_prf(prf, key, AEAD_SIPHASH_KEY, &(struct aead_part){ .p = p, .n = n }, 1);
		memcpy(out, prf, AEAD_SIPHASH_LEN);
		return;
	}
	if (EVP_MAC_init(ctx, key, AEAD_SIPHASH_KEY, NULL) != 1 || EVP_MAC_update(ctx, p, n) != 1 ||
	    EVP_MAC_final(ctx, out, &got, AEAD_SIPHASH_LEN) != 1 || got != AEAD_SIPHASH_LEN)
		aead_give_up("SipHash cannot be computed");
}
