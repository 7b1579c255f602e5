/* The messages of sealed groups: see msg_seal.h. */
#include "sync/wire/msg_seal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/wire/codec.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

/* Each of the n byte strings has 1 to `most` bytes. */
static bool lengths_ok(const ProtobufCBinaryData *b, size_t n, size_t most)
{
	for (size_t i = 0; i < n; i++)
		if (b[i].len == 0 || b[i].len > most)
			return false;
	return true;
}

/* The generated structs know no const. */
static uint64_t *lend_numbers(const uint64_t *numbers)
{
	union {
		const uint64_t *in;
		uint64_t *out;
	} u = { .in = numbers };

	return u.out;
}

uint8_t *msg_keys_encode(const struct msg_keys *m, size_t *n)
{
	ProtobufCBinaryData *envelopes = msg_binary_list(m->envelopes, m->nenvelopes);
	Lanyard__Keys pb;

	lanyard__keys__init(&pb);
	pb.channel = m->channel;
	pb.n_held = m->nheld;
	pb.held = lend_numbers(m->held);
	pb.n_envelopes = m->nenvelopes;
	pb.envelopes = envelopes;
	uint8_t *out = msg_pack(&pb.base, n);

	free(envelopes);
	return out;
}

int msg_keys_decode(struct msg_keys *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Keys *pb = (void *)msg_unpack(&lanyard__keys__descriptor, a, p, n);

	if (!pb || pb->n_held > MSG_MAX_HELD || pb->n_envelopes > MSG_MAX_ENVELOPES ||
	    !lengths_ok(pb->envelopes, pb->n_envelopes, MSG_MAX_ENVELOPE))
		return -1;
	*m = (struct msg_keys){ .channel = pb->channel,
		                .held = pb->held,
		                .nheld = pb->n_held,
		                .nenvelopes = pb->n_envelopes };
	m->envelopes = msg_bytes_list(a, pb->envelopes, pb->n_envelopes);
	return m->envelopes ? 0 : -1;
}

uint8_t *msg_cores_encode(const struct msg_cores *m, size_t *n)
{
	Lanyard__Core *each = mem_calloc(m->ncores + 1, sizeof(*each)), **list;
	Lanyard__Cores pb;

	list = mem_calloc(m->ncores + 1, sizeof(*list));
	lanyard__cores__init(&pb);
	pb.channel = m->channel;
	pb.after = m->after;
	pb.upto = m->upto;
	pb.n_cores = m->ncores;
	pb.cores = list;
	for (size_t i = 0; i < m->ncores; i++) {
		lanyard__core__init(&each[i]);
		each[i].seq = m->cores[i].seq;
		each[i].core = msg_binary(m->cores[i].core.p, m->cores[i].core.n);
		each[i].endorsement = msg_binary(m->cores[i].endorsement.p, m->cores[i].endorsement.n);
		list[i] = &each[i];
	}
	uint8_t *out = msg_pack(&pb.base, n);

	free(list);
	free(each);
	return out;
}

/* As in NEWS: acknowledging upto acknowledges every core. */
int msg_cores_decode(struct msg_cores *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Cores *pb = (void *)msg_unpack(&lanyard__cores__descriptor, a, p, n);
	struct msg_core *cores;
	uint64_t last;

	if (!pb || pb->n_cores > MSG_MAX_CORES || pb->upto < pb->after || pb->upto > INT64_MAX)
		return -1;
	cores = msg_arena_alloc(a, pb->n_cores * sizeof(*cores) + 1);
	if (!cores)
		return -1;
	last = pb->after;
	for (size_t i = 0; i < pb->n_cores; i++) {
		const Lanyard__Core *c = pb->cores[i];

		if (c->seq <= last || c->seq > pb->upto || !lengths_ok(&c->core, 1, MSG_MAX_CORE) ||
		    !lengths_ok(&c->endorsement, 1, MSG_MAX_ENDORSEMENT))
			return -1;
		last = c->seq;
		cores[i] = (struct msg_core){ .seq = c->seq,
			                      .core = msg_bytes_of(c->core),
			                      .endorsement = msg_bytes_of(c->endorsement) };
	}
	*m = (struct msg_cores){ .channel = pb->channel,
		                 .after = pb->after,
		                 .upto = pb->upto,
		                 .cores = cores,
		                 .ncores = pb->n_cores };
	return 0;
}

static uint8_t *put_core_bytes(uint8_t *to, const struct msg_bytes *b)
{
	if (b->n > 0)
		memcpy(to, b->p, b->n);
	return to + b->n;
}

uint8_t *msg_cores_bytes(const struct msg_cores *m, size_t *n)
{
	uint8_t *out, *to;

	*n = 0;
	for (size_t i = 0; i < m->ncores; i++)
		*n += m->cores[i].core.n + m->cores[i].endorsement.n;
	to = out = mem_calloc(*n + 1, 1);
	for (size_t i = 0; i < m->ncores; i++)
		to = put_core_bytes(put_core_bytes(to, &m->cores[i].core), &m->cores[i].endorsement);
	return out;
}

