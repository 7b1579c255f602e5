/* The agent's identity: an Ed25519 key pair, made on the first start and kept in the home folder as key.pem, mode
 * 0600. */
#ifndef LANYARD_SYNC_GROUP_IDENTITY_H
#define LANYARD_SYNC_GROUP_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/group/id.h"

enum { SIGNATURE_LEN = 64, PUBLIC_KEY_LEN = 32 };

struct identity;
struct evp_pkey_st;

/* Reads home's key.pem, or makes it when there is none. NULL with *why (fresh text that names the file and the
 * cure) when it cannot be read, is not an Ed25519 key, or others may read it (the mode must be 0600 or less). */
struct identity *identity_open(int home_dirfd, char **why);
/* Writes home's key.pem, in place of one that is there. -1 with *why. */
int identity_save(const struct identity *id, int home_dirfd, char **why);
/* Whether home has a key.pem, whatever is in it. */
bool identity_is_there(int home_dirfd);
/* A fresh one, in memory only (tests, invites). */
struct identity *identity_new(void);
/* From a 32-byte private seed (invites). */
struct identity *identity_from_seed(const uint8_t seed[32]);
void identity_free(struct identity *id);
const struct agent_id *identity_id(const struct identity *id);
const uint8_t *identity_public_key(const struct identity *id); /* PUBLIC_KEY_LEN bytes */
void identity_sign(const struct identity *id, const void *p, size_t n, uint8_t sig[SIGNATURE_LEN]);
/* 0 when sig is public_key's signature of the n bytes, -1 otherwise. */
int identity_verify(const uint8_t public_key[PUBLIC_KEY_LEN], const void *p, size_t n,
                    const uint8_t sig[SIGNATURE_LEN]);
void identity_id_of_key(struct agent_id *id, const uint8_t public_key[PUBLIC_KEY_LEN]);
/* The key itself, for TLS; stays the identity's. */
struct evp_pkey_st *identity_key(const struct identity *id);
/* The private seed, for invites. */
void identity_seed(const struct identity *id, uint8_t seed[32]);

#endif
