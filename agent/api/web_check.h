/* What a door for browsers asks of the head of a request before it looks at it: that it was sent to us under a name of
 * ours (a page elsewhere may have its own name lead to our address), and that no other page sent it. Pure. */
#ifndef LANYARD_AGENT_WEB_CHECK_H
#define LANYARD_AGENT_WEB_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/settings.h"

/* Where the door is. */
struct web_place {
	uint16_t port; /* 0: a socket; a server before it then decides on the port */
	bool tls;
	const struct settings_list *names; /* that the admin set; NULL: none */
	const struct settings_list *own;   /* of the host, where its door is open to others; NULL: none */
};

/* Of a Host header (NULL: there is none): localhost or an address in digits, which no name server can lead elsewhere,
 * with the door's port, the same for a name of the host; or a name that the admin set. */
bool web_host_ok(const struct web_place *place, const char *host);
/* Of an Origin header (NULL: there is none) beside a Host header that is right: a page of this door. is_change: the
 * request changes something, and a browser always says who sent it. */
bool web_origin_ok(const struct web_place *place, const char *host, const char *origin, bool is_change);
/* Of a Sec-Fetch-Site header (NULL: the browser does not send it). */
bool web_site_ok(const char *site);

#endif
