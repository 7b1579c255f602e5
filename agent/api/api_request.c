/* See api_request.h. */
#include "agent/api/api_request.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/args.h"
#include "agent/escape.h"
#include "sync/plan/choose.h"
#include "sync/plan/path.h"

struct engine *api_engine(struct api *api, struct control_call *call)
{
	char *name = escape_decode(call->group);
	struct engine *e = NULL;
	char *why = NULL;

	if (name != NULL)
		e = agent_find(api->agent, name, &why);
	if (e == NULL)
		control_fail(call, 404, "%s", why != NULL ? why : "there is no such group");
	free(why);
	free(name);
	return e;
}

struct engine_search {
	const struct group_id *id;
	struct engine *found;
};

static bool engine_search_step(void *arg, struct engine *e)
{
	struct engine_search *f = arg;

	if (group_id_equal(engine_group(e), f->id))
		f->found = e;
	return f->found == NULL;
}

struct engine *api_engine_by_id(struct api *api, const struct group_id *id)
{
	struct engine_search f = { .id = id };

	agent_engines(api->agent, engine_search_step, &f);
	return f.found;
}

int api_body_text(struct control_call *call, const char *key, const char **text)
{
	json_t *value = json_object_get(call->body, key);

	*text = json_string_value(value);
	if (value == NULL || json_is_null(value) || *text != NULL)
		return 0;
	control_fail(call, 400, "\"%s\" must be a string", key);
	return -1;
}

int api_body_path(struct control_call *call, const char *key, char **path)
{
	const char *text = NULL;

	*path = NULL;
	if (api_body_text(call, key, &text) < 0)
		return -1;
	if (text == NULL)
		return 0;
	*path = escape_decode(text);
	if (*path != NULL && path_check(*path, strlen(*path)) == PATH_OK)
		return 0;
	free(*path);
	*path = NULL;
	control_fail(call, 400, "\"%s\" must be a path in the share, relative to it (write a backslash in it as \\\\)",
	             key);
	return -1;
}

char *api_body_share(struct control_call *call, const char *key)
{
	const char *text;
	char *share;

	if (api_body_text(call, key, &text) < 0)
		return NULL;
	share = text != NULL ? escape_decode(text) : NULL;
	if (share != NULL && share[0] == '/')
		return share;
	free(share);
	control_fail(call, 400, "\"%s\" must be an absolute path (write a backslash in it as \\\\)", key);
	return NULL;
}

int api_body_on_demand(struct control_call *call, const char *key, bool *on_demand)
{
	enum choose_mode mode = CHOOSE_MIRROR;
	const char *text = NULL;

	*on_demand = false;
	if (api_body_text(call, key, &text) < 0)
		return -1;
	if (text != NULL && choose_mode_parse(text, &mode) < 0) {
		control_fail(call, 400, "\"%s\" must be mirror or on-demand", key);
		return -1;
	}
	*on_demand = mode == CHOOSE_ON_DEMAND;
	return 0;
}

int api_body_flag(struct control_call *call, const char *key, bool *flag)
{
	json_t *value = json_object_get(call->body, key);

	if (value == NULL || json_is_null(value))
		return 0;
	*flag = json_is_true(value);
	if (json_is_boolean(value))
		return 0;
	control_fail(call, 400, "\"%s\" must be true or false", key);
	return -1;
}

static int out_of_range(struct control_call *call, const char *key, int64_t min, int64_t max)
{
	control_fail(call, 400, "\"%s\" must be a whole number from %lld to %lld", key, (long long)min, (long long)max);
	return -1;
}

int api_body_number(struct control_call *call, const char *key, int64_t min, int64_t max, int64_t *n)
{
	json_t *value = json_object_get(call->body, key);

	if (value == NULL || json_is_null(value))
		return 0;
	*n = json_integer_value(value);
	if (json_is_integer(value) && *n >= min && *n <= max)
		return 0;
	return out_of_range(call, key, min, max);
}

int api_query_number(struct control_call *call, const char *key, int64_t min, int64_t max, int64_t *n)
{
	const char *text = control_query(call, key);

	if (text == NULL || args_number(text, min, max, n) == 0)
		return 0;
	return out_of_range(call, key, min, max);
}
