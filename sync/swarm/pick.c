/* The rules of the asking side: see pick.h. */
#include "sync/swarm/pick.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/swarm/map.h"

enum {
	LOOKS = 64,          /* blocks of one rarity that a choice examines */
	LOOKS_ALL = 256,     /* in all, for one choice */
	NEIGHBOURS = 8,      /* blocks that fall to one receiver together, so that it reads on at the giver ... */
	NEIGHBOURS_OF = 512, /* ... of contents with this many blocks */
	AHEAD_WORDS = 16,    /* of 64 blocks: what is far behind the last block */
	ALL_RATE_MS = 200,   /* of incoming bytes may be under way: a block takes that long where links are full */
	FEW_PEERS = 4,       /* from more than these less is asked for in all: blocks take many hops */
	HOLDERS_MAX = UINT8_MAX,
};

static uint64_t spread_bits(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
	x = (x ^ x >> 27) * 0x94d049bb133111ebU;
	return x ^ x >> 31;
}

/* SplitMix64 (Steele, Lea, Flood 2014). */
uint64_t swarm_random(uint64_t *state)
{
	return spread_bits(*state += 0x9e3779b97f4a7c15U);
}

/* --- the index --- */

static unsigned rarity(const struct swarm_index *x, uint32_t block)
{
	return x->holders[block] < SWARM_RARITIES ? x->holders[block] : SWARM_RARITIES - 1;
}

void swarm_index_grow(struct swarm_index *x, uint32_t n)
{
	size_t words = ((size_t)n + 63) / 64, had = ((size_t)x->n + 63) / 64;

	if (n <= x->n)
		return;
	x->holders = mem_realloc(x->holders, n, sizeof(x->holders[0]));
	x->order = mem_realloc(x->order, n, sizeof(x->order[0]));
	x->place = mem_realloc(x->place, n, sizeof(x->place[0]));
	x->bits = mem_realloc(x->bits, words, sizeof(x->bits[0]));
	memset(x->holders + x->n, 0, n - x->n);
	memset(x->place + x->n, 0xff, (n - x->n) * sizeof(x->place[0]));
	memset(x->bits + had, 0, (words - had) * sizeof(x->bits[0]));
	x->n = n;
}

void swarm_index_clear(struct swarm_index *x)
{
	free(x->holders);
	free(x->order);
	free(x->place);
	free(x->bits);
	*x = (struct swarm_index){ 0 };
}

size_t swarm_index_bytes(uint32_t n)
{
	return (size_t)n * (sizeof(uint8_t) + 2 * sizeof(uint32_t)) + n / 8;
}

static void put(struct swarm_index *x, uint32_t at, uint32_t block)
{
	x->order[at] = block;
	x->place[block] = at;
}

static uint32_t begin_of(const struct swarm_index *x, unsigned r)
{
	return r == 0 ? 0 : x->end[r - 1];
}

/* Each rarity behind the block's own moves by one place: its first block goes behind its last. */
void swarm_index_need(struct swarm_index *x, uint32_t block)
{
	unsigned own = rarity(x, block);

	if (x->place[block] != SWARM_NONE)
		return;
	for (unsigned r = SWARM_RARITIES - 1; r > own; r--) {
		if (begin_of(x, r) < x->end[r])
			put(x, x->end[r], x->order[begin_of(x, r)]);
		x->end[r]++;
	}
	put(x, x->end[own]++, block);
	x->bits[block / 64] |= 1ULL << block % 64;
}

void swarm_index_drop(struct swarm_index *x, uint32_t block)
{
	unsigned own = rarity(x, block);
	uint32_t hole = x->place[block];

	if (hole == SWARM_NONE)
		return;
	for (unsigned r = own; r < SWARM_RARITIES; r++) {
		uint32_t last = x->end[r] - 1;

		if (last != hole)
			put(x, hole, x->order[last]);
		hole = last;
		x->end[r]--;
	}
	x->place[block] = SWARM_NONE;
	x->bits[block / 64] &= ~(1ULL << block % 64);
}

void swarm_index_held(struct swarm_index *x, uint32_t block, bool more)
{
	bool needed = x->place[block] != SWARM_NONE;
	uint8_t old = x->holders[block];

	if (more ? old == HOLDERS_MAX : old == 0)
		return;
	if (needed)
		swarm_index_drop(x, block);
	x->holders[block] = (uint8_t)(more ? old + 1 : old - 1);
	if (needed)
		swarm_index_need(x, block);
}

/* 64 bits of them, block 0 of the word the lowest. */
static uint64_t word_of(const struct swarm_index *x, const uint8_t *bits, uint32_t word)
{
	uint32_t bytes = (x->n + 7) / 8 - word * 8;
	uint64_t all = 0;

	for (uint32_t i = 0; i < 8 && i < bytes; i++)
		all |= (uint64_t)bits[word * 8 + i] << 8 * i;
	return all & x->bits[word];
}

uint32_t swarm_index_wanted(const struct swarm_index *x, const uint8_t *bits)
{
	uint32_t n = 0;

	for (uint32_t word = 0; word < (x->n + 63) / 64; word++)
		n += (uint32_t)__builtin_popcountll(word_of(x, bits, word));
	return n;
}

/* --- the choice --- */

/* Whether the block falls to us among all that get the content. */
static bool is_mine(const struct swarm_index *x, const struct swarm_ask *a, uint32_t block)
{
	uint64_t group = x->n >= NEIGHBOURS_OF ? block / NEIGHBOURS : block;
	uint64_t salt = a->seed ^ spread_bits(group + 1), mine = spread_bits(salt ^ spread_bits(a->me));

	for (size_t i = 0; i < a->nothers && i < SWARM_RECEIVERS_MAX; i++) {
		if (spread_bits(salt ^ spread_bits(a->others[i])) < mine)
			return false;
	}
	return true;
}

