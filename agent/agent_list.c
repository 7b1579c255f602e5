/* The list of the agent's groups: finds them by name, and announces them on the network. */
#include "agent/agent_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { ID_START_MIN = 4 };

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
	return strlen(text) >= ID_START_MIN && strncmp(hex, text, strlen(text)) == 0;
}

/* A matching name is preferred to the start of an ID, so that an ID cannot hide a name. */
struct engine *agent_find(struct agent *a, const char *name_or_id, char **why)
{
	const struct agent_group *g;
	struct engine *found = NULL;
	size_t n = 0;

	DL_FOREACH(a->groups, g) {
		if (strcmp(engine_name(g->engine), name_or_id) == 0) {
			found = g->engine;
			n++;
		}
	}
	if (n == 0) {
		DL_FOREACH(a->groups, g) {
			if (id_begins(g->engine, name_or_id)) {
				found = g->engine;
				n++;
			}
		}
	}
	if (n == 1)
		return found;
	*why = mem_printf(n ? "%s: more than one group has that name: use the start of its ID (lanyard groups)"
	                    : "%s: there is no such group here (lanyard groups lists them)",
	                  name_or_id);
	return NULL;
}

/* Announces the groups that we are a member of and that run. */
void agent_publish(void *arg)
{
	struct agent *a = arg;
	struct discovery_group groups[AGENT_MAX_GROUPS];
	char joining[27] = "";
	const struct agent_group *g;
	size_t n = 0;

	DL_FOREACH(a->groups, g) {
		struct engine *e = g->engine;

		if (engine_is_joiner(e))
			group_id_tag(joining, engine_group(e));
		if (!engine_is_announced(e) || n == AGENT_MAX_GROUPS)
			continue;
		group_id_tag(groups[n].tag, engine_group(e));
		groups[n].name = roster_hidden(engine_roster(e)) ? NULL : engine_name(e);
		n++;
	}
	discovery_set_groups(a->discovery, groups, n);
	discovery_look_for(a->discovery, joining);
	peers_retry_now(a->peers);
}
