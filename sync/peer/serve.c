/* Serves blocks and block lists to a peer. Its requests wait in the talk's queue; workers read a few blocks at a time,
 * and reading stops while the network is behind, so that memory stays bounded however much is requested, and the choice
 * of a block is made when it can go out. The content sources find the bytes and check that they are still the
 * content's; the peer verifies them. */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/plan/leaf.h"
#include "sync/wire/codec.h"

enum {
	LOOKUPS_PER_TURN = 32,   /* of blocks, for one talk */
	LIST_BLOCKS_MAX = 16384, /* in one LIST */
	LATER_MS = 20,           /* when nothing could be chosen, but may be soon */
};

/* One block being read. */
struct read_job {
	struct session *session;
	uint64_t talk; /* its serial */
	struct block_want want;
	uint32_t number; /* of a block that we chose; SWARM_AS_ASKED */
	struct content_reading *reading;
	uint8_t *out; /* the result; NULL: not available */
	size_t out_n;
	struct talk_block block;
};

/* Worker. Also compresses the block if that pays, and seals it where the group is sealed. */
static void read_block(void *arg)
{
	struct read_job *j = arg;
	struct msg_block m = { .request = j->want.request,
		               .plain_len = leaf_answer_len(&j->want),
		               .number = j->number };
	uint8_t *plain = malloc(j->want.len + LEAF_SLACK + MSG_SEALED_TAG);
	size_t n;

	if (!plain || content_read(j->reading, plain) < 0) {
		free(plain);
		return;
	}
	n = leaf_answer(&j->want, plain);
	if (codec_block(&j->out, &j->out_n, plain, n) == 1) {
		m.flags = MSG_BLOCK_ZSTD;
		j->out = mem_realloc(j->out, j->out_n + MSG_SEALED_TAG, 1);
		free(plain);
	} else {
		j->out = plain;
		j->out_n = n;
	}
	talk_block_seal(&j->block, &m, j->out, j->out_n);
}

/* An answer without bytes. */
static void send_none(struct talk *t, uint32_t request, uint8_t flags)
{
	const struct msg_block m = { .request = request, .flags = flags, .number = SWARM_AS_ASKED };
	struct talk_block b;
	uint8_t *tag;

	if (!talk_block_begin(t, &b))
		return;
	tag = mem_realloc(NULL, MSG_SEALED_TAG, 1);
	talk_block_seal(&b, &m, tag, 0);
	talk_block_send(t, &b, tag, 0);
	talk_block_clear(&b);
}

/* The loop. Every request gets an answer, "none" if the block could not be read, so that the peer asks another
 * source at once. */
static void block_read(void *arg)
{
	struct read_job *j = arg;
	struct session *s = j->session;
	struct talk *t = talk_of_serial(s, j->talk);

	s->reading -= j->want.len;
	if (t) {
		t->reads--;
		if (j->out) {
			t->group->counters.blocks_sent += j->want.what == WANT_BLOCK;
			peer_group_sent(t->group, leaf_answer_len(&j->want));
			talk_block_send(t, &j->block, j->out, j->out_n);
			j->out = NULL;
		} else {
			send_none(t, j->want.request, MSG_BLOCK_NONE);
		}
	}
	content_close(j->reading);
	if (t)
		serve_more(t);
	talk_block_clear(&j->block);
	free(j->out);
	free(j);
	session_job_done(s);
}

/* The bytes of blocks that may wait at one connection before the next is chosen and read. Little, when many wait for
 * blocks, so that what goes out is decided late. */
static size_t room_of(const struct peers *p)
{
	size_t all = p->config.memory ? p->config.memory : SERVE_QUEUED_ALL;
	size_t share = all / (p->nsessions > 0 ? p->nsessions : 1), room = give_room(p->nowed);

	return room < share || share < GIVE_ROOM_MIN ? room : share;
}

