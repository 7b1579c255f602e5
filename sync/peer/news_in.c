/* News in: the index hello, records handed to the hooks in order, and acknowledgements. We acknowledge as received
 * what a kill -9 in the next instant would not lose: all rows given to the hooks except those that fetch has in
 * memory only. We acknowledge as settled what even a power cut would not take back, since the peer relies on it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "sync/peer/peers_internal.h"
#include "sync/plan/path.h"

static void peer_load(struct talk *t, struct index_peer *p)
{
	if (index_peer_get(t->group->config.index, t->session->peer, p) < 0)
		memset(p, 0, sizeof(*p)); /* logged by the index; asking for everything again is safe */
}

void news_in_send_hello(struct talk *t)
{
	struct peer_group *g = t->group;
	struct index *index = g->config.index;
	struct index_peer p;
	size_t n;

	peer_load(t, &p);
	struct msg_index_hello m = { .channel = (uint32_t)t->my_channel,
		                     .epoch = index_epoch(index),
		                     .seq = g->committed,
		                     .have_epoch = p.epoch,
		                     .have_seq = p.received,
		                     .forgotten = index_forgotten(index) };

	/* Rows that may not be safe yet are left to the acknowledgement that follows the next sync. */
	if (index_commits(index) == g->commits_safe)
		m.settled = index_settled(index, t->session->peer, p.received);
	numbers_show(t, &m);
	m.on_demand = index_choices(index)->mode == CHOOSE_ON_DEMAND;
	m.role_known = (uint32_t)talk_own_role(g);
	m.no_inline = m.on_demand || (p.received == 0 && index_totals(index).files > 0);
	ranges_hello(t, &m);
	t->hello_sent = true;
	if (talk_is_vault(t)) {
		talk_vault_hello(t, &m);
		return;
	}
	uint8_t *body = msg_index_hello_encode(&m, &n);

	talk_send(t, FRAME_INDEX_HELLO, body, n);
}

/* Name of an index value: the greatest number that the peer, in its present epoch, had forgotten when it began to send
 * us all its rows. One for each peer, or one that takes ever new epochs would fill the index. */
static const char *met_name(char out[32], uint64_t peer)
{
	(void)snprintf(out, 32, "met %016" PRIx64, peer);
	return out;
}

/* True if the peer has forgotten deletions that we never received, and would not be sent our rows again by itself.
 * A member that was away that long rejoins as new: we send it all our rows, and where it knows that a path is gone
 * it answers with the deletion. This concerns only the two of us, so any peer may claim it. */
static bool away_too_long(const struct talk *t, const struct msg_index_hello *m, const struct index_peer *p)
{
	struct index *index = t->group->config.index;
	char name[32];
	int64_t met;

	if (p->epoch != m->epoch || p->received >= m->forgotten || m->have_seq == 0 ||
	    m->have_epoch != index_epoch(index) || index_meta_get(index, met_name(name, t->session->peer), &met) < 0)
		return false;
	return m->forgotten > (uint64_t)met;
}

/* The peer lost its index: nothing of its earlier epoch counts except the changes of it that we know. It may also
 * have lost rows of ours that came from it, so those are sent again. */
static void new_epoch_of_peer(struct talk *t, const struct msg_index_hello *m, struct index_peer *p)
{
	char name[32];
	struct index *index = t->group->config.index;
	uint64_t peer = t->session->peer;

	if (p->epoch != 0) {
		index_note_peer(index, peer);
		news_out_resend_all(t);
	}
	index_offers_forget_peer(index, peer);
	index_meta_put(index, met_name(name, peer), (int64_t)m->forgotten);
	*p = (struct index_peer){ .epoch = m->epoch };
}

/* A mirror has all that it has settled. Once it is on demand, that is how far it had got as a mirror. One that becomes
 * a mirror only lists what it has settled until then, and tells what it has of that. */
static void mode_of_peer(struct talk *t, const struct msg_index_hello *m, struct index_peer *p)
{
	bool ours = p->settled_epoch == index_epoch(t->group->config.index);

	if (m->on_demand && !p->on_demand && p->listed_until == 0)
		p->mirror_until = ours ? p->settled : 0;
	if (!m->on_demand && p->on_demand) {
		p->listed_until = ours ? p->settled : 0;
		if (m->have_epoch == index_epoch(t->group->config.index) && m->settled > p->listed_until)
			p->listed_until = m->settled;
	}
	p->on_demand = m->on_demand;
}

