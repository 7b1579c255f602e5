/* See seal_world.h. */
#include "tests/unit/seal_world.h"

#include "base/bytes.h"
#include "base/sha256.h"

void seal_world_bytes(uint8_t out[32], uint64_t n)
{
	uint8_t in[8];

	put_u64(in, n);
	sha256(out, in, sizeof(in));
}

struct group_id seal_world_group(uint64_t n)
{
	struct group_id group = { 0 };

	seal_world_bytes(group.b, 1000 + n);
	return group;
}

struct keys *seal_world_keys(uint64_t generation)
{
	struct group_id group = seal_world_group(0);
	struct keys_about about = { .id = generation, .suite = KEYS_SUITE, .policy = KEYS_PACKED };
	uint8_t secret[KEYS_SECRET_LEN];

	seal_world_bytes(secret, 2000 + generation);
	return keys_new(&group, &about, secret);
}

struct identity *seal_world_agent(uint64_t n)
{
	uint8_t seed[32];

	seal_world_bytes(seed, 3000 + n);
	return identity_from_seed(seed);
}
