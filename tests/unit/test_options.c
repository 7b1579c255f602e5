/* Command lines: the table parser, the values it carries, and lanyardd's own options. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/options.h"

enum { MAX_WORDS = 16 };

/* A command line that args_parse() may reorder; NULL ends the words. */
struct line {
	int argc;
	char words[MAX_WORDS][32];
	char *argv[MAX_WORDS + 1];
};

static void line_fill(struct line *l, const char *const *words)
{
	memset(l, 0, sizeof(*l));
	for (; words[l->argc] != NULL; l->argc++) {
		(void)snprintf(l->words[l->argc], sizeof(l->words[0]), "%s", words[l->argc]);
		l->argv[l->argc] = l->words[l->argc];
	}
}

#define LINE(l, ...) line_fill(l, (const char *const[]){ __VA_ARGS__, NULL })

static void all_options_of_the_daemon_are_read(void **state)
{
	struct line l;
	struct options o;
	char *why = NULL;

	(void)state;
	LINE(&l, "lanyardd", "--home", "/h", "--config=/c", "--listen", "0", "--discovery", "off", "--peer", "a:1",
	     "--peer=b:2", "--log-level", "debug");
	assert_int_equal(options_parse(&o, l.argc, l.argv, &why), 0);
	assert_string_equal(o.home, "/h");
	assert_string_equal(o.config, "/c");
	assert_string_equal(o.listen, "0");
	assert_string_equal(o.discovery, "off");
	assert_string_equal(o.log_level, "debug");
	assert_int_equal(o.peers.n, 2);
	assert_string_equal(o.peers.v[1], "b:2");
	assert_false(o.help || o.version);
	options_free(&o);
	LINE(&l, "lanyardd", "-h");
	assert_int_equal(options_parse(&o, l.argc, l.argv, &why), 0);
	assert_true(o.help);
	options_free(&o);
}

static void a_wrong_option_is_named(void **state)
{
	static const struct {
		const char *words[5];
		const char *said;
	} cases[] = {
		{ { "lanyardd", "--nope" }, "unknown option '--nope'" },
		{ { "lanyardd", "-home" }, "unknown option '-home'" },
		{ { "lanyardd", "--h" }, "unknown option '--h'" },
		{ { "lanyardd", "--home" }, "--home needs a value" },
		{ { "lanyardd", "--help=1" }, "--help takes no value" },
		{ { "lanyardd", "--home=a", "--home", "b" }, "--home is given twice" },
		{ { "lanyardd", "start" }, "'start' is not an option; lanyardd takes only options" },
		{ { "lanyardd", "--", "--help" }, "'--help' is not an option; lanyardd takes only options" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct line l;
		struct options o;
		char *why = NULL;

		line_fill(&l, cases[i].words);
		assert_int_equal(options_parse(&o, l.argc, l.argv, &why), -1);
		assert_string_equal(why, cases[i].said);
		free(why);
	}
}

static void words_and_options_may_be_mixed(void **state)
{
	bool flag = false;
	const char *text = NULL;
	const struct args_option more[] = { { ARGS_TEXT, "text", &text }, { ARGS_END, NULL, NULL } };
	union {
		const void *in;
		void *out;
	} table = { .in = more };
	const struct args_option options[] = { { ARGS_FLAG, "flag", &flag }, { ARGS_MORE, NULL, table.out } };
	struct line l;
	char *why = NULL;

	(void)state;
	LINE(&l, "a", "--flag", "b", "--text", "--x", "--", "--c", "-");
	assert_int_equal(args_parse(options, false, l.argc, l.argv, &why), 4);
	assert_string_equal(l.argv[0], "a");
	assert_string_equal(l.argv[1], "b");
	assert_string_equal(l.argv[2], "--c");
	assert_string_equal(l.argv[3], "-");
	assert_true(flag);
	assert_string_equal(text, "--x");

	flag = false;
	text = NULL;
	LINE(&l, "--text=t", "cmd", "--flag");
	assert_int_equal(args_parse(options, true, l.argc, l.argv, &why), 1);
	assert_false(flag);
	assert_string_equal(text, "t");
	LINE(&l, "--flag");
	assert_int_equal(args_parse(options, true, l.argc, l.argv, &why), 1);
}

static void numbers_are_whole_and_in_range(void **state)
{
	int64_t n = 0;

	(void)state;
	assert_int_equal(args_number("42", 0, 100, &n), 0);
	assert_int_equal(n, 42);
	assert_int_equal(args_number("-5", -5, 5, &n), 0);
	assert_int_equal(args_number("101", 0, 100, &n), -1);
	assert_int_equal(args_number("-1", 0, 100, &n), -1);
	assert_int_equal(args_number("", 0, 100, &n), -1);
	assert_int_equal(args_number("+1", 0, 100, &n), -1);
	assert_int_equal(args_number(" 1", 0, 100, &n), -1);
	assert_int_equal(args_number("1x", 0, 100, &n), -1);
	assert_int_equal(args_number("99999999999999999999", 0, INT64_MAX, &n), -1);
}

static void durations_have_units(void **state)
{
	int64_t s = 0;

	(void)state;
	assert_int_equal(args_duration("90", &s), 0);
	assert_int_equal(s, 90);
	assert_int_equal(args_duration("15m", &s), 0);
	assert_int_equal(s, 900);
	assert_int_equal(args_duration("24h", &s), 0);
	assert_int_equal(s, 86400);
	assert_int_equal(args_duration("7d", &s), 0);
	assert_int_equal(s, 604800);
	assert_int_equal(args_duration("0", &s), -1);
	assert_int_equal(args_duration("h", &s), -1);
	assert_int_equal(args_duration("", &s), -1);
	assert_int_equal(args_duration("1w", &s), -1);
	assert_int_equal(args_duration("1.5h", &s), -1);
	assert_int_equal(args_duration("999999999999d", &s), -1);
}

static void a_size_is_a_number_with_a_unit(void **state)
{
	int64_t n;

	(void)state;
	assert_int_equal(args_size("500", 1000, &n), 0);
	assert_int_equal(n, 500);
	assert_int_equal(args_size("64K", 1000, &n), 0);
	assert_int_equal(n, 64000);
	assert_int_equal(args_size("64K", 1024, &n), 0);
	assert_int_equal(n, 65536);
	assert_int_equal(args_size("3M", 1000, &n), 0);
	assert_int_equal(n, 3000000);
	assert_int_equal(args_size("2G", 1024, &n), 0);
	assert_int_equal(n, INT64_C(2) << 30);
	assert_int_equal(args_size("1000000G", 1000, &n), 0);
	assert_int_equal(args_size("1000001G", 1000, &n), -1);
	assert_int_equal(args_size("0", 1000, &n), -1);
	assert_int_equal(args_size("K", 1000, &n), -1);
	assert_int_equal(args_size("", 1000, &n), -1);
	assert_int_equal(args_size("1.5M", 1000, &n), -1);
	assert_int_equal(args_size("1k", 1000, &n), -1);
	assert_int_equal(args_size("1MB", 1000, &n), -1);
	assert_int_equal(args_size("99999999999999999999", 1000, &n), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_options_of_the_daemon_are_read),
		cmocka_unit_test(a_wrong_option_is_named),
		cmocka_unit_test(words_and_options_may_be_mixed),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(durations_have_units),
		cmocka_unit_test(a_size_is_a_number_with_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
