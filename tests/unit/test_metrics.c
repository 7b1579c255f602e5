/* Metrics as text: escaping, what is unknown, both formats, and bounds. In tests/lab/test_metrics.py, other programs
 * read those of a real agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/api/metrics.h"
#include "base/mem.h"

static struct metrics made(void)
{
	struct metrics m = { .version = "1.2.3", .started_s = 1000, .uptime_s = 60, .ngroups = 1, .npeers = 1 };

	m.delays.turns[0] = 3;
	m.delays.turns[LOOP_DELAYS - 1] = 1;
	m.refused[AGENT_REFUSED_STRANGER] = 7;
	m.groups = mem_calloc(1, sizeof(*m.groups));
	m.groups[0] = (struct metrics_group){ .name = mem_strdup("a \"b\" \\ c\nd"),
		                              .public_id = mem_strdup("tag"),
		                              .state = "syncing",
		                              .last_in_sync_s = -1,
		                              .files = 5,
		                              .conflicts = 2,
		                              .disk_free = -1,
		                              .disk_size = -1,
		                              .nmembers = 1,
		                              .nshown = 1 };
	m.groups[0].problems[METRICS_PROBLEM_DOWNLOAD] = 4;
	m.groups[0].members = mem_calloc(1, sizeof(*m.groups[0].members));
	m.groups[0].members[0] = (struct metrics_member){ .name = mem_strdup("host"),
		                                          .agent = mem_strdup("id"),
		                                          .behind = -1,
		                                          .behind_since_s = 800,
		                                          .last_seen_s = 900 };
	m.peers = mem_calloc(1, sizeof(*m.peers));
	m.peers[0] = (struct metrics_peer){ .name = mem_strdup("host"), .agent = mem_strdup("id"), .bytes_in = 9 };
	return m;
}

static char *written(bool openmetrics)
{
	struct metrics m = made();
	struct bytes out = BYTES_INIT(METRICS_TEXT_MAX);
	char *text;

	assert_int_equal(metrics_write(&out, &m, openmetrics), 0);
	text = mem_printf("%.*s", (int)out.len, (const char *)out.p);
	bytes_free(&out);
	metrics_clear(&m);
	return text;
}

static void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("not there: %s\n%s", part, text);
}

static void test_labels_are_escaped_and_unknown_numbers_left_out(void **state)
{
	char *text = written(true);

	(void)state;
	assert_has(text, "lanyard_group_files{group=\"a \\\"b\\\" \\\\ c\\nd\",id=\"tag\"} 5\n");
	assert_has(text, "# TYPE lanyard_group_disk_free_bytes gauge\n");
	assert_null(strstr(text, "lanyard_group_disk_free_bytes{"));
	assert_null(strstr(text, "lanyard_member_behind_files{"));
	assert_null(strstr(text, "lanyard_group_last_in_sync_timestamp_seconds{"));
	assert_has(text, "member=\"host\",agent=\"id\"} 900\n");
	assert_has(text, "lanyard_member_behind_since_timestamp_seconds{");
	assert_has(text, "member=\"host\",agent=\"id\"} 800\n");
	assert_has(text, "reason=\"download\"} 4\n");
	free(text);
}

static void test_the_two_formats_name_counters_and_infos_as_each_demands(void **state)
{
	char *open = written(true), *older = written(false);

	(void)state;
	assert_has(open, "# TYPE lanyard_build info\nlanyard_build_info{version=\"1.2.3\"} 1\n");
	assert_has(open, "# TYPE lanyard_refused_connections counter\n");
	assert_string_equal(open + strlen(open) - 6, "# EOF\n");
	assert_has(older, "# TYPE lanyard_build_info gauge\nlanyard_build_info{version=\"1.2.3\"} 1\n");
	assert_has(older, "# TYPE lanyard_refused_connections_total counter\n");
	assert_has(older, "lanyard_refused_connections_total{reason=\"stranger\"} 7\n");
	assert_null(strstr(older, "# EOF"));
	free(open);
	free(older);
}

static void test_the_histogram_adds_up(void **state)
{
	char *text = written(true);

	(void)state;
	assert_has(text, "lanyard_loop_delay_seconds_bucket{le=\"0.001\"} 3\n");
	assert_has(text, "lanyard_loop_delay_seconds_bucket{le=\"5.000\"} 3\n");
	assert_has(text, "lanyard_loop_delay_seconds_bucket{le=\"+Inf\"} 4\n");
	assert_has(text, "lanyard_loop_delay_seconds_count 4\n");
	assert_has(text, "lanyard_uptime_seconds 60\n");
	free(text);
}

static void test_a_document_that_would_be_too_long_is_refused(void **state)
{
	struct metrics m = made();
	struct bytes out = BYTES_INIT(512);

	(void)state;
	assert_int_equal(metrics_write(&out, &m, true), -1);
	bytes_free(&out);
	metrics_clear(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_labels_are_escaped_and_unknown_numbers_left_out),
		cmocka_unit_test(test_the_two_formats_name_counters_and_infos_as_each_demands),
		cmocka_unit_test(test_the_histogram_adds_up),
		cmocka_unit_test(test_a_document_that_would_be_too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
