/* Generations: which GEN entry of a sealed group's roster is the current one, whether it may seal, and what the next
 * one has to say. A generation begins with an *exit*: an entry by which somebody who holds keys loses the right to
 * them (a removal, a leave, an addition as a vault). The answer depends on the set of entries alone, so members that
 * have the same entries agree, in whatever order these came. The rules and their reasons are in docs/sealed.md,
 * Generations. Pure: the caller reads the roster, and asks again when that changed. */
#ifndef LANYARD_SYNC_SEAL_GENERATION_H
#define LANYARD_SYNC_SEAL_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/group/id.h"

enum {
	GENERATION_PARENTS_MAX = 8,
	GENERATION_EXITS_MAX = 32, /* that one entry covers; more take several entries */
	GENERATION_NAME_LEN = 32,
};

/* A GEN entry, taken apart. */
struct generation {
	uint8_t name[GENERATION_NAME_LEN]; /* of the entry: its hash */
	struct agent_id signer;
	uint32_t number; /* 1 + the greatest of its parents' */
	uint8_t suite, policy;
	uint8_t commitment[32]; /* no secret but one has this */
	uint8_t keyring[32];    /* generation_keyring() of its ancestors */
	uint8_t nparents, nexits;
	uint8_t parents[GENERATION_PARENTS_MAX][GENERATION_NAME_LEN]; /* ascending, each once */
	uint8_t exits[GENERATION_EXITS_MAX][GENERATION_NAME_LEN];     /* entries; ascending, each once */
};

/* Its ID: the first 8 bytes of its name. */
uint64_t generation_id(const struct generation *g);

/* Whose word counts for what, by the roster as it stands. */
enum generation_voice {
	GENERATION_SILENT, /* neither of the next two */
	GENERATION_MEMBER, /* a member, no owner: may answer exits and join, nothing else */
	GENERATION_OWNER,
};

/* What the roster has. All of it is the caller's, and stays while a judgement does. */
struct generation_facts {
	const struct generation *gens; /* ngens, in any order, each name once */
	size_t ngens;
	const uint8_t (*exits)[GENERATION_NAME_LEN]; /* nexits names of entries that count and are exits; any order */
	size_t nexits;
	enum generation_voice (*voice)(void *arg, const struct agent_id *signer);
	void *arg;
};

enum generation_state {
	GENERATION_NONE,  /* no entry counts: nothing can be sealed */
	GENERATION_UNFIT, /* an exit is not covered: someone who may not read could; a new one must come first */
	GENERATION_LATER, /* the current one is of a suite or policy that this version does not know */
	GENERATION_FIT,   /* the current one seals */
};

struct generation_judgement;
/* The judgement of the facts. suite and policies: the highest suite that this version knows, and how many policies it
 * knows. The caller frees with generation_free(). Time and memory grow with the square
 * of ngens: 0.1 ms for 50 generations one after another, 40 ms for 1,000. */
struct generation_judgement *generation_judge(const struct generation_facts *facts, uint8_t suite, uint8_t policies);
void generation_free(struct generation_judgement *j);

enum generation_state generation_state(const struct generation_judgement *j);
/* The current one: of those that count and are of the latest suite, one that covers all exits, if there is one; of
 * these the greatest number; then the smaller name. NULL: none. */
const struct generation *generation_current(const struct generation_judgement *j);
/* Whether this entry counts. */
bool generation_counts(const struct generation_judgement *j, const uint8_t name[GENERATION_NAME_LEN]);
/* What the secret of this generation must be committed to: of one that counts, or that one which counts descends
 * from. NULL: nobody who counts vouches for it, and a secret for it must not be taken. */
const uint8_t *generation_promise(const struct generation_judgement *j, uint64_t id);
/* Whether this agent knows all exits that the generation and its ancestors cover, and all of these; knows() says it
 * of an entry. Before that it may neither give its secret to anybody, nor take it: it could give it to one who left.
 * */
bool generation_is_heard(const struct generation_judgement *j, const uint8_t name[GENERATION_NAME_LEN],
                         bool (*knows)(void *arg, const uint8_t entry[GENERATION_NAME_LEN]), void *arg);

/* Whether this agent, a writer, has to sign the next entry if nobody does so before it: an exit is not covered; or it
 * holds a secret that nobody who counts vouches for any more, and others could not read what was sealed with it. owner:
 * whether it is one. A member does so for the secrets of those who have gone alone: its entry about others, such as one
 * that its signer made as an owner and no longer is, would not count, and it would sign without an end. */
bool generation_is_due(const struct generation_judgement *j, bool owner, bool (*held)(void *arg, uint64_t id),
                       void *arg);
/* What an entry must say that a writer signs now: number, suite, policy (the current one's, which an owner may change),
 * keyring, parents and exits of *next are set; signer, commitment and name are the caller's. Its parents are the newest
 * of those that count or whose secrets this agent holds (held), so that what was sealed with any of them stays
 * readable. More exits or parents than one entry has room for take another one after it. -1: a parent is of a suite
 * that this version does not know. */
int generation_next(const struct generation_judgement *j, bool (*held)(void *arg, uint64_t id), void *arg,
                    struct generation *next);

/* The hash that stands for secrets of ancestors: SHA-256 over (ID, commitment) of each, by ID. Sorts the list. */
struct generation_secret {
	uint64_t id;
	uint8_t commitment[32];
};
void generation_keyring(uint8_t out[32], struct generation_secret *list, size_t n);

/* When one is due, which of the writers signs it first: the place of `self` among them, 0 to n - 1
 * (n: it is not one of them), another order after each current generation. */
size_t generation_rank(const struct generation_judgement *j, const struct agent_id *writers, size_t n,
                       const struct agent_id *self);
/* How many seconds a writer in this place waits for those before it. */
enum { GENERATION_WAIT_S = 10, GENERATION_WAIT_STEP_S = 5 };

#endif
