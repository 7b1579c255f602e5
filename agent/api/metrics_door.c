/* See metrics_door.h. */
#include "agent/api/metrics_door.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/api_routes.h"
#include "agent/api/web_check.h"
#include "base/mem.h"

struct metrics_door {
	struct api *api;
	struct control *control;
	struct web_place place; /* what a Host header may say; a socket has none to check */
};

/* A page in a browser of this host could have its own name lead here, and read what is answered. */
static void handle_scrape(void *arg, struct control_call *call)
{
	struct metrics_door *d = arg;

	if (d->place.port != 0 && !web_host_ok(&d->place, control_header(call, "Host")))
		control_fail(call, 403, "ask by address or as localhost, not by another name");
	else if (strcmp(call->path, "/metrics") != 0)
		control_fail(call, 404, "there is no %s here: only /metrics", call->path);
	else if (strcmp(call->method, "GET") != 0)
		control_fail(call, 405, "/metrics takes GET, not %s", call->method);
	else
		api_metrics(d->api, call);
}

struct metrics_door *metrics_door_new(struct loop *loop, struct api *api, const char *at, char **why)
{
	struct metrics_door *d = MEM_NEW(struct metrics_door);
	struct control_listen listen = CONTROL_LISTEN_NONE;

	d->api = api;
	if (control_listen_at(&listen, at, false, why) == 0) {
		d->place.port = listen.port;
		d->control = control_new(loop, &(struct control_door){ .listen = &listen }, handle_scrape, d, why);
	}
	if (d->control != NULL)
		return d;
	free(d);
	return NULL;
}

void metrics_door_free(struct metrics_door *d)
{
	if (d == NULL)
		return;
	control_free(d->control);
	free(d);
}
