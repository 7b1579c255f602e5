/* A secret that machines have in common before they have a group: by it the one that founds the group lets the others
 * in, and these know its group from any other of that name. Nobody learns the secret by what is shown; who can guess it
 * can check the guess, so it has to be random. Whoever has it can join, and can found a group that the others take for
 * theirs before they have joined one. HMAC-SHA256 (RFC 2104) under the secret. Any thread. */
#ifndef LANYARD_SYNC_GROUP_GROUP_SECRET_H
#define LANYARD_SYNC_GROUP_GROUP_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "sync/group/identity.h"
#include "sync/group/roster.h"

enum {
	GROUP_SECRET_MIN = 32, /* characters; 128 random bits in hex */
	GROUP_SECRET_MAX = 1024,
	GROUP_SECRET_PROOF = 128, /* room for a proof as text */
};

/* Founds a group whose founding entry shows that its founder has the secret: its nonce is the first 16 bytes of the MAC
 * of "lanyard group secret 1, found", the founder's key and the group's name. NULL when the name is not valid. */
struct roster *group_secret_found(const char *secret, const struct identity *founder, const char *group_name,
                                  const char *member_name, int64_t now_s);
/* Whether the group's founder had the secret. */
bool group_secret_is_founder(const char *secret, const struct roster *r);

/* The message of a request to join: a MAC of "lanyard group secret 1, join", the group's tag and the asker's ID, so it
 * is worth nothing to anybody else. */
void group_secret_prove(char proof[GROUP_SECRET_PROOF], const char *secret, const struct group_tag *tag,
                        const struct agent_id *asker);
bool group_secret_is_proof(const char *message, const char *secret, const struct group_tag *tag,
                           const struct agent_id *asker);

#endif