static void want_free(struct serve_want *w)
{
	struct talk *t = w->talk;
	struct session *s = t->session;

	HASH_DEL(s->wants, w);
	if (s->wants == NULL)
		s->peers->nowed--;
	t->nwants--;
	if (w->draw)
		spread_want_remove(t, w);
	else
		DL_DELETE(t->wants, w);
	free(w);
}

static void serve_read_begin(struct talk *t, const struct block_want *want, uint32_t number,
                             struct content_reading *reading)
{
	struct read_job *j = MEM_NEW(struct read_job);

	if (!talk_block_begin(t, &j->block)) {
		content_close(reading);
		free(j);
		return;
	}
	j->session = t->session;
	j->talk = t->serial;
	j->want = *want;
	j->number = number;
	j->reading = reading;
	t->reads++;
	t->session->reading += want->len;
	t->session->jobs++;
	workers_submit(t->group->config.workers,
	               want->len > NEWS_INLINE_MAX && !reading->warm ? WORKERS_BULK : WORKERS_QUICK, read_block,
	               block_read, j);
}

/* Answers one request, or begins to. False: there is none that can be answered now. */
static bool next_block(struct talk *t)
{
	struct serve_want *w = NULL;
	struct block_want want = { 0 };
	uint32_t number = SWARM_AS_ASKED;
	struct content_reading *reading;
	bool named = t->named_next && t->wants != NULL;
	enum spread_next next = named ? SPREAD_NONE : spread_next(t, &w, &want, &number);

	t->named_next = next == SPREAD_BLOCK;
	if (next == SPREAD_WAIT && !loop_timer_running(t->session->later))
		loop_timer_start(t->session->later, LATER_MS, 0);
	if (next == SPREAD_OUT) {
		/* After it the peer may take back the rest of its requests: no chosen block may come later, and be
		 * thrown away as one that nobody asked for. */
		if (t->reads > 0)
			return false;
		send_none(t, w->want.request, MSG_BLOCK_OUT);
		want_free(w);
		return true;
	}
	if (next != SPREAD_BLOCK) {
		w = t->wants;
		if (!w)
			return false;
		want = w->want;
	}
	reading = content_open(&t->group->config.sources, &w->content, NULL, &want);
	if (reading)
		serve_read_begin(t, &want, number, reading);
	else
		send_none(t, want.request, MSG_BLOCK_NONE);
	want_free(w);
	return true;
}

/* A few per turn: each costs a lookup, and the peer chooses how many there are. Requests of any block come first, in
 * turn with those that name one: a small file does not wait until a large one is out. */
static void more_blocks(struct talk *t)
{
	struct session *s = t->session;
	size_t room = room_of(s->peers);

	link_room(s->link, room);
	for (int lookups = 0; t->nwants > 0 && t->reads < SERVE_MAX_READS && s->link->queued_bulk + s->reading < room;
	     lookups++) {
		if (lookups >= LOOKUPS_PER_TURN) {
			session_go_on(s);
			return;
		}
		if (!next_block(t))
			return;
	}
}

/* --- lists --- */

static void send_list(struct talk *t, const struct serve_list *l)
{
	struct msg_list answer = { .request = l->request, .first = l->first, .none = true };
	struct blocklist list = { 0 };
	uint8_t *p = NULL;
	size_t n;

	if (content_stat(&t->group->config.sources, &l->content) != CONTENT_WITHHELD &&
	    index_blocks_part(t->group->config.index, &l->content, l->first, LIST_BLOCKS_MAX, &list) == 1) {
		p = mem_calloc(list.n, 36);
		blocklist_encode(p, &list);
		answer.blocks = (struct msg_bytes){ .p = p, .n = 36 * (size_t)list.n };
		answer.none = false;
	}
	uint8_t *body = msg_list_encode(&answer, &n);

	talk_send(t, FRAME_LIST, body, n);
	free(p);
	blocklist_clear(&list);
}

static void list_free(struct talk *t, struct serve_list *l)
{
	DL_DELETE(t->lists, l);
	t->nlists--;
	free(l);
}

