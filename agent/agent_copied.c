/* A copy of this home runs elsewhere under the same identity: reports that to the user, and stops the groups of the
 * copy that yields. */
#include "agent/agent_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"

static void stop_sharing(void *arg)
{
	static const struct agent_id nobody;
	struct agent *a = arg;
	bool all = agent_id_equal(&a->copied_by, &nobody);
	struct agent_group *g;

	a->copied_seen = false;
	DL_FOREACH(a->groups, g) {
		const struct roster *roster = engine_roster(g->engine);
		bool waits = engine_is_restored(g->engine); /* who its members are is not known yet */

		if (!engine_is_copied(g->engine) && (!engine_is_joiner(g->engine) || waits) && roster != NULL &&
		    (all || waits || roster_may(roster, &a->copied_by, RIGHT_TAKE_PART)))
			engine_copied(g->engine, mem_strdup(a->copy));
	}
	agent_publish(a);
}

/* yield: the other copy stays, and this one stops its groups. It does so between two turns, since the call comes from
 * a connection that this closes. A member is believed about the groups that it belongs to. */
void agent_copied_home(void *arg, const struct agent_id *peer, const char *address, bool yield)
{
	struct agent *a = arg;
	char *text;

	if (!yield)
		text = mem_printf("a copy of this home runs at %s under the same identity; this one continues: "
		                  "give the copy its own home (an empty --home), and let it join by an invite",
		                  address);
	else
		text = mem_printf("this home was copied, or restored while its agent still runs: the same identity "
		                  "runs elsewhere too (%s%s). Nothing is "
		                  "shared from here. Stop one of the two agents, give it its own home (an empty "
		                  "--home) and let it join by an invite; then restart the other",
		                  peer ? "says " : "", address);
	if (log_allow("copied", 2))
		log_error("%s", text);
	if (!a->copy || strcmp(a->copy, text) != 0)
		events_emit(a->events, &(struct event){ .kind = "problem", .reason = text });
	free(a->copy);
	a->copy = text;
	if (!yield || a->copied_seen || a->ending)
		return;
	a->copied_seen = true;
	a->copied_by = peer ? *peer : (struct agent_id){ 0 };
	loop_between(a->loop, stop_sharing, a);
}

const char *agent_copy(const struct agent *a)
{
	return a->copy;
}
