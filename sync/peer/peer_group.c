/* One group on all connections: offered, paused and ended; the engine's requests and its news for the group's
 * peers. */
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/ask_internal.h"
#include "sync/peer/neighbour_internal.h"
#include "sync/peer/news_internal.h"

/* --- who is in the group --- */

static void roster_has_changed(struct peer_group *g)
{
	g->config.hooks->roster_changed(g->config.arg);
}

/* Whether a peer's records count, and whether it may have ours, is settled when a talk comes up. Rows that it
 * announced in the other role and that are not ours yet are forgotten: it announces them again if it may. */
static void role_changed(struct talk *t, enum role role)
{
	struct session *s = t->session;
	struct peer_group *g = t->group;

	if (rights_has(role, RIGHT_READ) == rights_has(t->role, RIGHT_READ) &&
	    rights_has(role, RIGHT_STORE) == rights_has(t->role, RIGHT_STORE) &&
	    rights_has(role, RIGHT_WRITE) == rights_has(t->role, RIGHT_WRITE)) {
		t->role = role;
		return;
	}
	talk_close(t, "its role has changed");
	news_in_forget(g, s->peer);
	g->config.hooks->doubted(g->config.arg, s->peer);
	session_offer(s, g);
}

/* One that was removed loses the connection as well, if it served no other group. One that left may be about to join
 * again on it; it ends by itself when nothing comes of it. */
static void end_former_member(struct talk *t)
{
	struct session *s = t->session;
	struct agent_id by;
	bool removed = roster_outside(t->group->config.roster, &s->id, &by) == OUTSIDE_REMOVED;

	membership_end(t, "no longer a member");
	if (removed && !s->talks)
		session_ended(s, "no longer a member");
}

static void members_changed(struct peer_group *g)
{
	struct talk *t, *next;

	if (g->config.invite)
		return;
	DL_FOREACH_SAFE2(g->talks, t, next, group_next)
	{
		enum role role = roster_role(g->config.roster, &t->session->id);

		if (role == t->role)
			continue;
		if (!rights_has(role, RIGHT_TAKE_PART))
			end_former_member(t);
		else if (t->role == ROLE_NONE)
			talk_begin(t);
		else
			role_changed(t, role);
	}
}

/* Peers believe what our hello says of our role, so each needs another one. */
static void own_role_changed(struct peer_group *g)
{
	enum role now = g->config.index ? talk_own_role(g) : ROLE_NONE, was = g->own_role;

	g->own_role = now;
	if (was != ROLE_NONE && now != ROLE_NONE &&
	    (rights_has(was, RIGHT_WRITE) != rights_has(now, RIGHT_WRITE) ||
	     rights_has(was, RIGHT_READ) != rights_has(now, RIGHT_READ)))
		peer_group_hello_again(g);
}

void peer_group_roster_changed(struct peer_group *g)
{
	neighbour_book_soon(g->peers);
	roster_out_news(g);
	members_changed(g);
	own_role_changed(g);
	ask_out_settle(g);
}

/* A request to join, whose signatures a worker has looked at. */
static void on_join_request(struct talk *t, const uint8_t *request, size_t n, bool good)
{
	struct peer_group *g = t->group;

	if (admit_checked(t, request, n, good)) {
		roster_has_changed(g);
		peer_group_roster_changed(g);
	}
}

/* What made us a former member has just been passed on. Nothing more is taken, not even from a member that has not
 * heard of it yet. */
static void end_if_outside(struct peer_group *g)
{
	const struct talk *t;

	if (roster_may(g->config.roster, identity_id(g->peers->config.self), RIGHT_TAKE_PART))
		return;
	DL_FOREACH2(g->talks, t, group_next) {
		if (t->up) {
			peer_group_reopen(g, "this agent is no longer a member");
			return;
		}
	}
}

/* Entries were put into the roster: judges them, and passes on what counts now. */
static void on_roster_entries(struct peer_group *g)
{
	if (!roster_settle(g->config.roster))
		return;
	if (g->config.invite) {
		admit_join_check(g);
		return;
	}
	roster_has_changed(g);
	peer_group_roster_changed(g);
	end_if_outside(g);
}

static void on_rekeyed(void *arg)
{
	struct peer_group *g = arg;

	if (!g->paused)
		peer_group_reopen(g, "reopening with other keys");
}

static const struct roster_in_events roster_events = { .entries = on_roster_entries,
	                                               .credential = talk_opened,
	                                               .request = on_join_request };

/* --- life --- */

struct peer_group *peer_group_new(struct peers *p, const struct peer_group_config *config)
{
	struct peer_group *g = MEM_NEW(struct peer_group);
	struct session *s;

