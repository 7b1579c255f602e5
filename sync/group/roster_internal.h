/* Shared by the files behind roster.h and invite.h; apart from them only tests include it. Bytes and rules in
 * prose: docs/roster.md.
 *
 *   roster.c                               the set of entries, and what others are told of it
 *   roster_file.c                          the set on disk
 *   roster_entry.c, roster_write.c         entries as bytes, read and written
 *   roster_weigh.c, _speak.c, _judge.c     which entries count; each of the three calls those before it
 *   roster_view.c                          who is a member, as a result
 *   roster_proof.c                         entries with those that give them their authority; credentials
 *   roster_outside.c                       why an agent is not a member, and the proof of it
 *   roster_invites.c                       the invites that it knows of
 *   roster_generations.c                   which generations and box keys of a sealed group count
 *   roster_keys.c                          whom keys may be sent to; what this agent signs of them
 *   roster_statements.c                    how complete an owner's statements are
 *   roster_sign.c                          what this agent signs
 *   roster_name.c                          which names a group may have */
#ifndef LANYARD_SYNC_GROUP_ROSTER_INTERNAL_H
#define LANYARD_SYNC_GROUP_ROSTER_INTERNAL_H

#include <uthash.h>

#include "sync/group/generation.h"
#include "sync/group/invite.h"
#include "sync/group/roster.h"

enum {
	HASH_LEN = 32,
	ENTRY_NAMED_MAX = 32, /* other entries that one names */
	INVITE_SLOTS = 128,   /* notes of invites, each owner's own */
	/* Bounds of entries that count, each signer's own, so that no signer fills what another needs. */
	OWNER_MAX_STATEMENTS = 2048, /* of each kind, an owner's */
	OWNER_ROOM_STATEMENTS = 512, /* of these, how many its agent leaves to its owner's own acts */
	ROSTER_MAX_SILENCED = 32,    /* owners, before the judgement ends */
	ADMITTER_MAX_JOINS = 64,     /* a member's */
	INVITE_OLD_USES = 100,       /* of an invite that does not say */
	/* Bounds of entries that do not count. */
	BRINGER_MAX_WAITING = 64,    /* that never counted, of one bringer */
	ROSTER_MAX_WAITING = 1024,   /* of all */
	ROSTER_MAX_PAST = 4096,      /* owners' statements that once counted */
	ROSTER_MAX_PAST_JOINS = 512, /* entries of other signers that once counted */
	ROSTER_MAX_PAST_GENS = 4096, /* generations that were once in effect, of all; */
	SIGNER_MAX_PAST_GENS = 1024, /* of one signer */
};

/* --- roster_entry.c, roster_write.c: entries as bytes. Pure. --- */

enum entry_kind {
	ENTRY_FOUND = 1,
	ENTRY_ADD = 2,
	ENTRY_JOIN = 3,
	ENTRY_REMOVE = 4,
	ENTRY_LEAVE = 5,
	ENTRY_REVOKE = 6,
	ENTRY_INVITE = 7,
	/* Of sealed groups alone. */
	ENTRY_GEN = 8,
	ENTRY_BOX = 9
};
enum { ENTRY_HIDDEN = 1, ENTRY_SEALED = 2 };

