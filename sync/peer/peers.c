/* See peers.h: the connections as a whole. */
#include "sync/peer/peers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

struct session *peers_session_of(struct peers *p, const struct agent_id *id)
{
	struct session *s;

	DL_FOREACH(p->sessions, s)
		if (agent_id_equal(&s->id, id))
			return s;
	return NULL;
}

static void session_forget(struct session *s)
{
	DL_DELETE(s->peers->sessions, s);
	s->peers->nsessions--;
	session_close(s);
}

/* The connection failed or was ended by the other side. */
void peers_session_ended(struct session *s, const char *reason)
{
	struct peers *p = s->peers;
	struct agent_id id = s->id;
	bool was_member = s->link->trusted;

	if (was_member && p->config.disconnected)
		p->config.disconnected(p->config.arg, &id, NULL, reason);
	session_forget(s);
	dial_lost(p, &id);
}

/* We end it, because the other side has no business here. */
static void end_session(struct session *s, const struct msg_bye *m)
{
	struct peers *p = s->peers;
	size_t n;
	uint8_t *bye = msg_bye_encode(m, &n);

	session_send(s, FRAME_BYE, bye, n);
	if (p->config.refused)
		p->config.refused(p->config.arg, &s->id, s->link->address, m->reason);
	session_forget(s);
}

void peers_refuse(struct session *s, const char *reason)
{
	end_session(s, &(struct msg_bye){ .reason = reason });
}

void peers_refuse_copied(struct session *s)
{
	struct msg_bye m = { .reason = "two agents with this identity take turns: its home was copied",
		             .copied = true };

	copied_home_evidence(s, &m.proof);
	end_session(s, &m);
}

/* Which of two connections to one agent goes. Those made at once: the one dialled by the smaller ID stays. Otherwise the
 * newer one: the peer would not have dialled if it thought it had one. */
static bool old_one_stays(struct peers *p, const struct session *old, const struct link *fresh)
{
	const struct agent_id *self = identity_id(p->config.self);
	bool we_are_smaller = memcmp(self->b, fresh->peer.b, sizeof(self->b)) < 0;

	if (loop_now_ms(p->config.loop) - old->born_ms > PEERS_DUPLICATE_MS || old->link->dialed == fresh->dialed)
		return false;
	return old->link->dialed == we_are_smaller;
}

static void on_up(void *arg, struct link *link, void *dial_arg)
{
	struct peers *p = arg;
	struct session *old;

	if (dial_arg)
		dial_succeeded(p, dial_arg, &link->peer);
	if (agent_id_equal(&link->peer, identity_id(p->config.self))) {
		copied_home_mirror(p, link); /* our own address, or a copy of this home */
		return;
	}
	old = peers_session_of(p, &link->peer);
	if (old && old_one_stays(p, old, link)) {
		link_close(link);
		return;
	}
	if (old) {
		log_debug("%s: a newer connection replaces %s", link->address, old->link->address);
		session_forget(old);
	}
	if (!slots_take(p, link)) {
		char text[ID_TEXT_MAX];

		agent_id_text(text, &link->peer);
		if (log_allow("peers-full", 1))
			log_about(LOG_WARN, &(struct log_about){ .peer = text },
			          "%s: not connected: there are already %d connections", link->address,
			          PEERS_MAX_SESSIONS);
		link_close(link);
		return;
	}
	link->rate_out = p->upload;
	link->rate_in = p->download;
	struct session *s = session_new(p, link);

	DL_APPEND(p->sessions, s);
	p->nsessions++;
	if (!loop_timer_running(p->tick)) {
		p->tick_ms = loop_now_ms(p->config.loop);
		loop_timer_start(p->tick, PEERS_TICK_MS, PEERS_TICK_MS);
	}
}

static void on_failed(void *arg, void *dial_arg, const char *address, const char *reason, bool refused)
{
	struct peers *p = arg;

	if (dial_arg)
		dial_failed(p, dial_arg, address, reason, refused);
	else if (p->config.refused)
		p->config.refused(p->config.arg, NULL, address, reason);
}