void news_in_forget(struct peer_group *g, uint64_t peer)
{
	struct index_peer p;

	if (g->config.index == NULL || index_peer_get(g->config.index, peer, &p) < 0)
		return; /* without the group's keys there is no index */
	index_offers_forget_peer(g->config.index, peer);
	p.received = p.settled = 0;
	index_peer_put(g->config.index, peer, &p);
}

/* After our index was lost or rolled back, what it says of any peer is as old as the index. A peer may have deleted
 * since what it once announced, and forgotten that. So all peers announce their rows again. */
static void doubt_all(struct peer_group *g)
{
	uint64_t *peers;
	int n = index_peers(g->config.index, &peers);

	for (int i = 0; i < n; i++)
		news_in_forget(g, peers[i]);
	free(peers);
}

bool news_in_begin_epoch(struct peer_group *g)
{
	uint64_t epoch = index_epoch(g->config.index);

	index_new_epoch(g->config.index, peers_settled(g->config.roster, g->config.index));
	if (index_epoch(g->config.index) == epoch)
		return false;
	doubt_all(g);
	return true;
}

static bool begin_epoch(struct talk *t)
{
	const struct log_about about = talk_about(t);

	log_about(
		LOG_WARN, &about,
		"%s: knows later changes of ours than we do: the index was restored from an older copy; starting a new epoch",
		t->session->link->address);
	return news_in_begin_epoch(t->group);
}

/* A peer that was away for too long may have deleted and forgotten what it once announced: it is to announce all of
 * it again, which it does when the talk opens again. */
static void hear_all_again(struct talk *t)
{
	const struct log_about about = talk_about(t);

	if (log_allow("forgotten", 5))
		log_about(LOG_INFO, &about,
		          "%s: has forgotten deletions that this agent never received; both send each "
		          "other all rows again",
		          t->session->link->address);
	news_in_forget(t->group, t->session->peer);
}

/* The peer claims to know numbers of ours that we never sent, and has no proof of it. */
static bool claims_too_much(const struct talk *t, const struct msg_index_hello *m)
{
	const struct log_about about = talk_about(t);

	if (m->have_epoch != index_epoch(t->group->config.index) || m->have_seq <= numbers_sent(t))
		return false;
	if (log_allow("claims", 5))
		log_about(LOG_WARN, &about,
		          "%s: claims without proof to know later changes of ours than we do: sending it "
		          "all rows again",
		          t->session->link->address);
	return true;
}

/* The talk is up: the peer is stored before anybody is told of it. */
static void come_up(struct talk *t, const struct index_peer *p)
{
	struct peer_group *g = t->group;
	struct session *s = t->session;

	index_peer_put(g->config.index, s->peer, p);
	(void)index_note_told(g->config.index, s->peer);
	if (s->peers->config.connected)
		s->peers->config.connected(s->peers->config.arg, &s->id, g);
	g->config.hooks->up(g->config.arg, s->peer);
	talk_vault_up(t);
	gossip_up(t);
	g->progress = true;
	g->config.hooks->state(g->config.arg);
	news_out_kick(t);
}

enum news_in_next news_in_hello(struct talk *t, const struct msg_index_hello *m)
{
	struct peer_group *g = t->group;
	struct index_peer p;
	bool away;

