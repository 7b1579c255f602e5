/* The root of very many rows (head_root()), by steps that are each short, and in bounded memory: if there are more rows
 * than may be in memory at a time, all of them are given several times over, and each pass takes those whose path IDs
 * are in its range. One thread at a time. */
#ifndef LANYARD_SYNC_SEAL_HEAD_SUM_H
#define LANYARD_SYNC_SEAL_HEAD_SUM_H

#include "sync/seal/head.h"

enum {
	HEAD_SUM_ROWS = 1 << 18, /* of one pass, for head_sum_new(): 16 MiB */
	HEAD_SUM_SORT = 1 << 13, /* for head_sum_sort(): a few ms */
};

struct head_sum;

/* For about this number of rows, of which each pass takes about most. */
struct head_sum *head_sum_new(uint64_t rows, uint64_t most);
/* NULL is allowed. */
void head_sum_free(struct head_sum *s);
/* One of the rows, in any order; each comes once in each pass. */
void head_sum_add(struct head_sum *s, const struct head_row *row);
/* After all rows of a pass: sorts about n of those that it has taken. True: some are left. */
bool head_sum_sort(struct head_sum *s, size_t n);
/* After that. True: another pass has begun, and all rows are to be given again. */
bool head_sum_goes_on(struct head_sum *s);
/* After the last pass, once. */
void head_sum_root(struct head_sum *s, uint8_t root[32]);

#endif