static bool is_stalled(const struct session *s, int64_t now)
{
	const struct link *l = s->link;

	return l->queued_control + l->queued_bulk > 0 && now - l->last_out_ms > PEERS_STALLED_MS;
}

/* Liveness: everyone who was silent for too long goes, who is idle is pinged. When this timer itself came late (the
 * process was stopped, the machine slept), silence proves nothing yet. */
static void on_tick(void *arg)
{
	struct peers *p = arg;
	struct session *s, *next;
	int64_t now = loop_now_ms(p->config.loop);
	bool late = now - p->tick_ms > 2 * PEERS_TICK_MS;

	p->tick_ms = now;
	DL_FOREACH_SAFE(p->sessions, s, next) {
		if (s->condemned)
			peers_refuse(s, s->condemned);
		else if (!s->link->trusted && now - s->born_ms > PEERS_PROVE_MS)
			peers_refuse(s, "did not prove membership in a common group");
		else if (s->link->trusted && !s->talks && s->idle++)
			peers_session_ended(s, "no group in common any more");
		else if (!late && now - s->link->last_in_ms > PEERS_DEAD_MS)
			peers_session_ended(s, "silent for over 10 s");
		else if (!late && is_stalled(s, now))
			peers_session_ended(s, "does not read what it is sent");
		else {
			session_tick(s, now);
			gossip_tick(s);
		}
	}
	if (!p->sessions)
		loop_timer_stop(p->tick);
}

struct peers *peers_new(const struct peers_config *config, char **why)
{
	static const struct tls_events events = { .up = on_up, .failed = on_failed };
	struct peers *p = MEM_NEW(struct peers);

	p->config = *config;
	p->name = mem_strdup(config->name);
	p->config.name = p->name;
	p->run_id = random_u64() | 1;
	p->tls = tls_new(config->loop, config->self, &events, p, why);
	if (!p->tls) {
		free(p->name);
		free(p);
		return NULL;
	}
	p->upload = rate_new(config->loop);
	p->download = rate_new(config->loop);
	p->tick = loop_timer_new(config->loop, on_tick, p);
	dial_new(p);
	return p;
}

void peers_free(struct peers *p)
{
	struct session *s, *next;

	if (!p)
		return;
	DL_FOREACH_SAFE(p->sessions, s, next) {
		size_t n;
		uint8_t *bye = msg_bye_encode(&(struct msg_bye){ .reason = "stopped" }, &n);

		session_send(s, FRAME_BYE, bye, n);
		session_forget(s);
	}
	copied_home_free_all(p);
	tls_free(p->tls);
	rate_free(p->upload);
	rate_free(p->download);
	loop_timer_free(p->tick);
	dial_free(p);
	free(p->name);
	free(p);
}

int peers_listen(struct peers *p, const char *listen, char **why)
{
	p->port = tls_listen(p->tls, listen, why);
	return p->port;
}

void peers_limit(struct peers *p, int64_t upload, int64_t download)
{
	rate_set(p->upload, upload);
	rate_set(p->download, download);
}

void peers_found(struct peers *p, const struct agent_id *claimed_id, const struct sockaddr *addr, socklen_t addr_len)
{
	(void)addr_len;
	dial_found(p, claimed_id, addr);
}

void peers_moved(struct peers *p)
{
	gossip_own_changed(p);
	dial_all_now(p);
}

void peers_retry_now(struct peers *p)
{
	dial_all_now(p);
}

bool peers_connected(struct peers *p, const struct agent_id *id)
{
	const struct session *s = peers_session_of(p, id);

	return s && s->link->trusted;
}

