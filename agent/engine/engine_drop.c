/* Letting go of many files: see engine_drop() in engine_choices.h. The rules come first, where a folder or a pattern is
 * meant. Then each file is dropped by fetch, a bounded number of them at a time; and at last the folders, the deepest
 * first, as far as nothing is left in them. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_internal.h"
#include "base/mem.h"
#include "sync/plan/path.h"
#include "sync/plan/pattern.h"

enum { DROPS_AT_ONCE = 64, LOOK = 512 };

/* A folder that was passed, for when its files are gone. */
struct passed_folder {
	char *path; /* owned */
	struct passed_folder *next;
};

struct drop_task {
	struct engine *e;
	char **patterns; /* owned, each too */
	size_t n, at;    /* patterns, and the one whose files are dropped */
	char *after;     /* the last file that was begun; owned; NULL: none yet */
	bool even_if_last;
	bool counting; /* inside a step: an end that comes at once only counts */
	size_t under_way;
	int64_t dropped;
	struct passed_folder *folders; /* the last that was passed first: the deepest come before those above them */
	const struct engine_drop_ops *ops;
	void *arg;
	struct drop_task *prev, *next;
};

/* One file's drop that fetch has. */
struct one_drop {
	struct drop_task *task;
	char *path; /* owned */
	bool folder;
};

struct engine_drop {
	struct drop_task *tasks;
	struct loop_timer *timer; /* for the next step of all */
};

static void drop_task_free(struct drop_task *t)
{
	struct passed_folder *f;

	while ((f = t->folders) != NULL) {
		t->folders = f->next;
		free(f->path);
		free(f);
	}
	for (size_t i = 0; i < t->n; i++)
		free(t->patterns[i]);
	free(t->patterns);
	free(t->after);
	free(t);
}

static void drop_task_end(struct drop_task *t, const char *why)
{
	if (t->ops != NULL)
		t->ops->done(t->arg, t->dropped, why);
	t->ops = NULL;
	if (t->e->drop != NULL)
		DL_DELETE(t->e->drop->tasks, t);
	drop_task_free(t);
}

/* --- one file --- */

static void one_ended(void *arg, enum fetch_drop_end end, const char *why)
{
	struct one_drop *one = arg;
	struct drop_task *t = one->task;

	t->under_way--;
	if (end == FETCH_DROPPED && !one->folder)
		t->dropped++;
	else if (end != FETCH_DROPPED && !one->folder && t->ops != NULL)
		t->ops->refused(t->arg, one->path, why);
	if (t->e->drop != NULL)
		loop_timer_start(t->e->drop->timer, 0, 0);
	else if (t->under_way == 0)
		drop_task_free(t);
	free(one->path);
	free(one);
}

static void drop_one(struct drop_task *t, const char *path, bool folder)
{
	struct one_drop *one = MEM_NEW(struct one_drop);

	*one = (struct one_drop){ .task = t, .path = mem_strdup(path), .folder = folder };
	t->under_way++;
	fetch_drop(t->e->fetch, path, t->even_if_last, one_ended, one);
}

/* --- all of them --- */

static void pass_folder(struct drop_task *t, const char *path)
{
	struct passed_folder *f = MEM_NEW(struct passed_folder);

	f->path = mem_strdup(path);
	LL_PREPEND(t->folders, f);
}

/* A row of the pattern under way, which is not the one that the walk begins with. */
static void drop_if_covered(struct drop_task *t, const struct record *r)
{
	if (r->deleted || !pattern_covers(t->patterns[t->at], r->path))
		return;
	if (r->kind == RECORD_DIR)
		pass_folder(t, r->path);
	else
		drop_one(t, r->path, false);
}

/* Whether it is the plain path of a file, here or not: that gets its rule when its drop is certain, everything else at
 * once. */
static bool is_one_file(struct engine *e, const char *pattern)
{
	struct record r = { 0 };
	char *path;
	bool file;

	if (pattern_is_glob(pattern))
		return false;
	path = pattern_root(pattern);
	if (index_get(e->index, path, &r) != 1 || r.deleted) {
		record_clear(&r);
		(void)index_list_get(e->index, path, &r);
	}
	file = record_is_live(&r) && r.kind != RECORD_DIR;
	record_clear(&r);
	free(path);
	return file;
}