uint8_t *msg_heads_encode(const struct msg_heads *m, size_t *n)
{
	ProtobufCBinaryData *heads = msg_binary_list(m->heads, m->nheads);
	Lanyard__Heads pb;

	lanyard__heads__init(&pb);
	pb.channel = m->channel;
	pb.n_heads = m->nheads;
	pb.heads = heads;
	uint8_t *out = msg_pack(&pb.base, n);

	free(heads);
	return out;
}

int msg_heads_decode(struct msg_heads *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Heads *pb = (void *)msg_unpack(&lanyard__heads__descriptor, a, p, n);

	if (!pb || pb->n_heads > MSG_MAX_HEADS || !lengths_ok(pb->heads, pb->n_heads, MSG_MAX_HEAD))
		return -1;
	*m = (struct msg_heads){ .channel = pb->channel, .nheads = pb->n_heads };
	m->heads = msg_bytes_list(a, pb->heads, pb->n_heads);
	return m->heads ? 0 : -1;
}

/* --- VAULT --- */

uint8_t *msg_vault_encode(const struct msg_vault *m, size_t *n)
{
	Lanyard__ObjectWant *each = mem_calloc(m->nwants + 1, sizeof(*each)), **list;
	Lanyard__Vault pb;
	union {
		const uint32_t *in;
		uint32_t *out;
	} u = { .in = m->requests };

	list = mem_calloc(m->nwants + 1, sizeof(*list));
	lanyard__vault__init(&pb);
	pb.channel = m->channel;
	pb.what = m->what;
	pb.epoch = m->epoch;
	pb.seq = m->seq;
	pb.have_epoch = m->have_epoch;
	pb.have_seq = m->have_seq;
	pb.settled = m->settled;
	pb.role_known = m->role_known;
	pb.full = m->full;
	pb.used = m->used;
	pb.quota = m->quota;
	pb.row = m->row;
	pb.n_wants = m->nwants;
	pb.wants = list;
	for (size_t i = 0; i < m->nwants; i++) {
		lanyard__object_want__init(&each[i]);
		each[i].request = m->wants[i].request;
		each[i].kind = m->wants[i].kind;
		each[i].generation = m->wants[i].generation;
		each[i].name = msg_binary(m->wants[i].name, sizeof(m->wants[i].name));
		list[i] = &each[i];
	}
	pb.n_requests = m->nrequests;
	pb.requests = u.out;
	uint8_t *out = msg_pack(&pb.base, n);

	free(list);
	free(each);
	return out;
}

static int wants_read(struct msg_vault *m, struct msg_arena *a, const Lanyard__Vault *pb)
{
	struct msg_object_want *wants;

	if (pb->n_wants == 0 || pb->n_wants > MSG_MAX_OBJECTS || pb->row > INT64_MAX)
		return -1;
	wants = msg_arena_alloc(a, pb->n_wants * sizeof(*wants));
	if (!wants)
		return -1;
	for (size_t i = 0; i < pb->n_wants; i++) {
		const Lanyard__ObjectWant *w = pb->wants[i];

		if (w->kind == 0 || w->kind > UINT8_MAX || w->name.len != sizeof(wants[i].name))
			return -1;
		wants[i] = (struct msg_object_want){ .request = w->request,
			                             .kind = (uint8_t)w->kind,
			                             .generation = w->generation };
		memcpy(wants[i].name, w->name.data, sizeof(wants[i].name));
	}
	m->row = pb->row;
	m->wants = wants;
	m->nwants = pb->n_wants;
	return 0;
}

static int vault_numbers_read(struct msg_vault *m, const Lanyard__Vault *pb)
{
	if (pb->seq > INT64_MAX || pb->have_seq > INT64_MAX || pb->settled > pb->have_seq || pb->epoch == 0)
		return -1;
	m->epoch = pb->epoch;
	m->have_epoch = pb->have_epoch;
	m->have_seq = pb->have_seq;
	m->settled = pb->settled;
	return 0;
}

static int space_read(struct msg_vault *m, const Lanyard__Vault *pb)
{
	if (pb->used > INT64_MAX || pb->quota > INT64_MAX)
		return -1;
	m->full = pb->full;
	m->used = pb->used;
	m->quota = pb->quota;
	return 0;
}

