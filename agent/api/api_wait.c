/* wait: says "in sync" only when it is true.
 *
 * inotify delivers hints asynchronously: a file closed just before the question came may not have been heard of yet. So
 * "in sync" has to be true twice, with one whole turn of the loop in between: what was readable when the question came
 * has been read by then. No event tells that a share has vanished, so the engines check that first. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"
#include "agent/api/api_waiter.h"

#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_status.h"
#include "base/mem.h"

enum {
	TIMEOUT_MAX = 366 * 86400, /* s */
	MAX_PEERS = 1024,
};

struct wait_for {
	bool one; /* group is set; otherwise all groups */
	struct group_id group;
	int64_t peers;       /* at least that many other members here, in each group */
	bool probing;        /* the engines check their shares; until they have, the answer is not true */
	uint64_t true_since; /* turn in which it was first true, plus one; 0: it was false at the last check */
};

struct wait_verdict {
	const struct wait_for *wait;
	size_t groups; /* that were judged; 0: there is nothing to wait for */
	char *missing; /* what the first group lacks; NULL: no group lacks anything; owned */
};

static bool wait_judge_group(void *arg, struct engine *e)
{
	struct wait_verdict *v = arg;
	struct engine_status s = { 0 };

	if (v->wait->one && !group_id_equal(engine_group(e), &v->wait->group))
		return true;
	v->groups++;
	engine_status(e, &s);
	if (!s.in_sync)
		v->missing =
			mem_printf("%s is %s and waits for %s: %lld to download, %lld pending here%s%s", engine_name(e),
		                   engine_state_name(s.state), s.waits_for ? s.waits_for : "a member",
		                   (long long)s.wanted, (long long)s.pending, s.error != NULL ? "; " : "",
		                   s.error != NULL ? s.error : "");
	else if ((int64_t)s.here < v->wait->peers)
		v->missing = mem_printf("%s has %zu of %lld peers connected", engine_name(e), s.here,
		                        (long long)v->wait->peers);
	return v->missing == NULL;
}

static bool share_probe(void *arg, struct engine *e)
{
	struct wait_for *wait = arg;

	if (!wait->one || group_id_equal(engine_group(e), &wait->group))
		engine_check_share(e);
	return true;
}

struct share_probes {
	const struct wait_for *wait;
	bool under_way;
};

static bool is_probing(void *arg, struct engine *e)
{
	struct share_probes *probes = arg;

	if (!probes->wait->one || group_id_equal(engine_group(e), &probes->wait->group))
		probes->under_way = !engine_share_checked(e);
	return !probes->under_way;
}

static struct wait_verdict wait_judge(struct api *api, const struct wait_for *wait)
{
	struct wait_verdict v = { .wait = wait };

	agent_engines(api->agent, wait_judge_group, &v);
	if (v.groups == 0)
		v.missing = mem_strdup(wait->one ? "the group was left" : "this agent is in no group");
	return v;
}

static bool check_in_sync(struct api *api, struct control_call *call, void *state, bool *again)
{
	struct wait_for *wait = state;
	struct wait_verdict v = wait_judge(api, wait);

	if (v.missing == NULL && wait->true_since == 0 && !wait->probing) {
		wait->probing = true;
		agent_engines(api->agent, share_probe, wait);
	}
	if (v.missing == NULL && wait->true_since == 0) {
		struct share_probes probes = { .wait = wait };

		agent_engines(api->agent, is_probing, &probes);
		if (probes.under_way)
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
		wait->probing = false;
		return false;
	}
	if (wait->true_since == 0)
		wait->true_since = api->turn + 1;
	/* The turn in which it was first true and a whole turn after it have ended. */
	if (api->turn + 1 >= wait->true_since + 2) {
		control_reply(call, 200, json_pack("{s:b}", "in_sync", 1));
		return true;
	}
	*again = true;
	return false;
}

static void wait_expired(struct api *api, struct control_call *call, void *state)
{
	struct wait_for *wait = state;
	struct wait_verdict v = wait_judge(api, wait);

	control_reply(call, 200,
	              json_pack("{s:b, s:o}", "in_sync", 0, "reason",
	                        api_message(v.missing != NULL ? v.missing : "in sync only since now; ask again")));
	free(v.missing);
}

void api_wait(struct api *api, struct control_call *call)
{
	struct wait_for wait = { .one = call->group != NULL };
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
	api_wait_until(api, call, timeout, check_in_sync, wait_expired, mem_dup(&wait, sizeof(wait)));
}
