/* See graph.h. */
#include "sync/peer/graph.h"

#include <stdlib.h>

enum { DAY_S = 86400 };

/* The finalizer of splitmix64. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
	return x ^ (x >> 31);
}

uint64_t graph_rank(const uint64_t secret[2], uint64_t short_id, int64_t now_s)
{
	uint64_t phase = mix(secret[0] ^ short_id);
	uint64_t day = ((uint64_t)now_s + phase % DAY_S) / DAY_S;

	return mix(secret[1] ^ mix(phase ^ mix(day)));
}

static int by_rank(const void *a, const void *b)
{
	const struct graph_member *x = a, *y = b;

	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

static bool counts(const struct graph_member *m)
{
	return m->state == GRAPH_UP || m->state == GRAPH_HOPED;
}

/* Wants members by rank until `most` of those that qualify are up or may be soon; returns how many are up. */
static size_t choose(struct graph_member *m, size_t n, bool writers_only, size_t most)
{
	size_t found = 0, up = 0;

	for (size_t i = 0; i < n && found < most; i++) {
		if (writers_only && !m[i].writes)
			continue;
		m[i].wanted = true;
		found += counts(&m[i]);
		up += m[i].state == GRAPH_UP;
	}
	return up;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool graph_choose(struct graph_member *m, size_t n, bool writes)
{
	size_t nwriters = 0, up = 0;
	bool enough;

	for (size_t i = 0; i < n; i++) {
		m[i].wanted = n < GRAPH_MESH;
		nwriters += m[i].writes;
		up += m[i].state == GRAPH_UP;
	}
	if (n < GRAPH_MESH)
		return up == n;
	qsort(m, n, sizeof(*m), by_rank);
	/* What a writer says reaches all by the writers alone: others pass nothing on that counts. */
	if (writes)
		return choose(m, n, true, GRAPH_CHOSEN) >= least(GRAPH_CHOSEN, nwriters);
	enough = choose(m, n, true, GRAPH_WRITERS) >= least(GRAPH_WRITERS, nwriters);
	return choose(m, n, false, GRAPH_CHOSEN) >= GRAPH_CHOSEN && enough;
}

size_t graph_shed(const struct graph_link *l, size_t n)
{
	size_t worst = n;

	if (n <= GRAPH_SOFT)
		return n;
	for (size_t i = 0; i < n; i++) {
		bool may_go = !l[i].wanted && l[i].age_ms >= GRAPH_NEW_MS && (l[i].spare || n > GRAPH_HARD);

		if (may_go && (worst == n || l[i].rank > l[worst].rank))
			worst = i;
	}
	return worst;
}
