/* Screens each mDNS packet before the embedded libavahi-core reads it. That library runs inside the agent, and
 * packets that anybody on the link can send have crashed it before (CNAME records: CVE-2025-68468, CVE-2025-68471,
 * CVE-2026-24401). So only packets pass that are well-formed, have no record types that lanyard does not need, and
 * concern lanyard at all. That also spares us the work of answering for a busy network of printers. Pure. */
#ifndef LANYARD_DISCOVERY_PACKET_SCREEN_H
#define LANYARD_DISCOVERY_PACKET_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PACKET_MAX = 9000, PACKET_MAX_RECORDS = 512, PACKET_CENSUS_BITS = 1 << 16 };

/* How many different records were in the responses that passed: the most that a cache may hold. Starts zeroed.
 * Counts a little low, by less than a twentieth up to 6,000. */
struct packet_census {
	uint32_t records;
	uint8_t seen[PACKET_CENSUS_BITS / 8]; /* one bit per hash of a record */
};

/* Whether this DNS message may pass. census may be NULL. */
bool packet_screen(const uint8_t *p, size_t n, struct packet_census *census);

#endif
