/* Everything that comes in on one connection: hello, ping, bye, and every other frame on its way to the talk it
 * belongs to. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"
#include "sync/peer/neighbour_internal.h"

/* --- hello and bye --- */

static void refuse_copied(struct session *s)
{
	struct msg_bye m = { .reason = "two agents with this identity take turns: its home was copied",
		             .copied = true };

	copied_home_evidence(s, &m.proof);
	session_refuse_with(s, &m);
}

/* If it is a member that has just started, it may not have opened its groups yet, nor know where we are. */
static void refuse_stranger(struct session *s)
{
	struct peers *p = s->peers;
	struct agent_id id = s->id;

	session_refuse(s, "no group in common");
	dial_lost(p, &id);
}

static void hello_in(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_hello m;
	bool first = !s->hello_in, known = false, asks;

	if (msg_hello_decode(&m, &a, p, n) || s->their_channels + m.ntags > SESSION_MAX_CHANNELS) {
		msg_free(&a);
		session_refuse(s, "malformed hello");
		return;
	}
	if (m.version != SESSION_PROTOCOL) {
		msg_free(&a);
		session_refuse(s, "speaks another version of the protocol");
		return;
	}
	if (first && slots_is_member(s->peers, &s->id)) {
		if (copied_home_must_go(s, &m)) {
			msg_free(&a);
			refuse_copied(s);
			return;
		}
		copied_home_ask(s);
	}
	s->hello_in = true;
	s->knows_sealed = m.sealed;
	/* It tells us its name once it knows who we are, and only once. */
	if (*m.name || !s->name) {
		free(s->name);
		s->name = mem_strdup(m.name);
	}
	s->listen_port = (uint16_t)m.listen_port;
	for (size_t i = 0; i < m.ntags; i++)
		known |= session_offered(s, m.tags[i]);
	asks = m.asks && ask_out_is_asked(s->peers);
	msg_free(&a);
	if (first && !known && !asks && !asker_book_active(s->peers))
		refuse_stranger(s);
	else if (first)
		asker_session_up(s);
}

static void bye_in(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_bye m;
	char *text;

	if (msg_bye_decode(&m, &a, p, n))
		m = (struct msg_bye){ .reason = "" };
	if (m.copied)
		copied_home_told(s, &m.proof);
	if (m.enough || m.full) {
		if (m.full)
			neighbour_book_full(s->peers, &s->id);
		msg_free(&a);
		session_drop_for(s, m.full ? "it has no room for more connections" : "neither needs the connection");
		return;
	}
	text = mem_printf("it said: %s", *m.reason ? m.reason : "bye");
	msg_free(&a);
	if (!s->link->trusted && log_allow("bye", 10))
		log_about(LOG_INFO, &(struct log_about){ .peer = s->id_text }, "%s: closed by the other side, %s",
		          s->link->address, text);
	session_ended(s, text);
	free(text);
}

/* --- ping --- */

static void ping_in(struct session *s, const uint8_t *p, size_t n)
{
	if (s->link->queued_control < PONG_QUEUED_MAX)
		session_send(s, FRAME_PONG, mem_dup(p, n), n);
}

static void pong_in(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	uint64_t cookie;

	if (msg_ping_decode(&cookie, &a, p, n) == 0 && cookie == s->ping_cookie && s->ping_ms) {
		s->rtt_ms = loop_now_ms(s->peers->config.loop) - s->ping_ms;
		s->ping_ms = 0;
	}
	msg_free(&a);
}

void session_tick(struct session *s, int64_t now_ms)
{
	size_t n;

	if (now_ms - s->link->last_in_ms < PEERS_PING_IDLE_MS)
		return;
	s->ping_cookie = random_u64();
	s->ping_ms = now_ms;
	uint8_t *ping = msg_ping_encode(s->ping_cookie, &n);

	session_send(s, FRAME_PING, ping, n);
}

/* --- messages of groups --- */

