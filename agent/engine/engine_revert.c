/* Puts the group's version back where a reader changed something: what is there becomes a version, the path is not set
 * aside any more, and fetch installs what is listed. Files first, a slice at a time; then folders that only the reader
 * has, the deepest first, as far as nothing is left in them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "agent/engine/engine_choices.h"
#include "agent/engine/engine_internal.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/versions/version_store.h"

enum { SLICE = 256 };

/* One path that is set aside. */
struct revert_path {
	char *path;  /* owned */
	bool listed; /* the group has a folder there */
	bool folder; /* found there, of the reader alone, and not removed yet */
	int error;   /* errno; 0: nothing of the reader's is left there */
};

struct revert_task {
	struct engine *e;    /* NULL: it stopped meanwhile */
	char *under, *after; /* owned; after: the last path that was collected */
	int64_t reverted;
	char *why; /* of the first path that failed; owned */
	engine_revert_fn *done;
	void *arg;
	char **folders; /* owned, each too */
	size_t nfolders, max;
	/* the job that is out */
	struct share_handle *handle;
	struct revert_path paths[SLICE];
	size_t n;
	bool more, removing; /* removing: paths are folders, the deepest first */
	char *gone;          /* the share is not there; owned */
	struct revert_task *prev, *next;
};

static void revert_next(struct revert_task *t);

static void revert_task_free(struct revert_task *t)
{
	for (size_t i = 0; i < t->nfolders; i++)
		free(t->folders[i]);
	free(t->folders);
	free(t->under);
	free(t->after);
	free(t->why);
	free(t);
}

static void revert_task_end(struct revert_task *t)
{
	if (t->e != NULL) {
		/* Until then it may be undone. */
		if (engine_index_commit(t->e) < 0 && t->why == NULL)
			t->why = mem_strdup("the index cannot be written now; try again later");
		DL_DELETE(t->e->reverts, t);
		if (t->e->fetch != NULL)
			fetch_choices_changed(t->e->fetch);
		t->e->dirty = true;
		t->done(t->arg, t->reverted, t->why);
	}
	revert_task_free(t);
}

static void revert_failed(struct revert_task *t, const char *path, const char *what)
{
	char *name;

	if (t->why != NULL)
		return;
	name = log_escape(path, strlen(path));
	t->why = mem_printf("%s: %s", name, what);
	free(name);
}

/* --- at a worker --- */

static int revert_one(int root, struct revert_path *p)
{
	struct fs_stat st;

	if (fs_stat_beneath(root, p->path, &st) < 0)
		return -1;
	if (st.kind == 0)
		return 0;
	if (st.kind != S_IFDIR)
		return version_store_retire(root, p->path, p->path);
	p->folder = !p->listed;
	return 0;
}

/* Only an empty one. */
static int revert_remove_folder(int root, const char *path)
{
	const char *name;
	int dirfd = fs_open_parent(root, path, &name), rc;

	if (dirfd < 0)
		return errno == ENOENT ? 0 : -1;
	rc = unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -1 : 0;
	fs_close_keep_errno(dirfd);
	return rc;
}

static void revert_work(void *arg)
{
	struct revert_task *t = arg;

	if (share_handle_check(t->handle, &t->gone) < 0)
		return;
	for (size_t i = 0; i < t->n; i++) {
		struct revert_path *p = &t->paths[i];
		int rc = t->removing ? revert_remove_folder(t->handle->root, p->path) : revert_one(t->handle->root, p);

		p->error = rc < 0 ? errno : 0;
	}
}

/* --- the loop --- */

static void folder_later(struct revert_task *t, char *path)
{
	if (t->nfolders == t->max) {
		t->max = t->max > 0 ? 2 * t->max : 16;
		t->folders = mem_realloc(t->folders, t->max, sizeof(*t->folders));
	}
	t->folders[t->nfolders++] = path;
}

/* The path belongs to the group again, unless it failed. */
static void revert_path_done(struct revert_task *t, struct revert_path *p)
{
	if (p->error != 0) {
		revert_failed(t, p->path, strerror(p->error));
	} else if (p->folder && !t->removing) {
		folder_later(t, p->path);
		p->path = NULL;
	} else if (index_bring_back(t->e->index, p->path, NULL) >= 0) {
		t->reverted++;
		engine_hint(t->e, p->path);
	}
	free(p->path);
}

static void revert_done(void *arg)
{
	struct revert_task *t = arg;

	share_handle_free(t->handle);
	for (size_t i = 0; i < t->n; i++) {
		if (t->e != NULL && t->gone == NULL)
			revert_path_done(t, &t->paths[i]);
		else
			free(t->paths[i].path);
	}
	if (t->gone != NULL && t->why == NULL) {
		t->why = t->gone;
		t->more = false;
	} else {
		free(t->gone);
	}
	t->gone = NULL;
	t->n = 0;
	if (t->e == NULL || (!t->more && (t->nfolders == 0 || t->why != NULL)))
		revert_task_end(t);
	else
		revert_next(t);
}

static bool revert_collect(void *arg, const char *path, enum aside_reason why)
{
	struct revert_task *t = arg;
	struct record listed = { 0 };

	free(t->after);
	t->after = mem_strdup(path);
	if (why != ASIDE_READER)
		return true;
	t->paths[t->n++] = (struct revert_path){
		.path = mem_strdup(path),
		.listed = index_list_get(t->e->index, path, &listed) > 0 && record_is_live(&listed) &&
		          listed.kind == RECORD_DIR,
	};
	record_clear(&listed);
	return true;
}

static void revert_next(struct revert_task *t)
{
	if (t->more)
		t->more = index_asides(t->e->index, t->under, t->after != NULL ? t->after : "", SLICE, revert_collect,
		                       t) == SLICE;
	t->removing = t->n == 0 && !t->more;
	for (; t->removing && t->n < SLICE && t->nfolders > 0; t->n++)
		t->paths[t->n] = (struct revert_path){ .path = t->folders[--t->nfolders] };
	t->handle = t->n > 0 || t->more ? share_handle_of(t->e->share) : NULL;
	if (t->handle == NULL) {
		if (t->n > 0)
			revert_failed(t, t->paths[0].path, "there are too many open files; see the agent's log");
		while (t->n > 0)
			free(t->paths[--t->n].path);
		revert_task_end(t);
		return;
	}
	workers_submit(t->e->workers, WORKERS_QUICK, revert_work, revert_done, t);
}

void engine_revert(struct engine *e, const char *path, engine_revert_fn *done, void *arg)
{
	struct revert_task *t;

	if (e->index == NULL || e->share == NULL || e->local == NULL) {
		done(arg, 0, engine_why_no_files(e));
		return;
	}
	t = MEM_NEW(struct revert_task);
	t->e = e;
	t->under = mem_strdup(path);
	t->done = done;
	t->arg = arg;
	t->more = true;
	DL_APPEND(e->reverts, t);
	revert_next(t);
}

void engine_revert_stop(struct engine *e)
{
	struct revert_task *t;

	while ((t = e->reverts) != NULL) {
		DL_DELETE(e->reverts, t);
		t->done(t->arg, t->reverted, "the group stopped meanwhile");
		t->e = NULL; /* its job frees it */
	}
}
