/* Frames sealed inside TLS: see wrap.h. */
#include "sync/seal/wrap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

/* Keeps these keys apart from all others that come of the secret, and frames from all else that is sealed. */
#define WRAP_LABEL AEAD_LABEL("lanyard link 1")

/* Keys in the secure heap. */
struct wrap {
	atomic_uint refs;
	uint64_t generation;
	struct group_id group;
	uint8_t (*key)[AEAD_KEY_LEN]; /* what we send, what the peer sends */
};

enum { WRAP_OUT, WRAP_IN, WRAP_WAYS };

/* The IDs in the order of sender and receiver make two keys: each direction counts by itself. */
static void wrap_derive(uint8_t out[AEAD_KEY_LEN], const struct keys *k, const uint8_t binding[WRAP_BINDING_LEN],
                        const struct agent_id *from, const struct agent_id *to)
{
	const struct aead_part info[] = { WRAP_LABEL,
		                          { .p = from->b, .n = sizeof(from->b) },
		                          { .p = to->b, .n = sizeof(to->b) } };

	aead_hkdf(out, AEAD_KEY_LEN, binding, WRAP_BINDING_LEN, keys_secret(k), KEYS_SECRET_LEN, info,
	          sizeof(info) / sizeof(*info));
}

struct wrap *wrap_new(const struct keys *k, const uint8_t binding[WRAP_BINDING_LEN], const struct agent_id *self,
                      const struct agent_id *peer)
{
	struct wrap *w;
	void *key = keys_memory((size_t)WRAP_WAYS * AEAD_KEY_LEN);

	if (key == NULL)
		return NULL;
	w = MEM_NEW(struct wrap);
	atomic_init(&w->refs, 1);
	w->generation = keys_about(k)->id;
	w->group = *keys_group(k);
	w->key = key;
	wrap_derive(w->key[WRAP_OUT], k, binding, self, peer);
	wrap_derive(w->key[WRAP_IN], k, binding, peer, self);
	return w;
}

struct wrap *wrap_ref(struct wrap *w)
{
	atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
	return w;
}

void wrap_free(struct wrap *w)
{
	if (w == NULL || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) > 1)
		return;
	keys_wipe(w->key, (size_t)WRAP_WAYS * AEAD_KEY_LEN);
	free(w);
}

uint64_t wrap_generation(const struct wrap *w)
{
	return w->generation;
}

static void wrap_nonce(uint8_t nonce[AEAD_NONCE_LEN], uint64_t counter)
{
	memset(nonce, 0, AEAD_NONCE_LEN);
	put_u64(nonce + 4, counter);
}

void wrap_seal(const struct wrap *w, uint64_t counter, const void *front, size_t front_n, uint8_t *p, size_t n,
               uint8_t tag[AEAD_TAG_LEN])
{
	const struct aead_part aad[] = { WRAP_LABEL,
		                         { .p = w->group.b, .n = sizeof(w->group.b) },
		                         { .p = front, .n = front_n } };
	uint8_t nonce[AEAD_NONCE_LEN];

	wrap_nonce(nonce, counter);
	aead_seal(w->key[WRAP_OUT], nonce, aad, sizeof(aad) / sizeof(*aad), p, n, p, tag);
}

int wrap_open(const struct wrap *w, uint64_t counter, const void *front, size_t front_n, uint8_t *p, size_t n,
              const uint8_t tag[AEAD_TAG_LEN])
{
	const struct aead_part aad[] = { WRAP_LABEL,
		                         { .p = w->group.b, .n = sizeof(w->group.b) },
		                         { .p = front, .n = front_n } };
	uint8_t nonce[AEAD_NONCE_LEN];

	wrap_nonce(nonce, counter);
	return aead_open(w->key[WRAP_IN], nonce, aad, sizeof(aad) / sizeof(*aad), p, n, tag, p);
}
