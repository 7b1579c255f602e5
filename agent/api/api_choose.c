/* mode, get, drop, unshare, share: what this agent keeps of a group. Each answers once the choice is safe; get does not
 * wait for the files: see api_await.c. */
#include "agent/api/api_answer.h"
#include "agent/api/api_pattern.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_choices.h"
#include "base/mem.h"
#include "sync/fetch/fetch.h"
#include "sync/plan/pattern.h"

enum { REFUSED_MAX = 1000 }; /* files that were not dropped, and are listed */

/* A call that is answered when the engine has done it. */
struct choosing {
	struct api *api;
	struct control_call *call; /* NULL: the client went away */
	struct group_id group;
	char **paths; /* patterns, or plain paths; owned */
	size_t n;
	enum choose_mode mode;
	bool first;      /* get: before all else */
	json_t *refused; /* drop: owned */
	int64_t dropped, kept;
};

static void choosing_free(struct choosing *c)
{
	api_patterns_free(c->paths, c->n);
	json_decref(c->refused);
	free(c);
}

static void choosing_gone(void *state)
{
	struct choosing *c = state;

	c->call = NULL;
}

static struct choosing *choosing_begin(struct api *api, struct control_call *call, struct engine *e)
{
	struct choosing *c = MEM_NEW(struct choosing);

	*c = (struct choosing){ .api = api, .call = call, .group = *engine_group(e) };
	control_defer(call, choosing_gone, c);
	return c;
}

/* True when there is nothing to answer, or the answer is that it failed. */
static bool choosing_failed(struct choosing *c, const char *why)
{
	if (c->call == NULL)
		return true;
	if (why == NULL)
		return false;
	control_fail(c->call, 409, "%s", why);
	return true;
}

/* --- mode --- */

static void mode_done(void *arg, const char *why)
{
	struct choosing *c = arg;

	if (!choosing_failed(c, why))
		control_reply(c->call, 200, json_pack("{s:s}", "mode", choose_mode_name(c->mode)));
	choosing_free(c);
}

void api_mode(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *text = NULL;
	enum choose_mode mode;
	struct choosing *c;

	if (e == NULL || api_body_text(call, "mode", &text) < 0)
		return;
	if (text == NULL || choose_mode_parse(text, &mode) < 0) {
		control_fail(call, 400, "\"mode\" must be mirror or on-demand");
		return;
	}
	c = choosing_begin(api, call, e);
	c->mode = mode;
	engine_choices_mode(e, c->mode, mode_done, c);
}

/* --- choices --- */

void api_choices(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	json_t *rules, *unshared;
	const struct choices *choices;

	if (e == NULL)
		return;
	if (engine_is_vault(e)) {
		control_fail(call, 409, "%s", engine_why_no_files(e));
		return;
	}
	if (!engine_choices_known(e)) {
		control_fail(call, 409, "what this agent has chosen of the group is not known: see lanyard status");
		return;
	}
	choices = engine_choices(e);
	rules = json_array();
	unshared = json_array();
	for (size_t i = 0; i < choices->nrules; i++)
		json_array_append_new(rules, json_pack("{s:o, s:b}", "pattern", api_name(choices->rules[i].pattern),
		                                       "get", (int)choices->rules[i].get));
	for (size_t i = 0; i < choices->nunshared; i++)
		json_array_append_new(unshared, api_name(choices->unshared[i]));
	control_reply(call, 200,
	              json_pack("{s:s, s:o, s:o}", "mode", choose_mode_name(choices->mode), "rules", rules, "unshared",
	                        unshared));
}

/* --- get --- */

static void get_done(void *arg, const char *why)
{
	struct choosing *c = arg;
	struct engine *e = api_engine_by_id(c->api, &c->group);

	for (size_t i = 0; c->first && why == NULL && e != NULL && engine_fetch(e) != NULL && i < c->n; i++)
		fetch_first(engine_fetch(e), c->paths[i]);
	if (!choosing_failed(c, why))
		control_reply(c->call, 200, json_pack("{s:I}", "chosen", (json_int_t)c->n));
	choosing_free(c);
}

/* What names nothing in the group is refused: it is a slip of the pen. */
static int patterns_have_files(struct control_call *call, struct engine *e, char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (patterns[i][0] == '\0' || api_pattern_has_files(e, patterns[i]))
			continue;
		json_t *name = api_name(patterns[i]);

		control_fail(call, 404, "there is no %s in the group", json_string_value(name));
		json_decref(name);
		return -1;
	}
	return 0;
}

/* The patterns of a call about files of the group. NULL: it is answered. */
static struct engine *choosing_patterns(struct api *api, struct control_call *call, char ***patterns, size_t *n)
{
	struct engine *e = api_engine(api, call);

