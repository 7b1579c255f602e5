/* Files that were moved and wait to be checked, each as a pair of its new path and its old one. Events tell of most of
 * them. Of a file that was moved into a folder before that folder was watched, none does: its old name vanishes, and a
 * walk meets the file at its new path. Neither does one of what was moved while no agent ran. Such files are recognized
 * by their inode: decision 0043. */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/local/local_internal.h"

enum {
	MOVES_MAX = 20000, /* pairs that wait */
	ROWS_MAX = 16,     /* of one inode that are compared: several only after hard links were removed */
};

bool moves_add(struct local *l, const char *from, const char *to, bool full)
{
	struct scan_move *v;

	if (l->scan.nmoves == MOVES_MAX)
		return false;
	hidden_write_moved(l, from, from);
	v = MEM_NEW(struct scan_move);
	v->from = mem_strdup(from);
	v->to = mem_strdup(to);
	v->full = full;
	l->scan.full_hashing += full;
	l->scan.nmoves++;
	DL_APPEND(l->scan.moves, v); /* NOLINT(clang-analyzer-core.NullDereference): the first one's prev is the last */
	return true;
}

bool moves_again(struct local *l, const char *from, const char *to)
{
	struct scan_move *last = l->scan.moves != NULL ? l->scan.moves->prev : NULL;

	if (last == NULL || strcmp(last->to, from) != 0 || strcmp(last->from, to) == 0)
		return false;
	hidden_write_moved(l, from, last->from);
	debounce_event(l->debounce, loop_now_ms(l->c.loop), from, DEBOUNCE_NOW);
	free(last->to);
	last->to = mem_strdup(to);
	return true;
}

struct scan_move moves_take(struct local *l)
{
	struct scan_move *v = l->scan.moves;
	struct scan_move taken = *v;

	DL_DELETE(l->scan.moves, v);
	l->scan.nmoves--;
	free(v);
	return taken;
}

void moves_drop(struct local *l)
{
	while (l->scan.moves != NULL) {
		struct scan_move v = moves_take(l);

		free(v.from);
		free(v.to);
	}
}

/* --- recognized --- */

/* Far longer than a tick of the file system's clock, and than an event can wait to be read. */
#define RECENT_NS (INT64_C(10) * 1000000000)

bool moves_hides_write(const struct fs_stat *st)
{
	int64_t now_ns = clock_wall_ns();

	return row_meta_is_coarser(st->mtime_ns, st->ctime_ns) && st->ctime_ns > now_ns - RECENT_NS &&
	       st->ctime_ns < now_ns + RECENT_NS;
}

/* A rename gives a file a new ctime and leaves its mtime, and the rename of a folder leaves both of what is in it.
 * So what has just been written was not moved here, and is not searched for. Neither is what the first walk of a
 * share meets that had no files. A file of several names may still be at its old one. What
 * differs from its path's row by the inode alone has a new number from its disk, and was not moved. */
static bool may_have_moved_here(const struct local *l, const struct check *k, const struct record *row)
{
	bool renumbered = record_is(row, RECORD_FILE) && row->seen.size == k->st.size &&
	                  row->seen.mtime_ns == k->st.mtime_ns && row->seen.ctime_ns == k->st.ctime_ns;
	bool had_none = l->scan.walk_no == 1 && gone_calm(l->gone) == 0;

	return k->st.nlink == 1 && !l->merging && !had_none && !renumbered && !moves_hides_write(&k->st);
}

struct moved_file {
	const struct check *k;
	char *from; /* owned; NULL: not found */
	int left;   /* how many more to compare */
};

bool moves_is_that_file(const struct record *r, const struct fs_stat *st)
{
	enum seen_match match = seen_match(&r->seen, st);

	return match == SEEN_ALL_BUT_CTIME || (match == SEEN_SAME && !row_meta_is_coarser(st->mtime_ns, st->ctime_ns));
}

static bool note_moved_file(void *arg, const struct record *r)
{
	struct moved_file *f = arg;

	if (strcmp(r->path, f->k->path) == 0 || !moves_is_that_file(r, &f->k->st))
		return --f->left > 0;
	f->from = mem_strdup(r->path);
	return false;
}

bool moves_found(struct local *l, const struct check *k, const struct record *row, bool full)
{
	struct moved_file f = { .k = k, .left = ROWS_MAX };
	bool found;

	if (!may_have_moved_here(l, k, row))
		return false;
	if (index_by_inode(l->c.index, k->st.ino, note_moved_file, &f) < 0)
		local_unwritten(l);
	/* What the rules leave out is nobody's loss when it goes. */
	found = f.from != NULL && !local_is_left_out(l, f.from, false) && moves_add(l, f.from, k->path, full);
	free(f.from);
	return found;
}
