/* All generations of a group that this agent has the keys of, and their form on the disk (keys.bin):
 * docs/sealed.md, "Keys". One thread at a time; what it hands out is counted (sync/seal/keys.h). */
#ifndef LANYARD_SYNC_SEAL_KEYRING_H
#define LANYARD_SYNC_SEAL_KEYRING_H

#include "sync/seal/keys.h"

enum {
	KEYRING_MAX = 1024, /* generations of one group */
	KEYRING_ENTRY = 8 + 1 + 1 + KEYS_SECRET_LEN,
	KEYRING_HEAD = 8 + 1 + 32 + 4, /* magic, version, group ID, count */
	KEYRING_BYTES_MAX = KEYRING_HEAD + KEYRING_MAX * KEYRING_ENTRY + 32,
};

enum keyring_result {
	KEYRING_OK,
	KEYRING_VERSION,  /* of a later lanyard: the form, a suite or a policy is not known here */
	KEYRING_DAMAGED,  /* not such a file, cut short, or altered */
	KEYRING_OTHER,    /* another group's */
	KEYRING_UNFIT,    /* the secret is not the one that was promised, or differs from the one already here */
	KEYRING_FULL,     /* KEYRING_MAX, or the secure heap */
	KEYRING_READABLE, /* others may read the file */
	KEYRING_SYSTEM,   /* errno */
};
/* For a message: "is damaged", with the file's name before it. */
const char *keyring_result_text(enum keyring_result result);

struct keyring;

struct keyring *keyring_new(const struct group_id *group);
void keyring_free(struct keyring *r);
/* Adds a generation. commitment: what its roster entry promises, NULL if the caller knows that the secret is right. A
 * generation that is there already is OK. */
enum keyring_result keyring_add(struct keyring *r, const struct keys_about *about,
                                const uint8_t secret[KEYS_SECRET_LEN], const uint8_t *commitment);
/* Takes it out again; nothing if it is not there. Only before the ring was stored with it. */
void keyring_remove(struct keyring *r, uint64_t generation);
/* The keys of a generation, the ring's; NULL: not here. Use keys_ref() to keep them. */
struct keys *keyring_find(const struct keyring *r, uint64_t generation);
size_t keyring_count(const struct keyring *r);
/* The generations by their IDs, the smallest first; i below keyring_count(). */
struct keys *keyring_at(const struct keyring *r, size_t i);

/* The file's form, in the secure heap; the caller calls keys_wipe(p, *n). NULL: that heap is full. */
uint8_t *keyring_encode(const struct keyring *r, size_t *n);
/* A ring of this group; only a whole, unaltered form is accepted, and each ring has one form. *r is NULL on failure. */
enum keyring_result keyring_decode(struct keyring **r, const struct group_id *group, const uint8_t *p, size_t n);

/* The file: mode 0600, refused when others may read it. A missing file is KEYRING_SYSTEM with ENOENT. */
enum keyring_result keyring_load(struct keyring **r, const struct group_id *group, int dirfd, const char *path);
enum keyring_result keyring_save(const struct keyring *r, int dirfd, const char *path);

#endif
