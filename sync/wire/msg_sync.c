/* The messages of index, news and blocks: see msg.h. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

static bool signature_ok(ProtobufCBinaryData b)
{
	return b.len == 0 || b.len == MSG_SIGNATURE_LEN;
}

uint8_t *msg_index_hello_encode(const struct msg_index_hello *m, size_t *n)
{
	Lanyard__IndexHello pb;

	lanyard__index_hello__init(&pb);
	pb.channel = m->channel;
	pb.epoch = m->epoch;
	pb.seq = m->seq;
	pb.have_epoch = m->have_epoch;
	pb.have_seq = m->have_seq;
	pb.settled = m->settled;
	pb.no_inline = m->no_inline;
	pb.forgotten = m->forgotten;
	pb.shown = m->shown;
	pb.signature = msg_binary(m->signature.p, m->signature.n);
	return msg_pack(&pb.base, n);
}

int msg_index_hello_decode(struct msg_index_hello *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__IndexHello *pb = (void *)msg_unpack(&lanyard__index_hello__descriptor, a, p, n);

	if (!pb || pb->epoch == 0 || pb->seq > INT64_MAX || pb->have_seq > INT64_MAX || pb->settled > INT64_MAX ||
	    pb->forgotten > INT64_MAX || pb->shown > INT64_MAX || !signature_ok(pb->signature))
		return -1;
	*m = (struct msg_index_hello){ .channel = pb->channel,
		                       .epoch = pb->epoch,
		                       .seq = pb->seq,
		                       .have_epoch = pb->have_epoch,
		                       .have_seq = pb->have_seq,
		                       .settled = pb->settled,
		                       .no_inline = pb->no_inline,
		                       .forgotten = pb->forgotten,
		                       .shown = pb->shown,
		                       .signature = { .p = pb->signature.data, .n = pb->signature.len } };
	return 0;
}

/* --- records --- */

/* Writes v's writers, then its counters; returns the end of them. */
static uint64_t *version_fill(uint64_t *out, const struct version *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		out[i] = v->e[i].writer;
		out[v->n + i] = v->e[i].counter;
	}
	return out + 2 * (size_t)v->n;
}

/* vectors: space for the version and both bases; returns the end of what it used. */
static uint64_t *record_fill(Lanyard__Record *pb, const struct msg_record *m, uint64_t *vectors)
{
	const struct record *r = &m->record;
	uint64_t *base = version_fill(vectors, &r->version), *mode = version_fill(base, &r->base);
	uint64_t *end = version_fill(mode, &r->mode_base);

	lanyard__record__init(pb);
	pb->path = msg_binary(r->path, strlen(r->path));
	pb->kind = r->kind;
	pb->deleted = r->deleted;
	pb->n_writers = pb->n_counters = r->version.n;
	pb->writers = vectors;
	pb->counters = vectors + r->version.n;
	pb->n_base_writers = pb->n_base_counters = r->base.n;
	pb->base_writers = base;
	pb->base_counters = base + r->base.n;
	pb->n_mode_writers = pb->n_mode_counters = r->mode_base.n;
	pb->mode_writers = mode;
	pb->mode_counters = mode + r->mode_base.n;
	pb->modified_by = r->modified_by;
	pb->seq = r->seq;
	if (r->deleted)
		return end;
	pb->mode = r->mode;
	pb->mtime_ns = r->mtime_ns;
	if (r->kind == RECORD_FILE) {
		pb->size = (uint64_t)r->content.size;
		pb->nblocks = r->content.nblocks;
		pb->root = msg_content_root(&r->content);
		pb->chunk_log2 = r->chunk_log2;
		pb->content = msg_binary(m->content.p, m->content.p ? m->content.n : 0);
		pb->blocks = msg_binary(m->blocks.p, m->blocks.n);
	} else if (r->kind == RECORD_SYMLINK) {
		pb->target = msg_binary(r->target, strlen(r->target));
	}
	return end;
}

/* protobuf-c wants an array of pointers, and each record's vectors as arrays: one allocation for each kind, shared
 * out. */
uint8_t *msg_news_encode(const struct msg_news *m, size_t *n)
{
	Lanyard__News pb;
	Lanyard__Record *each = mem_calloc(m->nrecords + 1, sizeof(*each));
	Lanyard__Record **list = mem_calloc(m->nrecords + 1, sizeof(*list));
	size_t entries = 0;

	lanyard__news__init(&pb);
	for (size_t i = 0; i < m->nrecords; i++) {
		const struct record *r = &m->records[i].record;

		entries += r->version.n + r->base.n + r->mode_base.n;
	}
	uint64_t *vectors = mem_calloc(2 * entries + 1, sizeof(*vectors)), *next = vectors;

	for (size_t i = 0; i < m->nrecords; i++) {
		next = record_fill(&each[i], &m->records[i], next);
		list[i] = &each[i];
	}
	pb.channel = m->channel;
	pb.after = m->after;
	pb.upto = m->upto;
	pb.signature = msg_binary(m->signature.p, m->signature.n);
	pb.n_records = m->nrecords;
	pb.records = list;
	uint8_t *out = msg_pack(&pb.base, n);

	free(vectors);
	free(list);
	free(each);
	return out;
}

