/* An agent that is freed while its groups are still busy: the loop is turned until each has stopped, and whatever comes
 * from the others meanwhile finds an agent of which a part is gone already. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/agent_internal.h"
#include "agent/engine/engine_internal.h"
#include "base/fs.h"
#include "base/mem.h"

enum { BEAT_MS = 5 };

/* What happens during each turn while the agent stops. False: enough has happened, the first group may stop. */
typedef bool happens_fn(struct engine *last);

static struct loop *loop;
static struct loop_timer *beat;
static char dir[64], *home;
static char name[] = "host", listen_at[] = "127.0.0.1:0";
static struct settings settings = { .name = name,
	                            .listen = listen_at,
	                            .listen_set = true,
	                            .discovery = DISCOVERY_OFF,
	                            .rescan_s = 3600 };
static struct events *events;
static struct agent *agent;
static struct engine *last;
static happens_fn *happens;
static sem_t may_end;

static void on_beat(void *arg)
{
	(void)arg;
	if (happens != NULL && !happens(last)) {
		happens = NULL;
		sem_post(&may_end);
	}
}

static int stop_setup(void **state)
{
	char *why = NULL;

	(void)state;
	loop = loop_new();
	beat = loop_timer_new(loop, on_beat, NULL);
	loop_timer_start(beat, BEAT_MS, BEAT_MS);
	assert_int_equal(sem_init(&may_end, 0, 0), 0);
	(void)snprintf(dir, sizeof(dir), "/tmp/test-agent-stop-XXXXXX");
	assert_non_null(mkdtemp(dir));
	home = mem_printf("%s/home", dir);
	assert_int_equal(mkdir(home, 0700), 0);
	events = events_new();
	agent = agent_new(loop, &(struct agent_config){ .home = home, .settings = &settings, .worker_threads = 2 },
	                  events, &why);
	assert_non_null(agent);
	return 0;
}

static int stop_teardown(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	loop_timer_free(beat);
	events_free(events);
	loop_free(loop);
	sem_destroy(&may_end);
	assert_int_equal(fs_remove_tree(tmp, strrchr(dir, '/') + 1), 0);
	close(tmp);
	free(home);
	return 0;
}

static struct engine *found(const char *group)
{
	char *share = mem_printf("%s/%s", dir, group), *why = NULL;
	struct engine *e = NULL;

	assert_int_equal(agent_create(agent, group, share, false, false, &e, &why), 0);
	free(share);
	return e;
}

static void wait_for_end(void *arg)
{
	sem_wait(arg);
}

static void no_result(void *arg)
{
	(void)arg;
}

/* Frees the agent with two groups, of which the first has a job until enough has happened. */
static void stop_while(happens_fn *fn)
{
	struct engine *first = found("first");

	last = found("last");
	workers_submit(first->workers, WORKERS_QUICK, wait_for_end, no_result, &may_end);
	happens = fn;
	assert_true(agent_free(agent));
	assert_null(happens);
}

/* The share of the second is opened while the agent waits for the first. */
static bool opens(struct engine *e)
{
	return engine_opening(e);
}

static void test_group_opens(void **state)
{
	(void)state;
	stop_while(opens);
}

static bool is_copied(struct engine *e)
{
	struct agent_id member = { { 1 } };

	if (engine_opening(e))
		return true;
	agent_copied_home(agent, &member, "192.0.2.1:1", true);
	agent_copied_home(agent, NULL, "192.0.2.1:1", true);
	return false;
}

static void test_copy_is_seen(void **state)
{
	(void)state;
	stop_while(is_copied);
}

static bool is_announced(struct engine *e)
{
	(void)e;
	agent_announce_again(agent);
	agent_publish(agent);
	return false;
}

static void test_members_become_few(void **state)
{
	(void)state;
	stop_while(is_announced);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_group_opens, stop_setup, stop_teardown),
		cmocka_unit_test_setup_teardown(test_copy_is_seen, stop_setup, stop_teardown),
		cmocka_unit_test_setup_teardown(test_members_become_few, stop_setup, stop_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
