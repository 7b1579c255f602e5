/* Answers that wait for a state: the machinery, and `wait`, which says "in sync" only when it is true.
 *
 * inotify delivers hints asynchronously: a file closed just before the question came may not have been heard of yet. So
 * "in sync" has to be true twice, with one whole turn of the loop in between: what was readable when the question came
 * has been read by then. That the share is still there, no event tells: it is looked at. */
#include "agent/api/api_internal.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"

enum {
	LOOK_EVERY = 10,           /* ms between looks while the loop is busy */
	GRACE = 50,                /* ms; so that a timeout of 0 has the turns that a look needs */
	TIMEOUT_MAX = 366 * 86400, /* s */
	MAX_PEERS = 1024,
};

struct api_waiter {
	struct api *api;
	struct control_call *call;
	api_wait_look *look;
	api_wait_expire *expire;
	void *state;                /* owned */
	struct loop_timer *timeout; /* NULL: for ever */
	bool again;                 /* wants the next turn at once */
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

static void client_gone(void *state)
{
	waiter_free(state);
}

static void timed_out(void *arg)
{
	struct api_waiter *w = arg;

	w->expire(w->api, w->call, w->state);
	waiter_free(w);
}

/* One look; true when the waiter is done with, and freed. */
static bool look(struct api_waiter *w)
{
	w->again = false;
	if (!w->look(w->api, w->call, w->state, &w->again)) {
		if (w->again)
			loop_timer_start(w->api->turn_timer, 0, 0);
		return false;
	}
	waiter_free(w);
	return true;
}

/* Whatever changes a state happens in some turn of the loop, so the end of each is when to look. */
static void turn_ended(void *arg)
{
	struct api *api = arg;
	int64_t since = loop_now_ms(api->loop) - api->looked_ms;
	bool all = since >= LOOK_EVERY;
	struct api_waiter *w;
	struct api_waiter *next;

	api->turn++;
	if (all)
		api->looked_ms = loop_now_ms(api->loop);
	else if (!loop_timer_running(api->turn_timer))
		loop_timer_start(api->turn_timer, LOOK_EVERY - since, 0);
	DL_FOREACH_SAFE(api->waiters, w, next) {
		if (all || w->again)
			look(w);
	}
}

static void nothing(void *arg)
{
	(void)arg; /* the timer is there so that a turn comes: its end looks */
}

void api_wait_until(struct api *api, struct control_call *call, int64_t timeout_s, api_wait_look *look_fn,
                    api_wait_expire *expire, void *state)
{
	struct api_waiter *w = MEM_NEW(struct api_waiter);

	*w = (struct api_waiter){ .api = api, .call = call, .look = look_fn, .expire = expire, .state = state };
	if (api->waiters == NULL) {
		api->turn_hook = loop_hook_new(api->loop, turn_ended, api);
		api->turn_timer = loop_timer_new(api->loop, nothing, api);
	}
	DL_APPEND(api->waiters, w);
	control_defer(call, client_gone, w);
	if (timeout_s >= 0) {
		w->timeout = loop_timer_new(api->loop, timed_out, w);
		loop_timer_start(w->timeout, timeout_s * 1000 + GRACE, 0);
	}
	look(w);
}

/* --- wait --- */

struct wait {
	bool one; /* group is set; otherwise all groups */
	struct group_id group;
	int64_t peers;       /* at least so many connected in each group */
	bool looking;        /* the shares are looked at, before it may be called true */
	uint64_t true_since; /* turn at which it first held, plus one; 0: it did not hold when last looked at */
};

struct verdict {
	const struct wait *wait;
	size_t groups; /* looked at; 0: there is nothing to wait for */
	char *missing; /* of the first group that is not as wanted; owned */
};

static bool judge_group(void *arg, struct engine *e)
{
	struct verdict *v = arg;
	struct engine_status s = { 0 };

	if (v->wait->one && !group_id_equal(engine_group(e), &v->wait->group))
		return true;
	v->groups++;
	engine_status(e, &s);
	if (!s.in_sync)
		v->missing =
			mem_printf("%s is %s, and waits for %s: %lld wanted, %lld pending here%s%s", engine_name(e),
		                   engine_state_name(s.state), s.waits_for ? s.waits_for : "a member",
		                   (long long)s.wanted, (long long)s.pending, s.error != NULL ? "; " : "",
		                   s.error != NULL ? s.error : "");
	else if ((int64_t)s.peers < v->wait->peers)
		v->missing = mem_printf("%s has %zu of %lld peers connected", engine_name(e), s.peers,
		                        (long long)v->wait->peers);
	return v->missing == NULL;
}

static bool look_at_share(void *arg, struct engine *e)
{
	struct wait *wait = arg;

	if (!wait->one || group_id_equal(engine_group(e), &wait->group))
		engine_look(e);
	return true;
}

struct looks {
	const struct wait *wait;
	bool out; /* one is under way */
};

static bool is_looking(void *arg, struct engine *e)
{
	struct looks *looks = arg;

	if (!looks->wait->one || group_id_equal(engine_group(e), &looks->wait->group))
		looks->out = !engine_looked(e);
	return !looks->out;
}

static struct verdict judge(struct api *api, const struct wait *wait)
{
	struct verdict v = { .wait = wait };

