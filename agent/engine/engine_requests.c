/* The group's requests to join: loading and saving them, and telling an owner's users that one has come. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	SAVE_MS = 1000,
	TOLD_PER_MINUTE = 20, /* requests that are emitted and logged; more than those at one address are */
};

struct engine_requests {
	struct requests *mailbox;
	struct loop_timer *save; /* runs while something is not saved yet */
	char *path;
	bool unsaved; /* the last save failed */
	char (*told)
		[REQUEST_CODE_TEXT]; /* codes of the waiting requests that the user was told of, or might have been */
	size_t ntold;
};

struct requests *engine_mailbox(struct engine *e)
{
	return e->requests != NULL ? e->requests->mailbox : NULL;
}

/* --- saving --- */

static void requests_save_due(void *arg)
{
	struct engine *e = arg;
	struct engine_requests *q = e->requests;
	bool failed = requests_save(q->mailbox, e->context->home_dirfd, q->path) < 0;

	if (failed && !q->unsaved)
		engine_log(e, LOG_ERROR, "group %s: %s/%s: requests to join could not be stored; trying again: %s",
		           engine_name(e), e->context->home, q->path, strerror(errno));
	q->unsaved = failed;
	if (failed)
		loop_timer_start(q->save, SAVE_MS, 0);
}

static void requests_save_soon(struct engine *e)
{
	if (!loop_timer_running(e->requests->save))
		loop_timer_start(e->requests->save, SAVE_MS, 0);
}

/* --- telling --- */

struct waiting_codes {
	struct engine *engine;
	bool tell;
	char (*codes)[REQUEST_CODE_TEXT];
	size_t n;
};

static bool was_told(const struct engine_requests *q, const char *code)
{
	for (size_t i = 0; i < q->ntold; i++) {
		if (strcmp(q->told[i], code) == 0)
			return true;
	}
	return false;
}

/* What a stranger wrote is shown, but cannot fill logs or screens. */
static void tell_request(struct engine *e, const struct requests_item *item)
{
	struct event event = { .kind = "request", .group = engine_name(e), .name = item->name };
	char id[ID_TEXT_MAX], former[MEMBER_NAME_MAX + 1];
	char *key = mem_printf("request %s", e->dir);
	char *text = mem_printf("%s at %s asks to join, code %s%s%s", item->name[0] != '\0' ? item->name : "an agent",
	                        item->address, item->code, item->message[0] != '\0' ? ": " : "", item->message);

	agent_id_text(id, &item->asker);
	if (log_allow(key, TOLD_PER_MINUTE)) {
		log_about(LOG_INFO, &(struct log_about){ .group = engine_name(e), .peer = id },
		          "group %s: %s (lanyard requests)", engine_name(e), text);
		event.peer = id;
		event.reason = text;
		engine_members_describe(e, &item->asker, former, &event);
		events_emit(e->context->events, &event);
	}
	free(text);
	free(key);
}

static bool gather_code(void *arg, const struct requests_item *item)
{
	struct waiting_codes *w = arg;

	memcpy(w->codes[w->n++], item->code, REQUEST_CODE_TEXT);
	if (w->tell && !was_told(w->engine->requests, item->code))
		tell_request(w->engine, item);
	return true;
}

/* Goes through all that wait, which are bounded. */
static void requests_look(struct engine *e, bool tell)
{
	struct engine_requests *q = e->requests;
	struct waiting_codes w = { .engine = e, .tell = tell };

	w.codes = mem_calloc(requests_waiting(q->mailbox) + 1, sizeof(*w.codes));
	requests_each(q->mailbox, gather_code, &w);
	free(q->told);
	q->told = w.codes;
	q->ntold = w.n;
}

void engine_requests_told(struct engine *e)
{
	if (e->requests == NULL)
		return;
	requests_save_soon(e);
	requests_look(e, roster_may(e->roster, identity_id(e->context->self), RIGHT_OWN));
	e->dirty = true;
}

void engine_requests_changed(struct engine *e)
{
	engine_requests_told(e);
	if (e->requests != NULL && e->peers != NULL)
		peer_group_requests_changed(e->peers);
}

/* --- with the mirror --- */

void engine_requests_start(struct engine *e)
{
	struct engine_requests *q = MEM_NEW(struct engine_requests);

	q->path = mem_printf("%s/requests.bin", e->dir);
	q->mailbox = requests_load(&e->group, e->context->home_dirfd, q->path, clock_wall_s());
	q->save = loop_timer_new(e->context->loop, requests_save_due, e);
	e->requests = q;
	(void)requests_settle(q->mailbox, e->roster, clock_wall_s());
	requests_look(e, false);
}

void engine_requests_free(struct engine *e)
{
	struct engine_requests *q = e->requests;

	if (q == NULL)
		return;
	if (loop_timer_running(q->save) && !e->left)
		requests_save_due(e);
	loop_timer_free(q->save);
	requests_free(q->mailbox);
	free(q->told);
	free(q->path);
	free(q);
	e->requests = NULL;
}

void engine_requests_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	const struct engine_requests *q = e->requests;

	if (q == NULL)
		return;
	fn(arg, "requests", "waiting", (int64_t)requests_waiting(q->mailbox));
	fn(arg, "requests", "unsaved", q->unsaved);
	fn(arg, "requests", "next_save_ms", loop_timer_left_ms(q->save));
}
