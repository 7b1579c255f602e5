/* The control socket's connections that have not sent a whole request: half-open ones, and those between two
 * requests. They have a bound of their own, so that they cannot take the slots of calls in progress; at the bound,
 * the oldest is closed. The loop's thread. */
#ifndef LANYARD_AGENT_CONTROL_CLIENTS_H
#define LANYARD_AGENT_CONTROL_CLIENTS_H

#include <microhttpd.h>

enum { CONTROL_MAX_IDLE = 32 };

/* Zeroed memory has none. */
struct control_clients {
	struct control_client *idle; /* the oldest first */
	int n;
};

/* For MHD_OPTION_NOTIFY_CONNECTION, with the struct as its argument. */
void control_clients_notify(void *clients, struct MHD_Connection *connection, void **slot,
                            enum MHD_ConnectionNotificationCode code);
/* The connection has sent a whole request; the request has been answered. */
void control_clients_busy(struct control_clients *clients, struct MHD_Connection *connection);
void control_clients_idle(struct control_clients *clients, struct MHD_Connection *connection);

#endif
