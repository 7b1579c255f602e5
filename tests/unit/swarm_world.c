/* The swarm of swarm_world.h. */
#include "tests/unit/swarm_world.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/swarm/give.h"
#include "sync/swarm/map.h"
#include "sync/swarm/pick.h"

enum {
	CELL = 16 << 10,
	FLIGHT = 16,
	WIRE_US = 1000,
	VERIFY_US = 2000,
	HAVE_US = 20000,
	WATCH_US = 100000,
	FRAMES = 64
};
enum state { NEEDED, ASKED, HAVE };
enum kind { CELL_SENT, CELL_CAME, VERIFIED, HAVE_GOES, WATCH, JOINS, LEAVES, WANTS };

struct event {
	int64_t at;
	uint64_t order;
	enum kind kind;
	int to, from; /* to whom it happens; a place among its neighbours, or -1 */
	uint32_t block;
	bool last, credit;
};

struct frame {
	uint32_t block, left;
	bool credit;
};

/* What a member knows of a neighbour, owes it, and is owed. */
struct side {
	int peer, back; /* the neighbour, and the place of this member among its own */
	bool up, bad;
	uint8_t *bits;
	uint32_t count, wanted;
	uint32_t *asked; /* named, the oldest first */
	int64_t *asked_at;
	uint32_t nasked, credits;
	int64_t out_us, out_rate, rest_us, byte_us, response_us;
	/* given */
	uint32_t *wants;
	uint32_t nwants, takes; /* takes: any blocks */
	struct frame frames[FRAMES];
	uint32_t nframes, queued, flight;
	struct give_receiver *receiver;
};

struct member {
	const struct swarm_member *like;
	bool here, gone;
	struct swarm_index index;
	uint8_t *state, *bits;
	uint32_t have, needed, fresh, *fresh_blocks;
	int64_t have_us, moved_us, done_us;
	bool have_due, up_busy;
	int64_t down_free;
	int next;
	int64_t rate, rate_us, came, came_then;
	struct side *sides;
	int nsides;
	struct give *give;
};

static struct {
	const struct swarm_scene *s;
	struct member m[SWARM_WORLD_MAX];
	struct event *heap;
	size_t n, cap;
	uint64_t order, random;
	int64_t now;
	uint64_t sent0, twice;
} w;

static void later(int64_t after, struct event e)
{
	size_t at = w.n++;

	e.at = w.now + after;
	e.order = w.order++;
	if (w.n > w.cap) {
		w.cap = w.cap * 2 + 1024;
		w.heap = mem_realloc(w.heap, w.cap, sizeof(e));
	}
	for (; at > 0 && (w.heap[(at - 1) / 2].at > e.at); at = (at - 1) / 2)
		w.heap[at] = w.heap[(at - 1) / 2];
	w.heap[at] = e;
}

