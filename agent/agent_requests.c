/* What an owner decides about requests to join: see agent.h. */
#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/agent_match.h"
#include "base/clock.h"
#include "base/mem.h"

static int may_decide(const struct agent *a, struct engine *e, char **why)
{
	const struct roster *roster = engine_roster(e);

	if (roster != NULL && !engine_is_joiner(e) && engine_mailbox(e) != NULL &&
	    roster_may(roster, identity_id(a->self), RIGHT_OWN))
		return 0;
	*why = mem_printf("group %s: only an owner of the group can decide who joins", engine_name(e));
	return -1;
}

struct request_search {
	struct agent_match match;
	struct agent_decided *about; /* the one that is meant */
	bool asks;
};

static bool match_request(void *arg, const struct requests_item *item)
{
	struct request_search *s = arg;

	agent_match_offer(&s->match, &item->asker, item->name);
	if (request_code_is(s->match.text, item->code))
		agent_match_add(&s->match, &item->asker);
	return true;
}

static bool find_name(void *arg, const struct requests_item *item)
{
	struct request_search *s = arg;

	if (!agent_id_equal(&item->asker, &s->match.id))
		return true;
	memcpy(s->about->name, item->name, strnlen(item->name, MEMBER_NAME_MAX) + 1);
	s->asks = true;
	return false;
}

/* The request that is meant, or a whole ID that has made none. *asks: it has. */
static int find_request(struct engine *e, const char *text, struct agent_decided *about, bool *asks, char **why)
{
	struct request_search s = { .match = { .text = text }, .about = about };

	memset(about, 0, sizeof(*about));
	*asks = false;
	requests_each(engine_mailbox(e), match_request, &s);
	if (s.match.n == 0 && agent_id_parse(&about->id, text) == 0)
		return 0;
	if (s.match.n == 0) {
		*why = mem_printf("%s: nobody who asks to join has that code or name, or an ID that begins so "
		                  "(lanyard requests)",
		                  text);
		return -1;
	}
	if (agent_match_end(&s.match, "agent that asks to join", why) < 0)
		return -1;
	about->id = s.match.id;
	requests_each(engine_mailbox(e), find_name, &s);
	*asks = s.asks;
	return 0;
}

int agent_accept(struct agent *a, struct engine *e, const char *text, enum role role, struct agent_decided *about,
                 char **why)
{
	struct roster *roster = engine_roster(e);
	bool asks;

	if (may_decide(a, e, why) < 0 || find_request(e, text, about, &asks, why) < 0)
		return -1;
	if (!asks && roster_role(roster, &about->id) != ROLE_NONE) {
		*why = mem_printf("%s is a member of group %s already (lanyard role changes its role)", text,
		                  engine_name(e));
		return -1;
	}
	if (roster_grant(roster, a->self, &about->id, role, about->name, clock_wall_s()) < 0) {
		*why = mem_printf("group %s: the group is full, or has as many owners as it may", engine_name(e));
		return -1;
	}
	engine_roster_changed(e);
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
