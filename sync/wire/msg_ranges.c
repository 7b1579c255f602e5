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
	uint64_t *base = msg_version_fill(vectors, &r->version), *mode = msg_version_fill(base, &r->base);
	uint64_t *end = msg_version_fill(mode, &r->mode_base);

	lanyard__record__init(pb);
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
	pb->chunk_log2 = r->chunk_log2;
	pb->seq = r->seq;
	return end;
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

static bool is_older(const struct version *v, const struct version *than)
{
	return v->n == 0 || version_compare(v, than) == VERSION_OLDER;
}

static int same_read(struct record *r, struct msg_arena *a, const Lanyard__Record *pb)
{
	memset(r, 0, sizeof(*r));
	if (pb->seq > INT64_MAX || pb->chunk_log2 > 63 ||
	    msg_version_read(&r->version, a, pb->writers, pb->n_writers, pb->counters, pb->n_counters) ||
	    msg_version_read(&r->base, a, pb->base_writers, pb->n_base_writers, pb->base_counters,
	                     pb->n_base_counters) ||
	    msg_version_read(&r->mode_base, a, pb->mode_writers, pb->n_mode_writers, pb->mode_counters,
	                     pb->n_mode_counters))
		return -1;
	r->seq = pb->seq;
	r->modified_by = pb->modified_by;
	r->chunk_log2 = (uint8_t)pb->chunk_log2;
	if ((r->version.n == 0) != (r->seq == 0) || (r->mode_base.n > 0 && r->base.n == 0))
		return -1;
	return is_older(&r->base, &r->version) && is_older(&r->mode_base, &r->version) ? 0 : -1;
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