static char *arena_text(struct msg_arena *a, ProtobufCBinaryData b)
{
	const uint8_t *data = b.data ? b.data : (const uint8_t *)"";
	char *s = msg_arena_alloc(a, b.len + 1);

	if (!s || memchr(data, 0, b.len))
		return NULL;
	memcpy(s, data, b.len);
	s[b.len] = 0;
	return s;
}

static int version_read(struct version *v, struct msg_arena *a, const uint64_t *writers, size_t n_writers,
                        const uint64_t *counters, size_t n_counters)
{
	if (n_writers != n_counters || n_writers > VERSION_MAX)
		return -1;
	if (n_writers == 0)
		return 0;
	v->n = (uint32_t)n_writers;
	v->e = msg_arena_alloc(a, v->n * sizeof(*v->e));
	if (!v->e)
		return -1;
	for (uint32_t i = 0; i < v->n; i++) {
		v->e[i] = (struct version_entry){ .writer = writers[i], .counter = counters[i] };
		if (v->e[i].counter == 0 || v->e[i].counter > INT64_MAX || (i && v->e[i].writer <= v->e[i - 1].writer))
			return -1;
	}
	return 0;
}

static bool base_is_older(const struct version *v, const struct record *r)
{
	return v->n == 0 || version_compare(v, &r->version) == VERSION_OLDER;
}

/* Reads the version and the optional bases, and validates them: `base` only for live files and symlinks, `mode_base`
 * only for files that have a base; both must be older than the version. */
static int versions_read(struct record *r, struct msg_arena *a, const Lanyard__Record *pb)
{
	if (version_read(&r->version, a, pb->writers, pb->n_writers, pb->counters, pb->n_counters) ||
	    version_read(&r->base, a, pb->base_writers, pb->n_base_writers, pb->base_counters, pb->n_base_counters) ||
	    version_read(&r->mode_base, a, pb->mode_writers, pb->n_mode_writers, pb->mode_counters,
	                 pb->n_mode_counters))
		return -1;
	if (r->version.n == 0 || !base_is_older(&r->base, r) || !base_is_older(&r->mode_base, r))
		return -1;
	if (r->base.n > 0 && (pb->deleted || pb->kind == RECORD_DIR))
		return -1;
	return r->mode_base.n > 0 && (r->base.n == 0 || pb->kind != RECORD_FILE) ? -1 : 0;
}

static int record_read_file(struct msg_record *m, const Lanyard__Record *pb)
{
	struct record *r = &m->record;

	if (msg_content_read(&r->content, pb->size, pb->nblocks, pb->root) || pb->chunk_log2 > 24)
		return -1;
	r->chunk_log2 = (uint8_t)pb->chunk_log2;
	if (pb->content.len) {
		if (pb->content.len != pb->size || pb->content.len > MSG_INLINE_MAX)
			return -1;
		m->content = (struct msg_bytes){ .p = pb->content.data, .n = pb->content.len };
	}
	if (pb->blocks.len) {
		if (pb->nblocks < 2 || pb->nblocks > MSG_BLOCKS_INLINE_MAX ||
		    pb->blocks.len != 36 * (size_t)pb->nblocks)
			return -1;
		m->blocks = (struct msg_bytes){ .p = pb->blocks.data, .n = pb->blocks.len };
	}
	return 0;
}

/* Reads only the fields that mean something for the record's kind; everything else stays zero. */
static int record_read(struct msg_record *m, struct msg_arena *a, const Lanyard__Record *pb)
{
	struct record *r = &m->record;

	memset(m, 0, sizeof(*m));
	if (pb->kind < RECORD_FILE || pb->kind > RECORD_SYMLINK || pb->path.len > RECORD_PATH_MAX || pb->path.len == 0)
		return -1;
	if (pb->mode > 07777 || pb->seq == 0 || pb->seq > INT64_MAX || versions_read(r, a, pb))
		return -1;
	r->path = arena_text(a, pb->path);
	r->kind = (enum record_kind)pb->kind;
	r->deleted = pb->deleted;
	r->modified_by = pb->modified_by;
	r->seq = pb->seq;
	if (!r->path || r->deleted)
		return r->path ? 0 : -1;
	r->mode = pb->mode & RECORD_MODE;
	r->mtime_ns = pb->mtime_ns;
	if (r->kind == RECORD_FILE)
		return record_read_file(m, pb);
	if (r->kind == RECORD_DIR) {
		r->mtime_ns = 0;
		return 0;
	}
	r->mode = 0;
	if (pb->target.len == 0 || pb->target.len > RECORD_PATH_MAX)
		return -1;
	r->target = arena_text(a, pb->target);
	return r->target ? 0 : -1;
}

