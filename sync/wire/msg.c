/* See msg.h. Encoding: build the generated struct on the stack, pack it. Decoding: unpack into an arena whose size is
 * bounded, check every length and range, hand out structs that borrow from the arena. */
#include "sync/wire/msg.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

/* --- the arena --- */

struct msg_chunk {
	struct msg_chunk *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

enum { CHUNK_SIZE = 64 << 10 };

void *msg_arena_alloc(void *arena, size_t n)
{
	struct msg_arena *a = arena;
	struct msg_chunk *c = a->chunks;

	n = (n + 15) & ~(size_t)15;
	if (n > MSG_ARENA_MAX || a->used + n > MSG_ARENA_MAX)
		return NULL;
	if (!c || c->size - c->used < n) {
		size_t size = n > CHUNK_SIZE / 4 ? n : CHUNK_SIZE;
		struct msg_chunk *fresh = malloc(sizeof(*fresh) + size);

		if (!fresh)
			return NULL;
		fresh->used = 0;
		fresh->size = size;
		/* A big piece gets its own chunk, behind the current one, whose rest stays in use. */
		if (c && size != CHUNK_SIZE) {
			fresh->next = c->next;
			c->next = fresh;
		} else {
			fresh->next = c;
			a->chunks = fresh;
		}
		c = fresh;
	}
	void *p = c->bytes + c->used;
	c->used += n;
	a->used += n;
	return p;
}

static void arena_free(void *arena, void *p)
{
	(void)arena;
	(void)p; /* all at once, in msg_free */
}

void msg_free(struct msg_arena *a)
{
	while (a->chunks) {
		struct msg_chunk *next = a->chunks->next;

		free(a->chunks);
		a->chunks = next;
	}
	a->used = 0;
}

ProtobufCMessage *msg_unpack(const ProtobufCMessageDescriptor *d, struct msg_arena *a, const uint8_t *p, size_t n)
{
	ProtobufCAllocator allocator = { .alloc = msg_arena_alloc, .free = arena_free, .allocator_data = a };

	return protobuf_c_message_unpack(d, &allocator, n, p);
}

uint8_t *msg_pack(const ProtobufCMessage *m, size_t *n)
{
	*n = protobuf_c_message_get_packed_size(m);
	uint8_t *p = mem_calloc(1, *n + 1);

	protobuf_c_message_pack(m, p);
	return p;
}

/* --- pieces --- */

ProtobufCBinaryData msg_binary(const void *p, size_t n)
{
	union {
		const void *in;
		uint8_t *out;
	} u = { .in = p }; /* the generated structs know no const */

	return (ProtobufCBinaryData){ .data = u.out, .len = n };
}

static char *msg_text(const char *s)
{
	union {
		const char *in;
		char *out;
	} u = { .in = s ? s : "" };

	return u.out;
}

static bool text_ok(const char *s)
{
	return strlen(s) <= MSG_MAX_TEXT;
}

struct msg_bytes msg_bytes_of(ProtobufCBinaryData b)
{
	return (struct msg_bytes){ .p = b.data, .n = b.len };
}

const struct msg_bytes *msg_bytes_list(struct msg_arena *a, const ProtobufCBinaryData *b, size_t n)
{
	struct msg_bytes *out = msg_arena_alloc(a, n * sizeof(*out) + 1);

	for (size_t i = 0; out && i < n; i++)
		out[i] = msg_bytes_of(b[i]);
	return out;
}

ProtobufCBinaryData *msg_binary_list(const struct msg_bytes *b, size_t n)
{
	ProtobufCBinaryData *out = mem_calloc(n + 1, sizeof(*out));

	for (size_t i = 0; i < n; i++)
		out[i] = msg_binary(b[i].p, b[i].n);
	return out;
}

/* The content fields that several messages have; -1 if no file can have such a content. */
int msg_content_read(struct content *c, uint64_t size, uint32_t nblocks, ProtobufCBinaryData root)
{
	memset(c, 0, sizeof(*c));
	if (size > (uint64_t)CONTENT_MAX_BLOCKS * BLOCK_MAX || nblocks > CONTENT_MAX_BLOCKS)
		return -1;
	if ((nblocks == 0) != (size == 0) || size < nblocks || size > (uint64_t)nblocks * BLOCK_MAX)
		return -1;
	if (root.len != (nblocks ? sizeof(c->root) : 0))
		return -1;
	c->size = (int64_t)size;
	c->nblocks = nblocks;
	if (nblocks)
		memcpy(c->root, root.data, sizeof(c->root));
	return 0;
}

ProtobufCBinaryData msg_content_root(const struct content *c)
{
	return c->nblocks ? msg_binary(c->root, sizeof(c->root)) : msg_binary(NULL, 0);
}

/* --- connection --- */

uint8_t *msg_hello_encode(const struct msg_hello *m, size_t *n)
{
	Lanyard__Hello pb;
	ProtobufCBinaryData tags[MSG_MAX_TAGS];

	lanyard__hello__init(&pb);
	for (size_t i = 0; i < m->ntags; i++)
		tags[i] = msg_binary(m->tags[i], MSG_TAG_LEN);
	pb.version = m->version;
	pb.software = msg_text(m->software);
	pb.name = msg_text(m->name);
	pb.listen_port = m->listen_port;
	pb.run_id = m->run_id;
	pb.moved = m->moved;
	pb.asks = m->asks;
	pb.sealed = m->sealed;
	pb.n_tags = m->ntags;
	pb.tags = tags;
	return msg_pack(&pb.base, n);
}

int msg_hello_decode(struct msg_hello *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Hello *pb = (void *)msg_unpack(&lanyard__hello__descriptor, a, p, n);

	if (!pb || !text_ok(pb->software) || !text_ok(pb->name) || pb->listen_port > 65535 || pb->n_tags > MSG_MAX_TAGS)
		return -1;
	uint8_t(*tags)[MSG_TAG_LEN] = msg_arena_alloc(a, pb->n_tags * MSG_TAG_LEN + 1);

	if (!tags)
		return -1;
	for (size_t i = 0; i < pb->n_tags; i++) {
		if (pb->tags[i].len != MSG_TAG_LEN)
			return -1;
		memcpy(tags[i], pb->tags[i].data, MSG_TAG_LEN);
	}
	*m = (struct msg_hello){ .version = pb->version,
		                 .software = pb->software,
		                 .name = pb->name,
		                 .listen_port = pb->listen_port,
		                 .run_id = pb->run_id,
		                 .moved = pb->moved,
		                 .asks = pb->asks,
		                 .sealed = pb->sealed,
		                 .ntags = pb->n_tags };
	m->tags = (const uint8_t(*)[MSG_TAG_LEN])tags;
	return 0;
}

static void run_proof_fill(Lanyard__RunProof *pb, const struct msg_run_proof *m)
{
	lanyard__run_proof__init(pb);
	pb->run_id = m->run_id;
	pb->other = m->other;
	pb->moved = m->moved;
	pb->signature = msg_binary(m->signature.p, m->signature.n);
}

static int run_proof_take(struct msg_run_proof *m, const Lanyard__RunProof *pb)
{
	if (pb->signature.len != 0 && pb->signature.len != MSG_SIGNATURE_LEN)
		return -1;
	*m = (struct msg_run_proof){ .run_id = pb->run_id,
		                     .other = pb->other,
		                     .moved = pb->moved,
		                     .signature = msg_bytes_of(pb->signature) };
	return 0;
}

uint8_t *msg_run_proof_encode(const struct msg_run_proof *m, size_t *n)
{
	Lanyard__RunProof pb;

	run_proof_fill(&pb, m);
	return msg_pack(&pb.base, n);
}

int msg_run_proof_decode(struct msg_run_proof *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__RunProof *pb = (void *)msg_unpack(&lanyard__run_proof__descriptor, a, p, n);

	return pb ? run_proof_take(m, pb) : -1;
}

uint8_t *msg_bye_encode(const struct msg_bye *m, size_t *n)
{
	Lanyard__Bye pb;
	Lanyard__RunProof proof;

	lanyard__bye__init(&pb);
	pb.reason = msg_text(m->reason);
	pb.copied = m->copied;
	pb.enough = m->enough;
	pb.full = m->full;
	if (m->proof.run_id != 0) {
		run_proof_fill(&proof, &m->proof);
		pb.proof = &proof;
	}
	return msg_pack(&pb.base, n);
}

int msg_bye_decode(struct msg_bye *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Bye *pb = (void *)msg_unpack(&lanyard__bye__descriptor, a, p, n);

	if (!pb || !text_ok(pb->reason))
		return -1;
	*m = (struct msg_bye){ .reason = pb->reason, .copied = pb->copied, .enough = pb->enough, .full = pb->full };
	return pb->proof ? run_proof_take(&m->proof, pb->proof) : 0;
}

uint8_t *msg_ping_encode(uint64_t cookie, size_t *n)
{
	Lanyard__Ping pb;

	lanyard__ping__init(&pb);
	pb.cookie = cookie;
	return msg_pack(&pb.base, n);
}

int msg_ping_decode(uint64_t *cookie, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Ping *pb = (void *)msg_unpack(&lanyard__ping__descriptor, a, p, n);

	if (!pb)
		return -1;
	*cookie = pb->cookie;
	return 0;
}

/* --- groups --- */

uint8_t *msg_group_open_encode(const struct msg_group_open *m, size_t *n)
{
	Lanyard__GroupOpen pb;

	lanyard__group_open__init(&pb);
	pb.channel = m->channel;
	pb.your_channel = m->your_channel;
	pb.n_credential = m->ncredential;
	pb.credential = msg_binary_list(m->credential, m->ncredential);
	pb.join = msg_binary(m->join.p, m->join.n);
	pb.roster_digest = msg_binary(m->roster_digest.p, m->roster_digest.n);
	uint8_t *out = msg_pack(&pb.base, n);

	free(pb.credential);
	return out;
}

int msg_group_open_decode(struct msg_group_open *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__GroupOpen *pb = (void *)msg_unpack(&lanyard__group_open__descriptor, a, p, n);

	if (!pb || pb->n_credential > MSG_MAX_CREDENTIAL)
		return -1;
	if (pb->roster_digest.len != 0 && pb->roster_digest.len != 32)
		return -1;
	*m = (struct msg_group_open){ .channel = pb->channel,
		                      .your_channel = pb->your_channel,
		                      .ncredential = pb->n_credential,
		                      .join = msg_bytes_of(pb->join),
		                      .roster_digest = msg_bytes_of(pb->roster_digest) };
	m->credential = msg_bytes_list(a, pb->credential, pb->n_credential);
	return m->credential ? 0 : -1;
}

uint8_t *msg_group_close_encode(const struct msg_group_close *m, size_t *n)
{
	Lanyard__GroupClose pb;

	lanyard__group_close__init(&pb);
	pb.channel = m->channel;
	pb.reason = msg_text(m->reason);
	pb.closes = (uint32_t)(m->your_channel + 1);
	return msg_pack(&pb.base, n);
}

int msg_group_close_decode(struct msg_group_close *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__GroupClose *pb = (void *)msg_unpack(&lanyard__group_close__descriptor, a, p, n);

	if (!pb || !text_ok(pb->reason))
		return -1;
	*m = (struct msg_group_close){ .channel = pb->channel,
		                       .your_channel = (int64_t)pb->closes - 1,
		                       .reason = pb->reason };
	return 0;
}

uint8_t *msg_roster_encode(const struct msg_roster *m, size_t *n)
{
	Lanyard__Roster pb;

	lanyard__roster__init(&pb);
	pb.channel = m->channel;
	pb.n_entries = m->nentries;
	pb.entries = msg_binary_list(m->entries, m->nentries);
	uint8_t *out = msg_pack(&pb.base, n);

	free(pb.entries);
	return out;
}

int msg_roster_decode(struct msg_roster *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Roster *pb = (void *)msg_unpack(&lanyard__roster__descriptor, a, p, n);

	if (!pb)
		return -1;
	*m = (struct msg_roster){ .channel = pb->channel, .nentries = pb->n_entries };
	m->entries = msg_bytes_list(a, pb->entries, pb->n_entries);
	return m->entries ? 0 : -1;
}

uint8_t *msg_addresses_encode(const struct msg_addresses *m, size_t *n)
{
	Lanyard__Addresses pb;
	Lanyard__Address *each = mem_calloc(m->n + 1, sizeof(*each));
	Lanyard__Address **list = mem_calloc(m->n + 1, sizeof(*list));

	lanyard__addresses__init(&pb);
	for (size_t i = 0; i < m->n; i++) {
		lanyard__address__init(&each[i]);
		each[i].agent = msg_binary(m->addresses[i].agent, 32);
		each[i].host = msg_text(m->addresses[i].host);
		each[i].port = m->addresses[i].port;
		list[i] = &each[i];
	}
	pb.channel = m->channel;
	pb.n_addresses = m->n;
	pb.addresses = list;
	uint8_t *out = msg_pack(&pb.base, n);

	free(list);
	free(each);
	return out;
}

int msg_addresses_decode(struct msg_addresses *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Addresses *pb = (void *)msg_unpack(&lanyard__addresses__descriptor, a, p, n);

	if (!pb || pb->n_addresses > MSG_MAX_ADDRESSES)
		return -1;
	struct msg_address *out = msg_arena_alloc(a, pb->n_addresses * sizeof(*out) + 1);

	if (!out)
		return -1;
	for (size_t i = 0; i < pb->n_addresses; i++) {
		const Lanyard__Address *in = pb->addresses[i];

		if (in->agent.len != 32 || !text_ok(in->host) || in->port == 0 || in->port > 65535)
			return -1;
		memcpy(out[i].agent, in->agent.data, 32);
		out[i].host = in->host;
		out[i].port = in->port;
	}
	*m = (struct msg_addresses){ .channel = pb->channel, .addresses = out, .n = pb->n_addresses };
	return 0;
}
