/* One connection: hello, ping, and handing each frame to the talk it belongs to. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/group/tag.h"
#include "sync/peer/peers_internal.h"

enum { PROTOCOL_VERSION = 1, PAD_TAGS = 8 };

void session_send(struct session *s, uint8_t type, uint8_t *body, size_t n)
{
	if (s->closed) {
		free(body);
		return;
	}
	/* What was not queued would be missed: the peer must begin anew. */
	if (link_send(s->link, LINK_CONTROL, type, NULL, 0, body, n) && !s->condemned)
		s->condemned = "does not read what it is sent";
}

bool session_has_room(const struct session *s)
{
	size_t share = SEND_QUEUED_ALL / (s->peers->nsessions > 0 ? s->peers->nsessions : 1);

	if (share > SEND_QUEUED_MAX)
		share = SEND_QUEUED_MAX;
	/* Going on depends on falling below LINK_CONTROL_LOW. */
	return s->link->queued_control < (share > LINK_CONTROL_LOW ? share : LINK_CONTROL_LOW);
}

/* --- hello --- */

/* Who we are, offering nothing, and nowhere to be reached. */
static struct msg_hello plain_hello(const struct peers *p)
{
	return (struct msg_hello){ .version = PROTOCOL_VERSION,
		                   .software = "lanyard " LANYARD_VERSION,
		                   .name = p->config.name,
		                   .run_id = p->run_id,
		                   .moved = p->config.moved };
}

/* Further tags that stand for nothing: how many groups we are in is nobody's business. */
static void pad(struct session *s, uint8_t tags[MSG_MAX_TAGS][MSG_TAG_LEN], size_t *n)
{
	while ((*n == 0 || *n % PAD_TAGS != 0) && *n < MSG_MAX_TAGS) {
		random_bytes(tags[(*n)++], MSG_TAG_LEN);
		s->nchannels++;
	}
}

static void send_hello(struct session *s, struct peer_group *const *groups, size_t n)
{
	uint8_t tags[MSG_MAX_TAGS][MSG_TAG_LEN];
	struct peers *p = s->peers;
	struct msg_hello hello = plain_hello(p);
	size_t size;

	hello.listen_port = p->port > 0 ? (uint32_t)p->port : 0;
	for (size_t i = 0; i < n && s->nchannels < SESSION_MAX_CHANNELS && i < MSG_MAX_TAGS; i++) {
		s->channels[s->nchannels++] = groups[i];
		group_hello_tag(tags[hello.ntags++], roster_group(groups[i]->config.roster),
		                identity_id(p->config.self), s->link->binding);
	}
	if (!s->hello_sent)
		pad(s, tags, &hello.ntags);
	s->hello_sent = true;
	if (!s->name_sent && !s->link->trusted && !slots_is_member(p, &s->id))
		hello.name = "";
	s->name_sent |= *hello.name != '\0';
	hello.tags = (const uint8_t(*)[MSG_TAG_LEN])tags;
	uint8_t *body = msg_hello_encode(&hello, &size);

	session_send(s, FRAME_HELLO, body, size);
}

void session_trust(struct session *s)
{
	s->link->trusted = true;
	if (!s->name_sent)
		send_hello(s, NULL, 0);
}

uint8_t *session_run_hello(struct peers *p, size_t *n)
{
	struct msg_hello hello = plain_hello(p);

	return msg_hello_encode(&hello, n);
}

static int channel_of(const struct session *s, const struct peer_group *g)
{
	for (uint32_t i = s->nchannels; i-- > 0;)
		if (s->channels[i] == g)
			return (int)i;
	return -1;
}

/* The group this tag of the peer stands for; NULL when it is none of ours. */
static struct peer_group *recognise(struct session *s, const uint8_t tag[MSG_TAG_LEN])
{
	uint8_t expected[GROUP_TAG_LEN];
	struct peer_group *g;

	DL_FOREACH(s->peers->groups, g) {
		if (g->paused)
			continue;
		group_hello_tag(expected, roster_group(g->config.roster), &s->id, s->link->binding);
		if (memcmp(expected, tag, sizeof(expected)) == 0)
			return g;
	}
	return NULL;
}

