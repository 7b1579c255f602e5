/* Waiting tickets: when each is tried again, and which wait for the same reason, so that what ends a reason finds its
 * tickets without looking at others. And the folders that batches which are out work in. See fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { DISK_RETRY_MS = 1000 };

/* --- when --- */

/* Also when one without a source is to be listed, unless it is tried before. */
static int64_t due_or_listed(const struct ticket *t)
{
	bool lists = !t->listed && !t->repair && !t->unstored && !t->want.deleted && reason_lists(t->reason);
	int64_t list_ms = t->failing_ms + SOURCELESS_MS;

	return lists && list_ms < t->due_ms ? list_ms : t->due_ms;
}

void ticket_due_update(struct fetch *f, struct ticket *t)
{
	if (t->state == TICKET_WAITING)
		heap_set(&f->waiting, &t->waits, due_or_listed(t));
}

void ticket_due(struct fetch *f, struct ticket *t, int64_t due_ms)
{
	t->due_ms = due_ms;
	ticket_due_update(f, t);
}

struct ticket *ticket_next_due(const struct fetch *f)
{
	struct heap_entry *e = heap_first(&f->waiting);

	return e != NULL ? (struct ticket *)(void *)((char *)e - offsetof(struct ticket, waits)) : NULL;
}

int64_t ticket_next_due_ms(const struct fetch *f)
{
	const struct heap_entry *e = heap_first(&f->waiting);

	return e != NULL ? e->key : INT64_MAX;
}

/* --- why --- */

void ticket_wait_begins(struct fetch *f, struct ticket *t)
{
	t->waits_for = t->reason;
	f->waiting_brief += t->reason == REASON_NONE;
	DL_APPEND2(f->waits_for[t->waits_for], t, reason_prev, reason_next);
	ticket_due_update(f, t);
}

void ticket_wait_ends(struct fetch *f, struct ticket *t)
{
	DL_DELETE2(f->waits_for[t->waits_for], t, reason_prev, reason_next);
	heap_remove(&f->waiting, &t->waits);
	f->waiting_brief -= t->waits_for == REASON_NONE;
}

static void retry_all_of(struct fetch *f, enum reason reason)
{
	struct ticket *t;

	DL_FOREACH2(f->waits_for[reason], t, reason_next) {
		f->visits++;
		if (t->due_ms != 0)
			ticket_due(f, t, 0);
	}
}

void ticket_retry(struct fetch *f, enum reason reason)
{
	if (reason != REASON_NONE)
		retry_all_of(f, reason);
	for (int i = 0; reason == REASON_NONE && i < REASON_COUNT; i++) {
		if (i != REASON_NO_SOURCE)
			retry_all_of(f, (enum reason)i);
	}
	fetch_wake(f);
}

/* The first of a list has waited longest. */
void ticket_retry_disk(struct fetch *f)
{
	int64_t now = fetch_now(f);
	struct ticket *t, *first = NULL;

	for (int i = 0; i < REASON_COUNT; i++) {
		t = reason_is_disk((enum reason)i) ? f->waits_for[i] : NULL;
		if (t != NULL && now - t->since_ms >= DISK_RETRY_MS && (first == NULL || t->since_ms < first->since_ms))
			first = t;
	}
	if (first != NULL) {
		ticket_due(f, first, 0);
		fetch_wake(f);
	}
}

/* --- where batches work --- */

void ticket_folder_begin(struct fetch *f, struct ticket *t)
{
	const char *path = t->want.path, *slash = strrchr(path, '/');
	size_t len = slash != NULL ? (size_t)(slash - path) : 0;
	struct busy_folder *b;

	HASH_FIND(hh, f->busy, path, len, b);
	if (b == NULL) {
		b = mem_calloc(1, sizeof(*b) + len + 1);
		memcpy(b->path, path, len);
		HASH_ADD_KEYPTR(hh, f->busy, b->path, len, b);
	}
	b->n++;
	t->busy = b;
}

void ticket_folder_end(struct fetch *f, struct ticket *t)
{
	struct busy_folder *b = t->busy;

	t->busy = NULL;
	if (b == NULL || --b->n > 0)
		return;
	HASH_DEL(f->busy, b);
	free(b);
}
