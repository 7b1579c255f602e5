/* Tickets that wait for a carrier go on: with its bytes, or by asking for the content. See carried.c. */
#include "sync/fetch/fetch_internal.h"

void carried_brought(struct fetch *f, struct ticket *t)
{
	if (t->state == TICKET_AWAIT_CARRIER || t->state == TICKET_QUEUED)
		route_ticket(f, t);
}

void fetch_relayed(struct fetch *f, uint64_t peer, const uint8_t root[32], const uint8_t *bytes, size_t n)
{
	struct ticket *t;

	HASH_FIND(hh_root, f->awaited, root, 32, t);
	if (t == NULL) {
		carried_early(f, peer, root, bytes, n);
		return;
	}
	if ((int64_t)n != t->want.content.size || liars_has(&t->liars, peer) || (t->peer == 0 && !t->unstored))
		return;
	carried_bytes(f, t, peer, bytes);
	carried_brought(f, t);
}

void carried_give_up(struct fetch *f, struct ticket *t)
{
	t->carrier = 0;
	if (t->state == TICKET_AWAIT_CARRIER)
		route_ticket(f, t);
}

void carried_peer_down(struct fetch *f, struct fetch_peer *p)
{
	while (p->awaited != NULL)
		carried_give_up(f, p->awaited);
}

/* No ticket waits any longer, or for a while, for a carrier from which nothing comes; if it brings others, only
 * the one that has waited too long is got elsewhere. */
static void carrier_turn(struct fetch *f, struct fetch_peer *p)
{
	bool alone;

	while (carried_due(f, p, &alone) <= fetch_now(f)) {
		if (!alone) {
			carried_given_up(f, p);
			carried_peer_down(f, p);
			return;
		}
		carried_give_up(f, p->awaited);
	}
}

int64_t carried_turn(struct fetch *f)
{
	int64_t next = carried_early_expire(f, false);
	struct fetch_peer *p, *after;

	if (f->count[TICKET_AWAIT_CARRIER] == 0)
		return next;
	HASH_ITER(hh, f->peers, p, after) {
		bool alone;
		int64_t due;

		carrier_turn(f, p);
		due = carried_due(f, p, &alone);
		if (due < next)
			next = due;
	}
	return next;
}