	if (e == NULL)
		return NULL;
	if (engine_share(e) == NULL || engine_index(e) == NULL) {
		control_fail(call, 409, "%s", engine_why_no_files(e));
		return NULL;
	}
	if (api_body_patterns(call, "paths", e, patterns, n) < 0)
		return NULL;
	if (patterns_have_files(call, e, *patterns, *n) == 0)
		return e;
	api_patterns_free(*patterns, *n);
	return NULL;
}

/* A path that is this agent's own would never come. */
static bool names_own(struct control_call *call, struct engine *e, char *const *patterns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *path = pattern_root(patterns[i]);
		bool own = path[0] != '\0' && !choose_shares(engine_choices(e), path);
		json_t *name = api_name(path);

		if (own)
			control_fail(call, 409, "%s is this agent's own: share it first", json_string_value(name));
		json_decref(name);
		free(path);
		if (own)
			return true;
	}
	return false;
}

void api_get(struct api *api, struct control_call *call)
{
	bool first = false;
	char **patterns;
	size_t n;
	struct engine *e;
	struct choosing *c;

	if (api_body_flag(call, "first", &first) < 0)
		return;
	e = choosing_patterns(api, call, &patterns, &n);
	if (e == NULL)
		return;
	if (names_own(call, e, patterns, n)) {
		api_patterns_free(patterns, n);
		return;
	}
	c = choosing_begin(api, call, e);
	c->paths = patterns;
	c->n = n;
	c->first = first;
	engine_choices_rules(e, (const char *const *)patterns, n, true, get_done, c);
}

/* --- drop --- */

static void drop_refused(void *arg, const char *path, const char *why)
{
	struct choosing *c = arg;

	c->kept++;
	if (json_array_size(c->refused) < REFUSED_MAX)
		json_array_append_new(c->refused,
		                      json_pack("{s:o, s:o}", "path", api_name(path), "reason", api_message(why)));
}

static void drop_done(void *arg, int64_t dropped, const char *why)
{
	struct choosing *c = arg;

	if (!choosing_failed(c, why))
		control_reply(c->call, 200,
		              json_pack("{s:I, s:O, s:I}", "dropped", (json_int_t)dropped, "refused", c->refused,
		                        "refused_count", (json_int_t)c->kept));
	choosing_free(c);
}

static const struct engine_drop_ops drop_ops = { .refused = drop_refused, .done = drop_done };

void api_drop(struct api *api, struct control_call *call)
{
	bool even_if_last = false;
	char **patterns;
	size_t n;
	struct engine *e;
	struct choosing *c;

	if (api_body_flag(call, "even_if_last", &even_if_last) < 0)
		return;
	e = choosing_patterns(api, call, &patterns, &n);
	if (e == NULL)
		return;
	if (engine_choices(e)->mode == CHOOSE_MIRROR) {
		api_patterns_free(patterns, n);
		control_fail(call, 409,
		             "this agent keeps every file of the group; to keep only some: lanyard mode GROUP "
		             "on-demand");
		return;
	}
	c = choosing_begin(api, call, e);
	c->paths = patterns;
	c->n = n;
	c->refused = json_array();
	engine_drop(e, (const char *const *)patterns, n, even_if_last, &drop_ops, c);
}

/* --- share, unshare --- */

static void shared_done(void *arg, const char *why)
{
	struct choosing *c = arg;
	struct engine *e = api_engine_by_id(c->api, &c->group);

	/* Files that were put there a moment ago may be known a moment earlier so. */
	for (size_t i = 0; e != NULL && i < c->n; i++)
		engine_hint(e, c->paths[i]);
	if (!choosing_failed(c, why))
		control_reply(c->call, 200, json_pack("{s:I}", "paths", (json_int_t)c->n));
	choosing_free(c);
}

static void change_shared(struct api *api, struct control_call *call, bool share)
{
	struct engine *e = api_engine(api, call);
	struct choosing *c;
	char **paths;
	size_t n;

	if (e == NULL || api_body_paths(call, "paths", &paths, &n) < 0)
		return;
	c = choosing_begin(api, call, e);
	c->paths = paths;
	c->n = n;
	if (share)
		engine_choices_share(e, (const char *const *)paths, n, shared_done, c);
	else
		engine_choices_unshare(e, (const char *const *)paths, n, shared_done, c);
}

void api_share(struct api *api, struct control_call *call)
{
	change_shared(api, call, true);
}

void api_unshare(struct api *api, struct control_call *call)
{
	change_shared(api, call, false);
}

/* --- revert --- */

static void reverted(void *arg, int64_t n, const char *why)
{
	struct choosing *c = arg;

	if (!choosing_failed(c, why))
		control_reply(c->call, 200, json_pack("{s:I}", "reverted", (json_int_t)n));
	choosing_free(c);
}

void api_revert(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	struct choosing *c;
	char *path;

	if (e == NULL || api_body_path(call, "path", &path) < 0)
		return;
	c = choosing_begin(api, call, e);
	engine_revert(e, path != NULL ? path : "", reverted, c);
	free(path);
}
