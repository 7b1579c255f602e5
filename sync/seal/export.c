/* Key files, sealed and opened: see export.h. */
#include "sync/seal/export.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/export_internal.h"
#include "sync/seal/keys.h"

enum { EXPORT_MAGIC = 8, EXPORT_CHECK = 32, EXPORT_CHECKED = EXPORT_HEAD - EXPORT_CHECK - 4 };

/* The last byte is the form's version. */
static const uint8_t export_magic[EXPORT_MAGIC] = { 'L', 'A', 'N', 'Y', 'K', 'E', 'Y', '1' };
/* Each file has a salt of its own, so a key serves one file and the nonce may be constant. */
static const uint8_t export_nonce[AEAD_NONCE_LEN];

const char *export_result_text(enum export_result result)
{
	static const char *const texts[] = {
		[EXPORT_OK] = "is good",
		[EXPORT_OTHER] = "is not a key file of lanyard",
		[EXPORT_VERSION] = "was written by a later lanyard, in a form that this one does not know",
		[EXPORT_DAMAGED] = "is damaged",
		[EXPORT_COST] = "asks for more memory or work than a key file may",
		[EXPORT_PASSPHRASE] = "is undamaged, but the passphrase is wrong",
		[EXPORT_INSIDE] = "has the right passphrase, and nothing in it that this lanyard can read",
		[EXPORT_MEMORY] = "needs more memory than there is",
		[EXPORT_FULL] = "would be too large",
	};

	return texts[result];
}

/* --- the keys --- */

int export_stretch(uint8_t *out, size_t n, const char *passphrase, const void *salt, size_t salt_n,
                   const struct export_cost *cost)
{
	EVP_KDF *kdf = cost->log2_n < 64 ? EVP_KDF_fetch(NULL, "SCRYPT", NULL) : NULL;
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	uint64_t rounds = (uint64_t)1 << cost->log2_n % 64;
	uint64_t memory = 128 * (uint64_t)cost->r * (rounds + cost->p + 4); /* OpenSSL's limit is 32 MiB without it */
	size_t passphrase_n = strlen(passphrase);
	char *typed = mem_strdup(passphrase); /* parameters are not const */
	uint8_t *salted = mem_dup(salt, salt_n);
	uint32_t r = cost->r, p = cost->p;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, typed, passphrase_n),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salted, salt_n),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &rounds),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
		OSSL_PARAM_construct_end(),
	};
	int rc = ctx != NULL && EVP_KDF_derive(ctx, out, n, params) == 1 ? 0 : -1;

	OPENSSL_cleanse(typed, passphrase_n);
	free(typed);
	free(salted);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	ERR_clear_error();
	return rc;
}

/* Both keys of a file, in the secure heap. NULL: no memory. The caller calls keys_wipe(). */
static uint8_t *export_keys(const char *passphrase, const uint8_t salt[EXPORT_SALT_LEN], const struct export_cost *cost)
{
	uint8_t *keys = keys_memory(EXPORT_KEYS_LEN);

	if (keys == NULL || export_stretch(keys, EXPORT_KEYS_LEN, passphrase, salt, EXPORT_SALT_LEN, cost) == 0)
		return keys;
	keys_wipe(keys, EXPORT_KEYS_LEN);
	return NULL;
}

/* By which a wrong passphrase is told from a damaged file. */
static void export_check(uint8_t check[EXPORT_CHECK], const uint8_t *keys, const uint8_t *file)
{
	const struct aead_part part = { .p = file, .n = EXPORT_CHECKED };

	aead_prf(check, keys + AEAD_KEY_LEN, AEAD_KEY_LEN, &part, 1);
}

static bool export_cost_fits(const struct export_cost *cost)
{
	return cost->log2_n >= 1 && cost->log2_n <= EXPORT_LOG2_N_MAX && cost->r >= 1 && cost->r <= EXPORT_R_MAX &&
	       cost->p >= 1 && cost->p <= EXPORT_P_MAX && cost->log2_n < 16 * cost->r; /* RFC 7914, section 2 */
}

/* --- sealing --- */

