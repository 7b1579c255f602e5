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
	const char *name; /* of the one that is meant, when it is known */
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
	s->name = item->name;
	return false;
}

/* The request that is meant, or a whole ID that has made none. *name is the mailbox's until it changes. */
static int find_request(struct engine *e, const char *text, struct agent_id *id, const char **name, char **why)
{
	struct request_search s = { .match = { .text = text } };

	*name = NULL;
	requests_each(engine_mailbox(e), match_request, &s);
	if (s.match.n == 0 && agent_id_parse(id, text) == 0)
		return 0;
	if (agent_match_end(&s.match, "agent that asks to join", why) < 0)
		return -1;
	*id = s.match.id;
	requests_each(engine_mailbox(e), find_name, &s);
	*name = s.name;
	return 0;
}

int agent_accept(struct agent *a, struct engine *e, const char *text, enum role role, struct agent_id *id, char **why)
{
	struct roster *roster = engine_roster(e);
	const char *name;

	if (may_decide(a, e, why) < 0 || find_request(e, text, id, &name, why) < 0)
		return -1;
	if (name == NULL && roster_role(roster, id) != ROLE_NONE) {
		*why = mem_printf("%s is a member of group %s already (lanyard role changes its role)", text,
		                  engine_name(e));
		return -1;
	}
	if (roster_grant(roster, a->self, id, role, name != NULL ? name : "", clock_wall_s()) < 0) {
		*why = mem_printf("group %s: the group is full, or has as many owners as it may", engine_name(e));
		return -1;
	}
	engine_roster_changed(e);
	engine_requests_changed(e);
	return 0;
}

int agent_reject(struct agent *a, struct engine *e, const char *text, bool forever, struct agent_id *id, char **why)
{
	const char *name;

	if (may_decide(a, e, why) < 0 || find_request(e, text, id, &name, why) < 0)
		return -1;
	if (name == NULL && !forever) {
		*why = mem_printf("%s: no agent that asks to join has that name or an ID that begins so", text);
		return -1;
	}
	if (requests_reject(engine_mailbox(e), engine_roster(e), a->self, id, forever, clock_wall_s()) < 0) {
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
