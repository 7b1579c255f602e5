/* Requests in flight: each block or list that we asked for is remembered until it is answered. So an answer that
 * nobody asked for costs only the bytes it took, and the bytes in flight from one peer are bounded. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"
#include "sync/plan/leaf.h"
#include "sync/wire/codec.h"

static void inflight_remember(struct talk *t, uint32_t request, uint32_t len, uint32_t nblocks)
{
	struct inflight *a = MEM_NEW(struct inflight);

	a->request = request;
	a->len = len;
	a->nblocks = nblocks;
	a->talk = t;
	t->inflight_bytes += len;
	HASH_ADD(hh, t->session->inflight, request, sizeof(a->request), a);
}

static void inflight_forget(struct session *s, struct inflight *a)
{
	a->talk->inflight_bytes -= a->len;
	HASH_DEL(s->inflight, a);
	free(a);
}

/* The request, which is done then, as it was; its talk is NULL if nobody asked. */
static struct inflight inflight_answered(struct session *s, uint32_t request)
{
	struct inflight *a, was = { 0 };

	HASH_FIND(hh, s->inflight, &request, sizeof(request), a);
	if (a) {
		was = *a;
		inflight_forget(s, a);
	}
	return was;
}

size_t inflight_room(const struct talk *t)
{
	return t->inflight_bytes < INFLIGHT_WINDOW ? INFLIGHT_WINDOW - t->inflight_bytes : 0;
}

void inflight_get(struct talk *t, const struct content *c, const struct block_want *wants, size_t n)
{
	for (size_t i = 0; i < n; i++)
		inflight_remember(t, wants[i].request, leaf_answer_len(&wants[i]), 0);
	while (n > 0) {
		struct msg_get m = { .channel = (uint32_t)t->my_channel,
			             .content = *c,
			             .wants = wants,
			             .nwants = n < MSG_MAX_WANTS ? n : MSG_MAX_WANTS };
		size_t size;
		uint8_t *body = msg_get_encode(&m, &size);

		talk_send(t, FRAME_GET, body, size);
		wants += m.nwants;
		n -= m.nwants;
	}
}

void inflight_any(struct talk *t, const struct content *c, const uint32_t *requests, size_t n)
{
	uint32_t average = (uint32_t)(c->size / c->nblocks);

	for (size_t i = 0; i < n; i++)
		inflight_remember(t, requests[i], average, c->nblocks);
	while (n > 0) {
		struct msg_any m = { .channel = (uint32_t)t->my_channel,
			             .content = *c,
			             .requests = requests,
			             .n = n < MSG_MAX_ANY ? n : MSG_MAX_ANY };
		size_t size;
		uint8_t *body = msg_any_encode(&m, &size);

		talk_send(t, FRAME_ANY, body, size);
		requests += m.n;
		n -= m.n;
	}
}

void inflight_get_list(struct talk *t, uint32_t request, const struct content *c, uint32_t first)
{
	struct msg_list_get m = { .channel = (uint32_t)t->my_channel,
		                  .request = request,
		                  .first = first,
		                  .content = *c };
	size_t n;
	uint8_t *body = msg_list_get_encode(&m, &n);

	inflight_remember(t, request, 0, 0);
	talk_send(t, FRAME_LIST_GET, body, n);
}

void inflight_cancel(struct talk *t, const uint32_t *requests, size_t n)
{
	size_t size;

	for (size_t i = 0; i < n; i++) {
		struct inflight *a;

		HASH_FIND(hh, t->session->inflight, &requests[i], sizeof(requests[i]), a);
		if (a)
			inflight_forget(t->session, a);
	}
	while (n) {
		struct msg_cancel m = { .requests = requests, .n = n < MSG_MAX_CANCEL ? n : MSG_MAX_CANCEL };
		uint8_t *body = msg_cancel_encode(&m, &size);

		talk_send(t, FRAME_CANCEL, body, size);
		requests += m.n;
		n -= m.n;
	}
}

/* --- answers --- */

/* A compressed or sealed block on its way through a worker. */
struct unpack_job {
	struct session *session;
	uint64_t talk;
	uint32_t request, number, plain_len;
	bool packed;
	struct slab in; /* sealed: with the tag */
	uint8_t *out;   /* unpacked; NULL: of one that is not packed, or damaged */
	/* Sealed: */
	struct wrap *wrap; /* counted; NULL: it is not */
	uint64_t counter;
	uint8_t front[MSG_SEALED_FRONT];
	size_t front_n;
	bool forged;
};

static int block_open(struct unpack_job *j)
{
	uint8_t *p = j->in.p;

	j->in.n -= MSG_SEALED_TAG;
	return wrap_open(j->wrap, j->counter, j->front, j->front_n, p, j->in.n, p + j->in.n);
}

static void block_unpack(void *arg)
{
	struct unpack_job *j = arg;

	j->forged = j->wrap != NULL && block_open(j) != 0;
	if (j->forged || !j->packed)
		return;
	j->out = malloc(j->plain_len);
	if (j->out && codec_unblock(j->out, j->plain_len, j->in.p, j->in.n)) {
		free(j->out);
		j->out = NULL;
	}
}

static void block_deliver(struct talk *t, struct unpack_job *j)
{
	struct peer_group *g = t->group;
	struct slab plain = { .p = j->out, .n = j->out ? j->plain_len : 0, .base = j->out };

	if (j->packed && !j->out)
		talk_misbehaved(t, "", "a block that does not decompress");
	if (j->packed) {
		j->out = NULL;
	} else {
		plain = j->in;
		j->in = (struct slab){ 0 };
	}
	g->config.hooks->block(g->config.arg, t->session->peer, j->request, j->number, &plain);
}

