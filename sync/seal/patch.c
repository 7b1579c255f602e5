/* See patch.h. */
#include "sync/seal/patch.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

size_t patch_digests(const uint8_t key[PATCH_KEY], int64_t offset, const uint8_t *block, uint32_t len, uint8_t *out)
{
	uint32_t n = leaf_count_at(offset, len);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t begin = leaf_begin_at(offset, len, i);

		aead_siphash(out + (size_t)i * LEAF_DIGEST, key, block + begin,
		             leaf_begin_at(offset, len, i + 1) - begin);
	}
	return (size_t)n * LEAF_DIGEST;
}

/* --- making --- */

struct run {
	uint32_t begin, end;
};

/* Whether the base has just these bytes of the file as one leaf, with this digest. */
static bool known_has(const struct patch_known *k, int64_t begin, int64_t end, const uint8_t *digest)
{
	int64_t leaf = begin / LEAF_SIZE - k->offset / LEAF_SIZE;

	return leaf >= 0 && leaf < leaf_count_at(k->offset, k->len) &&
	       k->offset + leaf_begin_at(k->offset, k->len, (uint32_t)leaf) == begin &&
	       k->offset + leaf_begin_at(k->offset, k->len, (uint32_t)leaf + 1) == end &&
	       memcmp(digest, k->digests + (size_t)leaf * LEAF_DIGEST, LEAF_DIGEST) == 0;
}

static bool any_has(const struct patch_known *known, size_t n, bool *used, int64_t begin, int64_t end,
                    const uint8_t *digest)
{
	for (size_t i = 0; i < n; i++) {
		if (!known_has(&known[i], begin, end, digest))
			continue;
		used[i] = true;
		return true;
	}
	return false;
}

/* Runs of leaves that no base has so, and which bases have the others. Returns how many bytes the runs are. */
static uint32_t find_runs(struct run *runs, size_t *nruns, const struct patch_known *known, size_t n, bool *used,
                          int64_t offset, uint32_t len, const uint8_t *digests)
{
	uint32_t bytes = 0;

	*nruns = 0;
	for (uint32_t i = 0; i < leaf_count_at(offset, len); i++) {
		uint32_t begin = leaf_begin_at(offset, len, i), end = leaf_begin_at(offset, len, i + 1);

		if (any_has(known, n, used, offset + begin, offset + end, digests + (size_t)i * LEAF_DIGEST))
			continue;
		if (*nruns > 0 && runs[*nruns - 1].end == begin)
			runs[*nruns - 1].end = end;
		else
			runs[(*nruns)++] = (struct run){ begin, end };
		bytes += end - begin;
	}
	return bytes;
}

static bool known_fits(const struct patch_known *known, size_t n, int64_t offset, uint32_t len)
{
	int64_t end = 0;

	for (size_t i = 0; i < n; i++) {
		const struct patch_known *k = &known[i];

		if (k->len == 0 || k->len > BLOCK_MAX || k->offset < end || k->offset >= offset + len ||
		    k->offset + k->len <= offset || k->n != (size_t)leaf_count_at(k->offset, k->len) * LEAF_DIGEST)
			return false;
		end = k->offset + k->len;
	}
	return n > 0 && n <= OBJECT_BASES_MAX;
}

/* What a patch is made of. */
struct plan {
	struct run runs[LEAF_MAX];
	size_t nruns, nused, size;
	bool used[OBJECT_BASES_MAX];
};

/* False: there is to be none. */
static bool plan_make(struct plan *plan, const struct patch_known *known, size_t n, int64_t offset, uint32_t len,
                      const uint8_t *digests)
{
	uint32_t bytes;

	memset(plan->used, 0, sizeof(plan->used));
	plan->nused = 0;
	if (!known_fits(known, n, offset, len))
		return false;
	bytes = find_runs(plan->runs, &plan->nruns, known, n, plan->used, offset, len, digests);
	for (size_t i = 0; i < n; i++)
		plan->nused += plan->used[i];
	plan->size = PATCH_HEAD + plan->nused * PATCH_BASE + plan->nruns * PATCH_RUN + bytes;
	return plan->nused > 0 && plan->size <= len / PATCH_WORTH;
}

bool patch_is_worth(const struct patch_known *known, size_t n, int64_t offset, uint32_t len, const uint8_t *digests)
{
	struct plan plan;

	return plan_make(&plan, known, n, offset, len, digests);
}

static void put_bases(uint8_t *at, const struct patch_known *known, size_t n, const bool *used, int64_t offset)
{
	for (size_t i = 0; i < n; i++) {
		if (!used[i])
			continue;
		put_u64(at, known[i].generation);
		memcpy(at + 8, known[i].sha, SHA256_SIZE);
		put_u32(at + 40, known[i].len);
		put_u32(at + 44, (uint32_t)(int32_t)(known[i].offset - offset));
		at += PATCH_BASE;
	}
}

