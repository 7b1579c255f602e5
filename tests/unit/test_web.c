/* The door for browsers: under which names it answers, whose requests it takes, and who has a session. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "agent/api/control_url.h"
#include "agent/api/web_check.h"
#include "agent/api/web_sessions.h"
#include "agent/config/door_address.h"

static void only_addresses_in_digits_are_doors(void **state)
{
	static const struct {
		const char *text;
		bool ok, local;
		enum door_kind kind;
		uint16_t port;
	} cases[] = {
		{ "127.0.0.1:4171", true, true, DOOR_IPV4, 4171 },
		{ "127.9.9.9:0", true, true, DOOR_IPV4, 0 },
		{ "[::1]:65535", true, true, DOOR_IPV6, 65535 },
		{ "192.0.2.1:80", true, false, DOOR_IPV4, 80 },
		{ "0.0.0.0:80", true, false, DOOR_IPV4, 80 },
		{ "[::]:80", true, false, DOOR_IPV6, 80 },
		{ "[::ffff:127.0.0.1]:80", true, false, DOOR_IPV6, 80 },
		{ "/run/web.sock", true, true, DOOR_PATH, 0 },
		{ "/run/../web.sock", false, false, 0, 0 },
		{ "/", false, false, 0, 0 },
		{ "/run/", false, false, 0, 0 },
		{ "localhost:80", false, false, 0, 0 },
		{ "127.0.0.1", false, false, 0, 0 },
		{ "127.1:80", false, false, 0, 0 },
		{ "::1:80", false, false, 0, 0 },
		{ "[::1]", false, false, 0, 0 },
		{ "[127.0.0.1]:80", false, false, 0, 0 },
		{ "127.0.0.1:65536", false, false, 0, 0 },
		{ "127.0.0.1:-1", false, false, 0, 0 },
		{ ":80", false, false, 0, 0 },
		{ "", false, false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct door_address a;
		bool ok = door_address_parse(cases[i].text, &a) == 0;

		if (ok != cases[i].ok)
			fail_msg("%s", cases[i].text);
		if (ok && (a.is_local != cases[i].local || a.kind != cases[i].kind || a.port != cases[i].port))
			fail_msg("%s is taken for something else", cases[i].text);
	}
}

static void a_path_is_decoded_once(void **state)
{
	static const char *const cases[][2] = {
		{ "/a%20b", "/a b" }, { "/%2e%2E/x", "/../x" }, { "/%25%32%35", "/%25" },
		{ "/%00", "/%00" },   { "/a%00b", "/a%00b" },   { "/%", "/%" },
		{ "/%4", "/%4" },     { "/%4g%41", "/%4gA" },   { "", "" },
		{ "%ff", "\xff" },    { "/%%41", "/%A" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[32] = "";

		memcpy(text, cases[i][0], strlen(cases[i][0]));
		assert_int_equal(control_url_decode(text), strlen(cases[i][1]));
		assert_string_equal(text, cases[i][1]);
	}
}

static void a_name_of_somebody_else_is_refused(void **state)
{
	static char own[] = "nas.example";
	char *names[] = { own };
	const struct settings_list list = { names, 1 };
	const struct web_place place = { .port = 4171, .names = &list };
	static const char *const good[] = { "127.0.0.1:4171", "localhost:4171",   "LocalHost:4171", "[::1]:4171",
		                            "192.0.2.7:4171", "nas.example:4171", "NAS.example",    "nas.example:443" };
	static const char *const bad[] = { "evil.example:4171",
		                           "127.0.0.1:4172",
		                           "127.0.0.1",
		                           "localhost",
		                           "localhost.evil.example:4171",
		                           "127.0.0.1.evil.example:4171",
		                           "evil.nas.example",
		                           "127.0.0.1:4171:4171",
		                           "127.0.0.1:4171@evil.example",
		                           "localhost:04171x",
		                           "[::1:4171",
		                           "[evil.example]:4171",
		                           "[]:4171",
		                           "127.1:4171",
		                           "0x7f000001:4171",
		                           "localhost.:4171",
		                           ":4171",
		                           "" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!web_host_ok(&place, good[i]))
			fail_msg("%s is refused", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (web_host_ok(&place, bad[i]))
			fail_msg("%s is taken", bad[i]);
	}
	assert_false(web_host_ok(&place, NULL));
	assert_true(web_host_ok(&(struct web_place){ .port = 443, .tls = true }, "127.0.0.1"));
	assert_false(web_host_ok(&(struct web_place){ .port = 80, .tls = true }, "127.0.0.1"));
	assert_true(web_host_ok(&(struct web_place){ .port = 80 }, "127.0.0.1"));
	assert_true(web_host_ok(&(struct web_place){ .port = 0 }, "localhost:8080"));
	assert_false(web_host_ok(&(struct web_place){ .port = 0 }, "nas.example"));
	/* The host's own names go with the door's port. */
	assert_true(web_host_ok(&(struct web_place){ .port = 4171, .tls = true, .own = &list }, "NAS.example:4171"));
	assert_false(web_host_ok(&(struct web_place){ .port = 4171, .tls = true, .own = &list }, "nas.example"));
	assert_false(web_host_ok(&(struct web_place){ .port = 4171, .tls = true, .own = &list }, "nas.example:80"));
	assert_false(web_host_ok(&(struct web_place){ .port = 4171, .tls = true, .own = &list }, "x.nas.example:4171"));
}

