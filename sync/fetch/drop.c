/* Frees the disk of what its user does not want here any more, without deleting it for anybody. See fetch.h.
 *
 * The order keeps a drop from being told as a deletion, and the last copy from going:
 *   1. From now on we do not answer that we hold the path. A connected member that may write has to answer that it holds
 *      it: two that drop at once refuse each other. Where something newer is offered nobody is asked, since what is here
 *      becomes a version.
 *   2. The row is marked as leaving: an absent file is not a deletion then.
 *   3. The choices say that the path is not wanted; the index is safe before they are.
 *   4. A worker takes the file aside, compares it with its row, and removes it.
 *   5. The row goes, and its record is listed.
 * A change of the file ends a drop. One that a crash interrupted after step 2 is carried through at the start. */
#include "sync/fetch/drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ASK_MS = 10000, AGAIN_MS = 300, TRIES_MAX = 4, JOB_MAX = 256, RESUMED_AT_ONCE = 1024 };

static const char NOT_CURRENT[] = "it is being changed just now: try again";
static const char NOBODY[] = "no member that is connected now is known to have it: it may be the last copy";

bool fetch_is_dropping(const struct fetch *f, const char *path)
{
	struct drop *d;

	HASH_FIND_STR(f->drops, path, d);
	return d != NULL;
}

static void drop_free(struct drop *d)
{
	record_clear(&d->row);
	free(d->path);
	free(d);
}

static void drop_end(struct fetch *f, struct drop *d, enum fetch_drop_end end, const char *why)
{
	struct ticket *t = ticket_find(f, d->path);

	HASH_DEL(f->drops, d);
	if (t != NULL && t->state == TICKET_WAITING)
		t->due_ms = 0;
	f->state_changed = true;
	fetch_wake(f);
	if (d->done != NULL)
		d->done(d->arg, end, why);
	drop_free(d);
}

/* The mark goes, and what was left because of it is wanted again. */
static void drop_unmark(struct fetch *f, struct drop *d)
{
	struct record row = { 0 };

	if (index_get(f->c.index, d->path, &row) > 0 && row.leaving) {
		(void)index_leaving_put(f->c.index, d->path, false);
		(void)index_choose_under(f->c.index, index_choices(f->c.index), d->path);
		f->walk.again = true;
	}
	record_clear(&row);
}

/* The path stays. */
static void drop_undo(struct fetch *f, struct drop *d, const char *why)
{
	drop_unmark(f, d);
	drop_end(f, d, FETCH_DROP_REFUSED, why);
}

/* --- step 1 --- */

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

/* Reads the row that is to go, and what is offered beside it. NULL, or why it cannot go. */
static const char *drop_look(struct fetch *f, struct drop *d)
{
	const struct ticket *t = ticket_find(f, d->path);
	struct drop_weighed w = { .row = &d->row };

	record_clear(&d->row);
	if (index_get(f->c.index, d->path, &d->row) < 0)
		return "the index cannot be read";
	if (!record_is_live(&d->row))
		return NULL;
	if (t != NULL && (t->state == TICKET_INSTALLING || t->state == TICKET_PAIRED))
		return NOT_CURRENT;
	if (t != NULL && t->unstored)
		drop_weigh(&w, &t->want);
	if (index_offers(f->c.index, d->path, drop_weigh_offer, &w) < 0)
		return "the index cannot be read";
	if (w.conflict)
		return "it is in conflict: try again when that is settled";
	d->behind = w.newer;
	return NULL;
}

static bool drop_ask(struct fetch *f, struct drop *d)
{
	struct fetch_peer *p, *next;

	d->state = DROP_ASKING;
	d->request = ++f->drop_requests;
	d->asked = 0;
	HASH_ITER(hh, f->peers, p, next) {
		if (p->up && f->c.ops->hold_ask(f->c.ops_arg, p->id, d->request, &d->row) == 0)
			d->asked++;
	}
	d->asked_ms = fetch_now(f);
	return d->asked > 0;
}

/* --- steps 2 and 3 --- */

/* What is under way for a path that is not wanted any more ends. */
static void drop_ticket(struct fetch *f, const char *path)
{
	struct ticket *t = ticket_find(f, path);

	if (t == NULL || t->merged.deleted || index_wants(f->c.index, &t->want))
		return;
	t->rejudge = true;
	if (t->state != TICKET_INSTALLING && t->state != TICKET_PAIRED)
		route_judge(f, t);
}

