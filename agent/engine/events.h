/* The stream of events that `lanyard events` and `wait` read. Emitting never blocks and never fails. A reader that
 * does not keep up loses the oldest (the ring has the last 1,024) and learns how many. The loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_EVENTS_H
#define LANYARD_AGENT_ENGINE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

struct events;

/* Any of the fields but kind may be NULL. Kinds: ready, peer-connected, peer-disconnected, refused, joined, left,
 * scan-finished, file-changed (here), file-installed, file-deleted (by a peer), conflict, problem, repaired (path),
 * in-sync, syncing, roster-changed, member-added, member-removed, role-changed, request, asked,
 * rejected, files-listed, discovery. */
struct event {
	uint64_t number; /* set by events_emit; counts from 1 */
	int64_t time_ns; /* set by events_emit */
	const char *kind;
	const char *group;
	const char *path; /* bytes; escaped on output */
	const char *peer; /* agent ID text */
	const char *name; /* the peer's; bytes; escaped on output */
	size_t id_shown;  /* characters of `peer` that tell it from the group's other members; 0: without a peer */
	const char *reason;
};

struct events *events_new(void);
void events_free(struct events *e);
void events_emit(struct events *e, const struct event *event);
/* Called after each emit. */
typedef void events_fn(void *arg, const struct event *event);
struct events_listener;
struct events_listener *events_listen(struct events *e, events_fn *fn, void *arg);
void events_unlisten(struct events *e, struct events_listener *l);
/* The number of the newest event; 0: there is none. */
uint64_t events_last(const struct events *e);
/* Calls fn for each event after `number` that is still in the ring, oldest first. Returns how many were lost before
 * them. */
uint64_t events_replay(struct events *e, uint64_t number, events_fn *fn, void *arg);

#endif
