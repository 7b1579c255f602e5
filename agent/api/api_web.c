/* web/link, web/await, web/revoke: links to the page, and the end of what they began. Only the control socket has them,
 * so its rights decide. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_waiter.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/web.h"
#include "agent/api/web_sessions.h"
#include "base/mem.h"

static bool has_web(struct api *api, struct control_call *call)
{
	if (api->web == NULL)
		control_fail(call, 409,
		             "this agent serves no page: set web = 127.0.0.1:4171 in lanyard.conf, and start "
		             "it again");
	return api->web != NULL;
}

void api_web_link(struct api *api, struct control_call *call)
{
	char *why = NULL;
	char *url;

	if (!has_web(api, call))
		return;
	url = web_link(api->web, &why);
	if (url == NULL) {
		api_refuse(call, &why);
		return;
	}
	control_reply(call, 200, json_pack("{s:s, s:i}", "url", url, "expires_in", WEB_LINK_S));
	explicit_bzero(url, strlen(url));
	free(url);
}

static bool link_is_over(struct api *api, struct control_call *call, void *state, bool *again)
{
	(void)again;
	if (web_link_waits(api->web, state))
		return false;
	control_reply(call, 200, json_pack("{s:b}", "over", 1));
	return true;
}

/* It began to wait a moment after the link was made, so the link is over by now. */
static void link_expired(struct api *api, struct control_call *call, void *state)
{
	(void)api;
	(void)state;
	control_reply(call, 200, json_pack("{s:b}", "over", 1));
}

void api_web_await(struct api *api, struct control_call *call)
{
	const char *secret = NULL;

	if (!has_web(api, call) || api_body_text(call, "link", &secret) < 0)
		return;
	if (secret == NULL)
		control_fail(call, 400, "link is missing");
	else
		api_wait_until(api, call, WEB_LINK_S, link_is_over, link_expired, mem_strdup(secret));
}

void api_web_revoke(struct api *api, struct control_call *call)
{
	if (has_web(api, call))
		control_reply(call, 200, json_pack("{s:I}", "ended", (json_int_t)web_revoke(api->web)));
}
