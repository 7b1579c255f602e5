/* Proves what the sizes of sealed blocks tell a vault: in a uniform group, their number; in one that packs, of content
 * that does not pack, nothing by which one of several known files could be told. The vault here knows every byte of the
 * files, the order of their blocks and the whole rule; only the key it does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/seal/cut.h"
#include "sync/seal/object.h"
#include "sync/seal/pad.h"
#include "tests/unit/noise.h"

enum { FILES = 8, TRIALS = 32, FILE_LEN = 2 << 20, LOG2 = 16, AVG = 1 << LOG2, LEAST = AVG / 8 * 7, BLOCKS = 128 };

static struct keys *random_keys(enum keys_policy policy)
{
	const struct group_id group = { "a group" };
	const struct keys_about about = { .id = 1, .suite = KEYS_SUITE, .policy = (uint8_t)policy };

	return keys_random(&group, &about);
}

/* The padded sizes of a file's blocks, in their order. */
static size_t sizes_of(const struct keys *k, const uint8_t *p, size_t n, size_t sizes[BLOCKS])
{
	struct cut *c = cut_new(k);
	size_t count = 0;

	cut_begin(c, LOG2);
	for (size_t at = 0; at < n;) {
		bool end;
		size_t len = cut_feed(c, p + at, n - at, &end);

		assert_true(count < BLOCKS);
		sizes[count++] = pad_content((enum keys_policy)keys_about(k)->policy, len, LOG2);
		at += len;
	}
	cut_free(c);
	return count;
}

/* --- a known file, as an attacker sees it --- */

struct known {
	uint8_t *p;
	size_t *candidates, n; /* ends at which a block may end */
};

static void known_read(struct known *f, uint64_t seed)
{
	f->p = noise(FILE_LEN, seed);
	f->candidates = mem_calloc(FILE_LEN / 8, sizeof(size_t));
	f->n = 0;
	for (size_t end = 8; end <= FILE_LEN; end++) {
		uint64_t w = 0;

		for (size_t i = 0; i < 8; i++)
			w |= (uint64_t)f->p[end - 8 + i] << 8 * i;
		if (w * UINT64_C(0xf88bb8a8724c81ed) < UINT64_C(1) << 60)
			f->candidates[f->n++] = end;
	}
}

static size_t first_at_or_above(const struct known *f, size_t end)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (f->candidates[middle] < end)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Where blocks may have ended, and with which probability. */
struct states {
	size_t n;
	size_t end[FILE_LEN / 8];
	double p[FILE_LEN / 8], weight[FILE_LEN / 8];
};

/* The least size that is padded to this one. */
static size_t least_of(size_t padded)
{
	size_t n = padded - 1;

	while (pad_size(n) == padded)
		n--;
	return n + 1 > LEAST ? n + 1 : LEAST;
}

/* The probability that a candidate is a cut, and that it is not. */
static const double cuts = 1.0 / (1 << (LOG2 - 7)), keeps = 1 - 1.0 / (1 << (LOG2 - 7));

/* An end's probability, over that of passing all candidates before the first that its block may end at. */
static void weigh(const struct known *f, struct states *s, size_t base)
{
	size_t first = base;
	double passed = 1;

	for (size_t i = 0; i < s->n; i++) {
		for (; first < f->n && f->candidates[first] < s->end[i] + LEAST; first++)
			passed *= keeps;
		s->weight[i] = s->p[i] / passed;
	}
}

/* From the ends of one block to those of the next, which has this padded size. Returns the size's probability. */
static double step(const struct known *f, size_t padded, struct states *a, struct states *b)
{
	size_t least = least_of(padded), from = 0, to = 0, base = first_at_or_above(f, a->end[0] + LEAST);
	double window = 0, sum = 0, passed = 1;

	weigh(f, a, base);
	b->n = 0;
	for (size_t i = base; i < f->n && from < a->n; i++, passed *= keeps) {
		size_t end = f->candidates[i];

		for (; to < a->n && a->end[to] + least <= end; to++)
			window += a->weight[to];
		for (; from < to && a->end[from] + padded < end; from++)
			window -= a->weight[from];
		if (from == to)
			continue;
		b->end[b->n] = end;
		b->p[b->n] = cuts * passed * window;
		sum += b->p[b->n++];
	}
	for (size_t i = 0; i < b->n; i++)
		b->p[i] /= sum;
	return sum;
}

