/* Small files whose bytes another receiver brings: their maker gave them to one member, the carrier, and told the
 * others of the files alone. A ticket waits until the carrier passes them on; they are verified like any others. When
 * the carrier leaves, has the file without bytes, lied, or lets the ticket wait too long, the content is asked for as
 * usual. See fetch_internal.h; carried_turn.c takes tickets out of the wait. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	AWAITED_MAX = 16 << 20, /* bytes of records in memory, above which they do not wait there for their bytes */
	PATIENCE_MIN_MS = 3000, /* with a carrier; it grows with the time that it takes */
	PATIENCE_MAX_MS = 20000,
	HEAD_MIN_MS = 15000, /* one file waits this long, or twice as long as usual, whatever else its carrier brings */
	RESTS_MS = 10000,    /* no ticket waits for a carrier that let some wait; each further time twice as long, */
	RESTS_TWICE_MAX = 6, /* up to this often */
	TRUSTED_AFTER = 64,  /* contents in time, after which it is as if it had let none wait */
	EARLY_MAX = 4 << 20, /* memory for contents that came before their record, */
	EARLY_MS = 4000,     /* and for how long */
};

static int64_t patience(const struct fetch *f, const struct fetch_peer *p)
{
	int64_t ms = 200 + 4 * p->brings_ms;

	if (f->c.carrier_ms != 0)
		return f->c.carrier_ms;
	return ms < PATIENCE_MIN_MS ? PATIENCE_MIN_MS : ms > PATIENCE_MAX_MS ? PATIENCE_MAX_MS : ms;
}

/* The carrier's pace: how long it takes from the record to the bytes, smoothed. */
static void note_pace(struct fetch_peer *p, int64_t took)
{
	p->brings_ms = p->brings_ms == 0 ? took + 1 : (7 * p->brings_ms + took + 7) / 8;
}

/* It brings something after it was given up: it was only late, and the patience too short for its pace. That
 * excuses it once. A member that holds back what it is to bring could send a few bytes each time, of anything, and
 * delay every file by the longest patience. */
static void was_late(const struct fetch *f, struct fetch_peer *p)
{
	int64_t over = fetch_now(f) - p->given_up_ms, ms = patience(f, p);

	if (p->given_up_ms != 0 && over < ms && p->let_wait == 1) {
		note_pace(p, over + ms);
		p->rests_ms = 0;
	}
	p->given_up_ms = 0;
}

/* A content that came before its record did. */
struct early {
	uint8_t root[32];
	uint8_t *bytes; /* owned */
	size_t n;
	uint64_t peer;
	int64_t came_ms;
	UT_hash_handle hh;
};

/* Memory that it takes: a peer may bring many contents of a byte each. */
static size_t early_cost(const struct early *e)
{
	return sizeof(*e) + e->n;
}

static void early_drop(struct fetch *f, struct early *e)
{
	HASH_DEL(f->early, e);
	f->early_bytes -= early_cost(e);
	free(e->bytes);
	free(e);
}

int64_t carried_early_expire(struct fetch *f, bool all)
{
	struct early *e, *next;

	/* In the order they came: the first that stays is the oldest. */
	HASH_ITER(hh, f->early, e, next) {
		if (!all && f->early_bytes <= EARLY_MAX && fetch_now(f) - e->came_ms < EARLY_MS)
			return e->came_ms + EARLY_MS;
		early_drop(f, e);
	}
	return INT64_MAX;
}

void carried_early(struct fetch *f, uint64_t peer, const uint8_t root[32], const uint8_t *bytes, size_t n)
{
	struct early *e;

	HASH_FIND(hh, f->early, root, sizeof(e->root), e);
	if (e != NULL)
		early_drop(f, e);
	e = MEM_NEW(struct early);
	memcpy(e->root, root, sizeof(e->root));
	e->bytes = mem_dup(bytes, n);
	e->n = n;
	e->peer = peer;
	e->came_ms = fetch_now(f);
	HASH_ADD(hh, f->early, root, sizeof(e->root), e);
	f->early_bytes += early_cost(e);
	was_late(f, fetch_peer_get(f, peer));
	(void)carried_early_expire(f, false);
	fetch_wake(f);
}

