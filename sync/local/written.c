/* Files that were written to and then moved, by their user or an installer, before anybody looked. A write in the same tick of the
 * clock as the one before it can leave size and time as they were; at its new place such a file would pass for what a row
 * says. Kept by the path of that row, until nothing is left to look at. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/share/path.h"

enum { WRITTEN_MAX = 20000 };

struct written {
	UT_hash_handle hh;
	char path[];
};

/* What is at or below `from` is noted at or below `first`. */
struct moving {
	struct local *l;
	const char *from, *first;
};

void written_note(struct local *l, const char *path)
{
	size_t n = strlen(path);
	struct written *w;

	HASH_FIND(hh, l->scan.written, path, n, w);
	if (w != NULL)
		return;
	if (HASH_COUNT(l->scan.written) >= WRITTEN_MAX) {
		l->scan.written_more = true;
		return;
	}
	w = mem_calloc(1, sizeof(*w) + n + 1);
	memcpy(w->path, path, n);
	HASH_ADD(hh, l->scan.written, path[0], n, w);
}

static void note_moving(void *arg, const char *path)
{
	const struct moving *m = arg;
	char *was;

	if (!path_is_under(path, m->from))
		return;
	was = mem_printf("%s%s", m->first, path + strlen(m->from));
	written_note(m->l, was);
	free(was);
}

void written_moved(struct local *l, const char *from, const char *first)
{
	const struct look_hint *h;
	const struct file_job *job;

	HASH_FIND_STR(l->scan.heard, from, h);
	HASH_FIND_STR(l->scan.files, from, job);
	if (h != NULL || job != NULL || debounce_has_content(l->debounce, from))
		written_note(l, first);
}

void written_tree_moved(struct local *l, const char *from, const char *first)
{
	struct moving m = { .l = l, .from = from, .first = first };

	debounce_each_content(l->debounce, note_moving, &m);
	for (const struct look_hint *h = l->scan.heard; h != NULL; h = h->hh.next)
		note_moving(&m, h->hint.path);
	for (const struct file_job *job = l->scan.files; job != NULL; job = job->hh.next)
		note_moving(&m, job->file.path);
}

bool written_has(const struct local *l, const char *path, const char *before)
{
	const struct written *w;

	if (l->scan.written == NULL)
		return false;
	HASH_FIND_STR(l->scan.written, path, w);
	if (w == NULL && before != NULL)
		HASH_FIND_STR(l->scan.written, before, w);
	return w != NULL || (before != NULL && l->scan.written_more);
}

void written_forget(struct local *l)
{
	struct written *w;
	struct written *next;

	HASH_ITER(hh, l->scan.written, w, next) {
		HASH_DEL(l->scan.written, w);
		free(w);
	}
	l->scan.written_more = false;
}
