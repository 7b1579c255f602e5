/* Accepted: fetches the roster that says so, as the bearer of an invite does, but shows no invite: an owner has added
 * us. The roster's group hashes to the tag that we asked for, so nobody can invent another one. */
#include <stdlib.h>

#include "base/mem.h"
#include "sync/peer/ask_internal.h"

enum { JOIN_LATE_MS = 20000 };

struct asker_join {
	struct roster *roster;
	struct peer_group *group;
	struct invite invite; /* names the group */
	int64_t began_ms;
};

static void ignore(void *arg)
{
	(void)arg;
}

/* Without an index a group gets no records, and no peer comes up. */
static const struct peer_hooks asker_hooks = { .roster_changed = ignore, .state = ignore };

static void on_accepted(void *arg, int status, const char *reason)
{
	struct asker *a = arg;
	struct roster *roster = a->join->roster;

	(void)reason;
	if (status < 0)
		return; /* it has no end that its clock could have passed */
	a->join->roster = NULL;
	asker_join_end(a);
	a->stopped = true;
	a->state = ASKER_ACCEPTED;
	loop_timer_stop(a->tick);
	a->config.accepted(a->config.arg, roster); /* may free a */
}

void asker_join_begin(struct asker *a, const struct group_id *group)
{
	struct asker_join *j;

	if (a->join)
		return;
	j = MEM_NEW(struct asker_join);
	j->roster = roster_new(group);
	j->invite.group = *group;
	j->invite.expires_s = INT64_MAX;
	j->began_ms = loop_now_ms(a->peers->config.loop);
	a->join = j;
	j->group = peer_group_new(a->peers, &(struct peer_group_config){ .roster = j->roster,
	                                                                 .hooks = &asker_hooks,
	                                                                 .arg = a,
	                                                                 .invite = &j->invite,
	                                                                 .asked = true,
	                                                                 .joined = on_accepted });
}

void asker_join_end(struct asker *a)
{
	struct asker_join *j = a->join;

	if (!j)
		return;
	a->join = NULL;
	peer_group_free(j->group);
	roster_free(j->roster);
	free(j);
}

bool asker_join_is_late(const struct asker *a)
{
	return a->join && loop_now_ms(a->peers->config.loop) - a->join->began_ms > JOIN_LATE_MS;
}
