/* Proves seen_groups.h: a group is listed once, and no crowd of announcements hides what others announce. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "agent/seen_groups.h"

#define TAG   "abcdefghijklmnopqrstuvwxyz"
#define OTHER "zyxwvutsrqponmlkjihgfedcba"

/* What an agent, one of many by its number, announces from an address. */
static void announce_from(struct seen_groups *s, int agent, const char *ip, const struct discovery_shown *groups,
                          size_t n)
{
	struct discovery_found found = { .groups = groups, .ngroups = n };
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	char id[53];

	(void)snprintf(id, sizeof(id), "%0*d", 52, agent);
	found.claimed_id = id;
	if (inet_pton(AF_INET, ip, &in.sin_addr) == 1) {
		memcpy(&found.addr, &in, sizeof(in));
	} else {
		assert_int_equal(inet_pton(AF_INET6, ip, &in6.sin6_addr), 1);
		memcpy(&found.addr, &in6, sizeof(in6));
	}
	seen_groups_note(s, &found);
}

struct list {
	char text[1 << 14];
	size_t n;
};

static bool list_one(void *arg, const struct seen_group *g)
{
	struct list *l = arg;
	size_t len = strlen(l->text);

	(void)snprintf(l->text + len, sizeof(l->text) - len, "%s#%.4s %s %d %zu\n", g->name, g->tag, g->owner,
	               g->members, g->agents);
	l->n++;
	return true;
}

static void assert_list(struct seen_groups *s, int64_t now_ms, const char *expected)
{
	struct list l = { 0 };

	seen_groups_each(s, now_ms, list_one, &l);
	assert_string_equal(l.text, expected);
}

static void a_group_is_listed_once(void **state)
{
	struct seen_groups *s = seen_groups_new();
	const struct discovery_shown home = { TAG, "home", "alpha", 2 };
	const struct discovery_shown later = { TAG, "home", "alpha", 3 };
	const struct discovery_shown namesake[] = { { OTHER, "home", "", 1 }, { OTHER, "attic", "beta", 1 } };

	(void)state;
	announce_from(s, 1, "10.0.0.1", &home, 1);
	announce_from(s, 1, "fe80::1", &home, 1);
	announce_from(s, 2, "10.0.0.2", &later, 1);
	assert_list(s, 1, "home#abcd alpha 3 2\n");
	announce_from(s, 3, "10.0.0.3", namesake, 2);
	assert_list(s, 1, "attic#zyxw beta 1 1\nhome#abcd alpha 3 2\nhome#zyxw  1 1\n");
	announce_from(s, 3, "10.0.0.3", namesake, 1); /* left the other */
	announce_from(s, 1, "10.0.0.1", NULL, 0);
	assert_list(s, 1, "home#abcd alpha 3 1\nhome#zyxw  1 1\n");
	seen_groups_free(s);
}

static void what_no_group_can_be_called_is_left_out(void **state)
{
	struct seen_groups *s = seen_groups_new();
	const struct discovery_shown bad[] = { { TAG, " home", "", 1 },
		                               { TAG, "a\x1b[2J", "", 1 },
		                               { "abc", "x", "", 1 } };

	(void)state;
	announce_from(s, 1, "10.0.0.1", bad, 3);
	assert_list(s, 1, "");
	seen_groups_free(s);
}

static void a_query_forgets_what_is_not_confirmed(void **state)
{
	struct seen_groups *s = seen_groups_new();
	const struct discovery_shown one = { TAG, "one", "", 1 }, two = { OTHER, "two", "", 1 };

	(void)state;
	announce_from(s, 1, "10.0.0.1", &one, 1);
	announce_from(s, 2, "10.0.0.2", &two, 1);
	seen_groups_query(s, 1000);
	announce_from(s, 2, "10.0.0.2", &two, 1);
	assert_list(s, 1000 + SEEN_GROUPS_DOUBT_MS - 1, "one#abcd  1 1\ntwo#zyxw  1 1\n");
	seen_groups_query(s, 1000 + SEEN_GROUPS_DOUBT_MS - 1);
	assert_list(s, 1000 + SEEN_GROUPS_DOUBT_MS, "two#zyxw  1 1\n");
	seen_groups_free(s);
}

/* Many agents, all said to be on one host, and many addresses of one /64. */
static void a_crowd_at_one_address_hides_nobody(void **state)
{
	const struct discovery_shown home = { TAG, "home", "alpha", 2 };

	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		struct seen_groups *s = seen_groups_new();
		struct list l = { 0 };

		announce_from(s, 1, "10.0.0.1", &home, 1);
		for (int i = 0; i < 2 * SEEN_GROUPS_MAX; i++) {
			char name[32], ip[32];
			const struct discovery_shown noise = { OTHER, name, "", 1 };

			(void)snprintf(name, sizeof(name), "noise %d", i);
			if (v6)
				(void)snprintf(ip, sizeof(ip), "2001:db8::%x", i + 1);
			else
				(void)snprintf(ip, sizeof(ip), "10.0.0.9");
			announce_from(s, 2 + i, ip, &noise, 1);
		}
		seen_groups_each(s, 1, list_one, &l);
		assert_int_equal(l.n, 1 + SEEN_GROUPS_OF_ADDRESS);
		assert_non_null(strstr(l.text, "home#abcd alpha 2 1\n"));
		assert_non_null(strstr(l.text, "noise 511#"));
		seen_groups_free(s);
	}
}

/* From many addresses, as anybody can claim them: a group that answered a query before stays. */
static void there_is_a_bound_for_all(void **state)
{
	const struct discovery_shown home = { TAG, "home", "alpha", 2 };
	struct seen_groups *s = seen_groups_new();
	struct list l = { 0 };

	(void)state;
	announce_from(s, 9999, "10.1.0.1", &home, 1);
	seen_groups_query(s, 1);
	announce_from(s, 9999, "10.1.0.1", &home, 1);
	for (int i = 0; i < 2 * SEEN_GROUPS_MAX; i++) {
		char name[32], ip[32];
		const struct discovery_shown noise = { OTHER, name, "", 1 };

		(void)snprintf(name, sizeof(name), "noise %d", i);
		(void)snprintf(ip, sizeof(ip), "10.0.%d.%d", i / 250, i % 250);
		announce_from(s, i, ip, &noise, 1);
	}
	seen_groups_each(s, 1, list_one, &l);
	assert_int_equal(l.n, SEEN_GROUPS_MAX);
	assert_non_null(strstr(l.text, "home#abcd alpha 2 1\n"));
	seen_groups_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_is_listed_once),
		cmocka_unit_test(what_no_group_can_be_called_is_left_out),
		cmocka_unit_test(a_query_forgets_what_is_not_confirmed),
		cmocka_unit_test(a_crowd_at_one_address_hides_nobody),
		cmocka_unit_test(there_is_a_bound_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
