/* The messages of block lists and blocks: see msg.h. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/plan/leaf.h"
#include "sync/wire/msg_internal.h"

uint8_t *msg_list_get_encode(const struct msg_list_get *m, size_t *n)
{
	Lanyard__ListGet pb;

	lanyard__list_get__init(&pb);
	pb.channel = m->channel;
	pb.request = m->request;
	pb.first = m->first;
	pb.size = (uint64_t)m->content.size;
	pb.nblocks = m->content.nblocks;
	pb.root = msg_content_root(&m->content);
	return msg_pack(&pb.base, n);
}

int msg_list_get_decode(struct msg_list_get *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__ListGet *pb = (void *)msg_unpack(&lanyard__list_get__descriptor, a, p, n);

	memset(m, 0, sizeof(*m));
	if (!pb || msg_content_read(&m->content, pb->size, pb->nblocks, pb->root) || pb->first >= pb->nblocks)
		return -1;
	m->channel = pb->channel;
	m->request = pb->request;
	m->first = pb->first;
	return 0;
}

uint8_t *msg_list_encode(const struct msg_list *m, size_t *n)
{
	Lanyard__List pb;

	lanyard__list__init(&pb);
	pb.request = m->request;
	pb.first = m->first;
	pb.blocks = msg_binary(m->blocks.p, m->blocks.n);
	pb.none = m->none;
	return msg_pack(&pb.base, n);
}

int msg_list_decode(struct msg_list *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__List *pb = (void *)msg_unpack(&lanyard__list__descriptor, a, p, n);

	if (!pb || pb->first >= CONTENT_MAX_BLOCKS || pb->blocks.len % 36 || pb->blocks.len > 36 * (size_t)MSG_LIST_MAX)
		return -1;
	*m = (struct msg_list){ .request = pb->request,
		                .first = pb->first,
		                .none = pb->none || pb->blocks.len == 0,
		                .blocks = { .p = pb->blocks.data, .n = pb->blocks.len } };
	return 0;
}

enum { RUN_SIZE = 4 };

/* out has room for WANT_RUNS_MAX of them. */
static ProtobufCBinaryData runs_write(uint8_t *out, const struct block_want *w)
{
	for (size_t i = 0; i < w->nruns; i++)
		put_u32(out + i * RUN_SIZE, (uint32_t)w->runs[i].first << 16 | w->runs[i].n);
	return msg_binary(out, (size_t)w->nruns * RUN_SIZE);
}

static bool runs_read(struct block_want *w, const Lanyard__Want *in)
{
	if (in->what > WANT_LEAVES || in->skew >= LEAF_SIZE || in->runs.len % RUN_SIZE != 0 ||
	    in->runs.len > RUN_SIZE * (size_t)WANT_RUNS_MAX)
		return false;
	w->what = (uint8_t)in->what;
	w->skew = (uint16_t)in->skew;
	w->nruns = (uint8_t)(in->runs.len / RUN_SIZE);
	for (size_t i = 0; i < w->nruns; i++) {
		uint32_t run = get_u32(in->runs.data + i * RUN_SIZE);

		w->runs[i] = (struct leaf_run){ .first = (uint16_t)(run >> 16), .n = (uint16_t)run };
	}
	return leaf_want_valid(w);
}

uint8_t *msg_get_encode(const struct msg_get *m, size_t *n)
{
	Lanyard__Get pb;
	Lanyard__Want *each = mem_calloc(m->nwants + 1, sizeof(*each));
	Lanyard__Want **list = mem_calloc(m->nwants + 1, sizeof(*list));
	uint8_t *runs = mem_calloc(m->nwants + 1, RUN_SIZE * (size_t)WANT_RUNS_MAX);

	lanyard__get__init(&pb);
	for (size_t i = 0; i < m->nwants; i++) {
		lanyard__want__init(&each[i]);
		each[i].request = m->wants[i].request;
		each[i].offset = (uint64_t)m->wants[i].offset;
		each[i].len = m->wants[i].len;
		each[i].hash = msg_binary(m->wants[i].hash, 32);
		each[i].what = m->wants[i].what;
		each[i].skew = m->wants[i].skew;
		each[i].runs = runs_write(runs + i * RUN_SIZE * WANT_RUNS_MAX, &m->wants[i]);
		list[i] = &each[i];
	}
	pb.channel = m->channel;
	pb.size = (uint64_t)m->content.size;
	pb.nblocks = m->content.nblocks;
	pb.root = msg_content_root(&m->content);
	pb.n_wants = m->nwants;
	pb.wants = list;
	uint8_t *out = msg_pack(&pb.base, n);

	free(runs);
	free(list);
	free(each);
	return out;
}

