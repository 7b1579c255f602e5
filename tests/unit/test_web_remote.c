/* The page at a remote address: its password, its tokens, its certificate, and how often one may guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/api/web_cert.h"
#include "agent/api/web_host.h"
#include "agent/api/web_password.h"
#include "agent/api/web_throttle.h"
#include "agent/api/web_tokens.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"

static char dir[] = "/tmp/lanyard-web-remote-XXXXXX";
static int dirfd_of_test;

static void host_of(struct web_host *host, const char *text)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		web_host_of(host, (const struct sockaddr *)&v4);
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		web_host_of(host, (const struct sockaddr *)&v6);
	else
		fail_msg("%s", text);
}

static bool is_one_host(const char *a, const char *b)
{
	struct web_host one, two;

	host_of(&one, a);
	host_of(&two, b);
	return web_host_same(&one, &two);
}

static void a_host_is_an_ipv4_address_or_half_an_ipv6_address(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	char text[WEB_HOST_TEXT];
	struct web_host unknown, other;

	(void)state;
	assert_true(is_one_host("192.0.2.1", "192.0.2.1"));
	assert_true(is_one_host("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(is_one_host("192.0.2.1", "192.0.2.2"));
	assert_false(is_one_host("::ffff:192.0.2.1", "::ffff:192.0.2.2"));
	assert_true(is_one_host("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
	assert_false(is_one_host("2001:db8:1:2::1", "2001:db8:1:3::1"));
	web_host_of(&unknown, NULL);
	web_host_of(&other, NULL);
	assert_true(web_host_same(&unknown, &other));
	web_host_text(text, NULL);
	assert_string_equal(text, "an unknown address");
	v4.sin_addr.s_addr = htonl(0xc0000201);
	web_host_text(text, (const struct sockaddr *)&v4);
	assert_string_equal(text, "192.0.2.1");
}

static void guesses_of_one_host_wait_longer_and_longer(void **state)
{
	struct web_throttle *t = web_throttle_new();
	struct web_host one, two;
	int64_t now = 100;

	(void)state;
	host_of(&one, "192.0.2.1");
	host_of(&two, "192.0.2.2");
	for (int i = 0; i < WEB_THROTTLE_FREE; i++)
		assert_int_equal(web_throttle_try(t, &one, now), 0);
	for (int64_t wait = 2; wait < WEB_THROTTLE_WAIT_S; wait *= 2) {
		assert_int_equal(web_throttle_try(t, &one, now), wait);
		assert_int_equal(web_throttle_try(t, &one, now + wait - 1), 1);
		now += wait;
		assert_int_equal(web_throttle_try(t, &one, now), 0);
	}
	assert_int_equal(web_throttle_try(t, &one, now), WEB_THROTTLE_WAIT_S);
	/* Another host has nothing to do with it, and the right one forgives all. */
	assert_int_equal(web_throttle_try(t, &two, now), 0);
	web_throttle_right(t, &one, now);
	for (int i = 0; i < WEB_THROTTLE_FREE; i++)
		assert_int_equal(web_throttle_try(t, &one, now), 0);
	assert_int_equal(web_throttle_try(t, &one, now), 2);
	assert_int_equal(web_throttle_try(t, &one, now + WEB_THROTTLE_FORGET_S), 0);
	assert_int_equal(web_throttle_try(t, &one, now + WEB_THROTTLE_FORGET_S), 0);
	web_throttle_free(t);
	web_throttle_free(NULL);
}

static void guesses_of_all_hosts_have_one_allowance(void **state)
{
	struct web_throttle *t = web_throttle_new();
	struct web_host host, known;
	int64_t now = 1000;
	int tries = 0;

	(void)state;
	host_of(&known, "192.0.2.1");
	assert_int_equal(web_throttle_try(t, &known, now), 0);
	web_throttle_right(t, &known, now);
	/* A host for each guess, for an hour. */
	for (int64_t end = now + 3600; now < end; now++) {
		for (uint32_t i = 0; i < 4; i++) {
			struct sockaddr_in v4 = { .sin_family = AF_INET };

			v4.sin_addr.s_addr = htonl(0x0a000000 + (uint32_t)(now - 1000) * 4 + i);
			web_host_of(&host, (const struct sockaddr *)&v4);
			tries += web_throttle_try(t, &host, now) == 0;
		}
		/* Who has been in comes in. */
		if (now % 600 == 0) {
			assert_int_equal(web_throttle_try(t, &known, now), 0);
			web_throttle_right(t, &known, now);
		}
	}
	assert_in_range(tries, 3600 / WEB_THROTTLE_EACH_S, WEB_THROTTLE_BURST + 3600 / WEB_THROTTLE_EACH_S);
	web_throttle_free(t);
}