/* An entry taken apart. Pointers lead into its bytes. */
struct roster_entry {
	enum entry_kind kind;
	int format;                 /* 1: as lanyard 0.1.0 wrote it */
	struct group_id group;      /* FOUND: its own hash */
	uint64_t number;            /* not JOIN, GEN: of the signer's acts; format 1, BOX: its date */
	const uint8_t *statements;  /* ADD, REMOVE, REVOKE: the signer's statements; NULL in format 1 */
	int64_t time_s;             /* for people; JOIN: when it was admitted */
	struct agent_id target;     /* the agent it is about; REVOKE: the invite; INVITE: the slot; GEN: the group */
	struct agent_id signer;     /* JOIN: the agent that admitted */
	enum role role;             /* FOUND: owner; JOIN, INVITE: the invite's; REMOVE, LEAVE, REVOKE: none */
	const uint8_t *member_name; /* FOUND, ADD, JOIN */
	size_t member_name_n;
	const uint8_t *named; /* ADD, JOIN: nnamed hashes of entries that it knows of and overrides */
	size_t nnamed;
	const uint8_t *group_name; /* FOUND */
	size_t group_name_n;
	const uint8_t *nonce;   /* FOUND */
	uint8_t flags;          /* FOUND */
	bool abandon;           /* LEAVE: though no owner is left */
	bool invited;           /* JOIN, ADD, INVITE: there is an invite */
	struct agent_id invite; /* its name: the hash of what its issuer signed */
	struct agent_id issuer; /* JOIN, INVITE: who signed the invite */
	uint32_t uses;          /* JOIN, INVITE: by how many agents the invite may be used */
	int64_t expires_s;      /* JOIN, INVITE */
	const uint8_t *binding; /* JOIN: of the connection it came by */
	const uint8_t *said;    /* GEN, BOX: what comes between the time and the signer's key, */
	size_t said_n;          /* the bytes of generation_entry.h, or a key */
};

/* -1 unless the bytes are exactly one well-formed entry. Does not check signatures. */
int roster_entry_parse(struct roster_entry *e, const uint8_t *p, size_t n);
/* Whether all signatures of a well-formed entry hold. */
bool roster_entry_signed(const uint8_t *p, size_t n);
/* A joiner's request is a JOIN entry up to and including the proof. The same two functions for it. */
int roster_entry_parse_request(struct roster_entry *e, const uint8_t *p, size_t n);
bool roster_entry_request_signed(const uint8_t *p, size_t n);

/* The owner's part of an entry that an owner signs. */
struct roster_statement {
	uint64_t number;
	uint8_t statements[HASH_LEN];
	int64_t time_s;
};

struct statement_add {
	const struct agent_id *target;
	enum role role;
	const char *member_name;
	const struct agent_id *invite; /* by which it came; NULL: none */
	const uint8_t *named;
	size_t nnamed;
};

struct invite_note {
	uint64_t number;
	int64_t time_s;
	uint8_t slot;
	const struct invite *invite;
	const uint8_t *key; /* its throw-away public key */
};

/* Builders append one entry to out (which must have room); -1 when it does not fit. */
/* nonce NULL: a random one. */
int roster_entry_found(struct bytes *out, const struct identity *founder, const char *group_name, uint8_t flags,
                       const char *member_name, int64_t time_s, const uint8_t *nonce);
int roster_entry_add(struct bytes *out, const struct identity *owner, const struct group_id *group,
                     const struct roster_statement *statement, const struct statement_add *add);
int roster_entry_remove(struct bytes *out, const struct identity *owner, const struct group_id *group,
                        const struct roster_statement *statement, const struct agent_id *target);
int roster_entry_revoke(struct bytes *out, const struct identity *owner, const struct group_id *group,
                        const struct roster_statement *statement, const struct agent_id *invite);
/* An owner's note of an invite of its own, in one of its INVITE_SLOTS slots. */
int roster_entry_invite(struct bytes *out, const struct identity *owner, const struct invite_note *note);
/* A generation; -1 also when g is not in one form. g->signer and g->name are set. */
int roster_entry_gen(struct bytes *out, const struct identity *signer, const struct group_id *group,
                     struct generation *g, int64_t time_s);
/* The signer's box key. */
int roster_entry_box(struct bytes *out, const struct identity *signer, const struct group_id *group,
                     const uint8_t key[BOX_KEY_LEN], int64_t time_s);
int roster_entry_leave(struct bytes *out, const struct identity *signer, const struct group_id *group, uint64_t number,
                       bool abandon, int64_t time_s);
int roster_entry_request(struct bytes *out, const struct invite *invite, const struct identity *joiner,
                         const char *member_name, const uint8_t binding[TLS_BINDING_LEN]);
