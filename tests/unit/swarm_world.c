/* The swarm of swarm_world.h: what happens to its members, and when. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/swarm_world_internal.h"

struct swarm_state sw;

void later(int64_t after, struct event e)
{
	size_t at = sw.n++;

	e.at = sw.now + after;
	e.order = sw.order++;
	if (sw.n > sw.cap) {
		sw.cap = sw.cap * 2 + 1024;
		sw.heap = mem_realloc(sw.heap, sw.cap, sizeof(e));
	}
	for (; at > 0 && (sw.heap[(at - 1) / 2].at > e.at); at = (at - 1) / 2)
		sw.heap[at] = sw.heap[(at - 1) / 2];
	sw.heap[at] = e;
}

static bool sooner(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static struct event take_next(void)
{
	struct event first = sw.heap[0], last = sw.heap[--sw.n];
	size_t at = 0, child;

	while ((child = at * 2 + 1) < sw.n) {
		child += child + 1 < sw.n && sooner(&sw.heap[child + 1], &sw.heap[child]);
		if (!sooner(&sw.heap[child], &last))
			break;
		sw.heap[at] = sw.heap[child];
		at = child;
	}
	sw.heap[at] = last;
	return first;
}

/* --- what happens --- */

static void on_cell(const struct event *e)
{
	struct member *m = &sw.m[e->to];
	struct side *s = &m->sides[e->from];
	int64_t begin = m->down_free > sw.now ? m->down_free : sw.now;

	sw.m[s->peer].sides[s->back].flight--;
	m->down_free = begin + (int64_t)(CELL / m->like->down);
	s->byte_us = sw.now;
	if (e->last)
		later(m->down_free - sw.now + VERIFY_US, (struct event){ .kind = VERIFIED,
		                                                         .to = e->to,
		                                                         .from = e->from,
		                                                         .block = e->block,
		                                                         .credit = e->credit });
	send_cell(s->peer);
	give(s->peer);
}

static void settle(struct member *m, uint32_t block)
{
	for (int i = 0; i < m->nsides; i++) {
		for (uint32_t k = m->sides[i].nasked; k-- > 0;) {
			if (m->sides[i].asked[k] == block)
				unask(m, &m->sides[i], k);
		}
	}
}

/* It gives like the source from now on. */
static void becomes_giver(struct member *m)
{
	m->done_us = sw.now;
	m->give = give_new(sw.s->nblocks);
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];

		s->receiver = s->up ? give_join(m->give) : NULL;
		for (uint32_t b = 0; s->receiver != NULL && b < sw.s->nblocks; b++) {
			if (swarm_bit(s->bits, b))
				give_announced(m->give, s->receiver, b);
		}
	}
}

static void on_verified(const struct event *e)
{
	struct member *m = &sw.m[e->to];
	struct side *s = &m->sides[e->from];

	if (!m->here)
		return;
	if (e->credit && s->credits > 0)
		s->credits--;
	for (uint32_t k = 0; k < s->nasked; k++) {
		if (s->asked[k] == e->block)
			s->response_us = sw.now - s->asked_at[k];
	}
	m->moved_us = sw.now;
	m->came += sw.s->block;
	if (sw.m[s->peer].like->lies) {
		s->bad = true;
		while (s->nasked > 0)
			unask(m, s, s->nasked - 1);
		fill(e->to);
		return;
	}
	if (m->state[e->block] == HAVE) {
		sw.twice++;
		return;
	}
	settle(m, e->block);
	set_state(m, e->block, HAVE);
	swarm_bit_set(m->bits, e->block);
	if (++m->have == sw.s->nblocks)
		becomes_giver(m);
	m->fresh_blocks[m->fresh++] = e->block;
	if (!m->have_due)
		later(m->have_us + HAVE_US > sw.now ? m->have_us + HAVE_US - sw.now : 0,
		      (struct event){ .kind = HAVE_GOES, .to = e->to, .from = -1 });
	m->have_due = true;
	fill(e->to);
}

static void learn(int id, struct side *s, uint32_t block)
{
	struct member *m = &sw.m[id];

	if (swarm_bit(s->bits, block))
		return;
	swarm_bit_set(s->bits, block);
	s->count++;
	s->wanted += m->state[block] == NEEDED;
	swarm_index_held(&m->index, block, true);
	if (m->give != NULL && s->receiver != NULL)
		give_announced(m->give, s->receiver, block);
}

static void on_have(int id)
{
	struct member *m = &sw.m[id];

	m->have_due = false;
	m->have_us = sw.now;
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];
		struct member *p = &sw.m[s->peer];

		for (uint32_t k = 0; k < m->fresh && s->up && p->here; k++)
			learn(s->peer, &p->sides[s->back], m->fresh_blocks[k]);
		if (!s->up || !p->here)
			continue;
		p->moved_us = sw.now;
		fill(s->peer);
		if (p->give != NULL)
			give(s->peer);
	}
	m->fresh = 0;
}

