/* The primitives that sealed groups are built of, all OpenSSL's: AES-256-GCM over one buffer, HMAC-SHA-256 as the PRF,
 * HKDF-SHA-256 (RFC 5869), SipHash-2-4. Secret keys leave no trace here: what OpenSSL made of one is cleansed before a
 * call returns. Any thread; contexts are kept per thread. Without memory the process ends, and nothing else fails. */
#ifndef LANYARD_SYNC_SEAL_AEAD_H
#define LANYARD_SYNC_SEAL_AEAD_H

#include <stddef.h>
#include <stdint.h>

enum {
	AEAD_KEY_LEN = 32,
	AEAD_NONCE_LEN = 12,
	AEAD_TAG_LEN = 16,
	AEAD_PRF_LEN = 32,
	AEAD_SIPHASH_KEY = 16,
	AEAD_SIPHASH_LEN = 8
};

/* Inputs that are read one after another, as if they were one. */
struct aead_part {
	const void *p; /* NULL for n = 0 */
	size_t n;
};

/* A string literal with the NUL that ends it: the labels that keep one use of a key apart from another. */
#define AEAD_LABEL(literal) ((struct aead_part){ .p = (literal), .n = sizeof(literal) })

/* Seals n bytes (below 2^31) into out, which has room for as many and may be plain itself, and sets the tag. The
 * nonce must serve no other input under this key. */
void aead_seal(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], const struct aead_part *aad,
               size_t naad, const void *plain, size_t n, uint8_t *out, uint8_t tag[AEAD_TAG_LEN]);
/* Opens them; out may be sealed itself. -1, with out zeroed: key, nonce, aad, bytes or tag are not what was sealed. */
int aead_open(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[AEAD_NONCE_LEN], const struct aead_part *aad,
              size_t naad, const void *sealed, size_t n, const uint8_t tag[AEAD_TAG_LEN], uint8_t *out);

/* HMAC-SHA-256 (RFC 2104) of the parts. */
void aead_prf(uint8_t out[AEAD_PRF_LEN], const void *key, size_t key_n, const struct aead_part *parts, size_t nparts);
/* HKDF-SHA-256 of the secret: n bytes, at most 255 x 32. salt_n 0: no salt. Salt and
 * secret: at most 256 bytes each. info: at most 1,024 in all. */
void aead_hkdf(uint8_t *out, size_t n, const void *salt, size_t salt_n, const void *secret, size_t secret_n,
               const struct aead_part *info, size_t ninfo);
/* SipHash-2-4 with 64 bits (Aumasson and Bernstein, 2012): whoever does not know the key cannot make two inputs that
 * have one output. If OpenSSL has none (it is limited to FIPS, or was built so), the first bytes of HMAC-SHA-256: so it
 * serves for what stays here. The key is not one of a group's: it stays in the thread's context until the next call. */
void aead_siphash(uint8_t out[AEAD_SIPHASH_LEN], const uint8_t key[AEAD_SIPHASH_KEY], const void *p, size_t n);

#endif
