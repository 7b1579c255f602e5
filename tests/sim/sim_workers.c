/* Stands in for base/workers.c: a job is done at one moment and handed back at a later one, both chosen by the
 * seed. Jobs of one lane start in order; they come back in any order. */
#include "base/workers.h"

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
	struct sim_event *due; /* the event of the work, then of the handing back */
	struct task *prev, *next;
};

struct workers {
	struct loop *loop;
	struct task *tasks; /* submitted and not yet handed back, oldest first */
	int64_t lane_at[2]; /* when the last job of the lane is done */
	int pending;
	struct workers *prev, *next; /* of the loop */
};

struct workers *workers_new(struct loop *loop, int threads)
{
	struct workers *w = MEM_NEW(struct workers);

	(void)threads;
	w->loop = loop;
	DL_APPEND(loop->workers, w);
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

static int in_job;

bool sim_in_job(void)
{
	return in_job > 0;
}

void sim_job_died(void)
{
	in_job = 0;
}

static void run(struct task *t)
{
	in_job++;
	t->work(t->job);
	in_job--;
}

static void work(void *arg)
{
	struct task *t = arg;

	run(t);
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
	struct workers *w;
	struct task *t;

	DL_FOREACH(loop->workers, w) {
		DL_FOREACH(w->tasks, t) {
			if (t->worked)
				continue;
			sim_cancel(t->due);
			work(t);
		}
	}
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
			run(t);
		back(t);
		if (was_last && !new_ones_too)
			return;
	}
}

void sim_workers_hand_back(struct loop *loop)
{
	struct workers *w;

	DL_FOREACH(loop->workers, w)
		flush_all(w, false);
}

int64_t workers_stuck_ms(struct workers *w)
{
	(void)w;
	return 0;
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
	DL_DELETE(w->loop->workers, w);
	free(w);
}
