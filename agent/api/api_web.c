/* web/link, web/revoke: links to the page, and the end of what they began. Only the control socket has them, so its
 * rights decide. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/web.h"
#include "agent/api/web_sessions.h"

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

void api_web_revoke(struct api *api, struct control_call *call)
{
	if (has_web(api, call))
		control_reply(call, 200, json_pack("{s:I}", "ended", (json_int_t)web_revoke(api->web)));
}
