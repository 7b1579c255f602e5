/* All connections: which of two to one agent stays, which is dropped when, and the door (peers.h) to what concerns
 * none in particular. */
#include "sync/peer/peers.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"
#include "sync/peer/neighbour_internal.h"

/* Which of two connections to one agent is closed. If both were made at once, the one that the smaller ID dialled
 * stays. Otherwise the newer one stays: the peer would not have dialled if it thought that it was connected. */
static bool old_one_stays(struct peers *p, const struct session *old, const struct link *fresh)
{
	const struct agent_id *self = identity_id(p->config.self);
	bool we_are_smaller = memcmp(self->b, fresh->peer.b, sizeof(self->b)) < 0;

	if (loop_now_ms(p->config.loop) - old->born_ms > PEERS_DUPLICATE_MS || old->link->dialed == fresh->dialed)
		return false;
	return old->link->dialed == we_are_smaller;
}

static void link_up(void *arg, struct link *link, void *dial_arg)
{
	struct peers *p = arg;
	struct session *old;

	if (dial_arg)
		dial_succeeded(p, dial_arg, &link->peer);
	if (agent_id_equal(&link->peer, identity_id(p->config.self))) {
		copied_home_mirror(p, link); /* our own address, or a copy of this home */
		return;
	}
	old = session_of(p, &link->peer);
	if (old && old_one_stays(p, old, link)) {
		link_close(link);
		return;
	}
	if (old) {
		log_debug("%s: a newer connection replaces %s", link->address, old->link->address);
		session_drop(old);
	}
	if (p->nsessions >= PEERS_MAX_SESSIONS)
		(void)neighbours_make_room(p);
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

static void link_failed(void *arg, void *dial_arg, const char *address, const char *reason, bool refused)
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

/* A stranger stays while it waits for an owner, and so does a member that we ask. */
static bool may_stay(const struct session *s, int64_t now, size_t *strangers)
{
	if (asker_book_holds(s))
		return true;
	return ask_out_holds(s, now) && ++*strangers <= ASK_HELD_MAX;
}

/* Liveness: a peer that was silent for too long is dropped, an idle one is pinged. When this timer itself came late
 * (the process was stopped, the machine slept), silence proves nothing yet. */
static void peers_tick(void *arg)
{
	struct peers *p = arg;
	struct session *s, *next;
	struct peer_group *g;
	int64_t now = loop_now_ms(p->config.loop);
	bool late = now - p->tick_ms > 2 * PEERS_TICK_MS;
	size_t strangers = 0;

	p->tick_ms = now;
	DL_FOREACH_SAFE(p->sessions, s, next) {
		if (s->condemned)
			session_refuse(s, s->condemned);
		else if (!s->link->trusted && now - s->born_ms > PEERS_PROVE_MS && !may_stay(s, now, &strangers))
			session_refuse(s, "did not prove membership in a common group");
		else if (s->link->trusted && !s->talks && s->idle++)
			session_ended(s, "no group in common any more");
		else if (!late && now - s->link->last_in_ms > PEERS_DEAD_MS)
			session_ended(s, "silent for over 10 s");
		else if (!late && is_stalled(s, now))
			session_ended(s, "does not read what it is sent");
		else {
			session_tick(s, now);
			gossip_tick(s);
		}
	}
	gossip_spread(p);
	peer_group_here_tick(p);
	neighbours_review(p);
	DL_FOREACH(p->groups, g) {
		peer_group_scanned(g); /* for long enough: the disk may not answer */
		news_out_kick_waiting(g);
		ranges_tick(g);
	}
	if (!p->sessions)
		loop_timer_stop(p->tick);
}

/* TLS is the one step that can fail, so it comes first. */
struct peers *peers_new(const struct peers_config *config, char **why)
{
	static const struct tls_events events = { .up = link_up, .failed = link_failed };
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
	p->tick = loop_timer_new(config->loop, peers_tick, p);
	dial_new(p);
	neighbours_new(p);
	return p;
}

/* Peers are told goodbye while TLS is still there; attempts at addresses end with it. */
void peers_free(struct peers *p)
{
	struct session *s, *next;

	if (!p)
		return;
	DL_FOREACH_SAFE(p->sessions, s, next) {
		size_t n;
		uint8_t *bye = msg_bye_encode(&(struct msg_bye){ .reason = "stopped" }, &n);

		session_send(s, FRAME_BYE, bye, n);
		session_drop(s);
	}
	copied_home_free_all(p);
	tls_free(p->tls);
	rate_free(p->upload);
	rate_free(p->download);
	loop_timer_free(p->tick);
	neighbours_free(p);
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

void peers_hinted(struct peers *p, const struct sockaddr *addr)
{
	dial_hinted(p, addr);
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
	const struct session *s = session_of(p, id);

	return s && s->link->trusted;
}

struct known_walk {
	void (*fn)(void *arg, const char *address);
	void *arg;
};

static void pass_known(void *arg, const struct agent_id *id, const struct sockaddr_storage *addr, uint64_t teller)
{
	const struct known_walk *walk = arg;
	char text[TLS_ADDRESS_MAX];

	(void)id;
	(void)teller;
	tls_address_text(text, (const struct sockaddr *)addr);
	if (strchr(text, '%') == NULL)
		walk->fn(walk->arg, text);
}

void peers_known(struct peers *p, const struct agent_id *id, void (*fn)(void *arg, const char *address), void *arg)
{
	dial_known(p, id, pass_known, &(struct known_walk){ fn, arg });
}

bool peers_look_for(struct peers *p, const struct agent_id *id)
{
	return !session_of(p, id) && (asker_book_active(p) || neighbours_look_for(p, id));
}

bool peers_are_few(struct peers *p)
{
	return p->neighbours->few;
}

/* Connections without a group in common, so far, are left out. */
void peers_each(struct peers *p, bool (*fn)(void *arg, const struct peer_connection *c), void *arg)
{
	int64_t now_ms = loop_now_ms(p->config.loop);
	struct session *s;

	DL_FOREACH(p->sessions, s) {
		struct peer_group *groups[MSG_MAX_TAGS];
		struct peer_connection c = { .id = s->id,
			                     .name = s->name ? s->name : "",
			                     .address = s->link->address,
			                     .since_s = s->since_s,
			                     .bytes_in = s->link->bytes_in,
			                     .bytes_out = s->link->bytes_out,
			                     .rate_in = meter_rate(&s->link->meter_in, now_ms),
			                     .rate_out = meter_rate(&s->link->meter_out, now_ms),
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
