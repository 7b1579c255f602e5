/* The requests of one group: what strangers ask of its owners, and what these answered. A bounded mailbox that every
 * member keeps, passes on and reads in the same way, so that a request waits for the owners while they are away.
 *
 * A request is signed by the agent that asks, and by the member that it asked (its *giver*), which answered the
 * asker's commitment with a random salt. From both follows the confirmation code, which the asker and every member
 * compute; decision 31 says why nobody can choose it. An answer is signed by an owner: seen,
 * rejected, or rejected for good. There is no answer "accepted": that is an entry of the roster, which beats all
 * rejections.
 *
 * A request counts while its giver may admit, it is not older than REQUESTS_DAYS by this agent's own clock since it
 * was first heard of, it was not accepted before, and the bounds leave room for it. Only what counts is passed on. What
 * does not count takes no room from what does. The bytes are in docs/roster.md. The loop's thread, except for
 * requests_check(). */
#ifndef LANYARD_SYNC_GROUP_REQUESTS_H
#define LANYARD_SYNC_GROUP_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "sync/group/request_entry.h"
#include "sync/group/roster.h"

enum {
	REQUESTS_DAYS = 14,
	REQUESTS_MAX = 256,         /* waiting or rejected, in a group */
	REQUESTS_OF_GIVER = 32,     /* that one member gave a salt */
	REQUESTS_OF_ADDRESS = 4,    /* of these from one address (IPv6: from one /64) */
	REQUESTS_ANSWERS_MAX = 256, /* by one owner */
};

struct requests;

struct requests *requests_new(const struct group_id *group);
void requests_free(struct requests *r);
/* A file below dirfd, written whole. load: never fails; what is missing or damaged is left out, and comes back from
 * other members. now_s: wall clock. save: -1 with errno. */
struct requests *requests_load(const struct group_id *group, int dirfd, const char *path, int64_t now_s);
int requests_save(const struct requests *r, int dirfd, const char *path);

enum requests_put_result {
	REQUESTS_NEW,   /* taken in; requests_settle() judges it */
	REQUESTS_KNOWN, /* known, or older than another one of the same agent, or expired here before */
	REQUESTS_BAD    /* malformed, or of another group */
};
/* Whether an entry is well-formed, of this group, and its signatures hold (0.1 to 0.3 ms: for a worker; any thread). */
bool requests_check(const struct group_tag *tag, const uint8_t *entry, size_t n);
bool requests_knows(const struct requests *r, const uint8_t *entry, size_t n);
/* Takes in an entry that passed requests_check(). bringer: short ID of the peer it came from; 0: ourselves. */
enum requests_put_result requests_put(struct requests *r, uint64_t bringer, const uint8_t *entry, size_t n,
                                      int64_t now_s);
/* Judges everything by the roster as it stands: after requests_put(), after every change of the roster, and
 * periodically, since requests expire. True when what counts has changed: it is to be saved, and shown. */
bool requests_settle(struct requests *r, const struct roster *roster, int64_t now_s);
/* Calls fn for every entry that came to count since the last call or the load: others are to be told these. */
void requests_news(struct requests *r, void (*fn)(void *arg, uint64_t bringer, const uint8_t *entry, size_t n),
                   void *arg);
/* Every entry that counts. */
void requests_entries(const struct requests *r, void (*fn)(void *arg, const uint8_t *entry, size_t n), void *arg);
/* SHA-256 over what counts: equal digests, nothing to tell each other. False when nothing counts. */
bool requests_digest(const struct requests *r, uint8_t digest[32]);

enum requests_state {
	REQUESTS_NONE,     /* this agent does not ask, or may ask again */
	REQUESTS_WAITING,  /* for an owner */
	REQUESTS_REJECTED, /* may ask again with a greater number */
	REQUESTS_BARRED    /* rejected for good */
};
/* made: the number of the latest request that it says it has made; 0: none, so a rejection of an earlier one does not
 * answer it. shown: of the latest that it can show; one that waits with a greater number is lost to it, as is its
 * code. */
enum requests_state requests_state(const struct requests *r, const struct agent_id *asker, uint64_t made,
                                   uint64_t shown);

/* The greatest number that is known of this agent's requests, decided, expired or not; 0: none. A new one must have a
 * greater one, or it is not taken in: an agent's clock may have been set back meanwhile. */
uint64_t requests_number(const struct requests *r, const struct agent_id *asker);

/* One request that waits. Texts are untrusted, printable UTF-8 without control characters, and the mailbox's until it
 * changes. */
struct requests_item {
	struct agent_id asker;
	const char *name;    /* of its host, at most MEMBER_NAME_MAX bytes */
	const char *message; /* at most REQUEST_MESSAGE_MAX bytes; "": none */
	const char *address; /* where the giver saw it come from, without the port */
	struct agent_id giver;
	int64_t given_s; /* by the giver's clock, for people */
	int64_t heard_s; /* by ours */
	bool seen;       /* an owner has seen it */
	char code[REQUEST_CODE_TEXT];
};
/* The oldest by heard_s first, until fn returns false. Nothing while nobody asks. */
void requests_each(const struct requests *r, bool (*fn)(void *arg, const struct requests_item *item), void *arg);
size_t requests_waiting(const struct requests *r);

/* What owners sign; now_s: wall clock. -1 when self is not an owner, or the agent does not ask. The answer is in the
 * mailbox afterwards, judged, to be saved and passed on (peer_group_requests_changed()).
 *
 * reject: whatever of this agent waits; forever: and all that it will ask with this key. An agent that was told so
 * once may ask again otherwise. forever holds for an agent that does not ask as well. */
int requests_reject(struct requests *r, const struct roster *roster, const struct identity *self,
                    const struct agent_id *asker, bool forever, int64_t now_s);
/* An owner has looked at the list: what it saw goes before its equals, so that what comes later does not push it out,
 * unless its address or its giver has more of them than those that do. Returns how many were new. */
size_t requests_mark_seen(struct requests *r, const struct roster *roster, const struct identity *self, int64_t now_s);

#endif
