/* The choice of the next block: see pick.h. */
#include "sync/get/pick.h"

#include <stdbool.h>

enum { LOOK_AHEAD = 4096 }; /* blocks searched before the largest gap is */

static bool is_needed(const struct pick *p, uint32_t block)
{
	return p->state[block] == p->needed && (p->have == NULL || (p->have[block / 8] >> (block % 8) & 1) != 0);
}

/* Another source's run goes on here. */
static bool is_others(const struct pick *p, uint32_t block)
{
	for (size_t i = 0; i < p->nothers; i++) {
		if (p->others[i] == block)
			return true;
	}
	return false;
}

/* The start of the largest gap; its middle when another source is filling it from its start. */
static uint32_t largest_gap(const struct pick *p)
{
	uint32_t best = PICK_NONE, best_n = 0, start = 0;

	for (uint32_t i = 0; i <= p->n; i++) {
		if (i < p->n && is_needed(p, i))
			continue;
		if (i - start > best_n) {
			best_n = i - start;
			best = start;
		}
		start = i + 1;
	}
	return best != PICK_NONE && is_others(p, best) ? best + best_n / 2 : best;
}

uint32_t pick_next(const struct pick *p)
{
	for (uint32_t i = p->cursor, ahead = 0; i < p->n && ahead < LOOK_AHEAD; i++, ahead++) {
		if (!is_needed(p, i))
			continue;
		if (i == p->cursor || !is_others(p, i))
			return i;
		break;
	}
	return largest_gap(p);
}
