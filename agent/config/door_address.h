/* Where a door of the agent is, as a setting says it: ADDR:PORT with an address in digits (IPv6 in brackets), or the
 * absolute path of a socket. Names are not looked up. Pure. */
#ifndef LANYARD_AGENT_DOOR_ADDRESS_H
#define LANYARD_AGENT_DOOR_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

enum door_kind { DOOR_PATH, DOOR_IPV4, DOOR_IPV6 };

struct door_address {
	enum door_kind kind;
	uint16_t port;        /* 0: any free one; 0 for a path */
	unsigned char ip[16]; /* 4 or 16 bytes, in network order */
	bool is_local;        /* only this machine reaches it */
	bool is_any;          /* all addresses of this machine */
};

/* -1: it is neither of the two. */
int door_address_parse(const char *text, struct door_address *a);

#endif
