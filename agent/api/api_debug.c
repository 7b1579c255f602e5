/* debug/dump: the state of the whole agent for a bug report. It holds no content, and names only when they are asked
 * for: of files and folders, of groups and members, and addresses. IDs stay, so that two reports can be compared. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include "agent/engine/engine_dump.h"
#include "base/clock.h"
#include "sync/peer/peers.h"

struct dump_list {
	struct api *api;
	bool names;
	json_t *array;
};

static bool debug_connection(void *arg, const struct peer_connection *c)
{
	struct dump_list *d = arg;
	json_t *peer = json_pack("{s:o, s:I, s:I, s:I, s:I, s:I}", "agent", api_agent_id(&c->id), "since",
	                         (json_int_t)c->since_s, "rx", (json_int_t)c->bytes_in, "tx", (json_int_t)c->bytes_out,
	                         "rtt_ms", (json_int_t)c->rtt_ms, "groups", (json_int_t)c->ngroups);

	if (d->names) {
		json_object_set_new(peer, "name", api_name(c->name));
		json_object_set_new(peer, "address", api_message(c->address));
	}
	json_array_append_new(d->array, peer);
	return true;
}

static bool debug_group(void *arg, struct engine *e)
{
	struct dump_list *d = arg;
	json_t *group = engine_dump(e, d->names);

	json_object_set_new(group, "id", api_group_id(e));
	if (d->names) {
		json_object_set_new(group, "group", api_name(engine_name(e)));
		json_object_set_new(group, "share", api_name(engine_share_path(e)));
	}
	json_array_append_new(d->array, group);
	return true;
}

void api_debug_dump(struct api *api, struct control_call *call)
{
	struct dump_list peers = { .api = api, .array = json_array() }, groups = { .api = api, .array = json_array() };
	const char *problem = NULL;
	const char *discovery = agent_discovery(api->agent, &problem);
	int64_t names = 0;

	if (api_query_number(call, "names", 0, 1, &names) < 0) {
		json_decref(peers.array);
		json_decref(groups.array);
		return;
	}
	peers.names = groups.names = names != 0;
	peers_each(agent_peers(api->agent), debug_connection, &peers);
	agent_engines(api->agent, debug_group, &groups);
	control_reply(call, 200,
	              json_pack("{s:s, s:o, s:I, s:i, s:s, s:b, s:o, s:o}", "version", LANYARD_VERSION, "agent",
	                        api_agent_id(agent_self(api->agent)), "time", (json_int_t)clock_wall_s(), "port",
	                        agent_port(api->agent), "discovery", discovery, "discovery_works",
	                        (int)(problem == NULL), "connections", peers.array, "groups", groups.array));
}
