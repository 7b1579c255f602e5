/* Which block of a content a receiver gets from its giver: see give.h. */
#include "sync/swarm/give.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

enum {
	FRESH_MAX = 4096,  /* first copies of one receiver that are watched; beyond it the oldest count as spread */
	FRESH_FIRST = 64,  /* for how many there is space at first */
	LOOK_MS = 20,      /* how often it is judged who is held */
	TAKES_MS = 200,    /* a receiver that was sent something so recently takes */
	SPAN_MS = 250,     /* over which the giver's rate is measured */
	IDLE_QUARTERS = 3, /* quarters of the best rate: a lower one is too low to hold anybody */
	UNHELD_MS = 10000, /* then nobody is held for that long */
	ANNOUNCED = 1,     /* by anybody */
	ANNOUNCED_BY_OTHER = 2, /* by a receiver that was not the first to get it from here */
};

/* A block that this receiver was the first to get. */
struct fresh_copy {
	uint32_t block;
	uint32_t ms; /* since the give began */
};

struct give_receiver {
	struct give_receiver *prev, *next;
	uint8_t number; /* in give.first */
	bool held;
	size_t credit;
	int64_t sent_ms;          /* last; INT64_MIN: never */
	struct fresh_copy *fresh; /* a ring, oldest first; owned; NULL: none yet */
	size_t fresh_at, nfresh, fresh_cap;
};

struct give {
	uint32_t nblocks;
	uint32_t cursor;    /* blocks before it are out */
	uint8_t *copies;    /* of each block: how many receivers it was sent to, 255 at most; owned */
	uint8_t *first;     /* of each block: the number of the first of them; 0: none; owned */
	uint8_t *announced; /* of each block: ANNOUNCED and ANNOUNCED_BY_OTHER; owned */
	struct give_receiver *receivers;
	bool taken[GIVE_RECEIVERS_MAX + 1]; /* numbers of receivers */
	bool begun;
	int64_t begun_ms;  /* of the first block that was sent */
	int64_t look_ms;   /* when it was last judged who is held */
	int64_t span_ms;   /* when the present span began */
	uint64_t span;     /* bytes sent in it */
	uint64_t best;     /* bytes of the best span, fading */
	bool span_held;    /* somebody was held throughout this span */
	bool filled;       /* the first span is over: it filled the links' queues, and says nothing of a rate */
	int64_t unheld_ms; /* nobody is held before this time */
};

size_t give_room(size_t links)
{
	size_t share = GIVE_ROOM_ALL / (links > 0 ? links : 1);

	return share > GIVE_ROOM_MIN ? share : GIVE_ROOM_MIN;
}

size_t give_memory(uint32_t nblocks)
{
	return 3 * (size_t)nblocks + sizeof(struct give);
}

struct give *give_new(uint32_t nblocks)
{
	struct give *g = MEM_NEW(struct give);

	g->nblocks = nblocks;
	g->copies = mem_calloc(nblocks, 1);
	g->first = mem_calloc(nblocks, 1);
	g->announced = mem_calloc(nblocks, 1);
	return g;
}

void give_free(struct give *g)
{
	if (g == NULL)
		return;
	while (g->receivers != NULL)
		give_leave(g, g->receivers);
	free(g->copies);
	free(g->first);
	free(g->announced);
	free(g);
}

struct give_receiver *give_join(struct give *g)
{
	struct give_receiver *r;
	int number = 1;

	while (number <= GIVE_RECEIVERS_MAX && g->taken[number])
		number++;
	if (number > GIVE_RECEIVERS_MAX)
		return NULL;
	g->taken[number] = true;
	r = MEM_NEW(struct give_receiver);
	r->number = (uint8_t)number;
	r->sent_ms = INT64_MIN;
	DL_APPEND(g->receivers, r);
	return r;
}

/* A later receiver may have its number, and is then taken for the first one of some blocks: some that it announces are
 * not seen to have spread. */
void give_leave(struct give *g, struct give_receiver *r)
{
	g->taken[r->number] = false;
	DL_DELETE(g->receivers, r);
	free(r->fresh);
	free(r);
}

void give_credit(struct give_receiver *r, size_t n)
{
	r->credit = n;
}

void give_announced(struct give *g, struct give_receiver *r, uint32_t block)
{
	if (block >= g->nblocks)
		return;
	g->announced[block] |= ANNOUNCED;
	if (g->first[block] != r->number)
		g->announced[block] |= ANNOUNCED_BY_OTHER;
}

/* --- what was sent --- */

static void fresh_drop(struct give_receiver *r)
{
	r->fresh_at = (r->fresh_at + 1) % r->fresh_cap;
	r->nfresh--;
}

