/* Whether two members compare, as their hellos say, and what there is of it in a talk. Nothing here ends a talk. See
 * ranges_internal.h. */
#include <stdlib.h>

#include "sync/peer/peers_internal.h"

/* Whether this side would compare with anybody: what it has is its own, and all of it is told. */
static bool may_compare(const struct talk *t)
{
	struct peer_group *g = t->group;
	int64_t stamp = 0;

	if (g->config.hooks->same == NULL || index_is_reader(g->config.index) ||
	    !rights_has(talk_own_role(g), RIGHT_WRITE) || index_choices(g->config.index)->mode == CHOOSE_ON_DEMAND)
		return false;
	(void)index_meta_get(g->config.index, INDEX_META_STAMP, &stamp);
	return stamp == 0;
}

void ranges_hello(struct talk *t, struct msg_index_hello *m)
{
	m->ranges = may_compare(t) && index_totals(t->group->config.index).files > 0;
	t->told.asked = m->ranges;
	t->told.have_epoch = m->have_epoch;
	t->told.have_seq = m->have_seq;
}

bool ranges_are_due(const struct talk *t, const struct msg_index_hello *theirs)
{
	bool they_know = theirs->have_epoch == index_epoch(t->group->config.index) && theirs->have_seq > 0;
	bool we_know = t->told.have_epoch == theirs->epoch && t->told.have_seq > 0;

	return t->told.asked && theirs->ranges && !they_know && !we_know;
}

int ranges_rows(const struct talk *t, int usually)
{
	uint32_t most = t->session->peers->config.ranges_rows;

	return most > 0 && most < (uint32_t)usually ? (int)most : usually;
}

void ranges_send(struct talk *t, struct msg_ranges *m)
{
	size_t n;

	m->channel = (uint32_t)t->my_channel;
	uint8_t *body = msg_ranges_encode(m, &n);

	talk_send(t, FRAME_RANGES, body, n);
}

void ranges_go_on(struct ranges *r)
{
	if (!loop_timer_running(r->timer))
		loop_timer_start(r->timer, 0, 0);
}

void ranges_room(struct talk *t)
{
	if (t->range && t->range->state > RANGE_SORTING)
		ranges_go_on(t->range);
}

void ranges_free(struct talk *t)
{
	struct ranges *r = t->range;

	if (!r)
		return;
	t->range = NULL;
	loop_timer_free(r->timer);
	index_cursor_free(r->cursor);
	if (r->set)
		range_clear(r->set);
	free(r->set);
	free(r->open);
	free(r->next);
	free(r);
}

void ranges_stop(struct talk *t)
{
	ranges_free(t);
	free(t->told.seqs);
	t->told = (struct ranges_told){ 0 };
}

/* Numbers are told in their order, so above the last of them they are not needed any more. Should the index fail and
 * rows be read again, they are told once more, which does no harm. */
bool ranges_was_told(struct ranges_told *told, uint64_t seq)
{
	if (told->n == 0)
		return false;
	if (seq > told->seqs[told->n - 1]) {
		free(told->seqs);
		told->seqs = NULL;
		told->n = told->at = 0;
		return false;
	}
	if (told->at > 0 && told->seqs[told->at - 1] >= seq)
		told->at = 0;
	while (told->seqs[told->at] < seq)
		told->at++;
	return told->seqs[told->at] == seq;
}
