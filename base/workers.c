/* The worker pool on libuv's threads: see workers.h. Quick jobs go to libuv at once; bulk jobs wait here, on the
 * loop's thread, so that libuv's own queue never holds more of them than leave one thread free. */
#include "base/workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/loop_internal.h"
#include "base/mem.h"

enum { MIN_THREADS = 2, MAX_THREADS = 16 };

struct task {
	uv_work_t uv;
	struct workers *owner;
	enum workers_lane lane;
	workers_fn *work;
	workers_done_fn *done;
	void *job;
	struct task *prev; /* in owner->bulk_waiting */
	struct task *next;
	uint64_t number;       /* counts the submissions */
	struct task *all_prev; /* in owner->all */
	struct task *all_next;
};

struct workers {
	struct loop *loop;
	struct task *bulk_waiting; /* not yet handed to libuv, oldest first */
	int bulk_running;          /* handed to libuv, not yet back */
	int bulk_max;              /* threads - 1 */
	int pending;               /* submitted, not yet back, both lanes */
	struct task *all;          /* the same, oldest first */
	uint64_t submitted;        /* ever */
};

struct workers *workers_new(struct loop *loop, int threads)
{
	/* libuv reads its size once, when the first job comes; a later pool lives with the first one's threads. */
	static int pool_threads;
	struct workers *w = MEM_NEW(struct workers);
	char text[16];

	if (threads < MIN_THREADS)
		threads = MIN_THREADS;
	if (threads > MAX_THREADS)
		threads = MAX_THREADS;
	if (pool_threads == 0) {
		pool_threads = threads;
		(void)snprintf(text, sizeof(text), "%d", threads);
		if (setenv("UV_THREADPOOL_SIZE", text, 1) < 0)
			abort(); /* no memory left for a few bytes */
	}
	w->loop = loop;
	w->bulk_max = pool_threads - 1;
	return w;
}

static void run_task(uv_work_t *uv)
{
	struct task *t = uv->data;

	t->work(t->job);
}

static void start_task(struct task *t);

static void start_bulk(struct workers *w)
{
	while (w->bulk_waiting != NULL && w->bulk_running < w->bulk_max) {
		struct task *t = w->bulk_waiting;

		DL_DELETE(w->bulk_waiting, t);
		w->bulk_running++;
		start_task(t);
	}
}

static void finish_task(uv_work_t *uv, int status)
{
	struct task *t = uv->data;
	struct workers *w = t->owner;
	workers_done_fn *done = t->done;
	void *job = t->job;

	(void)status; /* nothing here is ever cancelled */
	w->pending--;
	DL_DELETE2(w->all, t, all_prev, all_next);
	if (t->lane == WORKERS_BULK) {
		w->bulk_running--;
		start_bulk(w);
	}
	free(t);
	done(job);
}

static void start_task(struct task *t)
{
	uv_queue_work(&t->owner->loop->uv, &t->uv, run_task, finish_task);
}

void workers_submit(struct workers *w, enum workers_lane lane, workers_fn *work, workers_done_fn *done, void *job)
{
	struct task *t = MEM_NEW(struct task);

	t->uv.data = t;
	t->owner = w;
	t->lane = lane;
	t->work = work;
	t->done = done;
	t->job = job;
	w->pending++;
	t->number = ++w->submitted;
	DL_APPEND2(w->all, t, all_prev, all_next);
	if (lane == WORKERS_QUICK) {
		start_task(t);
	} else {
		DL_APPEND(w->bulk_waiting, t);
		start_bulk(w);
	}
}

int workers_pending(const struct workers *w)
{
	return w->pending;
}

void workers_flush(struct workers *w)
{
	uint64_t last = w->submitted;

	while (w->all != NULL && w->all->number <= last)
		loop_turn(w->loop, true);
}

void workers_free(struct workers *w)
{
	if (w == NULL)
		return;
	while (w->pending > 0)
		loop_turn(w->loop, true);
	free(w);
}
