/* Files whose content must be read before a row can be written: sent to be hashed, and the result made a row. See
 * local_internal.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/hash/chunk.h"
#include "sync/local/local_internal.h"

static struct file_job *find_job(const struct local *l, const char *path)
{
	struct file_job *job;

	HASH_FIND_STR(l->scan.files, path, job);
	return job;
}

/* The content of f's last version, if an earlier rule cut it: its list goes along, so that a file that was only touched
 * stays what it was. */
static void add_known(struct local *l, struct hash_file *f, const struct record *before)
{
	if (before == NULL || f->known.n > 0 || !record_is(before, RECORD_FILE) || before->chunk_log2 == 0 ||
	    (before->chunk_log2 & CHUNK_RULE) != 0 || before->content.size != f->size)
		return;
	if (before->content.nblocks == 1)
		blocklist_single(&f->known, &before->content);
	else if (index_blocks(l->c.index, &before->content, &f->known) <= 0)
		blocklist_clear(&f->known);
}

/* A file that was followed behind its writer is cut as it was then, so that what peers have is of the same blocks. Of
 * one that mostly is what its row says, peers have most: they are told of it with its record. */
static void prepare_comings(struct local *l, struct file_job *job, const struct record *row)
{
	uint8_t log2;

	job->quiet =
		l->c.comings == NULL || job->file.size < comings_file_min(l->c.comings) || index_is_reader(l->c.index);
	if (job->quiet)
		return;
	log2 = comings_log2(l->c.comings, job->file.path);
	if (log2 != 0)
		job->file.previous_log2 = log2;
	job->told = log2 != 0;
	job->quiet = log2 == 0 && ((record_is(row, RECORD_FILE) && row->content.size > job->file.size / 2) ||
	                           own_is(l, job->file.path));
}

void change_hash_cut(struct local *l, struct hash_file *f, int fd)
{
	struct file_job *job = (struct file_job *)f;
	const struct comings_cut cut = { .path = f->path,
		                         .fd = fd,
		                         .st = f->st,
		                         .list = &f->blocks,
		                         .log2 = f->chunk_log2 & (uint8_t)~CHUNK_RULE,
		                         .known = job->told };

	if (job->quiet || job->stale || growing_follows(l, f->path))
		return;
	if (f->st.size < comings_file_min(l->c.comings) || ignore_match(share_ignore(l->c.share), f->path, false))
		return;
	job->quiet = !comings_cut(l->c.comings, &cut);
	job->told = !job->quiet && comings_log2(l->c.comings, f->path) != 0;
}

/* The record tells the rest. A file that is still followed has changed since it was read. */
static void end_comings(struct local *l, const struct file_job *job)
{
	const struct hash_file *f = &job->file;
	bool written = f->status == HASH_DONE && !job->stale;

	if (l->c.comings == NULL || !job->told || (!written && growing_follows(l, f->path)))
		return;
	comings_end(l->c.comings, f->path, written);
}

void change_hash_send(struct local *l, const struct check *k, const struct record *row, uint64_t row_seq, bool full)
{
	struct file_job *job = MEM_NEW(struct file_job);

	job->file.path = mem_strdup(k->path);
	job->file.size = k->st.size;
	job->file.st = k->st; /* until it is opened */
	job->file.previous_log2 = adopt_chunk_log2(l, k->path, k->st.size, record_is(row, RECORD_FILE) ? row : NULL);
	job->file.previous_log2 &= (uint8_t)~CHUNK_RULE;
	add_known(l, &job->file, index_leftover(l->c.index, k->path));
	add_known(l, &job->file, row);
	prepare_comings(l, job, row);
	job->row_seq = row_seq;
	job->full = full;
	if (full)
		l->scan.full_hashing++;
	HASH_ADD_KEYPTR(hh, l->scan.files, job->file.path, strlen(job->file.path), job);
	hash_add(l->hash, l->handle, &job->file);
}

bool change_hash_defer(struct local *l, const char *path, const struct scan_hint *hint)
{
	bool content = hint != NULL && hint->hint.content;
	struct file_job *job = find_job(l, path);

	if (job == NULL)
		return false;
	if (!job->hinted || content)
		job->event = !content ? DEBOUNCE_NOW : hint->hint.writing ? DEBOUNCE_MODIFIED : DEBOUNCE_CLOSED;
	job->hinted = true;
	return true;
}