static void a_request_of_another_page_is_refused(void **state)
{
	const struct web_place place = { .port = 4171 };
	static const char host[] = "127.0.0.1:4171";

	(void)state;
	assert_true(web_origin_ok(&place, host, "http://127.0.0.1:4171", true));
	assert_true(web_origin_ok(&place, host, NULL, false));
	assert_false(web_origin_ok(&place, host, NULL, true));
	for (int is_change = 0; is_change < 2; is_change++) {
		assert_false(web_origin_ok(&place, host, "null", is_change));
		assert_false(web_origin_ok(&place, host, "", is_change));
		assert_false(web_origin_ok(&place, host, "http://127.0.0.1:8080", is_change));
		assert_false(web_origin_ok(&place, host, "http://localhost:4171", is_change));
		assert_false(web_origin_ok(&place, host, "https://127.0.0.1:4171", is_change));
		assert_false(web_origin_ok(&place, host, "http://127.0.0.1:4171.evil.example", is_change));
		assert_false(web_origin_ok(&place, host, "http://evil.example", is_change));
	}
	assert_true(web_origin_ok(&(struct web_place){ .port = 0 }, "nas.example", "https://nas.example", true));
	assert_true(web_site_ok(NULL));
	assert_true(web_site_ok("none"));
	assert_true(web_site_ok("same-origin"));
	assert_false(web_site_ok("same-site"));
	assert_false(web_site_ok("cross-site"));
}

/* Whether the link of this secret still waits to be used. */
static bool link_waits(const struct web_sessions *s, int64_t now, const char *link)
{
	struct web_link_mark mark;

	return web_sessions_mark(&mark, link) == 0 && web_sessions_waits(s, now, &mark);
}

struct secrets {
	char link[WEB_SECRET_TEXT], cookie[WEB_SECRET_TEXT], token[WEB_SECRET_TEXT];
};

static void enter(struct web_sessions *s, int64_t now, struct secrets *mine)
{
	assert_int_equal(web_sessions_link(s, now, mine->link), 0);
	assert_int_equal(web_sessions_enter(s, now, mine->link, mine->cookie, mine->token), 0);
}

static void a_link_is_good_once_and_not_for_long(void **state)
{
	struct web_sessions *s = web_sessions_new();
	struct secrets one, late;

	(void)state;
	enter(s, 10, &one);
	assert_int_equal(web_sessions_enter(s, 10, one.link, one.cookie, one.token), -1);
	assert_false(link_waits(s, 10, one.link));
	assert_int_equal(web_sessions_link(s, 10, late.link), 0);
	assert_true(link_waits(s, 10 + WEB_LINK_S - 1, late.link));
	assert_false(link_waits(s, 10 + WEB_LINK_S, late.link));
	assert_false(link_waits(s, 10, ""));
	assert_int_equal(web_sessions_enter(s, 10 + WEB_LINK_S, late.link, late.cookie, late.token), -1);
	assert_int_equal(web_sessions_enter(s, 10, NULL, late.cookie, late.token), -1);
	assert_int_equal(web_sessions_enter(s, 10, "", late.cookie, late.token), -1);
	assert_int_equal(web_sessions_enter(s, 10, one.cookie, late.cookie, late.token), -1);
	assert_int_equal(web_sessions_enter(s, 10 + WEB_LINK_S - 1, late.link, late.cookie, late.token), 0);
	web_sessions_free(s);
}

