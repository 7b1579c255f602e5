/* What is under way, what waits and why, and what was completed last, for status. See fetch.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

void fetch_completed(struct fetch *f, const char *path, int64_t size)
{
	struct completed *c = &f->completed[f->completed_next];

	f->completed_next = (f->completed_next + 1) % COMPLETED_MAX;
	free(c->path);
	*c = (struct completed){ .path = mem_strdup(path), .size = size, .finished_s = clock_wall_s() };
}

static int64_t size_of(const struct ticket *t)
{
	return t->want.kind == RECORD_FILE && !t->want.deleted ? t->want.content.size : 0;
}

static void show_wait(const struct fetch *f, struct fetch_download *d, int64_t since_ms, int64_t due_ms)
{
	int64_t now = fetch_now(f);

	d->since_s = clock_wall_s() - (now - since_ms) / 1000;
	d->retry_s = due_ms == INT64_MAX ? -1 : due_ms > now ? (due_ms - now + 999) / 1000 : 0;
}

static bool show_ticket(const struct fetch *f, const struct ticket *t,
                        bool (*fn)(void *arg, const struct fetch_download *d), void *arg)
{
	struct fetch_download d = { .path = t->want.path, .size = size_of(t), .reason = reason_text(t->reason) };

	if (t->download != NULL)
		download_progress(t->download, &d.done, &d.rate);
	else if (t->state == TICKET_INSTALLING)
		d.done = d.size;
	if (reason_is_source(t->reason))
		d.offered_by = t->peer;
	if (d.reason != NULL) {
		show_wait(f, &d, t->failing_ms, t->due_ms);
		if (t->reason == REASON_HELD)
			d.retry_s = -2;
	} else if ((d.reason = f->missing.why) != NULL)
		show_wait(f, &d, f->missing.since_ms, f->missing.due_ms);
	return fn(arg, &d);
}

/* Those that are nearest to their end first, so that a list cut short shows what is going on. */
void fetch_downloads(const struct fetch *f, bool (*fn)(void *arg, const struct fetch_download *d), void *arg)
{
	static const enum ticket_state order[] = { TICKET_ACTIVE,        TICKET_INSTALLING, TICKET_READY,
		                                   TICKET_AWAIT_CARRIER, TICKET_AWAIT_MOVE, TICKET_LOSS,
		                                   TICKET_DELETE,        TICKET_RMDIR,      TICKET_QUEUED,
		                                   TICKET_WAITING };
	const struct ticket *t;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		DL_FOREACH(f->list[order[i]], t) {
			if (!show_ticket(f, t, fn, arg))
				return;
		}
	}
	for (size_t i = 0; i < COMPLETED_MAX; i++) {
		const struct completed *c = &f->completed[(f->completed_next + COMPLETED_MAX - 1 - i) % COMPLETED_MAX];
		struct fetch_download d = { .path = c->path,
			                    .done = c->size,
			                    .size = c->size,
			                    .complete = true,
			                    .finished_s = c->finished_s };

		if (c->path == NULL || !fn(arg, &d))
			return;
	}
}

void fetch_each_waiting(const struct fetch *f, bool (*fn)(void *arg, const struct fetch_download *d), void *arg)
{
	const struct ticket *t;

	if (f->missing.why != NULL) {
		fetch_downloads(f, fn, arg);
		return;
	}
	DL_FOREACH(f->list[TICKET_WAITING], t) {
		if (!show_ticket(f, t, fn, arg))
			return;
	}
}

size_t fetch_waiting(const struct fetch *f)
{
	if (f->missing.why != NULL)
		return HASH_COUNT(f->tickets) - f->count[TICKET_FRESH] - f->count[TICKET_PAIRED];
	return f->count[TICKET_WAITING] - f->waiting_brief;
}

const char *fetch_waits_for(const struct fetch *f, const char *path)
{
	const struct ticket *t = ticket_find(f, path);
	const char *why = t != NULL ? reason_text(t->reason) : NULL;

	return why != NULL ? why : f->missing.why;
}

struct fetch_counters fetch_counters(const struct fetch *f)
{
	const struct get_counters g = get_counters(f->get);

	return (struct fetch_counters){ .blocks_received = g.blocks_received,
		                        .blocks_copied = g.blocks_copied,
		                        .blocks_patched = g.blocks_patched,
		                        .blocks_resumed = g.blocks_resumed,
		                        .bytes_received = g.bytes_received,
		                        .files_installed = f->files_installed,
		                        .files_renamed = f->files_renamed,
		                        .blocks_zeros = g.blocks_zeros,
		                        .parts_taken_over = g.parts_taken_over };
}
