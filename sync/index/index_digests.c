/* Which rows have a content, by the first bytes of its root.
 *
 * Roots are random, so an index of them that follows each row dirties a page per row as soon as it is larger than the
 * cache: half of what a new row costs among a million. So the table `digests` has those of rows up to a number
 * (state.digested), and those of later rows are here, in memory; the next start reads them from the rows again. When
 * they are many they go into the table in its own order, a slice per commit: a page takes several of them then.
 *
 * Most contents that are asked for are new, and each question reads a page of the table that is not in the cache. So a
 * filter says of most that the table does not have them. A run that finds digests in the table reads them all into
 * the filter once it is asked often, a part per commit.
 *
 * A digest says only where to look: the row itself is read. So one that is left of a row that has gone, since a crash
 * came before its deletion, does no harm. See index_internal.h. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/index/index_filter.h"
#include "sync/index/index_internal.h"

enum {
	MERGE_MIN = 8192, /* digests in memory before they are merged: a sixteenth of all, within these bounds */
	MERGE_MAX = 65536,
	MERGE_PART = 16,
	SLICE = 512, /* merged by one commit, and twice as many as it has written */
	BUCKETS_MIN = 1024,
	ASKED_OFTEN = 256, /* questions to the table before the filter is made */
	FILL = 4096,       /* digests that one commit reads into it */
};

/* One of a row in memory. Slot 0 is none. In two chains: of its number, and of its h8, in the order of numbers; the
 * first one's `prev` there is the last. */
struct digest {
	int64_t h8;
	uint64_t seq;
	uint32_t next, prev, next_seq;
};

/* What is to be done to the table. */
struct digest_op {
	int64_t h8;
	uint64_t seq;
	bool gone;
};

struct index_digests {
	struct digest *e; /* owned; slots */
	uint32_t used, cap, free, live;
	uint32_t *by_h8, *by_seq; /* owned; first slots of chains */
	uint32_t buckets;         /* a power of two */

	struct digest_op *gone; /* owned; rows that the table has, or will have, and that are deleted */
	size_t ngone, cap_gone, gone_committed;

	struct digest_op *merge; /* owned, in the table's order; NULL: none is under way */
	size_t nmerge, merged, merged_committed;
	uint64_t merge_upto;

	uint64_t upto;               /* state.digested, as committed */
	struct index_filter *filter; /* owned; of what the table has; NULL: not needed yet */
	bool filter_whole;           /* it has all; else those up to filter_at, and what was merged since it was made */
	int64_t filter_at;
	uint32_t asked;

	bool stale;      /* to be read again, since a transaction was undone ... */
	uint64_t undone; /* ... as index->undone was when that was seen */
};

/* --- in memory --- */

static uint32_t bucket_of(const struct index_digests *d, uint64_t key)
{
	return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (d->buckets - 1);
}

static void chain(struct index_digests *d, uint32_t slot)
{
	struct digest *e = &d->e[slot];
	uint32_t *first = &d->by_h8[bucket_of(d, (uint64_t)e->h8)], *same = &d->by_seq[bucket_of(d, e->seq)];

	e->next = 0;
	if (*first == 0) {
		*first = slot;
		e->prev = slot;
	} else {
		e->prev = d->e[*first].prev;
		d->e[e->prev].next = slot;
		d->e[*first].prev = slot;
	}
	e->next_seq = *same;
	*same = slot;
}

/* The old chains are walked in their order, which the new ones keep. */
static void grow_buckets(struct index_digests *d)
{
	uint32_t *old = d->by_h8, n = d->buckets;

	free(d->by_seq);
	d->buckets = n == 0 ? BUCKETS_MIN : n * 2;
	d->by_h8 = mem_calloc(d->buckets, sizeof(d->by_h8[0]));
	d->by_seq = mem_calloc(d->buckets, sizeof(d->by_seq[0]));
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t slot = old[i], next; slot != 0; slot = next) {
			next = d->e[slot].next;
			chain(d, slot);
		}
	}
	free(old);
}

static uint32_t take_slot(struct index_digests *d)
{
	uint32_t slot = d->free;

	if (slot != 0) {
		d->free = d->e[slot].next;
		return slot;
	}
	if (d->used + 1 >= d->cap) {
		d->cap = d->cap == 0 ? BUCKETS_MIN : d->cap * 2;
		d->e = mem_realloc(d->e, d->cap, sizeof(d->e[0]));
	}
	return ++d->used;
}

static uint32_t digest_slot(const struct index_digests *d, uint64_t seq)
{
	uint32_t slot = d->buckets > 0 ? d->by_seq[bucket_of(d, seq)] : 0;

	while (slot != 0 && d->e[slot].seq != seq)
		slot = d->e[slot].next_seq;
	return slot;
}

static void add(struct index_digests *d, int64_t h8, uint64_t seq)
{
	uint32_t slot;

	if (digest_slot(d, seq) != 0)
		return;
	if (d->live >= d->buckets)
		grow_buckets(d);
	slot = take_slot(d);
	d->e[slot] = (struct digest){ .h8 = h8, .seq = seq };
	d->live++;
	chain(d, slot);
}

