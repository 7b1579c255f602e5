/* The members of our groups, and which of them we have chosen: see neighbour_internal.h. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/neighbour_internal.h"

enum {
	SOON_MS = 50,             /* one review for all that changes meanwhile */
	FULL_MS = 120 * 1000,     /* that an agent which had no place for us is not tried */
	STRANGER_EVERY_MS = 5000, /* while we have the connections that we need */
};

struct neighbour_book *neighbour_book_new(struct peers *p, loop_fn *review)
{
	struct neighbour_book *b = MEM_NEW(struct neighbour_book);

	b->peers = p;
	b->few = true;
	b->secret[0] = random_u64();
	b->secret[1] = random_u64();
	b->soon = loop_timer_new(p->config.loop, review, p);
	return b;
}

void neighbour_book_free(struct neighbour_book *b)
{
	struct neighbour *n, *next;

	if (!b)
		return;
	HASH_ITER(hh, b->all, n, next)
		n->found = false;
	neighbour_book_sweep(b);
	loop_timer_free(b->soon);
	free(b);
}

void neighbour_book_soon(struct peers *p)
{
	if (p->neighbours)
		neighbour_book_within(p, SOON_MS);
}

void neighbour_book_within(struct peers *p, int64_t ms)
{
	struct neighbour_book *b = p->neighbours;
	int64_t when = loop_now_ms(p->config.loop) + ms;

	if (loop_timer_running(b->soon) && b->soon_ms <= when)
		return;
	b->soon_ms = when;
	loop_timer_start(b->soon, ms, 0);
}

struct neighbour *neighbour_book_find(const struct neighbour_book *b, const struct agent_id *id)
{
	struct neighbour *n;

	HASH_FIND(hh, b->all, id, sizeof(*id), n);
	return n;
}

struct neighbour *neighbour_book_add(struct neighbour_book *b, const struct agent_id *id)
{
	struct neighbour *n = neighbour_book_find(b, id);

	if (n)
		return n;
	n = MEM_NEW(struct neighbour);
	n->id = *id;
	HASH_ADD(hh, b->all, id, sizeof(n->id), n);
	return n;
}

void neighbour_book_sweep(struct neighbour_book *b)
{
	struct neighbour *n, *next;

	HASH_ITER(hh, b->all, n, next) {
		if (n->found)
			continue;
		HASH_DEL(b->all, n);
		free(n);
	}
}

/* Agents that are new to us may be members of whom we have not heard. In a crowd that does not need them, one is tried
 * every few seconds, lest two halves of a group that share no member known to both never meet. */
bool neighbour_book_wants_stranger(struct neighbour_book *b, int64_t *last_ms)
{
	int64_t now = loop_now_ms(b->peers->config.loop);

	if (b->hungry)
		return true;
	if (*last_ms && now - *last_ms < STRANGER_EVERY_MS)
		return false;
	*last_ms = now;
	return true;
}

bool neighbour_book_wants(struct peers *p, const struct agent_id *id)
{
	struct neighbour_book *b = p->neighbours;
	const struct neighbour *n;

	if (!b || !b->crowded || b->joining)
		return true;
	n = neighbour_book_find(b, id);
	if (!n)
		return neighbour_book_wants_stranger(b, &b->stranger_ms);
	return n->wanted && n->full_ms <= loop_now_ms(p->config.loop);
}

void neighbour_book_full(struct peers *p, const struct agent_id *id)
{
	struct neighbour *n = p->neighbours ? neighbour_book_find(p->neighbours, id) : NULL;

	if (n)
		n->full_ms = loop_now_ms(p->config.loop) + FULL_MS;
}
