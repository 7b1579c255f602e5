/* requests, accept, reject: what an owner sees and decides. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"
#include "base/mem.h"

struct request_list {
	struct api *api;
	struct engine *engine;
	json_t *array;
};

static json_t *member_name(struct engine *e, const struct agent_id *id)
{
	struct roster_member m = { 0 };

	return roster_member_by_short(engine_roster(e), agent_id_short(id), &m) ? api_name(m.name) : json_null();
}

static bool requests_add(void *arg, const struct requests_item *item)
{
	struct request_list *list = arg;

	json_array_append_new(list->array,
	                      json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:s, s:o, s:o}", "group",
	                                api_name(engine_name(list->engine)), "group_id", api_group_id(list->engine),
	                                "agent", api_agent_id(&item->asker), "name", api_name(item->name), "address",
	                                api_message(item->address), "since", (json_int_t)item->heard_s, "message",
	                                api_name(item->message), "code", item->code, "giver",
	                                api_agent_id(&item->giver), "giver_name",
	                                member_name(list->engine, &item->giver)));
	return true;
}

static bool requests_of_engine(void *arg, struct engine *e)
{
	struct request_list *list = arg;

	list->engine = e;
	if (engine_mailbox(e) == NULL)
		return true;
	requests_each(engine_mailbox(e), requests_add, list);
	agent_requests_seen(list->api->agent, e);
	return true;
}

void api_requests(struct api *api, struct control_call *call)
{
	struct request_list list = { .api = api };
	struct engine *e = NULL;

	if (call->group != NULL) {
		e = api_engine(api, call);
		if (e == NULL)
			return;
	}
	list.array = json_array();
	if (e != NULL)
		(void)requests_of_engine(&list, e);
	else
		agent_engines(api->agent, requests_of_engine, &list);
	control_reply(call, 200, json_pack("{s:o}", "requests", list.array));
}

/* The agent that the body names, unescaped, fresh; NULL: none, and the call is answered. */
static char *requests_body_agent(struct control_call *call)
{
	const char *text;
	char *agent;

	if (api_body_text(call, "agent", &text) < 0)
		return NULL;
	agent = text != NULL ? escape_decode(text) : NULL;
	if (agent == NULL || agent[0] == '\0') {
		free(agent);
		control_fail(call, 400, "\"agent\" must be a confirmation code, a name, or a start of an agent ID");
		return NULL;
	}
	return agent;
}

static int requests_body_role(struct control_call *call, enum role *role)
{
	const char *text;

	*role = ROLE_INVITED;
	if (api_body_text(call, "role", &text) < 0)
		return -1;
	if (text == NULL || role_parse(text, role) == 0)
		return 0;
	control_fail(call, 400, "\"role\" must be owner, member or reader");
	return -1;
}

void api_accept(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	struct agent_decided about;
	enum role role;
	char *why = NULL;
	char *text;

	if (e == NULL || requests_body_role(call, &role) < 0)
		return;
	text = requests_body_agent(call);
	if (text == NULL)
		return;
	if (agent_accept(api->agent, e, text, role, &about, &why) < 0)
		api_refuse(call, &why);
	else
		control_reply(call, 200,
		              json_pack("{s:o, s:o, s:o, s:s}", "group", api_name(engine_name(e)), "agent",
		                        api_agent_id(&about.id), "name", member_name(e, &about.id), "role",
		                        role_name(role)));
	free(text);
}

void api_reject(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	bool forever = false;
	struct agent_decided about;
	char *why = NULL;
	char *text;

	if (e == NULL || api_body_flag(call, "forever", &forever) < 0)
		return;
	text = requests_body_agent(call);
	if (text == NULL)
		return;
	if (agent_reject(api->agent, e, text, forever, &about, &why) < 0)
		api_refuse(call, &why);
	else
		control_reply(call, 200,
		              json_pack("{s:o, s:o, s:o}", "group", api_name(engine_name(e)), "agent",
		                        api_agent_id(&about.id), "name",
		                        about.name[0] != '\0' ? api_name(about.name) : json_null()));
	free(text);
}
