/* Proves that no text can forge or break a line, that a line is one write, and that the gate closes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/log.h"

static char seen[70000];
static int seen_level;
static int seen_count;

static void note(void *arg, enum log_level level, const char *text)
{
	assert_ptr_equal(arg, &seen_level);
	seen_level = (int)level;
	seen_count++;
	(void)snprintf(seen, sizeof(seen), "%s", text);
}

static int set_up(void **state)
{
	(void)state;
	seen_count = 0;
	log_set_sink(note, &seen_level);
	log_set_level(LOG_INFO);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	clock_set_wall(NULL);
	return 0;
}

static void lines_above_the_level_are_dropped(void **state)
{
	(void)state;
	log_debug("no");
	assert_int_equal(seen_count, 0);
	log_info("yes %d", 1);
	assert_string_equal(seen, "yes 1");
	assert_int_equal(seen_level, LOG_INFO);
	log_set_level(LOG_ERROR);
	log_warn("no");
	assert_int_equal(seen_count, 1);
	log_error("yes");
	assert_int_equal(seen_level, LOG_ERROR);
}

static void level_names_are_the_four(void **state)
{
	enum log_level level = LOG_ERROR;

	(void)state;
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_DEBUG);
	assert_int_equal(log_level_parse("warn", &level), 0);
	assert_int_equal(level, LOG_WARN);
	assert_int_equal(log_level_parse("WARN", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
	assert_int_equal(level, LOG_WARN);
}

static void a_name_cannot_forge_a_line(void **state)
{
	(void)state;
	log_info("got %s", "a\nERROR b\r\x1b[2J\x7f\tc\\d");
	assert_string_equal(seen, "got a\\x0aERROR b\\x0d\\x1b[2J\\x7f\\x09c\\d");
}

static void assert_escapes(const char *in, size_t n, const char *want)
{
	char *got = log_escape(in, n);

	assert_string_equal(got, want);
	free(got);
}

static void escape_keeps_text_and_shows_the_rest(void **state)
{
	(void)state;
#define ESCAPES(in, want) assert_escapes(in, sizeof(in) - 1, want)
	ESCAPES("", "");
	ESCAPES("plain é 中 😀", "plain é 中 😀");
	ESCAPES("back\\slash", "back\\\\slash");
	ESCAPES("nul\0nul", "nul\\x00nul");
	ESCAPES("\xff\xfe", "\\xff\\xfe");
	ESCAPES("\xc3", "\\xc3");          /* cut short */
	ESCAPES("\xc3(", "\\xc3(");        /* not continued */
	ESCAPES("\x80", "\\x80");          /* continues nothing */
	ESCAPES("\xc0\xaf", "\\xc0\\xaf"); /* overlong slash */
	ESCAPES("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
	ESCAPES("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* surrogate */
	ESCAPES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
	ESCAPES("\xc2\x9b", "\\xc2\\x9b");                   /* C1: a CSI to many terminals */
	ESCAPES("a\u202Eb", "a\\xe2\\x80\\xaeb");            /* right-to-left override */
	ESCAPES("a\u2028b", "a\\xe2\\x80\\xa8b");            /* line separator */
}

static void a_long_line_is_cut_not_lost(void **state)
{
	static char big[60000];

	(void)state;
	memset(big, 'y', sizeof(big) - 1);
	log_info("%s", big);
	assert_int_equal(seen_count, 1);
	assert_in_range(strlen(seen), 8000, 20000);
	memset(big, 1, sizeof(big) - 1);
	log_info("%s", big);
	assert_int_equal(strlen(seen) % 4, 0);
}

/* What one log_warn("hi\n") writes in a fresh process whose stderr is `mine`, a datagram socket: one write, one
 * message. env is JOURNAL_STREAM, or NULL for the right one. */
static void line_of_child(const char *env, char *line, size_t size)
{
	int pair[2];
	char right[64];
	struct stat st;
	ssize_t n;
	int status;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(fstat(pair[1], &st), 0);
	(void)snprintf(right, sizeof(right), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		log_set_sink(NULL, NULL);
		log_set_journal("/nonexistent");
		dup2(pair[1], STDERR_FILENO);
		setenv("JOURNAL_STREAM", env != NULL ? env : right, 1);
		log_warn("hi\n");
		_exit(0);
	}
	close(pair[1]);
	n = recv(pair[0], line, size - 1, 0);
	assert_true(n > 0);
	line[n] = '\0';
	assert_int_equal(recv(pair[0], right, sizeof(right), 0), 0);
	close(pair[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void the_journal_gets_priorities_in_one_write(void **state)
{
	char line[200];

	(void)state;
	line_of_child(NULL, line, sizeof(line));
	assert_string_equal(line, "<4>hi\\x0a\n");
}

/* The value of a field in a journal's entry; -1: it is not there. Fields: name, newline, 64-bit length, value,
 * newline. */
static ssize_t field_of(const char *entry, size_t n, const char *name, char *value)
{
	size_t at = 0;

	while (at < n) {
		const char *end = memchr(entry + at, '\n', n - at);
		size_t name_len = (size_t)(end - entry) - at;
		uint64_t len;

		assert_non_null(end);
		memcpy(&len, end + 1, sizeof(len));
		assert_true(len < n && entry[at + name_len + 1 + sizeof(len) + len] == '\n');
		if (name_len == strlen(name) && memcmp(entry + at, name, name_len) == 0) {
			memcpy(value, end + 1 + sizeof(len), len);
			value[len] = '\0';
			return (ssize_t)len;
		}
		at += name_len + 1 + sizeof(len) + len + 1;
	}
	return -1;
}

static void the_journal_gets_fields_that_no_name_can_forge(void **state)
{
	static const struct journal_entry line = { .priority = 4,
		                                   .text = "hi",
		                                   .group = "pics",
		                                   .file = "a\nPEER=evil\xff" };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char entry[2000];
	char value[2000];
	ssize_t n;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)state;
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "/tmp/lanyard-journal-%d", (int)getpid());
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(journal_send(sun.sun_path, &line), 0);
	n = recv(fd, entry, sizeof(entry), 0);
	assert_true(n > 0);
	assert_int_equal(field_of(entry, (size_t)n, "MESSAGE", value), 2);
	assert_string_equal(value, "hi");
	assert_int_equal(field_of(entry, (size_t)n, "PRIORITY", value), 1);
	assert_string_equal(value, "4");
	assert_int_equal(field_of(entry, (size_t)n, "SYSLOG_IDENTIFIER", value), 8);
	assert_int_equal(field_of(entry, (size_t)n, "GROUP", value), 4);
	assert_int_equal(field_of(entry, (size_t)n, "FILE", value), (int)strlen(line.file));
	assert_string_equal(value, line.file);
	assert_int_equal(field_of(entry, (size_t)n, "PEER", value), -1);
	close(fd);
	unlink(sun.sun_path);
	assert_int_equal(journal_send(sun.sun_path, &line), -1);
}

static int64_t wall_ns;

static int64_t fake_wall(void)
{
	return wall_ns;
}

static void others_get_time_and_level_in_one_write(void **state)
{
	char line[200];

	(void)state;
	wall_ns = INT64_C(1700000000123456789);
	clock_set_wall(fake_wall);
	/* A stderr that was redirected away from the journal has another device and inode. */
	line_of_child("1:2", line, sizeof(line));
	assert_string_equal(line, "2023-11-14T22:13:20.123Z warn  hi\\x0a\n");
	line_of_child("nonsense", line, sizeof(line));
	assert_string_equal(line, "2023-11-14T22:13:20.123Z warn  hi\\x0a\n");
}

static void the_gate_closes_and_opens_after_a_minute(void **state)
{
	(void)state;
	wall_ns = INT64_C(1700000000000000000);
	clock_set_wall(fake_wall);
	for (int i = 0; i < 3; i++)
		assert_true(log_allow("k1", 3));
	assert_false(log_allow("k1", 3));
	assert_true(log_allow("k2", 3));
	wall_ns += INT64_C(59999999999);
	assert_false(log_allow("k1", 3));
	wall_ns += 1;
	assert_true(log_allow("k1", 3));
	/* A clock set back must not keep the gate shut for years. */
	for (int i = 0; i < 3; i++)
		log_allow("k1", 3);
	assert_false(log_allow("k1", 3));
	wall_ns -= INT64_C(1000000000000000000);
	assert_true(log_allow("k1", 3));
}

static void one_cause_cannot_fill_the_disk(void **state)
{
	(void)state;
	wall_ns = INT64_C(1750000000000000000);
	clock_set_wall(fake_wall);
	for (int i = 0; i < 1000 + LOG_A_MINUTE_MAX; i++) {
		if (i == 1000 + LOG_A_MINUTE_MAX - 1)
			wall_ns += INT64_C(60000000000);
		log_info("peer %d came and went", i);
		log_debug("dropped by the level");
	}
	/* The minute's, the note of how many were left out, and the first of the next minute. */
	assert_int_equal(seen_count, LOG_A_MINUTE_MAX + 2);
	assert_string_equal(seen, "peer 1119 came and went");
	log_warn("another cause");
	assert_int_equal(seen_count, LOG_A_MINUTE_MAX + 3);
	log_set_level(LOG_DEBUG);
	for (int i = 0; i < LOG_DEBUG_A_MINUTE_MAX + 100; i++)
		log_debug("many %d", i);
	assert_int_equal(seen_count, LOG_A_MINUTE_MAX + 3 + LOG_DEBUG_A_MINUTE_MAX);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
/* Alternating between causes must not open the gate of any of them. */
static void causes_whose_formats_share_a_place_are_told_apart(void **state)
{
	/* The table's size times a pointer's alignment apart. */
	enum { FORMATS = 5, APART = 1021 * 8 };
	static char formats[FORMATS][APART];

	(void)state;
	wall_ns = INT64_C(1850000000000000000);
	clock_set_wall(fake_wall);
	for (int f = 0; f < FORMATS; f++)
		(void)snprintf(formats[f], sizeof(formats[f]), "cause %%d");
	for (int i = 0; i < 2 * LOG_A_MINUTE_MAX; i++) {
		for (int f = 0; f < FORMATS; f++)
			log_write(LOG_INFO, formats[f], f);
	}
	assert_int_equal(seen_count, FORMATS * LOG_A_MINUTE_MAX);
}
#pragma GCC diagnostic pop

static void inventing_keys_opens_no_gates(void **state)
{
	int passed = 0;
	char key[32];

	(void)state;
	wall_ns = INT64_C(1800000000000000000);
	clock_set_wall(fake_wall);
	assert_true(log_allow("honest", 2));
	for (int i = 0; i < 100000; i++) {
		(void)snprintf(key, sizeof(key), "peer %d", i);
		passed += log_allow(key, 1) ? 1 : 0;
	}
	assert_in_range(passed, 200, 256);
	/* A key that was there before the flood keeps its own count. */
	assert_true(log_allow("honest", 2));
	assert_false(log_allow("honest", 2));
	/* After the minute there is room again. */
	wall_ns += INT64_C(60000000000);
	assert_true(log_allow("newcomer 1", 1));
	assert_true(log_allow("newcomer 2", 1));
}

int main(void)
{
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		LOG_TEST(lines_above_the_level_are_dropped),
		LOG_TEST(level_names_are_the_four),
		LOG_TEST(a_name_cannot_forge_a_line),
		LOG_TEST(escape_keeps_text_and_shows_the_rest),
		LOG_TEST(a_long_line_is_cut_not_lost),
		LOG_TEST(the_journal_gets_priorities_in_one_write),
		LOG_TEST(the_journal_gets_fields_that_no_name_can_forge),
		LOG_TEST(one_cause_cannot_fill_the_disk),
		LOG_TEST(causes_whose_formats_share_a_place_are_told_apart),
		LOG_TEST(others_get_time_and_level_in_one_write),
		LOG_TEST(the_gate_closes_and_opens_after_a_minute),
		LOG_TEST(inventing_keys_opens_no_gates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