/* --- hashed --- */

struct origin {
	const struct hash_file *f;
	struct record row; /* path NULL: not found */
};

static bool note_origin(void *arg, const struct record *r)
{
	struct origin *o = arg;

	if (seen_match(&r->seen, &o->f->st) == SEEN_OTHER || !content_equal(&r->content, &o->f->content))
		return true;
	record_copy(&o->row, r);
	return false;
}

/* Looks for a row that has this inode and this content: the file was moved or linked here, and no event said so.
 * Then what the disk shows of mode and time is what it kept of that row's, not of r's, which describes what stood
 * here before, unless that was this inode already. */
static void find_origin(struct local *l, struct origin *o, const struct record *r)
{
	const struct fs_stat *st = &o->f->st;

	if (record_is(r, RECORD_FILE) && (r->seen.ino == st->ino || seen_match(&r->seen, st) != SEEN_OTHER))
		return;
	if (index_by_inode(l->c.index, st->ino, note_origin, o) < 0)
		local_unwritten(l);
}

static void write_changed(struct local *l, const struct hash_file *f, struct record *r, bool same)
{
	struct origin origin = { .f = f };

	find_origin(l, &origin, r);
	change_row_fill(l, r, origin.row.path != NULL ? &origin.row : r, RECORD_FILE, &f->st, same);
	record_clear(&origin.row);
	r->content = f->content;
	r->chunk_log2 = f->chunk_log2 == 0 || f->kept_cuts ? f->chunk_log2 : f->chunk_log2 | CHUNK_RULE;
	r->via = same ? l->c.short_id : 0;
	(void)change_row_write(l, r, !same && f->blocks.n >= 2 ? &f->blocks : NULL);
}

static void write_hashed(struct local *l, const struct file_job *job)
{
	const struct hash_file *f = &job->file;
	struct record r = { 0 };
	bool same;

	if (local_is_installing(l, f->path))
		return;
	if (index_get(l->c.index, f->path, &r) < 0) {
		local_unwritten(l);
		return;
	}
	/* The row was written meanwhile: what was read may be what was there before. */
	if (r.seq != job->row_seq) {
		local_check_again(l, f->path);
		goto clear_r;
	}
	same = record_is(&r, RECORD_FILE) && content_equal(&r.content, &f->content);
	if (same && row_meta_mode(share_disk(l->c.share), &r, RECORD_FILE, &f->st) == r.mode &&
	    row_meta_mtime(&r, RECORD_FILE, &f->st) == r.mtime_ns) {
		change_row_touch(l, f->path, &f->st);
		goto clear_r;
	}
	if (r.path == NULL)
		r.path = mem_strdup(f->path);
	write_changed(l, f, &r, same);
clear_r:
	record_clear(&r);
}

/* Only a file that did not change while it was read gets a row; the ignore rules may have changed since it was
 * sent. */
static void judge_hashed(struct local *l, const struct file_job *job)
{
	const struct hash_file *f = &job->file;

	switch (f->status) {
	case HASH_DONE:
		problem_checked(l->problems, f->path, &f->st, l->scan.walk_no);
		if (!ignore_match(share_ignore(l->c.share), f->path, false))
			write_hashed(l, job);
		break;
	case HASH_AGAIN:
		local_check_again(l, f->path);
		break;
	case HASH_CHANGED:
		debounce_event(l->debounce, loop_now_ms(l->c.loop), f->path, DEBOUNCE_WRITING);
		break;
	case HASH_FAILED:
		problem_add_unread(l->problems, f->path, f->error, &f->st, l->scan.walk_no);
		break;
	}
}

void change_hash_drop(struct hash_file *f)
{
	struct file_job *job = (struct file_job *)f;

	blocklist_clear(&f->blocks);
	blocklist_clear(&f->known);
	free(f->path);
	free(job);
}

bool change_hash_done(struct local *l, struct hash_file *f)
{
	struct file_job *job = (struct file_job *)f;
	bool full = job->full;

	HASH_DEL(l->scan.files, job);
	end_comings(l, job);
	if (!job->stale && l->error == NULL) {
		judge_hashed(l, job);
		if (job->hinted)
			debounce_event(l->debounce, loop_now_ms(l->c.loop), f->path, job->event);
	}
	change_hash_drop(f);
	return full;
}
