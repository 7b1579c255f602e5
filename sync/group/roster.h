/* The roster of one group: a set of signed entries that every member gossips and every member reads the same way. The
 * founding entry's hash is the group's ID. An entry counts when its chain of authority leads back to it: signed by an agent
 * that is an owner, or carrying an invite that an owner signed, which was honoured by an agent that an owner made a member.
 * Entries that do not count are kept (bounded) and looked at again. Removal wins over any addition that does not name it;
 * so does leaving. Merging is a set union, of each owner's last word about each subject: order does not matter.
 *
 * Bytes of an entry, the rules in full, and every bound: docs/roster.md. 4 KiB an entry, 16 owners, 1,024 members, 64
 * admissions by one member that is no owner. Nobody's bound takes room from anybody else. Of two agents with the same short
 * ID only one can be a member. The loop's thread, but for roster_check(). */
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
	ROSTER_MAX_MEMBERS = 1024,
	ROSTER_MAX_OWNERS = 16,      /* that have their say */
	ROSTER_CONFIRM_AT_ONCE = 32, /* by roster_do_duty() */
	GROUP_NAME_MAX = 64,
	MEMBER_NAME_MAX = 64
};

struct roster;

/* Group names: 1 to GROUP_NAME_MAX bytes of printable UTF-8 without '/', spaces at the ends, or control characters. */
bool roster_name_valid(const char *name);

/* Founds a group: signs its first entry, with the founder as owner. member_name: a host name for people, cut to
 * MEMBER_NAME_MAX. now_s: wall clock. NULL when the group's name is not valid. */
struct roster *roster_found(const struct identity *founder, const char *group_name, bool hidden, bool sealed,
                            const char *member_name, int64_t now_s);
/* An empty roster of a group that we know only by its ID (a joiner's). */
struct roster *roster_new(const struct group_id *id);
void roster_free(struct roster *r);

/* roster.bin in the group's home folder (fs_write_file). load: NULL with *why when it is not there or does not hold a
 * founding entry for its own ID. */
struct roster *roster_load(int dirfd, const char *path, char **why);
/* Whether entries in the file it was loaded from could not be read: then who is no member by it may be one all the same. */
bool roster_is_damaged(const struct roster *r);
int roster_save(const struct roster *r, int dirfd, const char *path);

const struct group_id *roster_group(const struct roster *r);
const char *roster_name(const struct roster *r); /* the group's name; "" until the founding entry is here */
bool roster_hidden(const struct roster *r);
bool roster_sealed(const struct roster *r);

enum roster_add {
	ROSTER_ADDED,   /* new, and it counts: membership may have changed */
	ROSTER_KNOWN,   /* or older than what the same signer said of the same subject */
	ROSTER_PENDING, /* well-formed, and does not count yet */
	ROSTER_BAD      /* malformed, of another group, or a false signature */
};
/* One entry: looks at its signatures, and judges. For many see roster_put(). */
enum roster_add roster_add(struct roster *r, const uint8_t *entry, size_t n);

/* Many entries: whether one is well-formed, of this group, and its signatures hold (0.1 to 0.3 ms: for a worker; any thread). */
bool roster_check(const struct group_id *group, const uint8_t *entry, size_t n);
bool roster_knows(const struct roster *r, const uint8_t *entry, size_t n);
/* Takes in an entry that passed roster_check(), without judging it: roster_settle() must follow before anything is asked.
 * bringer: whose connection it came by; of what does not count only the last 64 of each are kept. 0: nobody's. */
enum roster_add roster_put(struct roster *r, uint64_t bringer, const uint8_t *entry, size_t n);
/* Judges what was put. Whether what counts has changed. */
bool roster_settle(struct roster *r);
/* Of a well-formed entry: whether it is a member's admission of one that came by an invite. */
bool roster_is_admission(const uint8_t *entry, size_t n);
bool roster_counts(const struct roster *r, const uint8_t *entry, size_t n);
/* fn for every entry that came to count since the last call, or since the file was loaded: what others are to be told. */
void roster_news(struct roster *r, void (*fn)(void *arg, uint64_t bringer, const uint8_t *entry, size_t n), void *arg);
/* fn for every valid entry, until it returns false; each after those that give it its authority. */
void roster_entries(const struct roster *r, bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* The same for the entries that prove one agent's membership, founding entry first: what a peer that does not know it
 * yet must see. None when it is no member. */
void roster_credential(const struct roster *r, const struct agent_id *id,
                       bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* SHA-256 over all valid entries in order of their hashes: equal digests, equal judgement. */
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
/* By short ID; false when there is none. */
bool roster_member_by_short(const struct roster *r, uint64_t short_id, struct roster_member *m);

/* How far a roster knows an owner's words: what a token carries, so that a joiner knows a roster that has gone back. */
struct roster_mark {
	uint64_t owner; /* short ID */
	uint64_t number;
};
/* Of each owner whose words are complete here; returns how many. */
size_t roster_marks(const struct roster *r, struct roster_mark marks[ROSTER_MAX_OWNERS]);
/* Whether the roster shows as much of each: a word of at least this number, and all words that the owner's last one speaks of. */
bool roster_shows(const struct roster *r, const struct roster_mark *marks, size_t n);

/* Our own leave: signs an entry that ends our membership. The entry's bytes are appended to out. abandon: though no owner is
 * left then (otherwise the last owner's does not count). -1 when we are no member, it does not count, or out is full. */
int roster_leave(struct roster *r, const struct identity *self, bool abandon, int64_t now_s, struct bytes *out);

/* What owners sign. -1 when self is no owner, or has said as much as it may. Both may be one or several entries; they are in
 * the roster afterwards, to be gossiped. What stood only by the word of an owner that is removed or put down is signed anew
 * by us. Not of ourselves.
 * grant: makes id a member in this role, or gives it another one, whatever was said of it before. -1 too when the group is
 * full. */
int roster_grant(struct roster *r, const struct identity *self, const struct agent_id *id, enum role role,
                 const char *member_name, int64_t now_s);
/* Whether id can be a member in this role: it is one, or there is a place, nobody has its short ID, and no 17th owner. */
bool roster_has_room(const struct roster *r, const struct agent_id *id, enum role role);
/* remove: ends id's membership and that of whom it admitted or added, unless it is an owner that was made one before us; takes
 * back the invite by which it came. -1 too when id is no member. */
int roster_remove(struct roster *r, const struct identity *self, const struct agent_id *id, int64_t now_s);
/* What an owner's agent does by itself, whenever the roster changed and at its start: it confirms those who came by an
 * invite, some at a time, and speaks of words of its own that it had lost. True when it signed any: they are in the roster,
 * to be stored and gossiped. */
bool roster_do_duty(struct roster *r, const struct identity *self, int64_t now_s);

#endif
