/* web/link, web/await, web/revoke: links to the page, and the end of what they began. web/password, web/tokens,
 * web/token, web/token/revoke: who may come in from elsewhere. Only the control socket has them, so its rights
 * decide. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_waiter.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/web.h"
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
	control_reply(call, 200,
	              json_pack("{s:s, s:i, s:s?}", "url", url, "expires_in", WEB_LINK_S, "fingerprint",
	                        web_fingerprint(api->web)));
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
	struct web_link_mark mark;

	if (!has_web(api, call) || api_body_text(call, "link", &secret) < 0)
		return;
	if (secret == NULL)
		control_fail(call, 400, "link is missing");
	else if (web_sessions_mark(&mark, secret) < 0)
		control_reply(call, 200, json_pack("{s:b}", "over", 1)); /* it never was one */
	else
		api_wait_until(api, call, WEB_LINK_S, link_is_over, link_expired, mem_dup(&mark, sizeof(mark)));
}

void api_web_revoke(struct api *api, struct control_call *call)
{
	if (has_web(api, call))
		control_reply(call, 200, json_pack("{s:I}", "ended", (json_int_t)web_revoke(api->web)));
}

static bool has_remote(struct api *api, struct control_call *call)
{
	return has_web(api, call) && web_is_remote(api->web, call);
}

void api_web_password(struct api *api, struct control_call *call)
{
	const char *password = NULL;

	if (has_remote(api, call) && api_body_text(call, "password", &password) == 0)
		web_set_password(api->web, call, password);
}

void api_web_tokens(struct api *api, struct control_call *call)
{
	if (has_remote(api, call))
		control_reply(call, 200, json_pack("{s:o}", "tokens", web_list_tokens(api->web)));
}

void api_web_token(struct api *api, struct control_call *call)
{
	const char *name = NULL;
	bool all = false;

	if (!has_remote(api, call) || api_body_text(call, "name", &name) < 0 || api_body_flag(call, "all", &all) < 0)
		return;
	if (name == NULL)
		control_fail(call, 400, "\"name\" is missing");
	else
		web_add_token(api->web, call, name, all);
}

void api_web_token_revoke(struct api *api, struct control_call *call)
{
	const char *name = NULL;

	if (!has_remote(api, call) || api_body_text(call, "name", &name) < 0)
		return;
	if (name == NULL)
		control_fail(call, 400, "\"name\" is missing");
	else
		web_remove_token(api->web, call, name);
}
