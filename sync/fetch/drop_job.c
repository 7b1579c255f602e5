/* Steps 4 and 5 of a drop: a worker takes files aside, compares them with their rows and removes them; then the rows
 * go. See drop.c. */
#include "sync/fetch/drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/install/install_job.h"

enum { JOB_MAX = 256, TRIES_MAX = 4 };

struct drop_job {
	struct fetch *f;
	struct install_job job;
	struct install_item items[JOB_MAX], *order[JOB_MAX];
	struct drop *drops[JOB_MAX];
	bool absent[JOB_MAX]; /* it failed, and nothing is left at the path: what was taken aside could not go back */
	size_t n;
	char *group; /* owned */
};

static void drop_work(void *arg)
{
	struct drop_job *j = arg;

	install_job_run(&j->job);
	for (size_t i = 0; i < j->n; i++) {
		enum install_result result = j->items[i].result;
		struct fs_stat st;

		j->absent[i] = result != INSTALL_DONE && result != INSTALL_NO_SHARE && result != INSTALL_NO_PARENT &&
		               fs_stat_beneath(j->job.handle->root, j->drops[i]->path, &st) == 0 && st.kind == 0;
	}
}

/* Step 5, whatever stands at the path by now. */
static void drop_row(struct fetch *f, struct drop *d)
{
	struct record row = { 0 };
	bool leaving = index_get(f->c.index, d->path, &row) > 0 && record_is_live(&row) && row.leaving;

	record_clear(&row);
	if (!leaving) {
		if (f->c.hint != NULL)
			f->c.hint(f->c.arg, d->path);
		drop_end(f, d, FETCH_DROP_REFUSED, DROP_NOT_CURRENT);
	} else if (index_drop(f->c.index, d->path) < 0) {
		drop_undo(f, d, "the index cannot be written");
	} else {
		drop_end(f, d, FETCH_DROPPED, NULL);
	}
}

/* The file may have another ctime alone: the scan reads it, and then it goes, or is found to be changed. */
static void drop_again(struct fetch *f, struct drop *d)
{
	if (f->c.hint != NULL)
		f->c.hint(f->c.arg, d->path);
	if (++d->tries == TRIES_MAX) {
		drop_undo(f, d, "it was changed meanwhile");
		return;
	}
	drop_unmark(f, d);
	d->state = DROP_AGAIN;
	d->asked_ms = fetch_now(f);
	fetch_wake(f);
}

static void drop_result(struct fetch *f, struct drop *d, const struct install_item *item)
{
	if (item->hint && f->c.hint != NULL)
		f->c.hint(f->c.arg, d->path);
	switch (item->result) {
	case INSTALL_DONE:
		drop_row(f, d);
		return;
	case INSTALL_NO_SHARE:
		drop_undo(f, d, "the share is not there");
		return;
	case INSTALL_NOT_EMPTY:
		drop_undo(f, d, "something else is in it");
		return;
	case INSTALL_CHANGED:
	case INSTALL_NO_PARENT:
	case INSTALL_BAD_BYTES:
	case INSTALL_NO_SOURCE:
		drop_again(f, d);
		return;
	case INSTALL_ERROR:
		drop_undo(f, d, reason_text(reason_of_errno(item->error)));
		return;
	}
}

static void drop_job_done(void *arg)
{
	struct drop_job *j = arg;
	struct fetch *f = j->f;

	f->drop_job = NULL;
	if (j->job.kept > 0 && !f->dead && f->c.versions != NULL)
		f->c.versions(f->c.arg);
	for (size_t i = 0; i < j->n; i++) {
		if (f->dead)
			drop_free(j->drops[i]);
		else if (j->absent[i]) /* a row that stayed would be told as a deletion */
			drop_row(f, j->drops[i]);
		else
			drop_result(f, j->drops[i], &j->items[i]);
		install_item_clear(&j->items[i]);
	}
	free(j->job.share_why);
	share_handle_free(j->job.handle);
	free(j->group);
	free(j);
	fetch_job_end(f);
}

static void drop_sync_notes(const void *index)
{
	(void)index_sync(index);
}

static void drop_add(struct drop_job *j, struct drop *d)
{
	struct install_item *item = &j->items[j->n];

	*item = (struct install_item){ .op = INSTALL_DELETE, .want = &d->row, .ours = &d->row, .release = !d->behind };
	j->order[j->n] = item;
	j->drops[j->n++] = d;
	d->state = DROP_OUT;
}

static void drop_send(struct fetch *f, struct drop_job *j)
{
	j->f = f;
	j->group = mem_strdup(share_group(f->c.share));
	j->job = (struct install_job){ .handle = share_handle_of(f->c.share),
		                       .id = random_u64(),
		                       .short_id = f->c.short_id,
		                       .group = j->group,
		                       .items = j->order,
		                       .n = j->n,
		                       .copies_stay = f->c.copies_stay,
		                       .folds_case = share_disk(f->c.share)->folds_case,
		                       .reserve = f->reserve,
		                       .sync_notes = drop_sync_notes,
		                       .notes = f->c.index };
	f->drop_job = j;
	fetch_job_begin(f);
	workers_submit(f->c.workers, WORKERS_QUICK, drop_work, drop_job_done, j);
}

/* The marks of an earlier turn are committed by now. The row may have changed since it was marked. */
void drop_begin_job(struct fetch *f)
{
	struct drop_job *j = NULL;
	struct drop *d, *next;

	HASH_ITER(hh, f->drops, d, next) {
		const char *why;

		if (d->state != DROP_READY)
			continue;
		why = drop_look(f, d);
		if (why != NULL || !record_is_live(&d->row) || !d->row.leaving) {
			drop_undo(f, d, why != NULL ? why : DROP_NOT_CURRENT);
			continue;
		}
		if (j == NULL)
			j = MEM_NEW(struct drop_job);
		drop_add(j, d);
		if (j->n == JOB_MAX)
			break;
	}
	if (j != NULL)
		drop_send(f, j);
}
