/* Which receiver brings the bytes of small files to the others. While little is owed in all, they travel inside the
 * news to every receiver. Else one receiver of a stretch of our rows gets the bytes and passes them on, so that we send
 * about one copy: see docs/protocol.md, 4. A stretch has one carrier, whichever talk comes to it first; an old stretch,
 * or one whose carrier left, is given to another. What is noted here only says where bytes are likely to be: receivers
 * verify them, and ask us when they do not come. */
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/neighbour_internal.h"
#include "sync/peer/peers_internal.h"

enum {
	LITTLE = 256 << 10,     /* owed in all: less than this, and everybody gets the bytes */
	ALL_STRETCH = 64 << 10, /* bytes of a stretch for everybody, which is sent as often as there are receivers */
	STRETCH = 512 << 10,    /* bytes of a stretch for a carrier */
	CARRIER_OWES = 2 << 20, /* no stretch for a carrier that owes so much */
	HEAVY_MS = 1000,        /* so long after more was owed carriers stay in use */
	STALLED_MS = 3000,      /* without an acknowledgement for that long, a receiver is not a carrier */
	STRETCH_MS = 30000,     /* so long a carrier is known to bring a stretch */
};

/* Whether it has stopped acknowledging. */
static bool stopped_acking(const struct talk *t)
{
	return t->carry_owed > 0 && loop_now_ms(t->session->peers->config.loop) - t->carry_acked_ms > STALLED_MS;
}

/* Whether the talk's peer takes bytes inside the news. */
static bool takes_bytes(const struct talk *t)
{
	return t->up && !t->no_inline && !t->on_demand;
}

/* Of a carrier nothing is believed, so a reader is as good as any. */
static size_t owes(const struct talk *t)
{
	return t->carry_owed + t->carry_due;
}

/* In a crowd most receivers are not connected with one another. */
bool news_carry_is_shared(const struct talk *t)
{
	const struct talk *other;
	int n = 0;

	if (!takes_bytes(t) || t->session->peers->neighbours->crowded)
		return false;
	DL_FOREACH2(t->group->talks, other, group_next)
		n += takes_bytes(other);
	return n > 1;
}

/* The receiver that owes least; NULL: none can carry. *full: the best one owes enough already. */
static struct talk *least_busy(struct peer_group *g, bool *full)
{
	struct talk *t, *best = NULL;

	DL_FOREACH2(g->talks, t, group_next) {
		if (takes_bytes(t) && !stopped_acking(t) && (best == NULL || owes(t) < owes(best)))
			best = t;
	}
	*full = best != NULL && owes(best) >= CARRIER_OWES;
	return best;
}

static size_t owed_in_all(const struct peer_group *g)
{
	const struct talk *t;
	size_t owed = 0;

	DL_FOREACH2(g->talks, t, group_next)
		owed += takes_bytes(t) && !stopped_acking(t) ? owes(t) : 0;
	return owed;
}

/* The first stretch that ends behind `after`. */
static size_t stretch_at(const struct news_carry *c, uint64_t after)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (c->stretches[mid].upto > after)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool is_good(struct peer_group *g, const struct news_stretch *s)
{
	const struct talk *t;

	if (loop_now_ms(g->peers->config.loop) - s->made_ms >= STRETCH_MS)
		return false;
	if (s->carrier == 0)
		return true;
	t = talk_of_peer(g, s->carrier);
	return t != NULL && takes_bytes(t);
}

static enum news_way fresh_way(struct peer_group *g, struct news_turn *turn)
{
	struct news_carry *c = &g->carry;
	int64_t now = loop_now_ms(g->peers->config.loop);
	struct talk *carrier;
	bool full;

	if (owed_in_all(g) >= (g->peers->config.carry_min > 0 ? g->peers->config.carry_min : LITTLE))
		c->heavy_ms = now;
	turn->carrier = 0;
	turn->bytes = ALL_STRETCH;
	if (c->heavy_ms == 0 || now - c->heavy_ms > HEAVY_MS)
		return NEWS_TO_ALL;
	carrier = least_busy(g, &full);
	if (carrier == NULL)
		return NEWS_TO_ALL;
	if (full)
		return NEWS_WAITS;
	turn->carrier = carrier->session->peer;
	turn->bytes = STRETCH;
	return NEWS_BY_CARRIER;
}

enum news_way news_carry_turn(struct talk *t, struct news_turn *turn)
{
	struct news_carry *c = &t->group->carry;
	size_t i = stretch_at(c, t->sent);
	const struct news_stretch *s = i < c->n ? &c->stretches[i] : NULL;

	if (i == c->n)
		t->carry_due = 0; /* it has got all that was put down for it */
	*turn = (struct news_turn){ .upto = UINT64_MAX, .bytes = NEWS_BATCH_BYTES };
	if (!news_carry_is_shared(t))
		return NEWS_TO_ALL;
	if (s != NULL && s->after > t->sent)
		turn->upto = s->after;
	else if (s != NULL && is_good(t->group, s)) {
		turn->upto = s->upto;
		turn->carrier = s->carrier;
		return s->carrier == 0 ? NEWS_TO_ALL : NEWS_BY_CARRIER;
	} else if (s != NULL)
		turn->upto = s->upto;
	return fresh_way(t->group, turn);
}

/* What the carrier of a stretch is to get counts as owed from the time that others are told of it. */
static void note_due(struct talk *t, uint64_t carrier, size_t bytes)
{
	struct talk *to = carrier == 0 || carrier == t->session->peer ? NULL : talk_of_peer(t->group, carrier);

	if (to != NULL)
		to->carry_due += bytes;
}

/* Stretches that this one covers, wholly or in part, give way. */
void news_carry_note(struct talk *t, uint64_t after, uint64_t upto, uint64_t carrier, size_t bytes)
{
	struct news_carry *c = &t->group->carry;
	size_t i = stretch_at(c, after), end = i;

	if (upto <= after)
		return;
	if (i < c->n && c->stretches[i].after <= after && c->stretches[i].carrier == carrier &&
	    c->stretches[i].upto >= upto) {
		if (carrier == t->session->peer)
			t->carry_due -= bytes < t->carry_due ? bytes : t->carry_due;
		return;
	}
	note_due(t, carrier, bytes);
	if (i < c->n && c->stretches[i].after < after) {
		c->stretches[i].upto = after;
		end = ++i;
	}
	while (end < c->n && c->stretches[end].upto <= upto)
		end++;
	if (end < c->n && c->stretches[end].after < upto)
		c->stretches[end].after = upto;
	memmove(&c->stretches[i], &c->stretches[end], (c->n - end) * sizeof(c->stretches[0]));
	c->n -= end - i;
	if (c->n == NEWS_STRETCHES) {
		size_t drop = i > 0 ? 0 : c->n - 1;

		c->n--;
		memmove(&c->stretches[drop], &c->stretches[drop + 1], (c->n - drop) * sizeof(c->stretches[0]));
		i -= i > 0;
	}
	memmove(&c->stretches[i + 1], &c->stretches[i], (c->n - i) * sizeof(c->stretches[0]));
	c->n++;
	c->stretches[i] = (struct news_stretch){ .after = after,
		                                 .upto = upto,
		                                 .carrier = carrier,
		                                 .made_ms = loop_now_ms(t->group->peers->config.loop) };
}
