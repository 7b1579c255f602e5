/* Tickets: one wanted path each, in the table by path and in the list of its state. See fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { REWALK_MS = 60000, DISK_RETRY_MS = 1000, BRIEF_TRIES = 3 };

struct ticket *ticket_find(const struct fetch *f, const char *path)
{
	struct ticket *t;

	HASH_FIND_STR(f->tickets, path, t);
	return t;
}

static void list_add(struct fetch *f, struct ticket *t, enum ticket_state state)
{
	t->state = state;
	t->since_ms = fetch_now(f);
	DL_APPEND(f->list[state], t);
	f->count[state]++;
	f->rmdirs_sorted &= state != TICKET_RMDIR;
}

void ticket_is_of(struct fetch *f, struct ticket *t, uint64_t peer)
{
	if (t->peer == peer)
		return;
	if (t->peer != 0)
		fetch_peer_get(f, t->peer)->tickets--;
	if (peer != 0)
		fetch_peer_get(f, peer)->tickets++;
	t->peer = peer;
}

struct ticket *ticket_new(struct fetch *f, struct record *want, uint64_t peer)
{
	struct ticket *t = MEM_NEW(struct ticket);

	t->want = *want;
	*want = (struct record){ 0 };
	ticket_is_of(f, t, peer);
	t->due_ms = INT64_MAX;
	HASH_ADD_KEYPTR(hh, f->tickets, t->want.path, strlen(t->want.path), t);
	list_add(f, t, TICKET_FRESH);
	return t;
}

static void root_remove(struct fetch *f, struct ticket *t)
{
	if (t->by_root == ROOT_DELETION) {
		HASH_DELETE(hh_root, f->deletions, t);
	} else if (t->by_root == ROOT_COPY) {
		HASH_DELETE(hh_root, f->copies, t);
		ticket_retry(f, REASON_IN_USE);
	}
	t->by_root = ROOT_NONE;
}

static void root_add(struct fetch *f, struct ticket *t)
{
	if (t->state == TICKET_DELETE && t->ours.kind == RECORD_FILE && t->ours.content.nblocks > 0) {
		root_remove(f, t);
		HASH_ADD(hh_root, f->deletions, ours.content.root, 32, t);
		t->by_root = ROOT_DELETION;
	} else if (t->state == TICKET_SETTLING) {
		root_remove(f, t);
		HASH_ADD(hh_root, f->copies, want.content.root, 32, t);
		t->by_root = ROOT_COPY;
	}
}

static void leave_state(struct fetch *f, struct ticket *t)
{
	/* A copy stays one until its content is here. */
	if (t->by_root == ROOT_DELETION)
		root_remove(f, t);
	if (t->state == TICKET_QUEUED)
		queue_remove(get_queue(f->get), &t->queued);
	DL_DELETE(f->list[t->state], t);
	f->count[t->state]--;
}

void ticket_to(struct fetch *f, struct ticket *t, enum ticket_state state)
{
	leave_state(f, t);
	list_add(f, t, state);
	root_add(f, t);
	if (state == TICKET_QUEUED) {
		const struct content *c = &t->want.content;

		queue_add(get_queue(f->get), &t->queued, c->size, c->nblocks, t->tries);
	}
	if (state != TICKET_WAITING && t->reason != REASON_NONE && state != TICKET_FRESH) {
		t->reason = REASON_NONE;
		f->tell = true;
	}
	fetch_wake(f);
}

void ticket_hold(struct fetch *f, struct ticket *t)
{
	struct fetch_peer *p = fetch_peer_get(f, t->peer);
	struct ticket *after = p->held != NULL ? p->held->held_prev : NULL; /* the last: utlist's head points there */

	t->held = true;
	t->held_seq = t->want.seq;
	t->cost = sizeof(*t) + strlen(t->want.path) + (t->bytes != NULL ? (size_t)t->want.content.size : 0);
	f->held_bytes += t->cost;
	/* Numbers come in order but for a peer that begins anew. */
	while (after != NULL && after->held_seq > t->held_seq)
		after = after != p->held ? after->held_prev : NULL;
	if (after == NULL)
		DL_PREPEND2(p->held, t, held_prev, held_next);
	else
		DL_APPEND_ELEM2(p->held, after, t, held_prev, held_next);
}

void ticket_unhold(struct fetch *f, struct ticket *t)
{
	struct fetch_peer *p;

	if (!t->held)
		return;
	p = fetch_peer_get(f, t->peer);
	DL_DELETE2(p->held, t, held_prev, held_next);
	f->held_bytes -= t->cost;
	t->held = false;
	f->tell = true;
}

/* A word in the index about a ticket's path. */
struct later {
	const struct ticket *t;
	bool found;
};

static bool is_later(void *arg, uint64_t peer, const struct record *r)
{
	struct later *l = arg;

	l->found = peer == l->t->peer && r->seq > l->t->want.seq;
	return !l->found;
}

/* Whether the peer has said something newer, while what it said first was being installed. */
static bool is_outdated(struct fetch *f, const struct ticket *t)
{
	struct later l = { .t = t };

	(void)index_offers(f->c.index, t->want.path, is_later, &l);
	return l.found;
}

