/* What follows when its user chooses: tickets begin and end, and some come first. See fetch.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/plan/path.h"
#include "sync/plan/pattern.h"

enum { LOADED_FIRST = 256 }; /* tickets made at once of what comes first; the walk makes the others */

static bool is_installing(const struct ticket *t)
{
	return t->state == TICKET_INSTALLING || (t->pair != NULL && t->pair->state == TICKET_INSTALLING);
}

/* A ticket for what is not wanted any more is judged again, and ends if nothing else is offered. */
void fetch_choices_changed(struct fetch *f)
{
	struct ticket *t, *next;

	HASH_ITER(hh, f->tickets, t, next) {
		if (t->repair || t->forced || t->merged.deleted || index_wants(f->c.index, &t->want))
			continue;
		t->rejudge = true;
		if (!is_installing(t))
			route_judge(f, t);
	}
	wants_restart(f);
	get_sources_changed(f->get);
	f->state_changed = true;
}

/* Wanted paths below a root. */
struct first_paths {
	const char *root, *pattern;
	char *path[LOADED_FIRST];
	int n;
};

static bool note_first(void *arg, const char *path)
{
	struct first_paths *paths = arg;

	if (!path_is_under(path, paths->root))
		return false;
	if (pattern_covers(paths->pattern, path))
		paths->path[paths->n++] = mem_strdup(path);
	return paths->n < LOADED_FIRST;
}

static void load_first(struct fetch *f, const char *pattern)
{
	char *root = pattern_root(pattern);
	struct first_paths paths = { .root = root, .pattern = pattern };
	struct ticket *t = root[0] != '\0' && pattern_covers(pattern, root) ? ticket_find(f, root) : NULL;

	if (root[0] != '\0' && t == NULL && pattern_covers(pattern, root))
		(void)route_load(f, root);
	(void)index_wants_paths(f->c.index, root, 8 * LOADED_FIRST, note_first, &paths);
	for (int i = 0; i < paths.n; i++) {
		(void)route_load(f, paths.path[i]);
		free(paths.path[i]);
	}
	free(root);
}

void fetch_first(struct fetch *f, const char *pattern)
{
	struct ticket *t, *next;

	free(f->firsts[f->firsts_next]);
	f->firsts[f->firsts_next] = mem_strdup(pattern);
	f->firsts_next = (f->firsts_next + 1) % FIRSTS_MAX;
	HASH_ITER(hh, f->tickets, t, next) {
		if (t->first || !pattern_covers(pattern, t->want.path))
			continue;
		t->first = true;
		if (t->state == TICKET_QUEUED)
			ticket_to(f, t, TICKET_QUEUED);
	}
	if (f->started && !f->paused)
		load_first(f, pattern);
	fetch_wake(f);
}

void fetch_choices_idle(struct fetch *f)
{
	for (size_t i = 0; i < FIRSTS_MAX; i++) {
		free(f->firsts[i]);
		f->firsts[i] = NULL;
	}
	f->firsts_next = 0;
}
