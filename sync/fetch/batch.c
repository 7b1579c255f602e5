/* Batches: ready tickets go to a worker as an install job and come back as rows. See install_job.h for what the job
 * does to the disk. At most two are out, so that the sync of one overlaps with the writes of the other; tickets that
 * become ready meanwhile make the next.
 *
 * The rows to come are noted in the index first, and the job begins when that is committed, a turn later. So whenever
 * we are killed, the scan of the next run can tell our half-finished install from a user's edit (index_leftover). */
#include "sync/fetch/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/plan/burst.h"
#include "sync/plan/path.h"

enum {
	BATCHES_MAX = 2,
	BATCH_ITEMS = 1024,
	BATCH_BYTES = 16 << 20,
	SHARE_RETRY_MS = 1000,
	SHARE_RETRY_MAX_MS = 30000,
	MOVED_MAX_MS = 30000, /* many deletions wait at most this long for installs */
};

struct install_batch {
	struct fetch *f;
	struct install_job job;
	char *group;                /* owned; the job uses it */
	struct install_item *items; /* owned, as the next two; `max` of each */
	struct install_item **order;
	struct ticket **tickets;
	size_t n, max;
	int64_t bytes;
	int64_t first_note, last_note; /* in the index; 0: none */
	bool sent;                     /* a worker has it */
	struct install_batch *prev, *next;
};

static struct install_batch *batch_new(const struct fetch *f)
{
	struct install_batch *b = MEM_NEW(struct install_batch);

	b->max = f->count[TICKET_READY] + f->count[TICKET_DELETE] + f->count[TICKET_RMDIR];
	if (b->max > BATCH_ITEMS)
		b->max = BATCH_ITEMS;
	b->items = mem_calloc(b->max, sizeof(*b->items));
	b->order = mem_calloc(b->max, sizeof(b->order[0]));
	b->tickets = mem_calloc(b->max, sizeof(b->tickets[0]));
	return b;
}

static void batch_free(struct install_batch *b)
{
	free(b->items);
	free(b->order);
	free(b->tickets);
	free(b->group);
	free(b->job.share_why);
	share_handle_free(b->job.handle);
	free(b);
}

static void batch_work(void *arg)
{
	struct install_batch *b = arg;

	install_job_run(&b->job);
}

/* Tickets may have waited for what this batch did. */
static void retry_after(struct fetch *f, const struct install_batch *b)
{
	bool any = false, folders = false, deleted = false;

	for (size_t i = 0; i < b->n; i++) {
		if (b->items[i].result != INSTALL_DONE)
			continue;
		any = true;
		folders |= b->items[i].op == INSTALL_DIR;
		deleted |= b->items[i].op == INSTALL_DELETE || b->items[i].op == INSTALL_MOVE;
	}
	if (folders)
		ticket_retry(f, REASON_PARENT);
	if (deleted) {
		ticket_retry(f, REASON_CHILDREN);
		ticket_retry(f, REASON_NOT_EMPTY);
	}
	if (any)
		ticket_retry_disk(f);
}

static int64_t average(int64_t old, int64_t now)
{
	return old == 0 ? now : (old * 3 + now) / 4;
}

static void note_costs(struct fetch *f, const struct install_job *job)
{
	if (job->fsync_ns != 0)
		f->fsync_ns = average(f->fsync_ns, job->fsync_ns);
	if (job->syncfs_ns != 0)
		f->syncfs_ns = average(f->syncfs_ns, job->syncfs_ns);
	else
		f->syncfs_ns -= f->syncfs_ns / 8; /* so that a syncfs is tried again before long */
}

/* Where a ticket stood before it was taken into a batch. */
static enum ticket_state ready_state(const struct ticket *t)
{
	if (t->pair != NULL || !t->merged.deleted)
		return TICKET_READY;
	return t->ours.kind == RECORD_DIR ? TICKET_RMDIR : TICKET_DELETE;
}

/* The job checked that the share is there before it touched anything. When it was not, batches try it with growing
 * patience. */
static void note_share(struct fetch *f, struct install_batch *b)
{
	int64_t patience = SHARE_RETRY_MS << (f->missing.tries < 5 ? f->missing.tries : 5);

	if ((f->missing.why == NULL) != (b->job.share_why == NULL))
		f->state_changed = true;
	free(f->missing.why);
	f->missing.why = b->job.share_why;
	b->job.share_why = NULL;
	if (f->missing.why == NULL) {
		f->missing.tries = 0;
		return;
	}
	if (f->missing.tries++ == 0)
		f->missing.since_ms = fetch_now(f);
	f->missing.due_ms = fetch_now(f) + (patience < SHARE_RETRY_MAX_MS ? patience : SHARE_RETRY_MAX_MS);
}

