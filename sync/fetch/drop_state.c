/* One drop: what it looks at, and how it ends. See drop.h. */
#include "sync/fetch/drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool fetch_is_dropping(const struct fetch *f, const char *path)
{
	struct drop *d;

	HASH_FIND_STR(f->drops, path, d);
	return d != NULL;
}

void drop_free(struct drop *d)
{
	record_clear(&d->row);
	free(d->path);
	free(d);
}

void drop_end(struct fetch *f, struct drop *d, enum fetch_drop_end end, const char *why)
{
	struct ticket *t = ticket_find(f, d->path);

	HASH_DEL(f->drops, d);
	if (t != NULL && t->state == TICKET_WAITING)
		ticket_due(f, t, 0);
	f->state_changed = true;
	fetch_wake(f);
	if (d->done != NULL)
		d->done(d->arg, end, why);
	drop_free(d);
}

void drop_unmark(struct fetch *f, struct drop *d)
{
	struct record row = { 0 };

	if (index_get(f->c.index, d->path, &row) > 0 && row.leaving) {
		(void)index_leaving_put(f->c.index, d->path, false);
		(void)index_choose_under(f->c.index, index_choices(f->c.index), d->path);
		f->walk.again = true;
	}
	record_clear(&row);
}

void drop_undo(struct fetch *f, struct drop *d, const char *why)
{
	drop_unmark(f, d);
	drop_end(f, d, FETCH_DROP_REFUSED, why);
}

/* What is offered for a path, against its row. */
struct drop_weighed {
	const struct record *row;
	bool newer, conflict;
};

static void drop_weigh(struct drop_weighed *w, const struct record *r)
{
	enum version_order order = version_compare(&r->version, &w->row->version);

	if (record_same_content(r, w->row))
		return;
	w->newer |= order == VERSION_NEWER;
	w->conflict |= order == VERSION_CONCURRENT && !r->deleted;
}

static bool drop_weigh_offer(void *arg, uint64_t peer, const struct record *r)
{
	(void)peer;
	drop_weigh(arg, r);
	return true;
}

const char *drop_look(struct fetch *f, struct drop *d)
{
	const struct ticket *t = ticket_find(f, d->path);
	struct drop_weighed w = { .row = &d->row };

	record_clear(&d->row);
	if (index_get(f->c.index, d->path, &d->row) < 0)
		return "the index cannot be read";
	if (!record_is_live(&d->row))
		return NULL;
	if (t != NULL && (t->state == TICKET_INSTALLING || t->state == TICKET_PAIRED))
		return DROP_NOT_CURRENT;
	if (t != NULL && t->unstored)
		drop_weigh(&w, &t->want);
	if (index_offers(f->c.index, d->path, drop_weigh_offer, &w) < 0)
		return "the index cannot be read";
	if (w.conflict)
		return "it is in conflict: try again when that is settled";
	d->behind = w.newer;
	return NULL;
}

struct drop *drop_new(struct fetch *f, const char *path)
{
	struct drop *d = MEM_NEW(struct drop);

	d->f = f;
	d->path = mem_strdup(path);
	HASH_ADD_KEYPTR(hh, f->drops, d->path, strlen(d->path), d);
	return d;
}