void session_offer(struct session *s, struct peer_group *g)
{
	int mine;

	send_hello(s, &g, 1);
	mine = channel_of(s, g);
	/* The peer may have offered it long ago; its newest tag counts. */
	for (uint32_t i = s->their_channels; mine >= 0 && i-- > 0;) {
		if (recognise(s, s->their_tags[i]) == g) {
			talk_begin(talk_new(s, g, mine, (int)i));
			return;
		}
	}
}

static void hello_in(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_hello m;
	bool first = !s->hello_in, known = false;

	if (msg_hello_decode(&m, &a, p, n) || s->their_channels + m.ntags > SESSION_MAX_CHANNELS) {
		msg_free(&a);
		peers_refuse(s, "malformed hello");
		return;
	}
	if (m.version != PROTOCOL_VERSION) {
		msg_free(&a);
		peers_refuse(s, "speaks another version of the protocol");
		return;
	}
	if (first && slots_is_member(s->peers, &s->id)) {
		if (copied_home_must_go(s, &m)) {
			msg_free(&a);
			peers_refuse_copied(s);
			return;
		}
		copied_home_ask(s);
	}
	s->hello_in = true;
	/* It tells its name when it knows who we are, and once. */
	if (*m.name || !s->name) {
		free(s->name);
		s->name = mem_strdup(m.name);
	}
	s->listen_port = (uint16_t)m.listen_port;
	for (size_t i = 0; i < m.ntags; i++) {
		struct peer_group *g = recognise(s, m.tags[i]);
		int mine = g ? channel_of(s, g) : -1;

		memcpy(s->their_tags[s->their_channels++], m.tags[i], MSG_TAG_LEN);
		if (mine < 0)
			continue;
		known = true;
		talk_begin(talk_new(s, g, mine, (int)s->their_channels - 1));
	}
	msg_free(&a);
	if (first && !known)
		peers_refuse(s, "no group in common");
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

static void bye_in(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_bye m;
	char *text;

	if (msg_bye_decode(&m, &a, p, n))
		m = (struct msg_bye){ .reason = "" };
	if (m.copied)
		copied_home_told(s, &m.proof);
	text = mem_printf("it said: %s", *m.reason ? m.reason : "bye");
	msg_free(&a);
	if (!s->link->trusted && log_allow("bye", 10))
		log_about(LOG_INFO, &(struct log_about){ .peer = s->id_text }, "%s: closed by the other side, %s",
		          s->link->address, text);
	peers_session_ended(s, text);
	free(text);
}

/* --- messages of groups --- */

/* Decodes, finds the talk by its channel, and hands it on. A message for a talk that is gone, or not yet up, is dropped: the
 * two sides need not close in step. */
#define TALK_MESSAGE(name, needs_up, call)                                      \
	static int name##_frame(struct session *s, const uint8_t *p, size_t n)  \
	{                                                                       \
		struct msg_arena a = { 0 };                                     \
		struct msg_##name m;                                            \
		int status = msg_##name##_decode(&m, &a, p, n);                 \
		struct talk *t = status ? NULL : talk_of_channel(s, m.channel); \
                                                                                \
		if (t && (t->up || !(needs_up)))                                \
			call(t, &m);                                            \
		msg_free(&a);                                                   \
		return status;                                                  \
	}

static void group_close_in(struct talk *t, const struct msg_group_close *m)
{
	if (m->your_channel < 0 || m->your_channel == t->my_channel)
		talk_closed_by_peer(t, m->reason);
}

TALK_MESSAGE(group_open, false, talk_open_in)
TALK_MESSAGE(group_close, false, group_close_in)
TALK_MESSAGE(roster, false, talk_roster_in)
TALK_MESSAGE(index_hello, false, news_in_hello)
TALK_MESSAGE(news, true, news_in_message)
TALK_MESSAGE(news_ack, true, news_out_ack)
TALK_MESSAGE(list_get, true, serve_list)
TALK_MESSAGE(get, true, serve_get)
TALK_MESSAGE(addresses, true, gossip_addresses_in)

static int list_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_list m;
	int status = msg_list_decode(&m, &a, p, n);

	if (status == 0)
		inflight_list_in(s, &m);
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

static int cancel_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_arena a = { 0 };
	struct msg_cancel m;
	int status = msg_cancel_decode(&m, &a, p, n);

	if (status == 0)
		serve_cancel(s, &m);
	msg_free(&a);
	return status;
}

