/* Proves the promises of workers.h with real threads: every job handed back once, on the loop's thread; quick jobs
 * never behind bulk ones. Worth running under ThreadSanitizer (make tsan-unit): jobs are plain memory on purpose. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/workers.h"

enum { THREADS = 3, MANY = 2000 };

struct job {
	int id;
	uint64_t result; /* written by the worker, read by done: handing over is the only synchronisation */
	pthread_t worker;
	int done_calls;
};

static struct loop *loop;
static struct workers *workers;
static pthread_t loop_thread;
static struct job jobs[MANY];
static int handed_back;

static int set_up(void **state)
{
	(void)state;
	loop = loop_new();
	workers = loop != NULL ? workers_new(loop, THREADS) : NULL;
	loop_thread = pthread_self();
	handed_back = 0;
	for (int i = 0; i < MANY; i++)
		jobs[i] = (struct job){ .id = i };
	return workers != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	workers_free(workers);
	loop_free(loop);
	return 0;
}

static void work_square(void *arg)
{
	struct job *j = arg;

	j->result = (uint64_t)j->id * (uint64_t)j->id;
	j->worker = pthread_self();
}

static void done_count(void *arg)
{
	struct job *j = arg;

	assert_true(pthread_equal(pthread_self(), loop_thread));
	j->done_calls++;
	handed_back++;
}

static void every_job_comes_back_once_on_the_loops_thread(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		workers_submit(workers, i % 2 == 0 ? WORKERS_QUICK : WORKERS_BULK, work_square, done_count, &jobs[i]);
	assert_int_equal(workers_pending(workers), MANY);
	assert_int_equal(handed_back, 0);
	while (workers_pending(workers) > 0)
		loop_turn(loop, true);
	assert_int_equal(handed_back, MANY);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(jobs[i].done_calls, 1);
		assert_int_equal(jobs[i].result, (uint64_t)i * (uint64_t)i);
		assert_false(pthread_equal(jobs[i].worker, loop_thread));
	}
}

static void free_waits_for_all(void **state)
{
	(void)state;
	for (int i = 0; i < MANY; i++)
		workers_submit(workers, WORKERS_BULK, work_square, done_count, &jobs[i]);
	workers_free(workers);
	workers = NULL;
	assert_int_equal(handed_back, MANY);
	workers_free(NULL);
}

static atomic_int bulk_now;
static atomic_int bulk_most;
static sem_t gate;

/* Holds its thread until a quick job's hand-back opens the gate. */
static void work_behind_the_gate(void *arg)
{
	int now = atomic_fetch_add(&bulk_now, 1) + 1;
	int most = atomic_load(&bulk_most);

	(void)arg;
	while (now > most && !atomic_compare_exchange_weak(&bulk_most, &most, now))
		;
	while (sem_wait(&gate) < 0)
		;
	atomic_fetch_sub(&bulk_now, 1);
}

static void done_open_gate(void *arg)
{
	(void)arg;
	handed_back++;
	for (int i = 0; i < 10; i++)
		sem_post(&gate);
}

static void done_nothing(void *arg)
{
	(void)arg;
}

static void quick_never_waits_behind_bulk(void **state)
{
	(void)state;
	sem_init(&gate, 0, 0);
	for (int i = 0; i < 10; i++)
		workers_submit(workers, WORKERS_BULK, work_behind_the_gate, done_nothing, NULL);
	/* If bulk jobs could take all threads, this one would never run and the gate would stay shut. */
	workers_submit(workers, WORKERS_QUICK, work_square, done_open_gate, &jobs[0]);
	while (workers_pending(workers) > 0)
		loop_turn(loop, true);
	assert_int_equal(handed_back, 1);
	assert_in_range(atomic_load(&bulk_most), 1, THREADS - 1);
	sem_destroy(&gate);
}

static atomic_int started;

static void work_note_order(void *arg)
{
	struct job *j = arg;

	j->result = (uint64_t)atomic_fetch_add(&started, 1);
}

static void bulk_jobs_start_in_order(void **state)
{
	(void)state;
	atomic_store(&started, 0);
	for (int i = 0; i < MANY; i++)
		workers_submit(workers, WORKERS_BULK, work_note_order, done_count, &jobs[i]);
	while (workers_pending(workers) > 0)
		loop_turn(loop, true);
	/* THREADS - 1 run at a time, so no start is noted by more than that too early. How late, the scheduler says. */
	for (int i = 0; i < MANY; i++)
		assert_true(jobs[i].result + THREADS >= (uint64_t)i);
}

/* A chain: each hand-back submits the next link, on the other lane. */
static void done_submit_next(void *arg)
{
	struct job *j = arg;

	done_count(j);
	if (j->id + 1 < 100)
		workers_submit(workers, (j->id & 1) != 0 ? WORKERS_BULK : WORKERS_QUICK, work_square, done_submit_next,
		               j + 1);
}

static void done_may_submit(void **state)
{
	(void)state;
	workers_submit(workers, WORKERS_BULK, work_square, done_submit_next, &jobs[0]);
	/* The chain goes on inside workers_free(), which waits for its end. */
	workers_free(workers);
	workers = NULL;
	assert_int_equal(handed_back, 100);
}

static void work_hang(void *arg)
{
	(void)arg;
	while (sem_wait(&gate) < 0)
		;
}

/* As a disk that does not answer. */
static void a_pool_that_hangs_stops_no_other(void **state)
{
	struct workers *other = workers_new(loop, THREADS);

	(void)state;
	sem_init(&gate, 0, 0);
	for (int i = 0; i < 2 * THREADS; i++)
		workers_submit(workers, WORKERS_QUICK, work_hang, done_nothing, NULL);
	for (int i = 0; i < MANY; i++)
		workers_submit(other, WORKERS_QUICK, work_square, done_count, &jobs[i]);
	workers_flush(other);
	assert_int_equal(handed_back, MANY);
	assert_int_equal(workers_stuck_ms(other), 0);
	while (workers_stuck_ms(workers) == 0)
		usleep(1000);
	for (int i = 0; i < 2 * THREADS; i++)
		sem_post(&gate);
	workers_flush(workers);
	assert_int_equal(workers_stuck_ms(workers), 0);
	workers_free(other);
	sem_destroy(&gate);
}

int main(void)
{
#define WORKERS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WORKERS_TEST(every_job_comes_back_once_on_the_loops_thread),
		WORKERS_TEST(free_waits_for_all),
		WORKERS_TEST(quick_never_waits_behind_bulk),
		WORKERS_TEST(bulk_jobs_start_in_order),
		WORKERS_TEST(done_may_submit),
		WORKERS_TEST(a_pool_that_hangs_stops_no_other),
	};

	/* A job that is never run is a failure, not a hang. */
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