static void batch_end(struct fetch *f, struct install_batch *b)
{
	f->batches_out--;
	DL_DELETE(f->batches, b);
	note_share(f, b);
	note_costs(f, &b->job);
	if (b->job.kept > 0 && f->c.versions != NULL)
		f->c.versions(f->c.arg);
	if (f->count[TICKET_WAITING] > 0)
		retry_after(f, b);
	for (size_t i = 0; i < b->n; i++) {
		b->tickets[i]->item = NULL;
		if (b->items[i].result == INSTALL_NO_SHARE)
			ticket_to(f, b->tickets[i], ready_state(b->tickets[i]));
		else
			batch_result(f, b->tickets[i], &b->items[i]);
		install_item_clear(&b->items[i]);
	}
	/* Commits with the rows, or later. */
	(void)index_install_end(f->c.index, b->first_note, b->last_note);
	fetch_wake(f);
}

static void batch_done(void *arg)
{
	struct install_batch *b = arg;
	struct fetch *f = b->f;

	batch_end(f, b);
	batch_free(b);
	fetch_job_end(f);
}

/* A failure does not stop the install: the index reports it by itself. */
static void sync_notes(const void *index)
{
	(void)index_sync(index);
}

static void batch_submit(struct fetch *f, struct install_batch *b)
{
	b->job.handle = share_handle_of(f->c.share);
	b->job.id = random_u64();
	b->job.short_id = f->c.short_id;
	b->group = mem_strdup(share_group(f->c.share));
	b->job.group = b->group;
	b->job.folds_case = share_disk(f->c.share)->folds_case;
	b->job.copies_stay = f->c.copies_stay;
	b->job.reserve = f->reserve;
	b->job.sync_notes = b->first_note != 0 ? sync_notes : NULL;
	b->job.notes = f->c.index;
	b->job.items = b->order;
	b->job.n = b->n;
	b->job.fsync_ns = f->fsync_ns;
	b->job.syncfs_ns = f->syncfs_ns;
	b->sent = true;
	fetch_job_begin(f);
	workers_submit(f->c.workers, WORKERS_QUICK, batch_work, batch_done, b);
}

static enum install_op op_of(const struct ticket *t)
{
	if (t->merged.deleted)
		return INSTALL_DELETE;
	if (t->merged.kind == RECORD_DIR)
		return INSTALL_DIR;
	if (t->action == RECONCILE_ADOPT)
		return INSTALL_META;
	if (t->pair != NULL)
		return INSTALL_MOVE;
	return t->merged.kind == RECORD_SYMLINK ? INSTALL_SYMLINK : INSTALL_FILE;
}

/* From now on nothing of t may change: the job reads its records until the batch is back. */
static void batch_add(struct fetch *f, struct install_batch *b, struct ticket *t)
{
	struct install_item *item = &b->items[b->n];

	*item = (struct install_item){
		.op = op_of(t),
		.want = t->aside != NULL ? t->aside : &t->merged,
		.ours = t->aside == NULL && record_is_live(&t->ours) ? &t->ours : NULL,
		.from = t->from,
		.bytes = t->bytes,
		.part = t->download != NULL ? download_part(t->download) : NULL,
		.part_ino = t->download != NULL ? download_part_ino(t->download) : 0,
		.conflict = t->action == RECONCILE_CONFLICT && t->aside == NULL,
		.mkdirs = t->mkdirs,
		.hands = guard_hands(f, t),
	};
	t->item = item;
	b->order[b->n] = item;
	b->tickets[b->n++] = t;
	b->bytes += t->bytes != NULL || t->from != NULL ? t->merged.content.size : 0;
	ticket_to(f, t, TICKET_INSTALLING);
}

static bool batch_is_full(const struct install_batch *b)
{
	return b->n == b->max || b->bytes >= BATCH_BYTES;
}

/* Judges again if something changed since; true when t is ready as it stands. If not, t may have another state, or be
 * gone. */
