/* release: lets a held burst happen. */
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

void api_release(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);

	if (e != NULL && engine_is_vault(e))
		control_fail(call, 409, "%s", engine_why_no_files(e));
	else if (e != NULL)
		control_reply(call, 200, json_pack("{s:I}", "released", (json_int_t)engine_release(e)));
}
