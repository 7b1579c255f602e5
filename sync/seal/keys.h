/* The keys of one generation of a sealed group, all derived from one random secret, and what is derived from an agent's
 * seed: docs/sealed.md, "Keys". Secrets lie in OpenSSL's secure heap, which is locked in memory and left out of core
 * dumps, and are cleansed when freed.
 *
 * Any thread; a struct keys does not change, and is counted, so that a worker may use it while the loop drops it. */
#ifndef LANYARD_SYNC_SEAL_KEYS_H
#define LANYARD_SYNC_SEAL_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/group/id.h"
#include "sync/seal/aead.h"

enum {
	KEYS_SECRET_LEN = 32, /* bytes of a generation's secret, and of every key derived from it */
	KEYS_COMMIT_LEN = 32, /* of a commitment */
	KEYS_SUITE = 1,       /* the algorithms of this version: HKDF and HMAC with SHA-256, AES-256-GCM, zstd */
};

/* How sizes are hidden (sync/seal/pad.h). */
enum keys_policy {
	KEYS_PACKED,  /* content is compressed, and padded to an eighth of an octave */
	KEYS_UNIFORM, /* it is not, and all blocks of a file have one size */
	KEYS_POLICIES,
};

/* What a derived key is for. */
enum keys_label {
	KEYS_NAME,   /* names of objects */
	KEYS_PATH,   /* IDs of paths */
	KEYS_BLOCK,  /* the keys of objects */
	KEYS_RECORD, /* the keys of cores */
	KEYS_NONCE,  /* nonces */
	KEYS_CUT,    /* where files are cut (sync/seal/cut.h) */
	KEYS_ROW,    /* digests of rows (sync/seal/row.h) */
	KEYS_LABELS,
};

/* What is told of a generation in public. */
struct keys_about {
	uint64_t id;    /* the first 8 bytes of its roster entry's name */
	uint8_t suite;  /* KEYS_SUITE; no other is accepted */
	uint8_t policy; /* below KEYS_POLICIES */
};

struct keys;

/* Derives all keys from the secret, which it copies. NULL when the suite or policy is unknown, or the secure heap is
 * full (KEYRING_MAX generations fit). The caller releases with keys_free(). */
struct keys *keys_new(const struct group_id *group, const struct keys_about *about,
                      const uint8_t secret[KEYS_SECRET_LEN]);
/* The same of a fresh random secret: a new generation. Its ID is known once its roster entry is, so about->id may be 0
 * here, for keys_commitment(), and be set by a second keys_new(). */
struct keys *keys_random(const struct group_id *group, const struct keys_about *about);
struct keys *keys_ref(struct keys *k);
void keys_free(struct keys *k);

const struct keys_about *keys_about(const struct keys *k);
const struct group_id *keys_group(const struct keys *k);
/* KEYS_SECRET_LEN bytes in the secure heap; the keys'. For envelopes, key files, and the keys of a
 * link (sync/seal/wrap.h). */
const uint8_t *keys_secret(const struct keys *k);
/* KEYS_COMMIT_LEN bytes, public: no other secret has the same ones. */
const uint8_t *keys_commitment(const struct keys *k);
/* HMAC-SHA-256 of the parts, joined, under one derived key. Parts of variable length need a fixed place or their own
 * length before them: joining keeps no borders. */
void keys_prf(const struct keys *k, enum keys_label label, const struct aead_part *parts, size_t n, uint8_t out[32]);
/* KEYS_SECRET_LEN bytes; the keys'. For keys_prf() and cut_new(). */
const uint8_t *keys_derived(const struct keys *k, enum keys_label label);

/* --- secrets in general --- */

/* n zeroed bytes of the secure heap; NULL when it is full, except for what OpenSSL needs. keys_wipe() cleanses and
 * frees them; NULL is fine. */
void *keys_memory(size_t n);
void keys_wipe(void *p, size_t n);
/* Whether that heap is locked in memory; false where the limit (RLIMIT_MEMLOCK) is too low, which is worth a
 * warning. */
bool keys_memory_locked(void);

/* The agent's box key (X25519), which envelopes are encrypted to: both halves, of the agent's Ed25519 seed. */
void keys_box(uint8_t private_key[32], uint8_t public_key[32], const uint8_t seed[32]);

#endif
