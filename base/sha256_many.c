/* Digests of several inputs, two at a time where sha256_two() works: see sha256.h. */
#include <string.h>

#include "base/bytes.h"
#include "base/sha256.h"
#include "base/sha256_two.h"

/* One of the two inputs under way: first its whole blocks, then the rest of it with the padding. */
struct lane {
	uint32_t h[8];
	struct sha256_input *input; /* NULL: none */
	const uint8_t *p;
	size_t blocks; /* at p, not taken yet */
	bool in_tail;
	uint8_t tail[2 * SHA256_BLOCK];
};

static void lane_begin(struct lane *l, struct sha256_input *input)
{
	static const uint32_t start[8] = SHA256_START;

	memcpy(l->h, start, sizeof(start));
	l->input = input;
	l->p = input->p;
	l->blocks = input->n / SHA256_BLOCK;
	l->in_tail = false;
}

/* FIPS 180-4, 5.1.1: a one bit, zeros, and the length in bits at the end of a block. */
static void lane_begin_tail(struct lane *l)
{
	size_t left = l->input->n % SHA256_BLOCK;

	l->blocks = left + 1 + 8 > SHA256_BLOCK ? 2 : 1;
	memset(l->tail, 0, sizeof(l->tail));
	if (left > 0)
		memcpy(l->tail, l->p, left);
	l->tail[left] = 0x80;
	put_u64(l->tail + l->blocks * SHA256_BLOCK - 8, (uint64_t)l->input->n * 8);
	l->p = l->tail;
	l->in_tail = true;
}

static void lane_end(struct lane *l)
{
	for (int i = 0; i < 8; i++)
		put_u32(l->input->digest + 4 * i, l->h[i]);
	l->input = NULL;
}

/* Advances the lane to the next blocks, in the next input if need be. A lane with no input left takes part no more. */
static void lane_ready(struct lane *l, struct sha256_input **next, size_t *n)
{
	for (;;) {
		if (l->input == NULL && *n > 0) {
			lane_begin(l, (*next)++);
			--*n;
		}
		if (l->input == NULL || l->blocks > 0)
			return;
		if (l->in_tail)
			lane_end(l);
		else
			lane_begin_tail(l);
	}
}

static void lane_advance(struct lane *l, size_t blocks)
{
	l->p += blocks * SHA256_BLOCK;
	l->blocks -= blocks;
}

static void two_at_a_time(struct sha256_input *next, size_t n)
{
	struct lane a = { 0 }, b = { 0 };
	struct lane *last;
	uint32_t scrap[8] = { 0 };

	for (;;) {
		size_t blocks;

		lane_ready(&a, &next, &n);
		lane_ready(&b, &next, &n);
		if (a.input == NULL || b.input == NULL)
			break;
		blocks = a.blocks < b.blocks ? a.blocks : b.blocks;
		sha256_two(a.h, a.p, b.h, b.p, blocks);
		lane_advance(&a, blocks);
		lane_advance(&b, blocks);
	}
	/* The last input is alone: the other half of the unit does the same work for nothing. */
	last = a.input != NULL ? &a : &b;
	while (last->input != NULL) {
		sha256_two(last->h, last->p, scrap, last->p, last->blocks);
		lane_advance(last, last->blocks);
		lane_ready(last, &next, &n);
	}
}

void sha256_many(struct sha256_input *inputs, size_t n)
{
	if (n > 1 && sha256_two_works()) {
		two_at_a_time(inputs, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		sha256(inputs[i].digest, inputs[i].p, inputs[i].n);
}
