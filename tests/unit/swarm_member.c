/* What members of the swarm of swarm_world.h do: giving and asking, by the real rules. */
#include "tests/unit/swarm_world_internal.h"

#include <string.h>

static bool mute(const struct member *m)
{
	return m->like->silent_us != 0 && sw.now >= m->like->silent_us;
}

/* --- giving --- */

void send_cell(int id)
{
	struct member *m = &sw.m[id];

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
		sw.sent0 += id == 0 ? n : 0;
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
	s->frames[s->nframes++] = (struct frame){ .block = block, .left = sw.s->block, .credit = credit };
	s->queued += sw.s->block;
}

/* What goes out next on each link is decided when there is room. */
void give(int id)
{
	struct member *m = &sw.m[id];
	size_t links = 0;

	for (int i = 0; i < m->nsides; i++)
		links += m->sides[i].nwants > 0 || m->sides[i].takes > 0 || m->sides[i].queued > 0;
	for (int i = 0; i < m->nsides; i++) {
		struct side *s = &m->sides[i];

		while (s->up && s->queued < give_room(links) && s->nframes < FRAMES) {
			uint32_t block;
			enum give_choice c = GIVE_WAIT;

			if (m->give != NULL && s->takes > 0 && s->receiver != NULL)
				c = give_choose(m->give, s->receiver, sw.s->nblocks, sw.now / 1000, &block);
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
				give_sent(m->give, s->receiver, block, sw.s->block, sw.now / 1000);
			queue_block(s, block, c == GIVE_BLOCK);
		}
	}
	send_cell(id);
}

/* --- asking --- */

static bool complete(const struct side *s)
{
	return s->count == sw.s->nblocks;
}

static bool usable(const struct side *s)
{
	return s->up && !s->bad && sw.now >= s->rest_us;
}

void set_state(struct member *m, uint32_t block, enum state state)
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
	struct side *giver = &sw.m[s->peer].sides[s->back];

	set_state(m, block, ASKED);
	s->asked[s->nasked] = block;
	s->asked_at[s->nasked++] = sw.now;
	giver->wants[giver->nwants++] = block;
	later(WIRE_US, (struct event){ .kind = WANTS, .to = s->peer, .from = -1 });
}

void unask(struct member *m, struct side *s, uint32_t at)
{
	struct side *giver = &sw.m[s->peer].sides[s->back];
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
	const struct swarm_out out = { .since_ms = (sw.now - s->out_us) / 1000,
		                       .quiet_ms = (sw.now - m->moved_us) / 1000,
		                       .rate_then = s->out_rate,
		                       .rate = m->rate,
		                       .spread_ms = (VERIFY_US + HAVE_US) / 1000 };

	return s->out_us == 0 || swarm_may_name(&out);
}

static void fill_side(int id, struct side *s, size_t npeers, int ncomplete)
{
	struct member *m = &sw.m[id];
	int64_t room = swarm_window(npeers, m->rate, sw.s->block) - (int64_t)(s->nasked + s->credits) * sw.s->block;
	struct side *giver = &sw.m[s->peer].sides[s->back];
	uint64_t others[SWARM_RECEIVERS_MAX];
	size_t nothers = 0;

	if (complete(s) && ncomplete == 1 && s->out_us == 0) {
		for (; room > 0 && s->credits < m->needed; room -= sw.s->block) {
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
		uint32_t block = swarm_pick(&m->index, &a, swarm_random(&sw.random));

		if (block == SWARM_NONE)
			break;
		ask(m, s, block);
		room -= sw.s->block;
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

		if (!swarm_bit(idle->bits, block) || sw.now - s->asked_at[s->nasked - 1] < idle->response_us)
			return;
		unask(m, s, s->nasked - 1);
		ask(m, idle, block);
		return;
	}
}

void fill(int id)
{
	struct member *m = &sw.m[id];
	size_t npeers = 0;
	int ncomplete = 0, first;

	if (!m->here || m->have == sw.s->nblocks)
		return;
	if (sw.now - m->rate_us >= WATCH_US) {
		m->rate = (m->rate + (m->came - m->came_then) * 1000000 / (sw.now - m->rate_us)) / 2;
		m->rate_us = sw.now;
		m->came_then = m->came;
	}
	for (int i = 0; i < m->nsides; i++) {
		npeers += usable(&m->sides[i]) && m->sides[i].count > 0;
		ncomplete += m->sides[i].up && !m->sides[i].bad && complete(&m->sides[i]);
	}
	first = (int)(swarm_random(&sw.random) % (uint64_t)m->nsides);
	for (int i = 0; i < m->nsides && m->needed > 0; i++) {
		struct side *s = &m->sides[(first + i) % m->nsides];

		if (usable(s) && s->wanted > 0)
			fill_side(id, s, npeers, ncomplete);
	}
	if (m->needed == 0)
		end_game(m);
}
