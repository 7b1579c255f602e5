/* Filter and hash: see chunk.h.
 *
 * A block may end behind any byte from its minimum on. Of the last eight bytes a sum of four products is made, which
 * vectors compute for many bytes at once; it lets one end in 512 pass. A hash of the last 32 bytes decides those: it
 * has to be small, which is rare below the average size and likely above it. */
#include "sync/hash/chunk.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "sync/hash/chunk_find.h"

uint8_t chunk_log2(int64_t size, uint8_t previous)
{
	int log2 = size > 0 ? 63 - __builtin_clzll((uint64_t)size) - 12 : 0;

	if (log2 < CHUNK_MIN_LOG2)
		log2 = CHUNK_MIN_LOG2;
	if (log2 > CHUNK_MAX_LOG2)
		log2 = CHUNK_MAX_LOG2;
	if (previous >= CHUNK_MIN_LOG2 && previous <= CHUNK_MAX_LOG2 && previous + 1 >= log2 && previous <= log2 + 1)
		return previous;
	return (uint8_t)log2;
}

size_t chunk_max(uint8_t avg_log2)
{
	return (size_t)4 << avg_log2;
}

/* --- searching --- */

chunk_find *chunk_find_best(void)
{
#if defined(__x86_64__)
	if (cpu_may_use(CPU_AVX2))
		return chunk_find_avx2;
	if (cpu_may_use(CPU_SSE2))
		return chunk_find_sse2;
#elif defined(__aarch64__)
	if (cpu_may_use(CPU_NEON))
		return chunk_find_neon;
#endif
	return chunk_find_scalar;
}

/* The first end e of p with from < e <= to. Those whose window began in an earlier piece are found in a copy of its
 * last bytes and of p's first. */
static size_t find_end(const struct chunk_stream *s, const uint8_t *p, size_t from, size_t to, unsigned shift)
{
	enum { TAIL = CHUNK_WINDOW - 1 };
	uint8_t seam[2 * TAIL];
	size_t end = 0, head = to < TAIL ? to : TAIL;

	if (from < head) {
		memcpy(seam, s->tail, TAIL);
		memcpy(seam + TAIL, p, head);
		end = chunk_find_best()(seam, TAIL + head, TAIL + from, shift);
		if (end > 0)
			return end - TAIL;
		from = head;
	}
	return from < to ? chunk_find_best()(p, to, from, shift) : 0;
}

static void keep_tail(struct chunk_stream *s, const uint8_t *p, size_t n)
{
	size_t keep = n < sizeof(s->tail) ? sizeof(s->tail) - n : 0;

	memmove(s->tail, s->tail + sizeof(s->tail) - keep, keep);
	memcpy(s->tail + keep, p + n - (sizeof(s->tail) - keep), sizeof(s->tail) - keep);
}

static size_t at_most(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* An end behind as many as `limit` bytes of the block, but more than `least`, and in the n bytes of p. */
static size_t find_between(const struct chunk_stream *s, const uint8_t *p, size_t n, size_t least, size_t limit,
                           unsigned shift)
{
	size_t from = s->len < least ? least - s->len : 0;
	size_t to = s->len < limit ? at_most(n, limit - s->len) : 0;

	return from < to ? find_end(s, p, from, to, shift) : 0;
}

/* Below the average, a quarter as many ends as the average asks for; above it eight times as many. One in 2^9 passes
 * the filter. */
size_t chunk_feed(struct chunk_stream *s, const uint8_t *p, size_t n, bool *cut)
{
	size_t avg = (size_t)1 << s->avg_log2;
	size_t max = chunk_max(s->avg_log2);
	size_t end = find_between(s, p, n, avg / 2 - 1, avg, 64 + 9 - 2 - s->avg_log2);

	if (end == 0)
		end = find_between(s, p, n, avg, max, 64 + 9 + 3 - s->avg_log2);
	if (end == 0 && max - s->len <= n)
		end = max - s->len;
	*cut = end > 0;
	if (*cut) {
		s->len = 0;
		return end;
	}
	keep_tail(s, p, n);
	s->len += (uint32_t)n;
	return n;
}

/* --- for those who cut by any rule --- */

static size_t plain_max(const struct chunk_rule *rule, uint8_t avg_log2)
{
	(void)rule;
	return chunk_max(avg_log2);
}

static void *plain_start(const struct chunk_rule *rule, uint8_t avg_log2)
{
	struct chunk_stream *s = MEM_NEW(struct chunk_stream);

	(void)rule;
	s->avg_log2 = avg_log2;
	return s;
}

static size_t plain_feed(void *state, const uint8_t *p, size_t n, bool *cut)
{
	return chunk_feed(state, p, n, cut);
}

static void plain_restart(void *state)
{
	struct chunk_stream *s = state;

	s->len = 0;
}

/* A guess that is one block early comes right for three segments of five in random bytes; more would cost more than
 * the repairs it saves. */
const struct chunk_rule chunk_plain = {
	.guess = 1,
	.segment = 16,
	.max = plain_max,
	.start = plain_start,
	.stop = free,
	.feed = plain_feed,
	.restart = plain_restart,
};
