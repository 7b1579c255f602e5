/* Which members are there although we are not connected with them: in a large group members tell one another.
 *
 * A member knows of its own connections. Of all others it knows how long ago somebody else was connected with them, and
 * passes that on, older by the time it took. So the word of a member that has gone ages everywhere, whatever the way.
 * One that lies can keep somebody in the list who has gone, and cannot take anybody out. */
#include <stdlib.h>
#include <utlist.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/peer/neighbour_internal.h"

enum {
	AGE_MAX_S = 75,  /* a word that is older does not count any more */
	EVERY_TICKS = 6, /* between two messages that tell all; each tick tells what is news */
};

struct here {
	uint64_t peer;
	int64_t heard_ms; /* when somebody was last connected with it */
	bool fresh;       /* the others have not been told that it came */
	UT_hash_handle hh;
};

static struct here *here_find(const struct peer_group *g, uint64_t peer)
{
	struct here *h;

	HASH_FIND(hh, g->here, &peer, sizeof(peer), h);
	return h;
}

static void note(struct peer_group *g, uint64_t peer, int64_t heard_ms, int64_t now)
{
	struct here *h = here_find(g, peer);

	if (!h) {
		h = MEM_NEW(struct here);
		h->peer = peer;
		HASH_ADD(hh, g->here, peer, sizeof(h->peer), h);
	}
	h->fresh |= now - h->heard_ms > AGE_MAX_S * 1000 || !h->heard_ms;
	if (heard_ms > h->heard_ms)
		h->heard_ms = heard_ms;
}

/* Members that are connected are here now. */
static void note_connected(struct peer_group *g, int64_t now)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next)
		if (t->up)
			note(g, t->session->peer, now, now);
}

static void forget_old(struct peer_group *g, int64_t now)
{
	struct here *h, *next;

	HASH_ITER(hh, g->here, h, next) {
		if (now - h->heard_ms <= AGE_MAX_S * 1000)
			continue;
		HASH_DEL(g->here, h);
		free(h);
	}
}

static void here_tell(struct talk *t, bool fresh_only, int64_t now)
{
	size_t most = HASH_COUNT(t->group->here), n = 0, size;
	uint8_t *members = mem_calloc(most + 1, MSG_HERE_LEN), *body;
	struct msg_here m = { .channel = (uint32_t)t->my_channel };
	struct here *h, *next;

	HASH_ITER(hh, t->group->here, h, next) {
		if ((fresh_only && !h->fresh) || h->peer == t->session->peer || n == MSG_MAX_HERE)
			continue;
		put_u64(members + n * MSG_HERE_LEN, h->peer);
		members[n * MSG_HERE_LEN + MSG_HERE_LEN - 1] = (uint8_t)((now - h->heard_ms) / 1000);
		n++;
	}
	m.members = (struct msg_bytes){ .p = members, .n = n * MSG_HERE_LEN };
	if (n > 0) {
		body = msg_here_encode(&m, &size);
		session_send(t->session, FRAME_HERE, body, size);
	}
	free(members);
}

void peer_group_here_up(struct talk *t)
{
	int64_t now = loop_now_ms(t->session->peers->config.loop);

	if (!t->session->peers->neighbours->crowded)
		return;
	note_connected(t->group, now);
	here_tell(t, false, now);
}

static void here_tick_group(struct peer_group *g, bool all, int64_t now)
{
	struct here *h, *next;
	struct talk *t;
	bool news = all;

	note_connected(g, now);
	forget_old(g, now);
	HASH_ITER(hh, g->here, h, next)
		news |= h->fresh;
	DL_FOREACH2(g->talks, t, group_next)
		if (t->up && news)
			here_tell(t, !all, now);
	HASH_ITER(hh, g->here, h, next)
		h->fresh = false;
}

void peer_group_here_tick(struct peers *p)
{
	int64_t now = loop_now_ms(p->config.loop);
	struct peer_group *g;

	DL_FOREACH(p->groups, g) {
		if (!p->neighbours->crowded)
			peer_group_here_forget(g);
		else if (g->config.index)
			here_tick_group(g, ++g->here_ticks % EVERY_TICKS == 0, now);
	}
}

void peer_group_here_in(struct talk *t, const struct msg_here *m)
{
	struct peers *p = t->session->peers;
	uint64_t self = agent_id_short(identity_id(p->config.self));
	int64_t now = loop_now_ms(p->config.loop);

	for (size_t i = 0; i < m->members.n && p->neighbours->crowded; i += MSG_HERE_LEN) {
		uint64_t peer = get_u64(m->members.p + i);
		int64_t age_s = m->members.p[i + MSG_HERE_LEN - 1];
		struct roster_member member;

		if (age_s <= AGE_MAX_S && peer != self &&
		    roster_member_by_short(t->group->config.roster, peer, &member))
			note(t->group, peer, now - age_s * 1000, now);
	}
}

void peer_group_here_forget(struct peer_group *g)
{
	struct here *h, *next;

	HASH_ITER(hh, g->here, h, next) {
		HASH_DEL(g->here, h);
		free(h);
	}
}

int64_t peer_group_here_s(struct peer_group *g, uint64_t peer)
{
	const struct talk *t = talk_of_peer(g, peer);
	const struct here *h;
	int64_t age_ms;

	if (t && t->up)
		return 0;
	h = here_find(g, peer);
	age_ms = h ? loop_now_ms(g->peers->config.loop) - h->heard_ms : INT64_MAX;
	return age_ms <= AGE_MAX_S * 1000 ? age_ms / 1000 : -1;
}

size_t peer_group_here(struct peer_group *g)
{
	int64_t now = loop_now_ms(g->peers->config.loop);
	struct here *h, *next;
	struct talk *t;
	size_t n = 0;

	HASH_ITER(hh, g->here, h, next) {
		t = talk_of_peer(g, h->peer);
		n += now - h->heard_ms <= AGE_MAX_S * 1000 && !(t && t->up);
	}
	DL_FOREACH2(g->talks, t, group_next)
		n += t->up;
	return n;
}
