/* Which way a judged ticket goes: straight to its place, into the queue for its content, or together with a deletion
 * as a move. See fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	FOLLOW_MS = 30000, /* a file that moves gets its new name at most so long before the old one goes */
	FOLLOW_MAX = 256,  /* listed paths of one content that it looks at */
};

/* A folder of ours has to go first. */
static bool ticket_frees_folder(const struct ticket *t)
{
	return record_is_live(&t->ours) && t->ours.kind == RECORD_DIR &&
	       (t->merged.deleted || t->merged.kind != RECORD_DIR);
}

static bool needs_content(const struct ticket *t)
{
	return t->action != RECONCILE_ADOPT && !t->merged.deleted && t->merged.kind == RECORD_FILE &&
	       t->merged.content.nblocks > 0 && t->bytes == NULL && t->from == NULL && t->pair == NULL;
}

/* The content is here, or none is needed. */
static void make_ready(struct fetch *f, struct ticket *t)
{
	if (t->download != NULL)
		download_unpark(t->download);
	if (ticket_frees_folder(t))
		ticket_to(f, t, TICKET_RMDIR);
	else
		ticket_to(f, t, t->merged.deleted ? TICKET_DELETE : TICKET_READY);
}

static void set_copy_from(struct ticket *t, const struct record *row)
{
	if (t->from != NULL)
		record_clear(t->from);
	else
		t->from = MEM_NEW(struct record);
	record_copy(t->from, row);
}

static bool may_move(const struct ticket *t)
{
	return !t->no_move && !t->repair && t->pair == NULL && t->action == RECONCILE_TAKE &&
	       !record_is_live(&t->ours) && t->state != TICKET_INSTALLING;
}

/* The file that `gone` deletes becomes the one that t wants. */
static void route_pair(struct fetch *f, struct ticket *t, struct ticket *gone)
{
	set_copy_from(t, &gone->ours);
	ticket_to(f, gone, TICKET_PAIRED);
	t->pair = gone;
	gone->pair = t;
	ticket_to(f, t, TICKET_READY);
}

static struct ticket *find_deletion(struct fetch *f, const struct content *c)
{
	struct ticket *t;

	HASH_FIND(hh_root, f->deletions, c->root, 32, t);
	return t != NULL && !t->no_move && content_equal(&t->ours.content, c) ? t : NULL;
}

static struct ticket *find_awaiting(struct fetch *f, const struct content *c)
{
	struct ticket *t;

	HASH_FIND(hh_root, f->copies, c->root, 32, t);
	return t != NULL && t->state == TICKET_AWAIT_MOVE && may_move(t) && content_equal(&t->want.content, c) ? t
	                                                                                                       : NULL;
}

bool route_needs_copy(const struct fetch *f, const struct content *c)
{
	struct ticket *t;

	HASH_FIND(hh_root, f->copies, c->root, 32, t);
	if (t == NULL || t->pair != NULL || !content_equal(&t->want.content, c))
		return false;
	/* A ticket that waits does not hold up others, since it may wait for the space that they free; except where
	 * it waits without a reason, which passes in a moment. */
	return t->state != TICKET_WAITING || t->reason == REASON_NONE;
}

struct local_copy {
	const char *path; /* not this one */
	struct record row;
	bool found;
};

static bool note_copy(void *arg, const struct record *r)
{
	struct local_copy *c = arg;

	if (strcmp(r->path, c->path) == 0)
		return true;
	record_copy(&c->row, r);
	c->found = true;
	return false;
}

/* The deletion of a local file may be an offer in the index, without a ticket. */
static void load_deletion(struct fetch *f, const char *path)
{
	struct ticket *gone;

	if (!index_is_offered(f->c.index, path) || ticket_find(f, path) != NULL)
		return;
	gone = route_load(f, path);
	if (gone != NULL && gone->state == TICKET_FRESH)
		route_ticket(f, gone);
}

/* True when a local file has the content: t then waits a moment, since news may say that the file moved. */
static bool await_move(struct fetch *f, struct ticket *t)
{
	struct local_copy copy = { .path = t->want.path };

	if (t->awaited || t->repair)
		return false;
	index_by_content(f->c.index, &t->want.content, note_copy, &copy);
	if (!copy.found)
		return false;
	load_deletion(f, copy.row.path);
	ticket_to(f, t, TICKET_AWAIT_MOVE);
	record_clear(&copy.row);
	return true;
}

