/* How a comparison ends: with news, which leave out what both were told. See ranges_internal.h. */
#include <stdlib.h>

#include "base/mem.h"
#include "sync/peer/peers_internal.h"

static void news_begin(struct talk *t)
{
	t->ranges_due = false;
	ranges_free(t);
	news_out_kick(t);
}

/* Rows that counted as come from the peer before it knew ours are told, since nobody knows which these are. */
void ranges_none(struct talk *t)
{
	if (t->range && t->range->state == RANGE_TELLING)
		t->resend_upto = index_seq(t->group->config.index);
	news_begin(t);
}

void ranges_misfit(struct talk *t, const char *what)
{
	talk_misbehaved(t, "", what);
	ranges_give_up(t);
}

void ranges_give_up(struct talk *t)
{
	struct msg_ranges m = { .what = MSG_RANGES_NO };

	ranges_send(t, &m);
	ranges_none(t);
}

static int compare_seqs(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void ranges_over(struct talk *t)
{
	const struct ranges *r = t->range;
	const struct range_set *set = r->set;
	struct ranges_told *told = &t->told;

	told->seqs = mem_calloc((size_t)set->n + 1, sizeof(told->seqs[0]));
	for (uint32_t i = range_next_equal(set, 0); i < set->n; i = range_next_equal(set, i + 1))
		if (!(set->rows[i].marks & RANGE_UNTOLD))
			told->seqs[told->n++] = set->rows[i].seq;
	if (told->n > 0)
		qsort(told->seqs, told->n, sizeof(told->seqs[0]), compare_seqs);
	news_begin(t);
}
