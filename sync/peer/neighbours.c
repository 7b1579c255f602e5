/* Chooses the members to be connected with, and gives up connections that neither side needs: see
 * neighbour_internal.h and graph.h.
 *
 * Each side says by KEEP whether it has chosen the other. A connection that neither has chosen ends, a while later and
 * when nothing travels on it. So the two never work against each other: the one that wants it keeps it. */
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"
#include "sync/peer/neighbour_internal.h"

enum {
	GRACE_MS = 10000, /* that a connection which nobody needs stays, and up to as much again */
	TALK_MS = 5000,   /* in which a connection should have come to speak of a group */
	WATCH_MS = 1600,  /* after which a review sees how attempts are doing */
	FEW_MS = 4000,    /* that we lack connections, or have enough, before it is said */
	SHED_AT_ONCE = 4, /* connections given up by one review */
};

static void review_due(void *arg)
{
	neighbours_review(arg);
}

void neighbours_new(struct peers *p)
{
	p->neighbours = neighbour_book_new(p, review_due);
}

void neighbours_free(struct peers *p)
{
	neighbour_book_free(p->neighbours);
	p->neighbours = NULL;
}

/* --- choosing --- */

/* The members of one group but ourselves, as graph_choose() sees them. */
struct circle {
	struct peers *peers;
	struct graph_member *v;
	size_t n, cap;
	int64_t now, now_s;
	bool fresh; /* one of them is being tried */
};

static enum graph_state member_state(struct circle *c, struct neighbour *n)
{
	const struct session *s;
	enum graph_state dialled;

	if (n->up == GRAPH_UP)
		return GRAPH_UP;
	if (n->full_ms > c->now)
		return GRAPH_FULL;
	s = session_of(c->peers, &n->id);
	if (s)
		return c->now - s->born_ms < TALK_MS ? GRAPH_HOPED : GRAPH_AWAY;
	dialled = dial_state(c->peers, &n->id);
	c->fresh |= dialled == GRAPH_HOPED;
	return dialled;
}

static bool circle_add(void *arg, const struct roster_member *m)
{
	struct circle *c = arg;
	struct neighbour_book *b = c->peers->neighbours;
	struct neighbour *n;

	if (agent_id_equal(&m->id, identity_id(c->peers->config.self)))
		return true;
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->v = mem_realloc(c->v, c->cap, sizeof(*c->v));
	}
	n = neighbour_book_add(b, &m->id);
	n->found = true;
	c->v[c->n++] = (struct graph_member){ .rank = graph_rank(b->secret, agent_id_short(&m->id), c->now_s),
		                              .state = member_state(c, n),
		                              .writes = rights_has(m->role, RIGHT_WRITE),
		                              .member = n };
	return true;
}

static void mark_up(struct neighbour_book *b, struct peer_group *g, enum graph_state state)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		if (t->up)
			neighbour_book_add(b, &t->session->id)->up = state;
	}
}

static void choose_in(struct circle *c, struct peer_group *g)
{
	struct neighbour_book *b = c->peers->neighbours;
	bool writes = roster_may(g->config.roster, identity_id(c->peers->config.self), RIGHT_WRITE);

	c->n = 0;
	mark_up(b, g, GRAPH_UP);
	roster_members(g->config.roster, circle_add, c);
	mark_up(b, g, GRAPH_NOWHERE);
	b->hungry |= !graph_choose(c->v, c->n, writes);
	g->writers_up = 0;
	for (size_t i = 0; i < c->n; i++) {
		((struct neighbour *)c->v[i].member)->wanted |= c->v[i].wanted;
		g->writers_up += c->v[i].writes && c->v[i].state == GRAPH_UP;
	}
}

static bool count_to_mesh(void *arg, const struct roster_member *m)
{
	(void)m;
	return ++*(size_t *)arg <= GRAPH_MESH;
}

static bool is_large(const struct peer_group *g)
{
	size_t n = 0;

	roster_members(g->config.roster, count_to_mesh, &n);
	return n > GRAPH_MESH;
}

static void choose_all(struct peers *p)
{
	struct neighbour_book *b = p->neighbours;
	struct circle c = { .peers = p, .now = loop_now_ms(p->config.loop), .now_s = clock_wall_s() };
	struct neighbour *n, *next;
	struct peer_group *g;

	HASH_ITER(hh, b->all, n, next) {
		n->up = GRAPH_NOWHERE;
		n->wanted = n->found = false;
	}
	b->hungry = false;
	DL_FOREACH(p->groups, g)
		if (b->crowded && !g->config.invite && !g->paused)
			choose_in(&c, g);
	neighbour_book_sweep(b);
	HASH_ITER(hh, b->all, n, next)
		if (n->wanted && n->full_ms <= c.now && !session_of(p, &n->id))
			dial_wanted(p, &n->id);
	if (c.fresh)
		neighbour_book_within(p, WATCH_MS);
	free(c.v);
}

/* --- keeping --- */

static bool is_busy(const struct session *s)
{
	const struct talk *t;

	if (s->jobs > 0 || s->link->queued_bulk > 0)
		return true;
	DL_FOREACH(s->talks, t)
		if (!t->up || t->inflight_bytes > 0 || t->nwants > 0 || t->nlists > 0 || t->unacked > 0 ||
		    t->cursor < t->their_last)
			return true;
	return false;
}