/* Its turn comes in the queue, or, if too many tickets are under way, when the walk through the index begins again.
 * Sources are found by offers in the index, so an unstored record is stored first: a change of mode or mtime whose
 * content became needed because our file changed meanwhile. */
static void queue_up(struct fetch *f, struct ticket *t)
{
	if (carried_take_early(f, t)) {
		make_ready(f, t);
		return;
	}
	if (carried_wait(f, t))
		return;
	ticket_store(f, t);
	if (ticket_has_slot(f, t->peer, WINDOW_MAX) || t->unstored || t->repair || t->download != NULL) {
		ticket_to(f, t, TICKET_QUEUED);
		return;
	}
	f->walk.again = true;
	ticket_free(f, t);
}

/* t needs its content: by moving a file, by copying one, or from peers. */
static void route_content(struct fetch *f, struct ticket *t)
{
	struct ticket *gone = may_move(t) ? find_deletion(f, &t->want.content) : NULL;

	if (gone != NULL) {
		route_pair(f, t, gone);
		return;
	}
	if (!needs_content(t)) {
		make_ready(f, t);
		return;
	}
	if (t->download != NULL && t->state == TICKET_ACTIVE)
		return;
	if (t->download != NULL && download_is_ready(t->download))
		make_ready(f, t);
	else if (t->download != NULL && !download_is_parked(t->download))
		ticket_to(
			f, t,
			TICKET_ACTIVE); /* it was weighed again meanwhile; begun again, there would be two downloads */
	else if (t->download != NULL || !await_move(f, t))
		queue_up(f, t);
}

/* What the list has for the path is wanted, whatever the choices say; except what is its user's own. */
static void route_force(struct fetch *f, const char *path)
{
	struct record want = { .path = mem_strdup(path) };
	struct choose_state state;
	struct ticket *t;

	if (ticket_find(f, path) != NULL || !choose_shares(index_choices(f->c.index), path) ||
	    index_choose_state(f->c.index, path, &state) < 0 || state.own || state.leaving) {
		record_clear(&want);
		return;
	}
	t = ticket_new(f, &want, 0);
	t->forced = true;
	route_judge(f, t);
}

/* The folder above what is wanted comes along, with its own mode and record, and not as one that somebody made here. */
static void route_parent(struct fetch *f, const char *path)
{
	char *parent = mem_strdup(path), *slash = strrchr(parent, '/');
	struct record row = { 0 }, listed = { 0 };

	if (slash != NULL)
		*slash = '\0';
	if (slash != NULL && ticket_find(f, parent) == NULL &&
	    (index_get(f->c.index, parent, &row) == 0 || !record_is_live(&row)) &&
	    index_list_get(f->c.index, parent, &listed) > 0 && record_is(&listed, RECORD_DIR))
		route_force(f, parent);
	record_clear(&row);
	record_clear(&listed);
	free(parent);
}

/* Where a file went that others deleted here: what was listed last with its content, a short time ago at most. */
struct followed {
	uint64_t after; /* our number then, and later of the best so far */
	char *path;     /* owned */
	int left;       /* how many more to look at */
};

static bool note_followed(void *arg, const struct record *r)
{
	struct followed *to = arg;

	if (r->seq > to->after) {
		free(to->path);
		to->path = mem_strdup(r->path);
		to->after = r->seq;
	}
	return --to->left > 0;
}

/* Of a large move the two halves can be many messages apart. */
void route_records_end(struct fetch *f)
{
	int64_t now = fetch_now(f);

	if (now - f->listed_from_ms < FOLLOW_MS)
		return;
	f->listed_from[0] = f->listed_from[1];
	f->listed_from[1] = index_seq(f->c.index);
	f->listed_from_ms = now;
}

/* A file that is here stays here when others move it, whatever the choices say of its new path. */
static void route_follow(struct fetch *f, struct ticket *gone)
{
	struct followed to = { .after = f->listed_from[0], .left = FOLLOW_MAX };

	if (gone->no_move || gone->by_root != ROOT_DELETION || index_listed(f->c.index) == 0)
		return;
	(void)index_list_by_content(f->c.index, &gone->ours.content, note_followed, &to);
	if (to.path != NULL)
		route_force(f, to.path);
	free(to.path);
}

void route_listed(struct fetch *f, const struct record *r)
{
	if (f->deletions != NULL && record_is(r, RECORD_FILE) && find_deletion(f, &r->content) != NULL)
		route_force(f, r->path);
}

