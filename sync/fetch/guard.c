/* Weighs tickets, and sends each on or has it held. See guard.h. */
#include "sync/fetch/guard_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"

enum {
	AUTHORS_MAX = 64,  /* members whose losses are counted at a time; the one that was quiet longest is dropped */
	COPIES_LOOKED = 8, /* files with the same content that are checked */
	/* The losses by other authors that one member brings must stay below three quarters of the share. */
	BROUGHT_PARTS = 3,
	BROUGHT_OF = 4,
};

struct guard *guard_new(struct fetch *f)
{
	struct guard *g = MEM_NEW(struct guard);

	g->key = random_u64();
	g->versions_budget = INT64_MAX;
	guard_load_holds(f, g);
	return g;
}

void guard_free(struct guard *g)
{
	while (g->authors != NULL)
		guard_author_free(g, g->authors);
	for (int i = 0; i < HOLDS_MAX; i++)
		guard_forget_paths(&g->holds[i]);
	free(g);
}

/* --- is it a loss, and whose --- */

static struct author *author_get(struct fetch *f, struct who who)
{
	struct guard *g = f->guard;
	struct author *a = guard_author(g, who);

	if (a == NULL) {
		/* The first is the one that was quiet longest. */
		if (HASH_COUNT(g->authors) >= AUTHORS_MAX)
			guard_author_free(g, g->authors);
		a = MEM_NEW(struct author);
		a->who = who;
		a->losses = losses_new();
	} else {
		HASH_DEL(g->authors, a);
	}
	HASH_ADD(hh, g->authors, who, sizeof(a->who), a);
	a->used_ms = fetch_now(f);
	return a;
}

struct copy {
	struct fetch *f;
	const struct ticket *t; /* not this one's path */
	int looked;
	bool stays;
};

/* A file that is itself about to go does not count. A replaced file's copy does whose deletion was not weighed yet: the
 * copy's content counts as lost then. So a file that is moved and edited is one loss, whichever is heard first. */
static bool check_copy(void *arg, const struct record *r)
{
	struct copy *c = arg;
	const struct ticket *t;

	if (strcmp(r->path, c->t->want.path) == 0)
		return true;
	t = ticket_find(c->f, r->path);
	c->stays = (t == NULL || !guard_takes_away(t) ||
	            (t->state == TICKET_DELETE && !t->weighed && !c->t->merged.deleted)) &&
	           !guard_holds(c->f, r->path);
	return !c->stays && ++c->looked < COPIES_LOOKED;
}

/* The content is here under another name too, or about to be: it only moves. */
static bool stays_elsewhere(struct fetch *f, const struct ticket *t)
{
	struct copy c = { .f = f, .t = t };
	struct ticket *other;

	if (t->pair != NULL)
		return true;
	if (t->ours.kind != RECORD_FILE)
		return false;
	HASH_FIND(hh_root, f->copies, t->ours.content.root, 32, other);
	if (other != NULL && other != t)
		return true;
	index_by_content(f->c.index, &t->ours.content, check_copy, &c);
	return c.stays;
}

/* The file was made within the hour, either by its deleter or by another member that has nothing to do with the
 * deletion: in some shares one member puts files and another takes them away. */
static bool is_young(struct fetch *f, const struct ticket *t, uint64_t path)
{
	int64_t age_ns = clock_wall_ns() - t->ours.seen.ctime_ns;
	struct author *a;

	if (t->ours.modified_by != t->want.modified_by)
		return t->ours.via != t->peer && age_ns >= 0 && age_ns / 1000000 < BURST_WINDOW_MS;
	a = guard_author(f->guard, guard_author_of(t));
	return a != NULL && losses_has_made(a->losses, path, fetch_now(f));
}

/* The author took away what was here before, within the hour, and that was counted; now it replaces its own. So a
 * member that puts back what went before the rest was held is not held for that. */
static bool is_taken_already(struct fetch *f, const struct ticket *t, uint64_t path)
{
	struct author *a = guard_author(f->guard, guard_author_of(t));

	return t->ours.modified_by == t->want.modified_by && a != NULL &&
	       losses_has_done(a->losses, path, fetch_now(f));
}

/* Counts one more loss. True if the losses are a burst by now. */
static bool counts_up(struct fetch *f, struct who who, uint64_t path, bool own)
{
	struct index_totals totals = index_totals(f->c.index);
	int64_t there = totals.files + totals.symlinks, now = fetch_now(f), lost, most;
	struct author *a = author_get(f, who);

	most = burst_most(&f->guard->most, there, now);
	losses_add(a->losses, path, own, now);
	lost = losses_count(a->losses, most - there + f->guard->going, now);
	/* A member that was away hears from one member what many did meanwhile, so brought losses need a higher
	 * number. */
	if (who.brings && lost * BROUGHT_OF < most * BROUGHT_PARTS)
		return false;
	return burst_is_large(lost, most);
}

static void guard_weigh(struct fetch *f, struct ticket *t)
{
	uint64_t path = guard_hash(f->guard, t->want.path);
	struct hold *h = guard_hold_over(f->guard, t);
	bool large, brought = false, own;

	t->weighed = true;
	t->released = h != NULL && h->until_s != 0;
	t->stays = !t->released && stays_elsewhere(f, t);
	if (t->released || t->stays || is_taken_already(f, t, path))
		return;
	t->loss = true;
	t->going = t->merged.deleted;
	f->guard->going += t->going;
	own = t->merged.deleted && is_young(f, t, path);
	large = counts_up(f, guard_author_of(t), path, own);
	if (t->peer != 0 && t->peer != t->want.modified_by)
		brought = counts_up(f, guard_bringer_of(t), path, own);
	if (h == NULL && (large || brought))
		guard_hold_new(f, large ? guard_author_of(t) : guard_bringer_of(t));
}