/* What we say of the connection. */
static struct msg_keep keep_of(const struct session *s)
{
	const struct neighbour_book *b = s->peers->neighbours;
	const struct neighbour *n = neighbour_book_find(b, &s->id);
	struct msg_keep keep = { .spare = b->crowded };
	const struct talk *t;

	keep.needed = !b->crowded || b->joining || !n || n->wanted || s->asking || asker_book_holds(s) ||
	              dial_is_named(s->peers, &s->id);
	DL_FOREACH(s->talks, t) {
		const struct peer_group *g = t->group;
		bool ours = rights_has(g->own_role, RIGHT_WRITE), theirs = rights_has(t->role, RIGHT_WRITE);

		keep.spare &= g->writers_up - theirs >= (size_t)(ours ? GRAPH_CHOSEN : GRAPH_WRITERS);
	}
	return keep;
}

static void tell_keep(struct session *s)
{
	struct msg_keep now = keep_of(s);
	size_t n;

	if (now.needed == s->keep_told.needed && now.spare == s->keep_told.spare)
		return;
	s->keep_told = now;
	uint8_t *body = msg_keep_encode(&now, &n);

	session_send(s, FRAME_KEEP, body, n);
}

void neighbours_keep_in(struct session *s, const struct msg_keep *m)
{
	s->keep_theirs = *m;
}

/* True when the session was ended. */
static bool give_up(struct session *s, int64_t now)
{
	if (s->keep_told.needed || s->keep_theirs.needed || is_busy(s)) {
		s->unneeded_ms = 0;
		return false;
	}
	if (!s->unneeded_ms)
		s->unneeded_ms = now + GRACE_MS + (int64_t)random_below(GRACE_MS);
	if (now < s->unneeded_ms)
		return false;
	session_part(s, false);
	return true;
}

bool neighbours_look_for(struct peers *p, const struct agent_id *id)
{
	struct neighbour_book *b = p->neighbours;
	const struct neighbour *n;

	if (!b->crowded || b->joining)
		return true;
	n = neighbour_book_find(b, id);
	if (!n)
		return neighbour_book_wants_stranger(b, &b->looked_ms);
	return n->wanted && dial_state(p, id) != GRAPH_HOPED;
}

/* --- too many --- */

static bool shed(struct peers *p)
{
	struct graph_link *l = mem_calloc(p->nsessions + 1, sizeof(*l));
	struct session **of = mem_calloc(p->nsessions + 1, sizeof(struct session *));
	int64_t now = loop_now_ms(p->config.loop), now_s = clock_wall_s();
	struct session *s;
	size_t n = 0, gone;

	DL_FOREACH(p->sessions, s) {
		if (!s->link->trusted)
			continue;
		of[n] = s;
		l[n++] = (struct graph_link){ .rank = graph_rank(p->neighbours->secret, s->peer, now_s),
			                      .wanted = s->keep_told.needed,
			                      .spare = s->keep_theirs.spare,
			                      .age_ms = now - s->born_ms };
	}
	gone = graph_shed(l, n);
	s = gone < n ? of[gone] : NULL;
	free(l);
	free(of);
	if (s)
		session_part(s, true);
	return s != NULL;
}

bool neighbours_make_room(struct peers *p)
{
	return p->neighbours->crowded && shed(p);
}

/* Whoever asks goes about looking for members, or stops it: that waits, since a joiner is hungry only for a moment. */
static void note_few(struct peers *p, int64_t now)
{
	struct neighbour_book *b = p->neighbours;
	bool few = !b->crowded || b->hungry || b->joining;

	if (few == b->few) {
		b->few_ms = 0;
		return;
	}
	if (!b->few_ms)
		b->few_ms = now;
	if (b->crowded && now - b->few_ms < FEW_MS) {
		neighbour_book_within(p, FEW_MS);
		return;
	}
	b->few = few;
	b->few_ms = 0;
	if (p->config.few)
		p->config.few(p->config.arg);
}

void neighbours_review(struct peers *p)
{
	struct neighbour_book *b = p->neighbours;
	int64_t now = loop_now_ms(p->config.loop);
	bool was = b->crowded;
	struct session *s, *next;
	struct peer_group *g;

	b->crowded = b->joining = false;
	DL_FOREACH(p->groups, g) {
		b->joining |= g->config.invite != NULL;
		b->crowded |= !g->config.invite && is_large(g);
	}
	if (!b->crowded && !was)
		return;
	if (!was && p->sessions) { /* who lets us in tells us where the others are */
		b->few = false;
		if (p->config.few)
			p->config.few(p->config.arg);
	}
	choose_all(p);
	note_few(p, now);
	DL_FOREACH_SAFE(p->sessions, s, next)
		if (s->link->trusted)
			tell_keep(s);
	DL_FOREACH_SAFE(p->sessions, s, next)
		if (s->link->trusted)
			(void)give_up(s, now);
	for (int i = 0; i < SHED_AT_ONCE && b->crowded && shed(p); i++)
		continue;
}
