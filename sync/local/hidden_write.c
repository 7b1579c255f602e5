/* Writes that a rename may hide. A write in the same tick of the clock as the one before it can leave size and
 * times as they were. If the file is then moved before a scan has checked it, it looks like what its row says at
 * its new path. So such paths are noted, by the path of that row, until nothing is left to check. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

enum { WRITTEN_MAX = 20000 };

struct hidden_write {
	UT_hash_handle hh;
	char path[];
};

/* A rename from `from` to somewhere else: writes known at or below `from` are noted at or below `first`. */
struct hidden_move {
	struct local *l;
	const char *from, *first;
};

void hidden_write_note(struct local *l, const char *path)
{
	size_t n = strlen(path);
	struct hidden_write *w;

	HASH_FIND(hh, l->scan.hidden_writes, path, n, w);
	if (w != NULL)
		return;
	if (HASH_COUNT(l->scan.hidden_writes) >= WRITTEN_MAX) {
		l->scan.hidden_more = true;
		return;
	}
	w = mem_calloc(1, sizeof(*w) + n + 1);
	memcpy(w->path, path, n);
	HASH_ADD(hh, l->scan.hidden_writes, path[0], n, w);
}

static void note_moving(void *arg, const char *path)
{
	const struct hidden_move *m = arg;
	char *was;

	if (!path_is_under(path, m->from))
		return;
	was = mem_printf("%s%s", m->first, path + strlen(m->from));
	hidden_write_note(m->l, was);
	free(was);
}

void hidden_write_moved(struct local *l, const char *from, const char *first)
{
	const struct scan_hint *h;
	const struct file_job *job;

	HASH_FIND_STR(l->scan.content_hints, from, h);
	HASH_FIND_STR(l->scan.files, from, job);
	if (h != NULL || job != NULL || debounce_has_content(l->debounce, from))
		hidden_write_note(l, first);
}

void hidden_write_tree_moved(struct local *l, const char *from, const char *first)
{
	struct hidden_move m = { .l = l, .from = from, .first = first };

	debounce_each_content(l->debounce, note_moving, &m);
	for (const struct scan_hint *h = l->scan.content_hints; h != NULL; h = h->hh.next)
		note_moving(&m, h->hint.path);
	for (const struct file_job *job = l->scan.files; job != NULL; job = job->hh.next)
		note_moving(&m, job->file.path);
}

bool hidden_write_possible(const struct local *l, const char *path, const char *before)
{
	const struct hidden_write *w;

	if (l->scan.hidden_writes == NULL)
		return false;
	HASH_FIND_STR(l->scan.hidden_writes, path, w);
	if (w == NULL && before != NULL)
		HASH_FIND_STR(l->scan.hidden_writes, before, w);
	return w != NULL || (before != NULL && l->scan.hidden_more);
}

void hidden_write_forget(struct local *l)
{
	struct hidden_write *w;
	struct hidden_write *next;

	HASH_ITER(hh, l->scan.hidden_writes, w, next) {
		HASH_DEL(l->scan.hidden_writes, w);
		free(w);
	}
	l->scan.hidden_more = false;
}
