/* The worker pool, on threads of its own: see workers.h. One lock guards what waits and what is done; libuv's async
 * handle wakes the loop. */
#include "base/workers.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop_internal.h"
#include "base/mem.h"

enum {
	MIN_THREADS = 2,
	MAX_THREADS = 16,
	IDLE_S = 10, /* a thread without a job for this long ends: a pool that has nothing to do costs nothing */
	LANES = 2
};

struct task {
	enum workers_lane lane;
	workers_fn *work;
	workers_done_fn *done;
	void *job;
	int64_t began_ns;         /* clock_mono; written under the lock */
	struct task *prev, *next; /* in owner->waiting, working or back */
	uint64_t number;          /* counts the submissions */
	struct task *all_prev;    /* in owner->all */
	struct task *all_next;
};

struct workers {
	struct loop *loop;
	uv_async_t wake; /* something is in `back` */
	int threads_max;
	/* Only the loop's thread touches: */
	int pending;        /* submitted, not yet back */
	struct task *all;   /* the same, oldest first */
	uint64_t submitted; /* ever */
	/* Under the lock: */
	pthread_mutex_t lock;
	pthread_cond_t more;  /* something waits, or the pool ends */
	pthread_cond_t fewer; /* a thread has ended */
	struct task *waiting[LANES];
	int nwaiting;
	struct task *working; /* a thread works on it */
	struct task *back;    /* done, to be handed back; oldest first */
	int threads, idle;    /* threads that exist; of them, those without a job */
	int bulk_working;
	bool ending;
};

/* --- on the threads; under the lock --- */

/* The lane of the next job; LANES: none may begin. Bulk jobs leave one thread free for quick ones. */
static int next_lane(const struct workers *w)
{
	if (w->waiting[WORKERS_QUICK] != NULL)
		return WORKERS_QUICK;
	if (w->waiting[WORKERS_BULK] != NULL && w->bulk_working < w->threads_max - 1)
		return WORKERS_BULK;
	return LANES;
}

/* False: nothing came for a while. */
static bool wait_for_more(struct workers *w)
{
	struct timespec until;
	int rc = 0;

	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	w->idle++;
	while (rc == 0 && !w->ending && next_lane(w) == LANES)
		rc = pthread_cond_timedwait(&w->more, &w->lock, &until);
	w->idle--;
	return w->ending || next_lane(w) != LANES;
}

static void work_next(struct workers *w)
{
	enum workers_lane lane = next_lane(w) == WORKERS_QUICK ? WORKERS_QUICK : WORKERS_BULK;
	struct task *t = w->waiting[lane];

	DL_DELETE(w->waiting[lane], t);
	DL_APPEND(w->working, t);
	w->nwaiting--;
	w->bulk_working += lane == WORKERS_BULK;
	t->began_ns = clock_mono_ns();
	pthread_mutex_unlock(&w->lock);
	t->work(t->job);
	pthread_mutex_lock(&w->lock);
	w->bulk_working -= lane == WORKERS_BULK;
	DL_DELETE(w->working, t); /* NOLINT(clang-analyzer-core.NullDereference): it is among them */
	DL_APPEND(w->back, t);
	(void)uv_async_send(&w->wake);
}