static void fresh_grow(struct give_receiver *r)
{
	size_t cap = r->fresh_cap > 0 ? 2 * r->fresh_cap : FRESH_FIRST;
	struct fresh_copy *fresh = mem_calloc(cap, sizeof(*fresh));

	for (size_t i = 0; i < r->nfresh; i++)
		fresh[i] = r->fresh[(r->fresh_at + i) % r->fresh_cap];
	free(r->fresh);
	r->fresh = fresh;
	r->fresh_at = 0;
	r->fresh_cap = cap;
}

static void fresh_add(struct give *g, struct give_receiver *r, uint32_t block, int64_t now_ms)
{
	if (r->nfresh == r->fresh_cap && r->fresh_cap < FRESH_MAX)
		fresh_grow(r);
	else if (r->nfresh == r->fresh_cap)
		fresh_drop(r);
	r->fresh[(r->fresh_at + r->nfresh) % r->fresh_cap] =
		(struct fresh_copy){ .block = block, .ms = (uint32_t)(now_ms - g->begun_ms) };
	r->nfresh++;
}

/* The spans in which nobody was held say how fast the giver can be; one in which somebody was held throughout, and that
 * was much slower, says that holding does not help. */
static void span_end(struct give *g, int64_t now_ms)
{
	if (g->span_held && 4 * g->span < IDLE_QUARTERS * g->best)
		g->unheld_ms = now_ms + UNHELD_MS;
	g->best -= g->best / 16;
	if (!g->span_held && g->filled && g->span > g->best)
		g->best = g->span;
	g->filled = true;
	g->span = 0;
	g->span_ms = now_ms;
	g->span_held = true; /* until somebody looks, and nobody is */
}

static void span_add(struct give *g, uint32_t len, int64_t now_ms)
{
	if (!g->begun) {
		g->begun = true;
		g->begun_ms = g->span_ms = now_ms;
		g->look_ms = now_ms - LOOK_MS;
	}
	if (now_ms - g->span_ms >= SPAN_MS)
		span_end(g, now_ms);
	g->span += len;
}

void give_sent(struct give *g, struct give_receiver *r, uint32_t block, uint32_t len, int64_t now_ms)
{
	if (block >= g->nblocks)
		return;
	span_add(g, len, now_ms);
	r->sent_ms = now_ms;
	if (g->copies[block] < UINT8_MAX)
		g->copies[block]++;
	if (g->first[block] != 0 || g->announced[block] != 0)
		return;
	g->first[block] = r->number;
	fresh_add(g, r, block, now_ms);
}

uint8_t give_copies(const struct give *g, uint32_t block)
{
	return block < g->nblocks ? g->copies[block] : 0;
}

/* --- who is held --- */

/* Whether the oldest of its first copies that nobody else has is too old. */
static bool is_late(struct give *g, struct give_receiver *r, int64_t now_ms)
{
	while (r->nfresh > 0) {
		const struct fresh_copy *f = &r->fresh[r->fresh_at];
		int64_t age = now_ms - g->begun_ms - f->ms;

		if ((g->announced[f->block] & ANNOUNCED_BY_OTHER) == 0 && age < GIVE_SPREAD_LAST_MS)
			return age > GIVE_SPREAD_MS;
		fresh_drop(r);
	}
	return false;
}

static bool takes(const struct give_receiver *r, int64_t now_ms)
{
	return r->credit > 0 || (r->sent_ms != INT64_MIN && now_ms - r->sent_ms < TAKES_MS);
}

/* For all receivers at once, and not for every block. */
static void hold(struct give *g, int64_t now_ms)
{
	struct give_receiver *r;
	bool other = false, any = false;

	if (!g->begun || now_ms - g->look_ms < LOOK_MS)
		return;
	g->look_ms = now_ms;
	if (now_ms - g->span_ms >= SPAN_MS)
		span_end(g, now_ms);
	DL_FOREACH(g->receivers, r) {
		r->held = now_ms >= g->unheld_ms && is_late(g, r, now_ms);
		other |= !r->held && takes(r, now_ms);
	}
	DL_FOREACH(g->receivers, r) {
		r->held &= other;
		any |= r->held;
	}
	g->span_held &= any;
}

bool give_held(struct give *g, const struct give_receiver *r, int64_t now_ms)
{
	hold(g, now_ms);
	return r->held;
}

enum give_choice give_choose(struct give *g, const struct give_receiver *r, uint32_t hashed, int64_t now_ms,
                             uint32_t *block)
{
	while (g->cursor < g->nblocks && (g->copies[g->cursor] > 0 || g->announced[g->cursor] != 0))
		g->cursor++;
	if (g->cursor == g->nblocks)
		return GIVE_OUT;
	if (g->cursor >= hashed || give_held(g, r, now_ms))
		return GIVE_WAIT;
	*block = g->cursor;
	return GIVE_BLOCK;
}