static void drop_chosen(void *arg, bool ok)
{
	struct drop *d = arg;
	struct fetch *f = d->f;

	if (f->dead) {
		drop_free(d);
	} else if (!ok) {
		drop_undo(f, d, "the choices cannot be written");
	} else if (!record_is_live(&d->row)) {
		drop_ticket(f, d->path);
		drop_end(f, d, FETCH_DROPPED, NULL);
	} else {
		drop_ticket(f, d->path);
		d->state = DROP_MARKED;
		fetch_wake(f);
	}
	fetch_job_end(f);
}

static void drop_choose(struct fetch *f, struct drop *d)
{
	d->state = DROP_CHOOSING;
	fetch_job_begin(f);
	if (f->c.drop_choice != NULL)
		f->c.drop_choice(f->c.arg, d->path, drop_chosen, d);
	else
		drop_chosen(d, true);
}

/* Somebody holds it, or nobody has to. */
static void drop_confirmed(struct fetch *f, struct drop *d)
{
	struct record asked = d->row;
	bool behind = d->behind;
	const char *why;
	bool same;

	d->row = (struct record){ 0 };
	why = drop_look(f, d);
	same = why == NULL && record_is_live(&d->row) && (behind || !d->behind) &&
	       version_compare(&d->row.version, &asked.version) == VERSION_EQUAL && record_same(&d->row, &asked);
	record_clear(&asked);
	if (!same) {
		drop_end(f, d, FETCH_DROP_REFUSED, why != NULL ? why : NOT_CURRENT);
		return;
	}
	if (index_leaving_put(f->c.index, d->path, true) < 0 ||
	    index_choose_under(f->c.index, index_choices(f->c.index), d->path) < 0) {
		drop_undo(f, d, "the index cannot be written");
		return;
	}
	drop_choose(f, d);
}

/* Nothing of it is here; and what others may have deleted here is not wanted any more. */
static void drop_absent(struct fetch *f, struct drop *d)
{
	static const struct seen never;

	if (d->row.path != NULL && !record_seen_is_none(&d->row.seen))
		(void)index_touch(f->c.index, d->path, &never);
	drop_choose(f, d);
}

static struct drop *drop_new(struct fetch *f, const char *path)
{
	struct drop *d = MEM_NEW(struct drop);

	d->f = f;
	d->path = mem_strdup(path);
	HASH_ADD_KEYPTR(hh, f->drops, d->path, strlen(d->path), d);
	return d;
}

/* Why the path cannot be dropped, whatever is there; NULL: it can. */
static const char *drop_refusal(struct fetch *f, const char *path)
{
	const struct choices *choices = index_choices(f->c.index);
	struct choose_state state;

	if (choices->mode == CHOOSE_MIRROR)
		return "this agent is a mirror, which has everything: switch it to on-demand first";
	if (fetch_is_dropping(f, path))
		return "it is being dropped already";
	if (index_choose_state(f->c.index, path, &state) < 0)
		return "the index cannot be read";
	return state.own || !choose_shares(choices, path) ? "it is not shared here" : NULL;
}

static void drop_begin(struct fetch *f, struct drop *d)
{
	const char *why = drop_look(f, d);

	if (why != NULL)
		drop_end(f, d, FETCH_DROP_REFUSED, why);
	else if (!record_is_live(&d->row))
		drop_absent(f, d);
	else if (d->even_if_last || d->behind || d->row.kind != RECORD_FILE || d->row.content.nblocks == 0)
		drop_confirmed(f, d);
	else if (!drop_ask(f, d))
		drop_end(f, d, FETCH_DROP_REFUSED, NOBODY);
}

void fetch_drop(struct fetch *f, const char *path, bool even_if_last, fetch_drop_done *done, void *arg)
{
	const char *why = drop_refusal(f, path);
	struct drop *d;

	if (why != NULL) {
		done(arg, FETCH_DROP_REFUSED, why);
		return;
	}
	d = drop_new(f, path);
	d->done = done;
	d->arg = arg;
	d->even_if_last = even_if_last;
	fetch_wake(f);
	drop_begin(f, d);
}

