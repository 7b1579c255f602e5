/* Digests of several inputs at once, in the lanes of the kernels: see sha256.h.
 *
 * How many lanes are busy decides the speed. So the inputs take turns of a few blocks, those with the most left first:
 * twenty inputs keep sixteen lanes busy until all of them end at about the same time, whatever their lengths, and only
 * one that is much longer than the others ends alone. The fewer are left, the narrower the kernel that takes them. */
#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "base/sha256.h"
#include "base/sha256_many.h"
#include "base/sha256_speed.h"

enum {
	AT_ONCE = 64,   /* inputs that share the lanes */
	TURN_MIN = 16,  /* blocks an input advances while others wait: a turn costs about one block */
	TURN_MAX = 256, /* of as many inputs as there are lanes: fits the second-level cache */
};

struct many_input {
	uint32_t h[8];
	struct sha256_input *input;
	const uint8_t *p;
	size_t blocks; /* at p, not taken yet */
	size_t left;   /* these, and those of the tail if it has not begun */
	bool in_tail;
	uint8_t tail[2 * SHA256_BLOCK]; /* the rest of the input with its padding */
};

static size_t tail_blocks(size_t n)
{
	return n % SHA256_BLOCK + 1 + 8 > SHA256_BLOCK ? 2 : 1;
}

/* FIPS 180-4, 5.1.1: a one bit, zeros, and the length in bits at the end of a block. */
static void many_begin_tail(struct many_input *s)
{
	size_t rest = s->input->n % SHA256_BLOCK;
	uint64_t bits = htobe64((uint64_t)s->input->n * 8);

	s->blocks = tail_blocks(s->input->n);
	memset(s->tail, 0, sizeof(s->tail));
	if (rest > 0)
		memcpy(s->tail, s->p, rest);
	s->tail[rest] = 0x80;
	memcpy(s->tail + s->blocks * SHA256_BLOCK - sizeof(bits), &bits, sizeof(bits));
	s->p = s->tail;
	s->in_tail = true;
}

static void many_begin(struct many_input *s, struct sha256_input *input)
{
	static const uint32_t start[8] = SHA256_START;

	memcpy(s->h, start, sizeof(start));
	s->input = input;
	s->p = input->p;
	s->blocks = input->n / SHA256_BLOCK;
	s->left = s->blocks + tail_blocks(input->n);
	s->in_tail = false;
	if (s->blocks == 0)
		many_begin_tail(s);
}

/* False: that was its end, and the digest is there. */
static bool many_advance(struct many_input *s, size_t blocks)
{
	s->p += blocks * SHA256_BLOCK;
	s->blocks -= blocks;
	s->left -= blocks;
	if (s->blocks > 0)
		return true;
	if (!s->in_tail) {
		many_begin_tail(s);
		return true;
	}
	for (int i = 0; i < 8; i++)
		s->h[i] = htobe32(s->h[i]);
	memcpy(s->input->digest, s->h, SHA256_SIZE);
	return false;
}

/* By what is left, the most first. Only the streams of the last turn are out of place. */
static void sort_streams(struct many_input **s, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct many_input *one = s[i];
		size_t at = i;

		for (; at > 0 && s[at - 1]->left < one->left; at--)
			s[at] = s[at - 1];
		s[at] = one;
	}
}

/* One turn of the kernel on the first of n streams, sorted. Lanes without a stream do the first one's work for
 * nothing. */
static void take_turn(const struct sha256_kernel *k, struct many_input **s, size_t n)
{
	uint32_t scrap[SHA256_LANES_MAX][8];
	uint32_t *h[SHA256_LANES_MAX];
	const uint8_t *p[SHA256_LANES_MAX];
	size_t busy = n < k->lanes ? n : k->lanes;
	size_t blocks = SIZE_MAX;

	if (n > busy)
		blocks = s[0]->left / 4 < TURN_MIN ? TURN_MIN : s[0]->left / 4 > TURN_MAX ? TURN_MAX : s[0]->left / 4;
	for (size_t i = 0; i < busy; i++) {
		h[i] = s[i]->h;
		p[i] = s[i]->p;
		blocks = s[i]->blocks < blocks ? s[i]->blocks : blocks;
	}
	for (size_t i = busy; i < k->lanes; i++) {
		memset(scrap[i], 0, sizeof(scrap[i]));
		h[i] = scrap[i];
		p[i] = p[0];
	}
	k->run(h, p, blocks);
	for (size_t i = 0; i < busy; i++) {
		if (!many_advance(s[i], blocks))
			s[i] = NULL;
	}
}

static void hash_group(const struct sha256_choice *c, struct sha256_input *inputs, size_t n)
{
	struct many_input streams[AT_ONCE];
	struct many_input *left[AT_ONCE];

	for (size_t i = 0; i < n; i++) {
		many_begin(&streams[i], &inputs[i]);
		left[i] = &streams[i];
	}
	while (n > 0) {
		size_t kept = 0;

		sort_streams(left, n);
		take_turn(c->kernel[n < SHA256_LANES_MAX ? n : SHA256_LANES_MAX], left, n);
		for (size_t i = 0; i < n; i++) {
			if (left[i] != NULL)
				left[kept++] = left[i];
		}
		n = kept;
	}
}

void sha256_many_by(const struct sha256_choice *c, struct sha256_input *inputs, size_t n)
{
	for (size_t at = 0; at < n; at += AT_ONCE)
		hash_group(c, inputs + at, n - at < AT_ONCE ? n - at : AT_ONCE);
}

void sha256_many(struct sha256_input *inputs, size_t n)
{
	const struct sha256_choice *c;
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++)
		bytes += inputs[i].n;
	c = sha256_speed_choice(n, bytes);
	if (c != NULL) {
		sha256_many_by(c, inputs, n);
		return;
	}
	for (size_t i = 0; i < n; i++)
		sha256(inputs[i].digest, inputs[i].p, inputs[i].n);
}