int msg_get_decode(struct msg_get *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Get *pb = (void *)msg_unpack(&lanyard__get__descriptor, a, p, n);

	memset(m, 0, sizeof(*m));
	if (!pb || pb->n_wants > MSG_MAX_WANTS || msg_content_read(&m->content, pb->size, pb->nblocks, pb->root))
		return -1;
	struct block_want *wants = msg_arena_alloc(a, pb->n_wants * sizeof(*wants) + 1);

	if (!wants)
		return -1;
	for (size_t i = 0; i < pb->n_wants; i++) {
		const Lanyard__Want *in = pb->wants[i];

		if (in->hash.len != 32 || in->len == 0 || in->len > BLOCK_MAX || in->offset > pb->size ||
		    in->len > pb->size - in->offset)
			return -1;
		wants[i] = (struct block_want){ .request = in->request, .len = in->len, .offset = (int64_t)in->offset };
		memcpy(wants[i].hash, in->hash.data, 32);
		if (!runs_read(&wants[i], in))
			return -1;
	}
	m->channel = pb->channel;
	m->wants = wants;
	m->nwants = pb->n_wants;
	return 0;
}

uint8_t *msg_cancel_encode(const struct msg_cancel *m, size_t *n)
{
	Lanyard__Cancel pb;
	union {
		const uint32_t *in;
		uint32_t *out;
	} u = { .in = m->requests };

	lanyard__cancel__init(&pb);
	pb.n_requests = m->n;
	pb.requests = u.out;
	return msg_pack(&pb.base, n);
}

int msg_cancel_decode(struct msg_cancel *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Cancel *pb = (void *)msg_unpack(&lanyard__cancel__descriptor, a, p, n);

	if (!pb || pb->n_requests > MSG_MAX_CANCEL)
		return -1;
	*m = (struct msg_cancel){ .requests = pb->requests, .n = pb->n_requests };
	return 0;
}

size_t msg_block_head(uint8_t out[MSG_BLOCK_HEAD_ANY], const struct msg_block *m)
{
	bool any = m->number != SWARM_AS_ASKED;

	put_u32(out, m->request);
	out[4] = (uint8_t)(m->flags | (any ? MSG_BLOCK_ANY : 0));
	put_u32(out + 5, m->plain_len);
	if (any)
		put_u32(out + MSG_BLOCK_HEAD, m->number);
	return any ? MSG_BLOCK_HEAD_ANY : MSG_BLOCK_HEAD;
}

int msg_block_decode(struct msg_block *m, const uint8_t *p, size_t n)
{
	size_t head = MSG_BLOCK_HEAD;

	if (n < head)
		return -1;
	*m = (struct msg_block){ .request = get_u32(p),
		                 .flags = p[4],
		                 .plain_len = get_u32(p + 5),
		                 .number = SWARM_AS_ASKED };
	if (m->flags == (MSG_BLOCK_RAW | MSG_BLOCK_ANY) || m->flags == (MSG_BLOCK_ZSTD | MSG_BLOCK_ANY)) {
		head = MSG_BLOCK_HEAD_ANY;
		if (n < head || get_u32(p + MSG_BLOCK_HEAD) >= CONTENT_MAX_BLOCKS)
			return -1;
		m->number = get_u32(p + MSG_BLOCK_HEAD);
		m->flags &= (uint8_t)~MSG_BLOCK_ANY;
	}
	m->data = (struct msg_bytes){ .p = p + head, .n = n - head };
	if (m->flags > MSG_BLOCK_OUT || m->plain_len > BLOCK_MAX)
		return -1;
	if (m->flags == MSG_BLOCK_RAW && m->data.n != m->plain_len)
		return -1;
	if (m->flags >= MSG_BLOCK_NONE && (m->data.n || m->plain_len))
		return -1;
	return 0;
}