void ticket_remember(struct fetch *f, struct ticket *t)
{
	if (!t->held)
		return;
	/* A disk error is the index's to report; the record then stays held, and is sent again by its peer one day. One that
	 * finds no room stays held too, and that is bounded. */
	if (!is_outdated(f, t) && allowance_is_full(f, fetch_peer_get(f, t->peer), &t->want))
		return;
	if (is_outdated(f, t) || index_offer(f->c.index, t->peer, &t->want) == 0)
		ticket_unhold(f, t);
}

void ticket_drop_blocks(struct fetch *f, struct ticket *t)
{
	f->short_lists -= t->blocks.n;
	blocklist_clear(&t->blocks);
}

void ticket_reset(struct fetch *f, struct ticket *t)
{
	if (t->pair != NULL)
		route_unpair(f, t);
	if (t->download != NULL)
		download_drop(t->download, false);
	guard_forget(f, t);
	root_remove(f, t);
	free(t->bytes);
	t->bytes = NULL;
	ticket_drop_blocks(f, t);
	if (t->from != NULL)
		record_clear(t->from);
	free(t->from);
	t->from = NULL;
	if (t->aside != NULL)
		record_clear(t->aside);
	free(t->aside);
	t->aside = NULL;
	t->no_move = false;
	t->settled = false;
	t->liars = (struct liars){ 0 };
}

void ticket_free(struct fetch *f, struct ticket *t)
{
	ticket_reset(f, t);
	ticket_unhold(f, t);
	ticket_is_of(f, t, 0);
	leave_state(f, t);
	HASH_DEL(f->tickets, t);
	record_clear(&t->want);
	record_clear(&t->ours);
	record_clear(&t->merged);
	free(t);
	fetch_wake(f);
}

void ticket_wait(struct fetch *f, struct ticket *t, enum reason reason)
{
	if (t->pair != NULL)
		route_unpair(f, t);
	if (t->download != NULL)
		download_park(t->download);
	/* What passes in a moment, as a rule, need not cost the bytes that came along. */
	if ((reason != REASON_PARENT && reason != REASON_CHANGED) || t->tries >= BRIEF_TRIES)
		ticket_remember(f, t);
	if (!t->held) {
		free(t->bytes);
		t->bytes = NULL;
	}
	if (!t->held && !t->repair &&
	    f->count[TICKET_WAITING] >= (size_t)(reason == REASON_HELD ? HELD_MAX : WAITING_MAX)) {
		/* The index remembers it; it is tried again when its turn comes round. */
		if (reason == REASON_NO_SOURCE)
			f->sourceless = true;
		else if (reason != REASON_HELD && f->rewalk_ms == INT64_MAX)
			f->rewalk_ms = fetch_now(f) + REWALK_MS;
		if (t->download != NULL)
			download_drop(t->download, true);
		ticket_free(f, t);
		return;
	}
	if (t->tries++ == 0)
		t->failing_ms = fetch_now(f);
	if (t->reason != reason)
		f->tell = true;
	t->reason = reason;
	ticket_to(f, t, TICKET_WAITING);
	/* What was to be got from nobody may be wanted by nobody any more. */
	t->due_ms = t->again && reason == REASON_NO_SOURCE ? 0
	            : reason == REASON_HELD                ? INT64_MAX
	                                                   : fetch_now(f) + reason_patience_ms(reason, t->tries);
	if (reason_is_problem(reason) && t->reported != reason && f->c.problem != NULL) {
		t->reported = reason;
		f->c.problem(f->c.arg, t->want.path, reason_text(reason));
	}
}

void ticket_retry(struct fetch *f, enum reason reason)
{
	struct ticket *t;

	DL_FOREACH(f->list[TICKET_WAITING], t) {
		if (reason != REASON_NONE ? t->reason == reason : t->reason != REASON_NO_SOURCE)
			t->due_ms = 0;
	}
	fetch_wake(f);
}

void ticket_retry_disk(struct fetch *f)
{
	int64_t now = fetch_now(f);
	struct ticket *t, *first = NULL;

	DL_FOREACH(f->list[TICKET_WAITING], t) {
		if (reason_is_disk(t->reason) && now - t->since_ms >= DISK_RETRY_MS &&
		    (first == NULL || t->since_ms < first->since_ms))
			first = t;
	}
	if (first != NULL) {
		first->due_ms = 0;
		fetch_wake(f);
	}
}

int64_t ticket_run_due(struct fetch *f)
{
	int64_t now = fetch_now(f), next = INT64_MAX;
	size_t left = f->count[TICKET_WAITING];
	struct ticket *t, *after;

	/* What waits again is appended, and not looked at twice. */
	for (t = f->list[TICKET_WAITING]; t != NULL && left > 0; t = after, left--) {
		after = t->next;
		if (t->due_ms <= now) {
			ticket_to(f, t, TICKET_FRESH);
			judge_ticket(f, t);
		}
	}
	DL_FOREACH(f->list[TICKET_WAITING], t) {
		if (t->due_ms < next)
			next = t->due_ms;
	}
	return next;
}
