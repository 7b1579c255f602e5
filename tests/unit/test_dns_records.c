/* Proves the promises of records.h: the records are complete, well-formed and small enough, and another stack's parser
 * reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <arpa/nameser.h>
#include <avahi-common/defs.h>
#include <avahi-core/rr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "discovery/dns_records.h"

#define ID       "abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrsa"
#define INSTANCE ID "-01ff"

static const struct host_addr addrs[] = {
	{ .iface = 2, .family = AF_INET, .ip = { 10, 9, 0, 1 } },
	{ .iface = 2, .family = AF_INET6, .ip = { 0xfe, 0x80, [15] = 1 } },
};

static struct mdns_want *new_want(size_t ngroups)
{
	struct mdns_want *want = MEM_NEW(struct mdns_want);

	memcpy(want->agent_id, ID, sizeof(want->agent_id));
	want->port = 4242;
	want->ngroups = ngroups;
	for (size_t i = 0; i < ngroups; i++)
		memset(want->groups[i].tag, 'a' + (int)(i % 26), MDNS_TAG_LEN);
	return want;
}

static const struct dns_record *find(const struct dns_record *list, size_t n, uint16_t type, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].type == type && strcmp(list[i].name, name) == 0)
			return &list[i];
	}
	return NULL;
}

/* As libavahi-core reads it, which refuses what is malformed. */
static AvahiRecord *parse(const struct dns_record *r)
{
	AvahiRecord *parsed = avahi_record_new_full(r->name, AVAHI_DNS_CLASS_IN, r->type, r->ttl);

	assert_non_null(parsed);
	assert_int_equal(avahi_rdata_parse(parsed, r->rdata, r->len), 0);
	assert_true(avahi_record_is_valid(parsed));
	return parsed;
}

static void an_instance_is_the_id_and_a_number(void **state)
{
	char name[MDNS_MAX_INSTANCE + 1];

	(void)state;
	dns_records_instance(name, ID, 0x1ff);
	assert_string_equal(name, INSTANCE);
}

static void all_records_are_there_and_sound(void **state)
{
	struct mdns_want *want = new_want(2);
	size_t n;
	struct dns_record *list = dns_records_build(want, INSTANCE, addrs, 2, &n);
	const struct dns_record *a = find(list, n, ns_t_a, INSTANCE ".local");
	const struct dns_record *aaaa = find(list, n, ns_t_aaaa, INSTANCE ".local");
	const struct dns_record *srv = find(list, n, ns_t_srv, INSTANCE "._lanyard._tcp.local");
	const struct dns_record *ptr = find(list, n, ns_t_ptr, "_bbbbbbbbbbbbbbbbbbbbbbbbbb._sub._lanyard._tcp.local");
	AvahiRecord *parsed;

	(void)state;
	assert_int_equal(n, 2 + 4 + 2);
	for (size_t i = 0; i < n; i++)
		avahi_record_unref(parse(&list[i]));
	assert_true(a != NULL && a->unique && a->iface == 2 && a->family == AF_INET);
	assert_true(aaaa != NULL && aaaa->unique && aaaa->family == AF_INET6 && aaaa->len == 16);
	assert_true(srv != NULL && srv->unique && srv->iface == -1 && srv->family == AF_UNSPEC);
	parsed = parse(srv);
	assert_int_equal(parsed->data.srv.port, 4242);
	assert_string_equal(parsed->data.srv.name, INSTANCE ".local");
	avahi_record_unref(parsed);
	assert_true(ptr != NULL && !ptr->unique);
	parsed = parse(ptr);
	assert_string_equal(parsed->data.ptr.name, INSTANCE "._lanyard._tcp.local");
	avahi_record_unref(parsed);
	assert_non_null(find(list, n, ns_t_ptr, "_lanyard._tcp.local"));
	free(list);
	free(want);
}

