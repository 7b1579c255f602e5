/* The table of requests, and what all handlers need: see api.h. */
#include "agent/api/api_internal.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/args.h"
#include "agent/escape.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "sync/share/path.h"

/* `*` stands for a group: its name, or the start of its ID in hex. */
static const struct route {
	const char *method;
	const char *path;
	api_fn *fn;
	bool looks; /* whoever may only look may ask this */
} routes[] = {
	{ "GET", "/v1/status", api_status, true },
	{ "GET", "/v1/peers", api_peers, true },
	{ "GET", "/v1/downloads", api_downloads, false },
	{ "GET", "/v1/events", api_events, false }, /* ?follow=1 &after=NUMBER; lines */
	{ "GET", "/v1/wait", api_wait, false },     /* ?timeout=S &peers=N */
	{ "GET", "/v1/groups", api_groups, false },
	{ "POST", "/v1/groups", api_create, false }, /* name, share, hidden */
	{ "POST", "/v1/join", api_join, false },     /* token, share, timeout */
	{ "POST", "/v1/pause", api_pause, false },
	{ "POST", "/v1/resume", api_resume, false },
	{ "GET", "/v1/groups/*/members", api_members, false },
	{ "GET", "/v1/groups/*/files", api_files, false }, /* ?path=NAME &lines=1 */
	{ "GET", "/v1/groups/*/wait", api_wait, false },
	{ "POST", "/v1/groups/*/invite", api_invite, false }, /* expires */
	{ "GET", "/v1/conflicts", api_conflicts, false },
	{ "GET", "/v1/groups/*/conflicts", api_conflicts, false },
	{ "POST", "/v1/groups/*/resolve", api_resolve, false },  /* path, keep */
	{ "GET", "/v1/groups/*/versions", api_versions, false }, /* ?path=NAME */
	{ "POST", "/v1/groups/*/restore", api_restore, false },  /* path, version, to */
	{ "POST", "/v1/groups/*/leave", api_leave, false },
	{ "POST", "/v1/groups/*/pause", api_pause, false },
	{ "POST", "/v1/groups/*/resume", api_resume, false },
	{ "POST", "/v1/groups/*/release", api_release, false },
	{ "POST", "/v1/groups/*/verify", api_verify, false }, /* repair */
};

struct api *api_new(struct loop *loop, struct agent *agent, struct events *events, const char *name, const char *listen)
{
	struct api *api = MEM_NEW(struct api);

	api->loop = loop;
	api->agent = agent;
	api->events = events;
	api->name = mem_strdup(name);
	api->listen = mem_strdup(listen);
	return api;
}

void api_free(struct api *api)
{
	if (api == NULL)
		return;
	api_verify_forget(api);
	free(api->name);
	free(api->listen);
	free(api);
}

/* Whether path fits; *star and *len become what the pattern's `*` stands for. */
static bool path_matches(const char *pattern, const char *path, const char **star, size_t *len)
{
	while (*pattern != '\0') {
		if (*pattern == '*') {
			*star = path;
			*len = strcspn(path, "/");
			if (*len == 0)
				return false;
			path += *len;
			pattern++;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return *path == '\0';
}

static void handle(struct api *api, struct control_call *call, bool looks_alone)
{
	const char *other_method = NULL;

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		const char *star = NULL;
		size_t len = 0;

		if (!path_matches(routes[i].path, call->path, &star, &len))
			continue;
		if (strcmp(routes[i].method, call->method) != 0) {
			other_method = routes[i].method;
			continue;
		}
		if (looks_alone && !routes[i].looks) {
			control_fail(call, 403, "this needs the rights of the system's agent: say it with sudo");
			return;
		}
		if (star != NULL)
			call->group = mem_printf("%.*s", (int)len, star);
		routes[i].fn(api, call);
		return;
	}
	if (other_method != NULL)
		control_fail(call, 405, "%s takes %s, not %s", call->path, other_method, call->method);
	else
		control_fail(call, 404, "there is no %s", call->path);
}

void api_handle(void *arg, struct control_call *call)
{
	handle(arg, call, false);
}

void api_handle_reader(void *arg, struct control_call *call)
{
	handle(arg, call, true);
}

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

struct find {
	const struct group_id *id;
	struct engine *found;
};

static bool find_engine(void *arg, struct engine *e)
{
	struct find *f = arg;

	if (group_id_equal(engine_group(e), f->id))
		f->found = e;
	return f->found == NULL;
}

struct engine *api_engine_by_id(struct api *api, const struct group_id *id)
{
	struct find f = { .id = id };

	agent_engines(api->agent, find_engine, &f);
	return f.found;
}

int api_body_text(struct control_call *call, const char *key, const char **text)
{
	json_t *value = json_object_get(call->body, key);

	*text = json_string_value(value);
	if (value == NULL || json_is_null(value) || *text != NULL)
		return 0;
	control_fail(call, 400, "\"%s\" must be a text", key);
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
	control_fail(call, 400,
	             "\"%s\" must be a path in the share, relative to it (a backslash in it is written \\\\)", key);
	return -1;
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

void api_refuse(struct control_call *call, char **why)
{
	control_fail(call, 409, "%s", *why != NULL ? *why : "refused");
	free(*why);
	*why = NULL;
}

static json_t *take_text(char *text)
{
	json_t *json = json_string(text);

	free(text);
	return json;
}

json_t *api_name(const char *bytes)
{
	return bytes != NULL ? take_text(escape_name(bytes)) : json_null();
}

json_t *api_disk(struct engine *e)
{
	const struct share *share = engine_share(e);
	json_t *lacks = json_array();
	const char *text;

	for (size_t i = 0; share != NULL && (text = disk_lack(share_disk(share), i)) != NULL; i++)
		json_array_append_new(lacks, json_string(text));
	return lacks;
}

json_t *api_message(const char *bytes)
{
	return bytes != NULL ? take_text(escape_message(bytes)) : json_null();
}

json_t *api_agent_id(const struct agent_id *id)
{
	char text[ID_TEXT_MAX];

	agent_id_text(text, id);
	return json_string(text);
}

json_t *api_group_id(const struct engine *e)
{
	char text[65];

	hex_encode(text, engine_group(e)->b, 32);
	return json_string(text);
}
