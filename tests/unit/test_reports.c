/* Proves the promises of reports.h: once a second for the same, and never more than a bounded number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "discovery/reports.h"

struct scene {
	struct loop *loop;
	struct reports *reports;
	int told;
	struct mdns_found last;
};

static void found(void *arg, const struct mdns_found *found)
{
	struct scene *s = arg;

	s->told++;
	s->last = *found;
}

static void no_log(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int set_up(void **state)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	s.loop = loop_new();
	s.reports = reports_new(s.loop, found, &s);
	log_set_sink(no_log, NULL);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	log_set_sink(NULL, NULL);
	reports_free(s->reports);
	loop_free(s->loop);
	return 0;
}

static void offer(struct scene *s, const char *id, uint32_t ip, const char *instance)
{
	struct mdns_found found = { .addr_len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&found.addr;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(ip);
	(void)snprintf(found.txt.id, sizeof(found.txt.id), "%s", id);
	(void)snprintf(found.instance, sizeof(found.instance), "%s", instance);
	reports_offer(s->reports, &found);
}

static void each_pair_is_told_at_once(void **state)
{
	struct scene *s = *state;

	offer(s, "a", 1, "x");
	offer(s, "a", 2, "x");
	offer(s, "b", 1, "y");
	assert_int_equal(s->told, 3);
	assert_string_equal(s->last.txt.id, "b");
}

static void the_same_instance_is_told_once_a_second(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < 10; i++)
		offer(s, "a", 1, "x");
	assert_int_equal(s->told, 1);
	assert_false(loop_turn(s->loop, true)); /* and nothing is left to be told */
	assert_int_equal(s->told, 1);
}

static void a_new_instance_is_told_when_the_second_is_over(void **state)
{
	struct scene *s = *state;
	int64_t began = loop_now_ms(s->loop);

	offer(s, "a", 1, "x");
	offer(s, "a", 1, "y");
	offer(s, "a", 1, "z");
	assert_int_equal(s->told, 1);
	while (s->told == 1)
		loop_turn(s->loop, true);
	assert_true(loop_now_ms(s->loop) - began >= REPORTS_SAME_MS);
	assert_string_equal(s->last.instance, "z"); /* the latest only */
	assert_false(loop_turn(s->loop, true));
	assert_int_equal(s->told, 2);
}

static void old_instances_are_no_news(void **state)
{
	struct scene *s = *state;

	offer(s, "a", 1, "x");
	offer(s, "a", 1, "y");
	while (s->told == 1)
		loop_turn(s->loop, true);
	offer(s, "a", 1, "x");
	offer(s, "a", 1, "y");
	assert_false(loop_turn(s->loop, true));
	assert_int_equal(s->told, 2);
}

static void a_flood_is_cut_off(void **state)
{
	struct scene *s = *state;

	for (uint32_t i = 0; i < 4 * REPORTS_MAX; i++)
		offer(s, "a", i, "x");
	assert_int_equal(s->told, REPORTS_MAX_PER_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_pair_is_told_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_instance_is_told_once_a_second, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_new_instance_is_told_when_the_second_is_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(old_instances_are_no_news, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_is_cut_off, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
