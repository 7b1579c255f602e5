/* What a path's row stands for. A path that is unshared or set aside is its user's own: nothing is judged there. And a
 * row is not always what its user last saw here: where a drop has begun, where the row knows nothing, or where the
 * index is not of this disk's time, a difference is something found, not a change of the row. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/choose.h"

bool own_is(struct local *l, const char *path)
{
	const struct choices *choices = index_choices(l->c.index);
	int rc;

	if (choices->nunshared > 0 && !choose_shares(choices, path))
		return true;
	rc = index_aside_get(l->c.index, path, NULL, NULL);
	if (rc < 0)
		local_unwritten(l);
	return rc != 0;
}

bool own_knows_nothing(const struct local *l, const struct record *row)
{
	return row->leaving || row->version.n == 0 || l->merging;
}

int own_forget(struct local *l, const char *path)
{
	if (index_drop(l->c.index, path) == 0)
		return 0;
	local_unwritten(l);
	return -1;
}

/* The bytes that are being dropped are not here any more, whatever stands there: what does knows nothing of them. */
enum own_found own_found(struct local *l, struct record *r)
{
	struct record row = { 0 };
	enum own_found found = OWN_CHANGE;
	bool same;

	if (!own_knows_nothing(l, r))
		return OWN_CHANGE;
	if (index_get(l->c.index, r->path, &row) < 0) {
		local_unwritten(l);
		return OWN_NOTHING;
	}
	same = record_is_live(&row) && record_same_content(&row, r);
	if (same && row.leaving)
		found = OWN_NOTHING;
	else if (record_is_live(&row) && !same)
		found = own_forget(l, r->path) < 0 ? OWN_NOTHING : OWN_FOUND;
	record_clear(&row);
	if (found == OWN_FOUND) {
		version_clear(&r->version);
		record_clear_base(r);
		r->leaving = false;
	}
	return found;
}

enum own_absent own_absent(struct local *l, const struct record *row)
{
	if (row->leaving || own_is(l, row->path))
		return OWN_ABSENT_STAYS;
	if (l->merging || row->version.n == 0)
		return OWN_ABSENT_FORGET;
	if (index_is_reader(l->c.index))
		return OWN_ABSENT_ASIDE;
	if (row->kind == RECORD_DIR && index_lists_below(l->c.index, row->path))
		return OWN_ABSENT_FORGET;
	return OWN_ABSENT_DELETED;
}

int own_set_aside(struct local *l, const char *path)
{
	if (index_set_aside(l->c.index, path, ASIDE_READER) == 0)
		return 0;
	local_unwritten(l);
	return -1;
}

/* The check makes a row of it: a change of nothing, since what its row knew is not what its user saw when he made the
 * folder. */
static int share_folder(struct local *l, const char *path)
{
	if (index_bring_back(l->c.index, path, NULL) < 0)
		return -1;
	local_check_again(l, path);
	return 0;
}

int own_share_folders(struct local *l, const char *path)
{
	char *parent = mem_strdup(path), *slash;
	enum aside_reason why;
	int rc = 0;

	while (rc >= 0 && index_aside_count(l->c.index, ASIDE_READER) > 0 && (slash = strrchr(parent, '/')) != NULL) {
		*slash = '\0';
		rc = index_aside_get(l->c.index, parent, &why, NULL);
		if (rc > 0 && why == ASIDE_READER)
			rc = share_folder(l, parent);
	}
	free(parent);
	return rc < 0 ? -1 : 0;
}

/* What the group has at a path that is a reader's own: 1 and *winner, 0, -1 after a failure. */
static int group_has(struct local *l, const char *path, struct record *winner)
{
	enum aside_reason why = 0;
	int rc = index_aside_get(l->c.index, path, &why, NULL);

	*winner = (struct record){ 0 };
	if (rc > 0)
		rc = why == ASIDE_READER ? index_list_get(l->c.index, path, winner) : 0;
	if (rc < 0)
		local_unwritten(l);
	return rc;
}

bool own_may_end(struct local *l, const struct check *k)
{
	static const uint32_t kinds[] = {
		[RECORD_FILE] = S_IFREG,
		[RECORD_DIR] = S_IFDIR,
		[RECORD_SYMLINK] = S_IFLNK,
	};
	struct record winner;
	bool may = group_has(l, k->path, &winner) > 0 && kinds[winner.kind] == k->st.kind &&
	           (winner.kind != RECORD_FILE || winner.content.size == k->st.size);

	record_clear(&winner);
	return may;
}

/* A later mtime is no matter: whoever writes the same bytes again changes nothing. */
static bool has_its_mode(const struct local *l, const struct record *winner, const struct record *r)
{
	struct record other = *winner;

	other.mtime_ns = r->mtime_ns;
	return winner->kind == RECORD_SYMLINK || winner->mode == r->mode ||
	       disk_explains(share_disk(l->c.share), &other, r);
}

int own_end(struct local *l, struct record *r, const struct blocklist *blocks)
{
	struct record winner;
	int rc = group_has(l, r->path, &winner);

	r->seq = 0;
	if (rc > 0 && record_same_content(&winner, r) && has_its_mode(l, &winner, r)) {
		winner.seen = r->seen;
		winner.absent = false;
		rc = index_bring_back(l->c.index, r->path, NULL) < 0 ? -1 : index_put(l->c.index, &winner, blocks);
		r->seq = rc < 0 ? 0 : winner.seq;
	}
	record_clear(&winner);
	return rc < 0 ? -1 : 0;
}

/* Nothing that a reader's user had made is there any more, or what he had deleted the group has deleted too: nothing is
 * his own then. Until that a deletion lasts until he reverts it. */
void own_gone(struct local *l, const char *path)
{
	struct record was, winner;
	enum aside_reason why = 0;
	int rc = group_has(l, path, &winner), back = 0;

	if (rc >= 0 && index_aside_get(l->c.index, path, &why, &was) > 0) {
		if (why == ASIDE_READER && (was.path == NULL || (rc == 0 && was.version.n > 0)))
			back = index_bring_back(l->c.index, path, NULL);
		record_clear(&was);
	}
	if (back < 0)
		local_unwritten(l);
	else if (back > 0 && l->c.given_back != NULL)
		l->c.given_back(l->c.arg, path);
	record_clear(&winner);
}

/* A run that begins with other choices than the index has followed knows of no drop that it could carry through. */
static bool no_longer(void *arg, const struct record *r)
{
	return index_leaving_put(arg, r->path, false) == 0;
}

void own_begin(struct local *l)
{
	enum { AT_ONCE = 500 };
	int n;

	l->merging = l->c.merge;
	if (!l->merging)
		return;
	do
		n = index_leaving(l->c.index, 0, AT_ONCE, no_longer, l->c.index);
	while (n == AT_ONCE);
}
