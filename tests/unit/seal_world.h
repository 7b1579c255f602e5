/* A sealed group for the tests of sealed forms: agents, and generations' keys, always the same ones. */
#ifndef LANYARD_TESTS_UNIT_SEAL_WORLD_H
#define LANYARD_TESTS_UNIT_SEAL_WORLD_H

#include "sync/group/identity.h"
#include "sync/seal/keys.h"

/* 32 bytes that depend on n alone. */
void seal_world_bytes(uint8_t out[32], uint64_t n);
/* The n-th group. */
struct group_id seal_world_group(uint64_t n);
/* Keys of a generation of group 0, of a secret that depends on the generation alone. */
struct keys *seal_world_keys(uint64_t generation);
/* The n-th agent; the caller frees. */
struct identity *seal_world_agent(uint64_t n);

#endif