static bool is_still_ready(struct fetch *f, struct ticket *t)
{
	enum ticket_state state = t->state;
	char *path;
	bool same;

	if (t->pair != NULL && !judge_is_current(f, t->pair)) {
		struct ticket *gone = t->pair;

		ticket_unpair(f, t);
		route_judge(f, gone);
		return false;
	}
	if (!judge_is_current(f, t)) {
		path = mem_strdup(t->want.path);
		route_judge(f, t);
		/* If another ticket has taken its place, t is gone. */
		same = ticket_find(f, path) == t;
		free(path);
		if (!same || t->state != state || !judge_is_current(f, t))
			return false;
	}
	if (state == TICKET_DELETE && guard_weighs(t))
		return false;
	if (state == TICKET_DELETE && t->ours.kind == RECORD_FILE && route_needs_copy(f, &t->ours.content)) {
		ticket_wait(f, t, REASON_IN_USE);
		return false;
	}
	return t->download == NULL || getting_is_finished(f, t);
}

static int children_first(const struct ticket *a, const struct ticket *b)
{
	return path_compare(b->want.path, a->want.path);
}

/* The contents of a folder go before it, across batches too; else a nest of folders would be tried from the outside,
 * again and again. */
static void sort_rmdirs(struct fetch *f)
{
	if (!f->rmdirs_sorted)
		DL_SORT(f->list[TICKET_RMDIR], children_first);
	f->rmdirs_sorted = true;
}

/* Whether a batch that is out is making t's folder. This batch could make it too (mkdirs), but a scan would take the
 * folder for the user's own until its row is written. */
static bool folder_is_out(const struct fetch *f, const struct install_batch *b, const struct ticket *t)
{
	const char *path = t->want.path, *slash = strrchr(path, '/');
	const struct ticket *folder = NULL;

	if (f->batches_out == 0 || slash == NULL)
		return false;
	HASH_FIND(hh, f->tickets, path, (size_t)(slash - path), folder);
	return folder != NULL && folder->state == TICKET_INSTALLING && folder->merged.kind == RECORD_DIR &&
	       !folder->merged.deleted && (folder->item < b->items || folder->item >= b->items + b->n);
}

/* All of a folder that moves as a whole, in the order in which they are told on. t and m->gone are still ready. */
static void batch_add_folder(struct fetch *f, struct install_batch *b, struct ticket *t, struct folder_move *m)
{
	struct install_item *item = &b->items[b->n];

	batch_add(f, b, t);
	item->from = &m->gone->ours;
	for (; m->n > 0 && (t = f->list[TICKET_READY]) != NULL; m->n--) {
		if (is_still_ready(f, t))
			batch_add(f, b, t);
		else if (f->list[TICKET_READY] == t)
			ticket_to(f, t, TICKET_READY);
	}
	batch_add(f, b, m->gone);
}

/* What becomes of the first READY ticket with regard to its folder. */
enum folder_turn { FOLDER_NONE, FOLDER_ADDED, FOLDER_LATER };

static enum folder_turn batch_try_folder(struct fetch *f, struct install_batch *b, struct ticket *t)
{
	struct folder_move m = batch_folder(f, t);
	int64_t due = batch_folder_due(f, t, &m);

	if (m.n == 0)
		return FOLDER_NONE;
	if (fetch_now(f) < due) {
		f->folder_due_ms = due;
		return FOLDER_LATER;
	}
	if (m.gone == NULL || m.n + 2 > b->max)
		return FOLDER_NONE;
	if (b->n + m.n + 2 > b->max)
		return FOLDER_LATER; /* the next batch begins with it */
	if (!judge_is_current(f, t) || !is_still_ready(f, m.gone))
		return FOLDER_NONE;
	batch_add_folder(f, b, t, &m);
	return FOLDER_ADDED;
}

static void batch_add_all(struct fetch *f, struct install_batch *b, enum ticket_state state)
{
	struct ticket *t;
	size_t left = f->count[state];

	/* Judging may send one to the end of this very list. */
	while (left-- > 0 && !batch_is_full(b) && (t = f->list[state]) != NULL) {
		enum folder_turn turn = FOLDER_NONE;

		if (state == TICKET_READY && folder_is_out(f, b, t))
			return;
		if (state == TICKET_READY)
			turn = batch_try_folder(f, b, t);
		if (turn == FOLDER_LATER)
			return;
		if (turn == FOLDER_ADDED)
			continue;
		if (is_still_ready(f, t))
			batch_add(f, b, t);
		else if (f->list[state] == t)
			ticket_to(f, t, state);
	}
}

/* Whether so many deletions begin that they may be held, while files are being installed which may be what they have
 * become: a small file whose bytes came along is not in the index before that. */
