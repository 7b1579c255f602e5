/* What counts as one client at the page's remote address, as far as limits go: its IPv4 address, or the first half of
 * its IPv6 address, since a host has the whole of the other half to choose from. Pure. */
#ifndef LANYARD_AGENT_WEB_HOST_H
#define LANYARD_AGENT_WEB_HOST_H

#include <stdbool.h>
#include <stdint.h>

struct sockaddr;

struct web_host {
	uint8_t b[16];
};

enum { WEB_HOST_TEXT = 64 };

/* addr: of IPv4 or IPv6; everything else, and NULL, is one host. */
void web_host_of(struct web_host *host, const struct sockaddr *addr);
bool web_host_same(const struct web_host *a, const struct web_host *b);
/* The whole address in digits, for messages. */
void web_host_text(char text[WEB_HOST_TEXT], const struct sockaddr *addr);

#endif
