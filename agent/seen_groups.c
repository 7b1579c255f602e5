/* See seen_groups.h. */
#include "agent/seen_groups.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "discovery/txt.h"
#include "sync/group/roster.h"

/* One group as one agent announces it. */
struct sighting {
	struct sighting *prev, *next; /* the oldest first */
	char agent[TXT_ID_LEN + 1];
	uint8_t address[17]; /* family, and the IP or, of IPv6, its /64 */
	struct txt_group shown;
	bool confirmed;     /* noted again after a query */
	int64_t doubted_ms; /* since when it waits to be confirmed; 0: it does not */
};

struct seen_groups {
	struct sighting *all;
	size_t n;
};

struct seen_groups *seen_groups_new(void)
{
	return MEM_NEW(struct seen_groups);
}

static void forget_sighting(struct seen_groups *s, struct sighting *one)
{
	DL_DELETE(s->all, one);
	s->n--;
	free(one);
}

void seen_groups_free(struct seen_groups *s)
{
	if (s == NULL)
		return;
	while (s->all != NULL)
		forget_sighting(s, s->all);
	free(s);
}

/* --- what is announced --- */

/* One host has a whole /64 of IPv6 for itself. */
static void address_key(uint8_t key[17], const struct sockaddr_storage *addr)
{
	const struct sockaddr_in *in = (const void *)addr;
	const struct sockaddr_in6 *in6 = (const void *)addr;

	memset(key, 0, 17);
	key[0] = (uint8_t)addr->ss_family;
	if (addr->ss_family == AF_INET)
		memcpy(key + 1, &in->sin_addr, sizeof(in->sin_addr));
	else if (addr->ss_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
		memcpy(key + 1, &in6->sin6_addr, sizeof(in6->sin6_addr));
	else if (addr->ss_family == AF_INET6)
		memcpy(key + 1, &in6->sin6_addr, sizeof(in6->sin6_addr) / 2);
}

/* A host that announces a crowd pushes out its own. Announcements from many addresses, which are only claims, push out
 * others that no query has confirmed yet. False: there is no room. */
static bool make_room(struct seen_groups *s, const uint8_t address[17])
{
	struct sighting *of_address = NULL;
	struct sighting *unconfirmed = NULL;
	struct sighting *one;
	size_t n = 0;

	DL_FOREACH(s->all, one) {
		if (unconfirmed == NULL && !one->confirmed)
			unconfirmed = one;
		if (memcmp(one->address, address, sizeof(one->address)) != 0)
			continue;
		of_address = of_address == NULL ? one : of_address;
		n++;
	}
	if (n >= SEEN_GROUPS_OF_ADDRESS)
		forget_sighting(s, of_address);
	else if (s->n >= SEEN_GROUPS_MAX && unconfirmed != NULL)
		forget_sighting(s, unconfirmed);
	return s->n < SEEN_GROUPS_MAX;
}

static bool announces(const struct discovery_found *f, const struct sighting *one)
{
	for (size_t i = 0; i < f->ngroups; i++) {
		if (strcmp(f->groups[i].tag, one->shown.tag) == 0 && strcmp(f->groups[i].name, one->shown.name) == 0)
			return true;
	}
	return false;
}

static struct sighting *sighting_of(struct seen_groups *s, const char *agent, const struct discovery_shown *shown)
{
	struct sighting *one;

	DL_FOREACH(s->all, one)
		if (strcmp(one->agent, agent) == 0 && strcmp(one->shown.tag, shown->tag) == 0 &&
		    strcmp(one->shown.name, shown->name) == 0)
			return one;
	return NULL;
}

static void note_shown(struct seen_groups *s, const struct discovery_found *f, const struct discovery_shown *shown)
{
	struct sighting *one = sighting_of(s, f->claimed_id, shown);
	uint8_t address[sizeof(one->address)];

	address_key(address, &f->addr);
	if (one == NULL) {
		if (!make_room(s, address))
			return;
		one = MEM_NEW(struct sighting);
		memcpy(one->agent, f->claimed_id, strlen(f->claimed_id) + 1);
		memcpy(one->shown.tag, shown->tag, strlen(shown->tag) + 1);
		memcpy(one->shown.name, shown->name, strlen(shown->name) + 1);
		DL_APPEND(s->all, one);
		s->n++;
	}
	memcpy(one->address, address, sizeof(address));
	memset(one->shown.owner, 0, sizeof(one->shown.owner));
	memcpy(one->shown.owner, shown->owner, strlen(shown->owner));
	one->shown.members = shown->members;
	one->confirmed |= one->doubted_ms != 0;
	one->doubted_ms = 0;
}

void seen_groups_note(struct seen_groups *s, const struct discovery_found *found)
{
	struct sighting *one;
	struct sighting *next;

	if (found->claimed_id == NULL || strlen(found->claimed_id) != TXT_ID_LEN)
		return;
	DL_FOREACH_SAFE(s->all, one, next)
		if (strcmp(one->agent, found->claimed_id) == 0 && !announces(found, one))
			forget_sighting(s, one);
	for (size_t i = 0; i < found->ngroups; i++) {
		const struct discovery_shown *shown = &found->groups[i];

		if (roster_name_valid(shown->name) && strlen(shown->tag) == TXT_TAG_LEN &&
		    strlen(shown->owner) <= TXT_MAX_NAME)
			note_shown(s, found, shown);
	}
}

static void forget_doubted(struct seen_groups *s, int64_t now_ms)
{
	struct sighting *one;
	struct sighting *next;

	DL_FOREACH_SAFE(s->all, one, next)
		if (one->doubted_ms != 0 && now_ms - one->doubted_ms >= SEEN_GROUPS_DOUBT_MS)
			forget_sighting(s, one);
}

void seen_groups_query(struct seen_groups *s, int64_t now_ms)
{
	struct sighting *one;

	forget_doubted(s, now_ms);
	DL_FOREACH(s->all, one)
		if (one->doubted_ms == 0)
			one->doubted_ms = now_ms;
}

/* --- what there is --- */

static int by_group_name(const void *a, const void *b)
{
	const struct seen_group *x = a;
	const struct seen_group *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : strcmp(x->tag, y->tag);
}

static void count_in(struct seen_group *list, size_t *n, const struct sighting *one)
{
	size_t i = 0;

	while (i < *n && (strcmp(list[i].tag, one->shown.tag) != 0 || strcmp(list[i].name, one->shown.name) != 0))
		i++;
	if (i == *n)
		list[(*n)++] = (struct seen_group){ .tag = one->shown.tag, .name = one->shown.name, .owner = "" };
	if (list[i].owner[0] == '\0')
		list[i].owner = one->shown.owner;
	if (list[i].members < one->shown.members)
		list[i].members = one->shown.members;
	list[i].agents++;
}

void seen_groups_each(struct seen_groups *s, int64_t now_ms, bool (*fn)(void *arg, const struct seen_group *g),
                      void *arg)
{
	struct seen_group *list;
	struct sighting *one;
	size_t n = 0;

	forget_doubted(s, now_ms);
	list = mem_calloc(s->n + 1, sizeof(*list));
	DL_FOREACH(s->all, one)
		count_in(list, &n, one);
	qsort(list, n, sizeof(*list), by_group_name);
	for (size_t i = 0; i < n && fn(arg, &list[i]); i++)
		;
	free(list);
}