static void a_password_is_known_again(void **state)
{
	struct web_password pw, again;
	char *line, *why = NULL;

	(void)state;
	assert_int_equal(web_password_load(&again, dirfd_of_test, &why), 0);
	assert_int_equal(web_password_make(&pw, "correct horse"), 0);
	assert_true(web_password_is(&pw, "correct horse"));
	assert_false(web_password_is(&pw, "correct horsf"));
	assert_false(web_password_is(&pw, ""));
	assert_int_equal(web_password_store(&pw, dirfd_of_test, &why), 0);
	assert_int_equal(web_password_load(&again, dirfd_of_test, &why), 1);
	assert_memory_equal(again.hash, pw.hash, sizeof(pw.hash));
	line = web_password_line(&again);
	assert_int_equal(web_password_parse(&pw, line), 0);
	free(line);
	/* Others may not have read it. */
	assert_int_equal(fchmodat(dirfd_of_test, "web-password", 0640, 0), 0);
	assert_int_equal(web_password_load(&again, dirfd_of_test, &why), -1);
	assert_non_null(strstr(why, "chmod 600 web-password"));
	free(why);
	why = NULL;
	assert_int_equal(fs_write_file(dirfd_of_test, "web-password", "scrypt\n", 7, 0600), 0);
	assert_int_equal(web_password_load(&again, dirfd_of_test, &why), -1);
	free(why);
	why = NULL;
	assert_int_equal(web_password_store(NULL, dirfd_of_test, &why), 0);
	assert_int_equal(web_password_store(NULL, dirfd_of_test, &why), 0);
	assert_int_equal(web_password_load(&again, dirfd_of_test, &why), 0);
}

static void a_line_that_is_no_password_is_refused(void **state)
{
#define SALT "AAAAAAAAAAAAAAAAAAAAAA"
#define HASH "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	static const char *const bad[] = {
		"",
		"\n",
		"scrypt 15 8 3 " SALT " " HASH,
		"scrypt 15 8 3 " SALT " " HASH "\n\n",
		"scrypt 15 8 3 " SALT " " HASH " x\n",
		"scrypt 015 8 3 " SALT " " HASH "\n",
		"scrypt 18 8 3 " SALT " " HASH "\n",
		"scrypt 0 8 3 " SALT " " HASH "\n",
		"scrypt -1 8 3 " SALT " " HASH "\n",
		"scrypt 15 9 3 " SALT " " HASH "\n",
		"scrypt 15 8 5 " SALT " " HASH "\n",
		"scrypt 15 8 0 " SALT " " HASH "\n",
		"scrypt 15 8 3 " SALT "A " HASH "\n",
		"scrypt 15 8 3 " SALT " " HASH "A\n",
		"bcrypt 15 8 3 " SALT " " HASH "\n",
	};
	struct web_password pw;

	(void)state;
	assert_int_equal(web_password_parse(&pw, "scrypt 15 8 3 " SALT " " HASH "\n"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (web_password_parse(&pw, bad[i]) == 0)
			fail_msg("%s", bad[i]);
	}
}

static void tokens_are_found_by_their_text_alone(void **state)
{
	struct web_tokens t = { .n = 0 }, again;
	char one[WEB_TOKEN_TEXT], two[WEB_TOKEN_TEXT], more[WEB_TOKEN_TEXT], name[WEB_TOKEN_NAME], *why = NULL;

	(void)state;
	assert_int_equal(web_tokens_add(&t, "one", false, 7, one), 0);
	assert_int_equal(web_tokens_add(&t, "two", true, 8, two), 0);
	assert_int_equal(strlen(one), WEB_TOKEN_TEXT - 1);
	assert_int_equal(web_tokens_add(&t, "two", true, 8, more), -1);
	assert_int_equal(web_tokens_add(&t, "a b", true, 8, more), -1);
	assert_int_equal(web_tokens_add(&t, "", true, 8, more), -1);
	assert_int_equal(web_tokens_add(&t, "123456789012345678901234567890123", true, 8, more), -1);
	assert_string_equal(web_tokens_find(&t, one)->name, "one");
	assert_true(web_tokens_find(&t, two)->all);
	assert_null(web_tokens_find(&t, NULL));
	assert_null(web_tokens_find(&t, ""));
	assert_null(web_tokens_find(&t, "lanyard_"));
	assert_int_equal(web_tokens_store(&t, dirfd_of_test, &why), 0);
	assert_int_equal(web_tokens_load(&again, dirfd_of_test, &why), 0);
	assert_memory_equal(&again, &t, sizeof(t));
	assert_int_equal(web_tokens_remove(&t, "one"), 0);
	assert_int_equal(web_tokens_remove(&t, "one"), -1);
	assert_null(web_tokens_find(&t, one));
	assert_string_equal(web_tokens_find(&t, two)->name, "two");
	for (size_t i = t.n; i < WEB_TOKENS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "a-name-of-thirty-two-letters-.%zu", i);
		assert_int_equal(web_tokens_add(&t, name, true, INT64_MAX, more), 0);
	}
	assert_int_equal(web_tokens_add(&t, "too-many", true, 8, more), -1);
	assert_int_equal(web_tokens_store(&t, dirfd_of_test, &why), 0);
	assert_int_equal(web_tokens_load(&again, dirfd_of_test, &why), 0);
	assert_int_equal(again.n, WEB_TOKENS_MAX);
	t.n = 0;
	assert_int_equal(web_tokens_store(&t, dirfd_of_test, &why), 0);
	assert_int_equal(faccessat(dirfd_of_test, "web-tokens", F_OK, 0), -1);
}

