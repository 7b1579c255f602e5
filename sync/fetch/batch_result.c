/* A batch is back: each of its tickets gets its row, waits, or takes another way. See batch.h. */
#include "sync/fetch/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/share/reserve.h"

static const struct seen never;

/* What the tombstone of a file keeps, so that the path stays wanted (choose_state.had): it was here until others
 * deleted it. */
static struct seen seen_until_deleted(const struct record *ours)
{
	struct seen seen = ours->seen;

	if (!record_is_live(ours) || ours->kind == RECORD_DIR)
		return never;
	seen.ino = 0;
	if (record_seen_is_none(&seen))
		seen.mtime_ns = 1;
	return seen;
}

static void result_hint(struct fetch *f, const char *path)
{
	if (f->c.hint != NULL)
		f->c.hint(f->c.arg, path);
}

/* Our content was kept under its conflict name: a new local file, whose content is known. */
static void put_conflict_row(struct fetch *f, struct ticket *t, struct install_item *item)
{
	struct record r = { 0 };

	record_copy(&r, &t->ours);
	free(r.path);
	r.path = mem_strdup(item->conflict_path);
	r.seen = item->conflict_seen;
	judge_put_kept(f, &r, NULL);
	record_clear(&r);
}

/* Reports the files that the job moved or found changed: the scan has to check them, whatever the result is. */
static void note_kept(struct fetch *f, struct ticket *t, struct install_item *item)
{
	if (item->conflict_path != NULL) {
		if (item->conflict_seen.ino != 0)
			put_conflict_row(f, t, item);
		else
			result_hint(f, item->conflict_path);
		if (f->c.conflict != NULL)
			f->c.conflict(f->c.arg, item->conflict_path, t->want.path);
	}
	for (size_t i = 0; item->result != INSTALL_NOT_EMPTY && i < INSTALL_NAMES && item->names[i] != NULL; i++)
		result_hint(f, item->names[i]);
	if (item->kept_path != NULL) {
		result_hint(f, item->kept_path);
		if (f->c.conflict != NULL)
			f->c.conflict(f->c.arg, item->kept_path, t->want.path);
	}
	if (item->hint || item->result == INSTALL_CHANGED) {
		result_hint(f, t->aside != NULL ? t->aside->path : t->want.path);
		if (t->from != NULL)
			result_hint(f, t->from->path);
	}
}

/* The peer that need not be told what ours becomes. One that went away before we acknowledged its number may come back
 * without it: from a power cut, with an older copy of its home, or as another copy. */
static uint64_t who_knows(struct fetch *f, const struct ticket *t)
{
	if (t->peer == 0)
		return t->want.via;
	if (t->untold || (t->unstored && t->unstored_in != fetch_peer_get(f, t->peer)->times_down))
		return 0;
	return t->peer;
}

/* Writes the row that t was about. t is freed, or judged again if a peer offers something newer. */
static void row_installed(struct fetch *f, struct ticket *t, const struct seen *seen)
{
	const struct blocklist *blocks = t->blocks.n > 1 ? &t->blocks : NULL;

	if (t->download != NULL)
		blocks = download_list(t->download);

	t->merged.seen = *seen;
	/* What is here then knows nothing: whatever the members list takes its place. */
	if (t->unvouched) {
		version_clear(&t->merged.version);
		record_clear_base(&t->merged);
	}
	if (judge_put(f, &t->merged, &t->want, who_knows(f, t), blocks) < 0) {
		ticket_wait(f, t, REASON_DISK);
		return;
	}
	guard_installed(f, t);
	if (f->c.installed != NULL)
		f->c.installed(f->c.arg, &t->merged);
	also_drop(f, t);
	if (t->unstored && !t->rejudge && !index_is_offered(f->c.index, t->want.path)) {
		ticket_free(f, t);
		return;
	}
	t->tries = 0;
	ticket_to(f, t, TICKET_FRESH);
	ticket_reset(f, t);
	route_judge(f, t);
}

/* The file that had rotted is what its row says again. */
static void file_repaired(struct fetch *f, struct ticket *t, const struct seen *seen)
{
	index_touch(f->c.index, t->want.path, seen);
	log_about(LOG_WARN, &(struct log_about){ .group = share_group(f->c.share), .file = t->want.path },
	          "%s: its content had rotted on this disk and was downloaded again%s", t->want.path,
	          f->c.copies_stay ? "" : "; the rotten file is among its versions");
	if (f->c.repaired != NULL)
		f->c.repaired(f->c.arg, t->want.path);
	if (f->c.installed != NULL)
		f->c.installed(f->c.arg, &t->merged);
	ticket_free(f, t);
}

/* Writes both rows of a move. */
static void file_moved(struct fetch *f, struct ticket *t, const struct seen *seen)
{
	struct ticket *gone = t->pair;

	t->pair = NULL;
	gone->pair = NULL;
	f->files_renamed++;
	row_installed(f, gone, &never);
	row_installed(f, t, seen);
}

