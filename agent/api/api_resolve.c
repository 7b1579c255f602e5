/* resolve: the side that does not stay becomes a kept version, so a wrong choice loses nothing. All steps are
 * ordinary local changes: the scan finds them, and the other members get them as news. */
#include "agent/api/api_answer.h"
#include "agent/api/api_conflicts.h"
#include "agent/api/api_disk_job.h"
#include "agent/api/api_request.h"
#include "agent/api/api_routes.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/index/index.h"
#include "sync/plan/conflict.h"
#include "sync/versions/version_store.h"

enum { COPIES_MAX = 1000 };

enum keep { KEEP_MINE, KEEP_THEIRS, KEEP_BOTH };

struct resolve {
	struct api_disk_job disk;
	enum keep keep;
	char *path;    /* the path that was in conflict; owned */
	char **copies; /* owned, each too */
	size_t n;
	char *winner; /* the copy that replaces the path; NULL: the path stays as it is; not owned */
	size_t resolved;
	int error;
	char *failed; /* the copy that error is about; not owned */
};

static void resolve_free(struct api_disk_job *d)
{
	struct resolve *r = (struct resolve *)d;

	for (size_t i = 0; i < r->n; i++)
		free(r->copies[i]);
	free(r->copies);
	free(r->path);
	free(r);
}

/* "doc.conflict-20261121-070612-abcdefgh.txt" becomes "doc.kept-20261121-070612-abcdefgh.txt": a file like any
 * other. */
static char *plain_name(const char *copy)
{
	static const char infix[] = ".conflict-";
	const char *mark = conflict_mark(copy);

	return mem_printf("%.*s.kept-%s", (int)((size_t)(mark - copy) - (sizeof(infix) - 1)), copy, mark);
}

static int resolve_copy(struct resolve *r, const char *copy)
{
	char *plain;
	int rc;

	if (r->keep != KEEP_BOTH)
		return copy == r->winner ? version_store_replace(r->disk.handle->root, copy, r->path)
		                         : version_store_retire(r->disk.handle->root, copy, r->path);
	plain = plain_name(copy);
	rc = version_store_rename(r->disk.handle->root, copy, plain);
	free(plain);
	return rc;
}

static void resolve_work(struct api_disk_job *d)
{
	struct resolve *r = (struct resolve *)d;

	for (size_t i = 0; i < r->n; i++) {
		if (resolve_copy(r, r->copies[i]) == 0) {
			r->resolved++;
		} else if (errno != ENOENT && r->error == 0) {
			r->error = errno;
			r->failed = r->copies[i];
		}
	}
}

/* Hints every path that the worker may have changed, also after an error: some of the copies may be done. */
static void resolve_done(struct api_disk_job *d, struct engine *e)
{
	struct resolve *r = (struct resolve *)d;

	for (size_t i = 0; e != NULL && i < r->n; i++) {
		char *plain = plain_name(r->copies[i]);

		engine_hint(e, r->copies[i]);
		if (r->keep == KEEP_BOTH)
			engine_hint(e, plain);
		free(plain);
	}
	if (e != NULL && r->winner != NULL)
		engine_hint(e, r->path);
	if (d->call == NULL)
		return;
	if (r->error != 0)
		control_fail(d->call, 409, "%s: %s", r->failed, strerror(r->error));
	else
		control_reply(d->call, 200,
		              json_pack("{s:o, s:I, s:o}", "path", api_name(r->path), "resolved",
		                        (json_int_t)r->resolved, "kept",
		                        api_name(r->winner != NULL ? r->winner : r->path)));
}

/* All copies of r->path, the oldest first. */
static void find_copies(struct resolve *r, struct engine *e)
{
	struct record any = { .path = r->path }, row = { 0 };
	char *first = conflict_name(&any, UINT_MAX);
	size_t len = (size_t)(conflict_mark(first) - first);
	struct index_cursor *c;

	/* The longer the mark, the more of a long name it displaces. The prefix that all copies share is what the
	 * longest mark leaves. */
	if (conflict_is_shortened(first))
		len -= strlen(".conflict-");
	first[len] = '\0';
	c = index_walk_from(engine_index(e), "", first);
	while (c != NULL && r->n < COPIES_MAX && index_next(c, &row) > 0) {
		bool near = strncmp(row.path, first, len) == 0;
		bool copy = near && !row.deleted && row.kind != RECORD_DIR;
		char *of = copy ? api_conflict_of(engine_index(e), row.path) : NULL;

		if (of != NULL && strcmp(of, r->path) == 0) {
			r->copies = mem_realloc(r->copies, r->n + 1, sizeof(*r->copies));
			r->copies[r->n++] = mem_strdup(row.path);
		}
		free(of);
		record_clear(&row);
		if (!near)
			break;
	}
	index_cursor_free(c);
	free(first);
}

