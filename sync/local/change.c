/* From one check to a row. A path that is unchanged ends here, what only needs a row gets it, and a file whose
 * bytes must be read is sent to be hashed (change_hash.c) and gets its row after that. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

/* --- folders and symlinks --- */

static void write_simple(struct local *l, const struct check *k, enum record_kind kind, uint64_t seq)
{
	struct record r;

	if (local_is_installing(l, k->path) || !change_row_fresh(l, k->path, seq, &r))
		return;
	change_row_fill(l, &r, &r, kind, &k->st,
	                kind == RECORD_SYMLINK && record_is(&r, kind) && r.target != NULL &&
	                        strcmp(r.target, k->target) == 0);
	r.target = mem_strdup(k->target);
	(void)change_row_write(l, &r, NULL);
	record_clear(&r);
}

static void found_dir(struct local *l, const struct check *k, const struct record *row, uint64_t seq)
{
	if (!record_is(row, RECORD_DIR) || row_meta_mode(share_disk(l->c.share), row, RECORD_DIR, &k->st) != row->mode)
		write_simple(l, k, RECORD_DIR, seq);
	else if (record_disk_mode(row) != k->st.mode)
		change_row_touch(l, k->path, &k->st);
}

static void found_symlink(struct local *l, const struct check *k, const struct record *row, uint64_t seq)
{
	if (!record_is(row, RECORD_SYMLINK) || row->target == NULL || strcmp(row->target, k->target) != 0 ||
	    row_meta_mtime(row, RECORD_SYMLINK, &k->st) != row->mtime_ns)
		write_simple(l, k, RECORD_SYMLINK, seq);
	else if (seen_match(&row->seen, &k->st) != SEEN_SAME)
		change_row_touch(l, k->path, &k->st);
}

/* --- files --- */

/* Writes a new mode at once. Nothing else that the check saw is noted: a new ctime can hide new bytes, so it
 * becomes the row's only when they have been read. Returns the row's new number; 0: not written. */
static uint64_t write_mode(struct local *l, const struct check *k, uint64_t seq)
{
	uint64_t written = 0;
	struct record r;

	if (local_is_installing(l, k->path) || !change_row_fresh(l, k->path, seq, &r))
		return 0;
	if (!record_is(&r, RECORD_FILE) || seen_match(&r.seen, &k->st) == SEEN_OTHER) {
		local_check_again(l, k->path);
	} else {
		uint32_t mode = row_meta_mode(share_disk(l->c.share), &r, RECORD_FILE, &k->st);

		record_keep_base(&r, mode);
		r.mode = mode;
		r.seen.mode = k->st.mode;
		r.via = l->c.short_id;
		written = change_row_write(l, &r, NULL) == 0 ? r.seq : 0;
	}
	record_clear(&r);
	return written;
}

/* Everything except the ctime is what the row says. A rename, a new mode or a link changes the ctime, and so does a
 * write whose mtime was set back: only reading tells them apart. Until then the row keeps the ctime of the bytes it
 * knows, so that an installer or a verify sees that the file is not known to be what the row says. */
static void found_other_ctime(struct local *l, const struct check *k, const struct record *row, bool full, uint64_t seq)
{
	uint64_t row_seq = row->seq;

	if (row_meta_mode(share_disk(l->c.share), row, RECORD_FILE, &k->st) != row->mode)
		row_seq = write_mode(l, k, seq);
	if (row_seq != 0 && row->seen.ctime_ns != k->st.ctime_ns && !local_is_installing(l, k->path))
		change_hash_send(l, k, row, row_seq, full);
}

/* The path at which a moved file's row still is; NULL when nothing was moved here. */
static char *path_before(const struct check *k, const struct scan_hint *hint, const struct walk_merge *m)
{
	if (hint != NULL && hint->from != NULL)
		return mem_strdup(hint->from);
	if (m != NULL && m->from != NULL)
		return mem_printf("%s%s", m->from, k->path + strlen(m->under));
	return NULL;
}

/* If this is the file that was at `before`, gives its row the old row's content. The old row's tombstone follows
 * the new row at once, so that a peer that receives both can make one rename of them. A new ctime still has to be
 * explained by the bytes, as above. False: it is not that file. */
static bool take_over(struct local *l, const struct check *k, const char *before, bool full, uint64_t seq)
{
	struct record old = { 0 };
	struct record r = { 0 };
	bool taken = false;

	if (index_get(l->c.index, before, &old) <= 0 || !record_is(&old, RECORD_FILE) ||
	    seen_match(&old.seen, &k->st) == SEEN_OTHER || old.seq > seq)
		goto clear_old;
	taken = true;
	if (local_is_installing(l, k->path) || !change_row_fresh(l, k->path, seq, &r))
		goto clear_old;
	change_row_fill(l, &r, &old, RECORD_FILE, &k->st, false);
	r.content = old.content;
	r.chunk_log2 = old.chunk_log2;
	r.via = l->c.short_id;
	r.seen.ctime_ns = old.seen.ctime_ns;
	if (change_row_write(l, &r, NULL) == 0) {
		gone_back(l, old.path);
		change_row_gone(l, old.path, k->moved ? k->before : -1);
		if (old.seen.ctime_ns != k->st.ctime_ns)
			change_hash_send(l, k, &r, r.seq, full);
	} else {
		local_check_again(l, old.path);
	}
	record_clear(&r);
clear_old:
	record_clear(&old);
	return taken;
}

