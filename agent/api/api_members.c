/* members, invites, invite, revoke, role, remove: who belongs to a group, and what its owners decide. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/qr.h"

#include <stdlib.h>

#include "agent/engine/engine_status.h"
#include "base/clock.h"
#include "sync/peer/peers.h"

enum {
	EXPIRES_DEFAULT = 24 * 3600, /* s */
	EXPIRES_MAX = 366 * 86400,
};

/* The group of the call with a roster that can be read; NULL after the answer. */
static struct engine *engine_with_roster(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);

	if (e == NULL || engine_roster(e) != NULL)
		return e;
	control_fail(call, 409, "the group's roster cannot be read here; see status");
	return NULL;
}

/* --- members --- */

struct member_list {
	struct api *api;
	struct engine *engine;
	json_t *array;
};

static json_t *number_or_null(int64_t n)
{
	return n >= 0 ? json_integer((json_int_t)n) : json_null();
}

static bool members_add(void *arg, const struct roster_member *m)
{
	struct member_list *list = arg;
	bool self = agent_id_equal(&m->id, agent_self(list->api->agent));
	struct engine_member_state s = { 0 };

	engine_member_state(list->engine, agent_id_short(&m->id), &s);
	json_array_append_new(list->array,
	                      json_pack("{s:o, s:s, s:o, s:b, s:b, s:b, s:I, s:o, s:o, s:o}", "agent",
	                                api_agent_id(&m->id), "role", role_name(m->role), "name", api_name(m->name),
	                                "connected", (int)s.connected, "here", (int)(self || s.here), "self", (int)self,
	                                "since", (json_int_t)m->since_s, "last_seen",
	                                self ? json_null() : number_or_null(s.last_seen_s), "behind_files",
	                                self ? json_integer(0) : number_or_null(s.behind), "behind_since",
	                                self ? json_null() : number_or_null(s.behind_since_s)));
	return true;
}

void api_members(struct api *api, struct control_call *call)
{
	struct member_list list = { .api = api, .engine = engine_with_roster(api, call), .array = NULL };

	if (list.engine == NULL)
		return;
	list.array = json_array();
	roster_members(engine_roster(list.engine), members_add, &list);
	control_reply(call, 200, json_pack("{s:o}", "members", list.array));
}

/* --- invites --- */

struct invite_list {
	struct engine *engine;
	json_t *array;
};

static bool users_add(void *arg, const struct agent_id *id, bool member)
{
	(void)member;
	json_array_append_new(arg, api_agent_id(id));
	return true;
}

static const char *invite_state(const struct roster_invite *i)
{
	if (i->revoked)
		return "revoked";
	if (!i->told)
		return "unknown";
	if (!i->valid)
		return "void";
	if (i->used >= i->uses)
		return "used up";
	return i->expires_s < clock_wall_s() ? "expired" : "open";
}

static bool invites_add(void *arg, const struct roster_invite *i)
{
	struct invite_list *list = arg;
	json_t *users = json_array();

	roster_invite_users(engine_roster(list->engine), &i->id, users_add, users);
	json_array_append_new(list->array,
	                      json_pack("{s:o, s:o, s:o, s:o, s:I, s:o, s:s, s:o}", "id", api_agent_id(&i->id), "role",
	                                i->told ? json_string(role_name(i->role)) : json_null(), "expires",
	                                number_or_null(i->told ? i->expires_s : -1), "uses",
	                                number_or_null(i->told ? (int64_t)i->uses : -1), "used", (json_int_t)i->used,
	                                "by", i->told ? api_agent_id(&i->issuer) : json_null(), "state",
	                                invite_state(i), "used_by", users));
	return true;
}

void api_invites(struct api *api, struct control_call *call)
{
	struct invite_list list = { .engine = engine_with_roster(api, call), .array = NULL };

	if (list.engine == NULL)
		return;
	list.array = json_array();
	roster_invites(engine_roster(list.engine), invites_add, &list);
	control_reply(call, 200, json_pack("{s:o}", "invites", list.array));
}

