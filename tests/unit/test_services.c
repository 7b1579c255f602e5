/* Proves the promises of heard.h with a library that is played by the test: what is resolved, told, tried again, and
 * that no flood costs more than its bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "discovery/services.h"

#define OWN   "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa"
#define OTHER "bbcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa"

enum { IFACE = 1000000 }; /* not the loopback interface of any host */

/* A resolver, which lends its name, address and TXT to heard_resolved() and takes them back when it is freed, as
 * Avahi's do. */
struct resolver {
	struct resolver *prev, *next;
	char name[64];
	AvahiAddress addr;
	AvahiStringList *txt;
};

struct scene {
	struct loop *loop;
	struct resolver *live, *dead; /* lists; the dead are kept, spoilt, to the end of the test */
	struct services *found;
	int asked;     /* calls of resolve() so far */
	int resolving; /* minus those of unresolve() */
	int most;      /* the highest that was */
	char last[64]; /* the name asked for last */
	bool refuse;
	const char *unwanted; /* an agent ID */
	int told;
	struct mdns_found tale; /* what was told last */
};

static void *resolve(void *ctx, AvahiIfIndex iface, AvahiProtocol proto, const char *name)
{
	struct scene *s = ctx;
	struct resolver *r;

	assert_int_equal(iface, IFACE);
	assert_int_equal(proto, AVAHI_PROTO_INET);
	s->asked++;
	(void)snprintf(s->last, sizeof(s->last), "%s", name);
	if (s->refuse)
		return NULL;
	s->resolving++;
	if (s->resolving > s->most)
		s->most = s->resolving;
	r = MEM_NEW(struct resolver);
	(void)snprintf(r->name, sizeof(r->name), "%s", name);
	DL_APPEND(s->live, r);
	return r;
}

static void unresolve(void *ctx, void *resolver)
{
	struct scene *s = ctx;
	struct resolver *r = resolver;

	s->resolving--;
	DL_DELETE(s->live, r);
	DL_APPEND(s->dead, r);
	/* What reads them from now on would, with the real library, read freed memory. */
	memset(r->name, '?', sizeof(r->name) - 1);
	memset(&r->addr, 0, sizeof(r->addr));
	for (AvahiStringList *t = r->txt; t != NULL; t = avahi_string_list_get_next(t))
		memset(t->text, '?', t->size);
}

static void tell(void *arg, const struct mdns_found *found)
{
	struct scene *s = arg;

	s->told++;
	s->tale = *found;
}

static bool wanted(void *arg, const char *id)
{
	struct scene *s = arg;

	return strcmp(id, s->unwanted) != 0;
}

static int set_up(void **state)
{
	static struct scene s;
	const struct services_door door = { .resolve = resolve, .unresolve = unresolve, .ctx = &s };

	memset(&s, 0, sizeof(s));
	s.loop = loop_new();
	s.unwanted = "";
	s.found = services_new(s.loop, OWN, &door, tell, wanted, &s);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	struct resolver *r;
	struct resolver *next;

	services_free(s->found);
	assert_int_equal(s->resolving, 0);
	assert_null(s->live);
	DL_FOREACH_SAFE(s->dead, r, next) {
		avahi_string_list_free(r->txt);
		free(r);
	}
	loop_free(s->loop);
	return 0;
}

static void turns(struct scene *s)
{
	for (int i = 0; i < 5; i++)
		loop_turn(s->loop, false);
}

static void see(struct scene *s, const char *name)
{
	services_add(s->found, IFACE, AVAHI_PROTO_INET, name, MDNS_TYPE, MDNS_DOMAIN);
	turns(s);
}

/* Where there are many, each waits for a moment. */
static void until_asked(struct scene *s, int asked)
{
	while (s->asked < asked)
		loop_turn(s->loop, true);
}

static struct resolver *resolver_of(struct scene *s, const char *name)
{
	struct resolver *r;

	DL_FOREACH(s->live, r) {
		if (strcmp(r->name, name) == 0)
			return r;
	}
	return NULL;
}

