/* Deriving, and where secrets lie: see keys.h. */
#include "sync/seal/keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	/* Room for KEYRING_MAX generations of 256 bytes each, and for key files and envelopes on their way. */
	SECURE_HEAP = 1 << 20,
	SECURE_LEAST = 64,
	/* Never given out here: OpenSSL takes its own from the same heap, for random numbers and the keys of
	 * connections. If keys could fill it, no connection would come about any more. */
	SECURE_RESERVE = 1 << 17,
};

/* In the secure heap. */
struct keys_secrets {
	uint8_t secret[KEYS_SECRET_LEN];
	uint8_t derived[KEYS_LABELS][KEYS_SECRET_LEN];
};

struct keys {
	atomic_uint refs;
	struct group_id group;
	struct keys_about about;
	uint8_t commitment[KEYS_COMMIT_LEN];
	struct keys_secrets *secrets; /* owned */
};

static const char *const label_text[KEYS_LABELS] = {
	[KEYS_NAME] = "name",   [KEYS_PATH] = "path", [KEYS_BLOCK] = "block", [KEYS_RECORD] = "record",
	[KEYS_NONCE] = "nonce", [KEYS_CUT] = "cut",   [KEYS_ROW] = "row",
};

/* --- the secure heap --- */

static pthread_once_t heap_once = PTHREAD_ONCE_INIT;
static bool heap_locked;
static pthread_mutex_t heap_mutex = PTHREAD_MUTEX_INITIALIZER; /* from looking what is left to taking it */

static void heap_begin(void)
{
	int rc = CRYPTO_secure_malloc_init(SECURE_HEAP, SECURE_LEAST);

	/* 2: there, and not locked. */
	if (rc == 0) {
		log_error("openssl: there is no secure heap");
		abort();
	}
	heap_locked = rc == 1;
}

void *keys_memory(size_t n)
{
	size_t takes = SECURE_LEAST;
	void *p = NULL;

	/* The heap gives powers of two. */
	while (takes < n && takes < SECURE_HEAP)
		takes *= 2;
	pthread_once(&heap_once, heap_begin);
	pthread_mutex_lock(&heap_mutex);
	if (CRYPTO_secure_used() + takes <= SECURE_HEAP - SECURE_RESERVE)
		p = OPENSSL_secure_zalloc(n);
	pthread_mutex_unlock(&heap_mutex);
	return p;
}

void keys_wipe(void *p, size_t n)
{
	OPENSSL_secure_clear_free(p, n);
}

bool keys_memory_locked(void)
{
	pthread_once(&heap_once, heap_begin);
	return heap_locked;
}

/* --- a generation --- */

static void derive(uint8_t out[KEYS_SECRET_LEN], const struct group_id *group, const uint8_t *secret, const char *label)
{
	const struct aead_part info[] = { { "lanyard sealed 1 ", 17 }, { label, strlen(label) } };

	aead_hkdf(out, KEYS_SECRET_LEN, group->b, sizeof(group->b), secret, KEYS_SECRET_LEN, info, 2);
}

/* Derives from the secret that is in s. */
static struct keys *keys_of(const struct group_id *group, const struct keys_about *about, struct keys_secrets *s)
{
	struct keys *k = MEM_NEW(struct keys);

	atomic_init(&k->refs, 1);
	k->group = *group;
	k->about = *about;
	k->secrets = s;
	derive(k->commitment, group, s->secret, "commit");
	for (int label = 0; label < KEYS_LABELS; label++)
		derive(s->derived[label], group, s->secret, label_text[label]);
	return k;
}

static struct keys_secrets *secrets_new(const struct keys_about *about)
{
	if (about->suite != KEYS_SUITE || about->policy >= KEYS_POLICIES)
		return NULL;
	return keys_memory(sizeof(struct keys_secrets));
}

struct keys *keys_new(const struct group_id *group, const struct keys_about *about,
                      const uint8_t secret[KEYS_SECRET_LEN])
{
	struct keys_secrets *s = secrets_new(about);

	if (s == NULL)
		return NULL;
	memcpy(s->secret, secret, KEYS_SECRET_LEN);
	return keys_of(group, about, s);
}

struct keys *keys_random(const struct group_id *group, const struct keys_about *about)
{
	struct keys_secrets *s = secrets_new(about);

	if (s == NULL)
		return NULL;
	random_bytes(s->secret, KEYS_SECRET_LEN);
	return keys_of(group, about, s);
}

struct keys *keys_ref(struct keys *k)
{
	atomic_fetch_add_explicit(&k->refs, 1, memory_order_relaxed);
	return k;
}

void keys_free(struct keys *k)
{
	if (k == NULL || atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) > 1)
		return;
	keys_wipe(k->secrets, sizeof(*k->secrets));
	free(k);
}

const struct keys_about *keys_about(const struct keys *k)
{
	return &k->about;
}

const struct group_id *keys_group(const struct keys *k)
{
	return &k->group;
}

const uint8_t *keys_secret(const struct keys *k)
{
	return k->secrets->secret;
}

const uint8_t *keys_commitment(const struct keys *k)
{
	return k->commitment;
}

const uint8_t *keys_derived(const struct keys *k, enum keys_label label)
{
	return k->secrets->derived[label];
}

void keys_prf(const struct keys *k, enum keys_label label, const struct aead_part *parts, size_t n, uint8_t out[32])
{
	aead_prf(out, k->secrets->derived[label], KEYS_SECRET_LEN, parts, n);
}

/* --- the box key --- */

void keys_box(uint8_t private_key[32], uint8_t public_key[32], const uint8_t seed[32])
{
	const struct aead_part info = { "lanyard box 1", 13 };
	EVP_PKEY *key;
	size_t n = 32;

	aead_hkdf(private_key, 32, NULL, 0, seed, 32, &info, 1);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
	if (key == NULL || EVP_PKEY_get_raw_public_key(key, public_key, &n) != 1 || n != 32) {
		log_error("openssl: X25519 is not available");
		abort();
	}
	EVP_PKEY_free(key);
}
