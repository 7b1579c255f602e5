/* Any question about a block's leaves: refused, or answered within bounds; and any old bytes, with the digests and the
 * leaves of any block, make that block. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "sync/plan/leaf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a peer may ask: 2 bytes for each run after 8 of the offset, 3 of the length and 1 of what. */
static void ask(const uint8_t *p, size_t n)
{
	struct block_want w = { .offset = (int64_t)(get_u64(p) >> 16), .what = p[11] };
	uint8_t *bytes;

	w.skew = (uint16_t)(p[6] << 8 | p[5]);
	w.len = 1 + (get_u32(p + 7) & 0xfffff);
	w.nruns = (uint8_t)((n - 12) / 4 < 20 ? (n - 12) / 4 : 20);
	for (size_t i = 0; i < w.nruns && i < WANT_RUNS_MAX; i++) {
		uint32_t run = get_u32(p + 12 + 4 * i);

		w.runs[i] = (struct leaf_run){ .first = (uint16_t)(run >> 16), .n = (uint16_t)run };
	}
	if (!leaf_want_valid(&w))
		return;
	bytes = calloc(w.len + LEAF_SLACK, 1);
	if (leaf_answer(&w, bytes) != leaf_answer_len(&w) || leaf_answer_len(&w) > w.len + LEAF_SLACK)
		abort();
	free(bytes);
}

/* The first half is what is here, the second the block; its digests are right, or (lie) what the bytes make of them. */
static void patch(const uint8_t *p, size_t n, int64_t offset, uint8_t lie)
{
	uint32_t len = (uint32_t)(n / 2);
	struct block_want w = { .len = len, .offset = offset, .skew = lie, .what = WANT_DIGESTS };
	uint8_t *made = malloc(len), *block = malloc(len + LEAF_SLACK);

	memcpy(made, p, len);
	memcpy(block, p + len, len);
	(void)leaf_answer(&w, block);
	block[0] ^= lie;
	leaf_compare(&w, made, block);
	if (w.nruns > 0 && !leaf_want_valid(&w))
		abort();
	memcpy(block, p + len, len);
	if (w.nruns > 0) {
		(void)leaf_answer(&w, block);
		leaf_apply(&w, made, block);
	}
	if (lie == 0 && memcmp(made, p + len, len) != 0)
		abort();
	free(made);
	free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 16)
		return 0;
	if (data[0] & 1)
		ask(data + 1, size - 1);
	else
		patch(data + 4, size - 4, data[1] * 256 + data[2], data[3]);
	return 0;
}