/* One per turn, and none while the last one still waits to be sent. */
static void more_lists(struct talk *t)
{
	struct serve_list *l = t->lists;

	if (!l || t->session->link->queued_control >= LINK_CONTROL_LOW)
		return;
	send_list(t, l);
	list_free(t, l);
	if (t->lists)
		session_go_on(t->session);
}

/* --- requests --- */

void serve_more(struct talk *t)
{
	if (!t->up)
		return;
	more_lists(t);
	more_blocks(t);
}

/* The key of a request in session.wants. A peer that does not know the secret cannot choose numbers that collide. */
static uint32_t key_of(const struct session *s, uint32_t request)
{
	return request ^ s->secret;
}

/* draw: any block of its content; NULL: the block that `want` names. False: the peer misbehaved. */
static bool want_new(struct talk *t, const struct content *c, const struct block_want *want, struct spread_draw *draw)
{
	struct session *s = t->session;
	struct serve_want *w;
	uint32_t key = key_of(s, want->request);

	HASH_FIND(hh, s->wants, &key, sizeof(key), w);
	if (w) {
		talk_misbehaved(t, "", "used the number of a request twice");
		return false;
	}
	if (s->wants == NULL)
		s->peers->nowed++;
	w = MEM_NEW(struct serve_want);
	w->talk = t;
	w->draw = draw;
	w->content = *c;
	w->want = *want;
	w->key = key;
	HASH_ADD(hh, s->wants, key, sizeof(w->key), w);
	if (draw)
		spread_want_add(draw, w);
	else
		DL_APPEND(t->wants, w);
	t->nwants++;
	return true;
}

static bool too_many(struct talk *t, size_t more)
{
	if (t->nwants + more <= SERVE_MAX_QUEUE)
		return false;
	talk_misbehaved(t, "", "requested more blocks than it may at a time");
	return true;
}

void serve_get(struct talk *t, const struct msg_get *m)
{
	if (too_many(t, m->nwants))
		return;
	for (size_t i = 0; i < m->nwants; i++)
		if (!want_new(t, &m->content, &m->wants[i], NULL))
			return;
	serve_more(t);
}

void serve_any(struct talk *t, const struct msg_any *m)
{
	struct spread_draw *draw = spread_draw_of(t, &m->content);

	if (draw && too_many(t, m->n))
		return;
	for (size_t i = 0; i < m->n; i++) {
		struct block_want want = { .request = m->requests[i] };

		if (!draw)
			send_none(t, want.request, MSG_BLOCK_OUT);
		else if (!want_new(t, &m->content, &want, draw))
			return;
	}
	serve_more(t);
}

void serve_get_list(struct talk *t, const struct msg_list_get *m)
{
	struct serve_list *l;

	if (t->nlists >= SERVE_MAX_LISTS) {
		talk_misbehaved(t, "", "requested more block lists than it may at a time");
		return;
	}
	l = MEM_NEW(struct serve_list);
	*l = (struct serve_list){ .content = m->content, .request = m->request, .first = m->first };
	DL_APPEND(t->lists, l);
	t->nlists++;
	serve_more(t);
}

int serve_cancel(struct session *s, const struct msg_cancel *m)
{
	for (size_t i = 0; i < m->n; i++) {
		uint32_t key = key_of(s, m->requests[i]);
		struct serve_want *w;

		HASH_FIND(hh, s->wants, &key, sizeof(key), w);
		if (w && !talk_hears(w->talk))
			return TALK_PLAIN;
		if (w)
			want_free(w);
	}
	return 0;
}

void serve_stop(struct talk *t)
{
	struct spread_draw *d, *next;

	while (t->wants)
		want_free(t->wants);
	DL_FOREACH_SAFE(t->draws, d, next) {
		for (size_t left = d->nwants; left > 0; left--)
			want_free(d->wants);
	}
	while (t->lists)
		list_free(t, t->lists);
}