uint8_t *patch_make(const struct patch_known *known, size_t n, int64_t offset, const uint8_t *block, uint32_t len,
                    const uint8_t *digests, size_t *size)
{
	struct plan plan;
	uint8_t *content, *run, *at;

	if (!plan_make(&plan, known, n, offset, len, digests))
		return NULL;
	*size = plan.size;
	content = mem_calloc(plan.size, 1);
	put_u32(content, (uint32_t)plan.nused);
	put_u32(content + 4, len);
	put_u32(content + 8, (uint32_t)plan.nruns);
	put_bases(content + PATCH_HEAD, known, n, plan.used, offset);
	run = content + PATCH_HEAD + plan.nused * PATCH_BASE;
	at = run + plan.nruns * PATCH_RUN;
	for (size_t i = 0; i < plan.nruns; i++, run += PATCH_RUN) {
		uint32_t of = plan.runs[i].end - plan.runs[i].begin;

		put_u32(run, plan.runs[i].begin);
		put_u32(run + 4, of);
		memcpy(at, block + plan.runs[i].begin, of);
		at += of;
	}
	return content;
}

/* --- reading --- */

static struct run run_get(const struct patch *p, uint32_t i)
{
	uint32_t begin = get_u32(p->runs + (size_t)i * PATCH_RUN);

	return (struct run){ begin, begin + get_u32(p->runs + (size_t)i * PATCH_RUN + 4) };
}

/* They ascend, do not overlap, and have something of the block. */
static bool read_bases(struct patch *p, const uint8_t *at)
{
	int64_t end = INT64_MIN;

	for (uint32_t i = 0; i < p->nbases; i++, at += PATCH_BASE) {
		struct patch_base *b = &p->bases[i];

		b->generation = get_u64(at);
		memcpy(b->sha, at + 8, sizeof(b->sha));
		b->len = get_u32(at + 40);
		b->begin = (int32_t)get_u32(at + 44);
		if (b->len == 0 || b->len > BLOCK_MAX || b->begin < end || b->begin >= (int64_t)p->len ||
		    (int64_t)b->begin + b->len <= 0)
			return false;
		end = (int64_t)b->begin + b->len;
	}
	return true;
}

/* They ascend, do not touch, are in the block, and have `bytes` bytes. */
static bool read_runs(const struct patch *p, size_t bytes)
{
	uint64_t end = 0, sum = 0;

	for (uint32_t i = 0; i < p->nruns; i++) {
		uint32_t begin = get_u32(p->runs + (size_t)i * PATCH_RUN);
		uint32_t of = get_u32(p->runs + (size_t)i * PATCH_RUN + 4);

		if (of == 0 || (i > 0 && begin <= end) || (uint64_t)begin + of > p->len)
			return false;
		end = (uint64_t)begin + of;
		sum += of;
	}
	return sum == bytes;
}

/* Where what a base has from `at` on ends; `at`: no base has that. */
static uint32_t base_reaches(const struct patch *p, uint32_t at)
{
	for (uint32_t i = 0; i < p->nbases; i++) {
		int64_t begin = p->bases[i].begin, end = begin + p->bases[i].len;

		if (begin <= at && end > at)
			return end < p->len ? (uint32_t)end : p->len;
	}
	return at;
}

static bool covers(const struct patch *p)
{
	uint32_t at = 0, run = 0;

	while (at < p->len) {
		uint32_t reached = base_reaches(p, at);

		while (run < p->nruns && run_get(p, run).end <= at)
			run++;
		if (reached == at && run < p->nruns && run_get(p, run).begin <= at)
			reached = run_get(p, run).end;
		if (reached == at)
			return false;
		at = reached;
	}
	return true;
}

bool patch_read(struct patch *p, const uint8_t *content, size_t n)
{
	size_t before;

	if (n < PATCH_HEAD)
		return false;
	p->nbases = get_u32(content);
	p->len = get_u32(content + 4);
	p->nruns = get_u32(content + 8);
	if (p->nbases == 0 || p->nbases > OBJECT_BASES_MAX || p->len == 0 || p->len > BLOCK_MAX ||
	    p->nruns > PATCH_RUNS_MAX)
		return false;
	before = PATCH_HEAD + p->nbases * PATCH_BASE + (size_t)p->nruns * PATCH_RUN;
	if (n < before)
		return false;
	p->runs = content + PATCH_HEAD + p->nbases * PATCH_BASE;
	p->bytes = content + before;
	return read_bases(p, content + PATCH_HEAD) && read_runs(p, n - before) && covers(p);
}

void patch_put_base(const struct patch *p, uint32_t i, const uint8_t *base, uint8_t *out)
{
	int64_t begin = p->bases[i].begin, end = begin + p->bases[i].len;
	uint32_t from = begin > 0 ? (uint32_t)begin : 0, to = end < p->len ? (uint32_t)end : p->len;

	memcpy(out + from, base + (from - begin), to - from);
}

void patch_put_runs(const struct patch *p, uint8_t *out)
{
	const uint8_t *at = p->bytes;

	for (uint32_t i = 0; i < p->nruns; i++) {
		struct run r = run_get(p, i);

		memcpy(out + r.begin, at, r.end - r.begin);
		at += r.end - r.begin;
	}
}