static bool may_ask(const struct swarm_ask *a, uint32_t block)
{
	if (a->bits != NULL && !swarm_bit(a->bits, block))
		return false;
	for (size_t i = 0; i < a->nwired; i++) {
		if (swarm_bit(a->wired[i], block))
			return false;
	}
	return true;
}

/* 64 of the needed blocks that this peer may be asked for. */
static uint64_t askable(const struct swarm_index *x, const struct swarm_ask *a, uint32_t word)
{
	uint64_t left = a->bits != NULL ? word_of(x, a->bits, word) : x->bits[word];

	for (size_t i = 0; i < a->nwired && left != 0; i++)
		left &= ~word_of(x, a->wired[i], word);
	return left;
}

/* The next that is needed behind the one that the peer was asked for last, unless it is far. */
static uint32_t pick_next(const struct swarm_index *x, const struct swarm_ask *a)
{
	uint64_t words = ((uint64_t)x->n + 63) / 64;

	for (uint64_t word = a->cursor / 64; word < words && word < a->cursor / 64 + AHEAD_WORDS; word++) {
		uint64_t left = askable(x, a, (uint32_t)word);

		if (word == a->cursor / 64)
			left &= UINT64_MAX << a->cursor % 64;
		if (left != 0)
			return (uint32_t)(word * 64) + (uint32_t)__builtin_ctzll(left);
	}
	return SWARM_NONE;
}

/* Of blocks that are equally rare: looks at some, and takes the first that falls to us; else the first that will do. */
static uint32_t pick_equal(const struct swarm_index *x, const struct swarm_ask *a, unsigned r, int *looks,
                           uint64_t *random)
{
	uint32_t first = begin_of(x, r), n = x->end[r] - first, found = SWARM_NONE;
	int most = n < LOOKS ? (int)n : LOOKS;

	if (n == 0)
		return SWARM_NONE;
	for (uint32_t i = 0, at = (uint32_t)(swarm_random(random) % n); most > 0 && *looks > 0; i++, most--, --*looks) {
		/* All of a few, in turn from a random one; of many, each at random. */
		uint32_t block = x->order[first + (n <= LOOKS ? (at + i) % n : (uint32_t)(swarm_random(random) % n))];

		if (!may_ask(a, block))
			continue;
		if (a->bits != NULL || is_mine(x, a, block))
			return block;
		if (found == SWARM_NONE)
			found = block;
	}
	return found;
}

/* Any that the peer has, from a random place on. */
static uint32_t pick_exact(const struct swarm_index *x, const struct swarm_ask *a, uint64_t *random)
{
	uint32_t words = (x->n + 63) / 64, at = (uint32_t)(swarm_random(random) % words);

	for (uint32_t i = 0; i < words; i++) {
		uint32_t word = (at + i) % words;
		uint64_t left = askable(x, a, word);

		if (left != 0)
			return word * 64 + (uint32_t)__builtin_ctzll(left);
	}
	return SWARM_NONE;
}

uint32_t swarm_pick(const struct swarm_index *x, const struct swarm_ask *a, uint64_t random)
{
	int looks = LOOKS_ALL;
	uint32_t block;

	if (a->wanted == 0 || x->n == 0)
		return SWARM_NONE;
	for (size_t i = 0; i < a->nwired; i++) {
		if (a->wired[i] == NULL)
			return SWARM_NONE;
	}
	if (a->in_order && (block = pick_next(x, a)) != SWARM_NONE)
		return block;
	for (unsigned r = 0; r < SWARM_RARITIES && looks > 0; r++) {
		block = pick_equal(x, a, r, &looks, &random);
		if (block != SWARM_NONE)
			return block;
	}
	return pick_exact(x, a, &random);
}

/* --- how much, how long --- */

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
	return x < low ? low : x > high ? high : x;
}

int64_t swarm_window(size_t n, int64_t rate, int64_t block)
{
	int64_t all = rate / (1000 / ALL_RATE_MS), peers = n > 0 ? (int64_t)n : 1;
	int64_t least = 2 * block > SWARM_WINDOW_MIN ? 2 * block : SWARM_WINDOW_MIN;

	if (all < SWARM_WINDOW_ALL)
		all = SWARM_WINDOW_ALL;
	if (peers > FEW_PEERS)
		all = all / peers * FEW_PEERS;
	return clamp(all / peers, least, SWARM_WINDOW_MAX);
}

int64_t swarm_window_alone(size_t n, int64_t rate)
{
	int64_t all = rate > SWARM_WINDOW_ALL ? rate : SWARM_WINDOW_ALL;

	return clamp(all / (n > 0 ? (int64_t)n : 1), SWARM_WINDOW_MIN, SWARM_WINDOW_MAX);
}

int64_t swarm_late_ms(int64_t response)
{
	return response > 0 ? clamp(8 * response, 300, 2000) : 2000;
}

int64_t swarm_twice_ms(int64_t response)
{
	return 4 * (response > 100 ? response : 100);
}

bool swarm_may_name(const struct swarm_out *o)
{
	int64_t pause = 100 + 2 * o->spread_ms;

	if (o->since_ms >= 6 * pause)
		return true;
	return o->since_ms >= pause && o->quiet_ms >= pause && o->rate <= o->rate_then / 2;
}

size_t swarm_endgame(const struct swarm_debt *debts, size_t n)
{
	size_t best = n;

	for (size_t i = 0; i < n; i++) {
		if (debts[i].blocks >= 2 && (best == n || debts[i].since_ms < debts[best].since_ms))
			best = i;
	}
	return best;
}
