/* See leaf.h. */
#include "sync/plan/leaf.h"

#include <string.h>

#include "base/bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint32_t leaf_count_at(int64_t offset, uint32_t len)
{
	return ((uint32_t)(offset % LEAF_SIZE) + len - 1) / LEAF_SIZE + 1;
}

uint32_t leaf_begin_at(int64_t offset, uint32_t len, uint32_t i)
{
	uint32_t at = i * LEAF_SIZE, before = (uint32_t)(offset % LEAF_SIZE);

	return at <= before ? 0 : at - before < len ? at - before : len;
}

uint32_t leaf_count(const struct block_want *w)
{
	return leaf_count_at(w->offset + w->skew, w->len);
}

static uint32_t leaf_begin(const struct block_want *w, uint32_t i)
{
	return leaf_begin_at(w->offset + w->skew, w->len, i);
}

uint32_t leaf_run_begin(const struct block_want *w, size_t i, uint32_t *n)
{
	uint32_t begin = leaf_begin(w, w->runs[i].first);

	*n = leaf_begin(w, (uint32_t)w->runs[i].first + w->runs[i].n) - begin;
	return begin;
}

bool leaf_want_valid(const struct block_want *w)
{
	uint32_t next = 0;

	if (w->skew >= LEAF_SIZE)
		return false;
	if (w->what != WANT_LEAVES)
		return w->what <= WANT_LEAVES && w->nruns == 0;
	if (w->nruns == 0 || w->nruns > WANT_RUNS_MAX)
		return false;
	for (size_t i = 0; i < w->nruns; i++) {
		const struct leaf_run *r = &w->runs[i];

		if (r->n == 0 || r->first < next)
			return false;
		next = (uint32_t)r->first + r->n + 1;
	}
	return next <= leaf_count(w) + 1;
}

uint32_t leaf_answer_len(const struct block_want *w)
{
	uint32_t sum = 0, n;

	if (w->what == WANT_BLOCK)
		return w->len;
	if (w->what == WANT_DIGESTS)
		return leaf_count(w) * LEAF_DIGEST;
	for (size_t i = 0; i < w->nruns; i++) {
		(void)leaf_run_begin(w, i, &n);
		sum += n;
	}
	return sum;
}

static void make_digests(const struct block_want *w, const uint8_t *bytes, uint8_t *out)
{
	uint32_t n = leaf_count(w);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t begin = leaf_begin(w, i);

		put_u64(out + (size_t)i * LEAF_DIGEST, XXH3_64bits(bytes + begin, leaf_begin(w, i + 1) - begin));
	}
}

uint32_t leaf_answer(const struct block_want *w, uint8_t *bytes)
{
	uint8_t digests[LEAF_MAX * LEAF_DIGEST];
	uint32_t at = 0;

	if (w->what == WANT_DIGESTS) {
		make_digests(w, bytes, digests);
		at = leaf_answer_len(w);
		memcpy(bytes, digests, at);
		return at;
	}
	if (w->what == WANT_BLOCK)
		return w->len;
	for (size_t i = 0; i < w->nruns; i++) {
		uint32_t n, begin = leaf_run_begin(w, i, &n);

		memmove(bytes + at, bytes + begin, n);
		at += n;
	}
	return at;
}

/* Joins runs that have `gap` leaves or fewer between them. Returns how many are left; of those, as many as there is
 * space for are in w. */
static size_t join_runs(struct block_want *w, const bool *differs, uint32_t n, uint32_t gap)
{
	size_t runs = 0;
	uint32_t end = 0; /* of the last run */

	for (uint32_t i = 0; i < n; i++) {
		if (!differs[i])
			continue;
		if (runs == 0 || i - end > gap) {
			if (runs < WANT_RUNS_MAX)
				w->runs[runs] = (struct leaf_run){ .first = (uint16_t)i };
			runs++;
		}
		end = i + 1;
		if (runs <= WANT_RUNS_MAX)
			w->runs[runs - 1].n = (uint16_t)(end - w->runs[runs - 1].first);
	}
	return runs;
}

void leaf_compare(struct block_want *w, const uint8_t *old, const uint8_t *digests)
{
	uint8_t ours[LEAF_MAX * LEAF_DIGEST];
	uint32_t n = leaf_count(w);
	bool differs[LEAF_MAX];
	uint32_t gap = 0;
	size_t runs;

	make_digests(w, old, ours);
	for (uint32_t i = 0; i < n; i++)
		differs[i] = memcmp(ours + i * LEAF_DIGEST, digests + i * LEAF_DIGEST, LEAF_DIGEST) != 0;
	while ((runs = join_runs(w, differs, n, gap)) > WANT_RUNS_MAX)
		gap++;
	w->what = WANT_LEAVES;
	w->nruns = (uint8_t)runs;
}

void leaf_apply(const struct block_want *w, uint8_t *old, const uint8_t *leaves)
{
	for (size_t i = 0; i < w->nruns; i++) {
		uint32_t n, begin = leaf_run_begin(w, i, &n);

		memcpy(old + begin, leaves, n);
		leaves += n;
	}
}
