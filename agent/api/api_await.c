/* await: answers when the files that a `get` has chosen are here, or when time is up; then it says which are missing,
 * and who has them. */
#include "agent/api/api_answer.h"
#include "agent/api/api_missing.h"
#include "agent/api/api_pattern.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_waiter.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/fetch/fetch.h"
#include "sync/plan/pattern.h"
#include "sync/plan/record.h"

enum {
	TIMEOUT_MAX = 366 * 86400, /* s */
	LOOK_A_TURN = 1024,        /* files */
	MISSING_LISTED = 20,
};

/* One block of memory, as a waiter's state has to be. */
struct await {
	struct group_id group;
	char after[RECORD_PATH_MAX + 1]; /* of the pattern's files, those up to this path are here; "": none yet */
	size_t left;                     /* patterns */
	const char *pattern;             /* the first of them, inside `text` */
	char text[];                     /* all of them, each with its NUL */
};

static struct await *await_new(const struct group_id *group, char *const *patterns, size_t n)
{
	struct await *a;
	size_t size = 0;
	char *to;

	for (size_t i = 0; i < n; i++)
		size += strlen(patterns[i]) + 1;
	a = mem_calloc(1, sizeof(*a) + size);
	a->group = *group;
	a->left = n;
	a->pattern = to = a->text;
	for (size_t i = 0; i < n; i++) {
		memcpy(to, patterns[i], strlen(patterns[i]) + 1);
		to += strlen(patterns[i]) + 1;
	}
	return a;
}

static void next_pattern(struct await *a)
{
	a->pattern += strlen(a->pattern) + 1;
	a->left--;
	a->after[0] = '\0';
}

/* One that is not shared here is never fetched, and so not waited for. */
static bool file_is_awaited(const struct await *a, const struct engine_file *f)
{
	return f->wanted && f->shared && (!f->here || f->behind) && pattern_covers(a->pattern, f->r->path);
}

struct look_on {
	struct await *await;
	bool missing;
};

static bool look_on(void *arg, const struct engine_file *f)
{
	struct look_on *l = arg;

	l->missing = file_is_awaited(l->await, f);
	if (!l->missing && strlen(f->r->path) < sizeof(l->await->after))
		memcpy(l->await->after, f->r->path, strlen(f->r->path) + 1);
	return !l->missing;
}

/* Moves on over the files that are here. True: one is missing, or there are more to look at, in the next turn. */
static bool await_misses(struct await *a, struct engine *e, bool *again)
{
	while (a->left > 0) {
		struct look_on l = { .await = a };
		char *root = pattern_root(a->pattern);
		char *last = engine_files(e, root, a->after[0] != '\0' ? a->after : NULL, LOOK_A_TURN, look_on, &l);
		bool more = last != NULL;

		free(last);
		free(root);
		if (l.missing)
			return true;
		if (more) {
			*again = true;
			return true;
		}
		next_pattern(a);
	}
	return false;
}

static bool check_here(struct api *api, struct control_call *call, void *state, bool *again)
{
	struct await *a = state;
	struct engine *e = api_engine_by_id(api, &a->group);

	if (e == NULL || engine_share(e) == NULL) {
		control_fail(call, 409, "%s", e != NULL ? engine_why_no_files(e) : "the group was left meanwhile");
		return true;
	}
	if (await_misses(a, e, again))
		return false;
	control_reply(call, 200, json_pack("{s:b, s:[], s:b}", "here", 1, "missing", "source", 1));
	return true;
}

/* --- what is missing --- */

struct missing_list {
	const struct await *await;
	struct engine *engine;
	json_t *array;
	bool source; /* somebody who has one of them is connected */
};

static bool list_missing(void *arg, const struct engine_file *f)
{
	struct missing_list *l = arg;
	const struct fetch *fetch = engine_fetch(l->engine);
	const char *why = fetch != NULL ? fetch_waits_for(fetch, f->r->path) : NULL;
	json_t *file;

	if (!file_is_awaited(l->await, f))
		return true;
	file = api_missing_file(l->engine, f, &l->source);
	json_object_set_new(file, "reason", why != NULL ? api_message(why) : json_null());
	json_array_append_new(l->array, file);
	return json_array_size(l->array) < MISSING_LISTED;
}

/* Time is up. What was here once is not checked again: it is among the first files that may be missing. */
static void await_expired(struct api *api, struct control_call *call, void *state)
{
	struct await *a = state;
	struct engine *e = api_engine_by_id(api, &a->group);
	struct missing_list l = { .await = a, .engine = e, .array = json_array() };

	if (e == NULL || engine_share(e) == NULL) {
		json_decref(l.array);
		control_fail(call, 409, "%s", e != NULL ? engine_why_no_files(e) : "the group was left meanwhile");
		return;
	}
	for (; a->left > 0 && json_array_size(l.array) < MISSING_LISTED; next_pattern(a)) {
		char *root = pattern_root(a->pattern);

		free(engine_files(e, root, a->after[0] != '\0' ? a->after : NULL, LOOK_A_TURN, list_missing, &l));
		free(root);
	}
	control_reply(call, 200, json_pack("{s:b, s:o, s:b}", "here", 0, "missing", l.array, "source", (int)l.source));
}

void api_await(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	int64_t timeout = -1;
	char **patterns;
	size_t n;

	if (e == NULL || api_body_number(call, "timeout", 0, TIMEOUT_MAX, &timeout) < 0 ||
	    api_body_patterns(call, "paths", e, &patterns, &n) < 0)
		return;
	api_wait_until(api, call, timeout, check_here, await_expired, await_new(engine_group(e), patterns, n));
	api_patterns_free(patterns, n);
}