/* request: n bytes of a well-formed one. */
int roster_entry_join(struct bytes *out, const struct identity *admitter, const uint8_t *request, size_t n,
                      const uint8_t *named, size_t nnamed, int64_t time_s);
/* Appends the bytes that an invite's issuer signs to out. format 1: as lanyard 0.1.0 signed them, without uses. */
struct invite_terms {
	const struct group_id *group;
	enum role role;
	int64_t expires_s;
	uint32_t uses;
	const uint8_t *key, *issuer_key; /* PUBLIC_KEY_LEN each */
};
void roster_entry_invite_statement(struct bytes *out, const struct invite_terms *terms, int format);

/* --- the set --- */

struct roster_agent;

/* An entry in the set. Its lists belong to the agents it is about and signed by. */
struct roster_item {
	uint8_t hash[HASH_LEN]; /* key */
	uint8_t *bytes;         /* owned */
	size_t n;
	struct roster_entry e; /* leads into bytes */
	struct roster_agent *target, *signer;
	struct roster_agent *issuer, *invite; /* NULL when there is no invite, and of an ADD's the issuer */
	uint64_t bringer;                     /* the peer that brought it; 0: none */
	bool valid;                           /* it counts */
	bool heard;     /* it counts, or did in some round of the judgement: others must have it to judge the same */
	bool was_valid; /* it counted at some time */
	bool settled, settled_heard; /* valid and heard at the last roster_settle() */
	bool told;                   /* roster_news() has passed it on */
	bool sure;                   /* JOIN: an owner has added its subject since */
	bool spared; /* it made an owner of the agent that removed its signer, so it counts all the same */
	bool marked; /* a mark for searches: roster_credential(), and chains in roster_speak.c */
	bool proved; /* GEN: it was found to say the truth about its ancestors */
	struct roster_item *target_prev, *target_next;
	struct roster_item *signer_prev, *signer_next;
	struct roster_item *valid_prev, *valid_next; /* in roster.valid */
	UT_hash_handle hh;
};

/* An agent that some entry speaks of; or an invite, by its name. */
struct roster_agent {
	struct agent_id id;            /* key */
	int refs;                      /* entries that refer to it */
	struct roster_item *about;     /* by target_next: additions and removals, JOINs last */
	struct roster_item *signed_by; /* by signer_next */
	struct roster_item *acts_by;   /* the addition by which it spoke as an owner; NULL: it did not speak */
	bool silenced;                 /* an owner whom a later one removed or demoted: its additions count no more */
	bool pardoned;                 /* it was silenced once, until its demotion did not count any more */
	bool immune;                   /* it is heard because all others ended in silence */
	bool revoked;                  /* an invite that was taken back */
	bool admits;                   /* by an owner's statement it may honour invites */
	uint32_t used;                 /* an invite: how many agents used it */
	uint32_t njoins;               /* that it signed and that count */
	UT_hash_handle hh;
};

struct view_member {
	struct roster_agent *agent;
	struct roster_item *by; /* the addition that counts */
	enum role role;
	char name[MEMBER_NAME_MAX + 1];
};

/* The members, computed when asked for after a change. */
struct view {
	bool fresh;
	struct view_member *members; /* owned; sorted by ID */
	size_t n;
};

/* Of a sealed group, as of the last judgement. */
struct roster_generations {
	struct generation *gens;    /* owned; ngens, of items[] */
	struct roster_item **items; /* owned */
	bool *proved;               /* owned */
	size_t ngens;
	uint8_t (*exits)[HASH_LEN]; /* owned */
	size_t nexits;
	struct generation_judgement *j; /* owned; NULL: the group is not known to be sealed */
};

struct roster {
	struct group_id group;
	struct roster_item *founding; /* NULL: not here yet */
	char name[GROUP_NAME_MAX + 1];
	struct roster_item *items;   /* by hash; in the order in which they came */
	struct roster_agent *agents; /* by ID */
	struct roster_item *valid;   /* each after what it depends on */
	struct roster_agent *speakers[ROSTER_MAX_OWNERS];
	size_t nspeakers; /* owners that have spoken, in that order */
	struct roster_agent *silenced[ROSTER_MAX_SILENCED];
	size_t nsilenced, npardons;
	bool lost;         /* an entry that counted was replaced since the last roster_settle() */
	bool put;          /* entries were put since then */
	bool damaged;      /* its file was */
	struct view *view; /* owned */
	struct roster_generations generations;
};

