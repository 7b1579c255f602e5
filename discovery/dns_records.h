/* The DNS records that we announce over mDNS: one service instance with its host name and addresses, and a subtype
 * per group. Both stacks publish exactly these. Pure.
 *
 * The instance name is the agent ID and a number drawn for each announcement, and so is the host name. So we need
 * not probe before we speak (RFC 6762, 8.1: the names are known to be ours); an agent that returns is news to
 * everybody, however long its previous announcement lives in caches; and two stacks of one agent never dispute a
 * name. */
#ifndef LANYARD_DISCOVERY_DNS_RECORDS_H
#define LANYARD_DISCOVERY_DNS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/host_addrs.h"
#include "discovery/mdns.h"

enum { DNS_RECORDS_MAX_RDATA = 1024 };

struct dns_record {
	char name[256]; /* dotted, without the last dot */
	int iface;      /* index; -1 for all */
	int family;     /* AF_INET or AF_INET6: over which it is sent; AF_UNSPEC: both */
	uint16_t type;  /* of RFC 1035 and 3596 */
	uint32_t ttl;   /* seconds */
	bool unique;    /* the name is ours alone */
	uint16_t len;   /* of rdata */
	uint8_t rdata[DNS_RECORDS_MAX_RDATA];
};

/* Writes "<agent ID>-<number>": out has room for MDNS_MAX_INSTANCE + 1. */
void dns_records_instance(char *out, const char *agent_id, uint16_t number);
/* The records, the service's own before the subtypes. They are sent on all interfaces or, when only some are
 * wanted, on each of those that have an address here (at most MDNS_MAX_INTERFACES). The caller frees them with
 * free(). NULL and *n = 0 when there is nothing to announce: no groups, or no address to reach us by. Groups that
 * do not fit into the TXT record are left out of it. */
struct dns_record *dns_records_build(const struct mdns_want *want, const char *instance, const struct host_addr *addrs,
                                     size_t naddrs, size_t *n);

#endif
