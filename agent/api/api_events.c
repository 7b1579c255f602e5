/* events: the remembered events as lines of JSON, and with ?follow=1 new ones as they happen. stream: the same as
 * server-sent events, which browsers read by themselves. A client that reads slowly costs no memory: what is not in the
 * ring any more when it goes on is told as lost. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/args.h"
#include "base/mem.h"

enum { BEAT_MS = 15000 };

struct follower {
	struct api *api;
	struct control_call *call;
	uint64_t last;                    /* number of the last event sent, or passed over */
	bool restarted;                   /* `last` was beyond the newest event */
	bool tell_lost;                   /* report a gap behind `last` as lost events */
	struct events_listener *listener; /* NULL: does not follow */
	struct bytes *out;                /* the piece that is being written */
	bool is_stream;                   /* server-sent events, not lines */
	bool greeted;                     /* its first bytes are sent */
	bool beats;                       /* a comment is due, so that both sides notice a dead connection */
	struct loop_timer *beat;          /* of a stream */
};

static void event_put(json_t *line, const char *key, json_t *value)
{
	if (json_is_null(value))
		json_decref(value);
	else
		json_object_set_new(line, key, value);
}

/* Takes the document over. */
static void append_json(struct follower *f, uint64_t number, json_t *line)
{
	if (f->is_stream) {
		char *head = mem_printf("id: %llu\ndata: ", (unsigned long long)number);

		(void)bytes_append(f->out, head, strlen(head));
		free(head);
	}
	control_append(f->out, line, f->is_stream ? "\n\n" : "\n");
	json_decref(line);
}

static json_t *beginning(const char *text, size_t n)
{
	return text != NULL ? json_stringn(text, strnlen(text, n)) : json_null();
}

static void append_line(struct follower *f, const struct event *event)
{
	json_t *line = json_pack("{s:I, s:f, s:s}", "number", (json_int_t)event->number, "time",
	                         (double)event->time_ns / 1e9, "event", event->kind);

	event_put(line, "group", api_name(event->group));
	event_put(line, "path", api_name(event->path));
	event_put(line, "peer", api_message(event->peer));
	event_put(line, "name", api_name(event->name));
	event_put(line, "short_id", beginning(event->peer, event->id_shown));
	event_put(line, "reason", api_message(event->reason));
	append_json(f, event->number, line);
}

/* What is missing before this event. Where the reader has seen a greater number than there is, it has followed an
 * agent that ran before. */
static void append_lost(struct follower *f, const struct event *event)
{
	uint64_t n = event->number - f->last - 1;
	char *reason = f->restarted
	                       ? mem_strdup("events were lost: the agent was started again")
	                       : mem_printf("%llu events were lost: they were read too slowly", (unsigned long long)n);
	const struct event lost = { .kind = "lost" };
	json_t *line = json_pack("{s:I, s:f, s:s, s:s, s:o}", "number", (json_int_t)event->number - 1, "time",
	                         (double)event->time_ns / 1e9, "event", lost.kind, "reason", reason, "lost",
	                         f->restarted ? json_null() : json_integer((json_int_t)n));

	append_json(f, event->number - 1, line);
	free(reason);
}

static void add_event(void *arg, const struct event *event)
{
	struct follower *f = arg;

	if (f->out->len >= CONTROL_PIECE)
		return; /* the next piece has it, or reports it as lost */
	if (f->restarted || (f->tell_lost && event->number > f->last + 1))
		append_lost(f, event);
	f->restarted = false;
	f->tell_lost = true;
	f->last = event->number;
	append_line(f, event);
}

static enum control_more more_events(void *state, struct bytes *out)
{
	struct follower *f = state;

	f->out = out;
	if (f->is_stream && (!f->greeted || f->beats))
		(void)bytes_append(out, ":\n\n", 3);
	f->greeted = true;
	f->beats = false;
	(void)events_replay(f->api->events, f->last, add_event, f);
	if (out->len > 0)
		return CONTROL_MORE;
	return f->listener != NULL ? CONTROL_WAIT : CONTROL_END;
}

static void follower_wake(void *arg, const struct event *event)
{
	struct follower *f = arg;

	(void)event;
	control_wake(f->call);
}

static void follower_end(void *state)
{
	struct follower *f = state;

	events_unlisten(f->api->events, f->listener);
	loop_timer_free(f->beat);
	free(f);
}

static const struct control_stream lines = { "application/x-ndjson", more_events, follower_end };

void api_events(struct api *api, struct control_call *call)
{
	int64_t follow = 0;
	int64_t after = 0;
	struct follower *f;

	if (api_query_number(call, "follow", 0, 1, &follow) < 0 ||
	    api_query_number(call, "after", 0, INT64_MAX, &after) < 0)
		return;
	f = MEM_NEW(struct follower);
	f->api = api;
	f->call = call;
	f->last = (uint64_t)after;
	f->restarted = f->last > events_last(api->events);
	if (f->restarted)
		f->last = 0;
	f->tell_lost = after > 0;
	if (follow != 0)
		f->listener = events_listen(api->events, follower_wake, f);
	control_stream(call, &lines, f);
}

static const struct control_stream server_sent = { "text/event-stream", more_events, follower_end };

static void stream_beat(void *arg)
{
	struct follower *f = arg;

	f->beats = true;
	control_wake(f->call);
}

/* Where a browser that lost its connection goes on: a header that it sends by itself. */
static int stream_after(struct api *api, struct control_call *call, int64_t *after)
{
	const char *id = control_header(call, "Last-Event-ID");

	*after = (int64_t)events_last(api->events);
	if (api_query_number(call, "after", 0, INT64_MAX, after) < 0)
		return -1;
	if (id != NULL && args_number(id, 0, INT64_MAX, after) < 0)
		*after = 0;
	return 0;
}

void api_stream(struct api *api, struct control_call *call)
{
	struct follower *f;
	int64_t after;

	if (stream_after(api, call, &after) < 0)
		return;
	f = MEM_NEW(struct follower);
	f->api = api;
	f->call = call;
	f->is_stream = true;
	f->last = (uint64_t)after;
	f->tell_lost = true;
	f->restarted = f->last > events_last(api->events);
	if (f->restarted)
		f->last = 0;
	f->listener = events_listen(api->events, follower_wake, f);
	f->beat = loop_timer_new(api->loop, stream_beat, f);
	loop_timer_start(f->beat, BEAT_MS, BEAT_MS);
	control_stream(call, &server_sent, f);
}