/* An answer to no question of ours changes nothing. */
void fetch_hold_answer(struct fetch *f, uint64_t peer, uint32_t request, bool has)
{
	struct drop *d, *next;

	(void)peer;
	HASH_ITER(hh, f->drops, d, next) {
		if (d->state != DROP_ASKING || d->request != request)
			continue;
		if (has)
			drop_confirmed(f, d);
		else if (--d->asked == 0)
			drop_end(f, d, FETCH_DROP_REFUSED, NOBODY);
		return;
	}
}

bool fetch_holds(struct fetch *f, const struct record *asked)
{
	struct record row = { 0 };
	enum version_order order = VERSION_OLDER;
	bool has = !fetch_is_dropping(f, asked->path) && index_get(f->c.index, asked->path, &row) > 0 &&
	           record_is_live(&row) && row.version.n > 0 && !row.leaving;

	if (has)
		order = version_compare(&row.version, &asked->version);
	has = has && (order == VERSION_NEWER || order == VERSION_EQUAL) && record_same_content(&row, asked);
	record_clear(&row);
	return has;
}

/* --- steps 4 and 5 --- */

struct drop_job {
	struct fetch *f;
	struct install_job job;
	struct install_item items[JOB_MAX], *order[JOB_MAX];
	struct drop *drops[JOB_MAX];
	size_t n;
	char *group; /* owned */
};

static void drop_work(void *arg)
{
	struct drop_job *j = arg;

	install_job_run(&j->job);
}

/* Step 5, whatever stands at the path by now. */
static void drop_row(struct fetch *f, struct drop *d)
{
	struct record row = { 0 };
	bool leaving = index_get(f->c.index, d->path, &row) > 0 && record_is_live(&row) && row.leaving;

	record_clear(&row);
	if (!leaving) {
		if (f->c.hint != NULL)
			f->c.hint(f->c.arg, d->path);
		drop_end(f, d, FETCH_DROP_REFUSED, NOT_CURRENT);
	} else if (index_drop(f->c.index, d->path) < 0) {
		drop_undo(f, d, "the index cannot be written");
	} else {
		drop_end(f, d, FETCH_DROPPED, NULL);
	}
}

/* The file may have another ctime alone: the scan reads it, and then it goes, or is found to be changed. */
static void drop_again(struct fetch *f, struct drop *d)
{
	if (f->c.hint != NULL)
		f->c.hint(f->c.arg, d->path);
	if (++d->tries == TRIES_MAX) {
		drop_undo(f, d, "it was changed meanwhile");
		return;
	}
	drop_unmark(f, d);
	d->state = DROP_AGAIN;
	d->asked_ms = fetch_now(f);
	fetch_wake(f);
}

static void drop_result(struct fetch *f, struct drop *d, const struct install_item *item)
{
	if (item->hint && f->c.hint != NULL)
		f->c.hint(f->c.arg, d->path);
	switch (item->result) {
	case INSTALL_DONE:
		drop_row(f, d);
		return;
	case INSTALL_NO_SHARE:
		drop_undo(f, d, "the share is not there");
		return;
	case INSTALL_NOT_EMPTY:
		drop_undo(f, d, "something else is in it");
		return;
	case INSTALL_CHANGED:
	case INSTALL_NO_PARENT:
	case INSTALL_BAD_BYTES:
	case INSTALL_NO_SOURCE:
		drop_again(f, d);
		return;
	case INSTALL_ERROR:
		drop_undo(f, d, reason_text(reason_of_errno(item->error)));
		return;
	}
}

static void drop_job_done(void *arg)
{
	struct drop_job *j = arg;
	struct fetch *f = j->f;

	f->drop_job = NULL;
	if (j->job.kept > 0 && !f->dead && f->c.versions != NULL)
		f->c.versions(f->c.arg);
	for (size_t i = 0; i < j->n; i++) {
		if (f->dead)
			drop_free(j->drops[i]);
		else
			drop_result(f, j->drops[i], &j->items[i]);
		install_item_clear(&j->items[i]);
	}
	free(j->job.share_why);
	share_handle_free(j->job.handle);
	free(j->group);
	free(j);
	fetch_job_end(f);
}

static void drop_sync_notes(const void *index)
{
	(void)index_sync(index);
}

static void drop_add(struct drop_job *j, struct drop *d)
{
	struct install_item *item = &j->items[j->n];

	*item = (struct install_item){ .op = INSTALL_DELETE, .want = &d->row, .ours = &d->row, .release = !d->behind };
	j->order[j->n] = item;
	j->drops[j->n++] = d;
	d->state = DROP_OUT;
}

