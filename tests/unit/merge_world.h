/* A small world for the property test of the roster: honest agents that invite, admit, give roles, remove, leave, lose
 * their homes and gossip in any order; and keys of an adversary that sign whatever they like. All by the functions that
 * the product uses, from one seed. merge_world.c plays it, merge_judge.c says what must hold whenever all have met. */
#ifndef LANYARD_TESTS_UNIT_MERGE_WORLD_H
#define LANYARD_TESTS_UNIT_MERGE_WORLD_H

#include "base/bytes.h"
#include "sync/group/roster_internal.h"

enum { MERGE_AGENTS = 32, MERGE_INVITES = 48, MERGE_NOW = 1800000000 };

struct merge_agent {
	struct identity *self;
	struct roster *r;   /* NULL: the adversary's, or not in yet */
	struct roster *old; /* a copy of its home; may be NULL */
	bool honest, left;
};

struct merge_invite {
	struct invite invite;
	struct agent_id name;
	bool leaked; /* the adversary has it */
};

/* One entry that anybody has signed. */
struct merge_said {
	uint8_t *bytes; /* owned */
	size_t n;
};

struct merge_world {
	uint64_t seed;
	struct group_id group;
	struct merge_agent agents[MERGE_AGENTS]; /* [0] founds */
	size_t nagents;
	struct merge_invite invites[MERGE_INVITES];
	size_t ninvites;
	struct merge_said *said; /* owned */
	size_t nsaid, cap;
	bool evil_may_own, evil_owned; /* an honest owner may make, has made one of the adversary's keys an owner */
	bool put_back;                 /* a home was restored */
	struct roster_mark marks[ROSTER_MAX_OWNERS]; /* of a key file that was made when all met before */
	size_t nmarks;
	uint64_t counts[16]; /* by enum merge_event */
};

enum merge_event {
	MERGE_ADMITTED,
	MERGE_CONFIRMED,
	MERGE_GRANTED,
	MERGE_REMOVED,
	MERGE_INVITED,
	MERGE_REVOKED,
	MERGE_LEFT,
	MERGE_RESTORED,
	MERGE_FORGED,
	MERGE_FLOODED,
	MERGE_TOLD,
	MERGE_OLD_SHOWN,  /* a roster from before a removal was shown to a joiner */
	MERGE_OLD_KEY,    /* a key file has marks that the roster does not show any more, and is good all the same */
	MERGE_FORKED,     /* a restored agent was shown the roster of a former owner that removes its removers */
	MERGE_KEY_FOOLED, /* a restored agent believed a roster that is older than its key file */
	MERGE_EVENTS
};

extern const char *const merge_event_names[MERGE_EVENTS];

void merge_world_begin(struct merge_world *w, uint64_t seed);
void merge_world_end(struct merge_world *w);
void merge_step(struct merge_world *w);
/* Everybody tells everybody until nothing is new. false: they never come to the same. */
bool merge_settle(struct merge_world *w);
/* Owners' agents do what is their duty until none has any. */
bool merge_heal(struct merge_world *w);
/* What does not hold, in words; NULL: all does. Everybody has met. */
const char *merge_judge(struct merge_world *w);

/* merge_adversary.c: one of its keys, or a new one, signs something, or a flood. */
void merge_adversary_acts(struct merge_world *w);
struct merge_agent *merge_any_evil(struct merge_world *w); /* NULL: it has none yet */

/* For the adversary and the judge. */
bool merge_chance(unsigned percent);
void merge_event_note(struct merge_world *w, enum merge_event e);
const struct agent_id *merge_id(const struct merge_agent *a);
/* There must be room. */
struct merge_agent *merge_agent_new(struct merge_world *w, bool honest);
/* The entry was signed; it is copied. */
void merge_say(struct merge_world *w, const uint8_t *entry, size_t n);
/* a takes it in, and perhaps judges at once: roster_settle() must follow. */
void merge_give(struct merge_agent *a, uint64_t bringer, const uint8_t *entry, size_t n);
/* Those with a roster, the founder first. */
size_t merge_actors(struct merge_world *w, struct merge_agent *out[MERGE_AGENTS]);
/* NULL: nobody's. */
const struct merge_agent *merge_agent_of(const struct merge_world *w, const struct agent_id *id);
/* All entries that a roster holds, whether they count or not, in random order into the other. filter: NULL: all. */
typedef bool merge_filter(void *arg, const struct roster_item *it);
void merge_pour(struct roster *to, const struct roster *from, merge_filter *filter, void *arg);

#endif
