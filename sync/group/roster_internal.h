/* What the files behind roster.h and invite.h share: roster.c (the set, its file, what it tells), roster_entry.c (entries
 * as bytes), roster_judge.c (which entries count, who is a member), roster_owner.c (what owners sign), roster_name.c.
 * Bytes and rules in prose: docs/roster.md. Nobody else but tests includes this. */
#ifndef LANYARD_SYNC_GROUP_ROSTER_INTERNAL_H
#define LANYARD_SYNC_GROUP_ROSTER_INTERNAL_H

#include <uthash.h>

#include "sync/group/invite.h"
#include "sync/group/roster.h"

enum {
	HASH_LEN = 32,
	NONCE_LEN = 16,
	ENTRY_NAMED_MAX = 32,     /* other entries that one names */
	ROSTER_MAX_WAITING = 256, /* entries whose authority was never known yet */
};

/* --- roster_entry.c: entries as bytes. Pure. --- */

enum entry_kind { ENTRY_FOUND = 1, ENTRY_ADD = 2, ENTRY_JOIN = 3, ENTRY_REMOVE = 4 };
enum { ENTRY_HIDDEN = 1, ENTRY_SEALED = 2 };

/* An entry taken apart. Pointers lead into its bytes. */
struct roster_entry {
	enum entry_kind kind;
	struct group_id group;      /* FOUND: its own hash */
	int64_t time_s;             /* JOIN: when it was admitted */
	struct agent_id target;     /* whom it is about */
	struct agent_id signer;     /* JOIN: who admitted */
	enum role role;             /* FOUND: owner; REMOVE: none */
	const uint8_t *member_name; /* FOUND, ADD, JOIN */
	size_t member_name_n;
	const uint8_t *named; /* ADD, JOIN: nnamed hashes of entries that it knows of and overrides */
	size_t nnamed;
	const uint8_t *group_name; /* FOUND */
	size_t group_name_n;
	uint8_t flags;          /* FOUND */
	struct agent_id issuer; /* JOIN: who signed the invite */
	int64_t expires_s;      /* JOIN */
	const uint8_t *binding; /* JOIN: of the connection it came by */
};

/* -1 unless the bytes are exactly one well-formed entry. Signatures are not looked at. */
int roster_entry_parse(struct roster_entry *e, const uint8_t *p, size_t n);
/* Whether all signatures of a well-formed entry hold. */
bool roster_entry_signed(const uint8_t *p, size_t n);
/* A joiner's request is a JOIN entry up to and including the proof. The same two questions of it. */
int roster_entry_parse_request(struct roster_entry *e, const uint8_t *p, size_t n);
bool roster_entry_request_signed(const uint8_t *p, size_t n);

/* Builders append one entry to out (which must have room); -1 when it does not fit. */
int roster_entry_found(struct bytes *out, const struct identity *founder, const char *group_name, uint8_t flags,
                       const char *member_name, int64_t time_s);
int roster_entry_add(struct bytes *out, const struct identity *owner, const struct group_id *group,
                     const struct agent_id *target, enum role role, const char *member_name, const uint8_t *named,
                     size_t nnamed, int64_t time_s);
int roster_entry_remove(struct bytes *out, const struct identity *signer, const struct group_id *group,
                        const struct agent_id *target, int64_t time_s);
int roster_entry_request(struct bytes *out, const struct invite *invite, const struct agent_id *joiner,
                         const char *member_name, const uint8_t binding[TLS_BINDING_LEN]);
/* request: n bytes of a well-formed one. */
int roster_entry_join(struct bytes *out, const struct identity *admitter, const uint8_t *request, size_t n,
                      const uint8_t *named, size_t nnamed, int64_t time_s);
/* The bytes an invite's issuer signs; appends them to out. */
void roster_entry_invite_statement(struct bytes *out, const struct group_id *group, enum role role, int64_t expires_s,
                                   const uint8_t invite_key[PUBLIC_KEY_LEN], const uint8_t issuer_key[PUBLIC_KEY_LEN]);

/* --- the set --- */

struct agent;

/* An entry in the set. Its three lists belong to the agents it is about, signed by, and invited by. */
struct item {
	uint8_t hash[HASH_LEN]; /* key */
	uint8_t *bytes;         /* owned */
	size_t n;
	struct roster_entry e; /* leads into bytes */
	struct agent *target, *signer;
	struct agent *issuer; /* JOIN; else NULL */
	bool valid;           /* its authority is known and stands */
	bool was_valid;       /* at some time: never thrown away again */
	bool marked;          /* by roster_credential() */
	struct item *target_prev, *target_next;
	struct item *signer_prev, *signer_next;
	struct item *issuer_prev, *issuer_next;
	struct item *valid_prev, *valid_next;     /* in roster.valid */
	struct item *waiting_prev, *waiting_next; /* in roster.waiting */
	UT_hash_handle hh;
};

/* An agent that some entry speaks of. */
struct agent {
	struct agent_id id;      /* key */
	int refs;                /* items that lead here */
	struct item *about;      /* by target_next: additions and removals, JOINs last */
	struct item *signed_by;  /* by signer_next */
	struct item *invited_by; /* by issuer_next */
	struct item *acts_by;    /* the addition by which it had its say as an owner; NULL: it had none */
	struct item *stands_by;  /* the addition by which it can admit others; NULL: it cannot */
	UT_hash_handle hh;
};

struct view_member {
	struct agent *agent;
	struct item *by; /* the addition that counts */
	enum role role;
	char name[MEMBER_NAME_MAX + 1];
};

/* Who is a member, made when asked for after a change. */
struct view {
	bool fresh;
	struct view_member *members; /* owned; sorted by ID */
	size_t n;
};

struct roster {
	struct group_id group;
	struct item *founding; /* NULL: not here yet */
	char name[GROUP_NAME_MAX + 1];
	struct item *items;   /* by hash */
	struct agent *agents; /* by ID */
	struct item *valid;   /* each after what it depends on */
	struct item *waiting; /* never valid yet, oldest first */
	size_t nwaiting;
	bool damaged;      /* its file was */
	struct view *view; /* owned */
};

/* roster.c */
struct agent *roster_agent(const struct roster *r, const struct agent_id *id); /* NULL: nobody speaks of it */

/* --- roster_judge.c --- */
/* Looks at all entries anew. */
void roster_judge(struct roster *r);
/* Whether this item's authority is known and stands, as all is now. */
bool roster_judge_counts(const struct roster *r, const struct item *it);
/* it, which counts, has come: as roster_judge(), but looking no further than it reaches. */
void roster_judge_one(struct roster *r, struct item *it);
const struct view *roster_judge_view(const struct roster *r);
/* An owner's removal that no addition can override but one that names it: the invited cannot come back. */
bool roster_judge_removed(const struct agent *a);
/* Its own leave; NULL. */
struct item *roster_judge_leave(const struct agent *a);

#endif