/* Handlers for one kind of frame: each decodes it, finds the talk by its channel, and calls the talk's function. A
 * message for a talk that is gone, or not up yet, is dropped: the two sides need not close in step. Answers: 0, -1
 * for a malformed message, TALK_PLAIN for one of a sealed group that did not come sealed. Nothing was called in
 * either case. */
#define ANY_MESSAGE(name, fits, call)                                           \
	static int name##_frame(struct session *s, const uint8_t *p, size_t n)  \
	{                                                                       \
		struct msg_arena a = { 0 };                                     \
		struct msg_##name m;                                            \
		int status = msg_##name##_decode(&m, &a, p, n);                 \
		struct talk *t = status ? NULL : talk_of_channel(s, m.channel); \
                                                                                \
		if (t)                                                          \
			status = (fits);                                        \
		if (t && status == 0)                                           \
			call(t, &m);                                            \
		msg_free(&a);                                                   \
		return status == MESSAGE_DROPPED ? 0 : status;                  \
	}

enum { MESSAGE_DROPPED = 3 };

static int up_or_dropped(const struct talk *t, bool needs_up)
{
	return t->up || !needs_up ? 0 : MESSAGE_DROPPED;
}

static int heard_or_dropped(const struct talk *t, bool needs_up)
{
	return talk_hears(t) ? up_or_dropped(t, needs_up) : TALK_PLAIN;
}

/* A sealed group's own, from a member that has shown that it is one. */
static int seals_or_dropped(const struct talk *t)
{
	bool fits = t->group->config.seal != NULL && t->open_in && rights_has(t->role, RIGHT_TAKE_PART);

	return fits ? 0 : MESSAGE_DROPPED;
}

/* About who is in the group and where; index, news and blocks; what is sealed already. */
#define OPEN_MESSAGE(name, needs_up, call) ANY_MESSAGE(name, up_or_dropped(t, needs_up), call)
#define TALK_MESSAGE(name, needs_up, call) ANY_MESSAGE(name, heard_or_dropped(t, needs_up), call)
#define SEAL_MESSAGE(name, call)           ANY_MESSAGE(name, seals_or_dropped(t), call)

static void group_close_in(struct talk *t, const struct msg_group_close *m)
{
	if (m->your_channel < 0 || m->your_channel == t->my_channel)
		talk_closed_by_peer(t, m->reason);
}

OPEN_MESSAGE(group_open, false, talk_open_in)
OPEN_MESSAGE(group_close, false, group_close_in)
OPEN_MESSAGE(roster, false, talk_roster_in)
TALK_MESSAGE(index_hello, false, peer_group_hello_in)
TALK_MESSAGE(news, true, news_in_message)
TALK_MESSAGE(news_ack, true, news_out_ack)
TALK_MESSAGE(relay, true, news_relayed_in)
TALK_MESSAGE(ranges, true, ranges_in)
TALK_MESSAGE(same, true, ranges_same_in)
TALK_MESSAGE(hold_ask, true, peer_group_hold_asked)
TALK_MESSAGE(hold_answer, true, peer_group_hold_answered)
TALK_MESSAGE(list_get, true, serve_get_list)
TALK_MESSAGE(get, true, serve_get)
TALK_MESSAGE(map, true, spread_map_in)
TALK_MESSAGE(have, true, spread_have_in)
TALK_MESSAGE(any, true, serve_any)
TALK_MESSAGE(coming, true, peer_group_coming_in)
OPEN_MESSAGE(addresses, true, gossip_addresses_in)
OPEN_MESSAGE(requests, false, ask_in_requests)
OPEN_MESSAGE(here, true, peer_group_here_in)
SEAL_MESSAGE(keys, peer_group_keys_in)
SEAL_MESSAGE(heads, peer_group_heads_in)
SEAL_MESSAGE(vault, peer_group_vault_in)
SEAL_MESSAGE(cores, peer_group_cores_in)

