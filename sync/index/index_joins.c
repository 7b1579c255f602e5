/* Joins that a first meeting brought and that are not in their rows yet, in memory: of each of our rows the number that
 * its twin has at the peer. A row that is still as this index made it is read as what both come to. Whatever changes
 * a row further writes it whole, so what is left of it here means nothing then. index_join_later.c stores them, and
 * writes the rows by and by. See index_internal.h. */
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "sync/index/index_internal.h"
#include "sync/plan/reconcile.h"

enum {
	PAGE_BITS = 9, /* of a number: rows that lie together are joined together */
	PAGE_ROWS = 1 << PAGE_BITS,
	PAGES_MAX = 4096, /* of 4 KiB */
	ORIGINS_MAX = 16,
	ORIGIN_SHIFT = 48, /* above the twin's number; origins count from 0 */
};

#define TWIN_MASK (((uint64_t)1 << ORIGIN_SHIFT) - 1)

struct join_page {
	uint64_t no;
	uint64_t twins[PAGE_ROWS]; /* origin and number; 0: none */
	UT_hash_handle hh;
};

struct index_joins {
	struct join_page *pages; /* owned; by no */
	struct index_join_origin origins[ORIGINS_MAX];
	unsigned norigins;
	uint64_t *fresh; /* owned; our numbers that the open transaction has added */
	size_t nfresh, cap_fresh;
	bool written; /* the open transaction has written the last of the rows */
};

static uint64_t *twin_slot(const struct index_joins *joins, uint64_t seq)
{
	uint64_t no = seq >> PAGE_BITS;
	struct join_page *page;

	HASH_FIND(hh, joins->pages, &no, sizeof(no), page);
	return page != NULL ? &page->twins[seq & (PAGE_ROWS - 1)] : NULL;
}

/* The origin's place, also of one that is new; -1: there is no room. */
static int origin_place(struct index_joins *joins, const struct index_join_origin *o)
{
	for (unsigned i = 0; i < joins->norigins; i++) {
		const struct index_join_origin *known = &joins->origins[i];

		if (known->peer == o->peer && known->writer == o->writer && known->epoch == o->epoch)
			return (int)i;
	}
	if (joins->norigins == ORIGINS_MAX)
		return -1;
	joins->origins[joins->norigins++] = *o;
	return (int)joins->norigins - 1;
}

static int add_one(struct index_joins *joins, uint64_t place, const struct index_pair *pair)
{
	uint64_t *slot = twin_slot(joins, pair->ours);
	struct join_page *page;

	if (pair->ours == 0 || pair->ours > TWIN_MASK || pair->theirs == 0 || pair->theirs > TWIN_MASK)
		return -1;
	if (slot == NULL) {
		if (HASH_COUNT(joins->pages) == PAGES_MAX)
			return -1;
		page = MEM_NEW(struct join_page);
		page->no = pair->ours >> PAGE_BITS;
		HASH_ADD(hh, joins->pages, no, sizeof(page->no), page);
		slot = &page->twins[pair->ours & (PAGE_ROWS - 1)];
	}
	if (*slot != 0)
		return -1;
	*slot = place << ORIGIN_SHIFT | pair->theirs;
	if (joins->nfresh == joins->cap_fresh) {
		joins->cap_fresh = joins->cap_fresh * 2 + 512;
		joins->fresh = mem_realloc(joins->fresh, joins->cap_fresh, sizeof(joins->fresh[0]));
	}
	joins->fresh[joins->nfresh++] = pair->ours;
	return 0;
}

/* Pages stay, for whatever comes next. */
static void undo_to(struct index_joins *joins, size_t n)
{
	while (joins->nfresh > n)
		*twin_slot(joins, joins->fresh[--joins->nfresh]) = 0;
}

int index_joins_add(struct index *index, const struct index_join_origin *o, const struct index_pair *pairs, size_t n)
{
	struct index_joins *joins = index->joins;
	size_t before;
	int place;

	if (joins == NULL)
		joins = index->joins = MEM_NEW(struct index_joins);
	before = joins->nfresh;
	place = origin_place(joins, o);
	for (size_t i = 0; i < n; i++) {
		if (place < 0 || add_one(joins, (uint64_t)place, &pairs[i]) < 0) {
			undo_to(joins, before);
			return -1;
		}
	}
	joins->written = false;
	return 0;
}

void index_joins_apply(const struct index *index, struct record *r)
{
	const uint64_t *slot = index->joins != NULL ? twin_slot(index->joins, r->seq) : NULL;
	const struct index_join_origin *o;
	struct version_entry entry;
	struct record twin = *r, merged = { 0 };

	if (slot == NULL || *slot == 0)
		return;
	o = &index->joins->origins[*slot >> ORIGIN_SHIFT];
	if (!record_is_as_made(r, o->epoch))
		return;
	entry = (struct version_entry){ .writer = o->writer, .counter = *slot & TWIN_MASK };
	twin.version = (struct version){ .n = 1, .e = &entry };
	twin.modified_by = o->peer;
	if (!reconcile_twins(r, &twin, &merged))
		return;
	merged.seq = r->seq;
	merged.seen = r->seen;
	merged.leaving = r->leaving;
	merged.via = o->peer;
	record_clear(r);
	*r = merged;
}

bool index_joins_has(const struct index *index, uint64_t seq)
{
	const uint64_t *slot = index->joins != NULL ? twin_slot(index->joins, seq) : NULL;

	return slot != NULL && *slot != 0;
}

bool index_joins_wait(const struct index *index)
{
	return index->joins != NULL;
}

void index_joins_written(struct index *index)
{
	if (index->joins != NULL)
		index->joins->written = true;
}

void index_joins_committed(struct index *index)
{
	if (index->joins == NULL)
		return;
	index->joins->nfresh = 0;
	if (index->joins->written)
		index_joins_clear(index);
}

void index_joins_undone(struct index *index)
{
	if (index->joins == NULL)
		return;
	undo_to(index->joins, 0);
	index->joins->written = false;
}

void index_joins_clear(struct index *index)
{
	struct join_page *page, *next;

	if (index->joins == NULL)
		return;
	HASH_ITER(hh, index->joins->pages, page, next) {
		HASH_DEL(index->joins->pages, page);
		free(page);
	}
	free(index->joins->fresh);
	free(index->joins);
	index->joins = NULL;
}
