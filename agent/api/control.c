/* A door on libmicrohttpd in its external epoll mode: see control.h. Its epoll descriptor is watched by our
 * loop like any other, its timeout is one of our timers, so everything here runs on the loop's thread.
 *
 * A call that waits is suspended. libmicrohttpd does not look at a suspended connection, so we watch its descriptor
 * ourselves: a client that hangs up meanwhile is seen at once, and its slot is free again.
 *
 * Clients that have asked for nothing yet hold few of the slots: one more, and the oldest of them has to go. */
#include "agent/api/control.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <utlist.h>

#include "agent/api/control_clients.h"
#include "agent/api/control_url.h"
#include "agent/escape.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	MAX_BUSY = 64,         /* calls in progress: most of them wait, or follow events */
	MAX_DISCARD = 1 << 20, /* bytes of an oversized body that are read, to answer it; then it is cut */
	REQUEST_TIMEOUT = 60,  /* s */
	MAX_CONNECTIONS = CONTROL_MAX_IDLE + 2 * MAX_BUSY,
};

struct control {
	struct loop *loop;
	struct control_listen listen; /* without its descriptor, which is libmicrohttpd's */
	size_t body_max;
	const struct control_header *headers; /* of every answer; NULL: none */
	control_handler *handler;
	void *arg;
	struct MHD_Daemon *daemon;
	struct loop_io *epoll;        /* libmicrohttpd's epoll descriptor */
	struct loop_timer *timer;     /* its timeout */
	struct control_inside *calls; /* all that have not ended */
	struct control_clients clients;
	int nbusy;     /* calls handed to the handler */
	bool stopping; /* the timer is gone */
	bool resumed;  /* a call, since MHD_run() began */
};

/* The half of a call that handlers do not see. */
struct control_inside {
	struct control_call call;
	struct control *control;
	struct MHD_Connection *connection;
	struct bytes body;
	size_t discarded; /* bytes of the body beyond its maximum */
	bool handed;      /* to the handler */
	bool answered;    /* a response is queued */
	bool suspended;
	bool broken;                         /* the client hung up while suspended */
	struct loop_io *watch;               /* for its hanging up; NULL until first suspended */
	void (*gone)(void *state);           /* deferred */
	const struct control_stream *stream; /* NULL: not in pieces */
	void *state;                         /* gone's or stream's */
	bool woken;                          /* since more() last said WAIT */
	struct bytes out;                    /* what more() gave */
	size_t sent;                         /* of out */
	struct control_inside *prev;
	struct control_inside *next;
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

/* --- suspended calls --- */

static void resume(struct control_inside *in)
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
		resume(in);
	}
}

static void suspend(struct control_inside *in)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(in->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

	in->suspended = true;
	MHD_suspend_connection(in->connection);
	if (in->watch == NULL)
		in->watch = loop_io_new(in->control->loop, info->connect_fd, client_spoke, in);
	if (in->watch != NULL)
		loop_io_want(in->watch, LOOP_READ);
}

/* --- answering --- */

static bool has_header(const struct control_header *list, const char *name)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (strcasecmp(list->name, name) == 0)
			return true;
	}
	return false;
}

/* Those of `list` that are not in `except`. -1: no memory. */
static int add_headers(struct MHD_Response *response, const struct control_header *list,
                       const struct control_header *except)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (!has_header(except, list->name) &&
		    MHD_add_response_header(response, list->name, list->value) != MHD_YES)
			return -1;
	}
	return 0;
}

static void queue(struct control_inside *in, unsigned int status, const char *type, struct MHD_Response *response,
                  const struct control_header *more)
{
	if (response == NULL || MHD_add_response_header(response, "Content-Type", type) != MHD_YES ||
	    add_headers(response, more, NULL) < 0 || add_headers(response, in->control->headers, more) < 0 ||
	    MHD_queue_response(in->connection, status, response) != MHD_YES)
		in->broken = true;
	if (response != NULL)
		MHD_destroy_response(response);
	in->answered = true;
	in->gone = NULL;
	resume(in);
}

void control_send(struct control_call *call, unsigned int status, const char *type, const void *p, size_t n,
                  const struct control_header *more)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(n, mem_dup(p, n), free);

	queue(call->inside, status, type, response, more);
}

void control_reply(struct control_call *call, unsigned int status, json_t *document)
{
	struct control_inside *in = call->inside;
	struct bytes out = BYTES_INIT(64 << 20);
	struct MHD_Response *response = NULL;

	if (control_append(&out, document, "\n") == 0)
		response = MHD_create_response_from_buffer(out.len, out.p, MHD_RESPMEM_MUST_COPY);
	bytes_free(&out);
	json_decref(document);
	queue(in, status, "application/json", response, NULL);
}

void control_fail(struct control_call *call, unsigned int status, const char *fmt, ...)
{
	va_list ap;
	char *raw = NULL;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&raw, fmt, ap) < 0)
		abort(); /* no memory */
	va_end(ap);
	text = escape_message(raw);
	control_reply(call, status, json_pack("{s:s}", "error", text));
	free(text);
	free(raw);
}

void control_defer(struct control_call *call, void (*gone)(void *state), void *state)
{
	struct control_inside *in = call->inside;

	in->gone = gone;
	in->state = state;
	suspend(in);
}

/* Called by libmicrohttpd for the next bytes. A stream that has none suspends the call until control_wake(); `woken`
 * closes the gap in which it was woken while more() was running. */
