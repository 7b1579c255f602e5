/* See head_sum.h. Rows are kept apart by the first byte of their path IDs, so that those of one byte are few enough to
 * be sorted at once, and follow those of the bytes before. */
#include "sync/seal/head_sum.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sha256.h"

enum { BUCKETS = UINT8_MAX + 1 };

struct sum_bucket {
	struct head_row *rows; /* owned */
	size_t n, cap;
};

struct head_sum {
	unsigned pass, passes;
	unsigned sorted; /* buckets before this one are in the sum */
	struct sum_bucket buckets[BUCKETS];
	struct sha256_stream sum;
};

struct head_sum *head_sum_new(uint64_t rows, uint64_t most)
{
	struct head_sum *s = MEM_NEW(struct head_sum);
	uint64_t passes = 1 + rows / most;

	s->passes = passes < BUCKETS ? (unsigned)passes : BUCKETS;
	sha256_begin(&s->sum);
	return s;
}

void head_sum_free(struct head_sum *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		free(s->buckets[i].rows);
	sha256_free(&s->sum);
	free(s);
}

static unsigned sum_pass_of(const struct head_sum *s, unsigned bucket)
{
	return bucket * s->passes / BUCKETS;
}

void head_sum_add(struct head_sum *s, const struct head_row *row)
{
	struct sum_bucket *b = &s->buckets[row->path_id[0]];

	if (sum_pass_of(s, row->path_id[0]) != s->pass)
		return;
	if (b->n == b->cap) {
		b->cap = b->cap > 0 ? 2 * b->cap : 8;
		b->rows = mem_realloc(b->rows, b->cap, sizeof(b->rows[0]));
	}
	b->rows[b->n++] = *row;
}

static bool sum_is_left(const struct head_sum *s)
{
	return s->sorted < BUCKETS && sum_pass_of(s, s->sorted) == s->pass;
}

bool head_sum_sort(struct head_sum *s, size_t n)
{
	for (size_t done = 0; sum_is_left(s) && done < n; s->sorted++) {
		struct sum_bucket *b = &s->buckets[s->sorted];

		head_rows_sort(b->rows, b->n);
		sha256_update(&s->sum, b->rows, b->n * sizeof(b->rows[0]));
		done += b->n;
		free(b->rows);
		*b = (struct sum_bucket){ 0 };
	}
	return sum_is_left(s);
}

bool head_sum_goes_on(struct head_sum *s)
{
	s->pass++;
	return s->pass < s->passes;
}

void head_sum_root(struct head_sum *s, uint8_t root[32])
{
	sha256_end(&s->sum, root);
}
