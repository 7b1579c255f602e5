/* See control_clients.h. */
#include "agent/api/control_clients.h"

#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

#include "base/mem.h"

struct control_client {
	struct control_client *prev, *next; /* in control_clients.idle */
	int fd;
	bool is_idle;
};

static void idle_end(struct control_clients *c, struct control_client *client)
{
	if (!client->is_idle)
		return;
	client->is_idle = false;
	DL_DELETE(c->idle, client);
	c->n--;
}

static void idle_begin(struct control_clients *c, struct control_client *client)
{
	struct control_client *oldest = c->idle;

	if (c->n >= CONTROL_MAX_IDLE) {
		idle_end(c, oldest);
		(void)shutdown(oldest->fd, SHUT_RDWR); /* libmicrohttpd sees the end of it, and closes */
	}
	client->is_idle = true;
	DL_APPEND(c->idle, client);
	c->n++;
}

void control_clients_notify(void *clients, struct MHD_Connection *connection, void **slot,
                            enum MHD_ConnectionNotificationCode code)
{
	struct control_client *client = *slot;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		client = MEM_NEW(struct control_client);
		client->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
		*slot = client;
		idle_begin(clients, client);
	} else if (client != NULL) {
		idle_end(clients, client);
		free(client);
		*slot = NULL;
	}
}

static struct control_client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void control_clients_busy(struct control_clients *c, struct MHD_Connection *connection)
{
	idle_end(c, client_of(connection));
}

void control_clients_idle(struct control_clients *c, struct MHD_Connection *connection)
{
	idle_begin(c, client_of(connection));
}
