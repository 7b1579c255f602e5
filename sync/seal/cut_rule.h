/* The secret cuts (sync/seal/cut.h) as the rule that a sealed group's files are cut by (sync/hash/chunk.h). */
#ifndef LANYARD_SYNC_SEAL_CUT_RULE_H
#define LANYARD_SYNC_SEAL_CUT_RULE_H

#include "sync/hash/chunk.h"
#include "sync/seal/keys.h"

/* Cuts by the keys of one generation, for the life of the group: equal files have equal blocks only if all members cut
 * in the same places. The caller frees the rule once no worker uses it. It keeps a reference to the keys. */
struct chunk_rule *cut_rule_new(struct keys *k);
void cut_rule_free(struct chunk_rule *rule);

#endif