	if (!t->hello_sent || !t->open_in || t->up)
		return NEWS_IN_GOES_ON;
	t->role_known = m->role_known <= ROLE_VAULT ? (enum role)m->role_known : ROLE_NONE;
	t->on_demand = m->on_demand;
	if (m->have_epoch == index_epoch(g->config.index) && numbers_went_back(t, m)) {
		if (begin_epoch(t))
			return NEWS_IN_GROUP_AGAIN;
		session_ended(t->session, "our index cannot be written");
		return NEWS_IN_GOES_ON;
	}
	peer_load(t, &p);
	away = talk_vouches(t) && away_too_long(t, m, &p);
	if (away && p.received > 0) {
		hear_all_again(t);
		return NEWS_IN_TALK_AGAIN;
	}
	t->their_epoch = m->epoch;
	if (p.epoch != m->epoch && p.received > 0 && index_is_reader(g->config.index))
		g->config.hooks->list_again(g->config.arg);
	if (p.epoch != m->epoch)
		new_epoch_of_peer(t, m, &p);
	mode_of_peer(t, m, &p);
	t->cursor = t->acked_received = p.received;
	t->settled_now = t->settled_syncing = t->settled_safe = t->acked_settled = 0;
	/* Of a peer that may not write we expect nothing, so nothing of it is missing; of a vault we expect what others
	 * gave it. */
	t->their_last = (talk_vouches(t) || talk_is_vault(t)) && m->seq > p.received ? m->seq : p.received;
	t->up = true;
	news_out_start(t, m, away || claims_too_much(t, m));
	p.settled = t->settled;
	p.settled_epoch = index_epoch(g->config.index);
	t->ranges_due = ranges_are_due(t, m);
	come_up(t, &p);
	return t->ranges_due ? NEWS_IN_COMPARES : NEWS_IN_GOES_ON;
}

/* Rejects a record that no honest member sends. */
static void record_refuse(struct talk *t, const struct msg_record *m, const char *why)
{
	index_note_rejected(t->group->config.index, t->their_epoch, m->record.seq);
	talk_misbehaved(t, m->record.path, why);
}

/* Whether the version can have come about from ours. Nearly all are recognised by their counters alone. */
static bool is_near(const struct talk *t, const struct record *r)
{
	const struct version *theirs = &r->version;
	struct record ours = { 0 };
	bool near = version_is_near(theirs, &ours.version);

	if (!near && index_get(t->group->config.index, r->path, &ours) > 0)
		near = version_is_near(theirs, &ours.version);
	record_clear(&ours);
	return near;
}

static bool is_self(const struct talk *t, uint64_t peer)
{
	return peer == agent_id_short(identity_id(t->session->peers->config.self));
}

/* A small file, of which the sender gave the bytes to one receiver: us, or another, from which they will come. */
static void carried_in(struct talk *t, const struct msg_record *m, uint64_t carrier)
{
	struct peer_group *g = t->group;

	if (is_self(t, carrier) || carrier == t->session->peer || m->content.p != NULL ||
	    g->config.hooks->carried == NULL)
		g->config.hooks->record(g->config.arg, t->session->peer, &m->record, m->content.p, m->content.n, NULL);
	else
		g->config.hooks->carried(g->config.arg, t->session->peer, &m->record, carrier);
}

static void record_in(struct talk *t, const struct msg_record *m, uint64_t carrier)
{
	struct peer_group *g = t->group;
	struct blocklist list = { 0 };
	const char *path = m->record.path;
	enum path_verdict verdict = path_check(path, strlen(path));

	if (verdict == PATH_RULES) {
		/* Version 0.1.0 sent them. They are not taken: a member that followed another's rules could be made
		 * to ignore anything. */
		index_note_rejected(g->config.index, t->their_epoch, m->record.seq);
		return;
	}
	if (verdict != PATH_OK) {
		record_refuse(t, m, path_verdict_text(verdict));
		return;
	}
	if (m->record.seq >= VERSION_PLAIN_MAX) {
		record_refuse(t, m, "a sequence number out of range");
		return;
	}
	if (!is_near(t, &m->record)) {
		record_refuse(t, m, "a version far beyond any announced before");
		return;
	}
	if (!g->config.hooks->accepts(g->config.arg, path, m->record.kind == RECORD_DIR)) {
		g->counters.records_ignored++;
		index_note_rejected(g->config.index, t->their_epoch, m->record.seq);
		return;
	}
	if (m->blocks.n && blocklist_decode(&list, m->blocks.p, m->blocks.n)) {
		record_refuse(t, m, "an impossible block list");
		return;
	}
	g->counters.records_received++;
	if (m->carried && carrier != 0) {
		carried_in(t, m, carrier);
		return;
	}
	g->config.hooks->record(g->config.arg, t->session->peer, &m->record, m->content.p, m->content.n,
	                        m->blocks.n ? &list : NULL);
	blocklist_clear(&list);
}

