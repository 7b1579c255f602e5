/* verify: reads all files of a share again and compares their checksums. It answers when that is done, and
 * continues if the client goes away. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_verify.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/plan/record.h"

enum { MAX_LISTED = 10000 }; /* rotten files that are listed; all are counted */

struct api_verify {
	struct api *api;
	struct control_call *call; /* NULL: the client went away */
	struct group_id group;
	bool repair;
	bool vault;     /* what is read are its objects */
	json_t *rotten; /* owned */
	struct api_verify *prev;
	struct api_verify *next;
};

static void api_verify_free(struct api_verify *v)
{
	DL_DELETE(v->api->verifies, v);
	json_decref(v->rotten);
	free(v);
}

void api_verify_forget(struct api *api)
{
	while (api->verifies != NULL)
		api_verify_free(api->verifies);
}

void api_verify_left(struct api *api, const struct group_id *group)
{
	struct api_verify *v;
	struct api_verify *next;

	DL_FOREACH_SAFE(api->verifies, v, next) {
		if (!group_id_equal(&v->group, group))
			continue;
		if (v->call != NULL)
			control_fail(v->call, 409, "the group was left meanwhile");
		api_verify_free(v);
	}
}

static void verify_client_gone(void *state)
{
	struct api_verify *v = state;

	v->call = NULL;
}

static void found_rotten(void *arg, const struct record *r)
{
	struct api_verify *v = arg;

	if (json_array_size(v->rotten) < MAX_LISTED)
		json_array_append_new(v->rotten, api_name(r->path));
}

static void verify_done(void *arg, int64_t files, int64_t bytes, int64_t rotten)
{
	struct api_verify *v = arg;

	if (v->call != NULL)
		control_reply(v->call, 200,
		              json_pack("{s:I, s:I, s:O, s:I, s:b, s:b}", "files", (json_int_t)files, "bytes",
		                        (json_int_t)bytes, "rotten", v->rotten, "rotten_count", (json_int_t)rotten,
		                        "repair", (int)v->repair, "vault", (int)v->vault));
	api_verify_free(v);
}

/* The call is registered before the engine begins, since a small share may be done at once. */
void api_verify(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	bool repair = false;
	struct api_verify *v;

	if (e == NULL || api_body_flag(call, "repair", &repair) < 0)
		return;
	v = MEM_NEW(struct api_verify);
	*v = (struct api_verify){ .api = api,
		                  .call = call,
		                  .repair = repair,
		                  .vault = engine_is_vault(e),
		                  .rotten = json_array(),
		                  .group = *engine_group(e) };
	DL_APPEND(api->verifies, v);
	control_defer(call, verify_client_gone, v);
	if (engine_verify(e, repair, found_rotten, verify_done, v) == 0)
		return;
	control_fail(call, 409, "a verification is running already, or the group has no share now (see status)");
	api_verify_free(v);
}
