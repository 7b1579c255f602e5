/* Groups founded, joined and left, and invitations to them: see agent.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/addresses.h"
#include "agent/agent_internal.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/share/place.h"

/* One folder must not be in two groups, nor a share hold the agent's own keys. */
static int share_is_free(struct agent *a, const char *share, char **why)
{
	struct place *place = place_of(share), *home = place_of(a->home);
	struct engine *e;
	int status = 0;

	if (place == NULL) {
		*why = mem_printf("%s: not a path that can be followed: give one without '..'", share);
		status = -1;
	} else if (home != NULL && place_overlaps(place, home)) {
		*why = mem_printf(
			"%s: a share must not hold the agent's home (%s), nor be in it: choose another folder", share,
			a->home);
		status = -1;
	}
	DL_FOREACH(a->engines, e) {
		if (status || e->share == NULL || !place_overlaps(place, share_place(e->share)))
			continue;
		*why = mem_printf("%s: overlaps with %s, the share of group %s: choose another folder", share,
		                  e->share_path, engine_name(e));
		status = -1;
	}
	place_free(home);
	place_free(place);
	return status;
}

static int room_for_one(struct agent *a, char **why)
{
	if (agent_engine_count(a) < AGENT_MAX_GROUPS)
		return 0;
	*why = mem_printf("an agent can be in %d groups at the most: leave one first", AGENT_MAX_GROUPS);
	return -1;
}

int agent_create(struct agent *a, const char *name, const char *share, bool hidden, bool sealed, struct engine **out,
                 char **why)
{
	struct roster *roster;
	struct engine *e;

	if (!group_name_valid(name)) {
		*why = mem_printf(
			"%s: no name for a group: 1 to %d bytes of printable text without '/' or spaces at the ends",
			name, GROUP_NAME_MAX);
		return -1;
	}
	DL_FOREACH(a->engines, e) {
		if (strcmp(engine_name(e), name) == 0) {
			*why = mem_printf("%s: there is a group of that name here already", name);
			return -1;
		}
	}
	if (room_for_one(a, why) || share_is_free(a, share, why))
		return -1;
	roster = roster_found(a->self, name, hidden, sealed, a->name, clock_wall_s());
	e = engine_found(&a->context, roster, share, why);
	if (!e)
		return -1;
	DL_APPEND(a->engines, e);
	agent_publish(a);
	*out = e;
	return 0;
}

int agent_invite(struct agent *a, struct engine *e, int64_t expires_s, enum role role, char **token, char **why)
{
	struct invite invite;

	if (!e->roster || e->token || e->error ||
	    invite_make(&invite, e->roster, a->self, role, INVITE_USES, clock_wall_s() + expires_s)) {
		*why = mem_printf("group %s: only an owner of the group can invite", engine_name(e));
		return -1;
	}
	invite.naddresses = addresses_hints(a->addresses, invite.addresses, INVITE_MAX_ADDRESSES);
	*token = invite_token(&invite);
	return 0;
}

int agent_join(struct agent *a, const char *token, const char *share, struct engine **out, char **why)
{
	static const char *const faults[] = {
		[INVITE_NOT_A_TOKEN] = "this is no invite token: it begins with \"lanyard1-\"",
		[INVITE_OTHER_VERSION] =
			"this invite was made by another version of lanyard: ask for a new one, made by this version",
		[INVITE_DAMAGED] = "the invite token is damaged: copy all of it again",
		[INVITE_BAD_SIGNATURE] = "the invite token's signature is false: ask for a new one",
	};
	struct invite invite;
	enum invite_parse parsed = invite_parse(&invite, token);
	struct engine *e, *next;

	if (parsed != INVITE_OK) {
		*why = mem_strdup(faults[parsed]);
		return -1;
	}
	if (invite.expires_s < clock_wall_s()) {
		*why = mem_strdup("the invite has expired: ask for a new one");
		return -1;
	}
	DL_FOREACH_SAFE(a->engines, e, next) {
		if (!group_id_equal(&e->group, &invite.group))
			continue;
		if (!e->error && !e->token) {
			*why = mem_printf("this agent is a member of group %s already", engine_name(e));
			return -1;
		}
		if (e->index) {
			*why = mem_printf("group %s: leave it first (lanyard leave), then join again", engine_name(e));
			return -1;
		}
		DL_DELETE(a->engines, e); /* an attempt that failed, or another token: begin again */
		engine_forget(e);
		engine_free(e);
	}
	if (room_for_one(a, why) || share_is_free(a, share, why))
		return -1;
	e = engine_join(&a->context, token, &invite, share, why);
	if (!e)
		return -1;
	DL_APPEND(a->engines, e);
	agent_publish(a);
	for (size_t i = 0; i < invite.naddresses; i++)
		discovery_add_static(a->discovery, invite.addresses[i]);
	*out = e;
	return 0;
}

int agent_leave(struct agent *a, struct engine *e, char **why)
{
	struct bytes entry = BYTES_INIT(ROSTER_ENTRY_MAX);

	if (e->roster && !e->token && roster_role(e->roster, identity_id(a->self)) != ROLE_NONE) {
		if (roster_leave(e->roster, a->self, true, clock_wall_s(), &entry)) {
			*why = mem_printf("group %s: the roster is full", engine_name(e));
			return -1;
		}
		bytes_free(&entry);
		if (e->peers)
			peer_group_roster_changed(e->peers);
	}
	engine_emit(e, "left", NULL, NULL);
	DL_DELETE(a->engines, e);
	engine_end(e);
	agent_publish(a);
	return 0;
}