/* A role in the body; absent leaves the caller's. -1 after the answer. */
static int body_role(struct control_call *call, enum role *role)
{
	const char *text;

	if (api_body_text(call, "role", &text) < 0)
		return -1;
	if (text == NULL || role_parse(text, role) == 0)
		return 0;
	control_fail(call, 400, "\"role\" must be owner, member, reader or vault");
	return -1;
}

void api_invite(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	struct agent_invite what = { .expires_s = EXPIRES_DEFAULT, .role = ROLE_INVITED, .uses = INVITE_USES };
	int64_t uses = INVITE_USES;
	bool qr = false;
	json_t *made;
	struct agent_id id;
	char *token = NULL;
	char *why = NULL;

	if (e == NULL || api_body_number(call, "expires", 1, EXPIRES_MAX, &what.expires_s) < 0 ||
	    api_body_number(call, "uses", 1, INVITE_MAX_USES, &uses) < 0 || api_body_flag(call, "qr", &qr) < 0 ||
	    body_role(call, &what.role) < 0)
		return;
	if (what.role == ROLE_OWNER) {
		control_fail(
			call, 400,
			"an invite cannot make an owner: invite a member, then use `lanyard role GROUP AGENT owner`");
		return;
	}
	what.uses = (uint32_t)uses;
	if (agent_invite(api->agent, e, &what, &token, &id, &why) < 0) {
		api_refuse(call, &why);
		return;
	}
	made = json_pack("{s:s, s:o, s:I, s:o, s:s, s:I}", "token", token, "group", api_name(engine_name(e)), "expires",
	                 (json_int_t)clock_wall_s() + what.expires_s, "id", api_agent_id(&id), "role",
	                 role_name(what.role), "uses", (json_int_t)what.uses);
	if (qr)
		json_object_set_new(made, "qr", qr_of_text(token));
	control_reply(call, 201, made);
	free(token);
}

void api_revoke(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *text;
	struct agent_id id;
	char *why = NULL;

	if (e == NULL || api_body_text(call, "invite", &text) < 0)
		return;
	if (text == NULL)
		control_fail(call, 400, "\"invite\" is missing: the start of an invite's ID, or its token");
	else if (agent_revoke(api->agent, e, text, &id, &why) < 0)
		api_refuse(call, &why);
	else
		control_reply(call, 200,
		              json_pack("{s:o, s:o}", "group", api_name(engine_name(e)), "id", api_agent_id(&id)));
}

/* --- roles --- */

/* The agent that the body names; NULL after the answer. */
static const char *body_agent(struct control_call *call)
{
	const char *text;

	if (api_body_text(call, "agent", &text) < 0)
		return NULL;
	if (text == NULL)
		control_fail(call, 400, "\"agent\" is missing: a name, or the start of an agent ID");
	return text;
}

static json_t *decided(struct engine *e, const struct agent_decided *about)
{
	enum role role = roster_role(engine_roster(e), &about->id);

	return json_pack("{s:o, s:o, s:o, s:o}", "group", api_name(engine_name(e)), "agent", api_agent_id(&about->id),
	                 "name", about->name[0] != '\0' ? api_name(about->name) : json_null(), "role",
	                 role != ROLE_NONE ? json_string(role_name(role)) : json_null());
}

void api_role(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *who = e != NULL ? body_agent(call) : NULL;
	enum role role = ROLE_NONE;
	struct agent_decided about;
	char *why = NULL;

	if (who == NULL || body_role(call, &role) < 0)
		return;
	if (role == ROLE_NONE)
		control_fail(call, 400, "\"role\" is missing: owner, member or reader");
	else if (agent_role(api->agent, e, who, role, &about, &why) < 0)
		api_refuse(call, &why);
	else
		control_reply(call, 200, decided(e, &about));
}

void api_remove(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *who = e != NULL ? body_agent(call) : NULL;
	struct agent_decided about;
	char *why = NULL;

	if (who == NULL)
		return;
	if (agent_remove(api->agent, e, who, &about, &why) < 0)
		api_refuse(call, &why);
	else
		control_reply(call, 200, decided(e, &about));
}