static void part(int id, int at)
{
	struct member *m = &sw.m[id];
	struct side *s = &m->sides[at];

	s->up = false;
	while (s->nasked > 0)
		unask(m, s, s->nasked - 1);
	s->credits = s->takes = s->nwants = 0;
	for (uint32_t b = 0; b < sw.s->nblocks; b++) {
		if (swarm_bit(s->bits, b))
			swarm_index_held(&m->index, b, false);
	}
	memset(s->bits, 0, swarm_bits_size(sw.s->nblocks));
	s->count = s->wanted = 0;
	if (m->give != NULL && s->receiver != NULL)
		give_leave(m->give, s->receiver);
	s->receiver = NULL;
}

static void on_leave(int id)
{
	struct member *m = &sw.m[id];

	m->here = false;
	m->gone = true;
	for (int i = 0; i < m->nsides; i++) {
		if (!m->sides[i].up)
			continue;
		part(m->sides[i].peer, m->sides[i].back);
		part(id, i);
		fill(m->sides[i].peer);
	}
}

static void on_join(int id)
{
	struct member *m = &sw.m[id];

	m->here = true;
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];
		struct member *p = &sw.m[s->peer];

		if (!p->here)
			continue;
		s->up = p->sides[s->back].up = true;
		if (p->give != NULL)
			p->sides[s->back].receiver = give_join(p->give);
		for (uint32_t b = 0; b < sw.s->nblocks; b++) {
			if (p->state[b] == HAVE)
				learn(id, s, b);
			if (m->state[b] == HAVE)
				learn(s->peer, &p->sides[s->back], b);
		}
	}
	later(0, (struct event){ .kind = WATCH, .to = id, .from = -1 });
}

/* Whether somebody else who stays and answers has each block. */
static bool exists_elsewhere(void)
{
	for (uint32_t b = 0; b < sw.s->nblocks; b++) {
		bool found = false;

		for (int i = 1; i < sw.s->members && !found; i++)
			found = sw.m[i].here && sw.m[i].like->leaves_us == 0 && sw.m[i].like->silent_us == 0 &&
			        !sw.m[i].like->lies && sw.m[i].state[b] == HAVE;
		if (!found)
			return false;
	}
	return true;
}

static void on_watch(int id)
{
	struct member *m = &sw.m[id];

	if (!m->here)
		return;
	if (m->like->dies && exists_elsewhere()) {
		on_leave(id);
		return;
	}
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];
		int64_t since = s->nasked > 0 && s->asked_at[0] > s->byte_us ? s->asked_at[0] : s->byte_us;

		if (s->nasked == 0 || sw.now - since < swarm_late_ms(s->response_us / 1000) * 1000)
			continue;
		while (s->nasked > 0)
			unask(m, s, s->nasked - 1);
		s->rest_us = sw.now + SWARM_REST_MS * 1000LL;
	}
	fill(id);
	give(id);
	later(WATCH_US, (struct event){ .kind = WATCH, .to = id, .from = -1 });
}

static void happen(const struct event *e)
{
	struct member *m = &sw.m[e->to];

	switch (e->kind) {
	case CELL_SENT:
		m->up_busy = false;
		give(e->to);
		break;
	case CELL_CAME:
		on_cell(e);
		break;
	case VERIFIED:
		on_verified(e);
		break;
	case HAVE_GOES:
		on_have(e->to);
		break;
	case WATCH:
		on_watch(e->to);
		break;
	case JOINS:
		on_join(e->to);
		break;
	case LEAVES:
		on_leave(e->to);
		break;
	case WANTS:
		if (e->last && m->sides[e->from].out_us == 0) {
			m->sides[e->from].out_us = sw.now;
			m->sides[e->from].out_rate = m->rate;
			m->sides[e->from].credits = 0;
		}
		give(e->to);
		break;
	}
}

/* --- the world --- */

static void connect_two(int a, int b)
{
	for (int turn = 0; turn < 2; turn++) {
		struct member *m = &sw.m[turn == 0 ? a : b];
		struct side *s;

		m->sides = mem_realloc(m->sides, (size_t)m->nsides + 1, sizeof(*s));
		s = &m->sides[m->nsides++];
		*s = (struct side){ .peer = turn == 0 ? b : a };
		s->bits = mem_calloc(swarm_bits_size(sw.s->nblocks), 1);
		s->asked = mem_calloc(sw.s->nblocks, sizeof(uint32_t));
		s->asked_at = mem_calloc(sw.s->nblocks, sizeof(int64_t));
		s->wants = mem_calloc(2 * (size_t)sw.s->nblocks, sizeof(uint32_t));
	}
	sw.m[a].sides[sw.m[a].nsides - 1].back = sw.m[b].nsides - 1;
	sw.m[b].sides[sw.m[b].nsides - 1].back = sw.m[a].nsides - 1;
}