/* Only what belongs to this kind of message is read. */
int msg_vault_decode(struct msg_vault *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Vault *pb = (void *)msg_unpack(&lanyard__vault__descriptor, a, p, n);

	if (!pb || pb->what == 0 || pb->what >= MSG_VAULT_WHATS)
		return -1;
	*m = (struct msg_vault){ .channel = pb->channel, .what = (enum msg_vault_what)pb->what };
	switch (m->what) {
	case MSG_VAULT_HELLO:
		m->seq = pb->seq;
		m->role_known = pb->role_known;
		return vault_numbers_read(m, pb) || space_read(m, pb) ? -1 : 0;
	case MSG_VAULT_ACK:
		return vault_numbers_read(m, pb);
	case MSG_VAULT_WANT:
	case MSG_VAULT_BAD:
		return wants_read(m, a, pb);
	case MSG_VAULT_CANCEL:
		m->requests = pb->requests;
		m->nrequests = pb->n_requests;
		return pb->n_requests > 0 && pb->n_requests <= MSG_MAX_OBJECTS ? 0 : -1;
	case MSG_VAULT_STATE:
		return space_read(m, pb);
	case MSG_VAULT_WHATS:
		break;
	}
	return -1;
}

/* --- frames that are not protobuf --- */

void msg_object_head(uint8_t out[MSG_OBJECT_HEAD], const struct msg_object *m)
{
	put_u32(out, m->channel);
	put_u32(out + 4, m->request);
	out[8] = m->status;
}

int msg_object_decode(struct msg_object *m, const uint8_t *p, size_t n)
{
	if (n < MSG_OBJECT_HEAD)
		return -1;
	*m = (struct msg_object){ .channel = get_u32(p),
		                  .request = get_u32(p + 4),
		                  .status = p[8],
		                  .bytes = { .p = p + MSG_OBJECT_HEAD, .n = n - MSG_OBJECT_HEAD } };
	return m->status < MSG_OBJECT_STATUSES && (m->bytes.n > 0) == (m->status == MSG_OBJECT_HERE) ? 0 : -1;
}

bool msg_sealed_type(uint8_t type)
{
	switch (type) {
	case FRAME_INDEX_HELLO:
	case FRAME_NEWS:
	case FRAME_NEWS_ACK:
	case FRAME_RELAY:
	case FRAME_RANGES:
	case FRAME_SAME:
	case FRAME_LIST_GET:
	case FRAME_LIST:
	case FRAME_GET:
	case FRAME_ANY:
	case FRAME_BLOCK:
	case FRAME_CANCEL:
	case FRAME_MAP:
	case FRAME_HAVE:
	case FRAME_COMING:
	case FRAME_HOLD_ASK:
	case FRAME_HOLD_ANSWER:
		return true;
	default:
		return false;
	}
}

void msg_sealed_head(uint8_t out[MSG_SEALED_HEAD], const struct msg_sealed *m)
{
	put_u32(out, m->channel);
	put_u64(out + 4, m->generation);
	put_u64(out + 12, m->counter);
	out[20] = m->type;
	out[21] = m->flags;
}

/* How much of the frame inside, of which n bytes are here with the tag, is not encrypted; -1: it is too short. */
static int clear_of(const struct msg_sealed *m, const uint8_t *p, size_t n)
{
	struct msg_block block;

	if (m->type == FRAME_BLOCK) {
		/* Its length is that of what is sealed, so that this says what the bytes say when they are open. */
		if (n < MSG_SEALED_TAG || msg_block_decode(&block, p, n - MSG_SEALED_TAG))
			return -1;
		return (int)(n - MSG_SEALED_TAG - block.data.n);
	}
	return (m->flags & FRAME_FLAG_ZSTD) != 0 ? CODEC_PREFIX : 0;
}

int msg_sealed_decode(struct msg_sealed *m, const uint8_t *p, size_t n)
{
	int clear;

	if (n < MSG_SEALED_HEAD + MSG_SEALED_TAG)
		return -1;
	*m = (struct msg_sealed){ .channel = get_u32(p),
		                  .generation = get_u64(p + 4),
		                  .counter = get_u64(p + 12),
		                  .type = p[20],
		                  .flags = p[21] };
	if (!msg_sealed_type(m->type) || (m->flags & ~FRAME_FLAG_ZSTD) != 0 ||
	    n - MSG_SEALED_HEAD - MSG_SEALED_TAG > frame_max(m->type))
		return -1;
	if ((m->type == FRAME_BLOCK) != ((m->counter & MSG_SEALED_BULK) != 0) ||
	    (m->type == FRAME_BLOCK && m->flags != 0))
		return -1;
	clear = clear_of(m, p + MSG_SEALED_HEAD, n - MSG_SEALED_HEAD);
	if (clear < 0 || MSG_SEALED_HEAD + MSG_SEALED_TAG + (size_t)clear > n)
		return -1;
	m->clear = (uint8_t)clear;
	m->front = MSG_SEALED_HEAD + m->clear;
	m->sealed = (struct msg_bytes){ .p = p + m->front, .n = n - m->front - MSG_SEALED_TAG };
	return 0;
}

uint32_t msg_sealed_unpacks_to(const uint8_t *p, size_t n)
{
	struct msg_sealed m;

	if (msg_sealed_decode(&m, p, n) || m.flags == 0 || get_u32(p + MSG_SEALED_HEAD) > frame_max(m.type))
		return 0;
	return get_u32(p + MSG_SEALED_HEAD);
}
