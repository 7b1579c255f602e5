/* Proves the promises of packet_screen.h: what concerns lanyard passes, what has crashed libavahi-core does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

#include "discovery/packet_screen.h"

#define INSTANCE "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa-01ff"

struct packet {
	uint8_t p[PACKET_MAX + 16];
	size_t n;
};

static void put(struct packet *k, const void *p, size_t n)
{
	memcpy(k->p + k->n, p, n);
	k->n += n;
}

static void put_u16(struct packet *k, unsigned v)
{
	const uint8_t two[2] = { (uint8_t)(v >> 8), (uint8_t)v };

	put(k, two, 2);
}

static void begin(struct packet *k, unsigned questions, unsigned answers)
{
	memset(k, 0, sizeof(*k));
	put_u16(k, 0);
	put_u16(k, answers != 0 ? 0x8400 : 0);
	put_u16(k, questions);
	put_u16(k, answers);
	put_u16(k, 0);
	put_u16(k, 0);
}

static void put_name(struct packet *k, const char *name)
{
	while (*name != '\0') {
		size_t n = strcspn(name, ".");
		uint8_t len = (uint8_t)n;

		put(k, &len, 1);
		put(k, name, n);
		name += n + (name[n] == '.');
	}
	put(k, "", 1);
}

static void put_question(struct packet *k, const char *name)
{
	put_name(k, name);
	put_u16(k, ns_t_ptr);
	put_u16(k, ns_c_in);
}

/* A record of no data behind a name that was put already. */
static void put_empty_record(struct packet *k, unsigned type)
{
	put_u16(k, type);
	put_u16(k, ns_c_in);
	put_u16(k, 0);
	put_u16(k, 120);
	put_u16(k, 0);
}

static bool passes(const struct packet *k)
{
	return packet_screen(k->p, k->n, NULL);
}

static void what_concerns_us_passes(void **state)
{
	static const char *const ours[] = {
		"_lanyard._tcp.local",           "_aaaaaaaaaaaaaaaaaaaaaaaaaa._sub._LANYARD._tcp.local",
		"_services._dns-sd._udp.local",  INSTANCE ".local",
		INSTANCE "._lanyard._tcp.local",
	};
	struct packet k;

	(void)state;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		begin(&k, 1, 0);
		put_question(&k, ours[i]);
		assert_true(passes(&k));
		begin(&k, 0, 1);
		put_name(&k, ours[i]);
		put_empty_record(&k, ns_t_srv);
		assert_true(passes(&k));
	}
}

static void other_peoples_business_does_not(void **state)
{
	struct packet k;

	(void)state;
	begin(&k, 2, 1);
	put_question(&k, "_ipp._tcp.local");
	put_question(&k, "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsax01ff.local");
	put_name(&k, "printer.local");
	put_empty_record(&k, ns_t_a);
	assert_false(passes(&k));
	begin(&k, 0, 0);
	assert_false(passes(&k));
}

static void redirections_do_not_pass(void **state)
{
	static const unsigned types[] = { ns_t_cname, ns_t_dname };
	struct packet k;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		begin(&k, 1, 2);
		put_question(&k, "_lanyard._tcp.local");
		put_name(&k, "_lanyard._tcp.local");
		put_empty_record(&k, ns_t_ptr);
		put_name(&k, INSTANCE "._lanyard._tcp.local");
		put_empty_record(&k, types[i]);
		assert_false(passes(&k));
	}
}

static void pointers_lead_backwards_only(void **state)
{
	struct packet k;

	(void)state;
	begin(&k, 0, 2);
	put_name(&k, "_lanyard._tcp.local");
	put_empty_record(&k, ns_t_ptr);
	put_u16(&k, 0xc000 | NS_HFIXEDSZ);
	put_empty_record(&k, ns_t_ptr);
	assert_true(passes(&k));
	k.p[k.n - 11] = (uint8_t)(k.n - 12); /* to itself */
	assert_false(passes(&k));
	k.p[k.n - 11] = (uint8_t)(k.n - 2); /* forwards */
	assert_false(passes(&k));
	k.p[k.n - 12] = 0xff; /* far beyond the end */
	assert_false(passes(&k));
}

static void a_cut_packet_does_not_pass(void **state)
{
	struct packet k;

	(void)state;
	begin(&k, 1, 1);
	put_question(&k, "_lanyard._tcp.local");
	put_name(&k, "_lanyard._tcp.local");
	put_empty_record(&k, ns_t_ptr);
	assert_true(passes(&k));
	for (size_t n = 0; n < k.n; n++)
		assert_false(packet_screen(k.p, n, NULL));
	k.p[k.n - 1] = 1; /* a byte of data that is not there */
	assert_false(passes(&k));
}

static void sizes_are_bounded(void **state)
{
	struct packet k;

	(void)state;
	begin(&k, PACKET_MAX_RECORDS + 1, 0);
	for (int i = 0; i <= PACKET_MAX_RECORDS; i++) {
		put_name(&k, i == 0 ? "_lanyard" : "a");
		put_u16(&k, ns_t_ptr);
		put_u16(&k, ns_c_in);
	}
	assert_false(passes(&k));
	k.p[4] = PACKET_MAX_RECORDS >> 8;
	k.p[5] = PACKET_MAX_RECORDS & 0xff;
	assert_true(passes(&k));
	k.n = PACKET_MAX + 1;
	assert_false(passes(&k));
}

static void the_census_counts_each_record_once(void **state)
{
	struct packet_census census = { 0 };
	struct packet k;

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 2000; i++) {
			char name[64];

			(void)snprintf(name, sizeof(name), "%s%u._lanyard._tcp.local", round == 0 ? "n" : "N", i);
			begin(&k, 0, 1);
			put_name(&k, name);
			put_empty_record(&k, ns_t_ptr);
			assert_true(packet_screen(k.p, k.n, &census));
		}
		assert_in_range(census.records, 1900, 2000);
	}
	memset(&census, 0, sizeof(census));
	k.p[2] = 0; /* what a query knows already goes into no cache */
	assert_true(packet_screen(k.p, k.n, &census));
	assert_int_equal(census.records, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_concerns_us_passes),
		cmocka_unit_test(other_peoples_business_does_not),
		cmocka_unit_test(redirections_do_not_pass),
		cmocka_unit_test(pointers_lead_backwards_only),
		cmocka_unit_test(a_cut_packet_does_not_pass),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(the_census_counts_each_record_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
