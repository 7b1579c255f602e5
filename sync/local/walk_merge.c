/* Merges what a walk saw with the rows, which come in the same order: a path without a row is new, a row without a
 * path is gone, and where both are there, they are compared. One row and one batch are in memory, however large the
 * share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

/* The loop has other things to do: a merge that takes longer goes on in the next turn. Each turn tells what it has
 * merged, so that peers work meanwhile. */
#define MERGE_SLICE_NS (INT64_C(3) * 1000000)
enum {
	CLOCK_EVERY = 16,
	LEFT_ROWS_MAX = 20000, /* below a folder that was moved: with more the walk of its old path ends it */
};

/* --- absent --- */

static void set_skip(char **slot, const char *path)
{
	free(*slot);
	*slot = path != NULL ? mem_strdup(path) : NULL;
}

/* Finishes the absent folders that the walk has passed, deepest first (the order that rmdir needs). */
static void end_folders(struct local *l, struct walk_merge *m, const char *next)
{
	while (m->nfolders > 0) {
		struct record *r = &m->folders[m->nfolders - 1];

		if (next != NULL && path_is_under(next, r->path))
			return;
		gone_add(l, r);
		record_clear(r);
		m->nfolders--;
	}
}

static void walk_merge_absent(struct local *l, struct walk_merge *m, struct record *row)
{
	/* Version 0.1.0 had rows of lanyard's own files, and of the ignore rules: they stay as they are. What an
	 * installer has just moved away gets its row from it. */
	if (row->deleted || local_is_installing(l, row->path) || path_check(row->path, strlen(row->path)) != PATH_OK ||
	    (m->skip != NULL && path_is_under(row->path, m->skip)) ||
	    ignore_match(m->ignore, row->path, row->kind == RECORD_DIR))
		return;
	if (row->kind != RECORD_DIR) {
		gone_add(l, row);
		return;
	}
	/* A shallow walk passes over the rows below, so another walk has to find what is gone there. */
	if (m->shallow && strcmp(row->path, m->under) != 0) {
		scan_queue_tree(l, row->path, NULL);
		return;
	}
	if (m->nfolders == m->cap_folders) {
		m->cap_folders = m->cap_folders * 2 + 8;
		m->folders = mem_realloc(m->folders, m->cap_folders, sizeof(*row));
	}
	m->folders[m->nfolders++] = *row;
	/* The row belongs to the list now. */
	*row = (struct record){ 0 };
	m->have_row = false;
}

/* --- moved folders --- */

static void note_left(struct walk_merge *m, const struct check *k)
{
	if (m->nleft == m->cap_left) {
		m->cap_left = m->cap_left * 2 + 8;
		m->left = mem_realloc(m->left, m->cap_left, sizeof(m->left[0]));
	}
	m->left[m->nleft++] = mem_strdup(k->path);
}

/* A folder that was moved, with all that its rows say: its old path's tombstone follows at once, so that a peer can
 * move it as a whole. It need not wait as what is missing does: it takes no file away. */
static void end_left(struct local *l, const struct walk_merge *m, const char *now)
{
	char *before = mem_printf("%s%s", m->from, now + strlen(m->under));
	struct record row = { 0 };

	if (index_get(l->c.index, before, &row) < 0) {
		local_unwritten(l);
	} else if (record_is(&row, RECORD_DIR) && !index_may_live_below(l->c.index, before, LEFT_ROWS_MAX)) {
		gone_back(l, before);
		change_row_gone(l, before, 0);
	}
	record_clear(&row);
	free(before);
}

/* Ends those that the walk has passed, the deepest first. */
static void end_all_left(struct local *l, struct walk_merge *m, const char *next)
{
	while (m->nleft > 0) {
		char *now = m->left[m->nleft - 1];

		if (next != NULL && path_is_under(next, now))
			return;
		m->nleft--;
		end_left(l, m, now);
		free(now);
	}
}

/* --- present --- */

/* Whether the rows below this path must be left alone, since nobody could look into it. */
static bool is_closed(const struct check *k)
{
	return k->ours || (k->error != 0 && (k->st.kind == 0 || k->st.kind == S_IFDIR));
}

/* True if a single lstat is not enough and the subtree must be walked: a folder became a non-folder, a folder is
 * new or not watched, or paths below it had errors that a mode change may have cured. */
static bool needs_walk(const struct local *l, const struct check *k, const struct record *row)
{
	bool was_dir = row != NULL && !row->deleted && row->kind == RECORD_DIR;

	if (k->error != 0 || k->ours)
		return false;
	if (k->st.kind != S_IFDIR)
		return was_dir;
	return !was_dir || (l->watch != NULL && !watch_knows(l->watch, k->path)) || problem_under(l->problems, k->path);
}

/* True if something else stands where a folder was whose rows have not gone yet. They go first, so that no peer has
 * to install it over a folder that is not empty, and are judged like everything that is gone. */
static bool comes_too_early(struct local *l, const struct walk_merge *m, const struct check *k,
                            const struct record *row)
{
	struct index_cursor *c;
	struct record r = { 0 };
	bool live = false;

	if (k->st.kind == S_IFDIR || row == NULL || row->deleted || row->kind != RECORD_DIR)
		return false;
	c = index_walk(l->c.index, row->path);
	while (!live && index_next(c, &r) > 0) {
		live = !r.deleted && strcmp(r.path, row->path) != 0 &&
		       !ignore_match(m->ignore, r.path, r.kind == RECORD_DIR);
		record_clear(&r);
	}
	index_cursor_free(c);
	if (live)
		gone_add(l, row);
	return live;
}