static void drop_send(struct fetch *f, struct drop_job *j)
{
	j->f = f;
	j->group = mem_strdup(share_group(f->c.share));
	j->job = (struct install_job){ .handle = share_handle_of(f->c.share),
		                       .id = random_u64(),
		                       .short_id = f->c.short_id,
		                       .group = j->group,
		                       .items = j->order,
		                       .n = j->n,
		                       .copies_stay = f->c.copies_stay,
		                       .folds_case = share_disk(f->c.share)->folds_case,
		                       .reserve = f->reserve,
		                       .sync_notes = drop_sync_notes,
		                       .notes = f->c.index };
	f->drop_job = j;
	fetch_job_begin(f);
	workers_submit(f->c.workers, WORKERS_QUICK, drop_work, drop_job_done, j);
}

/* The marks of an earlier turn are committed by now. The row may have changed since it was marked. */
static void drop_begin_job(struct fetch *f)
{
	struct drop_job *j = NULL;
	struct drop *d, *next;

	HASH_ITER(hh, f->drops, d, next) {
		const char *why;

		if (d->state != DROP_READY)
			continue;
		why = drop_look(f, d);
		if (why != NULL || !record_is_live(&d->row) || !d->row.leaving) {
			drop_undo(f, d, why != NULL ? why : NOT_CURRENT);
			continue;
		}
		if (j == NULL)
			j = MEM_NEW(struct drop_job);
		drop_add(j, d);
		if (j->n == JOB_MAX)
			break;
	}
	if (j != NULL)
		drop_send(f, j);
}

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t drop_turn(struct fetch *f)
{
	int64_t now = fetch_now(f), due = INT64_MAX;
	struct drop *d, *next;

	if (f->drops == NULL && !f->resuming)
		return due;
	if (f->drop_job == NULL && f->started && !f->paused && !f->cleaning)
		drop_begin_job(f);
	HASH_ITER(hh, f->drops, d, next) {
		if (d->state == DROP_MARKED) {
			d->state = DROP_READY;
			due = now;
		} else if (d->state == DROP_AGAIN && now - d->asked_ms >= AGAIN_MS * d->tries) {
			drop_begin(f, d);
			due = now;
		} else if (d->state == DROP_AGAIN) {
			due = earlier_of(due, d->asked_ms + AGAIN_MS * d->tries);
		} else if (d->state == DROP_ASKING && now - d->asked_ms >= ASK_MS) {
			drop_end(f, d, FETCH_DROP_REFUSED, NOBODY);
		} else if (d->state == DROP_ASKING) {
			due = earlier_of(due, d->asked_ms + ASK_MS);
		}
	}
	if (f->resuming && f->drops == NULL)
		drop_resume(f);
	return due;
}

/* --- the start --- */

struct marked {
	char *path[RESUMED_AT_ONCE];
	uint64_t last;
	int n;
};

static bool note_marked(void *arg, const struct record *r)
{
	struct marked *m = arg;

	m->last = r->seq;
	m->path[m->n++] = mem_strdup(r->path);
	return m->n < RESUMED_AT_ONCE;
}

/* The decision had been made before the crash, unless the choices say otherwise by now. */
void drop_resume(struct fetch *f)
{
	const struct choices *choices = index_choices(f->c.index);
	struct marked *m = MEM_NEW(struct marked);

	f->resuming = index_leaving(f->c.index, f->resumed_after, RESUMED_AT_ONCE, note_marked, m) == RESUMED_AT_ONCE;
	f->resumed_after = m->last;
	for (int i = 0; i < m->n; i++) {
		bool goes = choices->mode == CHOOSE_ON_DEMAND && choose_shares(choices, m->path[i]) &&
		            choose_rule_of(choices, m->path[i]) <= 0;

		if (fetch_is_dropping(f, m->path[i])) {
			free(m->path[i]);
			continue;
		}
		if (goes)
			drop_new(f, m->path[i])->state = DROP_READY;
		else
			(void)index_leaving_put(f->c.index, m->path[i], false);
		free(m->path[i]);
	}
	free(m);
	fetch_wake(f);
}

/* Those that a worker or the choices have come back to nobody. */
void drop_stop(struct fetch *f)
{
	struct drop *d, *next;

	HASH_ITER(hh, f->drops, d, next) {
		HASH_DEL(f->drops, d);
		if (d->state != DROP_OUT && d->state != DROP_CHOOSING)
			drop_free(d);
	}
}
