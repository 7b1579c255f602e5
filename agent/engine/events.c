/* A ring of the last events and a list of listeners: see events.h. */
#include "agent/engine/events.h"

#include <stdbool.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"

enum { RING_SIZE = 1024 };

struct events_listener {
	events_fn *fn; /* NULL: unlistened while an emit was walking the list; swept when it is done */
	void *arg;
	struct events_listener *prev;
	struct events_listener *next;
};

/* One event of the ring; its strings are owned. */
struct ring_event {
	char *kind;
	char *group;
	char *path;
	char *peer;
	char *name;
	size_t id_shown;
	char *reason;
	int64_t time_ns;
};

struct events {
	struct ring_event ring[RING_SIZE]; /* event N is at N % RING_SIZE */
	uint64_t last;                     /* number of the newest; 0: none yet */
	struct events_listener *listeners; /* in the order they came */
	int emitting;                      /* depth of emits under way: a listener may emit in turn */
};

struct events *events_new(void)
{
	return MEM_NEW(struct events);
}

static void ring_clear(struct ring_event *h)
{
	free(h->kind);
	free(h->group);
	free(h->path);
	free(h->peer);
	free(h->name);
	free(h->reason);
	*h = (struct ring_event){ 0 };
}

static struct event event_of_ring(const struct events *e, uint64_t number)
{
	const struct ring_event *h = &e->ring[number % RING_SIZE];

	return (struct event){ .number = number,
		               .time_ns = h->time_ns,
		               .kind = h->kind,
		               .group = h->group,
		               .path = h->path,
		               .peer = h->peer,
		               .name = h->name,
		               .id_shown = h->id_shown,
		               .reason = h->reason };
}

static void sweep(struct events *e)
{
	struct events_listener *l;
	struct events_listener *next;

	DL_FOREACH_SAFE(e->listeners, l, next) {
		if (l->fn == NULL) {
			DL_DELETE(e->listeners, l);
			free(l);
		}
	}
}

void events_emit(struct events *e, const struct event *event)
{
	struct event now = *event;
	struct ring_event *h;
	struct events_listener *l;

	now.number = ++e->last;
	now.time_ns = clock_wall_ns();
	h = &e->ring[now.number % RING_SIZE];
	ring_clear(h);
	*h = (struct ring_event){ .kind = mem_strdup(now.kind),
		                  .group = mem_strdup(now.group),
		                  .path = mem_strdup(now.path),
		                  .peer = mem_strdup(now.peer),
		                  .name = mem_strdup(now.name),
		                  .id_shown = now.id_shown,
		                  .reason = mem_strdup(now.reason),
		                  .time_ns = now.time_ns };

	/* Listeners get the caller's strings: the ring's may be replaced by what they emit themselves. */
	e->emitting++;
	DL_FOREACH(e->listeners, l) {
		if (l->fn != NULL)
			l->fn(l->arg, &now);
	}
	if (--e->emitting == 0)
		sweep(e);
}

struct events_listener *events_listen(struct events *e, events_fn *fn, void *arg)
{
	struct events_listener *l = MEM_NEW(struct events_listener);

	l->fn = fn;
	l->arg = arg;
	DL_APPEND(e->listeners, l);
	return l;
}

void events_unlisten(struct events *e, struct events_listener *l)
{
	if (l == NULL)
		return;
	l->fn = NULL;
	if (e->emitting == 0)
		sweep(e);
}

uint64_t events_last(const struct events *e)
{
	return e->last;
}

uint64_t events_replay(struct events *e, uint64_t number, events_fn *fn, void *arg)
{
	uint64_t oldest = e->last > RING_SIZE ? e->last - RING_SIZE + 1 : 1;
	uint64_t last = e->last;
	uint64_t first = number + 1;
	uint64_t lost = 0;

	if (number >= e->last)
		return 0;
	if (first < oldest) {
		lost = oldest - first;
		first = oldest;
	}
	for (uint64_t i = first; i <= last; i++) {
		struct event event = event_of_ring(e, i);

		fn(arg, &event);
	}
	return lost;
}

void events_free(struct events *e)
{
	struct events_listener *l;
	struct events_listener *next;

	if (e == NULL)
		return;
	for (size_t i = 0; i < RING_SIZE; i++)
		ring_clear(&e->ring[i]);
	DL_FOREACH_SAFE(e->listeners, l, next)
		free(l);
	free(e);
}
