/* Serves blocks and block lists to a peer. Its requests wait in the talk's queue; workers read a few blocks at a time,
 * and reading stops while the network is behind, so that memory stays bounded however much is requested. The content
 * sources find the bytes and check that they are still the content's; the peer verifies them. */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/wire/codec.h"

enum {
	LOOKUPS_PER_TURN = 32,   /* of blocks, for one talk */
	LIST_BLOCKS_MAX = 16384, /* in one LIST */
};

/* One block being read. */
struct read_job {
	struct session *session;
	uint64_t talk; /* its serial */
	struct block_want want;
	struct content_reading *reading;
	uint8_t *out; /* the result; NULL: not available */
	size_t out_n;
	uint8_t flags;
};

/* Worker. Also compresses the block if that pays. */
static void read_block(void *arg)
{
	struct read_job *j = arg;
	size_t n = j->want.len;
	uint8_t *plain = malloc(n);

	if (!plain || content_read(j->reading, plain) < 0) {
		free(plain);
		return;
	}
	if (codec_block(&j->out, &j->out_n, plain, n) == 1) {
		j->flags = MSG_BLOCK_ZSTD;
		free(plain);
	} else {
		j->out = plain;
		j->out_n = n;
	}
}

static void send_block(struct talk *t, uint32_t request, uint8_t flags, uint32_t plain_len, uint8_t *body, size_t n)
{
	struct msg_block m = { .request = request, .flags = flags, .plain_len = plain_len, .number = SWARM_AS_ASKED };
	uint8_t head[MSG_BLOCK_HEAD_ANY];
	size_t head_n = msg_block_head(head, &m);

	link_send(t->session->link, LINK_BULK, FRAME_BLOCK, head, head_n, body, n);
}

void serve_out(struct talk *t, uint32_t request)
{
	send_block(t, request, MSG_BLOCK_OUT, 0, NULL, 0);
}

/* The loop. Every request gets an answer, "none" if the block could not be read, so that the peer asks another
 * source at once. */
static void block_read(void *arg)
{
	struct read_job *j = arg;
	struct session *s = j->session;
	struct talk *t = talk_of_serial(s, j->talk);

	if (t) {
		t->reads--;
		if (j->out) {
			t->group->counters.blocks_sent++;
			t->group->counters.bytes_sent += j->want.len;
			send_block(t, j->want.request, j->flags, j->want.len, j->out, j->out_n);
			j->out = NULL;
		} else {
			send_block(t, j->want.request, MSG_BLOCK_NONE, 0, NULL, 0);
		}
	}
	content_close(j->reading);
	if (t)
		serve_more(t);
	free(j->out);
	free(j);
	session_job_done(s);
}

/* The bytes of blocks that may wait at one connection. Above LINK_BULK_LOW, since the link asks for more when it falls
 * below that. */
static size_t queued_max(const struct peers *p)
{
	size_t all = p->config.memory ? p->config.memory : SERVE_QUEUED_ALL;
	size_t share = all / (p->nsessions > 0 ? p->nsessions : 1);

	if (share > SERVE_QUEUED_MAX)
		return SERVE_QUEUED_MAX;
	return share > LINK_BULK_LOW ? share : LINK_BULK_LOW + 1;
}

static void want_free(struct serve_want *w)
{
	struct talk *t = w->talk;

	HASH_DEL(t->session->wants, w);
	DL_DELETE(t->wants, w);
	t->nwants--;
	free(w);
}

static void serve_begin_read(struct talk *t, const struct serve_want *w, struct content_reading *reading)
{
	struct read_job *j = MEM_NEW(struct read_job);

	j->session = t->session;
	j->talk = t->serial;
	j->want = w->want;
	j->reading = reading;
	t->reads++;
	t->session->jobs++;
	workers_submit(t->group->config.workers, w->want.len > NEWS_INLINE_MAX ? WORKERS_BULK : WORKERS_QUICK,
	               read_block, block_read, j);
}

/* Takes requests in order, a few per turn: each costs a lookup, and the peer chooses how many there are. */
static void more_blocks(struct talk *t)
{
	size_t most = queued_max(t->session->peers);
	int reads = most < SERVE_QUEUED_MAX ? 1 : SERVE_MAX_READS;

	for (int lookups = 0; t->wants && t->reads < reads && t->session->link->queued_bulk < most; lookups++) {
		struct serve_want *w = t->wants;
		struct content_reading *reading;

		if (lookups >= LOOKUPS_PER_TURN) {
			session_go_on(t->session);
			return;
		}
		reading = content_open(&t->group->config.sources, &w->content, NULL, &w->want);
		if (reading)
			serve_begin_read(t, w, reading);
		else
			send_block(t, w->want.request, MSG_BLOCK_NONE, 0, NULL, 0);
		want_free(w);
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

	session_send(t->session, FRAME_LIST, body, n);
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

static void want_new(struct talk *t, const struct msg_get *m, size_t i)
{
	struct serve_want *w = MEM_NEW(struct serve_want);

	w->talk = t;
	w->content = m->content;
	w->want = m->wants[i];
	w->key = key_of(t->session, w->want.request);
	HASH_ADD(hh, t->session->wants, key, sizeof(w->key), w);
	DL_APPEND(t->wants, w);
	t->nwants++;
}

void serve_get(struct talk *t, const struct msg_get *m)
{
	struct serve_want *known;

	if (t->nwants + m->nwants > SERVE_MAX_QUEUE) {
		talk_misbehaved(t, "", "requested more blocks than it may at a time");
		return;
	}
	for (size_t i = 0; i < m->nwants; i++) {
		uint32_t key = key_of(t->session, m->wants[i].request);

		HASH_FIND(hh, t->session->wants, &key, sizeof(key), known);
		if (known) {
			talk_misbehaved(t, "", "used the number of a request twice");
			return;
		}
		want_new(t, m, i);
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

void serve_cancel(struct session *s, const struct msg_cancel *m)
{
	for (size_t i = 0; i < m->n; i++) {
		uint32_t key = key_of(s, m->requests[i]);
		struct serve_want *w;

		HASH_FIND(hh, s->wants, &key, sizeof(key), w);
		if (w)
			want_free(w);
	}
}

void serve_stop(struct talk *t)
{
	while (t->wants)
		want_free(t->wants);
	while (t->lists)
		list_free(t, t->lists);
}