static void a_file_that_has_no_tokens_is_refused(void **state)
{
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	static const char *const bad[] = {
		"x",
		"\n",
		"a read 1 " HEX,
		"a write 1 " HEX "\n",
		"a read x " HEX "\n",
		"a read 1 " HEX "0\n",
		"a read 1 zz" HEX "\n",
		"a/b read 1 " HEX "\n",
		"a read 1 " HEX "\na read 1 " HEX "\n",
	};
	struct web_tokens t;

	(void)state;
	assert_int_equal(web_tokens_parse(&t, "a read 1 " HEX "\nb all 2 " HEX "\n"), 0);
	assert_int_equal(t.n, 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (web_tokens_parse(&t, bad[i]) == 0)
			fail_msg("%s", bad[i]);
	}
}

static int64_t days;

static int64_t wall_of_test(void)
{
	return (INT64_C(1800000000) + days * 86400) * 1000000000;
}

/* The fingerprint of what is opened at that day, and whether it was made then. */
static bool open_at(int64_t day, const struct settings_list *needed, char fingerprint[WEB_CERT_FINGERPRINT])
{
	const struct settings_list none = { NULL, 0 };
	char *fresh = NULL, *why = NULL;
	struct web_cert *c;
	bool made;

	days = day;
	c = web_cert_open(dirfd_of_test, needed, &none, &fresh, &why);
	assert_null(why);
	assert_non_null(c);
	assert_false(web_cert_due(c));
	assert_int_equal(strlen(web_cert_fingerprint(c)), WEB_CERT_FINGERPRINT - 1);
	(void)snprintf(fingerprint, WEB_CERT_FINGERPRINT, "%s", web_cert_fingerprint(c));
	made = fresh != NULL;
	free(fresh);
	web_cert_free(c);
	return made;
}

static void a_certificate_stays_until_it_has_to_change(void **state)
{
	static char nas[] = "nas.example", ip[] = "192.0.2.1", six[] = "2001:db8::1", other[] = "other.example";
	char *names[] = { nas, ip, six, other };
	struct settings_list needed = { names, 3 };
	char first[WEB_CERT_FINGERPRINT], next[WEB_CERT_FINGERPRINT];
	char *text, *again, *why = NULL, *fresh = NULL;
	size_t n;

	(void)state;
	clock_set_wall(wall_of_test);
	assert_true(open_at(0, &needed, first));
	text = fs_read_file(dirfd_of_test, "web.pem", 65536, &n);
	assert_false(open_at(0, &needed, next));
	assert_false(open_at(WEB_CERT_DAYS - WEB_CERT_RENEW_DAYS - 1, &needed, next));
	assert_string_equal(first, next);
	/* It expires soon; the key stays. */
	assert_true(open_at(WEB_CERT_DAYS - WEB_CERT_RENEW_DAYS + 1, &needed, next));
	assert_string_not_equal(first, next);
	again = fs_read_file(dirfd_of_test, "web.pem", 65536, &n);
	assert_memory_equal(text, again, 150);
	assert_string_not_equal(text, again);
	/* The clock was wrong when it was made. */
	assert_true(open_at(0, &needed, first));
	assert_false(open_at(0, &needed, next));
	needed.n = 4;
	assert_true(open_at(0, &needed, next));
	assert_false(open_at(0, &needed, next));
	needed.n = 1;
	assert_false(open_at(0, &needed, next));
	/* One that others have read, and one that is none, are left alone. */
	assert_int_equal(fchmodat(dirfd_of_test, "web.pem", 0644, 0), 0);
	assert_null(web_cert_open(dirfd_of_test, &needed, &needed, &fresh, &why));
	assert_non_null(strstr(why, "web.pem"));
	free(why);
	why = NULL;
	assert_int_equal(fs_write_file(dirfd_of_test, "web.pem", text, strlen(text) / 2, 0600), 0);
	assert_null(web_cert_open(dirfd_of_test, &needed, &needed, &fresh, &why));
	assert_non_null(strstr(why, "move it away"));
	free(why);
	free(text);
	free(again);
	clock_set_wall(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_is_an_ipv4_address_or_half_an_ipv6_address),
		cmocka_unit_test(guesses_of_one_host_wait_longer_and_longer),
		cmocka_unit_test(guesses_of_all_hosts_have_one_allowance),
		cmocka_unit_test(a_password_is_known_again),
		cmocka_unit_test(a_line_that_is_no_password_is_refused),
		cmocka_unit_test(tokens_are_found_by_their_text_alone),
		cmocka_unit_test(a_file_that_has_no_tokens_is_refused),
		cmocka_unit_test(a_certificate_stays_until_it_has_to_change),
	};
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	dirfd_of_test = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	(void)fs_remove_tree(dirfd_of_test, "web.pem");
	close(dirfd_of_test);
	rmdir(dir);
	return rc;
}
