/* See api_waiter.h. */
#include "agent/api/api_waiter.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

enum {
	CHECK_EVERY = 10, /* ms between checks while the loop is busy */
	GRACE = 50,       /* ms; gives a timeout of 0 the turns that a check needs */
};

struct api_waiter {
	struct api *api;
	struct control_call *call;
	api_wait_check *check;
	api_wait_expire *expire;
	void *state;                /* owned */
	struct loop_timer *timeout; /* NULL: for ever */
	bool again;                 /* do not wait for an event before the next turn */
	struct api_waiter *prev;
	struct api_waiter *next;
};

static void waiter_free(struct api_waiter *w)
{
	struct api *api = w->api;

	DL_DELETE(api->waiters, w);
	loop_timer_free(w->timeout);
	free(w->state);
	free(w);
	if (api->waiters != NULL)
		return;
	loop_hook_free(api->turn_hook);
	loop_timer_free(api->turn_timer);
	api->turn_hook = NULL;
	api->turn_timer = NULL;
}

static void waiter_client_gone(void *state)
{
	waiter_free(state);
}

static void waiter_timed_out(void *arg)
{
	struct api_waiter *w = arg;

	w->expire(w->api, w->call, w->state);
	waiter_free(w);
}

/* True when the call was answered and the waiter is freed. */
static bool waiter_check(struct api_waiter *w)
{
	w->again = false;
	if (!w->check(w->api, w->call, w->state, &w->again)) {
		if (w->again)
			loop_timer_start(w->api->turn_timer, 0, 0);
		return false;
	}
	waiter_free(w);
	return true;
}

/* States change only within turns of the loop, so the end of a turn is the time to check. A busy loop has thousands
 * of turns per second; then all waiters are checked every CHECK_EVERY. */
static void waiters_turn_ended(void *arg)
{
	struct api *api = arg;
	int64_t since = loop_now_ms(api->loop) - api->checked_ms;
	bool all = since >= CHECK_EVERY;
	struct api_waiter *w;
	struct api_waiter *next;

	api->turn++;
	if (all)
		api->checked_ms = loop_now_ms(api->loop);
	else if (!loop_timer_running(api->turn_timer))
		loop_timer_start(api->turn_timer, CHECK_EVERY - since, 0);
	DL_FOREACH_SAFE(api->waiters, w, next) {
		if (all || w->again)
			waiter_check(w);
	}
}

static void waiter_tick(void *arg)
{
	(void)arg; /* the timer only causes a turn; the hook at its end checks */
}

void api_wait_until(struct api *api, struct control_call *call, int64_t timeout_s, api_wait_check *check,
                    api_wait_expire *expire, void *state)
{
	struct api_waiter *w = MEM_NEW(struct api_waiter);

	*w = (struct api_waiter){ .api = api, .call = call, .check = check, .expire = expire, .state = state };
	if (api->waiters == NULL) {
		api->turn_hook = loop_hook_new(api->loop, waiters_turn_ended, api);
		api->turn_timer = loop_timer_new(api->loop, waiter_tick, api);
	}
	DL_APPEND(api->waiters, w);
	control_defer(call, waiter_client_gone, w);
	if (timeout_s >= 0) {
		w->timeout = loop_timer_new(api->loop, waiter_timed_out, w);
		loop_timer_start(w->timeout, timeout_s * 1000 + GRACE, 0);
	}
	waiter_check(w);
}
