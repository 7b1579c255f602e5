/* The messages of index, news and holds: see msg.h. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_like.h"

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
	pb.on_demand = m->on_demand;
	pb.role_known = m->role_known;
	pb.ranges = m->ranges;
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
		                       .signature = { .p = pb->signature.data, .n = pb->signature.len },
		                       .on_demand = pb->on_demand,
		                       .role_known = pb->role_known,
		                       .ranges = pb->ranges };
	return 0;
}

/* --- records --- */

static uint64_t *version_fill(uint64_t *out, const struct version *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		out[i] = v->e[i].writer;
		out[v->n + i] = v->e[i].counter;
	}
	return out + 2 * (size_t)v->n;
}

uint64_t *msg_versions_fill(Lanyard__Record *pb, const struct record *r, uint64_t *vectors)
{
	uint64_t *base = version_fill(vectors, &r->version), *mode = version_fill(base, &r->base);

	pb->n_writers = pb->n_counters = r->version.n;
	pb->writers = vectors;
	pb->counters = vectors + r->version.n;
	pb->n_base_writers = pb->n_base_counters = r->base.n;
	pb->base_writers = base;
	pb->base_counters = base + r->base.n;
	pb->n_mode_writers = pb->n_mode_counters = r->mode_base.n;
	pb->mode_writers = mode;
	pb->mode_counters = mode + r->mode_base.n;
	return version_fill(mode, &r->mode_base);
}

