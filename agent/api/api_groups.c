/* groups, create, join, leave, pause, resume. */
#include "agent/api/api_answer.h"
#include "agent/api/api_ask.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_verify.h"
#include "agent/api/api_waiter.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_status.h"
#include "agent/escape.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/peers.h"

enum {
	JOIN_TIMEOUT_DEFAULT = 60,
	TIMEOUT_MAX = 366 * 86400,
	LOOK_S = 2,  /* to wait for agents on the network */
	DISK_S = 10, /* to wait for a share's disk */
};

static json_t *group_json(struct engine *e)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "group", api_name(engine_name(e)), "id", api_group_id(e), "share",
	                 api_name(engine_share_path(e)), "disk_lacks", api_disk_lacks(e));
}

/* --- lists --- */

struct group_list {
	struct api *api;
	json_t *array;
};

static bool groups_add(void *arg, struct engine *e)
{
	struct group_list *list = arg;
	struct engine_status s = { 0 };
	const struct roster *roster = engine_roster(e);
	enum role role = roster != NULL ? roster_role(roster, agent_self(list->api->agent)) : ROLE_NONE;
	json_t *group = group_json(e);
	char tag[TAG_TEXT_MAX];

	group_id_tag(tag, engine_group(e));
	json_object_set_new(group, "public_id", json_string(tag));
	engine_status(e, &s);
	json_object_set_new(group, "role", role != ROLE_NONE ? json_string(role_name(role)) : json_null());
	json_object_set_new(group, "state", json_string(engine_state_name(s.state)));
	json_object_set_new(group, "mode", api_mode_of(e));
	json_object_set_new(group, "sealed", json_boolean(roster != NULL && roster_sealed(roster)));
	json_array_append_new(list->array, group);
	return true;
}

static bool groups_add_seen(void *arg, const struct seen_group *g)
{
	json_array_append_new(arg, json_pack("{s:o, s:s, s:o, s:i}", "group", api_name(g->name), "id", g->tag, "owner",
	                                     api_name(g->owner), "members", g->members));
	return true;
}

static void reply_groups(struct api *api, struct control_call *call, void *state)
{
	struct group_list list = { .api = api, .array = json_array() };
	json_t *seen = json_array();

	(void)state;
	agent_engines(api->agent, groups_add, &list);
	agent_seen_groups(api->agent, groups_add_seen, seen);
	control_reply(call, 200,
	              json_pack("{s:o, s:o, s:o}", "groups", list.array, "asked", api_ask_list(api), "seen", seen));
}

static bool check_looked(struct api *api, struct control_call *call, void *state, bool *again)
{
	(void)again;
	if (!agent_has_looked(api->agent))
		return false;
	reply_groups(api, call, state);
	return true;
}

/* The first look around takes a moment; later ones show what is known, and query again for the next one. */
void api_groups(struct api *api, struct control_call *call)
{
	agent_look_around(api->agent);
	api_wait_until(api, call, LOOK_S, check_looked, reply_groups, NULL);
}

/* --- found, leave --- */

/* The engine that a call waits for; NULL after the answer that there is none any more. */
static struct engine *engine_still_here(struct api *api, struct control_call *call, const struct group_id *id)
{
	struct engine *e = api_engine_by_id(api, id);

	if (e == NULL)
		control_fail(call, 409, "the group was left meanwhile");
	return e;
}

/* A worker opens the share, so it turns out a moment later whether the group can be founded there. */
static bool check_founded(struct api *api, struct control_call *call, void *state, bool *again)
{
	struct engine *e = engine_still_here(api, call, state);
	struct engine_status s = { 0 };
	char *why = NULL;

	(void)again;
	if (e == NULL)
		return true;
	if (engine_opening(e))
		return false;
	engine_status(e, &s);
	if (s.error == NULL) {
		control_reply(call, 201, group_json(e));
		return true;
	}
	agent_unfound(api->agent, e, &why);
	api_refuse(call, &why);
	return true;
}

static void founded_late(struct api *api, struct control_call *call, void *state)
{
	struct engine *e = api_engine_by_id(api, state);
	char *why = NULL;

	if (e != NULL)
		agent_unfound(api->agent, e, &why);
	api_refuse(call, &why);
}

/* The answer waits until the share is open, so that 201 means a group that works, and a share that cannot be used
 * leaves no group behind. */
void api_create(struct api *api, struct control_call *call)
{
	const char *text;
	bool hidden = false, sealed = false;
	struct engine *e = NULL;
	char *name = NULL;
	char *share = NULL;
	char *why = NULL;

	if (api_body_text(call, "name", &text) < 0 || api_body_flag(call, "hidden", &hidden) < 0 ||
	    api_body_flag(call, "sealed", &sealed) < 0)
		return;
	name = text != NULL ? escape_decode(text) : NULL;
	if (name == NULL || !roster_name_valid(name)) {
		control_fail(call, 400,
		             "a group's name is 1 to %d bytes of printable UTF-8, without '/' and without "
		             "spaces at its ends (write a backslash in it as \\\\)",
		             GROUP_NAME_MAX);
		goto free_name;
	}
	share = api_body_share(call, "share");
	if (share == NULL)
		goto free_name;
	if (agent_create(api->agent, name, share, hidden, sealed, &e, &why) < 0)
		api_refuse(call, &why);
	else
		api_wait_until(api, call, DISK_S, check_founded, founded_late,
		               mem_dup(engine_group(e), sizeof(struct group_id)));
	free(share);
free_name:
	free(name);
}

