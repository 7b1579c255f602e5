/* What an owner decides about requests to join: see agent.h. */
#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/agent_match.h"
#include "base/clock.h"
#include "base/mem.h"

static int may_decide(const struct agent *a, struct engine *e, char **why)
{
	if (agent_owned_roster(a, e, "decide who joins", why) == NULL)
		return -1;
	if (engine_mailbox(e) != NULL)
		return 0;
	*why = mem_printf("group %s has no requests now: see status", engine_name(e));
	return -1;
}

static bool match_request(void *arg, const struct requests_item *item)
{
	struct agent_match *match = arg;

	agent_match_offer(match, &item->asker, item->name);
	if (request_code_is(match->text, item->code))
		agent_match_add(match, &item->asker);
	return true;
}

/* The request that is meant, or a whole ID that has made none. *asks: it has. */
static int find_request(struct engine *e, const char *text, struct agent_decided *about, bool *asks, char **why)
{
	struct agent_match match = { .text = text };

	memset(about, 0, sizeof(*about));
	*asks = false;
	requests_each(engine_mailbox(e), match_request, &match);
	if (match.n == 0 && agent_id_parse(&about->id, text) == 0)
		return 0;
	if (match.n == 0) {
		*why = mem_printf("%s: nobody who asks to join has that code or name, or an ID that begins so "
		                  "(lanyard requests)",
		                  text);
		return -1;
	}
	if (agent_match_end(&match, "agent that asks to join", why) < 0)
		return -1;
	about->id = match.id;
	*asks = agent_asks_to_join(e, about);
	return 0;
}

int agent_accept(struct agent *a, struct engine *e, const char *text, enum role role, struct agent_decided *about,
                 char **why)
{
	bool asks;

	if (may_decide(a, e, why) < 0 || !agent_role_possible(engine_roster(e), role, why) ||
	    find_request(e, text, about, &asks, why) < 0)
		return -1;
	if (!asks && roster_role(engine_roster(e), &about->id) != ROLE_NONE) {
		*why = mem_printf("%s is a member of group %s already (lanyard role changes its role)", text,
		                  engine_name(e));
		return -1;
	}
	if (agent_grant(a, e, about, role, why) < 0)
		return -1;
	engine_requests_changed(e);
	return 0;
}

int agent_reject(struct agent *a, struct engine *e, const char *text, bool forever, struct agent_decided *about,
                 char **why)
{
	bool asks;

	if (may_decide(a, e, why) < 0 || find_request(e, text, about, &asks, why) < 0)
		return -1;
	if (!asks && roster_role(engine_roster(e), &about->id) != ROLE_NONE) {
		*why = mem_printf("%s is a member of group %s: lanyard remove %s %s", text, engine_name(e),
		                  engine_name(e), text);
		return -1;
	}
	if (!asks && !forever) {
		*why = mem_printf("%s: that agent does not ask to join; --forever refuses it before it asks", text);
		return -1;
	}
	if (requests_reject(engine_mailbox(e), engine_roster(e), a->self, &about->id, forever, clock_wall_s()) < 0) {
		*why = mem_printf("group %s: the rejection could not be signed", engine_name(e));
		return -1;
	}
	engine_requests_changed(e);
	return 0;
}

void agent_requests_seen(struct agent *a, struct engine *e)
{
	char *why = NULL;

	if (may_decide(a, e, &why) == 0 &&
	    requests_mark_seen(engine_mailbox(e), engine_roster(e), a->self, clock_wall_s()) > 0)
		engine_requests_changed(e);
	free(why);
}