static void answer(struct scene *s, const char *name, const char *ip, const char *id)
{
	struct resolver nobody = { 0 };
	struct resolver *r = resolver_of(s, name);

	if (r == NULL) {
		r = &nobody;
		(void)snprintf(r->name, sizeof(r->name), "%s", name);
	}
	r->txt = avahi_string_list_new("v=1", NULL);
	r->txt = avahi_string_list_add_printf(r->txt, "id=%s", id);
	r->txt = avahi_string_list_add(r->txt, "g=abcdefghijklmnopqrstuvwxyz 2 photos/alpha");
	assert_non_null(avahi_address_parse(ip, AVAHI_PROTO_UNSPEC, &r->addr));
	services_resolved(s->found, IFACE, AVAHI_PROTO_INET, r->name, &r->addr, 4242, r->txt);
	if (r == &nobody)
		avahi_string_list_free(nobody.txt);
	turns(s);
}

static void give_up(struct scene *s, const char *name)
{
	services_failed(s->found, IFACE, AVAHI_PROTO_INET, resolver_of(s, name)->name);
	turns(s);
}

static void what_is_seen_is_resolved_and_told(void **state)
{
	struct scene *s = *state;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&s->tale.addr;

	see(s, "one");
	see(s, "one");
	assert_int_equal(s->asked, 1);
	answer(s, "one", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 1);
	assert_int_equal(s->resolving, 0);
	assert_string_equal(s->tale.instance, "one");
	assert_string_equal(s->tale.txt.id, OTHER);
	assert_string_equal(s->tale.txt.groups[0].name, "photos");
	assert_int_equal(in->sin_family, AF_INET);
	assert_int_equal(ntohs(in->sin_port), 4242);
	assert_int_equal(in->sin_addr.s_addr, inet_addr("10.9.0.2"));
	see(s, "one");
	assert_int_equal(s->asked, 1);
}

/* The service is withdrawn, or its record ran out, before its resolver has answered; it comes again, and the resolver
 * is another one. */
static void what_vanishes_while_it_is_resolved_costs_nothing(void **state)
{
	struct scene *s = *state;

	see(s, "one");
	services_remove(s->found, IFACE, AVAHI_PROTO_INET, resolver_of(s, "one")->name);
	turns(s);
	assert_int_equal(s->resolving, 0);
	answer(s, "one", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 0);
	see(s, "one");
	give_up(s, "one");
	assert_int_equal(s->resolving, 0);
	services_remove(s->found, IFACE, AVAHI_PROTO_INET, "one");
	see(s, "one");
	answer(s, "one", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 1);
	assert_string_equal(s->tale.instance, "one");
	assert_string_equal(s->tale.txt.groups[0].name, "photos");
}

static void link_local_addresses_carry_their_link(void **state)
{
	struct scene *s = *state;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&s->tale.addr;

	see(s, "one");
	answer(s, "one", "fe80::2", OTHER);
	assert_int_equal(s->told, 1);
	assert_int_equal(in6->sin6_scope_id, IFACE);
	see(s, "two");
	answer(s, "two", "2001:db8::2", OTHER);
	assert_int_equal(s->told, 2);
	assert_int_equal(in6->sin6_scope_id, 0);
}

static void what_returns_is_told_again(void **state)
{
	struct scene *s = *state;

	see(s, "one");
	answer(s, "one", "10.9.0.2", OTHER);
	services_remove(s->found, IFACE, AVAHI_PROTO_INET, "one");
	see(s, "one");
	answer(s, "one", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 2);
	services_refresh(s->found);
	see(s, "one");
	see(s, "one");
	answer(s, "one", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 3);
	assert_int_equal(s->asked, 3);
}

static void we_are_not_told_of_ourselves(void **state)
{
	struct scene *s = *state;

	see(s, OWN "-0001");
	assert_int_equal(s->asked, 0);
	see(s, "in disguise");
	answer(s, "in disguise", "10.9.0.2", OWN);
	assert_int_equal(s->told, 0);
}

static void what_is_no_lanyard_is_ignored(void **state)
{
	struct scene *s = *state;
	char name[65];

	services_add(s->found, IFACE, AVAHI_PROTO_INET, "one", "_http._tcp", MDNS_DOMAIN);
	services_add(s->found, IFACE, AVAHI_PROTO_INET, "one", MDNS_TYPE, "example.org");
	services_add(s->found, -1, AVAHI_PROTO_INET, "one", MDNS_TYPE, MDNS_DOMAIN);
	memset(name, 'n', 64);
	name[64] = '\0';
	see(s, name);
	see(s, "");
	assert_int_equal(s->asked, 0);
	see(s, "one");
	answer(s, "one", "10.9.0.2", "short");
	assert_int_equal(s->told, 0);
}