/* A pair stays a pair; a loss is weighed by the guard first; what needs no content goes to its place; the rest is for
 * route_content(). */
void route_ticket(struct fetch *f, struct ticket *t)
{
	struct ticket *awaiting;

	if (t->pair != NULL) {
		ticket_to(f, t, t->merged.deleted ? TICKET_PAIRED : TICKET_READY);
		return;
	}
	if (!t->merged.deleted && guard_weighs(t)) {
		ticket_to(f, t, TICKET_LOSS);
		return;
	}
	if (!t->merged.deleted && index_listed(f->c.index) > 0)
		route_parent(f, t->want.path);
	if (t->action == RECONCILE_ADOPT || t->merged.deleted || t->merged.kind != RECORD_FILE ||
	    t->merged.content.nblocks == 0) {
		if (t->download != NULL)
			download_drop(t->download, false);
		make_ready(f, t);
		awaiting = t->state == TICKET_DELETE && t->by_root == ROOT_DELETION && !t->no_move
		                   ? find_awaiting(f, &t->ours.content)
		                   : NULL;
		if (awaiting != NULL)
			route_pair(f, awaiting, t);
		else if (t->state == TICKET_DELETE)
			route_follow(f, t);
		return;
	}
	route_content(f, t);
}

void route_judge(struct fetch *f, struct ticket *t)
{
	guard_judges(f, t->want.path);
	switch (judge_ticket(f, t)) {
	case JUDGED_WORK:
		route_ticket(f, t);
		break;
	case JUDGED_AGAIN:
		ticket_wait(f, t, REASON_CHANGED);
		break;
	case JUDGED_NOTHING:
		ticket_free(f, t);
		break;
	case JUDGED_FAILED:
		ticket_wait(f, t, REASON_DISK);
		break;
	}
}

struct ticket *route_load(struct fetch *f, const char *path)
{
	struct ticket *t = ticket_find(f, path);
	struct record want = { 0 };

	if (t != NULL)
		return t;
	want.path = mem_strdup(path);
	t = ticket_new(f, &want, 0);
	route_judge(f, t);
	return ticket_find(f, path);
}

/* Offers that came while its batch was out are judged first. */
static void route_judged(struct fetch *f, struct ticket *t)
{
	if (t->rejudge)
		route_judge(f, t);
	else
		route_ticket(f, t);
}

void route_fresh(struct fetch *f)
{
	struct ticket *t, *next;

	/* load_deletion() may add a ticket to this list meanwhile; it routes that itself. */
	DL_FOREACH_SAFE(f->list[TICKET_FRESH], t, next) {
		if (t->merged.deleted)
			route_judged(f, t);
	}
	while ((t = f->list[TICKET_FRESH]) != NULL)
		route_judged(f, t);
}

void route_awaited(struct fetch *f)
{
	int64_t now = fetch_now(f);
	struct ticket *t;

	while ((t = f->list[TICKET_AWAIT_MOVE]) != NULL && now - t->since_ms >= QUIET_MS) {
		struct local_copy copy = { .path = t->want.path };

		t->awaited = true;
		/* A file of one block is copied whole; of a larger one the download finds the blocks. */
		if (t->want.content.nblocks == 1)
			index_by_content(f->c.index, &t->want.content, note_copy, &copy);
		if (copy.found) {
			set_copy_from(t, &copy.row);
			record_clear(&copy.row);
			make_ready(f, t);
		} else if (needs_content(t)) {
			queue_up(f, t);
		} else {
			make_ready(f, t); /* another peer's news brought the bytes meanwhile */
		}
	}
}

/* No more than waited at the beginning are tried, since one that is tried may wait again at once. */
int64_t route_due(struct fetch *f)
{
	int64_t now = fetch_now(f);
	size_t left;
	struct ticket *t;

	if (now >= f->settled_due_ms) {
		f->settled_due_ms = INT64_MAX;
		ticket_retry(f, REASON_NO_SOURCE);
	}
	for (left = f->count[TICKET_WAITING]; left > 0 && ticket_next_due_ms(f) <= now; left--) {
		t = ticket_next_due(f);
		f->visits++;
		if (t->due_ms <= now) {
			ticket_to(f, t, TICKET_FRESH);
			route_judge(f, t);
		} else {
			listed_sourceless(f, t);
		}
	}
	return ticket_next_due_ms(f) < f->settled_due_ms ? ticket_next_due_ms(f) : f->settled_due_ms;
}