uint64_t news_in_same(struct talk *t, const struct record *ours, const struct record *theirs)
{
	const struct peer_hooks *hooks = t->group->config.hooks;
	struct msg_record m = { .record = *theirs };
	void *arg = t->group->config.arg;

	if (hooks->same == NULL || theirs->seq >= VERSION_PLAIN_MAX || !is_near(t, theirs) ||
	    !hooks->accepts(arg, theirs->path, theirs->kind == RECORD_DIR)) {
		record_in(t, &m, 0);
		return 0;
	}
	t->group->counters.records_received++;
	t->group->counters.records_same++;
	return hooks->same(arg, t->session->peer, ours, theirs);
}

/* From a peer that may not write: all that counts is which content it has. */
static void content_in(struct talk *t, const struct record *r)
{
	struct peer_group *g = t->group;

	if (!r->deleted && path_check(r->path, strlen(r->path)) == PATH_OK)
		g->config.hooks->has(g->config.arg, t->session->peer, r);
}

/* From a peer whose records count. */
void news_in_vouched(struct talk *t, const struct msg_news *m)
{
	struct peer_group *g = t->group;
	struct session *s = t->session;

	if (m->after > t->cursor) {
		const struct log_about about = talk_about(t);

		if (log_allow("left out", 5))
			log_about(LOG_WARN, &about, "%s: skipped numbers %llu to %llu of its news", s->link->address,
			          (unsigned long long)t->cursor + 1, (unsigned long long)m->after);
		session_ended(s, "skipped some of its news");
		return;
	}
	/* Others wait for what we carry. */
	if (is_self(t, m->carrier))
		news_relay_in(t, m);
	for (size_t i = 0; i < m->nrecords; i++)
		record_in(t, &m->records[i], m->carrier);
	numbers_keep(t, m);
	if (m->upto > t->cursor)
		t->cursor = m->upto;
	if (t->cursor > t->their_last)
		t->their_last = t->cursor;
	g->config.hooks->records_end(g->config.arg, s->peer);
	g->progress = true;
	g->config.hooks->state(g->config.arg);
}

void news_in_message(struct talk *t, const struct msg_news *m)
{
	if (talk_vouches(t)) {
		news_in_vouched(t, m);
		return;
	}
	/* Not acknowledged either: if it may write one day, it announces these rows again. */
	for (size_t i = 0; i < m->nrecords; i++)
		content_in(t, &m->records[i].record);
}

static uint64_t received(const struct talk *t)
{
	uint64_t unstored = t->group->config.hooks->unstored(t->group->config.arg, t->session->peer);

	return unstored && unstored <= t->cursor ? unstored - 1 : t->cursor;
}

/* We are the vault: its owner keeps the numbers. */
static bool is_ours_as_vault(const struct talk *t)
{
	return talk_is_vault(t) && rights_has(t->group->own_role, RIGHT_STORE);
}

void news_in_store(struct talk *t)
{
	struct index_peer p;
	uint64_t r;
	bool more;

	if (!t->up || is_ours_as_vault(t))
		return;
	numbers_store(t);
	r = received(t);
	peer_load(t, &p);
	if (p.received == r && p.settled == t->settled)
		return;
	more = t->settled > p.settled;
	p.epoch = t->their_epoch;
	p.received = r;
	p.settled = t->settled;
	p.settled_epoch = index_epoch(t->group->config.index);
	if (index_peer_put(t->group->config.index, t->session->peer, &p) == 0 && more)
		t->group->config.hooks->settled(t->group->config.arg, t->session->peer);
}

void news_in_settle(struct talk *t)
{
	if (t->up && !is_ours_as_vault(t))
		t->settled_now = index_settled(t->group->config.index, t->session->peer, received(t));
}

void news_in_acknowledge(struct talk *t)
{
	struct msg_news_ack m = { .channel = (uint32_t)t->my_channel, .epoch = t->their_epoch };
	size_t n;

	if (!t->up || is_ours_as_vault(t))
		return;
	news_in_settle(t);
	m.received = received(t);
	m.settled = t->settled_now < t->settled_safe ? t->settled_now : t->settled_safe;
	if (m.received == t->acked_received && m.settled == t->acked_settled)
		return;
	t->acked_received = m.received;
	t->acked_settled = m.settled;
	if (talk_is_vault(t)) {
		talk_vault_ack(t, &m);
		return;
	}
	uint8_t *body = msg_news_ack_encode(&m, &n);

	talk_send(t, FRAME_NEWS_ACK, body, n);
}
