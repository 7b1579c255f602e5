/* The roster of one group: a set of signed entries that members gossip and that every member reads the same way.
 * The founding entry's hash is the group's ID. An entry counts when its chain of authority leads back to it: an
 * owner signed it, or it carries an invite that an owner signed and that an agent honoured whom an owner made a
 * member. Entries that do not count are kept (bounded), and judged again when others arrive. A removal defeats any
 * addition that does not name it; so does a leave. Merging is a set union of each owner's last statement about each
 * subject, so the order does not matter.
 *
 * Bytes of an entry, the rules in full, and every bound: docs/roster.md. At most 4 KiB per entry, 16 owners, 1,024
 * members, and 64 admissions by one member that is not an owner. No signer's bound takes room from another's. Of
 * two agents with the same short ID only one can be a member. The loop's thread, except for roster_check(). */
#ifndef LANYARD_SYNC_GROUP_ROSTER_H
#define LANYARD_SYNC_GROUP_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "sync/group/identity.h"
#include "sync/group/rights.h"

enum {
	ROSTER_ENTRY_MAX = 4096,
	ROSTER_NONCE_LEN = 16, /* of the founding entry */
	ROSTER_MAX_MEMBERS = 1024,
	ROSTER_MAX_OWNERS = 16,      /* whose statements are heard */
	ROSTER_CONFIRM_AT_ONCE = 32, /* by roster_do_duty() */
	GROUP_NAME_MAX = 64,
	MEMBER_NAME_MAX = 64,
	BOX_KEY_LEN = 32, /* X25519, public */
};

struct roster;
struct invite;
struct generation;
struct generation_judgement;

/* Group names: 1 to GROUP_NAME_MAX bytes of printable UTF-8 without '/', spaces at the ends, or control characters. */
bool roster_name_valid(const char *name);

/* Founds a group: signs its first entry, with the founder as owner. member_name: a host name for people, cut to
 * MEMBER_NAME_MAX. now_s: wall clock. NULL when the group's name is not valid. */
struct roster *roster_found(const struct identity *founder, const char *group_name, bool hidden, bool sealed,
                            const char *member_name, int64_t now_s);
/* The same of a group that is neither hidden nor sealed, with a nonce that is not random (group_secret.h). */
struct roster *roster_found_with(const struct identity *founder, const char *group_name, const char *member_name,
                                 int64_t now_s, const uint8_t nonce[ROSTER_NONCE_LEN]);
/* The founding entry's nonce, and its founder's key; lent. NULL until that entry is here. */
const uint8_t *roster_founding_nonce(const struct roster *r, const uint8_t **founder_key);
/* An empty roster of a group that we know only by its ID (a joiner's). */
struct roster *roster_new(const struct group_id *id);
void roster_free(struct roster *r);

/* roster.bin in the group's home folder (fs_write_file). load: NULL with *why when it is not there or does not hold a
 * founding entry for its own ID. */
struct roster *roster_load(int dirfd, const char *path, char **why);
/* Whether entries in the file it was loaded from could not be read: an agent that it does not show as a member may
 * be one all the same. */
bool roster_is_damaged(const struct roster *r);
int roster_save(const struct roster *r, int dirfd, const char *path);

const struct group_id *roster_group(const struct roster *r);
const char *roster_name(const struct roster *r); /* the group's name; "" until the founding entry is here */
bool roster_hidden(const struct roster *r);
bool roster_sealed(const struct roster *r);

enum roster_add {
	ROSTER_ADDED,   /* new, and it counts: membership may have changed */
	ROSTER_KNOWN,   /* known, or older than another statement of the same signer about the same subject */
	ROSTER_PENDING, /* well-formed, and does not count yet */
	ROSTER_BAD      /* malformed, of another group, or a false signature */
};
/* Adds one entry: checks its signatures, and judges. For many see roster_put(). */
enum roster_add roster_add(struct roster *r, const uint8_t *entry, size_t n);

