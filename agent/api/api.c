/* Finds the handler of a request: see api.h; the table is api_routes.h. */
#include "agent/api/api.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/api_routes.h"
#include "agent/api/api_verify.h"
#include "base/clock.h"
#include "base/mem.h"

static const struct api_route {
	const char *method;
	const char *path;
	api_fn *fn;
	enum api_rights rights;
} routes[] = {
#define API_ROUTE(method, path, function, rights, summary) { #method, path, function, API_##rights },
	API_ROUTES(API_ROUTE)
#undef API_ROUTE
};

struct api *api_new(struct loop *loop, struct agent *agent, struct events *events, const char *name, const char *listen)
{
	struct api *api = MEM_NEW(struct api);

	api->loop = loop;
	api->agent = agent;
	api->events = events;
	api->started_s = clock_wall_s();
	api->started_ms = loop_now_ms(loop);
	api->name = mem_strdup(name);
	api->listen = mem_strdup(listen);
	return api;
}

void api_use_web(struct api *api, struct web *web)
{
	api->web = web;
}

void api_use_config(struct api *api, const struct config *config)
{
	api->config = config;
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

/* True if path matches; *star and *len are then the text that the pattern's `*` stands for. */
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

/* A path that fits a route with another method is 405, not 404: the caller has the right place. Rights are asked
 * only once the route is known, so a reader learns which routes exist, and nothing else. */
static void api_dispatch(struct api *api, struct control_call *call, enum api_rights given, const char *refusal)
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
		if (routes[i].rights < given) {
			control_fail(call, 403, "%s", refusal);
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
	api_dispatch(arg, call, API_SOCKET, "");
}

void api_handle_user(void *arg, struct control_call *call)
{
	api_dispatch(arg, call, API_USER, "only root and the agent's own user may do this: use sudo");
}

void api_handle_web(void *arg, struct control_call *call)
{
	api_dispatch(arg, call, API_OWNER, "only the command line may do this");
}

void api_handle_web_reader(void *arg, struct control_call *call)
{
	api_dispatch(arg, call, API_READER,
	             "this token is for reading: lanyard web --token NAME --all makes one for all");
}