void peers_each(struct peers *p, bool (*fn)(void *arg, const struct peer_connection *c), void *arg)
{
	struct session *s;

	DL_FOREACH(p->sessions, s) {
		struct peer_group *groups[MSG_MAX_TAGS];
		struct peer_connection c = { .id = s->id,
			                     .name = s->name ? s->name : "",
			                     .address = s->link->address,
			                     .since_s = s->since_s,
			                     .bytes_in = s->link->bytes_in,
			                     .bytes_out = s->link->bytes_out,
			                     .rtt_ms = s->rtt_ms,
			                     .groups = groups };
		struct talk *t;

		if (!s->link->trusted)
			continue;
		DL_FOREACH(s->talks, t)
			if (t->up && c.ngroups < MSG_MAX_TAGS)
				groups[c.ngroups++] = t->group;
		if (c.ngroups && !fn(arg, &c))
			return;
	}
}

/* --- groups --- */

struct peer_group *peer_group_new(struct peers *p, const struct peer_group_config *config)
{
	struct peer_group *g = MEM_NEW(struct peer_group);
	struct session *s;

	g->peers = p;
	g->config = *config;
	g->committed = config->index ? index_seq(config->index) : 0;
	g->opened = g->committed;
	g->commits_safe = config->index ? index_commits(config->index) : 0;
	g->roster_in = roster_in_new(g);
	if (config->invite)
		g->join = admit_join_new(g);
	DL_APPEND(p->groups, g);
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
		/* One who asks to join would take it for the group's answer. */
		if (rights_has(t->role, RIGHT_TAKE_PART))
			talk_close(t, reason);
		else
			talk_free(t, reason);
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
	admit_join_free(g->join);
	news_out_forget_told(g);
	roster_in_free(g->roster_in);
	DL_DELETE(g->peers->groups, g);
	free(g);
}

void peer_group_reopen(struct peer_group *g, const char *reason)
{
	struct session *s;

	close_talks(g, reason);
	DL_FOREACH(g->peers->sessions, s)
		session_offer(s, g);
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

void peer_group_pause(struct peer_group *g, bool paused)
{
	if (g->paused == paused)
		return;
	g->paused = paused;
	if (paused)
		close_talks(g, "paused");
	else
		peer_group_reopen(g, "resumed");
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
	if (progress)
		DL_FOREACH2(g->talks, t, group_next)
			news_in_store(t);
	if (index_commit(g->config.index))
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
		/* A commit of the scan's may have settled something as well, and this may be the last sync for long. */
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

void peer_group_roster_changed(struct peer_group *g)
{
	roster_out_news(g);
	talk_members_changed(g);
}

const char *peer_group_join_note(const struct peer_group *g)
{
	return admit_join_note(g->join);
}

void peer_group_each(struct peer_group *g, bool (*fn)(void *arg, const struct peer_group_peer *p), void *arg)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		struct peer_group_peer p = { .peer = t->session->peer, .settled = t->settled };

		p.synced_to_us = t->settled >= g->committed;
		p.told_all = t->cursor >= t->their_last;
		if (t->up && !fn(arg, &p))
			return;
	}
}

static const char *lacking(struct peer_group *g, const struct talk *t, const char *what)
{
	const char *name = t->session->name;

	(void)snprintf(g->lacks, sizeof(g->lacks), "%.64s %s", name && *name ? name : "a peer", what);
	return g->lacks;
}

const char *peer_group_lacks(struct peer_group *g)
{
	struct talk *t;

	DL_FOREACH2(g->talks, t, group_next) {
		if (rights_has(t->role, RIGHT_READ) && t->open_in && !t->up)
			return lacking(g, t, "to say hello");
		if (t->up && t->cursor < t->their_last)
			return lacking(g, t, "to send the rest of its news");
		if (t->up && t->settled < g->committed)
			return lacking(g, t, "to install our changes");
	}
	return g->config.index && g->committed < index_seq(g->config.index) ? "the index to be committed" : NULL;
}

struct peer_counters peer_group_counters(const struct peer_group *g)
{
	return g->counters;
}
