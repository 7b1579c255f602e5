/* A door on libmicrohttpd in its external epoll mode: see control.h. Its epoll descriptor is watched by our
 * loop like any other, its timeout is one of our timers, so everything here runs on the loop's thread.
 *
 * Clients that have asked for nothing yet hold few of the slots: one more, and the oldest of them has to go. */
#include "agent/api/control_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <utlist.h>

#include "agent/api/control_url.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	REQUEST_TIMEOUT = 60, /* s */
	MAX_CONNECTIONS = CONTROL_MAX_IDLE + 2 * CONTROL_MAX_BUSY,
};

/* --- driving libmicrohttpd --- */

static void control_run(void *arg)
{
	struct control *c = arg;
	MHD_UNSIGNED_LONG_LONG ms;

	c->resumed = false;
	MHD_run(c->daemon);
	if (c->resumed)
		loop_timer_start(c->timer, 0, 0);
	else if (MHD_get_timeout(c->daemon, &ms) == MHD_YES)
		loop_timer_start(c->timer, (int64_t)ms, 0);
	else
		loop_timer_stop(c->timer);
}

static void epoll_ready(void *arg, int events)
{
	(void)events;
	control_run(arg);
}

/* --- a request comes --- */

/* The body is complete: checks the body's bounds and that it is a JSON object, and hands it to the
 * handler. */
static void hand_over(struct control_inside *in)
{
	json_error_t error = { 0 };

	if (control_count(in) < 0)
		return;
	if (in->discarded > 0) {
		control_fail(&in->call, MHD_HTTP_CONTENT_TOO_LARGE, "the body is larger than %zu bytes", in->body.max);
		return;
	}
	if (in->body.len == 0)
		in->call.body = json_object();
	else
		in->call.body = json_loadb((const char *)in->body.p, in->body.len, JSON_REJECT_DUPLICATES, &error);
	if (in->call.body == NULL)
		control_fail(&in->call, MHD_HTTP_BAD_REQUEST, "the body is not JSON: line %d: %s", error.line,
		             error.text);
	else if (!json_is_object(in->call.body))
		control_fail(&in->call, MHD_HTTP_BAD_REQUEST, "the body is not a JSON object");
	else
		in->control->handler(in->control->arg, &in->call);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *data_size, void **slot)
{
	struct control_inside *in = *slot;
	struct control *c = arg;

	(void)version;
	if (in == NULL) {
		in = control_call_new(c, connection, url, method);
		*slot = in;
		return c->is_upload != NULL && c->is_upload(method, url) ? control_upload_begins(in) : MHD_YES;
	}
	if (in->is_upload)
		return control_upload_goes_on(in, data, data_size);
	if (*data_size > 0) {
		if (in->discarded > 0 || bytes_append(&in->body, data, *data_size) < 0)
			in->discarded += *data_size;
		*data_size = 0;
		return in->discarded > CONTROL_MAX_DISCARD ? MHD_NO : MHD_YES;
	}
	/* A call that is resumed without an answer has lost its client, or the agent stops. */
	if (in->handed && !in->answered)
		return MHD_NO;
	if (!in->handed)
		hand_over(in);
	return in->broken ? MHD_NO : MHD_YES;
}

/* --- start and stop --- */

static void __attribute__((format(printf, 2, 0))) on_log(void *arg, const char *fmt, va_list ap)
{
	char text[512];

	(void)arg;
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\n")] = '\0';
	log_debug("control: %s", text);
}

static size_t unescape_url(void *arg, struct MHD_Connection *connection, char *text)
{
	(void)arg;
	(void)connection;
	return control_url_decode(text);
}

static struct MHD_Daemon *start_daemon(struct control *c)
{
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	const struct MHD_OptionItem where[] = {
		{ c->listen.fd >= 0 ? MHD_OPTION_LISTEN_SOCKET : MHD_OPTION_END, c->listen.fd, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (c->listen.fd < 0)
		flags |= MHD_USE_NO_LISTEN_SOCKET;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, c, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
	                        MHD_OPTION_ARRAY, where, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)MAX_CONNECTIONS,
	                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)REQUEST_TIMEOUT,
	                        MHD_OPTION_UNESCAPE_CALLBACK, unescape_url, NULL, MHD_OPTION_NOTIFY_COMPLETED,
	                        control_completed, c, MHD_OPTION_NOTIFY_CONNECTION, control_clients_notify, &c->clients,
	                        MHD_OPTION_END);
}

/* libmicrohttpd takes over the listening descriptor once the daemon runs. */
struct control *control_new(struct loop *loop, const struct control_door *door, control_handler *handler, void *arg,
                            char **why)
{
	struct control *c = MEM_NEW(struct control);
	const union MHD_DaemonInfo *info;

	c->loop = loop;
	c->listen = *door->listen;
	*door->listen = (struct control_listen)CONTROL_LISTEN_NONE;
	c->body_max = door->body_max != 0 ? door->body_max : (size_t)CONTROL_BODY;
	c->headers = door->headers;
	c->is_upload = door->is_upload;
	c->closes = door->closes;
	c->handler = handler;
	c->arg = arg;
	c->daemon = start_daemon(c);
	if (c->daemon == NULL)
		goto end_listen;
	c->listen.fd = -1;
	info = MHD_get_daemon_info(c->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (info != NULL)
		c->epoll = loop_io_new(loop, info->epoll_fd, epoll_ready, c);
	if (c->epoll == NULL)
		goto stop_daemon;
	c->timer = loop_timer_new(loop, control_run, c);
	loop_io_want(c->epoll, LOOP_READ);
	return c;

stop_daemon:
	MHD_stop_daemon(c->daemon);
end_listen:
	*why = mem_printf("%s: the HTTP server does not start: %s", c->listen.where, strerror(errno));
	control_listen_end(&c->listen);
	free(c);
	return NULL;
}

/* libmicrohttpd closes what it does not take, and looks at what it takes when it is run. */
void control_adopt(struct control *c, int fd, const struct sockaddr *addr)
{
	socklen_t len = addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

	(void)MHD_add_connection(c->daemon, fd, addr, len);
	if (!c->stopping)
		loop_timer_start(c->timer, 0, 0);
}

void control_cut(struct control *c)
{
	struct control_inside *in;

	DL_FOREACH(c->calls, in)
		control_break_off(in);
}

void control_cut_owner(struct control *c, uint64_t owner)
{
	struct control_inside *in;

	DL_FOREACH(c->calls, in) {
		if (in->owner == owner)
			control_break_off(in);
	}
}

void control_free(struct control *c)
{
	if (c == NULL)
		return;
	loop_io_free(c->epoll);
	loop_timer_free(c->timer);
	c->stopping = true;
	control_cut(c);
	control_listen_end(&c->listen);
	MHD_stop_daemon(c->daemon); /* closes the listening socket too, and completes every call */
	free(c);
}
