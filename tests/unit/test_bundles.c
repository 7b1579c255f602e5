/* Proves the promises of bundles.h with real threads: each job is handed back once and in order, jobs that come in one
 * turn leave together, and what one bundle, and all of them together, may be is bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/bundles.h"

enum { THREADS = 4, OUT = 2, LEAST = 16, BYTES = 1000, MANY = 3000 };

struct bundle_job {
	int id;
	size_t bytes, together; /* together: jobs of its bundle; the worker says so */
	int handed_back;
};

static struct loop *loop;
static struct workers *workers;
static struct bundles *bundles;
static struct bundle_job jobs[MANY];
static int handed_back, last_id;
static bool free_at_last;
static atomic_int nbundles, now, most_now;
static sem_t gate;

static void work_on_all(void *const *all, size_t n)
{
	size_t bytes = 0;
	int working = atomic_fetch_add(&now, 1) + 1;

	if (working > atomic_load(&most_now))
		atomic_store(&most_now, working);
	while (sem_wait(&gate) < 0)
		;
	for (size_t i = 0; i < n; i++) {
		struct bundle_job *j = all[i];

		bytes += j->bytes;
		j->together = n;
	}
	if (n > BUNDLE_MOST || (n > 1 && bytes > BYTES))
		atomic_store(&most_now, MANY);
	atomic_fetch_add(&nbundles, 1);
	atomic_fetch_sub(&now, 1);
}

static void job_done(void *arg)
{
	struct bundle_job *j = arg;

	j->handed_back++;
	handed_back++;
	last_id = j->id;
	if (free_at_last && handed_back == MANY) {
		bundles_free(bundles);
		bundles = NULL;
	}
}

static int set_up(void **state)
{
	const struct bundles_rule rule = { .out = OUT,
		                           .least = LEAST,
		                           .bytes = BYTES,
		                           .work = work_on_all,
		                           .done = job_done };

	(void)state;
	loop = loop_new();
	workers = loop != NULL ? workers_new(loop, THREADS) : NULL;
	if (workers == NULL)
		return -1;
	bundles = bundles_new(loop, workers, &rule);
	handed_back = 0;
	free_at_last = false;
	nbundles = now = most_now = 0;
	for (int i = 0; i < MANY; i++)
		jobs[i] = (struct bundle_job){ .id = i, .bytes = 1 };
	return sem_init(&gate, 0, 0);
}

static int tear_down(void **state)
{
	(void)state;
	bundles_free(bundles);
	workers_free(workers);
	loop_free(loop);
	return sem_destroy(&gate);
}

static void open_gate(int n)
{
	for (int i = 0; i < n; i++)
		sem_post(&gate);
}

static void turn_until_back(int n)
{
	while (handed_back < n)
		loop_turn(loop, true);
}

static void all_come_back_once_and_in_few_bundles(void **state)
{
	(void)state;
	open_gate(MANY);
	for (int i = 0; i < MANY; i++)
		bundles_add(bundles, WORKERS_BULK, &jobs[i], jobs[i].bytes);
	assert_int_equal(handed_back, 0);
	turn_until_back(MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(jobs[i].handed_back, 1);
	assert_in_range(nbundles, MANY / BUNDLE_MOST, MANY / BUNDLE_MOST + 8);
	assert_in_range(most_now, 1, OUT);
}

/* Few are not spread, though more bundles may go out. */
static void what_comes_in_one_turn_leaves_together(void **state)
{
	(void)state;
	open_gate(2);
	for (int i = 0; i < LEAST; i++)
		bundles_add(bundles, WORKERS_QUICK, &jobs[i], 1);
	turn_until_back(LEAST);
	assert_int_equal(nbundles, 1);
	assert_int_equal(last_id, LEAST - 1);
	/* One that comes alone does not wait for others. */
	bundles_add(bundles, WORKERS_QUICK, &jobs[LEAST], 1);
	turn_until_back(LEAST + 1);
	assert_int_equal(jobs[LEAST].together, 1);
}

static void a_bundle_has_no_more_bytes_than_it_may(void **state)
{
	static const size_t bytes[] = { 400, 600, 1, 5000, 500, 500, 1 };
	static const size_t together[] = { 2, 2, 1, 1, 2, 2, 1 };

	(void)state;
	open_gate(MANY);
	for (int i = 0; i < 7; i++) {
		jobs[i].bytes = bytes[i];
		bundles_add(bundles, WORKERS_BULK, &jobs[i], bytes[i]);
	}
	turn_until_back(7);
	for (int i = 0; i < 7; i++)
		assert_int_equal(jobs[i].together, together[i]);
}

static void bulk_bundles_hold_up_no_quick_one(void **state)
{
	(void)state;
	for (int i = 0; i < MANY - 1; i++)
		bundles_add(bundles, WORKERS_BULK, &jobs[i], 1);
	while (now < OUT)
		loop_turn(loop, false);
	assert_int_equal(workers_pending(workers), OUT);
	bundles_add(bundles, WORKERS_QUICK, &jobs[MANY - 1], 1);
	while (now < OUT + 1)
		loop_turn(loop, false);
	assert_int_equal(workers_pending(workers), OUT + 1);
	open_gate(1);
	turn_until_back(1);
	/* The next one has left already. */
	assert_int_equal(workers_pending(workers), OUT + (handed_back > 1));
	open_gate(MANY);
	turn_until_back(MANY);
}

static void the_last_hand_back_may_free(void **state)
{
	(void)state;
	free_at_last = true;
	open_gate(MANY);
	for (int i = 0; i < MANY; i++)
		bundles_add(bundles, i % 2 == 0 ? WORKERS_QUICK : WORKERS_BULK, &jobs[i], 1);
	turn_until_back(MANY);
	while (workers_pending(workers) > 0)
		loop_turn(loop, true);
	assert_null(bundles);
	bundles_free(NULL);
}

int main(void)
{
#define BUNDLES_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		BUNDLES_TEST(all_come_back_once_and_in_few_bundles),
		BUNDLES_TEST(what_comes_in_one_turn_leaves_together),
		BUNDLES_TEST(a_bundle_has_no_more_bytes_than_it_may),
		BUNDLES_TEST(bulk_bundles_hold_up_no_quick_one),
		BUNDLES_TEST(the_last_hand_back_may_free),
	};

	/* A job that is never run is a failure, not a hang. */
	alarm(60);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
