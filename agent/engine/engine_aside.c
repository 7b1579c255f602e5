/* Setting rows aside that are not shared any more, and bringing them back: what follows once the choices say so (see
 * engine_choices.h). A folder may hold any number of files, so this goes on in slices, one per turn; after a restart
 * all of it begins again, from what the choices say then. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/plan/path.h"

enum { SLICE = 256 };

/* The paths of one command, and where it is in them. */
struct aside_task {
	bool away;    /* set aside; else bring back */
	bool readers; /* bring back also what a reader changed */
	char **paths; /* owned, each too */
	size_t n, at; /* paths, and the one that is under way */
	char *after;  /* the last of its rows that is done; owned; NULL: none */
	engine_choices_fn *done;
	void *arg;
	struct aside_task *prev, *next;
};

struct engine_aside {
	struct aside_task *tasks; /* the first is under way */
	struct loop_timer *timer; /* for the next slice */
	bool checking;            /* a worker looks which files are there */
};

/* Paths that are to be brought back: is there anything on the disk? */
struct check_job {
	struct engine *e;
	struct share_handle *handle;
	char *paths[SLICE]; /* owned */
	bool there[SLICE];
	size_t n;
	char *last; /* the last path that was checked for it; owned */
	bool more;  /* there may be others behind it */
	char *why;  /* the share is not there; owned */
};

static void task_end(struct aside_task *t, const char *why)
{
	if (t->done != NULL)
		t->done(t->arg, why);
	for (size_t i = 0; i < t->n; i++)
		free(t->paths[i]);
	free(t->paths);
	free(t->after);
	free(t);
}

/* What it did is committed first: until then it may be undone, and is done again when the engine starts. */
static void end_first(struct engine *e, const char *why)
{
	struct aside_task *t = e->aside->tasks;

	if (engine_index_commit(e) < 0 && why == NULL)
		why = "the index cannot be written now; it goes on when it can";
	DL_DELETE(e->aside->tasks, t);
	e->dirty = true;
	task_end(t, why);
}

static void go_on(struct engine *e)
{
	if (e->aside != NULL && e->aside->tasks != NULL && !e->aside->checking)
		loop_timer_start(e->aside->timer, 0, 0);
}

/* The path under way is done to `after`, or to its end. */
static void path_done(struct engine *e, struct aside_task *t, const char *after)
{
	char *last = mem_strdup(after);

	free(t->after);
	t->after = last;
	if (after == NULL && ++t->at == t->n)
		end_first(e, NULL);
	go_on(e);
}

/* --- away --- */

static void slice_away(struct engine *e, struct aside_task *t)
{
	const char *under = t->paths[t->at];
	struct index_cursor *c =
		t->after != NULL ? index_walk_from(e->index, under, t->after) : index_walk(e->index, under);
	struct record r = { 0 };
	char *last = NULL;
	int n = 0;

	while (n < SLICE && index_next(c, &r) == 1) {
		if (!r.deleted)
			(void)index_set_aside(e->index, r.path, ASIDE_UNSHARED);
		free(last);
		last = mem_strdup(r.path);
		record_clear(&r);
		n++;
	}
	index_cursor_free(c);
	/* The row that the walk begins with may be the last one of the slice before. */
	path_done(e, t, n == SLICE ? last : NULL);
	free(last);
}

/* --- back --- */

static void check_work(void *arg)
{
	struct check_job *j = arg;
	struct fs_stat st;

	if (share_handle_check(j->handle, &j->why) < 0)
		return;
	for (size_t i = 0; i < j->n; i++)
		j->there[i] = fs_stat_beneath(j->handle->root, j->paths[i], &st) == 0 && st.kind != 0;
}

/* What was shared before is what is here; whatever its user did to it since then is a change. Where the group has
 * deleted it meanwhile, the file goes above that like a new one. A file that is gone is not here, and that is not a
 * deletion: it went while it was its user's own. */
static void bring_back(struct engine *e, const char *path, bool there)
{
	struct record was = { 0 }, row = { 0 };
	enum aside_reason why = ASIDE_UNSHARED;

	(void)index_aside_get(e->index, path, &why, NULL);
	if (index_bring_back(e->index, path, &was) == 1 && there && record_is_live(&was) &&
	    index_get(e->index, path, &row) == 0) {
		/* What the reader's row knew is not what its user saw when he changed the file. */
		if (why == ASIDE_READER)
			version_clear(&was.version);
		(void)index_put(e->index, &was, NULL);
	}
	record_clear(&row);
	record_clear(&was);
	if (there)
		engine_hint(e, path);
	else if (e->fetch != NULL)
		fetch_row_changed(e->fetch, path);
}

