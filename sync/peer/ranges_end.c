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

void ranges_over(struct talk *t)
{
	const struct ranges *r = t->range;
	const struct range_set *set = r->set;
	struct ranges_told *told = &t->told;

	told->seqs = mem_calloc((size_t)set->n + 1, sizeof(told->seqs[0]));
	for (uint32_t i = 0; i < set->n; i++) {
		const struct range_row *row = &set->rows[set->by_seq[i]];

		if ((row->marks & (RANGE_EQUAL | RANGE_UNTOLD)) == RANGE_EQUAL)
			told->seqs[told->n++] = row->seq;
	}
	told->upto = r->whole && told->n == set->n ? r->upto : 0;
	news_begin(t);
}
