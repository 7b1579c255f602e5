/* Builds the records: see dns_records.h. Names here consist of digits, letters, '-' and '_', so none needs
 * escaping. */
#include "discovery/dns_records.h"

#include <arpa/nameser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	TTL_HOST = 120,    /* RFC 6762, 10: of records with a host's name or address */
	TTL_SERVICE = 300, /* shorter than the RFC's 75 minutes, so that caches soon forget an agent that was killed */
	TTL_TYPE = 4500,
	OWN_RECORDS = 4, /* SRV, TXT, the type's PTR, the PTR that lists the type */
	MAX_TXT = 900,   /* one packet holds all of it */
};

void dns_records_instance(char *out, const char *agent_id, uint16_t number)
{
	(void)snprintf(out, MDNS_MAX_INSTANCE + 1, "%.*s-%04x", TXT_ID_LEN, agent_id, number);
}

static void put_bytes(struct dns_record *r, const void *p, size_t n)
{
	memcpy(r->rdata + r->len, p, n);
	r->len = (uint16_t)(r->len + n);
}

/* A domain name in wire form: each label after its length, and the empty root. */
static void put_name(struct dns_record *r, const char *name)
{
	for (;;) {
		size_t n = strcspn(name, ".");
		uint8_t len = (uint8_t)n;

		put_bytes(r, &len, 1);
		put_bytes(r, name, n);
		if (name[n] == '\0')
			break;
		name += n + 1;
	}
	put_bytes(r, "", 1);
}

static void put_string(struct dns_record *r, const char *key, const char *value)
{
	uint8_t len = (uint8_t)(strlen(key) + strlen(value));

	put_bytes(r, &len, 1);
	put_bytes(r, key, strlen(key));
	put_bytes(r, value, strlen(value));
}

static void put_txt(struct dns_record *r, const struct mdns_want *want)
{
	size_t names = 0;

	put_string(r, "v=", "1");
	put_string(r, "id=", want->agent_id);
	for (size_t i = 0; i < want->ngroups && names < TXT_MAX_GROUPS; i++) {
		const struct txt_group *g = &want->groups[i];
		char text[TXT_TAG_LEN + 2 * TXT_MAX_NAME + 16];

		(void)snprintf(text, sizeof(text), "%s %d %s/%s", g->tag, g->members, g->name, g->owner);
		if (g->name[0] == '\0' || r->len + 3 + strlen(text) > MAX_TXT)
			continue;
		put_string(r, "g=", text);
		names++;
	}
}

/* Appends an empty record to the list. */
static struct dns_record *add_record(struct dns_record *list, size_t *n, uint16_t type, uint32_t ttl)
{
	struct dns_record *r = &list[(*n)++];

	r->iface = -1;
	r->family = AF_UNSPEC;
	r->type = type;
	r->ttl = ttl;
	return r;
}

static void add_addresses(struct dns_record *list, size_t *n, const char *host, const struct host_addr *addrs,
                          size_t naddrs)
{
	for (size_t i = 0; i < naddrs; i++) {
		bool v4 = addrs[i].family == AF_INET;
		struct dns_record *r = add_record(list, n, v4 ? ns_t_a : ns_t_aaaa, TTL_HOST);

		(void)snprintf(r->name, sizeof(r->name), "%s", host);
		r->iface = addrs[i].iface;
		r->family = addrs[i].family;
		r->unique = true;
		put_bytes(r, addrs[i].ip, v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr));
	}
}

static void add_service(struct dns_record *list, size_t *n, int iface, const struct mdns_want *want, const char *host,
                        const char *service)
{
	size_t first = *n;
	uint8_t numbers[6] = {
		0, 0, 0, 0, (uint8_t)(want->port >> 8), (uint8_t)want->port
	}; /* priority, weight, port */
	struct dns_record *r = add_record(list, n, ns_t_srv, TTL_HOST);

	(void)snprintf(r->name, sizeof(r->name), "%s", service);
	r->unique = true;
	put_bytes(r, numbers, sizeof(numbers));
	put_name(r, host);

	r = add_record(list, n, ns_t_txt, TTL_SERVICE);
	(void)snprintf(r->name, sizeof(r->name), "%s", service);
	r->unique = true;
	put_txt(r, want);

	r = add_record(list, n, ns_t_ptr, TTL_SERVICE);
	(void)snprintf(r->name, sizeof(r->name), MDNS_TYPE "." MDNS_DOMAIN);
	put_name(r, service);

	r = add_record(list, n, ns_t_ptr, TTL_TYPE);
	(void)snprintf(r->name, sizeof(r->name), "_services._dns-sd._udp." MDNS_DOMAIN);
	put_name(r, MDNS_TYPE "." MDNS_DOMAIN);

	for (size_t i = 0; i < want->ngroups; i++) {
		r = add_record(list, n, ns_t_ptr, TTL_SERVICE);
		(void)snprintf(r->name, sizeof(r->name), "_%s._sub." MDNS_TYPE "." MDNS_DOMAIN, want->groups[i].tag);
		put_name(r, service);
	}
	for (size_t i = first; i < *n; i++)
		list[i].iface = iface;
}

/* Whether this is the first address of its interface. */
static bool is_first_of_its_interface(const struct host_addr *addrs, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (addrs[k].iface == addrs[i].iface)
			return false;
	}
	return true;
}

/* Addresses once, whatever the interfaces; the service's records once for all interfaces, or once per interface
 * that is wanted. */
struct dns_record *dns_records_build(const struct mdns_want *want, const char *instance, const struct host_addr *addrs,
                                     size_t naddrs, size_t *n)
{
	char host[128];
	char service[128];
	struct dns_record *list;

	*n = 0;
	if (want->ngroups == 0 || naddrs == 0)
		return NULL;
	(void)snprintf(host, sizeof(host), "%s." MDNS_DOMAIN, instance);
	(void)snprintf(service, sizeof(service), "%s." MDNS_TYPE "." MDNS_DOMAIN, instance);
	list = mem_calloc(naddrs + naddrs * (OWN_RECORDS + want->ngroups), sizeof(*list));
	add_addresses(list, n, host, addrs, naddrs);
	if (want->ninterfaces == 0)
		add_service(list, n, -1, want, host, service);
	for (size_t i = 0; i < naddrs && want->ninterfaces > 0; i++) {
		if (is_first_of_its_interface(addrs, i))
			add_service(list, n, addrs[i].iface, want, host, service);
	}
	return list;
}
