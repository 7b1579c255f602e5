/* What this agent signs of a sealed group's keys without being asked: its box key, and the next generation if one is
 * due and nobody has signed it before. */
#include "agent/engine/engine_keys.h"
#include "agent/engine/engine_keys_internal.h"
#include "base/clock.h"

static bool keys_may_sign(const struct engine *e)
{
	return e->phase == PHASE_RUNNING || (e->phase == PHASE_JOINING && e->keyless);
}

/* Members hear of our box key, and give what we lack. */
static void box_turn(struct engine *e)
{
	uint8_t said[BOX_KEY_LEN];

	if (roster_box(e->roster, identity_id(e->context->self), said) < 0 &&
	    ring_sign_box(e->keys->ring, clock_wall_s()))
		engine_roster_changed(e);
}

/* Writers wait for those before them, in an order that changes with each generation. An exit of our own is answered at
 * once: an owner's agent signs some without being asked, when it confirms whom an invite let in. */
static void generation_turn(struct engine *e, bool failed)
{
	struct loop_timer *wait = e->keys->wait;
	int64_t wait_s;

	if (!engine_keys_ready(e) || !ring_is_due(e->keys->ring, &wait_s))
		loop_timer_stop(wait);
	else if (wait_s == 0 || !loop_timer_running(wait))
		loop_timer_start(wait, failed && wait_s == 0 ? STORE_AGAIN_MS : wait_s * 1000, 0);
}

static void work_due(void *arg)
{
	struct engine *e = arg;

	e->keys->worked_ms = loop_now_ms(e->context->loop);
	if (!keys_may_sign(e))
		return;
	box_turn(e);
	engine_keys_share_again(e);
	engine_keys_mail_again(e);
	generation_turn(e, false);
}

/* If it cannot be stored, it is tried again. */
static void wait_due(void *arg)
{
	struct engine *e = arg;
	bool answered;

	if (!keys_may_sign(e))
		return;
	answered = engine_keys_answer_exit(e);
	if (answered)
		engine_roster_changed(e);
	generation_turn(e, !answered);
}

void engine_keys_start(struct engine *e)
{
	struct engine_keys *k = e->keys;

	if (k == NULL)
		return;
	k->work = loop_timer_new(e->context->loop, work_due, e);
	k->wait = loop_timer_new(e->context->loop, wait_due, e);
	engine_keys_mail_start(e);
	k->worked_ms = 0;
	engine_keys_told(e);
}
