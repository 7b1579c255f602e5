/* The list of the agent's groups: finds them by name, and announces them on the network. */
#include "agent/agent_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/id_start.h"
#include "base/bytes.h"
#include "base/mem.h"

enum { ANNOUNCE_EVERY_MS = 60000 };

void agent_add_group(struct agent *a, struct engine *e)
{
	struct agent_group *g = MEM_NEW(struct agent_group);

	g->engine = e;
	DL_APPEND(a->groups, g);
}

void agent_engines(struct agent *a, bool (*fn)(void *arg, struct engine *e), void *arg)
{
	struct agent_group *g, *next;

	DL_FOREACH_SAFE(a->groups, g, next)
		if (!fn(arg, g->engine))
			return;
}

size_t agent_engine_count(const struct agent *a)
{
	const struct agent_group *g;
	size_t n;

	DL_COUNT(a->groups, g, n);
	return n;
}

static bool id_begins(const struct engine *e, const char *text)
{
	char hex[65];

	hex_encode(hex, engine_group(e)->b, sizeof(engine_group(e)->b));
	return strlen(text) >= ID_START_GROUP && strncmp(hex, text, strlen(text)) == 0;
}

static bool has_plain_name(const struct engine *e, const char *text)
{
	return strcmp(engine_name(e), text) == 0;
}

/* NAME#start of the public ID, as `join` takes it. */
static bool has_name_and_tag(const struct engine *e, const char *text)
{
	const char *hash = strrchr(text, '#');
	size_t n = hash != NULL ? (size_t)(hash - text) : 0;
	char tag[TAG_TEXT_MAX];

	if (hash == NULL || hash[1] == '\0' || strlen(engine_name(e)) != n || memcmp(engine_name(e), text, n) != 0)
		return false;
	group_id_tag(tag, engine_group(e));
	return strncmp(tag, hash + 1, strlen(hash + 1)) == 0;
}

static size_t find_groups(const struct agent *a, bool (*fits)(const struct engine *e, const char *text),
                          const char *text, struct engine **found)
{
	const struct agent_group *g;
	size_t n = 0;

	DL_FOREACH(a->groups, g) {
		if (!fits(g->engine, text))
			continue;
		*found = g->engine;
		n++;
	}
	return n;
}

/* A matching name is preferred to the start of an ID, so that an ID cannot hide a name. */
struct engine *agent_find(struct agent *a, const char *name_or_id, char **why)
{
	struct engine *found = NULL;
	size_t n = find_groups(a, has_plain_name, name_or_id, &found);

	if (n == 0)
		n = find_groups(a, has_name_and_tag, name_or_id, &found);
	if (n == 0)
		n = find_groups(a, id_begins, name_or_id, &found);
	if (n == 1)
		return found;
	*why = mem_printf(n ? "%s: more than one group has that name: say which, as NAME#ID (lanyard groups)"
	                    : "%s: there is no such group here (lanyard groups lists them)",
	                  name_or_id);
	return NULL;
}

bool agent_has_tag(const struct agent *a, const char *tag)
{
	const struct agent_group *g;
	char ours[27];

	DL_FOREACH(a->groups, g) {
		group_id_tag(ours, engine_group(g->engine));
		if (strcmp(ours, tag) == 0)
			return true;
	}
	return false;
}

bool agent_has_asked(const struct agent *a, const char *tag)
{
	const struct agent_asking *ask;

	DL_FOREACH(a->asks, ask)
		if (strcmp(ask->text, tag) == 0)
			return true;
	return false;
}

/* --- announcing --- */

/* What others may see of a group: the longest-serving owner, by its own account, and how many members there are. */
struct group_look {
	struct roster_member owner;
	bool has_owner;
	int members;
};

static bool look_at_member(void *arg, const struct roster_member *m)
{
	struct group_look *look = arg;

	look->members++;
	if (rights_has(m->role, RIGHT_OWN) && (!look->has_owner || m->since_s < look->owner.since_s)) {
		look->owner = *m;
		look->has_owner = true;
	}
	return true;
}

static void show_group(struct agent *a, struct discovery_group *out, struct engine *e)
{
	const struct roster *roster = engine_roster(e);
	struct group_look look = { 0 };

	group_id_tag(out->tag, engine_group(e));
	roster_members(roster, look_at_member, &look);
	out->quiet = look.members > PEERS_FEW_MEMBERS && !peers_are_few(a->peers);
	if (roster_hidden(roster))
		return;
	out->name = engine_name(e);
	out->owner = look.has_owner ? look.owner.name : NULL;
	out->members = look.members;
}

/* Announces the groups that we are a member of and that run, and looks for members of those that we want to join. Not
 * while the agent ends: discovery is gone then. */
static void announce_groups(struct agent *a)
{
	struct discovery_group groups[AGENT_MAX_GROUPS] = { 0 };
	char wanted[AGENT_MAX_GROUPS + AGENT_MAX_ASKS][TAG_TEXT_MAX];
	const struct agent_group *g;
	const struct agent_asking *ask;
	size_t nwanted = 0;
	size_t n = 0;

	if (a->ending)
		return;
	DL_FOREACH(a->groups, g) {
		struct engine *e = g->engine;

		if (engine_is_joiner(e) && nwanted < AGENT_MAX_GROUPS)
			group_id_tag(wanted[nwanted++], engine_group(e));
		if (engine_is_announced(e) && n < AGENT_MAX_GROUPS)
			show_group(a, &groups[n++], e);
	}
	DL_FOREACH(a->asks, ask)
		if (ask->told < ASKER_REJECTED) /* otherwise it has stopped */
			memcpy(wanted[nwanted++], ask->text, sizeof(ask->text));
	discovery_set_groups(a->discovery, groups, n);
	discovery_look_for(a->discovery, (const char(*)[TAG_TEXT_MAX])wanted, nwanted);
}

/* Owners and numbers of members change without a call of agent_publish(). Each announcement is news to everybody on the
 * network, so these wait. */
void agent_announce_again(void *arg)
{
	announce_groups(arg);
}

void agent_publish(void *arg)
{
	struct agent *a = arg;

	if (a->ending)
		return;
	announce_groups(a);
	if (a->groups != NULL)
		loop_timer_start(a->announce_timer, ANNOUNCE_EVERY_MS, ANNOUNCE_EVERY_MS);
	else
		loop_timer_stop(a->announce_timer);
	peers_retry_now(a->peers);
}