struct leaving {
	struct group_id group;
	char answer[];
};

static void left_late(struct api *api, struct control_call *call, void *state)
{
	const struct leaving *l = state;

	(void)api;
	control_reply(call, 200, json_loads(l->answer, 0, NULL));
}

/* Answers only when nothing is left of the group, so that it can be joined again at once. */
static bool check_left(struct api *api, struct control_call *call, void *state, bool *again)
{
	const struct leaving *l = state;

	(void)again;
	if (agent_is_leaving(api->agent, &l->group))
		return false;
	left_late(api, call, state);
	return true;
}

/* Keeps the answer as text: the engine it is about is gone before the answer is sent. */
void api_leave(struct api *api, struct control_call *call)
{
	struct engine *e;
	bool abandon = false;
	char *why = NULL;
	struct group_id id;
	struct leaving *l;
	json_t *left;
	char *text;

	if (api_ask_left(api, call))
		return;
	e = api_engine(api, call);
	if (e == NULL || api_body_flag(call, "abandon", &abandon) < 0)
		return;
	id = *engine_group(e);
	left = group_json(e);
	json_object_set_new(left, "vault", json_boolean(engine_is_vault(e)));
	if (agent_leave(api->agent, e, abandon, &why) < 0) {
		json_decref(left);
		api_refuse(call, &why);
		return;
	}
	api_verify_left(api, &id);
	text = json_dumps(left, 0);
	json_decref(left);
	l = mem_calloc(1, sizeof(*l) + strlen(text) + 1);
	l->group = id;
	memcpy(l->answer, text, strlen(text));
	free(text);
	api_wait_until(api, call, DISK_S, check_left, left_late, l);
}

/* --- pause --- */

static bool pause_engine(void *arg, struct engine *e)
{
	bool *paused = arg;

	engine_pause(e, *paused);
	return true;
}

static void pause_groups(struct api *api, struct control_call *call, bool paused)
{
	struct engine *e;

	if (call->group == NULL) {
		agent_engines(api->agent, pause_engine, &paused);
	} else {
		e = api_engine(api, call);
		if (e == NULL)
			return;
		engine_pause(e, paused);
	}
	control_reply(call, 200, json_pack("{s:b}", "paused", (int)paused));
}

void api_pause(struct api *api, struct control_call *call)
{
	pause_groups(api, call, true);
}

void api_resume(struct api *api, struct control_call *call)
{
	pause_groups(api, call, false);
}

/* --- join: the answer comes when a member has answered --- */

static bool check_joined(struct api *api, struct control_call *call, void *state, bool *again)
{
	struct engine *e = engine_still_here(api, call, state);
	struct engine_status s = { 0 };
	char *why = NULL;

	(void)again;
	if (e == NULL)
		return true;
	engine_status(e, &s);
	if (engine_opening(e) || (s.state == ENGINE_JOINING && s.error == NULL))
		return false;
	/* Its share cannot be used, so the join was never started: undo it. */
	if (engine_is_joiner(e)) {
		agent_unfound(api->agent, e, &why);
		api_refuse(call, &why);
	} else if (s.state == ENGINE_ERROR)
		control_fail(call, 409, "%s", s.error != NULL ? s.error : "a member refused");
	else
		control_reply(call, 201, group_json(e));
	return true;
}

static void join_expired(struct api *api, struct control_call *call, void *state)
{
	struct engine *e = api_engine_by_id(api, state);
	struct engine_status s = { 0 };

	if (e != NULL)
		engine_status(e, &s);
	if (s.waits_for != NULL) {
		control_fail(call, 504,
		             "not admitted yet, waiting for %s; the agent keeps trying (`lanyard leave` gives up)",
		             s.waits_for);
		return;
	}
	control_fail(call, 504,
	             "no member has answered yet; the agent keeps trying (`lanyard groups` shows "
	             "the state, `lanyard leave` gives up). Is a member running, and reachable from "
	             "here?");
}

/* 201 only once a member has admitted us. After the timeout the attempt continues; `leave` ends it. */
void api_join(struct api *api, struct control_call *call)
{
	int64_t timeout = JOIN_TIMEOUT_DEFAULT;
	bool on_demand = false;
	const char *token;
	struct engine *e = NULL;
	char *share = NULL;
	char *why = NULL;

	if (api_body_text(call, "token", &token) < 0 ||
	    api_body_number(call, "timeout", 0, TIMEOUT_MAX, &timeout) < 0 ||
	    api_body_on_demand(call, "mode", &on_demand) < 0)
		return;
	if (token == NULL) {
		control_fail(call, 400, "\"token\" is missing");
		return;
	}
	share = api_body_share(call, "share");
	if (share == NULL)
		return;
	if (agent_join(api->agent, token, share, &e, &why) < 0 || (on_demand && engine_begin_on_demand(e, &why) < 0))
		api_refuse(call, &why);
	else
		api_wait_until(api, call, timeout, check_joined, join_expired,
		               mem_dup(engine_group(e), sizeof(struct group_id)));
	free(share);
}