/* vectors: as msg_versions_fill(). */
static uint64_t *record_fill(Lanyard__Record *pb, const struct msg_record *m, uint64_t *vectors)
{
	const struct record *r = &m->record;
	uint64_t *end;

	lanyard__record__init(pb);
	end = msg_versions_fill(pb, r, vectors);
	pb->path = msg_binary(r->path, strlen(r->path));
	pb->kind = r->kind;
	pb->deleted = r->deleted;
	pb->modified_by = r->modified_by;
	pb->seq = r->seq;
	if (r->deleted)
		return end;
	pb->absent = r->absent;
	pb->mode = r->mode;
	pb->mtime_ns = r->mtime_ns;
	if (r->kind == RECORD_FILE) {
		pb->size = (uint64_t)r->content.size;
		pb->nblocks = r->content.nblocks;
		pb->root = msg_content_root(&r->content);
		pb->chunk_log2 = r->chunk_log2;
		pb->content = msg_binary(m->content.p, m->content.p ? m->content.n : 0);
		pb->blocks = msg_binary(m->blocks.p, m->blocks.n);
		pb->carried = m->carried;
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
	/* From the last on, so that the one before is still whole. */
	for (size_t i = m->nrecords; i-- > 1;)
		msg_like_shorten(&each[i], &each[i - 1]);
	pb.channel = m->channel;
	pb.after = m->after;
	pb.upto = m->upto;
	pb.signature = msg_binary(m->signature.p, m->signature.n);
	pb.carrier = m->carrier;
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

/* Into the arena; -1 if it cannot be a version. An empty one is allowed. */
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

static bool is_older(const struct version *v, const struct version *than)
{
	return v->n == 0 || version_compare(v, than) == VERSION_OLDER;
}

static int versions_load(struct record *r, struct msg_arena *a, const Lanyard__Record *pb)
{
	if (version_read(&r->version, a, pb->writers, pb->n_writers, pb->counters, pb->n_counters) ||
	    version_read(&r->base, a, pb->base_writers, pb->n_base_writers, pb->base_counters, pb->n_base_counters) ||
	    version_read(&r->mode_base, a, pb->mode_writers, pb->n_mode_writers, pb->mode_counters,
	                 pb->n_mode_counters))
		return -1;
	return r->mode_base.n > 0 && r->base.n == 0 ? -1 : 0;
}

bool msg_record_bases_fit(const struct record *r)
{
	return is_older(&r->base, &r->version) && is_older(&r->mode_base, &r->version);
}

int msg_versions_read(struct record *r, struct msg_arena *a, const Lanyard__Record *pb)
{
	return versions_load(r, a, pb) || !msg_record_bases_fit(r) ? -1 : 0;
}

/* Every record has a version, unless it stands alone; `base` is for live files and symlinks only, `mode_base` for
 * files. */
static int versions_read(struct record *r, struct msg_arena *a, const Lanyard__Record *pb, bool alone)
{
	if ((alone ? versions_load(r, a, pb) : msg_versions_read(r, a, pb)) || (r->version.n == 0) != alone)
		return -1;
	if (r->base.n > 0 && (pb->deleted || pb->kind == RECORD_DIR))
		return -1;
	return r->mode_base.n > 0 && pb->kind != RECORD_FILE ? -1 : 0;
}

static int record_read_file(struct msg_record *m, const Lanyard__Record *pb)
{
	struct record *r = &m->record;

	if (msg_content_read(&r->content, pb->size, pb->nblocks, pb->root) || pb->chunk_log2 > 63)
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
	if (pb->carried && (pb->nblocks != 1 || pb->size > MSG_INLINE_MAX))
		return -1;
	m->carried = pb->carried;
	m->sealed_list = msg_bytes_of(pb->sealed_list);
	m->pages = msg_bytes_of(pb->pages);
	return 0;
}

static bool has_list(const Lanyard__Record *pb)
{
	return pb->sealed_list.len > 0 || pb->pages.len > 0;
}

/* What a record that stands alone says of a file's blocks, and nothing that belongs to one in a message. */
static bool alone_ok(const Lanyard__Record *pb)
{
	if (pb->seq != 0 || pb->absent || pb->carried || pb->content.len > 0 || pb->blocks.len > 0 || pb->shared != 0 ||
	    pb->like != 0 || pb->step != 0)
		return false;
	if (pb->sealed_list.len > MSG_MAX_SEALED_LIST || pb->pages.len % 2 != 0 || pb->pages.len > MSG_MAX_PAGES)
		return false;
	return !has_list(pb) || (pb->kind == RECORD_FILE && !pb->deleted && pb->nblocks > 1 &&
	                         (pb->sealed_list.len == 0 || pb->pages.len == 0));
}

/* Reads only the fields that mean something for the record's kind; everything else stays zero. */
static int record_read(struct msg_record *m, struct msg_arena *a, const Lanyard__Record *pb, bool alone)
{
	struct record *r = &m->record;

	memset(m, 0, sizeof(*m));
	if (pb->kind < RECORD_FILE || pb->kind > RECORD_SYMLINK || pb->path.len > RECORD_PATH_MAX || pb->path.len == 0)
		return -1;
	if (pb->mode > 07777 || pb->seq > INT64_MAX || versions_read(r, a, pb, alone))
		return -1;
	if (alone ? !alone_ok(pb) : has_list(pb))
		return -1;
	r->path = arena_text(a, pb->path);
	r->kind = (enum record_kind)pb->kind;
	r->deleted = pb->deleted;
	r->modified_by = pb->modified_by;
	r->seq = pb->seq;
	if (!r->path || r->deleted)
		return r->path ? 0 : -1;
	r->absent = pb->absent;
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
		if (msg_like_complete(pb->records[i], a, i > 0 ? pb->records[i - 1] : NULL) ||
		    record_read(&records[i], a, pb->records[i], false))
			return -1;
		if (records[i].record.seq <= last || records[i].record.seq > pb->upto)
			return -1;
		last = records[i].record.seq;
	}
	*m = (struct msg_news){ .channel = pb->channel,
		                .after = pb->after,
		                .upto = pb->upto,
		                .signature = { .p = pb->signature.data, .n = pb->signature.len },
		                .carrier = pb->carrier,
		                .records = records,
		                .nrecords = pb->n_records };
	return 0;
}

uint8_t *msg_record_alone_encode(const struct msg_record *m, size_t *n)
{
	const struct record *r = &m->record;
	struct msg_record alone = { .record = *r };
	uint64_t *vectors = mem_calloc(2 * ((size_t)r->base.n + r->mode_base.n) + 1, sizeof(*vectors));
	Lanyard__Record pb;

	alone.record.version = (struct version){ 0 };
	alone.record.seq = 0;
	alone.record.absent = false;
	record_fill(&pb, &alone, vectors);
	if (r->kind == RECORD_FILE && !r->deleted) {
		pb.sealed_list = msg_binary(m->sealed_list.p, m->sealed_list.n);
		pb.pages = msg_binary(m->pages.p, m->pages.n);
	}
	uint8_t *out = msg_pack(&pb.base, n);

	free(vectors);
	return out;
}

int msg_record_alone_decode(struct msg_record *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Record *pb = (void *)msg_unpack(&lanyard__record__descriptor, a, p, n);

	return pb && record_read(m, a, pb, true) == 0 ? 0 : -1;
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

/* --- holds --- */

uint8_t *msg_hold_ask_encode(const struct msg_hold_ask *m, size_t *n)
{
	const struct record *r = &m->record;
	uint64_t *vectors = mem_calloc(2 * ((size_t)r->version.n + r->base.n + r->mode_base.n) + 1, sizeof(*vectors));
	struct msg_record bare = { .record = *r };
	Lanyard__Record record;
	Lanyard__HoldAsk pb;

	lanyard__hold_ask__init(&pb);
	record_fill(&record, &bare, vectors);
	record.seq = 0;
	pb.channel = m->channel;
	pb.request = m->request;
	pb.record = &record;
	uint8_t *out = msg_pack(&pb.base, n);

	free(vectors);
	return out;
}

int msg_hold_ask_decode(struct msg_hold_ask *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__HoldAsk *pb = (void *)msg_unpack(&lanyard__hold_ask__descriptor, a, p, n);
	struct msg_record record;

	if (!pb || !pb->record || msg_like_complete(pb->record, a, NULL) ||
	    record_read(&record, a, pb->record, false) || record.record.deleted)
		return -1;
	*m = (struct msg_hold_ask){ .channel = pb->channel, .request = pb->request, .record = record.record };
	m->record.seq = 0;
	return 0;
}

uint8_t *msg_hold_answer_encode(const struct msg_hold_answer *m, size_t *n)
{
	Lanyard__HoldAnswer pb;

	lanyard__hold_answer__init(&pb);
	pb.channel = m->channel;
	pb.request = m->request;
	pb.has = m->has;
	return msg_pack(&pb.base, n);
}

int msg_hold_answer_decode(struct msg_hold_answer *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__HoldAnswer *pb = (void *)msg_unpack(&lanyard__hold_answer__descriptor, a, p, n);

	if (!pb)
		return -1;
	*m = (struct msg_hold_answer){ .channel = pb->channel, .request = pb->request, .has = pb->has };
	return 0;
}
