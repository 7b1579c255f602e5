/* What owners decide: invites, roles, removals. See agent.h. */
#include <stdlib.h>
#include <string.h>

#include "agent/addresses.h"
#include "agent/agent_internal.h"
#include "agent/agent_match.h"
#include "base/clock.h"
#include "base/mem.h"

struct roster *agent_owned_roster(const struct agent *a, struct engine *e, const char *what, char **why)
{
	struct roster *r = engine_roster(e);

	if (r != NULL && !engine_is_joiner(e) && roster_may(r, identity_id(a->self), RIGHT_OWN))
		return r;
	*why = mem_printf("group %s: only an owner of the group can %s", engine_name(e), what);
	return NULL;
}

bool agent_role_possible(const struct roster *r, enum role role, char **why)
{
	if (role != ROLE_VAULT || roster_sealed(r))
		return true;
	*why = mem_printf("group %s is not sealed: a vault could read everything; make it a reader, or a member",
	                  roster_name(r));
	return false;
}

/* --- invites --- */

/* The note comes after the marks in the token, which do not cover it: a member that was away meanwhile may still let
 * the bearer in. */
int agent_invite(struct agent *a, struct engine *e, const struct agent_invite *what, char **token, struct agent_id *id,
                 char **why)
{
	struct roster *r = agent_owned_roster(a, e, "invite", why);
	int64_t now = clock_wall_s();
	struct invite invite;

	if (r == NULL || !agent_role_possible(r, what->role, why))
		return -1;
	if (engine_error(e) != NULL ||
	    invite_make(&invite, r, a->self, what->role, what->uses, now + what->expires_s)) {
		*why = mem_printf("group %s cannot invite now: see status", engine_name(e));
		return -1;
	}
	invite.naddresses = addresses_hints(a->addresses, invite.addresses, INVITE_MAX_ADDRESSES);
	*token = invite_token(&invite);
	invite_name(id, &invite);
	/* Without a note it works as well, and is listed once somebody has used it. */
	if (roster_note_invite(r, a->self, &invite, now) == 0)
		engine_roster_changed(e);
	return 0;
}

static bool offer_invite(void *arg, const struct roster_invite *i)
{
	agent_match_offer(arg, &i->id, NULL);
	return true;
}

/* By its token, its whole ID, or a start of that. */
static int find_invite(const struct roster *r, const char *text, struct agent_id *id, char **why)
{
	struct agent_match m = { .text = text };
	struct invite invite;

	if (invite_parse(&invite, text) == INVITE_OK) {
		if (!group_id_equal(&invite.group, roster_group(r))) {
			*why = mem_printf("this token is for another group, %s", invite.group_name);
			return -1;
		}
		invite_name(id, &invite);
		return 0;
	}
	if (agent_id_parse(id, text) == 0)
		return 0;
	roster_invites(r, offer_invite, &m);
	if (agent_match_end(&m, "invite", why) < 0)
		return -1;
	*id = m.id;
	return 0;
}

int agent_revoke(struct agent *a, struct engine *e, const char *invite, struct agent_id *id, char **why)
{
	struct roster *r = agent_owned_roster(a, e, "take back an invite", why);

	if (r == NULL || find_invite(r, invite, id, why) < 0)
		return -1;
	if (roster_revoke(r, a->self, id, clock_wall_s()) < 0) {
		*why = mem_printf("group %s: this owner has taken back as many invites as it may: another owner can",
		                  engine_name(e));
		return -1;
	}
	engine_roster_changed(e);
	return 0;
}

/* --- roles --- */

struct asker_search {
	struct agent_decided *about;
	bool asks;
};

static bool take_asker(void *arg, const struct requests_item *item)
{
	struct asker_search *s = arg;

	if (!agent_id_equal(&item->asker, &s->about->id))
		return true;
	memcpy(s->about->name, item->name, strnlen(item->name, MEMBER_NAME_MAX) + 1);
	s->asks = true;
	return false;
}

bool agent_asks_to_join(struct engine *e, struct agent_decided *about)
{
	struct asker_search s = { .about = about };

	if (engine_mailbox(e) != NULL)
		requests_each(engine_mailbox(e), take_asker, &s);
	return s.asks;
}

/* A member by name or ID; any agent by its whole ID. Also refuses ourselves: nobody decides about itself. */
static int find_agent(const struct agent *a, struct engine *e, const struct roster *r, const char *who,
                      struct agent_decided *about, char **why)
{
	struct roster_member m;

	memset(about, 0, sizeof(*about));
	if (agent_match_member(r, who, &m, why) == 0) {
		about->id = m.id;
		memcpy(about->name, m.name, strnlen(m.name, MEMBER_NAME_MAX) + 1);
	} else if (agent_id_parse(&about->id, who) == 0) {
		free(*why);
		*why = NULL;
		(void)agent_asks_to_join(e, about);
	} else {
		return -1;
	}
	if (!agent_id_equal(&about->id, identity_id(a->self)))
		return 0;
	*why = mem_strdup("this is this agent itself: another owner can change its role or remove it; to leave, use "
	                  "`lanyard leave`");
	return -1;
}

int agent_grant(struct agent *a, struct engine *e, const struct agent_decided *about, enum role role, char **why)
{
	struct roster *r = engine_roster(e);

	if (!roster_has_room(r, &about->id, role)) {
		*why = mem_printf("group %s is full: it can have %d members, and %d owners among them", engine_name(e),
		                  ROSTER_MAX_MEMBERS, ROSTER_MAX_OWNERS);
		return -1;
	}
	if (roster_grant(r, a->self, &about->id, role, about->name, clock_wall_s()) < 0) {
		*why = mem_printf("group %s: this owner has decided about as many agents as it may: another owner can",
		                  engine_name(e));
		return -1;
	}
	engine_roster_changed(e);
	return 0;
}

int agent_role(struct agent *a, struct engine *e, const char *who, enum role role, struct agent_decided *about,
               char **why)
{
	struct roster *r = agent_owned_roster(a, e, "give a role", why);
	enum role before;

	if (r == NULL || !agent_role_possible(r, role, why) || find_agent(a, e, r, who, about, why) < 0)
		return -1;
	before = roster_role(r, &about->id);
	if (before == role)
		return 0;
	if (agent_grant(a, e, about, role, why) < 0)
		return -1;
	/* It may be waiting to hear it. */
	if (before == ROLE_NONE)
		peers_retry_now(a->peers);
	return 0;
}

int agent_remove(struct agent *a, struct engine *e, const char *who, struct agent_decided *about, char **why)
{
	struct roster *r = agent_owned_roster(a, e, "remove a member", why);

	if (r == NULL || find_agent(a, e, r, who, about, why) < 0)
		return -1;
	if (roster_role(r, &about->id) == ROLE_NONE) {
		*why = mem_printf("group %s: it is not a member", engine_name(e));
		return -1;
	}
	if (roster_remove(r, a->self, &about->id, clock_wall_s()) < 0) {
		*why = mem_printf("group %s: this owner has removed as many agents as it may: another owner can",
		                  engine_name(e));
		return -1;
	}
	engine_roster_changed(e);
	return 0;
}
