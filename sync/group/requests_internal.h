/* Shared by the files behind requests.h; apart from them only tests include it.
 *
 *   requests.c        the set of entries, and what others are told of it
 *   requests_judge.c  which entries count
 *   requests_list.c   what it says of one agent, the list of those that wait, and what owners sign
 *   requests_file.c   the set on disk */
#ifndef LANYARD_SYNC_GROUP_REQUESTS_INTERNAL_H
#define LANYARD_SYNC_GROUP_REQUESTS_INTERNAL_H

#include <uthash.h>

#include "sync/group/requests.h"

enum {
	REQUESTS_IDLE_MAX = 128,    /* entries that do not count */
	REQUESTS_EXPIRED_MAX = 512, /* agents whose requests are not heard again */
	REQUESTS_KEEP_DAYS = 28,    /* answers that are not for good, and the memory of expired and accepted requests */
	REQUESTS_DAY_S = 24 * 3600,
};

struct mail {
	uint8_t hash[32];
	uint8_t *bytes; /* owned */
	size_t n;
	struct request_entry e; /* leads into bytes */
	char *name, *message, *address;
	uint64_t bringer;
	uint64_t serial; /* in the order in which they came */
	int64_t heard_s;
	bool counts, told; /* told: requests_news() has had it, or it comes from the file */
	bool accepted;     /* a request that waited when its agent became a member */
	bool stands;       /* while judging: may count as far as its signer and its kind go */
	bool seen;         /* a request that counts, and an owner has seen */
	size_t rank;       /* while judging: its place in what its giver gave */
	UT_hash_handle hh;
};

struct requests_expired {
	struct agent_id asker;
	uint64_t number;
	int64_t at_s;
	UT_hash_handle hh;
};

struct requests {
	struct group_tag tag;
	struct mail *items;
	struct requests_expired *expired; /* or were accepted; in that order */
	uint64_t serial;
	size_t waiting; /* requests that count */
};

struct mail *requests_insert(struct requests *r, const uint8_t *entry, size_t n, int64_t heard_s);
void requests_drop(struct requests *r, struct mail *m);
/* The agent's requests up to this number are not taken in again. */
void requests_expire(struct requests *r, const struct agent_id *asker, uint64_t number, int64_t at_s);
/* The answer that rejects the agent and counts: one for good before all others, otherwise that with the greatest
 * number.
 * NULL: none. */
const struct mail *requests_rejection(const struct requests *r, const struct agent_id *asker);

#endif