static void drop(struct index_digests *d, uint32_t slot)
{
	struct digest *e = &d->e[slot];
	uint32_t *first = &d->by_h8[bucket_of(d, (uint64_t)e->h8)], *same = &d->by_seq[bucket_of(d, e->seq)];

	if (*first == slot) {
		*first = e->next;
		if (e->next != 0)
			d->e[e->next].prev = e->prev;
	} else {
		d->e[e->prev].next = e->next;
		d->e[e->next != 0 ? e->next : *first].prev = e->prev;
	}
	while (*same != slot)
		same = &d->e[*same].next_seq;
	*same = e->next_seq;
	e->next = d->free;
	d->free = slot;
	d->live--;
}

static void digests_clear(struct index_digests *d)
{
	free(d->e);
	free(d->by_h8);
	free(d->by_seq);
	d->e = NULL;
	d->by_h8 = d->by_seq = NULL;
	d->used = d->cap = d->free = d->live = d->buckets = 0;
}

/* --- kept like the rows --- */

static int read_rows(struct index *index)
{
	struct index_digests *d = index->digests;
	sqlite3_stmt *s = index_stmt_take(index, STMT_DIGEST_ROWS);
	int rc;

	if (s == NULL)
		return -1;
	digests_clear(d);
	sqlite3_bind_int64(s, 1, (int64_t)d->upto);
	while ((rc = sqlite3_step(s)) == SQLITE_ROW)
		add(d, sqlite3_column_int64(s, 1), (uint64_t)sqlite3_column_int64(s, 0));
	index_stmt_give(index, STMT_DIGEST_ROWS, s);
	d->stale = rc != SQLITE_DONE;
	return rc == SQLITE_DONE ? 0 : -1;
}

/* 0, -1 with nothing reported. */
static int freshen(struct index *index)
{
	struct index_digests *d = index->digests;

	if (d->undone != index->undone) {
		d->undone = index->undone;
		d->ngone = d->gone_committed;
		d->merged = d->merged_committed;
		d->stale = true;
	}
	return d->stale ? read_rows(index) : 0;
}

int index_digests_load(struct index *index, uint64_t upto)
{
	if (index->digests == NULL)
		index->digests = MEM_NEW(struct index_digests);
	index->digests->upto = upto;
	index->digests->undone = index->undone;
	return read_rows(index);
}

void index_digests_free(struct index *index)
{
	if (index->digests == NULL)
		return;
	digests_clear(index->digests);
	free(index->digests->gone);
	free(index->digests->merge);
	index_filter_free(index->digests->filter);
	free(index->digests);
	index->digests = NULL;
}

int index_digest_add(struct index *index, int64_t h8, uint64_t seq)
{
	if (freshen(index) < 0)
		return -1;
	add(index->digests, h8, seq);
	return 0;
}

int index_digest_remove(struct index *index, int64_t h8, uint64_t seq)
{
	struct index_digests *d = index->digests;
	uint32_t slot;

	if (freshen(index) < 0)
		return -1;
	slot = digest_slot(d, seq);
	if (slot != 0)
		drop(d, slot);
	if (seq > (d->merge != NULL ? d->merge_upto : d->upto))
		return 0;
	if (d->ngone == d->cap_gone) {
		d->cap_gone = d->cap_gone * 2 + 64;
		d->gone = mem_realloc(d->gone, d->cap_gone, sizeof(d->gone[0]));
	}
	d->gone[d->ngone++] = (struct digest_op){ .h8 = h8, .seq = seq, .gone = true };
	return 0;
}

int index_digest_after(struct index *index, int64_t h8, uint64_t *seq)
{
	struct index_digests *d = index->digests;
	uint32_t slot;

	if (freshen(index) < 0)
		return -1;
	if (d->buckets == 0)
		return 0;
	slot = digest_slot(d, *seq);
	slot = slot != 0 ? d->e[slot].next : d->by_h8[bucket_of(d, (uint64_t)h8)];
	while (slot != 0 && (d->e[slot].h8 != h8 || d->e[slot].seq <= *seq))
		slot = d->e[slot].next;
	if (slot != 0)
		*seq = d->e[slot].seq;
	return slot != 0;
}

bool index_digest_is_stored(struct index *index, int64_t h8)
{
	struct index_digests *d = index->digests;

	if (d->upto == 0)
		return false;
	if (d->filter == NULL && ++d->asked == ASKED_OFTEN) {
		d->filter = index_filter_new();
		/* Reading begins behind the least of all, so that one need not be read. */
		d->filter_at = INT64_MIN;
		index_filter_add(d->filter, INT64_MIN);
	}
	return !d->filter_whole || !index_filter_lacks(d->filter, h8);
}

uint64_t index_digests_upto(const struct index *index)
{
	return index->digests->upto;
}

/* --- into the table --- */

static int compare_ops(const void *pa, const void *pb)
{
	const struct digest_op *a = pa, *b = pb;

	if (a->h8 != b->h8)
		return a->h8 < b->h8 ? -1 : 1;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return a->gone - b->gone;
}

