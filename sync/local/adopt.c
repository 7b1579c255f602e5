/* Whose version a row takes. A file that a scan finds is not always the user's doing: a run that crashed between
 * installing a file and writing its row left it there, or the user has the same content as a peer. Taken for a
 * change of ours, it would be concurrent with everything its owner does next, and come back when its owner deletes
 * it. So if a peer's offer, or a note of the crashed run in the index, describes the file, the row takes that
 * version. plan/reconcile decides whether it may. */
#include <string.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/reconcile.h"

struct adopt_claims {
	bool reader;              /* we make no versions, so a claim is taken as it is or not at all */
	const struct record *now; /* what is on disk */
	struct record row;        /* ours, as far as it is known; path NULL: none */
	bool taken;               /* a claim was merged into `row` */
};

static void consider_claim(struct adopt_claims *w, const struct record *said)
{
	struct record merged = { 0 };
	enum reconcile action;

	if (!record_same_content(w->now, said))
		return;
	action = w->reader ? reconcile_as_reader(w->row.path != NULL ? &w->row : NULL, said, &merged)
	                   : reconcile(w->row.path != NULL ? &w->row : NULL, said, &merged);
	/* If ours would lose a conflict against it, then the user, or an installer that kept ours first, has
	 * already replaced ours. */
	if ((action == RECONCILE_ADOPT || action == RECONCILE_TAKE || action == RECONCILE_CONFLICT) &&
	    record_same_content(w->now, &merged)) {
		record_clear(&w->row);
		w->row = merged;
		w->taken = true;
		return;
	}
	record_clear(&merged);
}

static bool consider_offer(void *arg, uint64_t peer, const struct record *said)
{
	(void)peer;
	consider_claim(arg, said);
	return true;
}

/* If a peer's offer (or a note from before a crash) describes the same content, takes over its version instead of
 * making a new one. Returns true when mode and mtime match too, so that r is exactly that peer's version. */
static bool take_version(struct local *l, struct record *r)
{
	const struct record *left = index_leftover(l->c.index, r->path);
	struct adopt_claims w = { .reader = index_is_reader(l->c.index), .now = r };
	bool whole = false;

	if (left == NULL && !index_is_offered(l->c.index, r->path))
		return false;
	if (index_get(l->c.index, r->path, &w.row) < 0)
		return false;
	if (left != NULL)
		consider_claim(&w, left);
	(void)index_offers(l->c.index, r->path, consider_offer, &w);
	if (w.taken) {
		version_clear(&r->version);
		version_copy(&r->version, &w.row.version);
		r->modified_by = w.row.modified_by;
		/* A mode or mtime that this disk cannot keep is not a change. */
		whole = record_same(r, &w.row) || disk_explains(share_disk(l->c.share), &w.row, r);
		if (whole) {
			r->mode = w.row.mode;
			r->mtime_ns = w.row.mtime_ns;
		}
		if (!whole)
			record_keep_base(&w.row, r->mode);
		record_clear_base(r);
		version_copy(&r->base, &w.row.base);
		version_copy(&r->mode_base, &w.row.mode_base);
	}
	record_clear(&w.row);
	return whole;
}

/* r->seq is 0 unless a row is written. */
static int write_own(struct local *l, struct record *r)
{
	r->seq = 0;
	return own_set_aside(l, r->path);
}

int adopt_write(struct local *l, struct record *r, const struct blocklist *blocks)
{
	if (own_is(l, r->path))
		return own_end(l, r, blocks);
	if (own_found(l, r) == OWN_NOTHING) {
		r->seq = 0;
		return 0;
	}
	if (take_version(l, r)) {
		r->via = 0;
		return index_put(l->c.index, r, blocks);
	}
	if (index_is_reader(l->c.index))
		return write_own(l, r);
	if (!r->deleted && own_share_folders(l, r->path) < 0)
		return -1;
	return index_put_change(l->c.index, r, blocks, l->c.short_id);
}

bool adopt_was_deleting(const struct local *l, const char *path)
{
	const struct record *left = index_leftover(l->c.index, path);

	return left != NULL && left->deleted;
}

uint8_t adopt_chunk_log2(const struct local *l, const char *path, int64_t size, const struct record *row)
{
	const struct record *left = index_leftover(l->c.index, path);

	if (left != NULL && !left->deleted && left->kind == RECORD_FILE && left->content.size == size)
		return left->chunk_log2;
	return row != NULL ? row->chunk_log2 : 0;
}
