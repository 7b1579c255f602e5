/* Equal records of further peers: what several members say of one version of a file is one ticket, and none of them is
 * acknowledged before its work is done or the index has their offers. See fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>

#include "base/mem.h"

/* An offer in the index for a path. */
struct later {
	uint64_t peer, seq;
	bool found;
};

static bool is_later(void *arg, uint64_t peer, const struct record *r)
{
	struct later *l = arg;

	l->found = peer == l->peer && r->seq > l->seq;
	return !l->found;
}

bool also_outdated(struct fetch *f, const char *path, uint64_t peer, uint64_t seq)
{
	struct later l = { .peer = peer, .seq = seq };

	(void)index_offers(f->c.index, path, is_later, &l);
	return l.found;
}

static struct ticket_also *also_of(const struct ticket *t, uint64_t peer)
{
	struct ticket_also *a = t->also;

	while (a != NULL && a->peer != peer)
		a = a->more;
	return a;
}

static void also_free(struct fetch *f, struct ticket_also *a)
{
	DL_DELETE(fetch_peer_get(f, a->peer)->also, a);
	f->unstored_bytes -= sizeof(*a);
	f->state_changed = true;
	free(a);
}

void also_add(struct fetch *f, struct ticket *t, uint64_t peer, uint64_t seq)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	struct ticket_also *a = also_of(t, peer), *after;

	if (a != NULL)
		return;
	a = MEM_NEW(struct ticket_also);
	a->peer = peer;
	a->seq = seq;
	a->more = t->also;
	t->also = a;
	f->unstored_bytes += sizeof(*a);
	/* Sequence numbers come in order, unless a peer begins again. */
	after = p->also != NULL ? p->also->prev : NULL;
	while (after != NULL && after->seq > seq)
		after = after != p->also ? after->prev : NULL;
	if (after == NULL)
		DL_PREPEND(p->also, a);
	else
		DL_APPEND_ELEM(p->also, after, a);
}

void also_drop(struct fetch *f, struct ticket *t)
{
	struct ticket_also *a;

	while ((a = t->also) != NULL) {
		t->also = a->more;
		also_free(f, a);
	}
}

void also_store(struct fetch *f, struct ticket *t)
{
	struct ticket_also *a;

	while ((a = t->also) != NULL) {
		struct record r = t->want; /* borrowed */

		r.seq = a->seq;
		if (!also_outdated(f, t->want.path, a->peer, a->seq))
			listed_store(f, a->peer, &r);
		t->also = a->more;
		also_free(f, a);
	}
}

void also_forget(struct fetch *f, struct ticket *t, uint64_t peer)
{
	struct ticket_also **at = &t->also, *a;

	while ((a = *at) != NULL && a->peer != peer)
		at = &a->more;
	if (a == NULL)
		return;
	*at = a->more;
	also_free(f, a);
}
