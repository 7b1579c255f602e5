/* What an owner decides about requests to join: see agent.h. */
#include <stdlib.h>
#include <string.h>

#include "agent/agent_internal.h"
#include "agent/agent_match.h"
#include "agent/id_start.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/group/group_secret.h"

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
		*why = mem_printf("%s: nobody who asks to join has that code or name, or an ID that begins so: "
		                  "%d characters at least (lanyard requests)",
		                  text, ID_START_AGENT);
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

struct proven_search {
	const char *secret;
	const struct roster *roster;
	struct group_tag tag;
	struct agent_decided found[REQUESTS_MAX];
	size_t n;
};

/* An owner's removal is not undone by what the removed agent still knows. */
static bool gather_proven(void *arg, const struct requests_item *item)
{
	struct proven_search *s = arg;
	struct agent_decided *about = &s->found[s->n];
	struct agent_id by;
	enum roster_outside outside;

	if (!group_secret_is_proof(item->message, s->secret, &s->tag, &item->asker))
		return true;
	outside = roster_outside(s->roster, &item->asker, &by);
	if (outside != OUTSIDE_UNKNOWN && outside != OUTSIDE_LEFT)
		return true;
	about->id = item->asker;
	memcpy(about->name, item->name, strnlen(item->name, MEMBER_NAME_MAX) + 1);
	return ++s->n < REQUESTS_MAX;
}

size_t agent_accept_proven(struct agent *a, struct engine *e, const char *secret)
{
	struct proven_search *s = MEM_NEW(struct proven_search);
	char *why = NULL;
	size_t n = 0;

	s->secret = secret;
	s->roster = engine_roster(e);
	group_id_tag_of(&s->tag, engine_group(e));
	if (may_decide(a, e, &why) == 0)
		requests_each(engine_mailbox(e), gather_proven, s);
	for (; n < s->n && why == NULL && agent_grant(a, e, &s->found[n], ROLE_MEMBER, &why) == 0; n++) {
		char id[ID_TEXT_MAX];

		agent_id_text(id, &s->found[n].id);
		log_about(LOG_INFO, &(struct log_about){ .group = engine_name(e), .peer = id },
		          "group %s: %s (%s) is a member: it has the secret of the settings", engine_name(e),
		          s->found[n].name, id);
	}
	if (n < s->n && log_allow("proven", 1))
		log_error("group %s: an agent that has the secret of the settings cannot become a member: %s",
		          engine_name(e), why);
	if (n > 0)
		engine_requests_changed(e);
	free(why);
	free(s);
	return n;
}

void agent_requests_seen(struct agent *a, struct engine *e)
{
	char *why = NULL;

	if (may_decide(a, e, &why) == 0 &&
	    requests_mark_seen(engine_mailbox(e), engine_roster(e), a->self, clock_wall_s()) > 0)
		engine_requests_changed(e);
	free(why);
}
