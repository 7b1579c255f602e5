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
	/* What this version knows (sync/seal/keys.h): suites up to this one, and how many policies. */
	GENERATION_SUITE = 1,
	GENERATION_POLICIES = 2,
	/* Bounds. Each is of one signer, so that nobody takes room from another. */
	GENERATION_OWNER_MAX = 1024, /* of an owner's entries that count, with all that only they bring into effect */
	GENERATION_MEMBER_MAX = 256, /* the same of a member's */
	GENERATION_LINE_MAX = 1024,  /* of an entry and its ancestors: as many secrets as a keyring holds */
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
	/* Of each entry whether generation_is_whole() has been true of it: then its keyring is not computed again,
	 * which is most of the work. NULL: of none. */
	const bool *proved;
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
 * of ngens: 0.1 ms for 50 generations one after another, 40 ms for 1,000 that are not proved. */
struct generation_judgement *generation_judge(const struct generation_facts *facts, uint8_t suite, uint8_t policies);
void generation_free(struct generation_judgement *j);

enum generation_state generation_state(const struct generation_judgement *j);
/* The current one: of those that count and are of the latest suite, one that covers all exits, if there is one; of
 * these the greatest number; then the smaller name. NULL: none. */
const struct generation *generation_current(const struct generation_judgement *j);
/* Whether this entry counts. */
bool generation_counts(const struct generation_judgement *j, const uint8_t name[GENERATION_NAME_LEN]);
/* Whether its ancestors are here, and it says the truth about them. */
bool generation_is_whole(const struct generation_judgement *j, const uint8_t name[GENERATION_NAME_LEN]);
/* Calls fn for the entries in effect: those that count, and those that one which counts descends from. Each comes after
 * its ancestors. Whoever has these alone judges the same. */
void generation_each(const struct generation_judgement *j, void (*fn)(void *arg, const struct generation *g),
                     void *arg);
/* The generation of this ID: one that counts, or that one which counts descends from. The secret of its ID must have
 * its commitment. NULL: nobody who counts vouches for one, and a secret for it must not be taken, nor given. */
const struct generation *generation_vouched(const struct generation_judgement *j, uint64_t id);

/* An agent that may have to sign the next entry: an owner or a member, by the roster as it stands. */
struct generation_writer {
	struct agent_id id;
	bool owner;
	bool (*held)(void *arg, uint64_t id); /* whether it holds the secret of this generation */
	void *arg;
};
/* Whether it has to sign the next entry if nobody does so before it: an exit is not covered; or no entry counts; or it
 * holds a secret that nobody who counts vouches for any more, and others could not read what was sealed with it. */
bool generation_is_due(const struct generation_judgement *j, const struct generation_writer *w);
/* What an entry must say that w signs now: number, suite, policy (those of the entry that it continues; an owner may
 * change them), keyring, parents and exits of *next are set; signer, commitment and name are the caller's. Its parents
 * are the newest of those that count or whose secrets w holds, so that what was sealed with any of them stays readable.
 * More exits or parents than one entry has room for take another one after it. -1: what w signs would not count, since
 * it has used up its bound or the line is as long as it may be; or a parent is of a suite that this version does not
 * know. */
int generation_next(const struct generation_judgement *j, const struct generation_writer *w, struct generation *next);

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
