/* SHA-256 through EVP: see sha256.h. */
#include "base/sha256.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/log.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *digest;           /* fetched once, kept until the process ends */
static pthread_key_t thread_key; /* only for its destructor */
static __thread EVP_MD_CTX *thread_ctx;

/* OpenSSL fails here only without memory or without its default provider, and then nothing can be verified. */
static void __attribute__((noreturn)) no_digest(void)
{
	log_error("openssl: SHA-256 is not available");
	abort();
}

static void free_ctx(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void set_up(void)
{
	digest = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (digest == NULL || pthread_key_create(&thread_key, free_ctx) != 0)
		no_digest();
}

static EVP_MD_CTX *new_ctx(void)
{
	EVP_MD_CTX *ctx;

	pthread_once(&once, set_up);
	ctx = EVP_MD_CTX_new();
	if (ctx == NULL)
		no_digest();
	return ctx;
}

void sha256(uint8_t out[SHA256_SIZE], const void *p, size_t n)
{
	if (thread_ctx == NULL) {
		thread_ctx = new_ctx();
		pthread_setspecific(thread_key, thread_ctx);
	}
	if (EVP_DigestInit_ex2(thread_ctx, digest, NULL) != 1 || EVP_DigestUpdate(thread_ctx, p, n) != 1 ||
	    EVP_DigestFinal_ex(thread_ctx, out, NULL) != 1)
		no_digest();
}

bool sha256_same(const uint8_t a[SHA256_SIZE], const uint8_t b[SHA256_SIZE])
{
	volatile uint8_t differ = 0;

	for (size_t i = 0; i < SHA256_SIZE; i++)
		differ |= a[i] ^ b[i];
	return differ == 0;
}

void sha256_begin(struct sha256_stream *s)
{
	if (s->evp == NULL)
		s->evp = new_ctx();
	if (EVP_DigestInit_ex2(s->evp, digest, NULL) != 1)
		no_digest();
}

void sha256_update(struct sha256_stream *s, const void *p, size_t n)
{
	if (EVP_DigestUpdate(s->evp, p, n) != 1)
		no_digest();
}

void sha256_end(struct sha256_stream *s, uint8_t out[SHA256_SIZE])
{
	if (EVP_DigestFinal_ex(s->evp, out, NULL) != 1)
		no_digest();
}

void sha256_free(struct sha256_stream *s)
{
	EVP_MD_CTX_free(s->evp);
	s->evp = NULL;
}
