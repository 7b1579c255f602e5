/* Which of our rows the peer has too. Both sides go down in step: each sends the digests of the same nodes, then those
 * of what is below the nodes that differ, and at the leaves those of rows. Neither can send of a step before it has all
 * of the step before. See ranges_internal.h. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/peer/peers_internal.h"

enum {
	FEW_OF = 64, /* where fewer than one leaf in that many is equal, little is the same */
	LEAF_HEAD = 4,
};

void ranges_compare_begin(struct ranges *r)
{
	r->state = RANGE_COMPARING;
	r->open = MEM_NEW(uint32_t); /* the root */
	r->nopen = 1;
	ranges_go_on(r);
	if (r->root_in) {
		const struct msg_ranges root = { .what = MSG_RANGES_NODES,
			                         .digests = { .p = r->root, .n = sizeof(r->root) } };

		ranges_compare_in(r, &root);
	}
}

/* What differs at this depth, one step further down. */
static void step_down(struct ranges *r)
{
	unsigned step = r->set->depth - r->depth;
	uint32_t each;

	if (step > RANGE_STEP)
		step = RANGE_STEP;
	each = UINT32_C(1) << step;
	free(r->open);
	r->open = mem_calloc(r->nnext * each + 1, sizeof(r->open[0]));
	r->nopen = r->out = r->in = 0;
	for (size_t i = 0; i < r->nnext; i++)
		for (uint32_t k = 0; k < each; k++)
			r->open[r->nopen++] = (r->next[i] << step) + k;
	free(r->next);
	r->next = NULL;
	r->nnext = 0;
	r->depth += step;
}

/* Hardly anything is the same: the rows are told as ever. */
static bool is_little(const struct ranges *r)
{
	uint32_t leaves = UINT32_C(1) << r->set->depth;

	return leaves >= FEW_OF && r->nnext > leaves - leaves / FEW_OF;
}

/* All of this step went both ways. May end r. */
static void step_end(struct ranges *r)
{
	if (r->out < r->nopen || r->in < r->nopen)
		return;
	if (r->state == RANGE_ITEMS || r->nnext == 0) {
		ranges_rows_begin(r);
		return;
	}
	if (r->depth < r->set->depth) {
		step_down(r);
	} else if (is_little(r)) {
		for (uint32_t i = 0; i < r->set->n; i++)
			r->set->rows[i].marks &= RANGE_PLAIN;
		ranges_rows_begin(r);
		return;
	} else {
		r->state = RANGE_ITEMS;
		step_down(r);
	}
	ranges_go_on(r);
}

/* --- ours --- */

static size_t put_nodes(struct ranges *r, uint8_t *out)
{
	size_t n = 0;

	for (; r->out < r->nopen && n < (size_t)RANGES_NODES * RANGE_DIGEST; n += RANGE_DIGEST)
		range_node(r->set, r->open[r->out++], r->depth, out + n);
	return n;
}

/* Whole leaves, as many as fit: none where one alone does not. */
static size_t put_leaves(struct ranges *r, uint8_t *out)
{
	size_t n = 0;

	while (r->out < r->nopen) {
		uint32_t count;
		const struct range_item *items = range_leaf(r->set, r->open[r->out], &count);

		if (n + LEAF_HEAD + (size_t)count * RANGE_DIGEST > MSG_MAX_DIGESTS)
			break;
		put_u32(out + n, count);
		n += LEAF_HEAD;
		for (uint32_t i = 0; i < count; i++, n += RANGE_DIGEST)
			memcpy(out + n, items[i].digest, RANGE_DIGEST);
		r->out++;
	}
	return n;
}

void ranges_compare_out(struct ranges *r)
{
	struct talk *t = r->talk;
	struct msg_ranges m = { .what = r->state == RANGE_ITEMS ? MSG_RANGES_ITEMS : MSG_RANGES_NODES };
	uint8_t *out;

	if (r->out == r->nopen || !session_has_room(t->session))
		return;
	out = mem_calloc(1, MSG_MAX_DIGESTS);
	m.digests.p = out;
	m.digests.n = r->state == RANGE_ITEMS ? put_leaves(r, out) : put_nodes(r, out);
	if (m.digests.n > 0)
		ranges_send(t, &m);
	free(out);
	if (m.digests.n == 0) {
		ranges_give_up(t);
		return;
	}
	if (r->out < r->nopen)
		ranges_go_on(r);
	step_end(r);
}

/* --- theirs --- */

/* False: these are not whole digests, or more of them than there are nodes. */
static bool nodes_in(struct ranges *r, const struct msg_bytes *d)
{
	uint8_t ours[RANGE_DIGEST];

	if (d->n % RANGE_DIGEST != 0 || d->n / RANGE_DIGEST > r->nopen - r->in)
		return false;
	if (r->next == NULL)
		r->next = mem_calloc(r->nopen, sizeof(r->next[0]));
	for (size_t at = 0; at < d->n; at += RANGE_DIGEST, r->in++) {
		uint32_t node = r->open[r->in];

		range_node(r->set, node, r->depth, ours);
		if (memcmp(ours, d->p + at, RANGE_DIGEST) == 0)
			range_equal_node(r->set, node, r->depth);
		else
			r->next[r->nnext++] = node;
	}
	return true;
}

/* False: these are not whole leaves, or more of them than there are. */
static bool leaves_in(struct ranges *r, const struct msg_bytes *d)
{
	for (size_t at = 0; at < d->n; r->in++) {
		size_t count;

		if (r->in == r->nopen || d->n - at < LEAF_HEAD)
			return false;
		count = get_u32(d->p + at);
		at += LEAF_HEAD;
		if ((d->n - at) / RANGE_DIGEST < count)
			return false;
		for (size_t i = 0; i < count; i++, at += RANGE_DIGEST)
			range_equal_item(r->set, r->open[r->in], d->p + at);
	}
	return true;
}

void ranges_compare_in(struct ranges *r, const struct msg_ranges *m)
{
	bool nodes = m->what == MSG_RANGES_NODES, fits = false;

	if (nodes && m->digests.n == RANGE_DIGEST && r->state == RANGE_SORTING && !r->root_in) {
		r->root_in = true;
		memcpy(r->root, m->digests.p, RANGE_DIGEST);
		return;
	}
	if (m->digests.n > 0 && nodes && r->state == RANGE_COMPARING)
		fits = nodes_in(r, &m->digests);
	else if (m->digests.n > 0 && m->what == MSG_RANGES_ITEMS && r->state == RANGE_ITEMS)
		fits = leaves_in(r, &m->digests);
	if (fits)
		step_end(r);
	else
		ranges_misfit(r->talk, "ranges that do not fit what was said before");
}
