/* How a ticket waits, begins again, or ends, and gives back all that it had. See fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { REWALK_MS = 60000, BRIEF_TRIES = 3 };

/* A move is given up and the download dropped before the records they use go. */
void ticket_reset(struct fetch *f, struct ticket *t)
{
	if (t->pair != NULL)
		ticket_unpair(f, t);
	if (t->download != NULL)
		download_drop(t->download, false);
	guard_forget(f, t);
	ticket_root_remove(f, t);
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
	t->awaited = false;
	t->listed = false;
	t->liars = (struct liars){ 0 };
}

void ticket_free(struct fetch *f, struct ticket *t)
{
	ticket_reset(f, t);
	also_drop(f, t);
	ticket_set_stored(f, t);
	ticket_is_of(f, t, 0);
	ticket_leave_state(f, t);
	HASH_DEL(f->tickets, t);
	record_clear(&t->want);
	record_clear(&t->ours);
	record_clear(&t->merged);
	free(t);
	fetch_wake(f);
}

/* So many have no source that they do not wait for it as tickets: the walk comes by once more before they are
 * listed. */
static void ticket_list_later(struct fetch *f, struct ticket *t)
{
	int64_t now = fetch_now(f);

	if (now >= f->walk.list_ms) {
		listed_sourceless(f, t);
	} else if (f->walk.list_ms == INT64_MAX) {
		f->walk.list_ms = now + SOURCELESS_MS;
		if (f->walk.again_ms > f->walk.list_ms)
			f->walk.again_ms = f->walk.list_ms;
	}
}

/* Above a bound the ticket is not kept, since the index has its offer; what is unstored or a repair is kept always. */
void ticket_wait(struct fetch *f, struct ticket *t, enum reason reason)
{
	if (t->pair != NULL)
		ticket_unpair(f, t);
	if (t->download != NULL)
		download_park(t->download);
	/* These usually pass in a moment, and should not cost the bytes that came along. */
	if ((reason != REASON_PARENT && reason != REASON_CHANGED) || t->tries >= BRIEF_TRIES)
		ticket_store(f, t);
	if (!t->unstored) {
		free(t->bytes);
		t->bytes = NULL;
	}
	if (!t->unstored && !t->repair &&
	    f->count[TICKET_WAITING] >= (size_t)(reason == REASON_HELD ? HELD_MAX : WAITING_MAX)) {
		/* The index has the offer; the walk finds it again. */
		if (reason == REASON_NO_SOURCE) {
			f->walk.sourceless = true;
			ticket_list_later(f, t);
		} else if (reason != REASON_HELD && f->walk.again_ms == INT64_MAX)
			f->walk.again_ms = fetch_now(f) + REWALK_MS;
		if (t->download != NULL)
			download_drop(t->download, true);
		also_store(f, t);
		ticket_free(f, t);
		return;
	}
	if (t->tries++ == 0)
		t->failing_ms = fetch_now(f);
	if (t->reason != reason)
		f->state_changed = true;
	t->reason = reason;
	ticket_to(f, t, TICKET_WAITING);
	/* The offer that no connected peer could serve may be gone by now. */
	ticket_due(f, t,
	           t->rejudge && reason == REASON_NO_SOURCE ? fetch_now(f) + 1
	           : reason == REASON_HELD                  ? INT64_MAX
	                                                    : fetch_now(f) + reason_patience_ms(reason, t->tries));
	if (reason_is_problem(reason) && t->reported != reason && f->c.problem != NULL) {
		t->reported = reason;
		f->c.problem(f->c.arg, t->want.path, reason_text(reason));
	}
}