static bool sooner(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static struct event take_next(void)
{
	struct event first = w.heap[0], last = w.heap[--w.n];
	size_t at = 0, child;

	while ((child = at * 2 + 1) < w.n) {
		child += child + 1 < w.n && sooner(&w.heap[child + 1], &w.heap[child]);
		if (!sooner(&w.heap[child], &last))
			break;
		w.heap[at] = w.heap[child];
		at = child;
	}
	w.heap[at] = last;
	return first;
}

static bool mute(const struct member *m)
{
	return m->like->silent_us != 0 && w.now >= m->like->silent_us;
}

/* --- giving --- */

static void send_cell(int id)
{
	struct member *m = &w.m[id];

	if (m->up_busy || mute(m) || !m->here)
		return;
	for (int i = 0; i < m->nsides; i++) {
		int at = (m->next + i) % m->nsides;
		struct side *s = &m->sides[at];
		uint32_t n;

		if (s->nframes == 0 || s->flight >= FLIGHT || !s->up)
			continue;
		n = s->frames[0].left < CELL ? s->frames[0].left : CELL;
		s->frames[0].left -= n;
		s->queued -= n;
		s->flight++;
		m->up_busy = true;
		m->next = at + 1;
		w.sent0 += id == 0 ? n : 0;
		later((int64_t)(n / m->like->up) + 1, (struct event){ .kind = CELL_SENT, .to = id, .from = at });
		later((int64_t)(n / m->like->up) + WIRE_US, (struct event){ .kind = CELL_CAME,
		                                                            .to = s->peer,
		                                                            .from = s->back,
		                                                            .block = s->frames[0].block,
		                                                            .last = s->frames[0].left == 0,
		                                                            .credit = s->frames[0].credit });
		if (s->frames[0].left == 0)
			memmove(s->frames, s->frames + 1, --s->nframes * sizeof(s->frames[0]));
		return;
	}
}

static void queue_block(struct side *s, uint32_t block, bool credit)
{
	s->frames[s->nframes++] = (struct frame){ .block = block, .left = w.s->block, .credit = credit };
	s->queued += w.s->block;
}

/* What goes out next on each link is decided when there is room. */
static void give(int id)
{
	struct member *m = &w.m[id];
	size_t links = 0;

	for (int i = 0; i < m->nsides; i++)
		links += m->sides[i].nwants > 0 || m->sides[i].takes > 0 || m->sides[i].queued > 0;
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];

		while (s->up && s->queued < give_room(links) && s->nframes < FRAMES) {
			uint32_t block;
			enum give_choice c = GIVE_WAIT;

			if (m->give != NULL && s->takes > 0 && s->receiver != NULL)
				c = give_choose(m->give, s->receiver, w.s->nblocks, w.now / 1000, &block);
			if (c == GIVE_BLOCK) {
				give_credit(s->receiver, --s->takes);
			} else if (s->nwants > 0) {
				block = s->wants[0];
				memmove(s->wants, s->wants + 1, --s->nwants * sizeof(block));
			} else {
				if (c == GIVE_OUT)
					later(WIRE_US, (struct event){ .kind = WANTS,
					                               .to = s->peer,
					                               .from = s->back,
					                               .last = true });
				s->takes = c == GIVE_OUT ? 0 : s->takes;
				break;
			}
			if (m->give != NULL && s->receiver != NULL)
				give_sent(m->give, s->receiver, block, w.s->block, w.now / 1000);
			queue_block(s, block, c == GIVE_BLOCK);
		}
	}
	send_cell(id);
}

/* --- asking --- */

static bool complete(const struct side *s)
{
	return s->count == w.s->nblocks;
}

static bool usable(const struct side *s)
{
	return s->up && !s->bad && w.now >= s->rest_us;
}

static void set_state(struct member *m, uint32_t block, enum state state)
{
	bool was = m->state[block] == NEEDED, is = state == NEEDED;

	m->state[block] = (uint8_t)state;
	if (was == is)
		return;
	m->needed += is ? 1 : -1U;
	if (is)
		swarm_index_need(&m->index, block);
	else
		swarm_index_drop(&m->index, block);
	for (int i = 0; i < m->nsides; i++)
		m->sides[i].wanted += swarm_bit(m->sides[i].bits, block) ? (is ? 1 : -1U) : 0;
}

static void ask(struct member *m, struct side *s, uint32_t block)
{
	struct side *giver = &w.m[s->peer].sides[s->back];

	set_state(m, block, ASKED);
	s->asked[s->nasked] = block;
	s->asked_at[s->nasked++] = w.now;
	giver->wants[giver->nwants++] = block;
	later(WIRE_US, (struct event){ .kind = WANTS, .to = s->peer, .from = -1 });
}

static void unask(struct member *m, struct side *s, uint32_t at)
{
	struct side *giver = &w.m[s->peer].sides[s->back];
	uint32_t block = s->asked[at];

	memmove(s->asked + at, s->asked + at + 1, (s->nasked - at - 1) * sizeof(s->asked[0]));
	memmove(s->asked_at + at, s->asked_at + at + 1, (s->nasked - at - 1) * sizeof(s->asked_at[0]));
	s->nasked--;
	for (uint32_t i = 0; i < giver->nwants; i++) {
		if (giver->wants[i] == block) {
			memmove(giver->wants + i, giver->wants + i + 1, (giver->nwants - i - 1) * sizeof(block));
			giver->nwants--;
			break;
		}
	}
	if (m->state[block] == ASKED)
		set_state(m, block, NEEDED);
}

