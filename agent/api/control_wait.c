/* A call that waits is suspended. libmicrohttpd does not look at a suspended connection, so we watch its descriptor
 * ourselves: a client that hangs up meanwhile is seen at once, and its slot is free again. */
#include "agent/api/control_internal.h"

#include <errno.h>
#include <sys/socket.h>

void control_resume(struct control_inside *in)
{
	if (!in->suspended)
		return;
	in->suspended = false;
	if (in->watch != NULL)
		loop_io_want(in->watch, 0);
	MHD_resume_connection(in->connection);
	/* With external polling, libmicrohttpd does not run a resumed call by itself. */
	in->control->resumed = true;
	if (!in->control->stopping)
		loop_timer_start(in->control->timer, 0, 0);
}

static void client_spoke(void *arg, int events)
{
	struct control_inside *in = arg;
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(in->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	char byte;
	ssize_t n = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0) {
		/* The client has sent its next request already. It waits for this answer; watching the descriptor
		 * would spin. */
		loop_io_want(in->watch, 0);
	} else if (n == 0 || (events & LOOP_ERROR) != 0 || (errno != EAGAIN && errno != EINTR)) {
		in->broken = true;
		control_resume(in);
	}
}

void control_suspend(struct control_inside *in)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(in->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	if (in->suspended)
		return;
	in->suspended = true;
	MHD_suspend_connection(in->connection);
	if (in->watch == NULL)
		in->watch = loop_io_new(in->control->loop, info->connect_fd, client_spoke, in);
	if (in->watch != NULL)
		loop_io_want(in->watch, LOOP_READ);
}

void control_wake(struct control_call *call)
{
	call->inside->woken = true;
	control_resume(call->inside);
}

/* One that waits for its client has to be told by the connection. */
void control_break_off(struct control_inside *in)
{
	in->broken = true;
	if (in->is_upload)
		(void)shutdown(MHD_get_connection_info(in->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
		               SHUT_RDWR);
	control_resume(in);
}

void control_break(struct control_call *call)
{
	control_break_off(call->inside);
}
