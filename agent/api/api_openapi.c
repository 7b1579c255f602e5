/* openapi.json: the API for programs, as scripts/openapi makes it of docs/api.md. */
#include "agent/api/api_routes.h"

#include "agent/api/web_assets.h"

void api_openapi(struct api *api, struct control_call *call)
{
	const struct web_file *file = &web_api_description;

	(void)api;
	control_send(call, 200, "application/json", file->p, (size_t)(file->end - file->p), NULL);
}