static bool may_name(const struct member *m, const struct side *s)
{
	const struct swarm_out out = { .since_ms = (w.now - s->out_us) / 1000,
		                       .quiet_ms = (w.now - m->moved_us) / 1000,
		                       .rate_then = s->out_rate,
		                       .rate = m->rate,
		                       .spread_ms = (VERIFY_US + HAVE_US) / 1000 };

	return s->out_us == 0 || swarm_may_name(&out);
}

static void fill_side(int id, struct side *s, size_t npeers, int ncomplete)
{
	struct member *m = &w.m[id];
	int64_t room = swarm_window(npeers, m->rate, w.s->block) - (int64_t)(s->nasked + s->credits) * w.s->block;
	struct side *giver = &w.m[s->peer].sides[s->back];
	uint64_t others[SWARM_RECEIVERS_MAX];
	size_t nothers = 0;

	if (complete(s) && ncomplete == 1 && s->out_us == 0) {
		for (; room > 0 && s->credits < m->needed; room -= w.s->block) {
			s->credits++;
			giver->takes++;
		}
		give_credit(giver->receiver, giver->takes);
		later(WIRE_US, (struct event){ .kind = WANTS, .to = s->peer, .from = -1 });
		return;
	}
	for (int i = 0; i < m->nsides && nothers < SWARM_RECEIVERS_MAX; i++) {
		if (m->sides[i].up && !complete(&m->sides[i]))
			others[nothers++] = (uint64_t)m->sides[i].peer + 1;
	}
	while (room > 0 && m->needed > 0 && may_name(m, s)) {
		const struct swarm_ask a = { .bits = complete(s) ? NULL : s->bits,
			                     .wanted = s->wanted,
			                     .me = (uint64_t)id + 1,
			                     .others = others,
			                     .nothers = nothers };
		uint32_t block = swarm_pick(&m->index, &a, swarm_random(&w.random));

		if (block == SWARM_NONE)
			break;
		ask(m, s, block);
		room -= w.s->block;
	}
}

/* At the end, a neighbour that owes nothing takes over from the one that owes longest. */
static void end_game(struct member *m)
{
	struct swarm_debt debts[SWARM_WORLD_MAX] = { { 0 } };
	struct side *idle = NULL;
	size_t at;

	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];

		debts[i] = (struct swarm_debt){ .blocks = s->nasked, .since_ms = s->nasked > 0 ? s->asked_at[0] : 0 };
		if (s->nasked == 0 && usable(s) && s->response_us > 0)
			idle = s;
	}
	at = swarm_endgame(debts, (size_t)m->nsides);
	if (idle == NULL || at == (size_t)m->nsides)
		return;
	for (struct side *s = &m->sides[at]; s->nasked > 1;) {
		uint32_t block = s->asked[s->nasked - 1];

		if (!swarm_bit(idle->bits, block) || w.now - s->asked_at[s->nasked - 1] < idle->response_us)
			return;
		unask(m, s, s->nasked - 1);
		ask(m, idle, block);
		return;
	}
}

static void fill(int id)
{
	struct member *m = &w.m[id];
	size_t npeers = 0;
	int ncomplete = 0, first;

	if (!m->here || m->have == w.s->nblocks)
		return;
	if (w.now - m->rate_us >= WATCH_US) {
		m->rate = (m->rate + (m->came - m->came_then) * 1000000 / (w.now - m->rate_us)) / 2;
		m->rate_us = w.now;
		m->came_then = m->came;
	}
	for (int i = 0; i < m->nsides; i++) {
		npeers += usable(&m->sides[i]) && m->sides[i].wanted > 0;
		ncomplete += m->sides[i].up && !m->sides[i].bad && complete(&m->sides[i]);
	}
	first = (int)(swarm_random(&w.random) % (uint64_t)m->nsides);
	for (int i = 0; i < m->nsides && m->needed > 0; i++) {
		struct side *s = &m->sides[(first + i) % m->nsides];

		if (usable(s) && s->wanted > 0)
			fill_side(id, s, npeers, ncomplete);
	}
	if (m->needed == 0)
		end_game(m);
}

/* --- what happens --- */

