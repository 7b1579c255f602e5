/* Proves the promises of static_peers.h: what is an address, and that it is reported at once, later, and on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "discovery/static_peers.h"

struct scene {
	struct loop *loop;
	struct static_peers *peers;
	int found;
	struct sockaddr_storage last;
	socklen_t last_len;
};

static void found(void *arg, const struct sockaddr_storage *addr, socklen_t addr_len)
{
	struct scene *s = arg;

	s->found++;
	s->last = *addr;
	s->last_len = addr_len;
}

static int set_up(void **state)
{
	static struct scene s;

	memset(&s, 0, sizeof(s));
	s.loop = loop_new();
	s.peers = static_peers_new(s.loop, found, &s);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	static_peers_free(s->peers);
	loop_free(s->loop);
	return 0;
}

static void turns(struct scene *s)
{
	for (int i = 0; i < 5; i++)
		loop_turn(s->loop, false);
}

static void only_host_and_port_are_taken(void **state)
{
	static const char *const bad[] = {
		"",           "host",         ":1",           "host:",   "host:0",       "host:65536",
		"host:1x",    "host:-1",      "host: 1",      "ho st:1", "::1:80",       "[::1]80",
		"[::1]:",     "[nonsense]:1", "[10.0.0.1]:1", "[]:1",    "10.0.0.256:1", "1.2.3:1",
		"http://h:1", "host:1:2",     "host\n:1",     "[::1:80", "[%lo]:1",      "host:000001",
	};
	struct scene *s = *state;
	char long_name[400];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(static_peers_add(s->peers, bad[i]), -1);
	memset(long_name, 'n', sizeof(long_name));
	memcpy(long_name + 254, ":1", 3);
	assert_int_equal(static_peers_add(s->peers, long_name), -1);
	assert_int_equal(static_peers_add(s->peers, long_name + 1), 0);
	assert_int_equal(static_peers_add(s->peers, "host.example.org:65535"), 0);
}

static void an_ipv4_address_is_reported_at_once(void **state)
{
	struct scene *s = *state;
	const struct sockaddr_in *in = (const struct sockaddr_in *)&s->last;

	assert_int_equal(static_peers_add(s->peers, "192.0.2.7:4242"), 0);
	assert_int_equal(static_peers_add(s->peers, "192.0.2.7:4242"), 0);
	assert_int_equal(s->found, 0); /* not from inside the function */
	turns(s);
	assert_int_equal(s->found, 1);
	assert_int_equal(s->last_len, sizeof(*in));
	assert_int_equal(in->sin_addr.s_addr, inet_addr("192.0.2.7"));
	assert_int_equal(ntohs(in->sin_port), 4242);
	static_peers_refresh(s->peers);
	turns(s);
	assert_int_equal(s->found, 2);
}

static void an_ipv6_address_carries_its_scope(void **state)
{
	struct scene *s = *state;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&s->last;

	assert_int_equal(static_peers_add(s->peers, "[2001:db8::7]:1"), 0);
	turns(s);
	assert_int_equal(s->found, 1);
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(in6->sin6_scope_id, 0);
	assert_int_equal(static_peers_add(s->peers, "[fe80::7%1]:1"), 0);
	turns(s);
	assert_int_equal(s->found, 2);
	assert_int_equal(in6->sin6_scope_id, 1);
}

static void a_name_is_resolved_aside(void **state)
{
	struct scene *s = *state;

	assert_int_equal(static_peers_add(s->peers, "localhost:77"), 0);
	alarm(20); /* a host that does not know itself */
	while (s->found == 0)
		loop_turn(s->loop, true);
	alarm(0);
	assert_true(s->last.ss_family == AF_INET || s->last.ss_family == AF_INET6);
}

static void freeing_does_not_wait_for_names(void **state)
{
	struct scene *s = *state;

	for (int i = 0; i < 20; i++) {
		char text[64];

		(void)snprintf(text, sizeof(text), "localhost:%d", i + 1);
		assert_int_equal(static_peers_add(s->peers, text), 0);
	}
	loop_turn(s->loop, false); /* threads are on their way now */
}

static void there_is_an_end_to_them(void **state)
{
	struct scene *s = *state;
	char text[32];

	for (int i = 0; i < STATIC_PEERS_MAX; i++) {
		(void)snprintf(text, sizeof(text), "192.0.2.1:%d", i + 1);
		assert_int_equal(static_peers_add(s->peers, text), 0);
	}
	assert_int_equal(static_peers_add(s->peers, "192.0.2.2:1"), -1);
	turns(s);
	assert_int_equal(s->found, STATIC_PEERS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_host_and_port_are_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_ipv4_address_is_reported_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_ipv6_address_carries_its_scope, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_name_is_resolved_aside, set_up, tear_down),
		cmocka_unit_test_setup_teardown(freeing_does_not_wait_for_names, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_is_an_end_to_them, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
