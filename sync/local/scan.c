/* Decides what to check next: single paths that are due, then subtrees, and the full scan alternately with them.
 * One job is out at a time, and results are merged in their order, so that a later check is never overruled by an
 * earlier one. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

enum {
	HASH_BACKLOG = 4096, /* files waiting to be hashed: nothing more is checked until they are fewer */
};

/* One job: a step of a walk, or single paths. */
struct scan_job {
	struct local *local;
	struct share_handle *handle;
	struct ignore *ignore;
	struct walk_merge *merge; /* NULL: single paths, or dropped */
	struct walk *walk;        /* the merge's; the job's own when it was dropped */
	struct scan_hint *hints;  /* owned */
	struct walk_path *paths;  /* owned */
	size_t n;
	uint64_t seq;
	struct walk_batch batch;
	char *why;                    /* owned; the share was not there at the end, so no check counts; NULL: it was */
	size_t at;                    /* the check to go on with */
	struct scan_job *prev, *next; /* in scan.ready */
};

/* --- jobs --- */

static void scan_job_free(struct scan_job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		struct scan_hint *h = &job->hints[i];

		if (h->hint.content) {
			/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it was added */
			HASH_DEL(job->local->scan.content_hints, h);
		}
		free(h->hint.path);
		free(h->from);
	}
	free(job->hints);
	free(job->paths);
	walk_batch_clear(&job->batch);
	free(job->why);
	share_handle_free(job->handle);
	ignore_free(job->ignore);
	free(job);
}

static void scan_job_work(void *arg)
{
	struct scan_job *job = arg;

	if (job->walk != NULL)
		walk_step(job->walk, &job->batch);
	else
		walk_check(job->handle, job->ignore, job->paths, job->n, &job->batch);
	/* After the checks: what was absent in a share that is there now, was absent. */
	(void)share_handle_check(job->handle, &job->why);
}

static void finish_full(struct local *l)
{
	if (!l->scan.full_ended || l->scan.full_hashing > 0)
		return;
	l->scan.full_ended = false;
	full_scanned(l);
}

void scan_full_hashed(struct local *l)
{
	l->scan.full_hashing--;
	finish_full(l);
}

static void end_walk(struct local *l, struct walk_merge *m)
{
	if (l->scan.subtree == m)
		l->scan.subtree = NULL;
	if (l->scan.full == m) {
		l->scan.full = NULL;
		l->scan.full_ended = true;
	}
	walk_merge_free(m);
	finish_full(l);
}

/* False: there is more to do in the next turn. */
static bool scan_merge_job(struct local *l, struct scan_job *job)
{
	if (job->why != NULL) {
		local_fail(l, job->why);
		job->why = NULL;
	} else if (job->merge == NULL) {
		walk_merge_hints(l, &job->batch, job->hints, job->seq);
		if (l->error == NULL)
			finish_full(l);
	} else if (!walk_merge_batch(l, job->merge, &job->batch, &job->at, job->seq)) {
		return false;
	} else if (job->batch.end) {
		end_walk(l, job->merge);
	}
	return true;
}

void scan_merge(struct local *l)
{
	while (l->scan.ready != NULL && l->error == NULL) {
		struct scan_job *job = l->scan.ready;

		if (!scan_merge_job(l, job)) {
			local_wake(l);
			break;
		}
		DL_DELETE(l->scan.ready, job);
		scan_job_free(job);
		scan_pump(l);
	}
	hash_pump(l->hash);
}

static void scan_job_done(void *arg)
{
	struct scan_job *job = arg;
	struct local *l = job->local;

	if (l->scan.out != job) {
		/* Freed or reset meanwhile: these checks do not count. */
		walk_free(job->walk);
		scan_job_free(job);
		local_unref(l);
		return;
	}
	l->scan.out = NULL;
	DL_APPEND(l->scan.ready,
	          job); /* NOLINT(clang-analyzer-core.NullDereference): the first one's prev is the last */
	if (job->merge != NULL)
		job->merge->walked = job->batch.end;
	if (job->merge != NULL && job->merge->full)
		l->scan.full_ignored += (int64_t)job->batch.ignored;
	/* The next job goes out first, so that the worker checks while the rows are merged. */
	scan_pump(l);
	scan_merge(l);
	local_unref(l);
}

static void scan_submit(struct local *l, struct scan_job *job)
{
	job->local = l;
	job->handle = share_handle_ref(l->handle);
	job->seq = index_seq(l->c.index);
	l->scan.out = job;
	l->scan.nout = job->n;
	local_ref(l);
	workers_submit(l->c.workers, WORKERS_QUICK, scan_job_work, scan_job_done, job);
}

static void submit_step(struct local *l, struct walk_merge *m)
{
	struct scan_job *job = MEM_NEW(struct scan_job);

	job->merge = m;
	job->walk = m->walk;
	l->scan.full_last = m->full;
	scan_submit(l, job);
}

/* --- single paths --- */

static void scan_add_hint(struct local *l, struct scan_job *job, struct debounce_hint hint, char *from, bool full)
{
	struct scan_hint *h = &job->hints[job->n];

	*h = (struct scan_hint){ .hint = hint, .from = from, .full = full };
	if (hint.content)
		HASH_ADD_KEYPTR(hh, l->scan.content_hints, h->hint.path, strlen(h->hint.path), h);
	job->paths[job->n] = (struct walk_path){ .path = hint.path, .from = from, .tag = (int)job->n };
	job->n++;
}

/* True when an installer works on the path: what we saw of it now would have to be read again. */
static bool put_off(struct local *l, struct debounce_hint *hint)
{
	if (!local_is_installing(l, hint->path))
		return false;
	if (hint->content || hidden_write_possible(l, hint->path, NULL))
		hidden_write_note(l, hint->path);
	free(hint->path);
	return true;
}