/* Just after a commit: what an open transaction deletes may still be undone. What is deleted from now on with a number
 * up to merge_upto is for the next merge. */
static void merge_begin(struct index *index)
{
	struct index_digests *d = index->digests;

	/* Nobody asks the table yet, whatever an earlier run's unfinished merge left there. */
	if (d->filter == NULL && d->upto == 0) {
		d->filter = index_filter_new();
		d->filter_whole = true;
	}
	d->merge = mem_calloc(d->live + d->ngone + 1, sizeof(d->merge[0]));
	d->nmerge = d->merged = d->merged_committed = 0;
	for (uint32_t i = 0; i < d->buckets; i++)
		for (uint32_t slot = d->by_h8[i]; slot != 0; slot = d->e[slot].next)
			d->merge[d->nmerge++] = (struct digest_op){ .h8 = d->e[slot].h8, .seq = d->e[slot].seq };
	for (size_t i = 0; i < d->ngone; i++)
		d->merge[d->nmerge++] = d->gone[i];
	d->ngone = d->gone_committed = 0;
	d->merge_upto = index->seq;
	qsort(d->merge, d->nmerge, sizeof(d->merge[0]), compare_ops);
}

/* Rows without a content are passed over too, so that a start does not read them. */
static bool is_many(const struct index *index)
{
	const struct index_digests *d = index->digests;
	int64_t many = index->now.totals.files / MERGE_PART;

	many = many < MERGE_MIN ? MERGE_MIN : many > MERGE_MAX ? MERGE_MAX : many;
	return (int64_t)d->live + (int64_t)d->ngone >= many || index->seq >= d->upto + 2 * (uint64_t)many;
}

static int merge_one(struct index *index, const struct digest_op *op)
{
	enum index_stmt id = op->gone ? STMT_DIGEST_DELETE : STMT_DIGEST_INSERT;
	sqlite3_stmt *s = index_stmt_take(index, id);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, op->h8);
	sqlite3_bind_int64(s, 2, (int64_t)op->seq);
	if (!op->gone && index->digests->filter != NULL)
		index_filter_add(index->digests->filter, op->h8);
	return index_stmt_run(index, id, s);
}

/* Without it the table is asked, as before. It begins again when that was asked often. */
static void give_up_filter(struct index *index)
{
	struct index_digests *d = index->digests;

	(void)index_read_failed(index, "read digests");
	index_filter_free(d->filter);
	d->filter = NULL;
	d->asked = 0;
}

/* Of equal digests one is enough. What cannot be read is no reason not to commit: nothing depends on the filter. */
static void fill_filter(struct index *index)
{
	struct index_digests *d = index->digests;
	sqlite3_stmt *s;
	int n = 0, rc;

	if (d->filter == NULL || d->filter_whole)
		return;
	s = index_stmt_take(index, STMT_DIGEST_NEXT);
	if (s == NULL) {
		give_up_filter(index);
		return;
	}
	sqlite3_bind_int64(s, 1, d->filter_at);
	sqlite3_bind_int(s, 2, FILL);
	for (; (rc = sqlite3_step(s)) == SQLITE_ROW; n++) {
		d->filter_at = sqlite3_column_int64(s, 0);
		index_filter_add(d->filter, d->filter_at);
	}
	d->filter_whole = rc == SQLITE_DONE && n < FILL;
	if (rc != SQLITE_DONE)
		give_up_filter(index);
	index_stmt_give(index, STMT_DIGEST_NEXT, s);
}

bool index_digests_filtered(const struct index *index)
{
	return index->digests->filter_whole;
}

static int merge_end(struct index *index)
{
	sqlite3_stmt *s = index_stmt_take(index, STMT_STATE_DIGESTED);

	if (s == NULL)
		return -1;
	sqlite3_bind_int64(s, 1, (int64_t)index->digests->merge_upto);
	return index_stmt_run(index, STMT_STATE_DIGESTED, s);
}

int index_digests_merge(struct index *index)
{
	struct index_digests *d = index->digests;
	size_t left = SLICE + 2 * (size_t)index->writes;

	if (freshen(index) < 0)
		return -1;
	fill_filter(index);
	if (d->merge == NULL)
		return 0;
	for (; d->merged < d->nmerge && left > 0; left--)
		if (merge_one(index, &d->merge[d->merged++]) < 0)
			return -1;
	return d->merged == d->nmerge ? merge_end(index) : 0;
}

/* All that was begun is in the table. */
static void merge_over(struct index_digests *d)
{
	for (size_t i = 0; i < d->nmerge; i++) {
		uint32_t slot = digest_slot(d, d->merge[i].seq);

		if (slot != 0)
			drop(d, slot);
	}
	free(d->merge);
	d->merge = NULL;
	d->upto = d->merge_upto;
	if (d->live == 0)
		digests_clear(d);
}

void index_digests_committed(struct index *index)
{
	struct index_digests *d = index->digests;

	d->gone_committed = d->ngone;
	d->merged_committed = d->merged;
	if (d->merge != NULL && d->merged == d->nmerge)
		merge_over(d);
	else if (d->merge == NULL && !d->stale && is_many(index))
		merge_begin(index);
}