static void on_cell(const struct event *e)
{
	struct member *m = &w.m[e->to];
	struct side *s = &m->sides[e->from];
	int64_t begin = m->down_free > w.now ? m->down_free : w.now;

	w.m[s->peer].sides[s->back].flight--;
	m->down_free = begin + (int64_t)(CELL / m->like->down);
	s->byte_us = w.now;
	if (e->last)
		later(m->down_free - w.now + VERIFY_US, (struct event){ .kind = VERIFIED,
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
	m->done_us = w.now;
	m->give = give_new(w.s->nblocks);
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];

		s->receiver = s->up ? give_join(m->give) : NULL;
		for (uint32_t b = 0; s->receiver != NULL && b < w.s->nblocks; b++) {
			if (swarm_bit(s->bits, b))
				give_announced(m->give, s->receiver, b);
		}
	}
}

static void on_verified(const struct event *e)
{
	struct member *m = &w.m[e->to];
	struct side *s = &m->sides[e->from];

	if (!m->here)
		return;
	if (e->credit && s->credits > 0)
		s->credits--;
	for (uint32_t k = 0; k < s->nasked; k++) {
		if (s->asked[k] == e->block)
			s->response_us = w.now - s->asked_at[k];
	}
	m->moved_us = w.now;
	m->came += w.s->block;
	if (w.m[s->peer].like->lies) {
		s->bad = true;
		while (s->nasked > 0)
			unask(m, s, s->nasked - 1);
		fill(e->to);
		return;
	}
	if (m->state[e->block] == HAVE) {
		w.twice++;
		return;
	}
	settle(m, e->block);
	set_state(m, e->block, HAVE);
	swarm_bit_set(m->bits, e->block);
	if (++m->have == w.s->nblocks)
		becomes_giver(m);
	m->fresh_blocks[m->fresh++] = e->block;
	if (!m->have_due)
		later(m->have_us + HAVE_US > w.now ? m->have_us + HAVE_US - w.now : 0,
		      (struct event){ .kind = HAVE_GOES, .to = e->to, .from = -1 });
	m->have_due = true;
	fill(e->to);
}

static void learn(int id, struct side *s, uint32_t block)
{
	struct member *m = &w.m[id];

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
	struct member *m = &w.m[id];

	m->have_due = false;
	m->have_us = w.now;
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];
		struct member *p = &w.m[s->peer];

		for (uint32_t k = 0; k < m->fresh && s->up && p->here; k++)
			learn(s->peer, &p->sides[s->back], m->fresh_blocks[k]);
		if (!s->up || !p->here)
			continue;
		p->moved_us = w.now;
		fill(s->peer);
		if (p->give != NULL)
			give(s->peer);
	}
	m->fresh = 0;
}

static void part(int id, int at)
{
	struct member *m = &w.m[id];
	struct side *s = &m->sides[at];

	s->up = false;
	while (s->nasked > 0)
		unask(m, s, s->nasked - 1);
	s->credits = s->takes = s->nwants = 0;
	for (uint32_t b = 0; b < w.s->nblocks; b++) {
		if (swarm_bit(s->bits, b))
			swarm_index_held(&m->index, b, false);
	}
	memset(s->bits, 0, swarm_bits_size(w.s->nblocks));
	s->count = s->wanted = 0;
	if (m->give != NULL && s->receiver != NULL)
		give_leave(m->give, s->receiver);
	s->receiver = NULL;
}

static void on_leave(int id)
{
	struct member *m = &w.m[id];

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
	struct member *m = &w.m[id];

	m->here = true;
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];
		struct member *p = &w.m[s->peer];

		if (!p->here)
			continue;
		s->up = p->sides[s->back].up = true;
		if (p->give != NULL)
			p->sides[s->back].receiver = give_join(p->give);
		for (uint32_t b = 0; b < w.s->nblocks; b++) {
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
	for (uint32_t b = 0; b < w.s->nblocks; b++) {
		bool found = false;

		for (int i = 1; i < w.s->members && !found; i++)
			found = w.m[i].here && w.m[i].like->leaves_us == 0 && w.m[i].like->silent_us == 0 &&
			        !w.m[i].like->lies && w.m[i].state[b] == HAVE;
		if (!found)
			return false;
	}
	return true;
}

