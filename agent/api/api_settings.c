/* settings: what is set for this agent, and where. */
#include "agent/api/api_answer.h"
#include "agent/api/api_routes.h"

#include "agent/config/config_given.h"

/* A key, and after it each of its values. */
static void settings_add(void *arg, const char *key, const char *accepted, const struct config_given *given)
{
	json_t *list = arg, *last;

	if (given == NULL) {
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "key", key, "accepted", accepted, "given",
		                                      json_array()));
		return;
	}
	last = json_array_get(list, json_array_size(list) - 1);
	json_array_append_new(json_object_get(last, "given"),
	                      json_pack("{s:o, s:o}", "value", api_message(given->value), "place",
	                                api_message(given->place)));
}

void api_settings(struct api *api, struct control_call *call)
{
	json_t *settings = json_array(), *pending = json_array();

	if (api->config != NULL) {
		config_given_each(api->config, settings_add, settings);
		for (size_t i = 0; i < api->config->pending.n; i++)
			json_array_append_new(pending, api_message(api->config->pending.v[i]));
	}
	control_reply(call, 200, json_pack("{s:o, s:o}", "settings", settings, "pending", pending));
}