/* For many entries: whether one is well-formed, of this group, and its signatures hold (0.1 to 0.3 ms: for a
 * worker; any thread). */
bool roster_check(const struct group_id *group, const uint8_t *entry, size_t n);
bool roster_knows(const struct roster *r, const uint8_t *entry, size_t n);
/* Takes in an entry that passed roster_check(), without judging it: roster_settle() must follow before any
 * question. bringer: the peer whose connection it came by; of entries that do not count only the last 64 of each
 * are kept. 0: no peer. */
enum roster_add roster_put(struct roster *r, uint64_t bringer, const uint8_t *entry, size_t n);
/* Judges the entries that were put. True when what counts has changed. */
bool roster_settle(struct roster *r);
/* Whether a well-formed entry is of a kind of which any member can sign as many as it likes, each in another's place or
 * beside it: an admission by an invite, a generation, a box key. */
bool roster_is_repeatable(const uint8_t *entry, size_t n);
bool roster_counts(const struct roster *r, const uint8_t *entry, size_t n);
/* Calls fn for every entry that others need since the last call, or since the file was loaded: others are to be
 * told these. */
void roster_news(struct roster *r, void (*fn)(void *arg, uint64_t bringer, const uint8_t *entry, size_t n), void *arg);
/* Calls fn for every entry that others need to judge the same, until it returns false: those that count, each after
 * those that give it its authority, and those that counted before an owner was silenced. */