	g->peers = p;
	g->config = *config;
	g->scanned = !config->keyless && (!config->scans || index_totals(config->index).files > 0);
	g->hashed = !config->scans;
	g->own_role = config->index ? talk_own_role(g) : ROLE_NONE;
	g->committed = config->index ? index_seq(config->index) : 0;
	g->seq_at_open = g->committed;
	g->commits_safe = config->index ? index_commits(config->index) : 0;
	if (config->seal)
		g->rekey = loop_timer_new(p->config.loop, on_rekeyed, g);
	g->roster_in = roster_in_new(g, &roster_events);
	ask_out_start(g);
	if (config->invite)
		g->join = admit_join_new(g);
	DL_APPEND(p->groups, g);
	neighbour_book_soon(p);
	DL_FOREACH(p->sessions, s)
		session_offer(s, g);
	return g;
}

static void close_talks(struct peer_group *g, const char *reason)
{
	struct talk *t, *next;
	struct session *s;

	DL_FOREACH_SAFE2(g->talks, t, next, group_next)
	{
		/* A joiner would take the close for the group's answer. */
		if (rights_has(t->role, RIGHT_TAKE_PART))
			talk_close(t, reason);
		else
			talk_end(t, reason);
	}
	DL_FOREACH(g->peers->sessions, s)
		for (uint32_t i = 0; i < s->nchannels; i++)
			if (s->channels[i] == g)
				s->channels[i] = NULL;
}

void peer_group_free(struct peer_group *g)
{
	if (!g)
		return;
	close_talks(g, "the group was stopped here");
	ask_out_stop(g);
	admit_join_free(g->join);
	numbers_forget_sent(g);
	news_relay_free(g);
	peer_group_here_forget(g);
	roster_in_free(g->roster_in);
	loop_timer_free(g->rekey);
	DL_DELETE(g->peers->groups, g);
	neighbour_book_soon(g->peers);
	free(g);
}

void peer_group_reopen(struct peer_group *g, const char *reason)
{
	struct session *s;

	close_talks(g, reason);
	DL_FOREACH(g->peers->sessions, s)
		session_offer(s, g);
}

void peer_group_begin_epoch(struct peer_group *g)
{
	if (news_in_begin_epoch(g) && !g->paused)
		peer_group_reopen(g, "reopening with a new epoch");
}

void peer_group_hello_again(struct peer_group *g)
{
	if (!g->paused)
		peer_group_reopen(g, "reopening in another mode or role");
}

void peer_group_again(struct peer_group *g, uint64_t peer)
{
	struct talk *t, *next;
	struct session *s;

	DL_FOREACH_SAFE2(g->talks, t, next, group_next)
	{
		if (!t->up || t->session->peer != peer)
			continue;
		s = t->session;
		talk_close(t, "reopening to receive the rest");
		session_offer(s, g);
		return;
	}
}

void peer_group_close(struct peer_group *g, const char *reason)
{
	if (g->paused)
		return;
	g->paused = true;
	neighbour_book_soon(g->peers);
	close_talks(g, reason);
}

void peer_group_pause(struct peer_group *g, bool paused)
{
	if (paused) {
		peer_group_close(g, "this agent pauses the group");
	} else if (g->paused) {
		g->paused = false;
		neighbour_book_soon(g->peers);
		peer_group_reopen(g, "resumed");
	}
}

void *peer_group_arg(const struct peer_group *g)
{
	return g->config.arg;
}

void peer_group_news(struct peer_group *g)
{
	struct talk *t;

	g->committed = index_seq(g->config.index);
	DL_FOREACH2(g->talks, t, group_next)
		news_out_kick(t);
}

void peer_group_progress(struct peer_group *g)
{
	g->progress = true;
}

int peer_group_turn_end(struct peer_group *g)
{
	struct talk *t;
	bool progress = g->progress;

	g->progress = false;
	/* Of a talk that ended in this turn the rows are committed and its numbers are not: see talk_end.c. */
	if (progress)
		DL_FOREACH2(g->talks, t, group_next)
			news_in_store(t);
	if (g->config.index && index_commit(g->config.index))
		return -1;
	if (progress)
		DL_FOREACH2(g->talks, t, group_next)
			news_in_acknowledge(t);
	return 0;
}

void peer_group_sync_begin(struct peer_group *g)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		/* A commit by the scan may have settled something as well, and the next sync may be far off. */
		news_in_settle(t);
		t->settled_syncing = t->settled_now;
	}
	g->commits_syncing = index_commits(g->config.index);
}

void peer_group_sync_end(struct peer_group *g)
{
	struct talk *t;

	g->commits_safe = g->commits_syncing;
	DL_FOREACH2(g->talks, t, group_next) {
		t->settled_safe = t->settled_syncing;
		news_in_acknowledge(t);
	}
}

void peer_group_requests_changed(struct peer_group *g)
{
	ask_out_settle(g);
}