/* Appends the file of n plain bytes. */
static enum export_result export_close(const uint8_t *plain, size_t n, const char *passphrase,
                                       const struct export_cost *cost, struct bytes *out)
{
	struct bytes b = BYTES_INIT(EXPORT_MAX);
	uint8_t salt[EXPORT_SALT_LEN], check[EXPORT_CHECK], tag[AEAD_TAG_LEN], sha[SHA256_SIZE], *keys, *sealed;
	struct aead_part aad;
	int rc;

	random_bytes(salt, sizeof(salt));
	keys = export_keys(passphrase, salt, cost);
	if (keys == NULL)
		return EXPORT_MEMORY;
	bytes_append(&b, export_magic, sizeof(export_magic));
	bytes_append_u8(&b, cost->log2_n);
	bytes_append_u32(&b, cost->r);
	bytes_append_u32(&b, cost->p);
	bytes_append(&b, salt, sizeof(salt));
	export_check(check, keys, b.p);
	bytes_append(&b, check, sizeof(check));
	bytes_append_u32(&b, (uint32_t)n);
	sealed = bytes_extend(&b, n);
	if (sealed != NULL) {
		aad = (struct aead_part){ .p = b.p, .n = EXPORT_HEAD };
		aead_seal(keys, export_nonce, &aad, 1, plain, n, sealed, tag);
		bytes_append(&b, tag, sizeof(tag));
	}
	sha256(sha, b.p, b.len);
	bytes_append(&b, sha, sizeof(sha));
	rc = b.full ? -1 : bytes_append(out, b.p, b.len);
	keys_wipe(keys, EXPORT_KEYS_LEN);
	bytes_free(&b);
	return rc == 0 ? EXPORT_OK : EXPORT_FULL;
}

enum export_result export_seal(const struct export_content *c, bool paper, const char *passphrase,
                               const struct export_cost *cost, struct bytes *out)
{
	enum export_result result;
	uint8_t *plain;
	size_t n;

	if (passphrase[0] == '\0')
		return EXPORT_PASSPHRASE;
	if (!export_cost_fits(cost))
		return EXPORT_COST;
	result = export_content_encode(c, paper, &plain, &n);
	if (result == EXPORT_OK)
		result = export_close(plain, n, passphrase, cost, out);
	keys_wipe(plain, n);
	return result;
}

/* --- opening --- */

/* Everything that can be checked without the passphrase. */
static enum export_result export_look(const uint8_t *p, size_t n, struct export_cost *cost)
{
	uint8_t sha[SHA256_SIZE];

	if (n < EXPORT_MAGIC || memcmp(p, export_magic, EXPORT_MAGIC - 1) != 0)
		return EXPORT_OTHER;
	if (p[EXPORT_MAGIC - 1] != export_magic[EXPORT_MAGIC - 1])
		return EXPORT_VERSION;
	if (n < EXPORT_HEAD + AEAD_TAG_LEN + SHA256_SIZE || n > EXPORT_MAX ||
	    get_u32(p + EXPORT_HEAD - 4) != n - EXPORT_HEAD - AEAD_TAG_LEN - SHA256_SIZE)
		return EXPORT_DAMAGED;
	sha256(sha, p, n - SHA256_SIZE);
	if (memcmp(sha, p + n - SHA256_SIZE, SHA256_SIZE) != 0)
		return EXPORT_DAMAGED;
	cost->log2_n = p[EXPORT_MAGIC];
	cost->r = get_u32(p + EXPORT_MAGIC + 1);
	cost->p = get_u32(p + EXPORT_MAGIC + 5);
	return export_cost_fits(cost) ? EXPORT_OK : EXPORT_COST;
}

enum export_result export_sound(const uint8_t *p, size_t n)
{
	struct export_cost cost;

	return export_look(p, n, &cost);
}

static enum export_result export_unlock(struct export_content **c, const uint8_t *keys, const uint8_t *p, size_t n)
{
	const struct aead_part aad = { .p = p, .n = EXPORT_HEAD };
	const size_t plain_n = n - EXPORT_HEAD - AEAD_TAG_LEN - SHA256_SIZE;
	enum export_result result = EXPORT_INSIDE;
	uint8_t check[EXPORT_CHECK], *plain;

	export_check(check, keys, p);
	if (CRYPTO_memcmp(check, p + EXPORT_CHECKED, sizeof(check)) != 0)
		return EXPORT_PASSPHRASE;
	plain = keys_memory(plain_n != 0 ? plain_n : 1);
	if (plain == NULL)
		return EXPORT_MEMORY;
	if (aead_open(keys, export_nonce, &aad, 1, p + EXPORT_HEAD, plain_n, p + EXPORT_HEAD + plain_n, plain) == 0)
		result = export_content_decode(c, plain, plain_n);
	keys_wipe(plain, plain_n != 0 ? plain_n : 1);
	return result;
}

enum export_result export_open(struct export_content **c, const char *passphrase, const uint8_t *p, size_t n)
{
	struct export_cost cost;
	enum export_result result = export_look(p, n, &cost);
	uint8_t *keys;

	*c = NULL;
	if (result != EXPORT_OK)
		return result;
	keys = export_keys(passphrase, p + EXPORT_MAGIC + 9, &cost);
	if (keys == NULL)
		return EXPORT_MEMORY;
	result = export_unlock(c, keys, p, n);
	keys_wipe(keys, EXPORT_KEYS_LEN);
	return result;
}