	agent_engines(api->agent, judge_group, &v);
	if (v.groups == 0)
		v.missing = mem_strdup(wait->one ? "the group was left" : "this agent is in no group");
	return v;
}

static bool look_in_sync(struct api *api, struct control_call *call, void *state, bool *again)
{
	struct wait *wait = state;
	struct verdict v = judge(api, wait);

	if (v.missing == NULL && wait->true_since == 0 && !wait->looking) {
		wait->looking = true;
		agent_engines(api->agent, look_at_share, wait);
	}
	if (v.missing == NULL && wait->true_since == 0) {
		struct looks looks = { .wait = wait };

		agent_engines(api->agent, is_looking, &looks);
		if (looks.out)
			return false;
	}
	if (v.groups == 0) {
		control_fail(call, 409, "%s", v.missing);
		free(v.missing);
		return true;
	}
	if (v.missing != NULL) {
		free(v.missing);
		wait->true_since = 0;
		wait->looking = false;
		return false;
	}
	if (wait->true_since == 0)
		wait->true_since = api->turn + 1;
	/* The turn in which it first held, and a whole one after it, have ended. */
	if (api->turn + 1 >= wait->true_since + 2) {
		control_reply(call, 200, json_pack("{s:b}", "in_sync", 1));
		return true;
	}
	*again = true;
	return false;
}

static void wait_expired(struct api *api, struct control_call *call, void *state)
{
	struct wait *wait = state;
	struct verdict v = judge(api, wait);

	control_reply(call, 200,
	              json_pack("{s:b, s:o}", "in_sync", 0, "reason",
	                        api_message(v.missing != NULL ? v.missing : "it came about only now; ask again")));
	free(v.missing);
}

void api_wait(struct api *api, struct control_call *call)
{
	struct wait wait = { .one = call->group != NULL };
	struct engine *e = NULL;
	int64_t timeout = -1;

	if (api_query_number(call, "timeout", 0, TIMEOUT_MAX, &timeout) < 0 ||
	    api_query_number(call, "peers", 0, MAX_PEERS, &wait.peers) < 0)
		return;
	if (wait.one) {
		e = api_engine(api, call);
		if (e == NULL)
			return;
		wait.group = *engine_group(e);
	} else if (agent_engine_count(api->agent) == 0) {
		control_fail(call, 409, "this agent is in no group");
		return;
	}
	api_wait_until(api, call, timeout, look_in_sync, wait_expired, mem_dup(&wait, sizeof(wait)));
}