/* Messages of those who have no group in common with the receiver. */
#define ASK_MESSAGE(name, call)                                                \
	static int name##_frame(struct session *s, const uint8_t *p, size_t n) \
	{                                                                      \
		struct msg_arena a = { 0 };                                    \
		struct msg_##name m;                                           \
		int status = msg_##name##_decode(&m, &a, p, n);                \
                                                                               \
		if (status == 0)                                               \
			call(s, &m);                                           \
		msg_free(&a);                                                  \
		return status;                                                 \
	}

ASK_MESSAGE(ask, ask_in_ask)
ASK_MESSAGE(ask_reveal, ask_in_reveal)
ASK_MESSAGE(ask_answer, asker_answer_in)

static int list_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_list m;
	int status = msg_list_decode(&m, &a, p, n);

	if (status == 0)
		status = inflight_list_in(s, &m);
	msg_free(&a);
	return status;
}

static int run_proof_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_run_proof m;
	int status = msg_run_proof_decode(&m, &a, p, n);

	if (status == 0)
		copied_home_proof_in(s, &m);
	msg_free(&a);
	return status;
}

static int keep_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_keep m;
	int status = msg_keep_decode(&m, &a, p, n);

	if (status == 0)
		neighbours_keep_in(s, &m);
	msg_free(&a);
	return status;
}

static int cancel_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_cancel m;
	int status = msg_cancel_decode(&m, &a, p, n);

	if (status == 0)
		status = serve_cancel(s, &m);
	msg_free(&a);
	return status;
}

static int block_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_block b;

	return msg_block_decode(&b, p, n) ? -1 : inflight_block_in(s, &b, NULL);
}

static int object_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_object m;
	struct talk *t;

	if (msg_object_decode(&m, p, n))
		return -1;
	t = talk_of_channel(s, m.channel);
	if (t && seals_or_dropped(t) == 0)
		peer_group_object_in(t, &m);
	return 0;
}

static int (*const handlers[])(struct session *s, const uint8_t *p, size_t n) = {
	[FRAME_GROUP_OPEN] = group_open_frame,
	[FRAME_GROUP_CLOSE] = group_close_frame,
	[FRAME_ROSTER] = roster_frame,
	[FRAME_INDEX_HELLO] = index_hello_frame,
	[FRAME_NEWS] = news_frame,
	[FRAME_NEWS_ACK] = news_ack_frame,
	[FRAME_RANGES] = ranges_frame,
	[FRAME_SAME] = same_frame,
	[FRAME_RELAY] = relay_frame,
	[FRAME_LIST_GET] = list_get_frame,
	[FRAME_LIST] = list_frame,
	[FRAME_GET] = get_frame,
	[FRAME_BLOCK] = block_frame,
	[FRAME_CANCEL] = cancel_frame,
	[FRAME_ADDRESSES] = addresses_frame,
	[FRAME_RUN_PROOF] = run_proof_frame,
	[FRAME_HOLD_ASK] = hold_ask_frame,
	[FRAME_HOLD_ANSWER] = hold_answer_frame,
	[FRAME_ASK] = ask_frame,
	[FRAME_ASK_ANSWER] = ask_answer_frame,
	[FRAME_ASK_REVEAL] = ask_reveal_frame,
	[FRAME_REQUESTS] = requests_frame,
	[FRAME_MAP] = map_frame,
	[FRAME_HAVE] = have_frame,
	[FRAME_ANY] = any_frame,
	[FRAME_KEEP] = keep_frame,
	[FRAME_HERE] = here_frame,
	[FRAME_COMING] = coming_frame,
	[FRAME_KEYS] = keys_frame,
	[FRAME_HEADS] = heads_frame,
	[FRAME_VAULT] = vault_frame,
	[FRAME_CORES] = cores_frame,
	[FRAME_OBJECT] = object_frame,
};

/* A frame whose handler found a fault, and has called nothing. */
static void refuse_message(struct session *s, int fault)
{
	if (fault == TALK_PLAIN)
		session_refuse(s, "sent plain text in a sealed group");
	else
		session_refuse(s, talk_sealed_text(fault == TALK_FORGED ? TALK_SEALED_FORGED : TALK_SEALED_MALFORMED));
}