static void item_done(struct fetch *f, struct ticket *t, struct install_item *item)
{
	bool rows_hold = judge_row_is_current(f, t) && (t->pair == NULL || judge_row_is_current(f, t->pair));

	if (item->away)
		result_hint(f, item->want->path);
	if (t->download != NULL)
		download_part_gone(t->download);
	if (item->op == INSTALL_FILE) {
		f->files_installed++;
		fetch_completed(f, item->want->path, t->merged.content.size);
	}
	if (!rows_hold) {
		/* The scan wrote our row while the batch was out: t is judged again, with the file as it is now. */
		result_hint(f, t->want.path);
		if (t->pair != NULL)
			ticket_unpair(f, t);
		if (t->download != NULL)
			download_drop(t->download, false);
		ticket_wait(f, t, REASON_CHANGED);
	} else if (t->aside != NULL) {
		folder_put_aside(f, t, &item->seen);
	} else if (t->repair) {
		file_repaired(f, t, &item->seen);
	} else if (t->pair != NULL) {
		file_moved(f, t, &item->seen);
	} else {
		const struct seen seen = t->merged.deleted ? seen_until_deleted(&t->ours) : item->seen;

		row_installed(f, t, &seen);
	}
}

/* A carrier passes on what it was given before it has looked: the lie may be the maker's, which the carrier finds out
 * for itself. So it is not a fault, but nothing waits for the carrier for a while. */
static void relayed_bad_bytes(struct fetch *f, struct ticket *t)
{
	carried_rests(f, fetch_peer_get(f, t->bytes_from));
	if (log_allow("relayed", 5))
		log_about(LOG_WARN, &(struct log_about){ .group = share_group(f->c.share), .file = t->want.path },
		          "the hash does not match of bytes that another member passed on");
}

/* The bytes do not have the hash of the content: their sender is not asked again for this ticket. */
static void item_bad_bytes(struct fetch *f, struct ticket *t)
{
	if (t->relayed)
		relayed_bad_bytes(f, t);
	else
		f->c.ops->misbehaved(f->c.ops_arg, t->bytes_from, t->want.path,
		                     "sent a block whose hash does not match");
	t->relayed = false;
	liars_add(&t->liars, t->bytes_from);
	free(t->bytes);
	t->bytes = NULL;
	ticket_store(f, t);
	ticket_to(f, t, TICKET_FRESH);
}

/* The local file that was to be copied, or the part, is not what it should be: the content has to be got another
 * way. */
static void item_no_source(struct fetch *f, struct ticket *t)
{
	if (t->from != NULL) {
		result_hint(f, t->from->path);
		record_clear(t->from);
		free(t->from);
		t->from = NULL;
	}
	if (t->download != NULL) {
		download_part_gone(t->download);
		download_drop(t->download, false);
	}
	t->awaited = true;
	ticket_store(f, t);
	ticket_to(f, t, TICKET_FRESH);
}

/* The disk refused. A part that is gone is got again; errors that point at the disk or at the name are logged. */
static void item_failed(struct fetch *f, struct ticket *t, const struct install_item *item)
{
	bool name = item->error == EINVAL || item->error == ENAMETOOLONG || item->error == EILSEQ;

	if (t->download != NULL && item->error == ENOENT) {
		item_no_source(f, t);
		return;
	}
	/* It is at its path, but what came after that failed: what the part leaves behind is of no use. */
	if (t->download != NULL && item->part_used)
		download_part_gone(t->download);
	if (reason_of_errno(item->error) == REASON_DISK || name) {
		char *shown = log_escape(t->want.path, strlen(t->want.path));

		if (log_allow("install", 10))
			log_about(LOG_WARN,
			          &(struct log_about){ .group = share_group(f->c.share), .file = t->want.path },
			          "%s: cannot be installed: %s", shown, strerror(item->error));
		free(shown);
	}
	if (f->c.versions != NULL && (item->error == ENOSPC || item->error == EDQUOT || item->error == RESERVE_REACHED))
		f->c.versions(f->c.arg);
	ticket_wait(f, t, reason_of_errno(item->error));
}

void batch_result(struct fetch *f, struct ticket *t, struct install_item *item)
{
	note_kept(f, t, item);
	if (item->result != INSTALL_DONE && t->pair != NULL && item->result != INSTALL_NO_PARENT) {
		t->no_move = true;
		t->pair->no_move = true;
		ticket_unpair(f, t);
	}
	switch (item->result) {
	case INSTALL_DONE:
		item_done(f, t, item);
		break;
	case INSTALL_NO_SHARE: /* batch.c keeps these */
		break;
	case INSTALL_CHANGED:
		ticket_wait(f, t, REASON_CHANGED);
		break;
	case INSTALL_NO_PARENT:
		folder_no_parent(f, t, item->error);
		break;
	case INSTALL_NOT_EMPTY:
		folder_not_empty(f, t, item);
		break;
	case INSTALL_BAD_BYTES:
		item_bad_bytes(f, t);
		break;
	case INSTALL_NO_SOURCE:
		item_no_source(f, t);
		break;
	case INSTALL_ERROR:
		item_failed(f, t, item);
		break;
	}
}
