/* Stands in for base/loop.c: timers in virtual time, and hooks; there are no descriptors to wait for. A turn is one
 * event, or several that were due, then the hooks, then the tasks that wait for the stack to be empty. */
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/sim/sim_internal.h"

enum { LATE_MAX_US = 1500 }; /* timers are never early, and mostly a little late */

struct loop_timer {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	struct sim_event *due; /* NULL: not running */
	int64_t repeat_ns;
};

struct loop_hook {
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	struct loop_hook *prev, *next;
};

struct loop *loop_new(void)
{
	struct loop *loop = MEM_NEW(struct loop);

	loop->host = -1;
	loop->now_ns = sim_now();
	return loop;
}

/* Events that were not cancelled may still refer to it: it only dies. */
void loop_free(struct loop *loop)
{
	if (loop != NULL)
		loop->dead = true;
}

void sim_loop_set_host(struct loop *loop, int host, int64_t skew_ns)
{
	loop->host = host;
	loop->skew_ns = skew_ns;
}

int sim_loop_host(const struct loop *loop)
{
	return loop->host;
}

void sim_loop_kill(struct loop *loop)
{
	loop->dead = true;
}

bool sim_loop_dead(const struct loop *loop)
{
	return loop->dead;
}

void sim_loop_end_turn(struct loop *loop)
{
	for (struct loop_hook *h = loop->hooks; h != NULL; h = loop->next_hook) {
		loop->next_hook = h->next;
		h->fn(h->arg);
	}
	loop->next_hook = NULL;
	while (loop->between != NULL) {
		struct sim_task *task = loop->between;

		DL_DELETE(loop->between, task);
		sim_workers_settle(loop);
		task->fn(task->arg);
		free(task);
	}
}

int64_t loop_now_ms(struct loop *loop)
{
	return (loop->now_ns + 1000 * SIM_S) / SIM_MS;
}

void loop_between(struct loop *loop, loop_fn *fn, void *arg)
{
	struct sim_task *task = MEM_NEW(struct sim_task);

	task->fn = fn;
	task->arg = arg;
	DL_APPEND(loop->between, task);
}

/* --- timers --- */

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_timer *t = MEM_NEW(struct loop_timer);

	t->loop = loop;
	t->fn = fn;
	t->arg = arg;
	return t;
}

static void fire(void *arg)
{
	struct loop_timer *t = arg;

	t->due = t->repeat_ns > 0 ? sim_at(t->loop, t->repeat_ns, fire, t) : NULL;
	t->fn(t->arg);
}

void loop_timer_start(struct loop_timer *t, int64_t delay_ms, int64_t repeat_ms)
{
	int64_t late = (int64_t)sim_below(sim_luck(), LATE_MAX_US) * SIM_US;

	loop_timer_stop(t);
	t->repeat_ns = repeat_ms * SIM_MS;
	t->due = sim_at(t->loop, delay_ms > 0 ? delay_ms * SIM_MS + late : 0, fire, t);
}

void loop_timer_stop(struct loop_timer *t)
{
	sim_cancel(t->due);
	t->due = NULL;
}

bool loop_timer_running(const struct loop_timer *t)
{
	return t->due != NULL;
}

int64_t loop_timer_left_ms(const struct loop_timer *t)
{
	return t != NULL && t->due != NULL ? 0 : -1; /* only for reports, and nobody asks for one here */
}

void loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return;
	loop_timer_stop(t);
	free(t);
}

/* --- hooks --- */

struct loop_hook *loop_hook_new(struct loop *loop, loop_fn *fn, void *arg)
{
	struct loop_hook *h = MEM_NEW(struct loop_hook);

	h->loop = loop;
	h->fn = fn;
	h->arg = arg;
	DL_APPEND(loop->hooks, h);
	return h;
}

void loop_hook_free(struct loop_hook *h)
{
	if (h == NULL)
		return;
	if (h->loop->next_hook == h)
		h->loop->next_hook = h->next;
	DL_DELETE(h->loop->hooks, h);
	free(h);
}

/* --- what no part of the product that runs here may use --- */

void loop_run(struct loop *loop)
{
	(void)loop;
	abort();
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
}

/* The caller waits for its jobs: they are done, and come back, here and now. */
bool loop_turn(struct loop *loop, bool wait)
{
	(void)wait;
	sim_workers_hand_back(loop);
	sim_loop_end_turn(loop);
	return true;
}

struct loop_io *loop_io_new(struct loop *loop, int fd, loop_io_fn *fn, void *arg)
{
	(void)loop;
	(void)fd;
	(void)fn;
	(void)arg;
	abort();
}

void loop_io_want(struct loop_io *io, int events)
{
	(void)io;
	(void)events;
	abort();
}

void loop_io_free(struct loop_io *io)
{
	if (io != NULL)
		abort();
}

struct loop_signal *loop_signal_new(struct loop *loop, int signum, loop_signal_fn *fn, void *arg)
{
	(void)loop;
	(void)signum;
	(void)fn;
	(void)arg;
	abort();
}

void loop_signal_free(struct loop_signal *s)
{
	if (s != NULL)
		abort();
}
