/* Frees the disk of what its user does not want here any more, without deleting it for anybody. See fetch.h.
 *
 * The order keeps a drop from being told as a deletion, and the last copy from going:
 *   1. From now on we do not answer that we hold the path. A connected member that may write has to answer that it
 *      holds it: two that drop at once refuse each other. Where something newer is offered nobody is asked, since what
 *      is here becomes a version.
 *   2. The row is marked as leaving: an absent file is not a deletion then.
 *   3. The choices say that the path is not wanted; the index is safe before they are.
 *   4. A worker takes the file aside, compares it with its row, and removes it.
 *   5. The row goes, and its record is listed.
 * A change of the file ends a drop. One that a crash interrupted after step 2 is carried through at the start. */
#include "sync/fetch/drop.h"

#include <string.h>

#include "base/mem.h"

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
		drop_end(f, d, FETCH_DROP_REFUSED, why != NULL ? why : DROP_NOT_CURRENT);
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

void drop_begin(struct fetch *f, struct drop *d)
{
	const char *why = drop_look(f, d);

	if (why != NULL)
		drop_end(f, d, FETCH_DROP_REFUSED, why);
	else if (!record_is_live(&d->row))
		drop_absent(f, d);
	else if (d->even_if_last || d->behind || d->row.kind == RECORD_DIR ||
	         (d->row.kind == RECORD_FILE && d->row.content.nblocks == 0))
		drop_confirmed(f, d);
	else if (!drop_ask(f, d))
		drop_end(f, d, FETCH_DROP_REFUSED, DROP_NOBODY);
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
			drop_end(f, d, FETCH_DROP_REFUSED, DROP_NOBODY);
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
