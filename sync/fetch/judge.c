/* The verdict on a path: every peer's offer for it against our row. Changes of rows alone are made here. See
 * fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
	DROP_MAX = 64, /* offers that are forgotten at a time */
	ROUNDS_MAX = 16,
};

/* All offers for one path, weighed against each other. */
struct judged_offers {
	const struct record *ours; /* NULL: no row */
	struct record best;        /* the offer that wins; path NULL: none has anything for us */
	uint64_t peer;             /* whose it is */
	bool best_is_own;          /* it is the ticket's own, unstored one */
	uint64_t own_peer;         /* whose offer the ticket's unstored record is; 0: it has none */
	bool own_superseded;       /* that peer offers something newer */
	const struct disk *disk;
	struct index *index;
	bool forced;           /* the ticket's: what is offered is wanted, whatever the choices say */
	bool own_left;         /* the ticket's unstored record has something for us, and is not wanted */
	bool drop_listed;      /* a listed record has nothing for us */
	struct version listed; /* what these know */
	struct record
		original; /* the offer that ours differs from only by what this disk makes of it; path NULL: none */
	bool retell;      /* ours wins against an offer that has nothing for us: see judge_retell */
	uint64_t drop[DROP_MAX]; /* peers whose offers have nothing for us */
	size_t ndrop;
};

/* Counts rows that others than us wrote: while it stays the same, verdicts are good. */
static uint64_t foreign_puts(const struct fetch *f)
{
	return index_seq(f->c.index) - f->puts;
}

enum reconcile judge_reconcile(const struct index *index, const struct record *ours, const struct record *theirs,
                               struct record *merged)
{
	return index_is_reader(index) ? reconcile_as_reader(ours, theirs, merged) : reconcile(ours, theirs, merged);
}

static bool beats(const struct record *best, const struct record *r)
{
	struct record merged = { 0 };
	enum reconcile action = reconcile(best, r, &merged);
	bool newer = action == RECONCILE_ADOPT && version_compare(&r->version, &best->version) == VERSION_NEWER;

	record_clear(&merged);
	return action == RECONCILE_TAKE || action == RECONCILE_CONFLICT || newer;
}

bool judge_is_degraded(const struct disk *disk, const struct record *ours, const struct record *theirs)
{
	if (ours == NULL || ours->deleted || record_same(ours, theirs) || !disk_explains(disk, theirs, ours) ||
	    version_compare(&theirs->version, &ours->version) != VERSION_CONCURRENT)
		return false;
	/* A mode or time that a user set elsewhere, and that this disk could keep, does not count as the disk's doing:
	 * two members with such disks would take over each other's for ever. */
	return (ours->mode == theirs->mode || ours->mode == disk_mode_default(ours->kind)) &&
	       (ours->mtime_ns == theirs->mtime_ns || ours->mtime_ns == record_disk_mtime(ours));
}

int judge_take_original(struct fetch *f, const struct record *ours, const struct record *theirs)
{
	struct record r = { 0 };
	int rc;

	record_copy(&r, theirs);
	r.seen = ours->seen;
	version_join(&r.version, &ours->version);
	rc = judge_put_change(f, &r, NULL);
	record_clear(&r);
	return rc;
}

bool judge_is_elsewhere(struct fetch *f, const struct record *r)
{
	struct fetch_peer *p, *next;

	HASH_ITER(hh, f->peers, p, next) {
		if (index_has(f->c.index, r, p->id))
			return true;
	}
	return false;
}

bool judge_stays_own(struct fetch *f, const struct record *ours, const struct record *theirs)
{
	struct record merged = { 0 };
	bool goes = index_is_reader(f->c.index) && record_is_live(ours) && ours->modified_by == f->c.short_id &&
	            version_compare(&theirs->version, &ours->version) == VERSION_CONCURRENT &&
	            judge_reconcile(f->c.index, ours, theirs, &merged) == RECONCILE_TAKE;

	record_clear(&merged);
	return goes && !judge_is_elsewhere(f, ours) && index_set_aside(f->c.index, ours->path, ASIDE_READER) == 0;
}

/* True when this offer has something for us. */
static bool weigh_offer(struct judged_offers *o, uint64_t peer, const struct record *r, bool own)
{
	struct record merged = { 0 };
	enum reconcile action;

	if (o->original.path == NULL && !index_is_reader(o->index) && judge_is_degraded(o->disk, o->ours, r))
		record_copy(&o->original, r);
	action = judge_reconcile(o->index, o->ours, r, &merged);
	record_clear(&merged);
	if (action == RECONCILE_NOTHING) {
		o->retell |= o->ours != NULL && reconcile_must_retell(o->ours, r);
		return false;
	}
	/* An offer that is not wanted stays, and is not acted on. */
	if (!o->forced && !index_wants(o->index, r)) {
		o->own_left |= own;
		return true;
	}
	if (o->best.path != NULL && !beats(&o->best, r))
		return true;
	record_clear(&o->best);
	record_copy(&o->best, r);
	o->peer = peer;
	o->best_is_own = own;
	return true;
}