/* A block is opened by a worker: only what stands before its data is read here. */
static int sealed_block(struct session *s, const struct talk_unsealed *o)
{
	struct msg_block b;
	const uint8_t *p = o->front + MSG_SEALED_HEAD;

	return msg_block_decode(&b, p, o->sealed.clear + o->sealed.sealed.n) ? -1 : inflight_block_in(s, &b, o);
}

/* What a member sealed is handled as if it had come plain, and knows of which talk it came. The handler may end the
 * session. */
static void sealed_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct talk_unsealed o;
	enum talk_sealed result = talk_sealed_read(s, p, n, &o);
	bool block = o.sealed.type == FRAME_BLOCK;
	int fault = 0;

	if (result == TALK_SEALED_HERE && !block)
		result = talk_sealed_open(&o);
	if (result == TALK_SEALED_HERE) {
		s->jobs++;
		s->inside = o.talk;
		fault = block ? sealed_block(s, &o) : handlers[o.sealed.type](s, o.p, o.n);
		s->inside = NULL;
		if (fault && !s->closed)
			refuse_message(s, fault);
		session_job_done(s);
	} else if (result != TALK_SEALED_LEFT_OUT) {
		session_refuse(s, talk_sealed_text(result));
	}
	free(o.plain);
}

/* All others. */
static void other_frame(struct session *s, uint8_t type, const uint8_t *payload, size_t n)
{
	int fault = 0;

	if (type < sizeof(handlers) / sizeof(*handlers) && handlers[type])
		fault = handlers[type](s, payload, n);
	if (fault)
		refuse_message(s, fault);
}

static void session_frame(void *arg, uint8_t type, const uint8_t *payload, size_t n)
{
	struct session *s = arg;

	if (type == FRAME_HELLO)
		hello_in(s, payload, n);
	else if (type == FRAME_BYE)
		bye_in(s, payload, n);
	else if (!s->hello_in)
		session_refuse(s, "did not begin with a hello");
	else if (type == FRAME_PING)
		ping_in(s, payload, n);
	else if (type == FRAME_PONG)
		pong_in(s, payload, n);
	else if (type == FRAME_SEALED)
		sealed_frame(s, payload, n);
	else
		other_frame(s, type, payload, n);
}

static void session_continue(void *arg)
{
	struct session *s = arg;
	struct talk *t;

	DL_FOREACH(s->talks, t) {
		if (t->roster_due)
			roster_out_all(t);
		serve_more(t);
		ranges_room(t);
		news_out_kick(t);
		peer_group_vault_drained(t);
	}
}

static void session_down(void *arg, const char *reason)
{
	struct session *s = arg;

	if (!s->link->trusted && !s->asking && s->peers->config.refused)
		s->peers->config.refused(s->peers->config.arg, &s->id, s->link->address, reason);
	session_ended(s, reason);
}

/* Both sides say hello at once, without waiting for the other's. */
struct session *session_new(struct peers *p, struct link *link)
{
	static const struct link_events events = { .frame = session_frame,
		                                   .drained = session_continue,
		                                   .down = session_down };
	struct session *s = MEM_NEW(struct session);
	struct peer_group *g, *groups[MSG_MAX_TAGS];
	size_t n = 0;

	s->peers = p;
	s->link = link;
	s->id = link->peer;
	agent_id_text(s->id_text, &link->peer);
	s->peer = agent_id_short(&link->peer);
	s->born_ms = loop_now_ms(p->config.loop);
	s->since_s = clock_wall_s();
	s->rtt_ms = -1;
	s->keep_told.needed = s->keep_theirs.needed = true;
	s->secret = (uint32_t)random_u64();
	s->more = loop_timer_new(p->config.loop, session_continue, s);
	s->later = loop_timer_new(p->config.loop, session_continue, s);
	link_listen(link, &events, s);
	DL_FOREACH(p->groups, g)
		if (!g->paused && n < MSG_MAX_TAGS)
			groups[n++] = g;
	session_hello_send(s, groups, n);
	return s;
}
