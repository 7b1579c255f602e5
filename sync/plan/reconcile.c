/* The decision about one path: see reconcile.h.
 *
 * Why all members end with the same rows: rank() orders any two records totally, whatever their versions; a member only
 * moves to a greater version, or at an equal version to a greater rank, and it does so whenever a peer's record is
 * greater in that sense. Versions are bounded by the join of all changes that were made, so the moving ends, and it can
 * only end when all rows are the same. Equal versions with different content do arise (two losers of one conflict can
 * be beaten by different winners and still join to the same vector); rank decides there too. */
#include "sync/plan/reconcile.h"

#include <string.h>

static int compare_i64(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_u64(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* A folder comes first, since everything in it depends on it. */
static int kind_rank(enum record_kind kind)
{
	switch (kind) {
	case RECORD_DIR:
		return 3;
	case RECORD_FILE:
		return 2;
	case RECORD_SYMLINK:
		return 1;
	}
	return 0;
}

/* The order of two records of one kind by what is at the path. */
static int content_rank(const struct record *a, const struct record *b)
{
	int c;

	if (a->kind == RECORD_DIR)
		return 0;
	c = compare_i64(a->mtime_ns, b->mtime_ns);
	if (c != 0)
		return c;
	if (a->kind == RECORD_SYMLINK)
		return strcmp(a->target != NULL ? a->target : "", b->target != NULL ? b->target : "");
	c = memcmp(a->content.root, b->content.root, sizeof(a->content.root));
	if (c == 0)
		c = compare_i64(a->content.size, b->content.size);
	if (c == 0)
		c = compare_u64(a->content.nblocks, b->content.nblocks);
	return c;
}

static int compare_base(const struct version *a, const struct version *b)
{
	int c = (int)a->n - (int)b->n;

	for (uint32_t i = 0; c == 0 && i < a->n; i++) {
		c = compare_u64(a->e[i].writer, b->e[i].writer);
		if (c == 0)
			c = compare_u64(a->e[i].counter, b->e[i].counter);
	}
	return c;
}

/* Above 0 if a beats b. 0 only if they agree in everything that reconciling decides. */
static int rank(const struct record *a, const struct record *b)
{
	int c = (int)b->deleted - (int)a->deleted;

	if (c == 0)
		c = kind_rank(a->kind) - kind_rank(b->kind);
	if (c == 0 && !a->deleted)
		c = content_rank(a, b);
	if (c == 0)
		c = compare_u64(a->modified_by, b->modified_by);
	if (c == 0 && !a->deleted && a->kind != RECORD_SYMLINK)
		c = compare_u64(a->mode, b->mode);
	if (c == 0 && !a->deleted)
		c = compare_base(&a->base, &b->base);
	if (c == 0 && !a->deleted)
		c = compare_base(&a->mode_base, &b->mode_base);
	return c;
}

/* Whether the agent that made `other` knew v; false if v is empty. */
static bool knows(const struct record *other, const struct version *v)
{
	enum version_order order;

	if (v->n == 0)
		return false;
	order = version_compare(&other->version, v);
	return order == VERSION_NEWER || order == VERSION_EQUAL;
}

/* Whether the agent that made `other`, a concurrent version, knew r's content: then it has let that content go, and all
 * that has changed since is r's mode, its mtime, or what it was joined with. */
static bool content_known(const struct record *r, const struct record *other)
{
	return !r->deleted && knows(other, &r->base);
}

/* Whether it knew r's mode too. Then other's mode is the same, or was set after it. */
static bool mode_known(const struct record *r, const struct record *other)
{
	return record_is_live(r) && record_is(other, r->kind) && knows(other, &r->mode_base);
}

/* merged becomes the winner, with a version that knows what `other` knows as well (NULL: nothing more). Its content and
 * mode are no newer for that. */
static void merge(struct record *merged, const struct record *winner, const struct record *other)
{
	record_copy(merged, winner);
	merged->seq = 0;
	merged->via = 0;
	merged->seen = (struct seen){ 0 };
	if (other == NULL)
		return;
	if (version_compare(&other->version, &merged->version) == VERSION_CONCURRENT)
		record_keep_base(merged, merged->mode);
	record_join(merged, &other->version);
}

/* merged takes the mode of `from`, one of the two records that it is made of, and as its base the version that set this
 * mode, if that is known to be older than merged's. */
static void take_mode(struct record *merged, const struct record *from)
{
	const struct version *since = from->mode_base.n > 0 ? &from->mode_base : &from->version;

	merged->mode = from->mode;
	version_clear(&merged->mode_base);
	if (merged->kind == RECORD_FILE && merged->base.n > 0 &&
	    version_compare(since, &merged->version) == VERSION_OLDER)
		version_copy(&merged->mode_base, since);
}

/* One side knew the other's content, and changed or deleted it; the other has set mode or mtime alone since, or was
 * joined with something: what the first made of it, with the mode of the side that set it. */
static enum reconcile merge_known(const struct record *ours, const struct record *theirs, struct record *merged)
{
	bool take = content_known(ours, theirs);
	const struct record *content = take ? theirs : ours, *meta = take ? ours : theirs;

	merge(merged, content, meta);
	if (record_is(content, meta->kind) && !mode_known(meta, content))
		take_mode(merged, meta);
	return take ? RECONCILE_TAKE : RECONCILE_ADOPT;
}

/* Each side has let the content of the other go: both are gone. */
static enum reconcile merge_gone(const struct record *ours, const struct record *theirs, struct record *merged)
{
	const struct record *winner = rank(theirs, ours) > 0 ? theirs : ours;
	struct record gone = { .path = winner->path,
		               .kind = winner->kind,
		               .deleted = true,
		               .version = winner->version,
		               .modified_by = winner->modified_by };

	merge(merged, &gone, winner == ours ? theirs : ours);
	return RECONCILE_TAKE;
}

/* In the order that reconcile.h gives. Between the steps holds: after the first, the versions are equal or concurrent;
 * after merge_known() and merge_gone(), neither side knew the other's content, so rank() decides. */
static enum reconcile decide_path(const struct record *ours, const struct record *theirs, struct record *merged)
{
	enum version_order order;
	const struct record *winner, *loser;
	bool theirs_wins, same;
	enum reconcile result;

	if (ours == NULL) {
		merge(merged, theirs, NULL);
		return theirs->deleted ? RECONCILE_ADOPT : RECONCILE_TAKE;
	}
	order = version_compare(&theirs->version, &ours->version);
	if (order == VERSION_OLDER)
		return RECONCILE_NOTHING;
	if (order == VERSION_NEWER) {
		merge(merged, theirs, NULL);
		return record_same_content(ours, theirs) ? RECONCILE_ADOPT : RECONCILE_TAKE;
	}

	same = record_same_content(ours, theirs);
	if (order == VERSION_CONCURRENT && !same && content_known(ours, theirs) != content_known(theirs, ours))
		return merge_known(ours, theirs, merged);
	if (order == VERSION_CONCURRENT && !same && content_known(ours, theirs))
		return merge_gone(ours, theirs, merged);
	theirs_wins = rank(theirs, ours) > 0;
	if (order == VERSION_EQUAL && !theirs_wins)
		return RECONCILE_NOTHING;
	if (same)
		result = RECONCILE_ADOPT;
	else if (ours->deleted)
		result = RECONCILE_TAKE;
	else if (theirs->deleted)
		result = RECONCILE_KEEP;
	else if (theirs_wins)
		result = RECONCILE_CONFLICT;
	else
		return RECONCILE_NOTHING;
	winner = theirs_wins ? theirs : ours;
	loser = theirs_wins ? ours : theirs;
	merge(merged, winner, loser);
	/* The winner's mtime. But the loser's mode, if the loser alone has set it since it knew the winner's. */
	if (same && order == VERSION_CONCURRENT && mode_known(winner, loser) && !mode_known(loser, winner))
		take_mode(merged, loser);
	return result;
}

/* Whether the row would become what it is. Joining a folded version with a concurrent one may change nothing. */
static bool is_the_same(const struct record *row, const struct record *merged)
{
	return version_compare(&row->version, &merged->version) == VERSION_EQUAL && record_same(row, merged) &&
	       rank(row, merged) == 0;
}

enum reconcile reconcile(const struct record *ours, const struct record *theirs, struct record *merged)
{
	enum reconcile result = decide_path(ours, theirs, merged);

	if (result == RECONCILE_NOTHING || ours == NULL || !is_the_same(ours, merged))
		return result;
	record_clear(merged);
	return RECONCILE_NOTHING;
}

enum reconcile reconcile_as_reader(const struct record *ours, const struct record *theirs, struct record *merged)
{
	enum version_order order = ours == NULL ? VERSION_NEWER : version_compare(&theirs->version, &ours->version);
	bool theirs_wins = order == VERSION_NEWER;

	if (order == VERSION_CONCURRENT && !record_same_content(ours, theirs) &&
	    content_known(ours, theirs) != content_known(theirs, ours))
		theirs_wins = content_known(ours, theirs);
	else if (order == VERSION_CONCURRENT || order == VERSION_EQUAL)
		theirs_wins = rank(theirs, ours) > 0;
	if (!theirs_wins)
		return RECONCILE_NOTHING;
	merge(merged, theirs, NULL);
	if (ours == NULL)
		return theirs->deleted ? RECONCILE_ADOPT : RECONCILE_TAKE;
	return record_same_content(ours, theirs) ? RECONCILE_ADOPT : RECONCILE_TAKE;
}

/* Each side makes its own of both. These differ in what was the winner's where rank() found none; then rank() decides
 * between the two, as it would if each told the other. */
bool reconcile_twins(const struct record *a, const struct record *b, struct record *merged)
{
	struct record at_a = { 0 }, at_b = { 0 };
	bool both = !a->deleted && record_same(a, b) &&
	            version_compare(&a->version, &b->version) == VERSION_CONCURRENT &&
	            reconcile(a, b, &at_a) == RECONCILE_ADOPT && reconcile(b, a, &at_b) == RECONCILE_ADOPT &&
	            version_compare(&at_a.version, &at_b.version) == VERSION_EQUAL && record_same(&at_a, a) &&
	            record_same(&at_b, a);
	bool first = both && rank(&at_a, &at_b) >= 0;

	if (both)
		*merged = first ? at_a : at_b;
	if (!both || !first)
		record_clear(&at_a);
	if (!both || first)
		record_clear(&at_b);
	return both;
}

bool reconcile_must_retell(const struct record *ours, const struct record *theirs)
{
	return !ours->deleted && !theirs->deleted &&
	       version_compare(&theirs->version, &ours->version) == VERSION_CONCURRENT &&
	       !record_same_content(ours, theirs) && !content_known(ours, theirs) && !content_known(theirs, ours) &&
	       rank(theirs, ours) < 0;
}
