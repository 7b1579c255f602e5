/* Whether a record is wanted, as the choices and what we have of its path stand. */
#include "sync/index/index_internal.h"

static int choose_state(struct index *index, const char *path, struct choose_state *state)
{
	const struct index_totals *t = &index->now.totals;
	struct record row = { 0 };

	*state = (struct choose_state){ .own = index_is_aside(index, path) };
	if (t->files + t->dirs + t->symlinks + t->tombstones == 0)
		return 0;
	if (index_get(index, path, &row) < 0)
		return -1;
	state->here = record_is_live(&row);
	state->leaving = row.leaving;
	state->had = row.path != NULL && row.deleted && !record_seen_is_none(&row.seen);
	record_clear(&row);
	return 0;
}

int index_choose_state(struct index *index, const char *path, struct choose_state *state)
{
	return choose_state(index, path, state);
}

/* What is wanted whatever is here of it needs no row to be read, unless it may be its user's own. */
bool index_wants(struct index *index, const struct record *offer)
{
	const struct index_counters *now = &index->now;
	struct choose_state state;

	if (offer->deleted || (now->asides[ASIDE_UNSHARED] + now->asides[ASIDE_READER] == 0 &&
	                       choose(index->choices, offer, NULL) == CHOICE_GET))
		return true;
	return choose_state(index, offer->path, &state) < 0 || choose(index->choices, offer, &state) == CHOICE_GET;
}