static void addresses_that_lead_nowhere_are_ignored(void **state)
{
	static const char *const ips[] = {
		"0.0.0.0", "127.0.0.1", "224.0.0.251", "255.255.255.255", "::", "::1", "ff02::fb", "::ffff:10.0.0.1",
	};
	struct scene *s = *state;

	for (size_t i = 0; i < sizeof(ips) / sizeof(ips[0]); i++) {
		see(s, ips[i]);
		until_asked(s, (int)i + 1);
		answer(s, ips[i], ips[i], OTHER);
	}
	assert_int_equal(s->asked, sizeof(ips) / sizeof(ips[0]));
	assert_int_equal(s->told, 0);
	see(s, "no port");
	until_asked(s, (int)(sizeof(ips) / sizeof(ips[0])) + 1);
	services_resolved(s->found, IFACE, AVAHI_PROTO_INET, "no port", NULL, 0, NULL);
	assert_int_equal(s->told, 0);
}

static void answers_nobody_asked_for_are_ignored(void **state)
{
	struct scene *s = *state;

	answer(s, "one", "10.9.0.2", OTHER);
	services_failed(s->found, IFACE, AVAHI_PROTO_INET, "one");
	services_remove(s->found, IFACE, AVAHI_PROTO_INET, "one");
	see(s, "one");
	answer(s, "one", "10.9.0.2", OTHER);
	answer(s, "one", "10.9.0.3", OTHER);
	assert_int_equal(s->told, 1);
}

static void a_flood_is_bounded_and_does_not_lock_others_out(void **state)
{
	struct scene *s = *state;
	char name[32];

	for (int i = 0; i < 3 * SERVICES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "flood %d", i);
		services_add(s->found, IFACE, AVAHI_PROTO_INET, name, MDNS_TYPE, MDNS_DOMAIN);
	}
	until_asked(s, SERVICES_MAX_RESOLVING);
	turns(s);
	assert_int_equal(s->asked, SERVICES_MAX_RESOLVING);
	assert_int_equal(s->most, SERVICES_MAX_RESOLVING);
	/* Whoever is asked gives no good answer; the one that does has its turn before all of them had three. */
	see(s, "honest");
	for (int i = 0; i < SERVICES_MAX + SERVICES_MAX_RESOLVING && strcmp(s->last, "honest") != 0; i++) {
		int asked = s->asked;

		give_up(s, s->last);
		until_asked(s, asked + 1);
	}
	assert_string_equal(s->last, "honest");
	answer(s, "honest", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 1);
	assert_int_equal(s->most, SERVICES_MAX_RESOLVING);
}

static void who_is_connected_is_not_asked_for(void **state)
{
	struct scene *s = *state;

	s->unwanted = OTHER;
	see(s, OTHER "-0001");
	assert_int_equal(s->asked, 0);
	s->unwanted = "";
	services_refresh(s->found);
	see(s, OTHER "-0001");
	assert_int_equal(s->asked, 1);
	answer(s, OTHER "-0001", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 1);
}

/* Of twenty that come at once not all are asked for in one turn; each is in the end. */
static void a_crowd_is_asked_for_bit_by_bit(void **state)
{
	struct scene *s = *state;
	char name[32];

	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), "one of many %d", i);
		services_add(s->found, IFACE, AVAHI_PROTO_INET, name, MDNS_TYPE, MDNS_DOMAIN);
	}
	loop_turn(s->loop, false);
	assert_in_range(s->asked, 1, 19);
	until_asked(s, 20);
}

static void a_refusal_is_no_end(void **state)
{
	struct scene *s = *state;

	s->refuse = true;
	see(s, "one");
	assert_int_equal(s->asked, 1);
	assert_int_equal(s->resolving, 0);
	s->refuse = false;
	services_refresh(s->found);
	see(s, "one");
	answer(s, "one", "10.9.0.2", OTHER);
	assert_int_equal(s->told, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_seen_is_resolved_and_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_vanishes_while_it_is_resolved_costs_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(link_local_addresses_carry_their_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_returns_is_told_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(we_are_not_told_of_ourselves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_lanyard_is_ignored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(addresses_that_lead_nowhere_are_ignored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(answers_nobody_asked_for_are_ignored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flood_is_bounded_and_does_not_lock_others_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_is_connected_is_not_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_crowd_is_asked_for_bit_by_bit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_refusal_is_no_end, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