void roster_entries(const struct roster *r, bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* The same for the entries that prove one agent's membership, founding entry first: a peer that does not know the
 * agent yet must see these. None when it is not a member. */
void roster_credential(const struct roster *r, const struct agent_id *id,
                       bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* The same for the entries that ended the authority of former owners. Owners that remove each other while apart are
 * each outside for the other's friends, who must see these to agree on the one that stays. */
void roster_deposed(const struct roster *r, bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* SHA-256 over the same entries, in order of their hashes: equal digests, equal judgement. */
void roster_digest(const struct roster *r, uint8_t digest[32]);

enum role roster_role(const struct roster *r, const struct agent_id *id); /* ROLE_NONE: not a member (any more) */
/* Whether this agent's role, at this moment, gives it the right. */
bool roster_may(const struct roster *r, const struct agent_id *id, enum right right);

struct roster_member {
	struct agent_id id;
	enum role role;
	const char *name; /* untrusted text, at most MEMBER_NAME_MAX bytes; the roster's until it changes */
	int64_t since_s;  /* as its entry says */
};
/* Members in order of their IDs, until fn returns false. */
void roster_members(const struct roster *r, bool (*fn)(void *arg, const struct roster_member *m), void *arg);
/* By short ID; false when there is no such member. */
bool roster_member_by_short(const struct roster *r, uint64_t short_id, struct roster_member *m);
/* How many characters of the ID's text tell it from the IDs of all members, or of all others if it is a member's; at
 * least 1. */
size_t roster_id_apart(const struct roster *r, const struct agent_id *id);

/* How much of an owner's statements a roster knows. A token carries such marks, so that a joiner recognises a roster
 * that is behind. */
struct roster_mark {
	uint64_t owner; /* short ID */
	uint64_t number;
};
/* Of each owner whose statements are complete here; returns how many. */
size_t roster_marks(const struct roster *r, struct roster_mark marks[ROSTER_MAX_OWNERS]);
/* Whether the roster shows at least as much of each owner: a statement of at least this number, and all statements that
 * the owner's last one covers. */
bool roster_shows(const struct roster *r, const struct roster_mark *marks, size_t n);
/* The same for marks that may be years old, those of a key file: also of owners that are silenced, since what they
 * removed stays removed. Nothing is asked of an owner that does not speak in this roster, since members need not have
 * its statements. So an agent is not kept out by old marks. A roster that leaves out the statement that made somebody
 * an owner cannot show all that its maker has said, and so on up to the founder; nor can one in which a former owner
 * puts down the one that removed it, unless by the rules it stays. */
size_t roster_lasting_marks(const struct roster *r, struct roster_mark marks[ROSTER_MAX_OWNERS]);
bool roster_still_shows(const struct roster *r, const struct roster_mark *marks, size_t n);

/* What a roster has heard that may end somebody's right to keys: so that another one can tell whether it has heard as
 * much. A mark of each owner that spoke, with the number of its last statement, if all that this one covers are here;
 * if not, of each exit that it signed, with ROSTER_SAID. A mark of each agent that left and may not hold keys now, with
 * ROSTER_LEFT and the number of its leave. At most ROSTER_HEARD_MAX; fresh, the caller frees. */
#define ROSTER_LEFT (UINT64_C(1) << 63)
#define ROSTER_SAID (UINT64_C(1) << 62)
enum { ROSTER_HEARD_MAX = 4096 };
struct roster_mark *roster_heard(const struct roster *r, size_t *n);
/* Whether this roster has heard at least as much. Marks of owners that do not speak here say nothing: whoever made them
 * owners has a mark as well. Nor do those of agents that may not hold keys here either. */
bool roster_has_heard(const struct roster *r, const struct roster_mark *marks, size_t n);

/* Our own leave: signs an entry that ends our membership and appends its bytes to out. abandon: leave even if no
 * owner is left then (otherwise the last owner's leave does not count). -1 when we are not a member, it does not
 * count, or out is full. */
int roster_leave(struct roster *r, const struct identity *self, bool abandon, int64_t now_s, struct bytes *out);
/* Whether a well-formed entry is the leave of this agent, signed by itself as it says. */
bool roster_is_leave_of(const uint8_t *entry, size_t n, const struct agent_id *id);
/* Calls fn for each leave of this agent that is known, whether it counts or not, until it returns false. An agent that
 * joins again shows its own: the member that admits it may not have heard of them, and has to name them. */
void roster_leaves(const struct roster *r, const struct agent_id *id,
                   bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);

/* Entries that owners sign. -1 when self is not an owner, or has no statement left. Each call may sign several entries;
 * they are in the roster afterwards, to be gossiped. Additions and removals that stood only by the statement of an
 * owner that is removed or demoted are signed again by us. Not of ourselves.
 *
 * grant: makes id a member in this role, or changes its role, whatever was said of it before. Also -1 when the group is
 * full. */
int roster_grant(struct roster *r, const struct identity *self, const struct agent_id *id, enum role role,
                 const char *member_name, int64_t now_s);
/* Whether id can be a member in this role: it is one already, or there is room, nobody has its short ID, and there
 * would be no 17th owner. */
bool roster_has_room(const struct roster *r, const struct agent_id *id, enum role role);
/* remove: ends the membership of id and of those it admitted or added, unless id was made an owner before us; takes
 * back the invite by which it came. Also -1 when id is not a member. */
int roster_remove(struct roster *r, const struct identity *self, const struct agent_id *id, int64_t now_s);
/* revoke: takes back an invite, by its name. Agents that came by it and that no owner has confirmed are out. */
int roster_revoke(struct roster *r, const struct identity *self, const struct agent_id *invite, int64_t now_s);
/* An owner's agent calls this by itself, at its start and whenever the roster changed. It confirms agents that came
 * by an invite, some at a time, and covers statements of its own that it had lost. True when it signed any: they are in
 * the roster, to be stored and gossiped. */
bool roster_do_duty(struct roster *r, const struct identity *self, int64_t now_s);

/* --- invites: roster_invites.c --- */

/* An invite as the roster knows it: by its issuer's note, or by the entry of an agent that used it. */
struct roster_invite {
	struct agent_id id; /* its name */
	bool told;          /* role, expiry, uses and issuer are known here */
	enum role role;
	int64_t expires_s;
	uint32_t uses; /* agents that it lets in */
	struct agent_id issuer;
	uint32_t used; /* agents that it has let in, former members among them */
	bool revoked;
	bool valid; /* its issuer's invites still let agents in */
};
/* In order of their expiry, until fn returns false. */
void roster_invites(const struct roster *r, bool (*fn)(void *arg, const struct roster_invite *i), void *arg);
/* The agents that came by the invite, and whether they are members now, until fn returns false. */
void roster_invite_users(const struct roster *r, const struct agent_id *invite,
                         bool (*fn)(void *arg, const struct agent_id *id, bool member), void *arg);

/* Signs a note of an invite that self has just made (invite.h), so that all owners can list it and take it back. The
 * note is in the roster afterwards, to be gossiped. An owner has INVITE_SLOTS notes: a further one takes the place of
 * one whose invite is over, or of the oldest. -1: self is not an owner. */
int roster_note_invite(struct roster *r, const struct identity *self, const struct invite *invite, int64_t now_s);

/* --- generations of a sealed group: roster_generations.c --- */

/* The judgement of its generations (generation.h), as of the last roster_settle() and until the next change. NULL: the
 * group is not sealed, or its founding entry is not here yet. */
const struct generation_judgement *roster_generations(const struct roster *r);
/* The first generation: the founder's own, without parents; it stays the first, whatever follows. NULL: not here. */
const struct generation *roster_first_generation(const struct roster *r);
/* generation_rank() of this agent among all writers. */
size_t roster_generation_rank(const struct roster *r, const struct agent_id *self);
/* Whether the agent itself signed one of the exits that g covers. */
bool roster_generation_answers(const struct roster *r, const struct generation *g, const struct agent_id *self);
/* What the agent may sign as: see generation.h. False: it is not a writer. */
bool roster_generation_writer(const struct roster *r, const struct agent_id *id, bool *owner);

/* Its keys: roster_keys.c. */

/* The box key of an agent that may hold keys. -1: it may not, or it has not said its key. */
int roster_box(const struct roster *r, const struct agent_id *id, uint8_t key[BOX_KEY_LEN]);

/* Appends a generation to out, signed by self; sets its signer and name. The roster does not have it yet: its secret
 * has to be stored first, then roster_add() follows. -1: out is full, or g is not in one form. */
int roster_sign_generation(const struct roster *r, const struct identity *self, struct generation *g, int64_t now_s,
                           struct bytes *out);
/* Signs an agent's word for its own box key, which secrets are sent to; it is in the roster afterwards, to be gossiped.
 * -1: self may hold no keys of this group, or the roster has a later word of it. */
int roster_sign_box(struct roster *r, const struct identity *self, const uint8_t key[BOX_KEY_LEN], int64_t now_s);

/* --- agents that are not members: roster_outside.c --- */

/* Why an agent is not a member, the strongest reason first. */
enum roster_outside {
	OUTSIDE_MEMBER,    /* it is one */
	OUTSIDE_REMOVED,   /* an owner removed it */
	OUTSIDE_LEFT,      /* it left */
	OUTSIDE_REVOKED,   /* its invite was taken back before an owner had confirmed it */
	OUTSIDE_DISPLACED, /* others have used its invite up */
	OUTSIDE_VOID,      /* who let it in could not, or cannot any more */
	OUTSIDE_FULL,      /* others have its place */
	OUTSIDE_UNKNOWN    /* it never was a member, as far as is known here */
};
/* *by: the owner that removed it or took back its invite; the agent that has its use of the invite. Zeros: nobody. */
enum roster_outside roster_outside(const struct roster *r, const struct agent_id *id, struct agent_id *by);
/* The name that an agent had as a member, the latest one; untrusted text. False, and "": it never was a member. */
bool roster_former_name(const struct roster *r, const struct agent_id *id, char name[MEMBER_NAME_MAX + 1]);
/* Calls fn for the entries that show a former member that it is one no more, each after those that give it its
 * authority, until fn returns false. None for a member, nor for an agent that never was one. */
void roster_dismissal(const struct roster *r, const struct agent_id *id,
                      bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);

#endif
