/* The list of a group's files: what is here, what members have, and what is set aside here; see engine_files() in
 * engine.h. Three ordered lists become one. They are read from the index as they are needed, so that a group of any
 * size takes little memory. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/plan/path.h"

struct files_walk {
	struct engine *e;
	const char *under;
	const struct choices *choices;
	bool listed; /* anything is offered or listed at all */
	/* The next of each, behind the last path: its path is NULL when there is none. */
	struct index_cursor *cursor;
	struct record row;
	char *missing; /* the next path that is offered or listed and has no live row; owned */
	char *aside;   /* the next that is set aside; owned */
	/* What is told. */
	uint64_t members[ROSTER_MAX_MEMBERS];
	size_t nmembers;
	uint64_t has[ROSTER_MAX_MEMBERS + 1];
	size_t nhas;
};

static bool note_member(void *arg, const struct roster_member *m)
{
	struct files_walk *w = arg;
	uint64_t member = agent_id_short(&m->id);

	if (member != agent_id_short(identity_id(w->e->context->self)) && w->nmembers < ROSTER_MAX_MEMBERS)
		w->members[w->nmembers++] = member;
	return true;
}

/* --- the three lists --- */

static void next_row(struct files_walk *w)
{
	record_clear(&w->row);
	while (index_next(w->cursor, &w->row) == 1 && w->row.deleted)
		record_clear(&w->row);
}

static bool take_path(void *arg, const char *path)
{
	char **next = arg;

	free(*next);
	*next = mem_strdup(path);
	return false;
}

static bool is_live_here(struct files_walk *w, const char *path)
{
	struct record ours = { 0 };
	bool here = index_get(w->e->index, path, &ours) == 1 && !ours.deleted;

	record_clear(&ours);
	return here;
}

/* Moves on to the first missing path behind `after`; NULL: to the first one. */
static void next_missing(struct files_walk *w, const char *after)
{
	char *at = mem_strdup(after != NULL ? after : w->under);

	free(w->missing);
	w->missing = NULL;
	/* All that is below a path comes right behind it. */
	if (w->listed && after == NULL && at[0] != '\0' && index_is_offered(w->e->index, at) && !is_live_here(w, at)) {
		w->missing = at;
		return;
	}
	while (w->listed) {
		char *next = NULL;

		index_offers_paths(w->e->index, at, 1, take_path, &next);
		free(at);
		at = next;
		if (at == NULL || !path_is_under(at, w->under))
			break;
		if (!is_live_here(w, at)) {
			w->missing = at;
			return;
		}
	}
	free(at);
}

static bool take_aside(void *arg, const char *path, enum aside_reason why)
{
	(void)why;
	return take_path(arg, path);
}

static void next_aside(struct files_walk *w, const char *after)
{
	char *next = NULL;

	index_asides(w->e->index, w->under, after, 1, take_aside, &next);
	free(w->aside);
	w->aside = next;
}

/* --- who has it --- */

static void add_has(struct files_walk *w, uint64_t member)
{
	for (size_t i = 0; i < w->nhas; i++)
		if (w->has[i] == member)
			return;
	if (w->nhas < ROSTER_MAX_MEMBERS + 1)
		w->has[w->nhas++] = member;
}

static void files_add_holders(struct files_walk *w, const struct record *r)
{
	for (size_t i = 0; i < w->nmembers; i++)
		if (index_has(w->e->index, r, w->members[i]))
			add_has(w, w->members[i]);
}

struct best_offer {
	struct record newest;
	bool ours; /* it is listed: a record with a number of ours */
};

static bool better_offer(void *arg, uint64_t peer, const struct record *r)
{
	struct best_offer *best = arg;

	if (r->deleted ||
	    (best->newest.path != NULL && version_compare(&r->version, &best->newest.version) != VERSION_NEWER))
		return true;
	record_clear(&best->newest);
	record_copy(&best->newest, r);
	best->ours = peer == 0;
	return true;
}

struct offerers {
	struct files_walk *walk;
	const struct record *newest;
};

static bool add_offerer(void *arg, uint64_t peer, const struct record *r)
{
	struct offerers *o = arg;

	if (peer != 0 && !r->deleted && !r->absent && record_same_content(r, o->newest))
		add_has(o->walk, peer);
	return true;
}

