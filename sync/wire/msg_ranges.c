/* RANGES and SAME: what two members that meet for the first time both have. See msg.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_like.h"

uint8_t *msg_ranges_encode(const struct msg_ranges *m, size_t *n)
{
	uint32_t *steps = mem_calloc(m->nagain + 1, sizeof(*steps));
	Lanyard__Ranges pb;

	lanyard__ranges__init(&pb);
	pb.channel = m->channel;
	pb.what = (uint32_t)m->what;
	pb.rows = m->rows;
	pb.digests = msg_binary(m->digests.p, m->digests.n);
	for (size_t i = 0; i < m->nagain; i++)
		steps[i] = m->again[i] - (i > 0 ? m->again[i - 1] : 0);
	pb.n_again = m->nagain;
	pb.again = steps;
	pb.all = m->all;
	uint8_t *out = msg_pack(&pb.base, n);

	free(steps);
	return out;
}

int msg_ranges_decode(struct msg_ranges *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Ranges *pb = (void *)msg_unpack(&lanyard__ranges__descriptor, a, p, n);
	uint64_t place = 0;

	if (!pb || pb->what >= MSG_RANGES_WHATS || pb->digests.len > MSG_MAX_DIGESTS || pb->n_again > MSG_MAX_AGAIN)
		return -1;
	for (size_t i = 0; i < pb->n_again; i++) {
		place += pb->again[i];
		if (place > UINT32_MAX || (i > 0 && pb->again[i] == 0))
			return -1;
		pb->again[i] = (uint32_t)place;
	}
	*m = (struct msg_ranges){ .channel = pb->channel,
		                  .what = (enum msg_ranges_what)pb->what,
		                  .rows = pb->rows,
		                  .digests = { .p = pb->digests.data, .n = pb->digests.len },
		                  .again = pb->again,
		                  .nagain = pb->n_again,
		                  .all = pb->all };
	return 0;
}

static uint64_t *same_fill(Lanyard__Record *pb, const struct record *r, uint64_t *vectors)
{
	lanyard__record__init(pb);
	pb->modified_by = r->modified_by;
	pb->chunk_log2 = r->chunk_log2;
	pb->seq = r->seq;
	return msg_versions_fill(pb, r, vectors);
}

uint8_t *msg_same_encode(const struct msg_same *m, size_t *n)
{
	Lanyard__Record *each = mem_calloc(m->n + 1, sizeof(*each)), **list = mem_calloc(m->n + 1, sizeof(*list));
	uint64_t *vectors, *next;
	Lanyard__Same pb;
	size_t entries = 0;

	for (size_t i = 0; i < m->n; i++)
		entries += m->records[i].version.n + m->records[i].base.n + m->records[i].mode_base.n;
	next = vectors = mem_calloc(2 * entries + 1, sizeof(*vectors));
	for (size_t i = 0; i < m->n; i++) {
		next = same_fill(&each[i], &m->records[i], next);
		list[i] = &each[i];
	}
	for (size_t i = m->n; i-- > 1;)
		msg_like_shorten(&each[i], &each[i - 1]);
	lanyard__same__init(&pb);
	pb.channel = m->channel;
	pb.n_records = m->n;
	pb.records = list;
	pb.ended = m->ended;
	uint8_t *out = msg_pack(&pb.base, n);

	free(vectors);
	free(list);
	free(each);
	return out;
}

static int same_read(struct record *r, struct msg_arena *a, const Lanyard__Record *pb)
{
	memset(r, 0, sizeof(*r));
	if (pb->seq > INT64_MAX || pb->chunk_log2 > 63 || msg_versions_read(r, a, pb))
		return -1;
	r->seq = pb->seq;
	r->modified_by = pb->modified_by;
	r->chunk_log2 = (uint8_t)pb->chunk_log2;
	return (r->version.n == 0) == (r->seq == 0) ? 0 : -1;
}

int msg_same_decode(struct msg_same *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Same *pb = (void *)msg_unpack(&lanyard__same__descriptor, a, p, n);
	struct record *records;

	if (!pb || pb->n_records > MSG_MAX_RECORDS)
		return -1;
	records = msg_arena_alloc(a, pb->n_records * sizeof(*records) + 1);
	if (!records)
		return -1;
	for (size_t i = 0; i < pb->n_records; i++) {
		if (msg_like_complete(pb->records[i], a, i > 0 ? pb->records[i - 1] : NULL) ||
		    same_read(&records[i], a, pb->records[i]))
			return -1;
	}
	*m = (struct msg_same){ .channel = pb->channel, .records = records, .n = pb->n_records, .ended = pb->ended };
	return 0;
}
