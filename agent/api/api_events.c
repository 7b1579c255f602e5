/* events: the remembered events as lines of JSON, and with ?follow=1 new ones as they happen. */
#include "agent/api/api_answer.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <stdlib.h>

#include "base/mem.h"

struct follower {
	struct api *api;
	struct control_call *call;
	uint64_t last;                    /* number of the last event sent, or passed over */
	bool tell_lost;                   /* report a gap behind `last` as lost events */
	struct events_listener *listener; /* NULL: does not follow */
	struct bytes *out;                /* the piece that is being written */
};

static void event_put(json_t *line, const char *key, json_t *value)
{
	if (json_is_null(value))
		json_decref(value);
	else
		json_object_set_new(line, key, value);
}

static void append_line(struct bytes *out, const struct event *event)
{
	json_t *line = json_pack("{s:I, s:f, s:s}", "number", (json_int_t)event->number, "time",
	                         (double)event->time_ns / 1e9, "event", event->kind);

	event_put(line, "group", api_name(event->group));
	event_put(line, "path", api_name(event->path));
	event_put(line, "peer", api_message(event->peer));
	event_put(line, "reason", api_message(event->reason));
	control_append(out, line, "\n");
	json_decref(line);
}

static void add_event(void *arg, const struct event *event)
{
	struct follower *f = arg;

	if (f->out->len >= CONTROL_PIECE)
		return; /* the next piece has it, or reports it as lost */
	if (f->tell_lost && event->number > f->last + 1) {
		char *reason = mem_printf("%llu events were lost: they were read too slowly",
		                          (unsigned long long)(event->number - f->last - 1));

		append_line(f->out, &(struct event){ .number = event->number - 1,
		                                     .time_ns = event->time_ns,
		                                     .kind = "lost",
		                                     .reason = reason });
		free(reason);
	}
	f->tell_lost = true;
	f->last = event->number;
	append_line(f->out, event);
}

static enum control_more more_events(void *state, struct bytes *out)
{
	struct follower *f = state;

	f->out = out;
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
	f->tell_lost = after > 0;
	if (follow != 0)
		f->listener = events_listen(api->events, follower_wake, f);
	control_stream(call, &lines, f);
}