static void walk_merge_found(struct local *l, struct walk_merge *m, const struct check *k, const struct record *row,
                             uint64_t seq)
{
	if (k->wd > 0 && l->watch != NULL)
		watch_know(l->watch, k->path, k->wd);
	if (k->wd < 0)
		l->scan.unwatched++;
	if (is_closed(k))
		set_skip(&m->skip, k->path);
	if (k->path[0] == '\0')
		return;
	if (k->moved && k->st.kind == S_IFDIR && k->error == 0 && k->before == 0)
		note_left(m, k);
	if (m->full)
		l->scan.full_files++;
	if (m->shallow && strcmp(k->path, m->under) != 0 && needs_walk(l, k, row))
		scan_queue_tree(l, k->path, NULL);
	if (!comes_too_early(l, m, k, row))
		change_found(l, k, row, NULL, m, seq);
}

/* One step: the next check, or a row that comes before it (k is NULL: all rows to the end). Returns true if it was
 * a row, so that the check is still to come. */
static bool walk_merge_one(struct local *l, struct walk_merge *m, const struct check *k, uint64_t seq)
{
	struct record *row = walk_merge_next_row(l, m);
	int cmp = row == NULL ? 1 : k == NULL ? -1 : path_compare(row->path, k->path);

	if (l->error != NULL)
		return false;
	end_folders(l, m, cmp < 0 ? row->path : k != NULL ? k->path : NULL);
	end_all_left(l, m, cmp < 0 ? row->path : k != NULL ? k->path : NULL);
	if (cmp < 0)
		walk_merge_absent(l, m, row);
	else if (k != NULL)
		walk_merge_found(l, m, k, cmp == 0 ? row : NULL, seq);
	if (cmp <= 0 && m->have_row)
		walk_merge_drop_row(m);
	return cmp < 0;
}

bool walk_merge_batch(struct local *l, struct walk_merge *m, const struct walk_batch *b, size_t *at, uint64_t seq)
{
	int64_t until = clock_mono_ns() + MERGE_SLICE_NS;

	if (b->error != 0 && m->full) {
		local_fail(l, mem_printf("%s: cannot be read: %s", share_path(l->c.share), strerror(b->error)));
		return true;
	}
	if (b->error != 0) {
		/* Nothing is known of any of it. */
		problem_add_errno(l->problems, m->under, b->error, m->walk_no);
		return true;
	}
	for (unsigned i = 1; *at < b->n && l->error == NULL; i++) {
		if (!walk_merge_one(l, m, &b->checks[*at], seq))
			(*at)++;
		if (i % CLOCK_EVERY == 0 && clock_mono_ns() > until)
			return false;
	}
	/* What is left was not met, and so tombstones say nothing more. */
	if (b->end)
		index_cursor_brief(m->cursor);
	for (unsigned i = 1; b->end && l->error == NULL && walk_merge_one(l, m, NULL, seq); i++)
		if (i % CLOCK_EVERY == 0 && clock_mono_ns() > until)
			return false;
	if (b->end && l->error == NULL)
		problem_sweep(l->problems, m->under, m->walk_no);
	return true;
}

/* --- single paths --- */

static void walk_merge_hint(struct local *l, const struct check *k, const struct scan_hint *h, uint64_t seq)
{
	struct record row = { 0 };
	int have;

	if (strcmp(k->path, SHARE_IGNORE_FILE) == 0) {
		l->root.rules_hinted = true;
		root_ask(l, false);
	}
	if (k->ignored) {
		problem_clear(l->problems, k->path);
		return;
	}
	/* Also if nothing seems to have changed: what was installed may be gone again before its row is written. */
	if (local_is_installing(l, k->path)) {
		if (h->hint.content || hidden_write_possible(l, k->path, h->from))
			hidden_write_note(l, k->path);
		return;
	}
	have = index_get(l->c.index, k->path, &row);
	if (have < 0) {
		local_unwritten(l);
		return;
	}
	if (k->st.kind == 0 && k->error == 0)
		problem_clear(l->problems, k->path);
	if (needs_walk(l, k, have > 0 ? &row : NULL)) {
		scan_queue_tree(l, k->path, NULL);
	} else if (k->st.kind == 0 && k->error == 0 && have > 0 && !row.deleted) {
		if (h->hint.content)
			hidden_write_note(l, k->path);
		gone_add(l, &row);
	} else if (k->st.kind != 0 || k->error != 0) {
		change_found(l, k, have > 0 ? &row : NULL, h, NULL, seq);
	} else {
		own_gone(l, k->path);
	}
	record_clear(&row);
}

void walk_merge_hints(struct local *l, const struct walk_batch *b, const struct scan_hint *hints, uint64_t seq)
{
	for (size_t i = 0; i < b->n && l->error == NULL; i++) {
		const struct scan_hint *h = &hints[b->checks[i].tag];

		walk_merge_hint(l, &b->checks[i], h, seq);
		l->scan.full_hashing -= h->full;
	}
}
