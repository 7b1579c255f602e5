/* The ring of events: numbers, what is lost, listeners that come and go while an event is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/engine/events.h"
#include "base/mem.h"

struct seen {
	struct events *events;
	struct events_listener *self;  /* unlistened by its own callback when set */
	struct events_listener *other; /* unlistened by the callback when set */
	int count;
	uint64_t first, last;
	char path[64];
	bool emit_once;
};

static void see(void *arg, const struct event *event)
{
	struct seen *s = arg;

	if (s->count++ == 0)
		s->first = event->number;
	s->last = event->number;
	(void)strncpy(s->path, event->path != NULL ? event->path : "", sizeof(s->path) - 1);
	events_unlisten(s->events, s->self);
	s->self = NULL;
	events_unlisten(s->events, s->other);
	s->other = NULL;
	if (s->emit_once) {
		s->emit_once = false;
		events_emit(s->events, &(struct event){ .kind = "ready" });
	}
}

static void emit(struct events *e, const char *path)
{
	char *fresh = mem_strdup(path);

	events_emit(e, &(struct event){ .kind = "file-changed", .path = fresh });
	free(fresh);
}

static void listeners_get_each_event_with_its_number(void **state)
{
	struct events *e = events_new();
	struct seen s = { 0 };
	struct events_listener *l = events_listen(e, see, &s);

	(void)state;
	emit(e, "a");
	emit(e, "b");
	assert_int_equal(s.count, 2);
	assert_int_equal(s.first, 1);
	assert_int_equal(s.last, 2);
	assert_string_equal(s.path, "b");
	events_unlisten(e, l);
	emit(e, "c");
	assert_int_equal(s.count, 2);
	events_free(e);
}

static void replay_gives_what_is_held_and_counts_what_is_lost(void **state)
{
	struct events *e = events_new();
	struct seen s = { 0 };

	(void)state;
	assert_int_equal(events_replay(e, 0, see, &s), 0);
	assert_int_equal(s.count, 0);
	for (int i = 0; i < 1030; i++)
		emit(e, "x");
	assert_int_equal(events_replay(e, 0, see, &s), 6);
	assert_int_equal(s.count, 1024);
	assert_int_equal(s.first, 7);
	assert_int_equal(s.last, 1030);
	memset(&s, 0, sizeof(s));
	assert_int_equal(events_replay(e, 1028, see, &s), 0);
	assert_int_equal(s.count, 2);
	assert_int_equal(events_replay(e, 1030, see, &s), 0);
	assert_int_equal(events_replay(e, 5000, see, &s), 0);
	assert_int_equal(s.count, 2);
	events_free(e);
}

static void see_peer(void *arg, const struct event *event)
{
	struct event *seen = arg;

	*seen = *event;
}

static void the_ring_keeps_who_an_event_is_about(void **state)
{
	struct events *e = events_new();
	char peer[] = "abcdefg-hijklmn", name[] = "bob";
	struct event seen = { 0 };

	(void)state;
	events_emit(e, &(struct event){ .kind = "peer-connected", .peer = peer, .name = name, .id_shown = 7 });
	peer[0] = name[0] = 'x'; /* they were lent */
	events_replay(e, 0, see_peer, &seen);
	assert_string_equal(seen.peer, "abcdefg-hijklmn");
	assert_string_equal(seen.name, "bob");
	assert_int_equal(seen.id_shown, 7);
	for (int i = 0; i < 1024; i++)
		emit(e, "x");
	events_replay(e, 0, see_peer, &seen);
	assert_null(seen.name);
	assert_int_equal(seen.id_shown, 0);
	events_free(e);
}

static void a_listener_may_leave_while_it_is_told(void **state)
{
	struct events *e = events_new();
	struct seen a = { .events = e }, b = { .events = e }, c = { .events = e };

	(void)state;
	a.self = events_listen(e, see, &a);
	b.other = events_listen(e, see, &c);
	(void)events_listen(e, see, &b);
	emit(e, "x");
	emit(e, "y");
	assert_int_equal(a.count, 1);
	assert_int_equal(b.count, 2);
	assert_int_equal(c.count, 1);
	events_free(e);
}

static void a_listener_may_emit(void **state)
{
	struct events *e = events_new();
	struct seen a = { .events = e, .emit_once = true };

	(void)state;
	a.self = NULL;
	(void)events_listen(e, see, &a);
	emit(e, "x");
	assert_int_equal(a.count, 2);
	assert_int_equal(a.last, 2);
	memset(&a, 0, sizeof(a));
	a.events = e;
	events_replay(e, 0, see, &a);
	assert_int_equal(a.count, 2);
	events_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listeners_get_each_event_with_its_number),
		cmocka_unit_test(replay_gives_what_is_held_and_counts_what_is_lost),
		cmocka_unit_test(the_ring_keeps_who_an_event_is_about),
		cmocka_unit_test(a_listener_may_leave_while_it_is_told),
		cmocka_unit_test(a_listener_may_emit),
	};

	events_free(NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