/* The newest that members have at the path; the winner of what is listed, where they differ. */
static void find_missing(struct files_walk *w, const char *path, struct record *r)
{
	struct best_offer best = { .ours = true };

	if (index_list_get(w->e->index, path, &best.newest) != 1)
		record_clear(&best.newest);
	index_offers(w->e->index, path, better_offer, &best);
	if (best.newest.path != NULL && best.ours)
		files_add_holders(w, &best.newest);
	if (best.newest.path != NULL)
		index_offers(w->e->index, path, add_offerer, &(struct offerers){ .walk = w, .newest = &best.newest });
	*r = best.newest;
}

/* --- told --- */

static bool tell_file(struct files_walk *w, struct engine_file *f, engine_file_fn *fn, void *arg)
{
	struct choose_state state = { 0 };

	(void)index_choose_state(w->e->index, f->r->path, &state);
	f->shared = !state.own && choose_shares(w->choices, f->r->path);
	f->wanted = choose(w->choices, f->r, &state) == CHOICE_GET;
	f->has = w->has;
	f->nhas = w->nhas;
	return fn(arg, f);
}

static bool tell_row(struct files_walk *w, engine_file_fn *fn, void *arg)
{
	struct engine_file f = { .r = &w->row, .here = true };

	add_has(w, agent_id_short(identity_id(w->e->context->self)));
	files_add_holders(w, &w->row);
	f.behind = w->listed && index_is_offered(w->e->index, w->row.path);
	return tell_file(w, &f, fn, arg);
}

/* A path without a live row: the group has something there, or its user has set something aside, or both. */
static bool tell_other(struct files_walk *w, const char *path, bool aside, engine_file_fn *fn, void *arg)
{
	struct record r = { 0 }, was = { 0 };
	struct engine_file f = { .r = &r };
	bool more = true;

	find_missing(w, path, &r);
	if (aside && index_aside_get(w->e->index, path, NULL, &was) == 1) {
		f.here = true;
		f.own = true;
		if (r.path == NULL && was.path != NULL)
			f.r = &was;
	}
	if (f.r->path != NULL)
		more = tell_file(w, &f, fn, arg);
	record_clear(&was);
	record_clear(&r);
	return more;
}

/* The first of the three; NULL: none is left. */
static const char *first_path(const struct files_walk *w)
{
	const char *first = w->row.path;

	if (w->missing != NULL && (first == NULL || path_compare(w->missing, first) < 0))
		first = w->missing;
	if (w->aside != NULL && (first == NULL || path_compare(w->aside, first) < 0))
		first = w->aside;
	return first;
}

/* Tells the first path, and moves behind it in the lists that have it. */
static bool files_step(struct files_walk *w, const char *path, engine_file_fn *fn, void *arg)
{
	bool row = w->row.path != NULL && strcmp(w->row.path, path) == 0;
	bool missing = w->missing != NULL && strcmp(w->missing, path) == 0;
	bool aside = w->aside != NULL && strcmp(w->aside, path) == 0;
	bool more;

	w->nhas = 0;
	more = row ? tell_row(w, fn, arg) : tell_other(w, path, aside, fn, arg);
	if (row)
		next_row(w);
	if (missing)
		next_missing(w, path);
	if (aside)
		next_aside(w, path);
	return more;
}

char *engine_files(struct engine *e, const char *under, const char *after, int max, engine_file_fn *fn, void *arg)
{
	struct files_walk *w;
	const char *first;
	char *last = NULL;
	bool more = true;

	if (!engine_has_mirror(e))
		return NULL;
	w = MEM_NEW(struct files_walk);
	*w = (struct files_walk){ .e = e, .under = under, .choices = engine_choices(e) };
	w->listed = index_listed(e->index) > 0 || index_wants_missing(e->index) > 0;
	roster_members(e->roster, note_member, w);
	w->cursor = after != NULL ? index_walk_from(e->index, under, after) : index_walk(e->index, under);
	next_row(w);
	if (w->row.path != NULL && after != NULL && path_compare(w->row.path, after) <= 0)
		next_row(w);
	next_missing(w, after);
	next_aside(w, after != NULL ? after : "");
	while (more && max-- > 0 && (first = first_path(w)) != NULL) {
		free(last);
		last = mem_strdup(first);
		more = files_step(w, last, fn, arg);
	}
	if (more && first_path(w) == NULL) {
		free(last);
		last = NULL;
	}
	index_cursor_free(w->cursor);
	record_clear(&w->row);
	free(w->missing);
	free(w->aside);
	free(w);
	return last;
}
