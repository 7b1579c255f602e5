/* Shared by the files behind generation.h: a judgement, and the sets of nodes in it. */
#ifndef LANYARD_SYNC_SEAL_GENERATION_INTERNAL_H
#define LANYARD_SYNC_SEAL_GENERATION_INTERNAL_H

#include "sync/group/generation.h"

/* What is known of one entry. */
struct generation_node {
	const struct generation *g;
	bool silent;       /* its signer has gone */
	bool whole;        /* its ancestors are all here, and it says the truth about them */
	bool counts;       /* its signer may say so */
	uint64_t *line;    /* in the judgement's memory: bits of nodes, itself and its ancestors; */
	uint64_t *covered; /* bits of exits that count and that it or an ancestor covers */
	size_t ncovered;   /* how many */
	size_t weight;     /* that, and how many of its ancestors do not count themselves */
	size_t cost;       /* if it counts: how many entries came into effect by it, itself included */
	size_t parents[GENERATION_PARENTS_MAX]; /* nodes */
};

struct generation_judgement {
	struct generation_facts facts;
	struct generation_node *nodes; /* owned; by number, then by name, so that ancestors come first */
	size_t *by_name;               /* owned; nodes */
	const uint8_t **exits;         /* owned; sorted */
	uint64_t *bits;                /* owned; all nodes' sets */
	uint64_t *vouched;             /* owned; those that count, and their ancestors */
	size_t node_words, exit_words; /* of one set */
	size_t nexits;                 /* without repetitions */
	size_t current;                /* ngens: none */
	uint8_t suite;                 /* the highest that is known */
	enum generation_state state;
};

/* Sets of bits. */

static inline void generation_bit(uint64_t *set, size_t i)
{
	set[i / 64] |= (uint64_t)1 << i % 64;
}

static inline bool generation_has(const uint64_t *set, size_t i)
{
	return (set[i / 64] >> i % 64 & 1) != 0;
}

static inline void generation_unite(uint64_t *to, const uint64_t *from, size_t words)
{
	for (size_t i = 0; i < words; i++)
		to[i] |= from[i];
}

static inline size_t generation_count(const uint64_t *set, size_t words)
{
	size_t n = 0;

	for (size_t i = 0; i < words; i++)
		n += (size_t)__builtin_popcountll(set[i]);
	return n;
}

/* Which node of this set an entry continues that has the set as its ancestors: of those that count, or of all if none
 * does, the latest suite, then the greatest number, then the smaller name. ngens: the set is empty. */
size_t generation_heir(const struct generation_judgement *j, const uint64_t *set);
/* Whether another entry may come to count by this signer that brings these nodes into effect, and itself. before: only
 * nodes before this one are asked. */
bool generation_has_room(const struct generation_judgement *j, const struct agent_id *signer, bool owner,
                         const uint64_t *line, size_t before);
/* generation_keyring() of the nodes of this set. */
void generation_keyring_of(const struct generation_judgement *j, const uint64_t *set, uint8_t out[32]);

#endif