/* How likely these sizes are if they are this file's, over all keys. */
static double log_likelihood(const struct known *f, const size_t *sizes, size_t n)
{
	static struct states s[2];
	double log_p = 0;

	s[0].n = 1;
	s[0].end[0] = 0;
	s[0].p[0] = 1;
	for (size_t i = 0; i + 1 < n; i++) {
		double p = step(f, sizes[i], &s[i % 2], &s[(i + 1) % 2]);

		if (p <= 0 || s[(i + 1) % 2].n == 0)
			return -INFINITY;
		log_p += log(p);
	}
	return log_p;
}

/* --- what is proved --- */

static struct known files[FILES];

static int files_begin(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++)
		known_read(&files[i], i + 1);
	return 0;
}

static int files_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++) {
		free(files[i].p);
		free(files[i].candidates);
	}
	return 0;
}

static void test_the_likeliest_file_is_a_guess(void **state)
{
	size_t right = 0;

	(void)state;
	for (size_t trial = 0; trial < TRIALS; trial++) {
		struct keys *k = random_keys(KEYS_PACKED);
		size_t sizes[BLOCKS], n = sizes_of(k, files[trial % FILES].p, FILE_LEN, sizes), best = 0;
		double best_p = -INFINITY;

		for (size_t i = 0; i < FILES; i++) {
			double p = log_likelihood(&files[i], sizes, n);

			if (p > best_p) {
				best = i;
				best_p = p;
			}
		}
		right += best == trial % FILES;
		keys_free(k);
	}
	print_message("the likeliest of %d files was the right one %zu times of %d\n", FILES, right, TRIALS);
	/* By chance 4, give or take 1.9. */
	assert_in_range(right, 0, 13);
}

/* What the same sizes tell somebody who can cut: everything. Or the test above would prove nothing. */
static void test_with_the_key_every_file_is_told(void **state)
{
	struct keys *k = random_keys(KEYS_PACKED);

	(void)state;
	for (size_t i = 0; i < FILES; i++) {
		for (size_t j = 0; j < FILES; j++) {
			size_t a[BLOCKS], b[BLOCKS], na = sizes_of(k, files[i].p, FILE_LEN, a),
						     nb = sizes_of(k, files[j].p, FILE_LEN, b);

			assert_int_equal(na == nb && memcmp(a, b, na * sizeof(a[0])) == 0, i == j);
		}
	}
	keys_free(k);
}

static void test_uniform_blocks_tell_their_number_only(void **state)
{
	struct keys *k = random_keys(KEYS_UNIFORM);
	uint8_t *text = mem_calloc(FILE_LEN, 1);
	size_t all = 0;

	(void)state;
	for (size_t i = 0; i < FILE_LEN; i++)
		text[i] = (uint8_t) "a line of text\n"[i % 15 ^ (files[0].p[i] & 1)];
	for (size_t i = 0; i < FILES + 1; i++) {
		const uint8_t *p = i < FILES ? files[i].p : text;
		struct cut *c = cut_new(k);
		bool end;

		cut_begin(c, LOG2);
		for (size_t at = 0, n; at < FILE_LEN; at += n) {
			struct object_input in = { .kind = OBJECT_BLOCK, .content = p + at, .avg_log2 = LOG2 };
			size_t sealed_n;

			n = cut_feed(c, p + at, FILE_LEN - at, &end);
			in.n = n;
			free(object_seal(k, &in, &sealed_n));
			assert_true(all == 0 || sealed_n == all);
			all = sealed_n;
		}
		cut_free(c);
	}
	assert_int_equal(all, 46 + 12 + 9 + AVG / 4 * 5 + 16);
	free(text);
	keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_likeliest_file_is_a_guess),
		cmocka_unit_test(test_with_the_key_every_file_is_told),
		cmocka_unit_test(test_uniform_blocks_tell_their_number_only),
	};

	return cmocka_run_group_tests_name("seal_sizes", tests, files_begin, files_end);
}
