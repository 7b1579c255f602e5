/* Writes rows. Each row is read again just before it is written, so that what an installer or a peer made of it
 * meanwhile is seen. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"

bool change_row_fresh(struct local *l, const char *path, uint64_t seq, struct record *fresh)
{
	*fresh = (struct record){ 0 };
	if (index_get(l->c.index, path, fresh) < 0) {
		local_unwritten(l);
		return false;
	}
	if (fresh->seq > seq) {
		local_check_again(l, path);
		record_clear(fresh);
		return false;
	}
	if (fresh->path == NULL)
		fresh->path = mem_strdup(path);
	return true;
}

/* If the index refuses the row because of the path alone, that is the path's problem, and other paths go on
 * syncing. */
static void change_row_refused(struct local *l, const char *path)
{
	if (errno == EOVERFLOW)
		problem_add(l->problems, path, PROBLEM_FAILING,
		            "a member announced a made-up version of it, after which no change can be "
		            "recorded: save yours under another name",
		            l->scan.walk_no);
	else if (errno == EINVAL)
		problem_add(l->problems, path, PROBLEM_FAILING, "its blocks do not match its recorded content",
		            l->scan.walk_no);
	else
		local_unwritten(l);
}

int change_row_write(struct local *l, struct record *r, const struct blocklist *blocks)
{
	if (adopt_write(l, r, blocks) < 0) {
		change_row_refused(l, r->path);
		return -1;
	}
	if (r->seq == 0)
		return -1;
	l->scan.full_changed++;
	if (l->c.changed != NULL)
		l->c.changed(l->c.arg, r);
	return 0;
}

void change_row_touch(struct local *l, const char *path, const struct fs_stat *st)
{
	struct seen seen = seen_of(st);

	if (index_touch(l->c.index, path, &seen) < 0)
		local_unwritten(l);
}

/* Bases go with the content: they say which older version the content is of, so other content has none. */
void change_row_fill(const struct local *l, struct record *r, const struct record *was, enum record_kind kind,
                     const struct fs_stat *st, bool same)
{
	uint32_t mode = row_meta_mode(share_disk(l->c.share), was, kind, st);
	int64_t mtime_ns = row_meta_mtime(was, kind, st);

	if (same)
		record_keep_base(r, mode);
	else
		record_clear_base(r);
	free(r->target);
	r->target = NULL;
	r->kind = kind;
	r->deleted = false;
	r->mode = mode;
	r->mtime_ns = mtime_ns;
	r->content = (struct content){ 0 };
	r->chunk_log2 = 0;
	r->seen = seen_of(st);
	r->via = 0;
}

static void write_tombstone(struct local *l, struct record *r)
{
	record_clear_base(r);
	free(r->target);
	r->target = NULL;
	r->deleted = true;
	r->mode = 0;
	r->mtime_ns = 0;
	r->content = (struct content){ 0 };
	r->chunk_log2 = 0;
	r->seen = (struct seen){ 0 };
	(void)change_row_write(l, r, NULL);
}

static void write_absent(struct local *l, struct record *r)
{
	switch (own_absent(l, r)) {
	case OWN_ABSENT_DELETED:
		write_tombstone(l, r);
		break;
	case OWN_ABSENT_FORGET:
		(void)own_forget(l, r->path);
		break;
	case OWN_ABSENT_ASIDE:
		(void)own_set_aside(l, r->path);
		break;
	case OWN_ABSENT_STAYS:
		break;
	}
}

void change_row_gone(struct local *l, const char *path, int there)
{
	struct record fresh;

	if (local_is_installing(l, path) || !change_row_fresh(l, path, index_seq(l->c.index), &fresh))
		return;
	if (fresh.deleted || fresh.seq == 0)
		goto clear_fresh;
	if (there > 0)
		problem_add_errno(l->problems, path, there, l->scan.walk_no);
	else if (there < 0)
		local_check_again(l, path);
	else
		write_absent(l, &fresh);
clear_fresh:
	record_clear(&fresh);
}
