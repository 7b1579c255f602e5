/* Signed heads of agents (sync/seal/head.h), as they came: the newest of each. Bytes here. For the loop's thread;
 * functions return as those of index.h do. */
#ifndef LANYARD_SYNC_INDEX_INDEX_HEADS_H
#define LANYARD_SYNC_INDEX_INDEX_HEADS_H

#include <stddef.h>

#include "sync/index/index.h"

/* Keeps the head in place of the agent's (its ID) that is kept. 0, -1. */
int index_head_put(struct index *index, const uint8_t agent[32], uint64_t epoch, uint64_t number, const uint8_t *head,
                   size_t n);
/* The agent's, fresh, n bytes; NULL: none is kept, or it cannot be read. */
uint8_t *index_head_get(struct index *index, const uint8_t agent[32], size_t *n);
/* Calls fn with each that is kept, by agent, until fn returns false; fn must not write. 0, -1. */
int index_heads(struct index *index,
                bool (*fn)(void *arg, const uint8_t agent[32], uint64_t epoch, uint64_t number, const uint8_t *head,
                           size_t n),
                void *arg);
/* Deletes the agent's. 0, -1. */
int index_head_forget(struct index *index, const uint8_t agent[32]);

#endif