static bool weigh_stored(void *arg, uint64_t peer, const struct record *r)
{
	struct judged_offers *o = arg;

	if (peer == 0) {
		/* Listed: that we have not its bytes says nothing of the peer that told it. What loses against our row
		 * is its holder's to settle, who hears of our row. */
		struct record listed = *r;

		listed.absent = false;
		if (!weigh_offer(o, r->via, &listed, false)) {
			o->drop_listed = true;
			(void)version_join(&o->listed, &r->version);
		}
		return true;
	}
	if (peer == o->own_peer)
		o->own_superseded = true;
	if (!weigh_offer(o, peer, r, false) && o->ndrop < DROP_MAX)
		o->drop[o->ndrop++] = peer;
	return true;
}

static void gather_offers(struct fetch *f, struct ticket *t, struct judged_offers *o)
{
	if (t->unstored)
		o->own_peer = t->peer;
	index_offers(f->c.index, t->want.path, weigh_stored, o);
	if (t->unstored && !o->own_superseded)
		(void)weigh_offer(o, t->peer, &t->want, true);
	for (size_t i = 0; i < o->ndrop; i++)
		index_offer_forget(f->c.index, t->want.path, o->drop[i]);
	if (o->drop_listed)
		(void)index_list_forget(f->c.index, t->want.path, &o->listed);
	version_clear(&o->listed);
}

static bool same_meta(const struct record *a, const struct record *b)
{
	if (a->kind != RECORD_SYMLINK && a->mode != b->mode)
		return false;
	return a->kind == RECORD_DIR || a->mtime_ns == b->mtime_ns;
}

bool judge_at_once(enum reconcile action, const struct record *ours, const struct record *merged)
{
	if (action == RECONCILE_KEEP)
		return true;
	return action == RECONCILE_ADOPT && (ours == NULL || ours->deleted || same_meta(ours, merged));
}

int judge_put(struct fetch *f, struct record *r, const struct record *theirs, uint64_t peer, const struct blocklist *l)
{
	int rc;

	r->via = 0;
	if (theirs != NULL && version_compare(&r->version, &theirs->version) == VERSION_EQUAL &&
	    version_compare(&r->base, &theirs->base) == VERSION_EQUAL &&
	    version_compare(&r->mode_base, &theirs->mode_base) == VERSION_EQUAL && record_same(r, theirs) &&
	    r->modified_by == theirs->modified_by)
		r->via = peer;
	rc = index_put(f->c.index, r, l);
	if (rc == 0)
		f->puts++;
	return rc;
}

void judge_retell(struct fetch *f, struct record *ours, const struct record *theirs)
{
	if (reconcile_must_retell(ours, theirs))
		(void)judge_put(f, ours, NULL, 0, NULL);
}

int judge_put_change(struct fetch *f, struct record *r, const struct blocklist *l)
{
	int rc = index_put_change(f->c.index, r, l, f->c.short_id);

	if (rc == 0)
		f->puts++;
	return rc;
}

void judge_put_kept(struct fetch *f, struct record *r, const struct blocklist *l)
{
	struct record there = { 0 };

	if (index_is_reader(f->c.index)) {
		if (f->c.hint != NULL)
			f->c.hint(f->c.arg, r->path);
		return;
	}
	version_clear(&r->version);
	record_clear_base(r);
	if (index_get(f->c.index, r->path, &there) > 0)
		version_copy(&r->version, &there.version);
	/* Unless the scan has written it first. */
	if (there.path == NULL || !record_same(&there, r))
		(void)judge_put_change(f, r, l);
	record_clear(&there);
}

/* The ticket works on the best offer from now on. */
static void take_offer(struct fetch *f, struct ticket *t, struct judged_offers *o)
{
	char *path = t->want.path;

	if (!o->best_is_own)
		also_store(f, t);
	if (!record_same_content(&t->want, &o->best)) {
		ticket_reset(f, t);
		t->carrier = 0;
	}
	if (t->unstored && !o->best_is_own) {
		/* The ticket's own record lost: it is stored like all others, unless it is superseded already. */
		if (o->own_superseded)
			ticket_set_stored(f, t);
		else
			ticket_store(f, t);
	}
	if (!o->best_is_own) {
		/* The table of tickets uses the memory of the path as its key. */
		t->want.path = NULL;
		record_clear(&t->want);
		free(o->best.path);
		t->want = o->best;
		t->want.path = path;
		o->best = (struct record){ 0 };
		if (!t->unstored)
			ticket_is_of(f, t, o->peer);
	}
	record_clear(&o->best);
}