static ssize_t give_piece(void *arg, uint64_t pos, char *buf, size_t max)
{
	struct control_inside *in = arg;
	size_t n;

	(void)pos;
	if (in->broken)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	while (in->sent == in->out.len) {
		enum control_more more;

		bytes_clear(&in->out);
		in->sent = 0;
		in->woken = false;
		more = in->stream->more(in->state, &in->out);
		if (in->out.full || more == CONTROL_BROKEN)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (in->out.len > 0 || more == CONTROL_MORE)
			continue;
		if (more == CONTROL_END)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (in->woken)
			continue;
		suspend(in);
		return 0;
	}
	n = in->out.len - in->sent;
	if (n > max)
		n = max;
	memcpy(buf, in->out.p + in->sent, n);
	in->sent += n;
	return (ssize_t)n;
}

void control_stream(struct control_call *call, const struct control_stream *stream, void *state)
{
	struct control_inside *in = call->inside;

	in->stream = stream;
	in->state = state;
	in->out = BYTES_INIT(CONTROL_PIECE_MAX);
	queue(in, MHD_HTTP_OK, stream->content_type,
	      MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, CONTROL_PIECE, give_piece, in, NULL), NULL);
}

void control_wake(struct control_call *call)
{
	call->inside->woken = true;
	resume(call->inside);
}

static int append_text(const char *text, size_t n, void *out)
{
	return bytes_append(out, text, n);
}

int control_append(struct bytes *out, const json_t *document, const char *tail)
{
	/* ASCII, so that not even a right-to-left mark in a name does anything to a terminal. */
	if (json_dump_callback(document, append_text, out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY) < 0)
		return -1;
	return bytes_append(out, tail, strlen(tail));
}

/* --- a request comes --- */

const char *control_query(struct control_call *call, const char *key)
{
	return MHD_lookup_connection_value(call->inside->connection, MHD_GET_ARGUMENT_KIND, key);
}

const char *control_header(struct control_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->inside->connection, MHD_HEADER_KIND, name);
}

const char *control_cookie(struct control_call *call, const char *name)
{
	return MHD_lookup_connection_value(call->inside->connection, MHD_COOKIE_KIND, name);
}

/* The body is complete: counts the call, checks the body's bounds and that it is a JSON object, and hands it to the
 * handler. */
static void hand_over(struct control_inside *in)
{
	json_error_t error = { 0 };

	in->handed = true;
	control_clients_busy(&in->control->clients, in->connection);
	if (++in->control->nbusy > MAX_BUSY) {
		control_fail(&in->call, MHD_HTTP_SERVICE_UNAVAILABLE,
		             "%d calls are under way already: end some that wait or follow events", MAX_BUSY);
		return;
	}
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

static struct control_inside *call_new(struct control *c, struct MHD_Connection *connection, const char *url,
                                       const char *method)
{
	struct control_inside *in = MEM_NEW(struct control_inside);

	in->control = c;
	in->connection = connection;
	in->body = BYTES_INIT(c->body_max);
	in->call.inside = in;
	in->call.method = mem_strdup(method);
	in->call.path = mem_strdup(url);
	DL_APPEND(c->calls, in);
	return in;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *data_size, void **slot)
{
	struct control_inside *in = *slot;

	(void)version;
	if (in == NULL) {
		*slot = call_new(arg, connection, url, method);
		return MHD_YES;
	}
	if (*data_size > 0) {
		if (in->discarded > 0 || bytes_append(&in->body, data, *data_size) < 0)
			in->discarded += *data_size;
		*data_size = 0;
		return in->discarded > MAX_DISCARD ? MHD_NO : MHD_YES;
	}
	/* A call that is resumed without an answer has lost its client, or the agent stops. */
	if (in->handed && !in->answered)
		return MHD_NO;
	if (!in->handed)
		hand_over(in);
	return in->broken ? MHD_NO : MHD_YES;
}

/* The one place where a call ends, whatever ended it. A deferred call that was not answered tells its owner by
 * gone(), a stream by end(). */
static void on_completed(void *arg, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode code)
{
	struct control_inside *in = *slot;
	struct control *c = arg;

	if (in == NULL)
		return;
	*slot = NULL;
	if (in->handed) {
		c->nbusy--;
		if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
			control_clients_idle(&c->clients, connection);
	}
	DL_DELETE(c->calls, in);
	loop_io_free(in->watch);
	if (in->gone != NULL)
		in->gone(in->state);
	if (in->stream != NULL && in->stream->end != NULL)
		in->stream->end(in->state);
	/* It may have a passphrase in it. */
	if (in->body.p != NULL)
		explicit_bzero(in->body.p, in->body.cap);
	bytes_free(&in->body);
	bytes_free(&in->out);
	json_decref(in->call.body);
	free(in->call.group);
	free(in->call.method);
	free(in->call.path);
	free(in);
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
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request,
	                        c, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, c->listen.fd,
	                        MHD_OPTION_CONNECTION_LIMIT, (unsigned int)MAX_CONNECTIONS,
	                        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)REQUEST_TIMEOUT,
	                        MHD_OPTION_UNESCAPE_CALLBACK, unescape_url, NULL, MHD_OPTION_NOTIFY_COMPLETED,
	                        on_completed, c, MHD_OPTION_NOTIFY_CONNECTION, control_clients_notify, &c->clients,
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

void control_cut(struct control *c)
{
	struct control_inside *in;

	DL_FOREACH(c->calls, in) {
		in->broken = true;
		resume(in);
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