/* Numbers must ascend within (after, upto], so that acknowledging upto acknowledges every record. */
int msg_news_decode(struct msg_news *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__News *pb = (void *)msg_unpack(&lanyard__news__descriptor, a, p, n);

	if (!pb || pb->n_records > MSG_MAX_RECORDS || pb->upto < pb->after || pb->upto > INT64_MAX ||
	    !signature_ok(pb->signature))
		return -1;
	struct msg_record *records = msg_arena_alloc(a, pb->n_records * sizeof(*records) + 1);
	uint64_t last = pb->after;

	if (!records)
		return -1;
	for (size_t i = 0; i < pb->n_records; i++) {
		if (record_read(&records[i], a, pb->records[i]))
			return -1;
		if (records[i].record.seq <= last || records[i].record.seq > pb->upto)
			return -1;
		last = records[i].record.seq;
	}
	*m = (struct msg_news){ .channel = pb->channel,
		                .after = pb->after,
		                .upto = pb->upto,
		                .signature = { .p = pb->signature.data, .n = pb->signature.len },
		                .records = records,
		                .nrecords = pb->n_records };
	return 0;
}

uint8_t *msg_news_ack_encode(const struct msg_news_ack *m, size_t *n)
{
	Lanyard__NewsAck pb;

	lanyard__news_ack__init(&pb);
	pb.channel = m->channel;
	pb.received = m->received;
	pb.settled = m->settled;
	pb.epoch = m->epoch;
	return msg_pack(&pb.base, n);
}

int msg_news_ack_decode(struct msg_news_ack *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__NewsAck *pb = (void *)msg_unpack(&lanyard__news_ack__descriptor, a, p, n);

	if (!pb || pb->settled > pb->received || pb->received > INT64_MAX)
		return -1;
	*m = (struct msg_news_ack){ .channel = pb->channel,
		                    .received = pb->received,
		                    .settled = pb->settled,
		                    .epoch = pb->epoch };
	return 0;
}

/* --- lists and blocks --- */

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

uint8_t *msg_get_encode(const struct msg_get *m, size_t *n)
{
	Lanyard__Get pb;
	Lanyard__Want *each = mem_calloc(m->nwants + 1, sizeof(*each));
	Lanyard__Want **list = mem_calloc(m->nwants + 1, sizeof(*list));

	lanyard__get__init(&pb);
	for (size_t i = 0; i < m->nwants; i++) {
		lanyard__want__init(&each[i]);
		each[i].request = m->wants[i].request;
		each[i].offset = (uint64_t)m->wants[i].offset;
		each[i].len = m->wants[i].len;
		each[i].hash = msg_binary(m->wants[i].hash, 32);
		list[i] = &each[i];
	}
	pb.channel = m->channel;
	pb.size = (uint64_t)m->content.size;
	pb.nblocks = m->content.nblocks;
	pb.root = msg_content_root(&m->content);
	pb.n_wants = m->nwants;
	pb.wants = list;
	uint8_t *out = msg_pack(&pb.base, n);

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

void msg_block_head(uint8_t out[MSG_BLOCK_HEAD], uint32_t request, uint8_t flags, uint32_t plain_len)
{
	put_u32(out, request);
	out[4] = flags;
	put_u32(out + 5, plain_len);
}

int msg_block_decode(struct msg_block *m, const uint8_t *p, size_t n)
{
	if (n < MSG_BLOCK_HEAD)
		return -1;
	*m = (struct msg_block){ .request = get_u32(p),
		                 .flags = p[4],
		                 .plain_len = get_u32(p + 5),
		                 .data = { .p = p + MSG_BLOCK_HEAD, .n = n - MSG_BLOCK_HEAD } };
	if (m->flags > MSG_BLOCK_NONE || m->plain_len > BLOCK_MAX)
		return -1;
	if (m->flags == MSG_BLOCK_RAW && m->data.n != m->plain_len)
		return -1;
	if (m->flags == MSG_BLOCK_NONE && (m->data.n || m->plain_len))
		return -1;
	return 0;
}