static bool may_have_moved(const struct fetch *f)
{
	const struct ticket *t = f->list[TICKET_DELETE];

	return t != NULL && !t->weighed && f->count[TICKET_DELETE] >= BURST_MIN &&
	       (f->batches_out > 0 || f->count[TICKET_READY] > 0);
}

/* When deletions may be done: news must have paused, since a deletion may be half of a move whose other half is still
 * to come. */
static int64_t quiet_due(const struct fetch *f, enum ticket_state state)
{
	const struct ticket *t = f->list[state];
	int64_t due;

	if (t == NULL)
		return INT64_MAX;
	if (state == TICKET_DELETE && may_have_moved(f))
		return t->since_ms + MOVED_MAX_MS;
	due = f->last_record_ms + QUIET_MS;
	return due < t->since_ms + QUIET_MAX_MS ? due : t->since_ms + QUIET_MAX_MS;
}

/* Folders go when no ticket is under way that may still empty them, or when that takes too long. */
static int64_t rmdirs_due(const struct fetch *f)
{
	const struct ticket *t = f->list[TICKET_RMDIR];
	bool calm = f->batches_out == 0 && f->count[TICKET_READY] == 0 && f->count[TICKET_DELETE] == 0;

	if (t == NULL)
		return INT64_MAX;
	return calm ? quiet_due(f, TICKET_RMDIR) : t->since_ms + QUIET_MAX_MS;
}

int64_t batch_due(const struct fetch *f)
{
	int64_t due = quiet_due(f, TICKET_DELETE), rmdirs = rmdirs_due(f);

	if (f->folder_due_ms < due)
		due = f->folder_due_ms;

	if (f->missing.why != NULL)
		return f->missing.due_ms;
	if (!f->started || f->paused || f->cleaning || f->batches_out == BATCHES_MAX)
		return INT64_MAX;
	return rmdirs < due ? rmdirs : due;
}

/* While the share is missing, only one batch at a time finds out whether it is back, at intervals. */
static bool share_may_be_there(const struct fetch *f)
{
	return f->missing.why == NULL || (fetch_now(f) >= f->missing.due_ms && f->batches_out == 0);
}

/* A note that cannot be made does not stop the install: the index reports by itself that it cannot be written. */
static void note_row(struct fetch *f, struct install_batch *b, const struct record *r)
{
	int64_t note = index_install_begin(f->c.index, r);

	if (note < 0)
		return;
	b->last_note = note;
	if (b->first_note == 0)
		b->first_note = note;
}

/* Not for a file that goes to its conflict name or is repaired: our row already says what will stand there. */
static void note_rows(struct fetch *f, struct install_batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct ticket *t = b->tickets[i];

		if (t->aside == NULL && !t->repair)
			note_row(f, b, &t->merged);
		if (t->pair != NULL)
			note_row(f, b, &t->pair->merged);
	}
}

static void batch_prepare(struct fetch *f, struct install_batch *b)
{
	b->f = f;
	note_rows(f, b);
	DL_APPEND(f->batches, b);
	f->batches_out++;
	fetch_wake(f);
}

/* Notes of an earlier turn are committed by now. */
void batch_send(struct fetch *f)
{
	struct install_batch *b;

	DL_FOREACH(f->batches, b) {
		if (!b->sent)
			batch_submit(f, b);
	}
}

/* New files first, then deletions when the news has paused, then folders when they may be empty. A batch of what is
 * ready now is made even if it is small: the one that is out holds up the next anyway. */
void batch_pump(struct fetch *f)
{
	batch_send(f);
	f->folder_due_ms = INT64_MAX;
	while (f->started && !f->paused && !f->cleaning && f->batches_out < BATCHES_MAX) {
		int64_t now = fetch_now(f);
		bool deletions = now >= quiet_due(f, TICKET_DELETE);
		struct install_batch *b;

		if (f->count[TICKET_READY] == 0 && !deletions && now < rmdirs_due(f))
			return;
		if (!share_may_be_there(f))
			return;
		if (deletions)
			guard_deletions(f);
		b = batch_new(f);
		batch_add_all(f, b, TICKET_READY);
		if (deletions)
			batch_add_all(f, b, TICKET_DELETE);
		if (now >= rmdirs_due(f)) {
			sort_rmdirs(f);
			batch_add_all(f, b, TICKET_RMDIR);
		}
		if (b->n == 0) {
			batch_free(b);
			return;
		}
		batch_prepare(f, b);
	}
}