static void *thread(void *arg)
{
	struct workers *w = arg;

	pthread_mutex_lock(&w->lock);
	while (!w->ending)
		if (next_lane(w) != LANES)
			work_next(w);
		else if (!wait_for_more(w))
			break;
	/* Frees what OpenSSL keeps for this thread now: at its end the program waits for the pool, but a detached
	 * thread may end too late for OpenSSL's own cleanup. */
	OPENSSL_thread_stop();
	w->threads--;
	/* The last access to w: whoever frees it waits for the lock. */
	pthread_cond_signal(&w->fewer);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* --- on the loop's thread --- */

/* Adds a thread if more jobs wait than threads do. Under the lock. */
static void add_thread(struct workers *w)
{
	sigset_t all;
	sigset_t before;
	pthread_t id;
	int rc;

	if (next_lane(w) == LANES || w->nwaiting <= w->idle || w->threads == w->threads_max)
		return;
	/* Only the loop's thread handles signals. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&id, NULL, thread, w);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc == 0) {
		(void)pthread_detach(id);
		w->threads++;
		return;
	}
	/* Fewer threads are enough; without any, the loop does the work, which is slow but right. */
	if (w->threads > 0)
		return;
	log_error("cannot start a thread: %s; continuing without it", strerror(rc));
	while (next_lane(w) != LANES)
		work_next(w);
}

/* One job at a time and without the lock, since done() may submit more jobs or turn the loop. uv_async may wake the
 * loop once for many jobs, so it goes on until none is left. */
static void hand_back(uv_async_t *wake)
{
	struct workers *w = wake->data;
	struct task *t = NULL;

	loop_turn_begins(wake->loop);
	do {
		pthread_mutex_lock(&w->lock);
		t = w->back;
		if (t != NULL)
			DL_DELETE(w->back, t);
		pthread_mutex_unlock(&w->lock);
		if (t != NULL) {
			workers_done_fn *done = t->done;
			void *job = t->job;

			DL_DELETE2(w->all, t, all_prev, all_next);
			free(t);
			if (--w->pending == 0)
				uv_unref((uv_handle_t *)&w->wake);
			done(job);
		}
	} while (t != NULL);
}

struct workers *workers_new(struct loop *loop, int threads)
{
	struct workers *w = MEM_NEW(struct workers);
	pthread_condattr_t attr;

	w->loop = loop;
	w->threads_max = threads < MIN_THREADS ? MIN_THREADS : threads > MAX_THREADS ? MAX_THREADS : threads;
	if (uv_async_init(&loop->uv, &w->wake, hand_back) < 0)
		abort(); /* fails only without a descriptor, when a loop is made: at the very start */
	w->wake.data = w;
	uv_unref((uv_handle_t *)&w->wake);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&w->more, &attr);
	(void)pthread_cond_init(&w->fewer, NULL);
	(void)pthread_condattr_destroy(&attr);
	return w;
}

void workers_submit(struct workers *w, enum workers_lane lane, workers_fn *work, workers_done_fn *done, void *job)
{
	struct task *t = MEM_NEW(struct task);

	t->lane = lane;
	t->work = work;
	t->done = done;
	t->job = job;
	t->number = ++w->submitted;
	DL_APPEND2(w->all, t, all_prev, all_next);
	if (w->pending++ == 0)
		uv_ref((uv_handle_t *)&w->wake);
	pthread_mutex_lock(&w->lock);
	DL_APPEND(w->waiting[lane], t);
	w->nwaiting++;
	add_thread(w);
	pthread_cond_signal(&w->more);
	pthread_mutex_unlock(&w->lock);
}

int workers_pending(const struct workers *w)
{
	return w->pending;
}

int64_t workers_stuck_ms(struct workers *w)
{
	int64_t ms = 0;

	pthread_mutex_lock(&w->lock);
	/* The oldest begins first. */
	if (w->working != NULL)
		ms = (clock_mono_ns() - w->working->began_ns) / 1000000;
	pthread_mutex_unlock(&w->lock);
	return ms;
}

void workers_flush(struct workers *w)
{
	uint64_t last = w->submitted;

	while (w->all != NULL && w->all->number <= last)
		loop_turn(w->loop, true);
}

static void closed(uv_handle_t *wake)
{
	free(wake->data);
}

void workers_free(struct workers *w)
{
	if (w == NULL)
		return;
	while (w->pending > 0)
		loop_turn(w->loop, true);
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->more);
	while (w->threads > 0)
		pthread_cond_wait(&w->fewer, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_destroy(&w->more);
	pthread_cond_destroy(&w->fewer);
	pthread_mutex_destroy(&w->lock);
	uv_close((uv_handle_t *)&w->wake, closed);
}