const char *peer_group_join_note(const struct peer_group *g)
{
	return admit_join_note(g->join);
}

/* --- what fetch asks for --- */

static struct talk *talk_up(struct peer_group *g, uint64_t peer)
{
	struct talk *t = talk_of_peer(g, peer);

	return t && t->up ? t : NULL;
}

/* As talk_up(), for what is asked of those who hold the keys. */
static struct talk *talk_asked(struct peer_group *g, uint64_t peer)
{
	struct talk *t = talk_up(g, peer);

	return t && !talk_is_vault(t) ? t : NULL;
}

bool peer_group_connected(struct peer_group *g, uint64_t peer)
{
	return talk_up(g, peer) != NULL;
}

bool peer_group_wireless(struct peer_group *g, uint64_t peer)
{
	const struct talk *t = talk_up(g, peer);

	return t && t->session->link->wireless;
}

uint64_t peer_group_arrived(struct peer_group *g, uint64_t peer)
{
	const struct talk *t = talk_up(g, peer);

	return t ? t->session->link->bytes_in : 0;
}

size_t peer_group_room(struct peer_group *g, uint64_t peer)
{
	const struct talk *t = talk_up(g, peer);

	return t ? inflight_room(t) : 0;
}

int peer_group_get(struct peer_group *g, uint64_t peer, const struct content *c, const struct block_want *wants,
                   size_t n)
{
	struct talk *t = talk_asked(g, peer);

	if (!t)
		return -1;
	inflight_get(t, c, wants, n);
	return 0;
}

int peer_group_get_list(struct peer_group *g, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
{
	struct talk *t = talk_asked(g, peer);

	if (!t)
		return -1;
	inflight_get_list(t, request, c, first);
	return 0;
}

int peer_group_any(struct peer_group *g, uint64_t peer, const struct content *c, const uint32_t *requests, size_t n)
{
	struct talk *t = talk_asked(g, peer);

	if (!t)
		return -1;
	inflight_any(t, c, requests, n);
	return 0;
}

void peer_group_map(struct peer_group *g, uint64_t peer, const struct swarm_map *map)
{
	struct talk *t = talk_asked(g, peer);

	if (t)
		spread_map_out(t, map);
}

void peer_group_have(struct peer_group *g, uint64_t peer, uint32_t map, const struct swarm_run *runs, size_t n)
{
	struct talk *t = talk_asked(g, peer);

	if (t)
		spread_have_out(t, map, runs, n);
}

void peer_group_cancel(struct peer_group *g, uint64_t peer, const uint32_t *requests, size_t n)
{
	struct talk *t = talk_asked(g, peer);

	if (t)
		inflight_cancel(t, requests, n);
}

void peer_group_misbehaved(struct peer_group *g, uint64_t peer, const char *path, const char *what)
{
	struct talk *t = talk_of_peer(g, peer);

	if (t)
		talk_misbehaved(t, path, what);
}

/* --- how far peers are --- */

void peer_group_each(struct peer_group *g, bool (*fn)(void *arg, const struct peer_group_peer *p), void *arg)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		struct peer_group_peer p = { .peer = t->session->peer,
			                     .settled = t->settled,
			                     .writes = talk_vouches(t),
			                     .on_demand = t->on_demand };

		if (t->up && !fn(arg, &p))
			return;
	}
}

bool peer_group_heard(struct peer_group *g)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next)
		if (t->up && (talk_vouches(t) || talk_is_vault(t)) && t->their_last > 0 && t->cursor >= t->their_last &&
		    g->config.hooks->unstored(g->config.arg, t->session->peer) == 0)
			return true;
	return false;
}

static const char *missing_text(struct peer_group *g, const struct talk *t, const char *what)
{
	const char *name = t->session->name;

	(void)snprintf(g->missing, sizeof(g->missing), "%.64s %s", name && *name ? name : "a peer", what);
	return g->missing;
}

static bool awaits_keys(const struct talk *t)
{
	return t->group->config.seal && t->seal.proved && !t->seal.common && !talk_is_vault(t);
}

const char *peer_group_missing(struct peer_group *g)
{
	bool tells = g->config.index && rights_has(talk_own_role(g), RIGHT_WRITE);
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		if (awaits_keys(t))
			return missing_text(g, t, "to get the group's keys");
		if (rights_has(t->role, RIGHT_READ) && t->open_in && !t->up)
			return missing_text(g, t, "to say hello");
		if (t->up && t->cursor < t->their_last)
			return missing_text(g, t, "to send the rest of its news");
		if (t->up && tells && t->settled < g->committed)
			return missing_text(g, t, "to install our changes");
	}
	return g->config.index && g->committed < index_seq(g->config.index) ? "the index to be committed" : NULL;
}
