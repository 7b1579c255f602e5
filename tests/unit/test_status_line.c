/* The line that `systemctl status` shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "agent/status_line.h"

static void the_line_says_what_a_person_wants_to_know(void **state)
{
	static const struct {
		struct status_line_facts facts;
		const char *said;
	} cases[] = {
		{ { 0 }, "not in a group yet: lanyard create, or lanyard join" },
		{ { .groups = 1 }, "no peers, in sync" },
		{ { .groups = 1, .peers = 1, .files = 1 }, "1 peer, 1 file to go" },
		{ { .groups = 2, .peers = 3, .files = 12, .scanning = 1 }, "3 peers, 12 files to go" },
		{ { .groups = 2, .peers = 3, .scanning = 1 }, "3 peers, scanning" },
		{ { .groups = 1, .joining = 1 }, "no peers, joining 1 group" },
		{ { .groups = 3, .peers = 1, .joining = 2 }, "1 peer, in sync, joining 2 groups" },
		{ { .asking = 1 }, "no peers, asking to join 1 group" },
		{ { .groups = 1, .peers = 2, .asking = 2 }, "2 peers, in sync, asking to join 2 groups" },
		{ { .groups = 1, .peers = 2, .requests = 1 }, "2 peers, in sync, 1 asks to join: lanyard requests" },
		{ { .groups = 1, .requests = 3 }, "no peers, in sync, 3 ask to join: lanyard requests" },
		{ { .groups = 1, .peers = 1, .paused = 1 }, "1 peer, 1 group paused" },
		{ { .groups = 2, .failed = 1, .name = "pics", .problem = "/srv/pics: is not there" },
		  "no peers, in sync, pics: /srv/pics: is not there" },
		{ { .groups = 2, .peers = 2, .failed = 2, .name = "pics", .problem = "x" },
		  "2 peers, 2 groups have problems: lanyard status" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = status_line_text(&cases[i].facts);

		assert_string_equal(text, cases[i].said);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_line_says_what_a_person_wants_to_know) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