/* The last slice of a path also looks for new files below it, which were never rows. */
static void slice_done(struct engine *e, struct aside_task *t, const char *last, bool more)
{
	/* Those that are not on this disk may be wanted now. */
	if (!more && !t->away && index_choose_under(e->index, index_choices(e->index), t->paths[t->at]) == 0 &&
	    e->fetch != NULL)
		fetch_choices_changed(e->fetch);
	if (!more && t->paths[t->at][0] != '\0' && e->local != NULL)
		local_hint_tree(e->local, t->paths[t->at]);
	path_done(e, t, more ? last : NULL);
}

static void check_free(struct check_job *j)
{
	for (size_t i = 0; i < j->n; i++)
		free(j->paths[i]);
	share_handle_free(j->handle);
	free(j->last);
	free(j->why);
	free(j);
}

static void check_done(void *arg)
{
	struct check_job *j = arg;
	struct engine *e = j->e;

	if (e->aside != NULL) {
		e->aside->checking = false;
		for (size_t i = 0; i < j->n && j->why == NULL; i++)
			bring_back(e, j->paths[i], j->there[i]);
		if (j->why != NULL)
			end_first(e, j->why);
		else
			slice_done(e, e->aside->tasks, j->last, j->more);
		go_on(e);
	}
	check_free(j);
}

struct collect {
	struct check_job *job;
	const struct choices *choices;
	bool readers;
};

static bool collect_aside(void *arg, const char *path, enum aside_reason why)
{
	struct collect *c = arg;

	free(c->job->last);
	c->job->last = mem_strdup(path);
	if ((why == ASIDE_UNSHARED || c->readers) && choose_shares(c->choices, path))
		c->job->paths[c->job->n++] = mem_strdup(path);
	return true;
}

static void slice_back(struct engine *e, struct aside_task *t)
{
	struct check_job *j = MEM_NEW(struct check_job);
	struct collect c = { .job = j, .choices = index_choices(e->index), .readers = t->readers };

	j->e = e;
	j->more = index_asides(e->index, t->paths[t->at], t->after != NULL ? t->after : "", SLICE, collect_aside, &c) ==
	          SLICE;
	if (j->n == 0) {
		slice_done(e, t, j->last, j->more);
		check_free(j);
		return;
	}
	j->handle = share_handle_of(e->share);
	if (j->handle == NULL) {
		end_first(e, "there are too many open files; see the agent's log");
		go_on(e);
		check_free(j);
		return;
	}
	e->aside->checking = true;
	workers_submit(e->workers, WORKERS_QUICK, check_work, check_done, j);
}

static void next_slice(void *arg)
{
	struct engine *e = arg;
	struct aside_task *t = e->aside->tasks;

	if (t == NULL || e->aside->checking)
		return;
	if (t->away)
		slice_away(e, t);
	else
		slice_back(e, t);
}

void engine_aside_begin(struct engine *e, bool away, char *const *paths, size_t n, engine_choices_fn *done, void *arg)
{
	struct aside_task *t = MEM_NEW(struct aside_task);

	*t = (struct aside_task){ .away = away,
		                  .readers = !away && !index_is_reader(e->index),
		                  .done = done,
		                  .arg = arg };
	t->paths = mem_calloc(n + 1, sizeof(*t->paths));
	for (; t->n < n; t->n++)
		t->paths[t->n] = mem_strdup(paths[t->n]);
	if (n == 0 || e->aside == NULL) {
		task_end(t, NULL);
		return;
	}
	DL_APPEND(e->aside->tasks, t);
	go_on(e);
}

/* A crash may have left rows that are unshared, or set aside and shared again. */
void engine_aside_start(struct engine *e)
{
	const struct choices *c = index_choices(e->index);
	char **paths = mem_calloc(c->nunshared + 1, sizeof(*paths));
	char whole[] = "", *all[] = { whole };

	e->aside = MEM_NEW(struct engine_aside);
	e->aside->timer = loop_timer_new(e->context->loop, next_slice, e);
	for (size_t i = 0; i < c->nunshared; i++)
		paths[i] = mem_strdup(c->unshared[i]);
	engine_aside_begin(e, true, paths, c->nunshared, NULL, NULL);
	for (size_t i = 0; i < c->nunshared; i++)
		free(paths[i]);
	free(paths);
	engine_aside_begin(e, false, all, 1, NULL, NULL);
	if (e->aside->tasks != NULL)
		e->aside->tasks->prev->readers = false;
}

bool engine_aside_idle(const struct engine *e)
{
	return e->aside == NULL || e->aside->tasks == NULL;
}

void engine_aside_stop(struct engine *e)
{
	struct engine_aside *a = e->aside;
	struct aside_task *t;

	if (a == NULL)
		return;
	e->aside = NULL;
	loop_timer_free(a->timer);
	while ((t = a->tasks) != NULL) {
		DL_DELETE(a->tasks, t);
		task_end(t, "the group stopped meanwhile");
	}
	free(a);
}
