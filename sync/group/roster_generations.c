/* The generations of a sealed group, and the box keys of its members: the last step of the judgement, after it is known
 * who belongs to the group in which role. Generations are judged by generation.c; here is what they are judged by.
 *
 * An *exit* is an entry by which somebody who may hold keys loses the right to them, or others do whom it may have let
 * in. Entries that would show whom exactly may be gone, replaced by a later statement, or known to others only. So the
 * entry alone decides, and one that ends nobody's right costs a generation, no more:
 *   - a removal, a leave; an addition as a vault;
 *   - a revocation: its invite may have been honoured by a member that we have not heard of since;
 *   - an addition below an owner's role that names entries: it may take an owner's role away, and with it go those whom
 *     only this owner had added. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/group/generation_entry.h"
#include "sync/group/roster_internal.h"

void roster_generations_clear(struct roster *r)
{
	struct roster_generations *g = &r->generations;

	generation_free(g->j);
	free(g->gens);
	free(g->items);
	free(g->proved);
	free(g->exits);
	memset(g, 0, sizeof(*g));
}

/* --- judging --- */

bool roster_generations_exit(const struct roster_entry *e)
{
	static const struct agent_id nothing;

	switch (e->kind) {
	case ENTRY_REMOVE:
	case ENTRY_LEAVE:
		return true;
	case ENTRY_REVOKE: /* of nothing: an owner's agent covers statements that it had lost */
		return !agent_id_equal(&e->target, &nothing);
	case ENTRY_ADD:
		return e->role == ROLE_VAULT || (e->role != ROLE_OWNER && e->nnamed > 0);
	default:
		return false;
	}
}

static void collect_exits(struct roster *r)
{
	struct roster_generations *g = &r->generations;
	const struct roster_item *it;
	size_t n = 0;

	DL_FOREACH2(r->valid, it, valid_next)
		n += roster_generations_exit(&it->e);
	g->exits = mem_calloc(n + 1, sizeof(g->exits[0]));
	DL_FOREACH2(r->valid, it, valid_next) {
		if (roster_generations_exit(&it->e))
			memcpy(g->exits[g->nexits++], it->hash, HASH_LEN);
	}
}

static void read_generation(struct generation *g, const struct roster_item *it)
{
	struct reader body = READER_INIT(it->e.said, it->e.said_n);

	generation_entry_read(&body, g);
	memcpy(g->name, it->hash, sizeof(g->name));
	g->signer = it->e.signer;
}

/* All that are in the set. */
static void collect_generations(struct roster *r)
{
	struct roster_generations *g = &r->generations;
	struct roster_item *it, *tmp;
	size_t n = 0;

	HASH_ITER(hh, r->items, it, tmp)
		n += it->e.kind == ENTRY_GEN;
	g->gens = mem_calloc(n + 1, sizeof(g->gens[0]));
	g->items = mem_calloc(n + 1, sizeof(struct roster_item *));
	g->proved = mem_calloc(n + 1, sizeof(g->proved[0]));
	HASH_ITER(hh, r->items, it, tmp) {
		if (it->e.kind != ENTRY_GEN)
			continue;
		g->items[g->ngens] = it;
		g->proved[g->ngens] = it->proved;
		read_generation(&g->gens[g->ngens++], it);
	}
}

bool roster_generation_writer(const struct roster *r, const struct agent_id *id, bool *owner)
{
	*owner = roster_may(r, id, RIGHT_OWN);
	return roster_may(r, id, RIGHT_WRITE) && roster_may(r, id, RIGHT_KEYS);
}

static enum generation_voice voice_of(void *arg, const struct agent_id *signer)
{
	bool owner;

	if (!roster_generation_writer(arg, signer, &owner))
		return GENERATION_SILENT;
	return owner ? GENERATION_OWNER : GENERATION_MEMBER;
}

/* Those that others need to judge the same count, ancestors first: so whoever is told them in this order has none that
 * waits for long. */
static void count_generation(void *arg, const struct generation *g)
{
	struct roster *r = arg;

	roster_weigh_count(r, r->generations.items[g - r->generations.gens]);
}

static void judge_boxes(struct roster *r)
{
	struct roster_item *it, *tmp;

	HASH_ITER(hh, r->items, it, tmp) {
		if (it->e.kind == ENTRY_BOX && roster_may(r, &it->e.signer, RIGHT_TAKE_PART))
			roster_weigh_count(r, it);
	}
}

void roster_generations_judge(struct roster *r)
{
	struct roster_generations *g = &r->generations;

	if ((r->founding->e.flags & ENTRY_SEALED) == 0)
		return;
	judge_boxes(r);
	collect_exits(r);
	collect_generations(r);
	g->j = generation_judge(&(struct generation_facts){ .gens = g->gens,
	                                                    .ngens = g->ngens,
	                                                    .exits = (const uint8_t(*)[HASH_LEN])g->exits,
	                                                    .nexits = g->nexits,
	                                                    .proved = g->proved,
	                                                    .voice = voice_of,
	                                                    .arg = r },
	                        GENERATION_SUITE, GENERATION_POLICIES);
	for (size_t i = 0; i < g->ngens; i++)
		g->items[i]->proved = g->items[i]->proved || generation_is_whole(g->j, g->items[i]->hash);
	generation_each(g->j, count_generation, r);
}

/* --- what it tells --- */

const struct generation_judgement *roster_generations(const struct roster *r)
{
	return r->generations.j;
}

struct first_search {
	const struct agent_id *founder;
	const struct generation *first;
};

/* They come by number, then by name. */
static void take_first(void *arg, const struct generation *g)
{
	struct first_search *s = arg;

	if (s->first == NULL && g->number == 1 && agent_id_equal(&g->signer, s->founder))
		s->first = g;
}

const struct generation *roster_first_generation(const struct roster *r)
{
	struct first_search s = { 0 };

	if (r->generations.j == NULL)
		return NULL;
	s.founder = &r->founding->e.signer;
	generation_each(r->generations.j, take_first, &s);
	return s.first;
}

bool roster_generation_answers(const struct roster *r, const struct generation *g, const struct agent_id *self)
{
	const struct roster_item *it;

	for (size_t i = 0; i < g->nexits; i++) {
		HASH_FIND(hh, r->items, g->exits[i], HASH_LEN, it);
		if (it != NULL && agent_id_equal(&it->signer->id, self))
			return true;
	}
	return false;
}

size_t roster_generation_rank(const struct roster *r, const struct agent_id *self)
{
	const struct view *view = roster_view(r);
	struct agent_id *writers = mem_calloc(view->n + 1, sizeof(writers[0]));
	size_t n = 0, rank;

	for (size_t i = 0; i < view->n; i++) {
		bool owner;

		if (roster_generation_writer(r, &view->members[i].agent->id, &owner))
			writers[n++] = view->members[i].agent->id;
	}
	rank = generation_rank(r->generations.j, writers, n, self);
	free(writers);
	return rank;
}