void judge_set(struct fetch *f, struct ticket *t, struct record *ours, struct record *merged, enum reconcile action)
{
	record_clear(&t->ours);
	record_clear(&t->merged);
	t->ours = *ours;
	t->merged = *merged;
	*ours = (struct record){ 0 };
	*merged = (struct record){ 0 };
	t->action = action;
	if (t->aside != NULL)
		record_clear(t->aside);
	free(t->aside);
	t->aside = NULL;
	t->stamp = foreign_puts(f);
	t->rejudge = false;
}

/* First the offer that our disk only degraded, which becomes our row; then what our row must tell again; then the best
 * offer: a change of rows alone is made here, anything else becomes the ticket's work. */
static enum judged judge_round(struct fetch *f, struct ticket *t)
{
	struct record ours = { 0 }, merged = { 0 };
	struct judged_offers o = { 0 };
	enum reconcile action;
	enum judged round;
	int rc = index_get(f->c.index, t->want.path, &ours);

	if (rc < 0)
		return JUDGED_FAILED;
	o.ours = rc > 0 ? &ours : NULL;
	o.disk = share_disk(f->c.share);
	o.index = f->c.index;
	o.forced = t->forced;
	gather_offers(f, t, &o);
	if (o.original.path != NULL) {
		round = judge_take_original(f, &ours, &o.original) == 0 ? JUDGED_AGAIN : JUDGED_FAILED;
		record_clear(&o.original);
		record_clear(&o.best);
		record_clear(&ours);
		return round;
	}
	if (o.retell)
		(void)judge_put(f, &ours, NULL, 0, NULL);
	if (o.best.path == NULL) {
		record_clear(&ours);
		if (o.own_left)
			ticket_store(f, t);
		return JUDGED_NOTHING;
	}
	if (o.ours != NULL && judge_stays_own(f, o.ours, &o.best)) {
		record_clear(&o.best);
		record_clear(&ours);
		return JUDGED_AGAIN;
	}
	action = judge_reconcile(f->c.index, o.ours, &o.best, &merged);
	if (judge_at_once(action, o.ours, &merged)) {
		merged.seen = ours.seen;
		round = judge_put(f, &merged, &o.best, o.peer, NULL) == 0 ? JUDGED_AGAIN : JUDGED_FAILED;
		record_clear(&merged);
		record_clear(&o.best);
		record_clear(&ours);
		return round;
	}
	take_offer(f, t, &o);
	judge_set(f, t, &ours, &merged, action);
	return JUDGED_WORK;
}

/* A repair wants the row's own content, as long as the row has not changed. */
static bool judge_repair(struct fetch *f, struct ticket *t)
{
	struct record ours = { 0 }, merged = { 0 };

	if (index_get(f->c.index, t->want.path, &ours) <= 0)
		return false;
	if (!record_same(&ours, &t->want)) {
		record_clear(&ours);
		return false;
	}
	record_copy(&merged, &ours);
	judge_set(f, t, &ours, &merged, RECONCILE_TAKE);
	return true;
}

enum judged judge_ticket(struct fetch *f, struct ticket *t)
{
	enum judged judged = JUDGED_AGAIN;

	if (t->repair)
		return judge_repair(f, t) ? JUDGED_WORK : JUDGED_NOTHING;
	/* Each round that writes a row leaves fewer offers; the bound is for an index that loses what was written. */
	for (int i = 0; judged == JUDGED_AGAIN && i < ROUNDS_MAX; i++)
		judged = judge_round(f, t);
	return judged;
}

/* If others wrote rows since, our row is read and compared; when it is unchanged, the verdict is good for another
 * while. */
bool judge_row_is_current(struct fetch *f, struct ticket *t)
{
	struct record now = { 0 };
	bool same;
	int rc;

	if (t->stamp == foreign_puts(f))
		return true;
	rc = index_get(f->c.index, t->want.path, &now);
	if (rc < 0)
		return false;
	if (rc == 0)
		same = t->ours.path == NULL;
	else
		same = t->ours.path != NULL && version_compare(&now.version, &t->ours.version) == VERSION_EQUAL &&
		       record_same(&now, &t->ours);
	if (same) {
		t->stamp = foreign_puts(f);
		t->ours.seen = now.seen;
	}
	record_clear(&now);
	return same;
}

bool judge_is_current(struct fetch *f, struct ticket *t)
{
	return !t->rejudge && judge_row_is_current(f, t);
}
