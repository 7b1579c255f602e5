/* Walks that are queued, and what becomes of a rename. The list is bounded: above that, a full scan takes its place. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

enum {
	QUEUE_MAX = 20000, /* queued walks; above that, a full scan replaces them all */
};

void scan_queue_drop(struct local *l, bool moves_too)
{
	struct walk_merge *m;
	struct walk_merge *next;

	HASH_ITER(hh, l->scan.queue, m, next) {
		if (m->from != NULL && !moves_too)
			continue;
		HASH_DEL(l->scan.queue, m);
		walk_merge_free(m);
	}
}

/* Whether a queued walk passes the path anyway. */
static bool covered(const struct local *l, const char *path)
{
	char *above = mem_strdup(path);
	bool found = false;

	for (char *slash = strrchr(above, '/'); slash != NULL && !found; slash = strrchr(above, '/')) {
		struct walk_merge *m;

		*slash = '\0';
		HASH_FIND_STR(l->scan.queue, above, m);
		found = m != NULL && !m->shallow;
	}
	free(above);
	return found;
}

static void enqueue(struct local *l, const char *path, const char *from, bool shallow)
{
	struct walk_merge *m;

	/* A full scan that is about to begin passes it anyway, but knows nothing of moves. */
	if (l->handle == NULL || (l->scan.full_wanted && from == NULL))
		return;
	HASH_FIND_STR(l->scan.queue, path, m);
	if (m != NULL) {
		m->shallow = m->shallow && shallow;
		if (m->from == NULL && from != NULL)
			m->from = mem_strdup(from);
		return;
	}
	if (from == NULL && covered(l, path))
		return;
	if (HASH_COUNT(l->scan.queue) >= QUEUE_MAX) {
		scan_queue_drop(l, true);
		local_rescan(l);
		return;
	}
	m = walk_merge_new(path, from, shallow);
	HASH_ADD_KEYPTR(hh, l->scan.queue, m->under, strlen(m->under), m);
}

void scan_queue_tree(struct local *l, const char *path, const char *from)
{
	enqueue(l, path, from, false);
}

void scan_queue_folder(struct local *l, const char *path)
{
	enqueue(l, path, NULL, true);
}

/* A folder that was renamed again before it was checked: its rows are still under its first name. *first: that
 * name, which the caller frees. */
static bool moved_before(struct local *l, const char *from, char **first)
{
	struct walk_merge *m;

	HASH_FIND_STR(l->scan.queue, from, m);
	if (m == NULL || m->from == NULL)
		return false;
	*first = m->from;
	m->from = NULL;
	return true;
}

static void move_tree(struct local *l, const char *from, const char *to)
{
	char *first = NULL;
	struct walk_merge *m = NULL;

	bool again = moved_before(l, from, &first);

	hidden_write_tree_moved(l, from, again ? first : from);
	if (again && strcmp(first, to) != 0) {
		scan_queue_tree(l, to, first);
		/* Its tombstones come after the rows that are made of its rows. */
		HASH_FIND_STR(l->scan.queue, first, m);
		if (m != NULL) {
			HASH_DEL(l->scan.queue, m);
			HASH_ADD_KEYPTR(hh, l->scan.queue, m->under, strlen(m->under), m);
		}
	} else {
		scan_queue_tree(l, to, first == NULL ? from : NULL);
	}
	scan_queue_tree(l, from, NULL);
	free(first);
}

/* The new path is checked first: its rows are made of those of the old one, which then become tombstones. */
void scan_queue_move(struct local *l, const char *from, const char *to, bool is_dir)
{
	if (is_dir) {
		move_tree(l, from, to);
		return;
	}
	/* Renamed twice before it was checked: the row is still under the first name. */
	if (moves_again(l, from, to) || moves_add(l, from, to, false))
		return;
	/* That many are not worth keeping as pairs; hints are bounded by the debouncer. */
	debounce_event(l->debounce, loop_now_ms(l->c.loop), to, DEBOUNCE_NOW);
	debounce_event(l->debounce, loop_now_ms(l->c.loop), from, DEBOUNCE_NOW);
}

void local_hint_tree(struct local *l, const char *path)
{
	local_hint(l, path);
	if (path_check(path, strlen(path)) == PATH_OK && !local_is_left_out(l, path, true))
		scan_queue_tree(l, path, NULL);
}
