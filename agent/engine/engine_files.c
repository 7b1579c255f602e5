/* The list of a group's files, ours and those that members offer: see engine_files() in engine.h. */
#include <stdlib.h>

#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/plan/path.h"

/* How far each member has settled our rows: a member has a file if its row's number is not above that. */
struct holders {
	struct index *index;
	uint64_t epoch, self;
	struct {
		uint64_t member, settled;
	} list[ROSTER_MAX_MEMBERS];
	size_t n;
	uint64_t has[ROSTER_MAX_MEMBERS + 1];
};

static bool add_holder(void *arg, const struct roster_member *m)
{
	struct holders *h = arg;
	uint64_t member = agent_id_short(&m->id);
	struct index_peer p;

	if (member != h->self && h->n < ROSTER_MAX_MEMBERS && index_peer_get(h->index, member, &p) == 0 &&
	    p.settled_epoch == h->epoch) {
		h->list[h->n].member = member;
		h->list[h->n++].settled = p.settled;
	}
	return true;
}

static size_t who_has(struct holders *h, const struct record *r)
{
	size_t n = 0;

	h->has[n++] = h->self;
	for (size_t i = 0; i < h->n; i++)
		if (h->list[i].settled >= r->seq || r->via == h->list[i].member)
			h->has[n++] = h->list[i].member;
	return n;
}

struct wanted {
	struct record newest;
	uint64_t has[64];
	size_t n;
};

static bool add_offer(void *arg, uint64_t peer, const struct record *r)
{
	struct wanted *w = arg;

	if (r->deleted)
		return true;
	if (!w->newest.path || version_compare(&r->version, &w->newest.version) == VERSION_NEWER) {
		record_clear(&w->newest);
		record_copy(&w->newest, r);
		w->n = 0;
	}
	if (w->n < 64 && version_compare(&r->version, &w->newest.version) == VERSION_EQUAL)
		w->has[w->n++] = peer;
	return true;
}

static bool next_path(void *arg, const char *path)
{
	char **next = arg;

	free(*next);
	*next = mem_strdup(path);
	return false;
}

/* The first wanted path behind `after` that we have nothing of, at or below `under`; NULL when there is none. */
static char *next_missing(struct engine *e, const char *under, const char *after)
{
	char *at = mem_strdup(after);

	for (;;) {
		char *next = NULL;
		struct record ours = { 0 };
		int have;

		index_offers_paths(e->index, at, 1, next_path, &next);
		free(at);
		if (!next)
			return NULL;
		have = path_is_under(next, under) ? index_get(e->index, next, &ours) : -1;
		have = have == 1 && !ours.deleted;
		record_clear(&ours);
		if (!have && path_is_under(next, under))
			return next;
		if (!path_is_under(next, under) && path_compare(next, under) > 0) {
			free(next);
			return NULL;
		}
		at = next;
	}
}

static bool tell_missing(struct engine *e, const char *path, engine_file_fn *fn, void *arg)
{
	struct wanted w = { 0 };
	bool more = true;

	index_offers(e->index, path, add_offer, &w);
	if (w.newest.path)
		more = fn(arg, &w.newest, false, w.has, w.n);
	record_clear(&w.newest);
	return more;
}

/* Two ordered lists become one: our rows, and the offers for paths of which we have no live row. Both are read from
 * the index as they are needed, so that a group of any size takes little memory. */
void engine_files(struct engine *e, const char *under, const char *after, engine_file_fn *fn, void *arg)
{
	struct holders *h = MEM_NEW(struct holders);
	struct record r = { 0 };
	bool more = true;
	char *missing;

	if (!e->index) {
		free(h);
		return;
	}
	h->index = e->index;
	h->epoch = index_epoch(e->index);
	h->self = agent_id_short(identity_id(e->context->self));
	roster_members(e->roster, add_holder, h);
	missing = next_missing(e, under, after ? after : "");
	struct index_cursor *c = after ? index_walk_from(e->index, under, after) : index_walk(e->index, under);

	while (more && index_next(c, &r) == 1) {
		while (more && missing && path_compare(missing, r.path) < 0) {
			char *next;

			more = tell_missing(e, missing, fn, arg);
			next = more ? next_missing(e, under, missing) : NULL;
			free(missing);
			missing = next;
		}
		if (more && !r.deleted && (!after || path_compare(r.path, after) > 0))
			more = fn(arg, &r, true, h->has, who_has(h, &r));
		record_clear(&r);
	}
	while (more && missing) {
		char *next;

		more = tell_missing(e, missing, fn, arg);
		next = more ? next_missing(e, under, missing) : NULL;
		free(missing);
		missing = next;
	}
	free(missing);
	index_cursor_free(c);
	free(h);
}
