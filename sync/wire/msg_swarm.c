/* The messages of the swarm, MAP, HAVE and ANY: see msg.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

static size_t varint_size(uint32_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

/* Writes the runs of a bitmap as pairs to out, unless they would take most bytes or more on the wire: then it returns
 * 0. out has room for `most` numbers. */
static size_t bits_to_runs(uint32_t *out, const uint8_t *bits, uint32_t nblocks, size_t most)
{
	size_t n = 0, bytes = 0;
	uint32_t last = 0, at = 0;

	while (at < nblocks) {
		uint32_t first;

		while (at < nblocks && !swarm_bit(bits, at))
			at++;
		first = at;
		while (at < nblocks && swarm_bit(bits, at))
			at++;
		if (at == first)
			break;
		bytes += varint_size(first - last) + varint_size(at - first);
		if (bytes >= most)
			return 0;
		out[n++] = first - last;
		out[n++] = at - first;
		last = at;
	}
	return n;
}

uint8_t *msg_map_encode(const struct msg_map *m, size_t *n)
{
	const struct swarm_map *map = &m->map;
	size_t size = swarm_bits_size(map->content.nblocks);
	uint32_t *runs = mem_calloc(size + 1, sizeof(*runs));
	Lanyard__Map pb;

	lanyard__map__init(&pb);
	pb.channel = m->channel;
	pb.map = map->number;
	pb.size = (uint64_t)map->content.size;
	pb.nblocks = map->content.nblocks;
	pb.root = msg_content_root(&map->content);
	pb.all = map->all;
	pb.tell = map->tell;
	pb.wireless = map->wireless;
	pb.gone = map->gone;
	if (map->bits && !map->all) {
		pb.runs = runs;
		pb.n_runs = bits_to_runs(runs, map->bits, map->content.nblocks, size);
		if (pb.n_runs == 0)
			pb.bits = msg_binary(map->bits, size);
	}
	uint8_t *out = msg_pack(&pb.base, n);

	free(runs);
	return out;
}

/* The pair i of a list of gaps and lengths, which begins at *end; -1 if it is empty, or ends beyond `most`. */
static int run_read(struct swarm_run *run, uint32_t *end, const uint32_t *pair, uint32_t most)
{
	if (pair[0] > most - *end || pair[1] == 0 || pair[1] > most - *end - pair[0])
		return -1;
	*run = (struct swarm_run){ .first = *end + pair[0], .n = pair[1] };
	*end = run->first + run->n;
	return 0;
}

/* A short message may have a long run. */
static void bits_fill(uint8_t *bits, uint32_t from, uint32_t to)
{
	for (; from < to && from % 8 != 0; from++)
		swarm_bit_set(bits, from);
	if (to - from >= 8)
		memset(bits + from / 8, 0xff, (to - from) / 8);
	for (from += (to - from) / 8 * 8; from < to; from++)
		swarm_bit_set(bits, from);
}

/* The bits, from either form, in the arena; NULL: the message is wrong. */
static uint8_t *map_bits(struct msg_arena *a, const Lanyard__Map *pb)
{
	size_t size = swarm_bits_size(pb->nblocks);
	uint8_t *bits;
	struct swarm_run run;
	uint32_t end = 0;

	if (pb->n_runs % 2 || (pb->bits.len != 0 && (pb->bits.len != size || pb->n_runs > 0)))
		return NULL;
	bits = msg_arena_alloc(a, size + 1);
	if (!bits)
		return NULL;
	memset(bits, 0, size);
	if (pb->bits.len > 0)
		memcpy(bits, pb->bits.data, size);
	/* A byte has the bits of 8 blocks: what is left over must be 0. */
	if (pb->nblocks % 8 != 0 && bits[size - 1] >> (pb->nblocks % 8) != 0)
		return NULL;
	for (size_t i = 0; i < pb->n_runs; i += 2) {
		if (run_read(&run, &end, &pb->runs[i], pb->nblocks))
			return NULL;
		bits_fill(bits, run.first, end);
	}
	return bits;
}

int msg_map_decode(struct msg_map *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Map *pb = (void *)msg_unpack(&lanyard__map__descriptor, a, p, n);

	memset(m, 0, sizeof(*m));
	if (!pb || msg_content_read(&m->map.content, pb->size, pb->nblocks, pb->root) || pb->nblocks == 0)
		return -1;
	m->channel = pb->channel;
	m->map.number = pb->map;
	m->map.all = pb->all;
	m->map.tell = pb->tell;
	m->map.wireless = pb->wireless;
	m->map.gone = pb->gone;
	if (pb->bits.len == 0 && pb->n_runs == 0)
		return 0;
	m->map.bits = map_bits(a, pb);
	return m->map.bits && !m->map.all ? 0 : -1;
}

uint8_t *msg_have_encode(const struct msg_have *m, size_t *n)
{
	uint32_t *runs = mem_calloc(2 * m->nruns + 1, sizeof(*runs));
	uint32_t end = 0;
	Lanyard__Have pb;

	lanyard__have__init(&pb);
	for (size_t i = 0; i < m->nruns; i++) {
		runs[2 * i] = m->runs[i].first - end;
		runs[2 * i + 1] = m->runs[i].n;
		end = m->runs[i].first + m->runs[i].n;
	}
	pb.channel = m->channel;
	pb.map = m->map;
	pb.n_runs = 2 * m->nruns;
	pb.runs = runs;
	uint8_t *out = msg_pack(&pb.base, n);

	free(runs);
	return out;
}

int msg_have_decode(struct msg_have *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Have *pb = (void *)msg_unpack(&lanyard__have__descriptor, a, p, n);
	uint32_t end = 0;

	memset(m, 0, sizeof(*m));
	if (!pb || pb->n_runs == 0 || pb->n_runs % 2 || pb->n_runs / 2 > MSG_MAX_RUNS)
		return -1;
	struct swarm_run *runs = msg_arena_alloc(a, pb->n_runs / 2 * sizeof(*runs));

	if (!runs)
		return -1;
	for (size_t i = 0; i < pb->n_runs / 2; i++) {
		if (run_read(&runs[i], &end, &pb->runs[2 * i], CONTENT_MAX_BLOCKS))
			return -1;
	}
	*m = (struct msg_have){ .channel = pb->channel, .map = pb->map, .runs = runs, .nruns = pb->n_runs / 2 };
	return 0;
}

uint8_t *msg_any_encode(const struct msg_any *m, size_t *n)
{
	Lanyard__Any pb;
	union {
		const uint32_t *in;
		uint32_t *out;
	} u = { .in = m->requests };

	lanyard__any__init(&pb);
	pb.channel = m->channel;
	pb.size = (uint64_t)m->content.size;
	pb.nblocks = m->content.nblocks;
	pb.root = msg_content_root(&m->content);
	pb.n_requests = m->n;
	pb.requests = u.out;
	return msg_pack(&pb.base, n);
}

int msg_any_decode(struct msg_any *m, struct msg_arena *a, const uint8_t *p, size_t n)
{
	Lanyard__Any *pb = (void *)msg_unpack(&lanyard__any__descriptor, a, p, n);

	memset(m, 0, sizeof(*m));
	if (!pb || pb->n_requests > MSG_MAX_ANY || msg_content_read(&m->content, pb->size, pb->nblocks, pb->root) ||
	    pb->nblocks == 0)
		return -1;
	m->channel = pb->channel;
	m->requests = pb->requests;
	m->n = pb->n_requests;
	return 0;
}
