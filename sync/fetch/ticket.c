/* Tickets: one for each path that is worked on, in the table by path and in the list of its state. See
 * fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/plan/pattern.h"

enum { FEW = 64 }; /* tickets that each peer may have, however many others have */

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
	if (state == TICKET_WAITING)
		ticket_wait_begins(f, t);
	else if (state == TICKET_INSTALLING)
		ticket_folder_begin(f, t);
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
	for (size_t i = 0; i < FIRSTS_MAX && f->firsts[i] != NULL && !t->first; i++)
		t->first = pattern_covers(f->firsts[i], t->want.path);
	HASH_ADD_KEYPTR(hh, f->tickets, t->want.path, strlen(t->want.path), t);
	list_add(f, t, TICKET_FRESH);
	return t;
}

void ticket_root_remove(struct fetch *f, struct ticket *t)
{
	if (t->by_root == ROOT_DELETION) {
		HASH_DELETE(hh_root, f->deletions, t);
	} else if (t->by_root == ROOT_COPY) {
		HASH_DELETE(hh_root, f->copies, t);
		ticket_retry(f, REASON_IN_USE);
	} else if (t->by_root == ROOT_AWAITED) {
		HASH_DELETE(hh_root, f->awaited, t);
	}
	t->by_root = ROOT_NONE;
}

static void root_add(struct fetch *f, struct ticket *t)
{
	if (t->state == TICKET_DELETE && t->ours.kind == RECORD_FILE && t->ours.content.nblocks > 0) {
		ticket_root_remove(f, t);
		HASH_ADD(hh_root, f->deletions, ours.content.root, 32, t);
		t->by_root = ROOT_DELETION;
	} else if (t->state == TICKET_AWAIT_MOVE) {
		ticket_root_remove(f, t);
		HASH_ADD(hh_root, f->copies, want.content.root, 32, t);
		t->by_root = ROOT_COPY;
	} else if (t->state == TICKET_AWAIT_CARRIER) {
		ticket_root_remove(f, t);
		HASH_ADD(hh_root, f->awaited, want.content.root, 32, t);
		t->by_root = ROOT_AWAITED;
	}
}

static void leave_carrier(struct ticket *t)
{
	DL_DELETE2(t->awaits->awaited, t, awaited_prev, awaited_next);
	t->awaits = NULL;
}

void ticket_leave_state(struct fetch *f, struct ticket *t)
{
	/* A ticket whose content is copied stays in `copies` until the content is here. */
	if (t->by_root == ROOT_DELETION || t->by_root == ROOT_AWAITED)
		ticket_root_remove(f, t);
	if (t->state == TICKET_QUEUED)
		queue_remove(get_queue(f->get), &t->queued);
	else if (t->state == TICKET_WAITING)
		ticket_wait_ends(f, t);
	else if (t->state == TICKET_INSTALLING)
		ticket_folder_end(f, t);
	else if (t->state == TICKET_AWAIT_CARRIER)
		leave_carrier(t);
	DL_DELETE(f->list[t->state], t);
	f->count[t->state]--;
}

void ticket_to(struct fetch *f, struct ticket *t, enum ticket_state state)
{
	ticket_leave_state(f, t);
	list_add(f, t, state);
	root_add(f, t);
	if (state == TICKET_QUEUED) {
		const struct content *c = &t->want.content;

		queue_add(get_queue(f->get), &t->queued, c->size, c->nblocks, t->tries, t->first);
	}
	if (state != TICKET_WAITING && t->reason != REASON_NONE && state != TICKET_FRESH) {
		t->reason = REASON_NONE;
		f->state_changed = true;
	}
	fetch_wake(f);
}

void ticket_set_unstored(struct fetch *f, struct ticket *t)
{
	struct fetch_peer *p = fetch_peer_get(f, t->peer);
	struct ticket *after =
		p->unstored != NULL ? p->unstored->unstored_prev : NULL; /* the last: utlist's head points there */

	t->unstored = true;
	t->unstored_seq = t->want.seq;
	t->unstored_in = p->times_down;
	t->cost = sizeof(*t) + strlen(t->want.path) + (t->bytes != NULL ? (size_t)t->want.content.size : 0);
	f->unstored_bytes += t->cost;
	/* Sequence numbers come in order, unless a peer begins again. */
	while (after != NULL && after->unstored_seq > t->unstored_seq)
		after = after != p->unstored ? after->unstored_prev : NULL;
	if (after == NULL)
		DL_PREPEND2(p->unstored, t, unstored_prev, unstored_next);
	else
		DL_APPEND_ELEM2(p->unstored, after, t, unstored_prev, unstored_next);
}

void ticket_said_again(struct fetch *f, struct ticket *t)
{
	t->unstored_in = fetch_peer_get(f, t->peer)->times_down;
	t->untold = false;
}

void ticket_set_stored(struct fetch *f, struct ticket *t)
{
	struct fetch_peer *p;

	if (!t->unstored)
		return;
	p = fetch_peer_get(f, t->peer);
	t->untold |= t->unstored_in != p->times_down;
	DL_DELETE2(p->unstored, t, unstored_prev, unstored_next);
	f->unstored_bytes -= t->cost;
	t->unstored = false;
	ticket_due_update(f, t);
	f->state_changed = true;
}

void ticket_store(struct fetch *f, struct ticket *t)
{
	also_store(f, t);
	if (!t->unstored)
		return;
	/* The index reports disk errors itself; the record stays unstored, and its peer sends it again one day. A
	 * record above its peer's bound stays unstored too; their number is bounded as well. */
	if (also_outdated(f, t->want.path, t->peer, t->want.seq)) {
		ticket_set_stored(f, t);
		return;
	}
	if (!index_wants(f->c.index, &t->want)) {
		if (listed_add(f, t->peer, &t->want) == 0)
			ticket_set_stored(f, t);
		return;
	}
	if (!allowance_is_full(f, fetch_peer_get(f, t->peer), &t->want) &&
	    index_offer(f->c.index, t->peer, &t->want) == 0)
		ticket_set_stored(f, t);
}

void ticket_drop_blocks(struct fetch *f, struct ticket *t)
{
	f->short_lists -= t->blocks.n;
	blocklist_clear(&t->blocks);
}

void ticket_unpair(struct fetch *f, struct ticket *t)
{
	struct ticket *mover = t->merged.deleted ? t->pair : t, *gone = mover->pair;

	mover->pair = NULL;
	gone->pair = NULL;
	record_clear(mover->from);
	free(mover->from);
	mover->from = NULL;
	if (gone->state == TICKET_PAIRED)
		ticket_to(f, gone, TICKET_DELETE);
	if (mover->state == TICKET_READY)
		ticket_to(f, mover, TICKET_FRESH);
}

bool ticket_below(const struct fetch *f, size_t max)
{
	return HASH_COUNT(f->tickets) - f->count[TICKET_WAITING] < max;
}

bool ticket_has_slot(struct fetch *f, uint64_t peer, size_t max)
{
	return ticket_below(f, max) || (peer != 0 && fetch_peer_get(f, peer)->tickets <= FEW);
}