/* Begins the drops of the next rows. True: there are more, now or later. */
static bool drop_rows(struct drop_task *t)
{
	char *root = pattern_root(t->patterns[t->at]);

	if (is_one_file(t->e, t->patterns[t->at])) {
		drop_one(t, root, false);
		free(root);
		return false;
	}

	struct index_cursor *c =
		t->after != NULL ? index_walk_from(t->e->index, root, t->after) : index_walk(t->e->index, root);
	struct record r = { 0 };
	bool more = true;

	for (int i = 0; i < LOOK && t->under_way < DROPS_AT_ONCE && (more = index_next(c, &r) == 1); i++) {
		if (t->after == NULL || path_compare(r.path, t->after) > 0) {
			drop_if_covered(t, &r);
			free(t->after);
			t->after = mem_strdup(r.path);
		}
		record_clear(&r);
	}
	index_cursor_free(c);
	free(root);
	return more;
}

static void drop_folder(struct drop_task *t)
{
	struct passed_folder *f = t->folders;

	t->folders = f->next;
	drop_one(t, f->path, true);
	free(f->path);
	free(f);
}

static void drop_step(struct drop_task *t)
{
	if (t->at < t->n) {
		if (t->under_way < DROPS_AT_ONCE && !drop_rows(t)) {
			free(t->after);
			t->after = NULL;
			t->at++;
		}
		/* Else the end of a drop calls for the next step. */
		if (t->under_way < DROPS_AT_ONCE)
			loop_timer_start(t->e->drop->timer, 0, 0);
	} else if (t->under_way == 0 && t->folders != NULL) {
		drop_folder(t);
	} else if (t->under_way == 0) {
		drop_task_end(t, NULL);
	}
}

static void drop_steps(void *arg)
{
	struct engine *e = arg;
	struct drop_task *t, *next;

	DL_FOREACH_SAFE(e->drop->tasks, t, next)
		drop_step(t);
}

static void rules_written(void *arg, const char *why)
{
	struct drop_task *t = arg;
	struct engine *e = t->e;

	t->under_way--;
	if (why != NULL || e->drop == NULL)
		drop_task_end(t, why);
	else
		loop_timer_start(e->drop->timer, 0, 0);
}

void engine_drop(struct engine *e, const char *const *patterns, size_t n, bool even_if_last,
                 const struct engine_drop_ops *ops, void *arg)
{
	struct drop_task *t;
	const char **ruled;
	size_t nruled = 0;

	if (e->drop == NULL) {
		ops->done(arg, 0, engine_why_no_files(e));
		return;
	}
	t = MEM_NEW(struct drop_task);
	*t = (struct drop_task){ .e = e, .even_if_last = even_if_last, .ops = ops, .arg = arg };
	t->patterns = mem_calloc(n + 1, sizeof(*t->patterns));
	ruled = mem_calloc(n + 1, sizeof(*ruled));
	for (; t->n < n; t->n++) {
		t->patterns[t->n] = mem_strdup(patterns[t->n]);
		if (!is_one_file(e, patterns[t->n]))
			ruled[nruled++] = t->patterns[t->n];
	}
	DL_APPEND(e->drop->tasks, t);
	if (nruled > 0) {
		t->under_way++; /* so that no step begins before the rules are there */
		engine_choices_rules(e, ruled, nruled, false, rules_written, t);
	} else {
		loop_timer_start(e->drop->timer, 0, 0);
	}
	free(ruled);
}

void engine_drop_start(struct engine *e)
{
	e->drop = MEM_NEW(struct engine_drop);
	e->drop->timer = loop_timer_new(e->context->loop, drop_steps, e);
}

/* Drops that fetch has go on, and end without us. */
void engine_drop_stop(struct engine *e)
{
	struct engine_drop *d = e->drop;
	struct drop_task *t;

	if (d == NULL)
		return;
	e->drop = NULL;
	loop_timer_free(d->timer);
	while ((t = d->tasks) != NULL) {
		DL_DELETE(d->tasks, t);
		t->ops->done(t->arg, t->dropped, "the group stopped meanwhile");
		t->ops = NULL;
		if (t->under_way == 0)
			drop_task_free(t);
	}
	free(d);
}