/* Chooses the side that stays and sets winner. -1 with *why if there is no such side. */
static int resolve_choose(struct resolve *r, struct engine *e, const char **why)
{
	bool want_mine = r->keep == KEEP_MINE;
	uint64_t self = engine_self(e);
	struct record row = { 0 };
	bool there = index_get(engine_index(e), r->path, &row) > 0 && !row.deleted;
	bool mine = there && row.modified_by == self;
	bool folder = there && row.kind == RECORD_DIR;

	record_clear(&row);
	if (r->keep == KEEP_BOTH || (there && mine == want_mine))
		return 0;
	for (size_t i = r->n; i > 0 && r->winner == NULL; i--) {
		if (conflict_is_by(r->copies[i - 1], self) == want_mine)
			r->winner = r->copies[i - 1];
	}
	if (r->winner != NULL && !folder)
		return 0;
	*why = folder      ? "a folder has that name now: only \"both\" resolves this"
	       : want_mine ? "neither side was written here: keep theirs, or both, or move the copy by hand"
	                   : "both sides were written here: keep mine, or both, or move the copy by hand";
	return -1;
}

static int read_keep(struct control_call *call, enum keep *keep)
{
	static const char *const words[] = { [KEEP_MINE] = "mine", [KEEP_THEIRS] = "theirs", [KEEP_BOTH] = "both" };
	const char *text = NULL;

	if (api_body_text(call, "keep", &text) < 0)
		return -1;
	for (size_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			*keep = (enum keep)i;
			return 0;
		}
	}
	control_fail(call, 400, "\"keep\" must be mine, theirs or both");
	return -1;
}

/* Fills in the copies to resolve: `path` itself if it is a copy, else all copies of it. Takes path. -1: there is no
 * conflict. */
static int resolve_find(struct resolve *r, struct engine *e, char *path)
{
	struct record row = { 0 };
	bool live;

	r->path = api_conflict_of(engine_index(e), path);
	if (r->path == NULL) {
		r->path = path;
		find_copies(r, e);
		return r->n > 0 ? 0 : -1;
	}
	live = index_get(engine_index(e), path, &row) > 0 && !row.deleted && row.kind != RECORD_DIR;
	record_clear(&row);
	r->copies = mem_calloc(1, sizeof(*r->copies));
	r->copies[r->n++] = path;
	return live ? 0 : -1;
}

/* Decides on the loop, from the index, which side stays; the worker then only renames. A copy that changes in
 * between is renamed as it is, and becomes a version, so nothing is lost. */
void api_resolve(struct api *api, struct control_call *call)
{
	struct engine *e = api_engine(api, call);
	const char *why = NULL;
	enum keep keep;
	struct resolve *r;
	char *path;

	if (e == NULL || read_keep(call, &keep) < 0 || api_body_path(call, "path", &path) < 0)
		return;
	if (path == NULL || engine_share(e) == NULL) {
		control_fail(call, path == NULL ? 400 : 409, "%s",
		             path == NULL ? "\"path\" is missing" : engine_why_no_files(e));
		free(path);
		return;
	}
	r = MEM_NEW(struct resolve);
	r->keep = keep;
	r->disk = (struct api_disk_job){ .work = resolve_work, .done = resolve_done, .free = resolve_free };
	if (resolve_find(r, e, path) < 0) {
		control_fail(call, 404, "this path is not in conflict; `conflicts` lists those that are");
		resolve_free(&r->disk);
	} else if (resolve_choose(r, e, &why) < 0) {
		control_fail(call, 409, "%s", why);
		resolve_free(&r->disk);
	} else {
		api_disk_job_run(api, call, e, &r->disk);
	}
}