static void a_session_needs_both_of_its_secrets(void **state)
{
	struct web_sessions *s = web_sessions_new();
	struct secrets one, two;

	(void)state;
	enter(s, 10, &one);
	enter(s, 10, &two);
	assert_string_not_equal(one.cookie, two.cookie);
	assert_int_equal(web_sessions_check(s, 10, one.cookie, one.token), WEB_BOTH);
	assert_int_equal(web_sessions_check(s, 10, two.cookie, two.token), WEB_BOTH);
	assert_int_equal(web_sessions_check(s, 10, one.cookie, two.token), WEB_COOKIE);
	assert_int_equal(web_sessions_check(s, 10, one.cookie, NULL), WEB_COOKIE);
	assert_int_equal(web_sessions_check(s, 10, one.cookie, one.cookie), WEB_COOKIE);
	assert_int_equal(web_sessions_check(s, 10, one.token, one.token), WEB_NOBODY);
	assert_int_equal(web_sessions_check(s, 10, NULL, one.token), WEB_NOBODY);
	assert_int_equal(web_sessions_check(s, 10, "", ""), WEB_NOBODY);
	web_sessions_free(s);
}

static void a_session_ends(void **state)
{
	struct web_sessions *s = web_sessions_new();
	struct secrets one;
	int64_t now = 10;

	(void)state;
	enter(s, now, &one);
	assert_int_equal(web_sessions_check(s, now + WEB_SESSION_IDLE_S, one.cookie, one.token), WEB_NOBODY);
	/* In use it lives longer, but not for ever. */
	for (; now < 10 + WEB_SESSION_S; now += WEB_SESSION_IDLE_S / 2)
		assert_int_equal(web_sessions_check(s, now, one.cookie, one.token), WEB_BOTH);
	assert_int_equal(web_sessions_check(s, now, one.cookie, one.token), WEB_NOBODY);
	enter(s, now, &one);
	assert_int_equal(web_sessions_link(s, now, one.link), 0);
	assert_int_equal(web_sessions_revoke(s, now), 1);
	assert_int_equal(web_sessions_check(s, now, one.cookie, one.token), WEB_NOBODY);
	assert_int_equal(web_sessions_enter(s, now, one.link, one.cookie, one.token), -1);
	assert_int_equal(web_sessions_revoke(s, now), 0);
	web_sessions_free(s);
}

static void one_session_ends_alone(void **state)
{
	struct web_sessions *s = web_sessions_new();
	struct secrets one, two, three;
	uint64_t number;

	(void)state;
	enter(s, 10, &one);
	enter(s, 10, &two);
	number = web_sessions_number(s, 10, one.cookie);
	assert_int_not_equal(number, 0);
	assert_int_not_equal(number, web_sessions_number(s, 10, two.cookie));
	assert_int_equal(web_sessions_number(s, 10, NULL), 0);
	assert_int_equal(web_sessions_number(s, 10 + WEB_SESSION_IDLE_S, one.cookie), 0);
	web_sessions_end(s, number);
	assert_int_equal(web_sessions_check(s, 10, one.cookie, one.token), WEB_NOBODY);
	assert_int_equal(web_sessions_check(s, 10, two.cookie, two.token), WEB_BOTH);
	/* Its number is not given again, whatever takes its place. */
	(void)web_sessions_revoke(s, 10);
	enter(s, 10, &three);
	assert_true(web_sessions_number(s, 10, three.cookie) > number + 1);
	web_sessions_free(s);
}

static void links_and_sessions_are_bounded(void **state)
{
	struct web_sessions *s = web_sessions_new();
	struct secrets all[WEB_SESSIONS_MAX + 1];
	char links[WEB_LINKS_MAX + 1][WEB_SECRET_TEXT];

	(void)state;
	for (int i = 0; i <= WEB_SESSIONS_MAX; i++)
		enter(s, 10 + i, &all[i]);
	assert_int_equal(web_sessions_check(s, 100, all[0].cookie, all[0].token), WEB_NOBODY);
	for (int i = 1; i <= WEB_SESSIONS_MAX; i++)
		assert_int_equal(web_sessions_check(s, 100, all[i].cookie, all[i].token), WEB_BOTH);
	for (int i = 0; i <= WEB_LINKS_MAX; i++)
		assert_int_equal(web_sessions_link(s, 100 + i, links[i]), 0);
	assert_int_equal(web_sessions_enter(s, 110, links[0], all[0].cookie, all[0].token), -1);
	assert_int_equal(web_sessions_enter(s, 110, links[1], all[0].cookie, all[0].token), 0);
	web_sessions_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_addresses_in_digits_are_doors),
		cmocka_unit_test(a_path_is_decoded_once),
		cmocka_unit_test(a_name_of_somebody_else_is_refused),
		cmocka_unit_test(a_request_of_another_page_is_refused),
		cmocka_unit_test(a_link_is_good_once_and_not_for_long),
		cmocka_unit_test(a_session_needs_both_of_its_secrets),
		cmocka_unit_test(a_session_ends),
		cmocka_unit_test(one_session_ends_alone),
		cmocka_unit_test(links_and_sessions_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
