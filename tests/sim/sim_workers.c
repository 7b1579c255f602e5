/* Stands in for base/workers.c: a job is done at one moment and handed back at a later one, both chosen by the seed.
 * Jobs of one lane start in their order; they come back in any. */
#include "base/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "tests/sim/sim_internal.h"
#include "tests/sim/tally.h"

enum { WORK_MAX_US = 3000, BACK_MAX_US = 3000, SLOW_PERCENT = 5, SLOW_MAX_MS = 300 };

struct task {
	struct workers *owner;
	enum workers_lane lane;
	workers_fn *work;
	workers_done_fn *done;
	void *job;
	bool worked;
	struct sim_event *due; /* of the work, then of the handing back */
	struct task *prev, *next;
};

struct workers {
	struct loop *loop;
	struct task *tasks; /* submitted and not yet handed back, oldest first */
	int64_t lane_at[2]; /* when the last job of the lane is done */
	int pending;
};

struct workers *workers_new(struct loop *loop, int threads)
{
	struct workers *w = MEM_NEW(struct workers);

	(void)threads;
	w->loop = loop;
	loop->workers = w;
	return w;
}

static void back(void *arg)
{
	struct task *t = arg;
	struct workers *w = t->owner;
	workers_done_fn *done = t->done;
	void *job = t->job;

	if (t != w->tasks)
		tally_add(TALLY_JOB_OVERTAKES);
	DL_DELETE(w->tasks, t);
	w->pending--;
	free(t);
	done(job);
}

static int64_t delay(int max_us)
{
	uint64_t *luck = sim_luck();

	if (sim_chance(luck, SLOW_PERCENT)) {
		tally_add(TALLY_JOB_SLOW);
		return (int64_t)sim_below(luck, SLOW_MAX_MS) * SIM_MS;
	}
	return (int64_t)sim_below(luck, (uint64_t)max_us) * SIM_US;
}

static void work(void *arg)
{
	struct task *t = arg;

	t->work(t->job);
	t->worked = true;
	t->due = sim_at(t->owner->loop, delay(BACK_MAX_US), back, t);
}

void workers_submit(struct workers *w, enum workers_lane lane, workers_fn *work_fn, workers_done_fn *done, void *job)
{
	struct task *t = MEM_NEW(struct task);
	int64_t at = sim_now() + delay(WORK_MAX_US);

	t->owner = w;
	t->lane = lane;
	t->work = work_fn;
	t->done = done;
	t->job = job;
	w->pending++;
	DL_APPEND(w->tasks, t);
	if (at < w->lane_at[lane])
		at = w->lane_at[lane];
	w->lane_at[lane] = at;
	t->due = sim_at_worker(w->loop, at - sim_now(), work, t);
}

void sim_workers_settle(struct loop *loop)
{
	struct task *t;

	if (loop->workers == NULL)
		return;
	DL_FOREACH(loop->workers->tasks, t) {
		if (t->worked)
			continue;
		sim_cancel(t->due);
		work(t);
	}
}

/* In the place of libc's: what is waited for is done here and now. A wait may end without cause, so all who wait look again. */
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	(void)cond;
	pthread_mutex_unlock(mutex);
	if (sim_running_loop() != NULL)
		sim_workers_settle(sim_running_loop());
	return pthread_mutex_lock(mutex);
}

int workers_pending(const struct workers *w)
{
	return w->pending;
}

static void flush_all(struct workers *w, bool new_ones_too)
{
	struct task *last = w->tasks != NULL ? w->tasks->prev : NULL;

	while (w->tasks != NULL) {
		struct task *t = w->tasks;
		bool was_last = t == last;

		sim_cancel(t->due);
		if (!t->worked)
			t->work(t->job);
		back(t);
		if (was_last && !new_ones_too)
			return;
	}
}

void workers_flush(struct workers *w)
{
	flush_all(w, false);
}

void workers_free(struct workers *w)
{
	if (w == NULL)
		return;
	flush_all(w, true);
	w->loop->workers = NULL;
	free(w);
}