static bool are_connected(int a, int b)
{
	for (int i = 0; i < sw.m[a].nsides; i++) {
		if (sw.m[a].sides[i].peer == b)
			return true;
	}
	return a == b;
}

/* All of them in a ring, in a random order. */
static void connect_ring(int n)
{
	int order[SWARM_WORLD_MAX] = { 0 };

	for (int i = 0; i < n; i++) {
		int at = (int)(swarm_random(&sw.random) % (uint64_t)(i + 1));

		order[i] = order[at];
		order[at] = i;
	}
	for (int i = 0; i < n; i++) {
		if (!are_connected(order[i], order[(i + 1) % n]))
			connect_two(order[i], order[(i + 1) % n]);
	}
}

/* Each with each, or with about as many random neighbours as the others. */
static void connect_all(void)
{
	int n = sw.s->members;

	for (int a = 0; a < n && n <= SWARM_WORLD_NEIGHBOURS + 1; a++) {
		for (int b = a + 1; b < n; b++)
			connect_two(a, b);
	}
	for (int ring = 0; ring < SWARM_WORLD_NEIGHBOURS / 2 && n > SWARM_WORLD_NEIGHBOURS + 1; ring++)
		connect_ring(n);
}

static void begin(const struct swarm_scene *s)
{
	memset(&sw, 0, sizeof(sw));
	sw.s = s;
	sw.random = s->seed;
	sw.now = 1000000;
	for (int i = 0; i < s->members; i++) {
		struct member *m = &sw.m[i];

		m->like = &s->m[i];
		m->state = mem_calloc(s->nblocks, 1);
		m->bits = mem_calloc(swarm_bits_size(s->nblocks), 1);
		m->fresh_blocks = mem_calloc(s->nblocks, sizeof(uint32_t));
		memset(m->state, i == 0 ? HAVE : NEEDED, s->nblocks);
		m->have = i == 0 ? s->nblocks : 0;
		m->give = i == 0 ? give_new(s->nblocks) : NULL;
		m->needed = s->nblocks - m->have;
		swarm_index_grow(&m->index, s->nblocks);
		for (uint32_t b = 0; i > 0 && b < s->nblocks; b++)
			swarm_index_need(&m->index, b);
	}
	connect_all();
	for (int i = 0; i < s->members; i++) {
		later(s->m[i].joins_us, (struct event){ .kind = JOINS, .to = i, .from = -1 });
		if (s->m[i].leaves_us != 0)
			later(s->m[i].leaves_us, (struct event){ .kind = LEAVES, .to = i, .from = -1 });
	}
}

static void end(void)
{
	for (int i = 0; i < sw.s->members; i++) {
		struct member *m = &sw.m[i];

		for (int k = 0; k < m->nsides; k++) {
			free(m->sides[k].bits);
			free(m->sides[k].asked);
			free(m->sides[k].asked_at);
			free(m->sides[k].wants);
		}
		free(m->sides);
		free(m->state);
		free(m->bits);
		free(m->fresh_blocks);
		give_free(m->give);
		swarm_index_clear(&m->index);
	}
	free(sw.heap);
}

static bool counts(const struct member *m)
{
	return m != &sw.m[0] && m->like->leaves_us == 0 && m->like->silent_us == 0;
}

static int missing(void)
{
	int n = 0;

	for (int i = 0; i < sw.s->members; i++)
		n += counts(&sw.m[i]) && sw.m[i].have < sw.s->nblocks;
	return n;
}

struct swarm_outcome swarm_world_run(const struct swarm_scene *s, int seconds)
{
	struct swarm_outcome out = { 0 };
	double bytes = (double)s->nblocks * s->block;
	int64_t last = 0;

	begin(s);
	while (sw.n > 0 && sw.now < seconds * 1000000LL && (sw.order % 64 != 0 || missing() > 0)) {
		struct event e = take_next();

		sw.now = e.at;
		happen(&e);
	}
	for (int i = 0; i < s->members; i++) {
		if (counts(&sw.m[i]) && sw.m[i].done_us > last)
			last = sw.m[i].done_us;
	}
	out.copies = (double)sw.sent0 / bytes;
	out.limit = (double)(last - 1000000) / (bytes / s->m[0].up);
	out.incomplete = missing();
	out.twice = sw.twice;
	end();
	return out;
}