static int block_frame(struct session *s, const uint8_t *p, size_t n)
{
	struct msg_block b;

	if (msg_block_decode(&b, p, n))
		return -1;
	inflight_block_in(s, &b);
	return 0;
}

static int (*const handlers[])(struct session *s, const uint8_t *p, size_t n) = {
	[FRAME_GROUP_OPEN] = group_open_frame,
	[FRAME_GROUP_CLOSE] = group_close_frame,
	[FRAME_ROSTER] = roster_frame,
	[FRAME_INDEX_HELLO] = index_hello_frame,
	[FRAME_NEWS] = news_frame,
	[FRAME_NEWS_ACK] = news_ack_frame,
	[FRAME_LIST_GET] = list_get_frame,
	[FRAME_LIST] = list_frame,
	[FRAME_GET] = get_frame,
	[FRAME_BLOCK] = block_frame,
	[FRAME_CANCEL] = cancel_frame,
	[FRAME_ADDRESSES] = addresses_frame,
	[FRAME_RUN_PROOF] = run_proof_frame,
};

static void on_frame(void *arg, uint8_t type, const uint8_t *payload, size_t n)
{
	struct session *s = arg;

	if (type == FRAME_HELLO)
		hello_in(s, payload, n);
	else if (type == FRAME_BYE)
		bye_in(s, payload, n);
	else if (!s->hello_in)
		peers_refuse(s, "did not begin with a hello");
	else if (type == FRAME_PING)
		ping_in(s, payload, n);
	else if (type == FRAME_PONG)
		pong_in(s, payload, n);
	else if (type < sizeof(handlers) / sizeof(*handlers) && handlers[type] && handlers[type](s, payload, n) &&
	         !s->closed)
		peers_refuse(s, "sent a malformed message");
}

static void go_on(void *arg)
{
	struct session *s = arg;
	struct talk *t;

	DL_FOREACH(s->talks, t) {
		if (t->roster_due)
			roster_out_all(t);
		serve_more(t);
		news_out_kick(t);
	}
}

void session_go_on(struct session *s)
{
	if (!loop_timer_running(s->more))
		loop_timer_start(s->more, 0, 0);
}

static void on_down(void *arg, const char *reason)
{
	struct session *s = arg;

	if (!s->link->trusted && s->peers->config.refused)
		s->peers->config.refused(s->peers->config.arg, &s->id, s->link->address, reason);
	peers_session_ended(s, reason);
}

struct session *session_new(struct peers *p, struct link *link)
{
	static const struct link_events events = { .frame = on_frame, .drained = go_on, .down = on_down };
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
	s->secret = (uint32_t)random_u64();
	s->more = loop_timer_new(p->config.loop, go_on, s);
	link_listen(link, &events, s);
	DL_FOREACH(p->groups, g)
		if (!g->paused && n < MSG_MAX_TAGS)
			groups[n++] = g;
	send_hello(s, groups, n);
	return s;
}

void session_close(struct session *s)
{
	struct talk *t, *next;

	s->closed = true;
	DL_FOREACH_SAFE(s->talks, t, next)
		talk_free(t, "the connection ended");
	link_close(s->link);
	s->link = NULL;
	loop_timer_free(s->more);
	s->more = NULL;
	free(s->name);
	s->name = NULL;
	if (s->jobs == 0)
		free(s);
}

void session_job_done(struct session *s)
{
	s->jobs--;
	if (s->closed && s->jobs == 0)
		free(s);
}
