/* The roster of one group: a set of signed entries that every member gossips and every member reads the same way. The
 * founding entry's hash is the group's ID. An entry counts when its chain of authority leads back to it: signed by an agent
 * that is an owner, or carrying an invite that an owner signed, which was honoured by an agent that is a member.
 * Entries whose signer is not known yet are kept (bounded) and looked at again. Removal wins over any addition
 * that does not name it; leaving can be superseded by a later invite. Merging is a set union: order does not matter.
 *
 * Bytes of an entry, and the rules in full: docs/roster.md. Limits: 4 KiB an entry, 16,384 entries, 1,024 members. Of two
 * agents with the same short ID only the one with the smaller ID can be a member. The loop's thread. */
#ifndef LANYARD_SYNC_GROUP_ROSTER_H
#define LANYARD_SYNC_GROUP_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "sync/group/identity.h"

enum role { ROLE_NONE, ROLE_OWNER, ROLE_MEMBER, ROLE_READER, ROLE_VAULT };

enum {
	ROSTER_ENTRY_MAX = 4096,
	ROSTER_MAX_ENTRIES = 16384,
	ROSTER_MAX_MEMBERS = 1024,
	GROUP_NAME_MAX = 64,
	MEMBER_NAME_MAX = 64
};

struct roster;

/* Group names: 1 to GROUP_NAME_MAX bytes of printable UTF-8 without '/', spaces at the ends, or control characters. */
bool group_name_valid(const char *name);

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
	ROSTER_ADDED,   /* new and valid: membership may have changed */
	ROSTER_KNOWN,   /* or a removal older than another of the same two agents that is known */
	ROSTER_PENDING, /* well-formed, its authority is not known yet; the last 256 of these are kept */
	ROSTER_BAD      /* malformed, of another group, a false signature, or over a limit */
};
enum roster_add roster_add(struct roster *r, const uint8_t *entry, size_t n);
/* fn for every valid entry, until it returns false; each after those that give it its authority. */
void roster_entries(const struct roster *r, bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* The same for the entries that prove one agent's membership, founding entry first: what a peer that does not know it
 * yet must see. None when it is no member. */
void roster_credential(const struct roster *r, const struct agent_id *id,
                       bool (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* SHA-256 over all valid entries in order of their hashes: equal rosters, equal digests. */
void roster_digest(const struct roster *r, uint8_t digest[32]);

enum role roster_role(const struct roster *r, const struct agent_id *id); /* ROLE_NONE: not a member (any more) */
const char *role_name(enum role role);
int role_parse(const char *name, enum role *role);

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

/* Our own leave: signs an entry that removes us. The entry's bytes are appended to out. -1 when we are no member, or out
 * is full. */
int roster_leave(struct roster *r, const struct identity *self, int64_t now_s, struct bytes *out);

/* What owners sign. -1 when self is no owner, or the roster is full. Both may be one or several entries; they are in the
 * roster afterwards, to be gossiped.
 * grant: makes id a member in this role, or gives it another one, whatever was said of it before. Not of ourselves. */
int roster_grant(struct roster *r, const struct identity *self, const struct agent_id *id, enum role role,
                 const char *member_name, int64_t now_s);
/* remove: ends id's membership, and the worth of all it signed, unless it is an owner that was made one before us.
 * Members that stand only by its word, and the removals it signed, are signed anew by us. Not of ourselves. -1 too when
 * id is no member. */
int roster_remove(struct roster *r, const struct identity *self, const struct agent_id *id, int64_t now_s);

#endif
