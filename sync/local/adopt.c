/* What is found on disk may not be the user's doing: a life that ended between putting a file in its place and writing its row
 * left it there, or the user has what a peer says too. Taken for a change of ours it would be concurrent with all that
 * its owner does next, and come back when he deletes it. So where a peer's word, or what an earlier life noted, says of
 * the path what the disk says, the row takes that version. Reconcile decides whether it may. */
#include <string.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/reconcile.h"

struct adopt_claims {
	const struct record *now; /* what is on disk */
	struct record row;        /* ours, as far as it is known; path NULL: none */
	bool any;                 /* a word was taken into it */
};

static void hear(struct adopt_claims *w, const struct record *said)
{
	struct record merged = { 0 };
	enum reconcile action;

	if (!record_same_content(w->now, said))
		return;
	action = reconcile(w->row.path != NULL ? &w->row : NULL, said, &merged);
	/* Ours losing against it in a conflict: the user, or the installer that kept ours first, has replaced it already. */
	if ((action == RECONCILE_ADOPT || action == RECONCILE_TAKE || action == RECONCILE_CONFLICT) &&
	    record_same_content(w->now, &merged)) {
		record_clear(&w->row);
		w->row = merged;
		w->any = true;
		return;
	}
	record_clear(&merged);
}

static bool hear_wanted(void *arg, uint64_t peer, const struct record *said)
{
	(void)peer;
	hear(arg, said);
	return true;
}

/* r's version becomes what those who say the same make of it. True: they say all that r says. */
static bool take_version(struct local *l, struct record *r)
{
	const struct record *left = index_left(l->c.index, r->path);
	struct adopt_claims w = { .now = r };
	bool whole = false;

	if (left == NULL && !index_is_offered(l->c.index, r->path))
		return false;
	if (index_get(l->c.index, r->path, &w.row) < 0)
		return false;
	if (left != NULL)
		hear(&w, left);
	(void)index_offers(l->c.index, r->path, hear_wanted, &w);
	if (w.any) {
		version_clear(&r->version);
		version_copy(&r->version, &w.row.version);
		r->modified_by = w.row.modified_by;
		/* What this disk made of it is nobody's change. */
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

int adopt_write(struct local *l, struct record *r, const struct blocklist *blocks)
{
	if (!take_version(l, r))
		return index_put_change(l->c.index, r, blocks, l->c.short_id);
	r->via = 0;
	return index_put(l->c.index, r, blocks);
}

bool adopt_was_deleting(const struct local *l, const char *path)
{
	const struct record *left = index_left(l->c.index, path);

	return left != NULL && left->deleted;
}

uint8_t adopt_chunk_log2(const struct local *l, const char *path, int64_t size, const struct record *row)
{
	const struct record *left = index_left(l->c.index, path);

	if (left != NULL && !left->deleted && left->kind == RECORD_FILE && left->content.size == size)
		return left->chunk_log2;
	return row != NULL ? row->chunk_log2 : 0;
}