/* Whether a writer may still have the file open. A hard link has no writer. A write leaves mtime and ctime equal,
 * so where they differ, the last thing done was not a write: the mtime was set, which inotify reports as if it were
 * one. */
static bool may_be_open(const struct check *k, const struct record *row, const struct scan_hint *hint)
{
	if (hint->hint.fresh)
		return k->st.nlink == 1;
	if (!hint->hint.writing)
		return false;
	return !record_is(row, RECORD_FILE) || row->seen.ino != k->st.ino || row->seen.size != k->st.size ||
	       k->st.mtime_ns == k->st.ctime_ns;
}

static void found_file(struct local *l, const struct check *k, const struct record *row, const struct scan_hint *hint,
                       const struct walk_merge *m, uint64_t seq)
{
	char *before = path_before(k, hint, m);
	bool written = hidden_write_possible(l, k->path, before);
	bool content = hint != NULL && hint->hint.content;
	bool full = m != NULL ? m->full : hint != NULL && hint->full;

	if (record_is(row, RECORD_FILE) && record_disk_mode(row) == k->st.mode &&
	    seen_match(&row->seen, &k->st) == SEEN_SAME && !(content && moves_hides_write(&k->st)) && !written) {
		problem_checked(l->problems, k->path, &k->st, l->scan.walk_no);
		goto free_before;
	}
	/* Only reading it will tell whether it still has its problem. */
	problem_keep(l->problems, k->path, l->scan.walk_no);
	if (debounce_waits(l->debounce, k->path)) {
		/* The debouncer began to wait for it after this check began, although its writer had closed it
		 * before. */
		if (content && !hint->hint.writing)
			local_check_again(l, k->path);
		goto free_before;
	}
	if (change_hash_defer(l, k->path, hint))
		goto free_before;
	/* A full scan checks all names anyway. */
	if (m == NULL || !m->full)
		other_names_check(l, k, content || written);
	if (record_is(row, RECORD_FILE) && seen_match(&row->seen, &k->st) != SEEN_OTHER && !content && !written) {
		found_other_ctime(l, k, row, full, seq);
		goto free_before;
	}
	if (hint != NULL && may_be_open(k, row, hint)) {
		debounce_event(l->debounce, loop_now_ms(l->c.loop), k->path,
		               hint->hint.fresh ? DEBOUNCE_CREATED : DEBOUNCE_WRITING);
		goto free_before;
	}
	if (before != NULL ? !written && take_over(l, k, before, full, seq)
	                   : !written && !content && moves_found(l, k, row, full))
		goto free_before;
	if (!local_is_installing(l, k->path))
		change_hash_send(l, k, row, row != NULL ? row->seq : 0, full);
free_before:
	free(before);
}

/* --- all kinds --- */

static const char *special_name(uint32_t kind)
{
	switch (kind) {
	case S_IFSOCK:
		return "a socket cannot be synced";
	case S_IFIFO:
		return "a FIFO cannot be synced";
	case S_IFBLK:
	case S_IFCHR:
		return "a device cannot be synced";
	default:
		return "this type of file cannot be synced";
	}
}

void change_found(struct local *l, const struct check *k, const struct record *row, const struct scan_hint *hint,
                  const struct walk_merge *m, uint64_t seq)
{
	/* Not this walk's own number: a walk that began later may have passed here earlier, and it sweeps the
	 * problems that it did not see. */
	uint64_t walk_no = l->scan.walk_no;

	if (k->ours) {
		problem_add(l->problems, k->path, PROBLEM_SKIPPED,
		            path_verdict_text(path_check(k->path, strlen(k->path))), walk_no);
		return;
	}
	if (k->error == ENOENT) {
		/* It went away while the walk was at it. */
		local_check_again(l, k->path);
		return;
	}
	if (k->error != 0)
		problem_add_unread(l->problems, k->path, k->error, &k->st, walk_no);
	if (k->error == EXDEV || k->error == ENAMETOOLONG || (k->error != 0 && k->st.kind != S_IFDIR))
		return;
	if (k->st.kind == S_IFREG || k->st.kind == S_IFDIR || k->st.kind == S_IFLNK)
		gone_back(l, k->path);
	if (own_is(l, k->path) && !own_may_end(l, k)) {
		problem_clear(l->problems, k->path);
		/* Another name of it may be shared. */
		if (k->st.kind == S_IFREG && (m == NULL || !m->full))
			other_names_check(l, k, hint != NULL && hint->hint.content);
		return;
	}
	switch (k->st.kind) {
	case S_IFDIR:
		if (k->error == 0)
			problem_clear(l->problems, k->path);
		found_dir(l, k, row, seq);
		break;
	case S_IFLNK:
		problem_checked(l->problems, k->path, &k->st, walk_no);
		found_symlink(l, k, row, seq);
		break;
	case S_IFREG:
		found_file(l, k, row, hint, m, seq);
		break;
	default:
		problem_add(l->problems, k->path, PROBLEM_SKIPPED, special_name(k->st.kind), walk_no);
		if (row != NULL && !row->deleted)
			gone_add(l, row);
		break;
	}
}