/* Renames first, each as a pair with the new path in front, so that its row can be made of the old path's row
 * before that becomes a tombstone. False: all that is due was put off. */
static bool submit_hints(struct local *l)
{
	struct scan_job *job = MEM_NEW(struct scan_job);
	struct debounce_hint hint;

	job->hints = mem_calloc(WALK_BATCH, sizeof(job->hints[0]));
	job->paths = mem_calloc(WALK_BATCH, sizeof(job->paths[0]));
	job->ignore = ignore_ref(share_ignore(l->c.share));
	while (l->scan.moves != NULL && job->n + 2 <= WALK_BATCH) {
		struct scan_move v = moves_take(l);

		scan_add_hint(l, job, (struct debounce_hint){ .path = v.to }, mem_strdup(v.from), v.full);
		scan_add_hint(l, job, (struct debounce_hint){ .path = v.from }, NULL, false);
	}
	while (job->n < WALK_BATCH && debounce_take(l->debounce, &hint)) {
		if (!put_off(l, &hint))
			scan_add_hint(l, job, hint, NULL, false);
	}
	if (job->n == 0) {
		job->local = l;
		scan_job_free(job);
		return false;
	}
	l->scan.full_last = false;
	scan_submit(l, job);
	return true;
}

/* --- walks --- */

static void scan_begin(struct local *l, struct walk_merge *m)
{
	m->ignore = ignore_ref(share_ignore(l->c.share));
	m->walk = walk_new(l->handle, m->under, m->from, m->shallow, m->ignore);
	m->cursor = index_walk(l->c.index, m->under);
	m->walk_no = ++l->scan.walk_no;
}

static void begin_subtree(struct local *l)
{
	struct walk_merge *m = l->scan.queue;

	HASH_DEL(l->scan.queue, m);
	scan_begin(l, m);
	l->scan.subtree = m;
	submit_step(l, m);
}

static void begin_full(struct local *l)
{
	struct walk_merge *m;

	/* Begins with the rules as they are now. */
	if (!l->root.rules_fresh) {
		if (!root_asked(l))
			root_ask(l, false);
		return;
	}
	m = walk_merge_new("", NULL, false);
	l->root.rules_fresh = false;
	l->scan.full_wanted = false;
	m->full = true;
	scan_begin(l, m);
	problem_keep(l->problems, SHARE_IGNORE_FILE, m->walk_no);
	/* The scan that the timer was to begin has begun; its end plans the next one. */
	loop_timer_stop(l->rescan_timer);
	scan_queue_drop(l, false);
	problem_recount(l->problems);
	gone_scan_begins(l->gone);
	l->scan.full = m;
	l->scan.full_files = 0;
	l->scan.full_changed = 0;
	l->scan.full_ignored = 0;
	l->scan.unwatched = 0;
	l->scan.full_began_ms = loop_now_ms(l->c.loop);
	l->folders_moved = false;
	submit_step(l, m);
}

/* Whether one more job may go out: at most one is out, and at most one is being merged ahead of it. After single
 * paths, nothing begins before they are merged: what they say of a writer must not come after later hints of it. */
static bool may_submit(const struct local *l)
{
	const struct scan *s = &l->scan;

	if (l->handle == NULL || l->error != NULL || s->out != NULL || hash_pending(l->hash) > HASH_BACKLOG)
		return false;
	return s->ready == NULL || (s->ready->next == NULL && s->ready->merge != NULL);
}

/* The full scan and everything else take turns while both have something to do. Of the rest, single paths come
 * before subtrees: they are what users wait for. */
void scan_pump(struct local *l)
{
	struct scan *s = &l->scan;
	struct walk_merge *full = s->full != NULL && !s->full->walked ? s->full : NULL;
	struct walk_merge *subtree = s->subtree != NULL && !s->subtree->walked ? s->subtree : NULL;
	bool hints;
	bool next;

	if (!may_submit(l))
		return;
	debounce_turn(l->debounce, loop_now_ms(l->c.loop));
	hints = s->moves != NULL || debounce_next_ms(l->debounce) == 0;
	next = s->subtree == NULL && s->queue != NULL;
	if (full != NULL && (!s->full_last || (!hints && !next && subtree == NULL))) {
		submit_step(l, full);
		return;
	}
	if (hints && submit_hints(l))
		return;
	if (subtree != NULL)
		submit_step(l, subtree);
	else if (next)
		begin_subtree(l);
	else if (full != NULL)
		submit_step(l, full);
	else if (s->full == NULL && !s->full_ended && s->full_wanted)
		begin_full(l);
}

void scan_reset(struct local *l)
{
	struct scan *s = &l->scan;
	struct file_job *f;

	for (f = s->files; f != NULL; f = f->hh.next) {
		f->stale = true;
		f->full = false;
	}
	s->full_hashing = 0;
	if (s->out != NULL) {
		/* The worker has the walk: the job frees it when it is back. */
		if (s->out->merge != NULL)
			s->out->merge->walk = NULL;
		s->out->merge = NULL;
		s->out = NULL;
	}
	while (s->ready != NULL) {
		struct scan_job *job = s->ready;

		DL_DELETE(s->ready, job);
		scan_job_free(job);
	}
	scan_queue_drop(l, true);
	walk_merge_free(s->subtree);
	walk_merge_free(s->full);
	s->subtree = s->full = NULL;
	s->full_ended = s->full_wanted = false;
	hidden_write_forget(l);
	memset(s->names_told, 0, sizeof(s->names_told));
	moves_drop(l);
}