/* roster.c */
struct roster_agent *roster_agent_find(const struct roster *r,
                                       const struct agent_id *id); /* NULL: no entry is about it, or by it */
/* keep: it counted once. The entry's signatures hold. Does not judge. */
enum roster_add roster_insert(struct roster *r, uint64_t bringer, const uint8_t *entry, size_t n, bool keep);

/* --- roster_statements.c --- */
/* The digest of all statements of this signer except the one about to be replaced (kind and target; 0 and NULL:
 * none). */
void roster_statements(const struct roster_agent *signer, enum entry_kind kind, const struct agent_id *target,
                       uint8_t digest[HASH_LEN]);
/* The greatest statement of this signer; NULL: it has not said any. */
const struct roster_item *roster_last_statement(const struct roster_agent *signer);

/* --- roster_weigh.c --- */
/* The addition of a that counts and is not defeated: as the owners see it (no leaves, no JOINs), and in the end.
 * NULL: none. */
struct roster_item *roster_weigh_standing(const struct roster_agent *a);
struct roster_item *roster_weigh_deciding(const struct roster_agent *a);
/* An owner's removal, which only an addition that names it can override: the invited cannot come back. */
bool roster_weigh_removed(const struct roster_agent *a);
/* Whether a came by this invite, as an entry that counts says; before: by one that comes before this one; NULL: by
 * any. */
bool roster_weigh_came_by(const struct roster_agent *a, const struct roster_agent *invite,
                          const struct roster_item *before);
/* Whether an entry that counts defeats this addition. leaves: those that its own agent signed are asked as well. */
bool roster_weigh_defeated(const struct roster_item *it, bool leaves);
/* From now on the entry counts. */
void roster_weigh_count(struct roster *r, struct roster_item *it);

/* --- roster_speak.c --- */
/* Sets which of the owners' statements count, and who is silenced. */
void roster_speak(struct roster *r);

/* --- roster_judge.c --- */
/* Judges all entries again: sets what counts. */
void roster_judge(struct roster *r);

/* --- roster_generations.c --- */
/* The last step of the judgement: which generations and box keys count, in a sealed group. */
void roster_generations_judge(struct roster *r);
/* Whether an entry, if it counts, may end somebody's right to keys. */
bool roster_generations_exit(const struct roster_entry *e);
/* Forgets its result: entries that it refers to may go. */
void roster_generations_clear(struct roster *r);

/* --- roster_view.c --- */
const struct view *roster_view(const struct roster *r);
const struct view_member *roster_view_find(const struct roster *r, const struct agent_id *id);

/* --- roster_proof.c --- */
/* Passes on those entries that count of `items`, the founding entry, and all on which they depend, in the order of
 * roster.valid. */
void roster_proof(const struct roster *r, struct roster_item *const *items, size_t n,
                  bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);

/* --- roster_sign.c --- */
/* Signs an addition and puts it into the roster; roster_settle() must follow. what->named is filled in.
 * what->invite: by which the agent came; NULL: as was said before. */
int roster_sign_add(struct roster *r, const struct identity *self, const struct statement_add *what, int64_t now_s);
/* Collects the hashes of a's leaves that a new addition of a must name to stand, at most ENTRY_NAMED_MAX; returns how
 * many. */
size_t roster_name_leaves(const struct roster_agent *a, uint8_t named[ENTRY_NAMED_MAX * HASH_LEN]);

/* --- roster_name.c --- */
/* The length of the character at p, of which n bytes may be read, and its code point; 0: none that people may be
 * shown. */
size_t roster_name_char(const uint8_t *p, size_t n, uint32_t *code);

#endif
