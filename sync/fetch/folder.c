/* Trouble with folders: one that is missing above a file, and one that should go but is not empty. See
 * fetch_internal.h. */
#include "sync/fetch/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/plan/conflict.h"
#include "sync/plan/path.h"

enum { ROWS_MAX = 1000, NAMES_TRIED = 100, OWN_MAX = 1000 };

static char *parent_of(const char *path)
{
	char *parent = mem_strdup(path), *slash = strrchr(parent, '/');

	if (slash == NULL)
		slash = parent;
	*slash = '\0';
	return parent;
}

static bool is_known(struct fetch *f, const char *path)
{
	struct record r = { 0 };
	bool known = ticket_find(f, path) != NULL || index_get(f->c.index, path, &r) > 0;

	record_clear(&r);
	return known;
}

static bool folder_note_own(void *arg, const char *path, enum aside_reason why)
{
	(void)path;
	*(bool *)arg = why == ASIDE_READER;
	return !*(bool *)arg;
}

/* Whether a reader, or one that was a reader when its user made it, has something of its own in the folder. */
static bool has_own_inside(struct fetch *f, const char *path)
{
	bool found = false;

	return index_aside_count(f->c.index, ASIDE_READER) > 0 &&
	       index_asides(f->c.index, path, path, OWN_MAX, folder_note_own, &found) >= 0 && found;
}

/* Whether it put there itself what is at this path. */
static bool folder_is_own(struct fetch *f, const char *path)
{
	enum aside_reason why;

	return index_aside_get(f->c.index, path, &why, NULL) > 0 && why == ASIDE_READER;
}

/* What it made as a reader keeps t's path from becoming what the group has, here alone: so that is its own too. */
static void folder_stays_own(struct fetch *f, struct ticket *t)
{
	ticket_store(f, t);
	if (index_set_aside(f->c.index, t->want.path, ASIDE_READER) < 0) {
		ticket_wait(f, t, REASON_DISK);
		return;
	}
	ticket_to(f, t, TICKET_FRESH);
	ticket_reset(f, t);
	route_judge(f, t);
}

void folder_no_parent(struct fetch *f, struct ticket *t, int error)
{
	char *parent = parent_of(t->want.path);

	if (error != ENOENT && folder_is_own(f, parent)) {
		folder_stays_own(f, t);
	} else if (error != ENOENT) {
		if (f->c.hint != NULL)
			f->c.hint(f->c.arg, parent);
		ticket_wait(f, t, REASON_IN_THE_WAY);
	} else if (!t->mkdirs && (t->tries > 0 || is_known(f, parent))) {
		/* The folder's own record will come, or the scan will find that the folder stays. */
		t->mkdirs = true;
		ticket_to(f, t, TICKET_FRESH);
	} else {
		ticket_wait(f, t, REASON_PARENT);
	}
	free(parent);
}

/* Whether the file of this live row is about to go: a peer deleted it or moved it away. */
static bool is_leaving(struct fetch *f, const char *path)
{
	struct ticket *t = ticket_find(f, path);

	if (t == NULL && index_is_offered(f->c.index, path))
		t = route_load(f, path);
	/* A held deletion may have no ticket, only an offer in the index. */
	return t != NULL ? t->merged.deleted : guard_holds(f, path);
}

enum inside { INSIDE_UNKNOWN, INSIDE_LEAVING, INSIDE_LIVING };

/* Looks for live rows in the folder; the first one decides. When all that is leaving has left, we come here
 * again. */
static enum inside check_inside(struct fetch *f, const char *path)
{
	struct index_cursor *c = index_walk(f->c.index, path);
	enum inside inside = INSIDE_UNKNOWN;
	struct record r = { 0 };

	for (int i = 0; c != NULL && i < ROWS_MAX && inside == INSIDE_UNKNOWN && index_next(c, &r) > 0; i++) {
		if (!r.deleted && strcmp(r.path, path) != 0)
			inside = is_leaving(f, r.path) ? INSIDE_LEAVING : INSIDE_LIVING;
		record_clear(&r);
	}
	index_cursor_free(c);
	return inside;
}

/* Files in a folder keep it, for everybody: our row of the folder becomes newer than its deletion. */
static void folder_revive(struct fetch *f, struct ticket *t)
{
	struct record r = { 0 };

	if (index_is_reader(f->c.index)) {
		folder_stays_own(f, t);
		return;
	}
	if (index_get(f->c.index, t->want.path, &r) > 0 && !r.deleted) {
		record_join(&r, &t->want.version);
		(void)judge_put_change(f, &r, NULL);
	}
	record_clear(&r);
	ticket_to(f, t, TICKET_FRESH);
	ticket_reset(f, t);
	route_judge(f, t);
}

/* A file whose path a folder keeps goes to the name that a conflict would give it. */
static void folder_rename_file(struct fetch *f, struct ticket *t)
{
	for (unsigned try = 0; try < NAMES_TRIED; try++) {
		struct record there = { 0 };
		char *path = conflict_name(&t->want, try);
		bool taken = index_get(f->c.index, path, &there) > 0 && !there.deleted;
		bool same = taken && record_same_content(&there, &t->want);

		record_clear(&there);
		if (same) {
			free(path);
			folder_revive(f, t);
			return;
		}
		if (!taken) {
			t->aside = MEM_NEW(struct record);
			record_copy(t->aside, &t->merged);
			free(t->aside->path);
			t->aside->path = path;
			ticket_to(f, t, TICKET_READY);
			return;
		}
		free(path);
	}
	ticket_wait(f, t, REASON_NOT_EMPTY);
}

void folder_put_aside(struct fetch *f, struct ticket *t, const struct seen *seen)
{
	struct record r = { 0 };

	record_copy(&r, t->aside);
	r.seen = *seen;
	judge_put_kept(f, &r, t->download != NULL ? download_list(t->download) : NULL);
	if (f->c.conflict != NULL)
		f->c.conflict(f->c.arg, r.path, t->want.path);
	record_clear(&r);
	folder_revive(f, t);
}

/* The folder has entries without a row: the scan checks those that are shared. */
static void hint_names(struct fetch *f, const struct ticket *t, const struct install_item *item)
{
	for (size_t i = 0; i < INSTALL_NAMES && item->names[i] != NULL; i++) {
		char *path = path_join(t->want.path, item->names[i]);

		if (f->c.hint != NULL && share_accepts(f->c.share, path, false))
			f->c.hint(f->c.arg, path);
		free(path);
	}
}

void folder_not_empty(struct fetch *f, struct ticket *t, struct install_item *item)
{
	switch (check_inside(f, t->want.path)) {
	case INSIDE_LIVING:
		if (t->merged.deleted || index_is_reader(f->c.index))
			folder_revive(f, t);
		else
			folder_rename_file(f, t);
		return;
	case INSIDE_LEAVING:
		ticket_wait(f, t, REASON_CHILDREN);
		return;
	case INSIDE_UNKNOWN:
		if (has_own_inside(f, t->want.path)) {
			folder_stays_own(f, t);
			return;
		}
		hint_names(f, t, item);
		ticket_wait(f, t, REASON_NOT_EMPTY);
		return;
	}
}