static void block_unpacked(void *arg)
{
	struct unpack_job *j = arg;
	struct session *s = j->session;
	struct talk *t = talk_of_serial(s, j->talk);

	if (j->forged && !s->closed)
		s->condemned = talk_sealed_text(TALK_SEALED_FORGED);
	else if (t)
		block_deliver(t, j);
	wrap_free(j->wrap);
	slab_free(&j->in);
	free(j->out);
	free(j);
	session_job_done(s);
}

/* Keeps the payload's bytes beyond the frame event, without a copy where there are many. */
static struct slab payload_keep(struct session *s, const struct msg_bytes *data)
{
	void *base = link_take(s->link);

	return base ? (struct slab){ .p = (uint8_t *)base + (data->p - (const uint8_t *)base),
		                     .n = data->n,
		                     .base = base }
	            : slab_dup(data->p, data->n);
}

/* Why a block cannot answer this request; NULL: it can. get compares one that the peer chose with the block list. */
static const char *block_is_wrong(const struct inflight *asked, const struct msg_block *b)
{
	if (asked->len == 0)
		return "a block where a list was requested";
	if (b->flags == MSG_BLOCK_NONE)
		return NULL;
	if (b->flags == MSG_BLOCK_OUT)
		return asked->nblocks > 0 ? NULL : "said that all blocks are out where one was named";
	if (asked->nblocks == 0)
		return b->number == SWARM_AS_ASKED && b->plain_len == asked->len
		               ? NULL
		               : "a block of a different length than requested";
	return b->number < asked->nblocks ? NULL : "a block that its content does not have";
}

/* data: with the tag, of one that is sealed. */
static void block_unpack_begin(struct talk *t, const struct msg_block *b, const struct msg_bytes *data,
                               const struct talk_unsealed *o)
{
	struct unpack_job *j = MEM_NEW(struct unpack_job);
	struct session *s = t->session;

	*j = (struct unpack_job){ .session = s,
		                  .talk = t->serial,
		                  .request = b->request,
		                  .number = b->number,
		                  .plain_len = b->plain_len,
		                  .packed = b->flags == MSG_BLOCK_ZSTD };
	if (o) {
		j->wrap = wrap_ref(o->talk->seal.wrap);
		j->counter = o->sealed.counter;
		j->front_n = o->sealed.front;
		memcpy(j->front, o->front, j->front_n);
	}
	j->in = payload_keep(s, data);
	s->jobs++;
	workers_submit(s->peers->config.workers, b->plain_len > NEWS_INLINE_MAX ? WORKERS_BULK : WORKERS_QUICK,
	               block_unpack, block_unpacked, j);
}

static void block_take(struct talk *t, const struct msg_block *b, const struct talk_unsealed *o)
{
	struct peer_group *g = t->group;
	struct msg_bytes data = { .p = b->data.p, .n = b->data.n + (o ? MSG_SEALED_TAG : 0) };
	struct slab bytes;

	peer_group_received(g, b->plain_len);
	if (o || b->flags == MSG_BLOCK_ZSTD) {
		block_unpack_begin(t, b, &data, o);
		return;
	}
	bytes = payload_keep(t->session, &data);
	g->config.hooks->block(g->config.arg, t->session->peer, b->request, b->number, &bytes);
}

/* Of an answer without bytes nothing is sealed except that it is one, which the tag shows. */
static bool is_forged(const struct talk_unsealed *o)
{
	const struct msg_sealed *m = &o->sealed;
	uint8_t nothing;

	return wrap_open(o->talk->seal.wrap, m->counter, o->front, m->front, &nothing, 0, m->sealed.p) != 0;
}

/* The length is checked before anything is unpacked. The hooks get an answer in every case, an empty one when the
 * block is unusable: the download then asks another source. */
int inflight_block_in(struct session *s, const struct msg_block *b, const struct talk_unsealed *o)
{
	struct inflight asked = inflight_answered(s, b->request);
	struct talk *t = asked.talk;
	struct slab bytes = { 0 };
	struct peer_group *g;
	const char *wrong;

	if (!t)
		return 0;
	if (!talk_hears(t))
		return TALK_PLAIN;
	if (o && b->data.n == 0 && is_forged(o))
		return TALK_FORGED;
	g = t->group;
	wrong = block_is_wrong(&asked, b);
	if (wrong) {
		talk_misbehaved(t, "", wrong);
		g->config.hooks->block(g->config.arg, s->peer, b->request, SWARM_AS_ASKED, &bytes);
	} else if (b->flags == MSG_BLOCK_OUT) {
		g->config.hooks->out(g->config.arg, s->peer, b->request);
	} else if (b->flags == MSG_BLOCK_NONE) {
		g->config.hooks->block(g->config.arg, s->peer, b->request, b->number, &bytes);
	} else {
		block_take(t, b, o);
	}
	return 0;
}

int inflight_list_in(struct session *s, const struct msg_list *m)
{
	struct talk *t = inflight_answered(s, m->request).talk;

	if (t && !talk_hears(t))
		return TALK_PLAIN;
	if (t)
		t->group->config.hooks->list(t->group->config.arg, s->peer, m->request, m->first,
		                             m->none ? NULL : m->blocks.p, m->none ? 0 : m->blocks.n);
	return 0;
}

void inflight_stop(struct talk *t)
{
	struct inflight *a, *next;

	HASH_ITER(hh, t->session->inflight, a, next)
		if (a->talk == t)
			inflight_forget(t->session, a);
}