static void the_text_is_read_back(void **state)
{
	struct mdns_want *want = new_want(3);
	struct txt txt = { 0 };
	struct dns_record *list;
	const struct dns_record *r;
	AvahiRecord *parsed;
	size_t n;

	(void)state;
	memcpy(want->groups[0].name, "photos", 7);
	memcpy(want->groups[0].owner, "alpha/beta", 11);
	want->groups[0].members = 1024;
	memcpy(want->groups[2].name, "a b=c", 6); /* the second group is hidden */
	list = dns_records_build(want, INSTANCE, addrs, 1, &n);
	r = find(list, n, ns_t_txt, INSTANCE "._lanyard._tcp.local");
	assert_non_null(r);
	parsed = parse(r);
	for (AvahiStringList *s = parsed->data.txt.string_list; s != NULL; s = s->next)
		txt_read(&txt, s->text, s->size);
	assert_true(txt_usable(&txt));
	assert_string_equal(txt.id, ID);
	assert_int_equal(txt.ngroups, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct txt_group *g = &want->groups[2 * i], *read = &txt.groups[0];

		if (strcmp(read->name, g->name) != 0)
			read = &txt.groups[1];
		assert_memory_equal(read, g, sizeof(*g));
	}
	avahi_record_unref(parsed);
	free(list);
	free(want);
}

static void long_names_are_left_out_and_nothing_overflows(void **state)
{
	struct mdns_want *want = new_want(MDNS_MAX_GROUPS);
	struct host_addr many[HOST_ADDRS_MAX];
	struct dns_record *list;
	const struct dns_record *r;
	size_t n;

	(void)state;
	for (size_t i = 0; i < MDNS_MAX_GROUPS; i++)
		memset(want->groups[i].name, 'n', i < 60 ? 64 : 4);
	for (size_t i = 0; i < HOST_ADDRS_MAX; i++)
		many[i] = addrs[i % 2];
	list = dns_records_build(want, INSTANCE, many, HOST_ADDRS_MAX, &n);
	assert_int_equal(n, HOST_ADDRS_MAX + 4 + MDNS_MAX_GROUPS);
	r = find(list, n, ns_t_txt, INSTANCE "._lanyard._tcp.local");
	assert_non_null(r);
	assert_in_range(r->len, 700, 900);
	avahi_record_unref(parse(r));
	free(list);
	free(want);
}

static void with_some_interfaces_wanted_each_of_them_gets_the_service(void **state)
{
	struct mdns_want *want = new_want(2);
	struct host_addr three[3] = { addrs[0], addrs[1], addrs[0] };
	struct dns_record *list;
	size_t n, of[8] = { 0 };

	(void)state;
	three[0].iface = three[1].iface = 2;
	three[2].iface = 5;
	want->ninterfaces = 2;
	list = dns_records_build(want, INSTANCE, three, 3, &n);
	assert_int_equal(n, 3 + 2 * (4 + 2));
	for (size_t i = 0; i < n; i++) {
		assert_in_range(list[i].iface, 2, 5);
		of[list[i].iface]++;
	}
	assert_int_equal(of[2], 2 + 6);
	assert_int_equal(of[5], 1 + 6);
	free(list);
	free(want);
}

static void without_groups_or_addresses_there_is_nothing_to_say(void **state)
{
	struct mdns_want *want = new_want(0);
	size_t n = 7;

	(void)state;
	assert_null(dns_records_build(want, INSTANCE, addrs, 2, &n));
	assert_int_equal(n, 0);
	want->ngroups = 1;
	assert_null(dns_records_build(want, INSTANCE, addrs, 0, &n));
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_instance_is_the_id_and_a_number),
		cmocka_unit_test(all_records_are_there_and_sound),
		cmocka_unit_test(the_text_is_read_back),
		cmocka_unit_test(long_names_are_left_out_and_nothing_overflows),
		cmocka_unit_test(with_some_interfaces_wanted_each_of_them_gets_the_service),
		cmocka_unit_test(without_groups_or_addresses_there_is_nothing_to_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
