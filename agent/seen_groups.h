/* The groups that agents announce on the network, for people who look for one: each once, however many agents announce
 * it. Whatever is announced is only a claim, so all of it is bounded: for each address, which loses its own oldest, and
 * in total, where what earlier queries have confirmed is not pushed out. The loop's thread. */
#ifndef LANYARD_AGENT_SEEN_GROUPS_H
#define LANYARD_AGENT_SEEN_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "discovery/discovery.h"

enum {
	SEEN_GROUPS_MAX = 256,       /* announcements remembered, */
	SEEN_GROUPS_OF_ADDRESS = 48, /* of them from one address, or one /64 of IPv6 */
	SEEN_GROUPS_DOUBT_MS = 5000, /* after a query, for an answer, before what is not confirmed is forgotten */
};

struct seen_groups;

struct seen_groups *seen_groups_new(void);
void seen_groups_free(struct seen_groups *s);

/* What an agent announces now, in place of what it announced before. */
void seen_groups_note(struct seen_groups *s, const struct discovery_found *found);
/* The network is being queried: what is not noted again within SEEN_GROUPS_DOUBT_MS is forgotten. */
void seen_groups_query(struct seen_groups *s, int64_t now_ms);

struct seen_group {
	const char *tag;   /* 26 digits of base32: the group's public ID */
	const char *name;  /* a valid group name; untrusted */
	const char *owner; /* untrusted; may be empty */
	int members;       /* the most that any agent announces */
	size_t agents;     /* that announce it */
};
/* In order of names, then tags, until fn returns false. The texts are valid during the call. */
void seen_groups_each(struct seen_groups *s, int64_t now_ms, bool (*fn)(void *arg, const struct seen_group *g),
                      void *arg);

#endif