static void on_watch(int id)
{
	struct member *m = &w.m[id];

	if (!m->here)
		return;
	if (m->like->dies && exists_elsewhere()) {
		on_leave(id);
		return;
	}
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];
		int64_t since = s->nasked > 0 && s->asked_at[0] > s->byte_us ? s->asked_at[0] : s->byte_us;

		if (s->nasked == 0 || w.now - since < swarm_late_ms(s->response_us / 1000) * 1000)
			continue;
		while (s->nasked > 0)
			unask(m, s, s->nasked - 1);
		s->rest_us = w.now + SWARM_REST_MS * 1000LL;
	}
	fill(id);
	give(id);
	later(WATCH_US, (struct event){ .kind = WATCH, .to = id, .from = -1 });
}

static void happen(const struct event *e)
{
	struct member *m = &w.m[e->to];

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
			m->sides[e->from].out_us = w.now;
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
		struct member *m = &w.m[turn == 0 ? a : b];
		struct side *s;

		m->sides = mem_realloc(m->sides, (size_t)m->nsides + 1, sizeof(*s));
		s = &m->sides[m->nsides++];
		*s = (struct side){ .peer = turn == 0 ? b : a };
		s->bits = mem_calloc(swarm_bits_size(w.s->nblocks), 1);
		s->asked = mem_calloc(w.s->nblocks, sizeof(uint32_t));
		s->asked_at = mem_calloc(w.s->nblocks, sizeof(int64_t));
		s->wants = mem_calloc(2 * (size_t)w.s->nblocks, sizeof(uint32_t));
	}
	w.m[a].sides[w.m[a].nsides - 1].back = w.m[b].nsides - 1;
	w.m[b].sides[w.m[b].nsides - 1].back = w.m[a].nsides - 1;
}

static bool are_connected(int a, int b)
{
	for (int i = 0; i < w.m[a].nsides; i++) {
		if (w.m[a].sides[i].peer == b)
			return true;
	}
	return a == b;
}

/* Each with each, or with some random neighbours and the next one. */
static void connect_all(void)
{
	int n = w.s->members;

	for (int a = 0; a < n; a++) {
		for (int b = a + 1; n <= SWARM_WORLD_NEIGHBOURS + 1 && b < n; b++)
			connect_two(a, b);
	}
	for (int a = 0; n > SWARM_WORLD_NEIGHBOURS + 1 && a < n; a++) {
		if (!are_connected(a, (a + 1) % n))
			connect_two(a, (a + 1) % n);
		for (int tries = 0; w.m[a].nsides < SWARM_WORLD_NEIGHBOURS && tries < 100; tries++) {
			int b = (int)(swarm_random(&w.random) % (uint64_t)n);

			if (!are_connected(a, b) && w.m[b].nsides < SWARM_WORLD_NEIGHBOURS)
				connect_two(a, b);
		}
	}
}

static void begin(const struct swarm_scene *s)
{
	memset(&w, 0, sizeof(w));
	w.s = s;
	w.random = s->seed;
	w.now = 1000000;
	for (int i = 0; i < s->members; i++) {
		struct member *m = &w.m[i];

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
	for (int i = 0; i < w.s->members; i++) {
		struct member *m = &w.m[i];

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
	free(w.heap);
}

static bool counts(const struct member *m)
{
	return m != &w.m[0] && m->like->leaves_us == 0 && m->like->silent_us == 0;
}

static int missing(void)
{
	int n = 0;

	for (int i = 0; i < w.s->members; i++)
		n += counts(&w.m[i]) && w.m[i].have < w.s->nblocks;
	return n;
}

struct swarm_outcome swarm_world_run(const struct swarm_scene *s, int seconds)
{
	struct swarm_outcome out = { 0 };
	double bytes = (double)s->nblocks * s->block;
	int64_t last = 0;

	begin(s);
	while (w.n > 0 && w.now < seconds * 1000000LL && (w.order % 64 != 0 || missing() > 0)) {
		struct event e = take_next();

		w.now = e.at;
		happen(&e);
	}
	for (int i = 0; i < s->members; i++) {
		if (counts(&w.m[i]) && w.m[i].done_us > last)
			last = w.m[i].done_us;
	}
	out.copies = (double)w.sent0 / bytes;
	out.limit = (double)(last - 1000000) / (bytes / s->m[0].up);
	out.incomplete = missing();
	out.twice = w.twice;
	end();
	return out;
}