/* Another file of this content may still come. */
bool carried_take_early(struct fetch *f, struct ticket *t)
{
	struct early *e;

	if (t->carrier == 0 || t->bytes != NULL || t->repair || t->download != NULL)
		return false;
	HASH_FIND(hh, f->early, t->want.content.root, sizeof(e->root), e);
	if (e == NULL || (int64_t)e->n != t->want.content.size || liars_has(&t->liars, e->peer) ||
	    (t->peer == 0 && !t->unstored))
		return false;
	carried_bytes(f, t, e->peer, e->bytes);
	return true;
}

/* Any number may be named as a carrier: none is remembered. */
bool carried_may_wait(const struct fetch *f, uint64_t carrier)
{
	const struct fetch_peer *p;

	HASH_FIND(hh, f->peers, &carrier, sizeof(carrier), p);
	return p != NULL && p->up && fetch_now(f) >= p->rests_ms;
}

bool carried_has_room(const struct fetch *f)
{
	return f->unstored_bytes < AWAITED_MAX;
}

bool carried_wait(struct fetch *f, struct ticket *t)
{
	if (t->carrier == 0)
		return false;
	if (t->bytes != NULL || t->repair || t->download != NULL || liars_has(&t->liars, t->carrier) ||
	    !carried_may_wait(f, t->carrier)) {
		t->carrier = 0;
		return false;
	}
	ticket_to(f, t, TICKET_AWAIT_CARRIER);
	t->awaits = fetch_peer_get(f, t->carrier);
	DL_APPEND2(t->awaits->awaited, t, awaited_prev, awaited_next);
	return true;
}

int64_t carried_due(const struct fetch *f, const struct fetch_peer *p, bool *alone)
{
	const struct ticket *head = p->awaited;
	int64_t quiet, late;

	*alone = false;
	if (head == NULL)
		return INT64_MAX;
	quiet = (head->since_ms > p->brought_ms ? head->since_ms : p->brought_ms) + patience(f, p);
	late = head->since_ms + (2 * patience(f, p) > HEAD_MIN_MS ? 2 * patience(f, p) : HEAD_MIN_MS);
	*alone = late < quiet;
	return *alone ? late : quiet;
}

void carried_given_up(struct fetch *f, struct fetch_peer *p)
{
	carried_rests(f, p);
	p->given_up_ms = fetch_now(f);
	if (p->let_wait > 1)
		p->brings_ms = 0;
}

void carried_rests(struct fetch *f, struct fetch_peer *p)
{
	p->rests_ms = fetch_now(f) + ((int64_t)RESTS_MS << p->let_wait);
	if (p->let_wait < RESTS_TWICE_MAX)
		p->let_wait++;
	p->in_time = 0;
}

void carried_bytes(struct fetch *f, struct ticket *t, uint64_t peer, const uint8_t *bytes)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	size_t n = (size_t)t->want.content.size;

	t->carrier = 0;
	was_late(f, p);
	if (t->awaits != NULL && t->awaits->id == peer) {
		p->brought_ms = fetch_now(f);
		note_pace(p, fetch_now(f) - t->since_ms);
		if (++p->in_time >= TRUSTED_AFTER)
			p->let_wait = 0;
	}
	t->bytes = mem_dup(bytes, n);
	t->bytes_from = peer;
	t->relayed = true;
	/* Bytes in memory are counted with the record that is in memory only. */
	if (!t->unstored && index_offer_forget(f->c.index, t->want.path, t->peer) == 0) {
		ticket_set_unstored(f, t);
	} else if (t->unstored) {
		t->cost += n;
		f->unstored_bytes += n;
	}
}
