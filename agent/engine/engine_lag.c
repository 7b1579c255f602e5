/* How far members are behind, and since when, for people. Since when is the time at which a member last had everything:
 * a file that it cannot take is often written again and again, and would not be old. The engine finds out soon after
 * something has changed, and when somebody asks, never for each row. The index keeps the answer over a restart. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/mem.h"

enum {
	LOOK_MS = 1000,
	LOOK_MEMBER_MS = 10, /* more for each member: a look takes some microseconds for each */
	BEHIND_MAX = 100000  /* rows that are counted for one member */
};

struct lag_member {
	uint64_t peer;    /* the key */
	int64_t since_s;  /* wall clock; 0: it lacks nothing */
	int64_t stored_s; /* since_s as in the index */
	uint64_t look;    /* the last one that saw it in the roster */
	UT_hash_handle hh;
};

struct engine_lag {
	struct loop_timer *timer;
	struct lag_member *members; /* owned; as far as it has looked */
	uint64_t look;
};

struct lag_key {
	char text[32];
};

static const char *lag_key(struct lag_key *k, uint64_t peer)
{
	(void)snprintf(k->text, sizeof(k->text), "behind-%016" PRIx64, peer);
	return k->text;
}

static void lag_store(struct engine *e, struct lag_member *m)
{
	struct lag_key k;

	if (m->since_s != m->stored_s && index_meta_put(e->index, lag_key(&k, m->peer), m->since_s) == 0)
		m->stored_s = m->since_s;
}

/* Nothing is known to lack before the member has said what it has, and nobody tells a reader what it has of the
 * reader's rows. If the index cannot be read, nothing changes. */
static void lag_judge(struct engine *e, struct lag_member *m)
{
	struct index_peer p;

	if (index_peer_get(e->index, m->peer, &p) < 0)
		return;
	if (p.epoch == 0 || index_is_reader(e->index) ||
	    (p.settled_epoch == index_epoch(e->index) && p.settled >= index_seq(e->index)))
		m->since_s = 0;
	else if (m->since_s == 0)
		m->since_s = clock_wall_s();
}

static struct lag_member *lag_look(struct engine *e, uint64_t peer)
{
	struct lag_member *m;
	struct lag_key k;

	HASH_FIND(hh, e->lag->members, &peer, sizeof(peer), m);
	if (m == NULL) {
		m = MEM_NEW(struct lag_member);
		m->peer = peer;
		m->look = e->lag->look;
		if (index_meta_get(e->index, lag_key(&k, peer), &m->since_s) > 0)
			m->stored_s = m->since_s;
		HASH_ADD(hh, e->lag->members, peer, sizeof(peer), m);
	}
	lag_judge(e, m);
	return m;
}

static bool lag_look_member(void *arg, const struct roster_member *r)
{
	struct engine *e = arg;
	struct lag_member *m;

	if (agent_id_equal(&r->id, identity_id(e->context->self)))
		return true;
	m = lag_look(e, agent_id_short(&r->id));
	m->look = e->lag->look;
	lag_store(e, m);
	return true;
}

static void lag_look_all(void *arg)
{
	struct engine *e = arg;
	struct lag_member *m, *next;

	e->lag->look++;
	roster_members(e->roster, lag_look_member, e);
	HASH_ITER(hh, e->lag->members, m, next) {
		if (m->look == e->lag->look)
			continue;
		HASH_DELETE(hh, e->lag->members, m);
		free(m);
	}
}

void engine_lag_turn(struct engine *e)
{
	if (e->lag != NULL && !loop_timer_running(e->lag->timer))
		loop_timer_start(e->lag->timer, LOOK_MS + LOOK_MEMBER_MS * (int64_t)HASH_COUNT(e->lag->members), 0);
}

/* While changes go on, it may have everything for a moment only. */
void engine_lag_settled(struct engine *e, uint64_t peer)
{
	struct lag_member *m = NULL;

	if (e->lag != NULL)
		HASH_FIND(hh, e->lag->members, &peer, sizeof(peer), m);
	if (m != NULL && m->since_s != 0)
		lag_judge(e, m);
}

void engine_lag_start(struct engine *e)
{
	e->lag = MEM_NEW(struct engine_lag);
	e->lag->timer = loop_timer_new(e->context->loop, lag_look_all, e);
}

void engine_lag_stop(struct engine *e)
{
	struct lag_member *m, *next;

	if (e->lag == NULL)
		return;
	lag_look_all(e);
	HASH_ITER(hh, e->lag->members, m, next) {
		HASH_DELETE(hh, e->lag->members, m);
		free(m);
	}
	loop_timer_free(e->lag->timer);
	free(e->lag);
	e->lag = NULL;
}

/* --- for users --- */

int64_t engine_member_behind_since(struct engine *e, uint64_t peer)
{
	int64_t since, now = clock_wall_s();

	if (e->lag == NULL || !engine_seen_knows(e, peer))
		return -1;
	since = lag_look(e, peer)->since_s;
	return since == 0 ? -1 : since < now ? since : now;
}

int64_t engine_member_behind(struct engine *e, uint64_t peer, int64_t most)
{
	return engine_seen_knows(e, peer) ? index_peer_behind(e->index, peer, most) : -1;
}

void engine_member_state(struct engine *e, uint64_t peer, struct engine_member_state *s)
{
	s->connected = e->peers != NULL && peer_group_connected(e->peers, peer);
	s->here = e->peers != NULL && peer_group_here_s(e->peers, peer) >= 0;
	s->last_seen_s = engine_last_seen(e, peer);
	s->behind = engine_member_behind(e, peer, BEHIND_MAX);
	s->behind_since_s = s->behind > 0 ? engine_member_behind_since(e, peer) : -1;
}