/* A version of it would be spared when versions are thinned, but the budget for such versions is used up. */
static bool lacks_budget(struct fetch *f, const struct ticket *t)
{
	struct guard *g = f->guard;
	struct kept_hands hands = guard_hands(f, t);

	if (!t->loss || g->versions_budget == INT64_MAX || !kept_is_foreign(&hands))
		return false;
	if (t->ours.content.size > g->versions_budget)
		return true;
	g->versions_budget -= t->ours.content.size;
	return false;
}

/* Sends a weighed ticket on, or lets it wait. t may be gone afterwards. */
static void guard_go_on(struct fetch *f, struct ticket *t)
{
	struct hold *h = t->loss ? guard_hold_over(f->guard, t) : NULL;

	t->released |= f->guard->pass_until_s > clock_wall_s();
	if (h != NULL && h->until_s == 0) {
		guard_hold_ticket(f, h, t);
	} else if (lacks_budget(f, t)) {
		if (f->c.versions != NULL)
			f->c.versions(f->c.arg);
		guard_waits(f, t);
		ticket_wait(f, t, REASON_UNKEPT);
	} else {
		t->passed = true;
		if (t->state == TICKET_LOSS)
			route_ticket(f, t);
	}
}

/* A few losses go on at once. More by the same author wait until the news pauses, so that a burst is seen as a
 * whole. */
static bool is_one_of_few(struct fetch *f, const struct ticket *t)
{
	struct author *a = guard_author(f->guard, guard_author_of(t));

	return !t->loss || a == NULL || losses_count(a->losses, INT64_MAX, fetch_now(f)) < BURST_MIN;
}

int64_t guard_due(const struct fetch *f)
{
	const struct ticket *t = f->list[TICKET_LOSS];
	int64_t due;

	if (t == NULL)
		return INT64_MAX;
	due = f->last_record_ms + QUIET_MS;
	return due < t->since_ms + QUIET_MAX_MS ? due : t->since_ms + QUIET_MAX_MS;
}

/* Tickets that came since the last time are at the end of the list. */
static struct ticket *first_unweighed(struct fetch *f)
{
	struct ticket *head = f->list[TICKET_LOSS], *t = head != NULL ? head->prev : NULL;

	if (t == NULL || t->weighed)
		return NULL;
	while (t != head && !t->prev->weighed)
		t = t->prev;
	return t;
}

void guard_turn(struct fetch *f)
{
	struct ticket *t, *next, *first = first_unweighed(f);

	for (t = first; t != NULL; t = t->next)
		guard_weigh(f, t);
	/* A new hold takes tickets out of the list. */
	if (f->guard->begins || fetch_now(f) >= guard_due(f)) {
		guard_begin_holds(f);
		first = f->list[TICKET_LOSS];
	}
	for (t = first; t != NULL; t = next) {
		next = t->next;
		if (fetch_now(f) >= guard_due(f) || is_one_of_few(f, t))
			guard_go_on(f, t);
	}
	guard_end_holds(f);
}

void guard_deletions(struct fetch *f)
{
	struct ticket *t, *next;

	DL_FOREACH(f->list[TICKET_DELETE], t) {
		if (!t->weighed && guard_takes_away(t))
			guard_weigh(f, t);
	}
	guard_begin_holds(f);
	DL_FOREACH_SAFE(f->list[TICKET_DELETE], t, next) {
		if (guard_weighs(t))
			guard_go_on(f, t);
	}
}

/* Other files with the content of a new one, and the first of them that is held. */
struct others {
	struct fetch *f;
	const char *path; /* the new file's */
	bool any;
	int looked;
	char *held; /* owned */
};

static bool note_other(void *arg, const struct record *r)
{
	struct others *o = arg;

	if (strcmp(r->path, o->path) == 0)
		return true;
	o->any = true;
	if (guard_holds(o->f, r->path))
		o->held = mem_strdup(r->path);
	return o->held == NULL && ++o->looked < COPIES_LOOKED;
}

/* A held path is judged again. */
static void weigh_again(struct fetch *f, const char *path)
{
	struct ticket *t = ticket_find(f, path);

	if (t == NULL)
		(void)route_load(f, path);
	else if (t->state == TICKET_WAITING)
		ticket_due(f, t, 0);
	fetch_wake(f);
}

static void note_taken(struct fetch *f, const struct ticket *t)
{
	struct author *a = guard_author(f->guard, guard_author_of(t));

	if (a != NULL && record_is_live(&t->merged))
		losses_done(a->losses, guard_hash(f->guard, t->want.path));
}

void guard_installed(struct fetch *f, struct ticket *t)
{
	struct others o = { .f = f, .path = t->want.path };
	bool made =
		!record_is_live(&t->ours) && record_is_live(&t->merged) && t->merged.kind != RECORD_DIR && !t->repair;

	/* The loss has happened. */
	if (t->loss)
		note_taken(f, t);
	if (t->stays && t->merged.deleted) {
		struct index_totals totals = index_totals(f->c.index);

		burst_moved(&f->guard->most, totals.files + totals.symlinks);
	}
	guard_end_loss(f->guard, t);
	if (!made)
		return;
	/* A content that was here under another name already is not its author's own, and a held file with it may have
	 * moved here. That one that came from another name was here is known. */
	if (t->merged.kind == RECORD_FILE && (t->from == NULL || guard_holds_any(f->guard)))
		index_by_content(f->c.index, &t->merged.content, note_other, &o);
	if (!o.any && t->from == NULL)
		losses_note_made(author_get(f, guard_author_of(t))->losses, guard_hash(f->guard, t->want.path),
		                 fetch_now(f));
	if (o.held != NULL)
		weigh_again(f, o.held);
	free(o.held);
}
