/* The root of our live rows, for our head. The loop reads rows in slices, a worker makes digests of them and sorts
 * those, one slice after the other (sync/seal/head_sum.h). If a row changes meanwhile, there is no root. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_heads.h"
#include "agent/engine/engine_internal.h"
#include "agent/engine/engine_keys.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/seal/head_sum.h"
#include "sync/seal/ring.h"
#include "sync/seal/row.h"

enum { SLICE = 128 }; /* rows for one turn of the loop: about 1 ms */

/* The worker's while it has it, except for the fields of the loop. */
struct engine_root_walk {
	struct engine *e; /* the loop's; NULL: dropped */
	void (*done)(void *arg, const struct engine_root *root, int64_t cost_ns);
	void *arg;
	struct index_cursor *cursor; /* the loop's; of this pass */
	struct engine_root made;     /* the loop's */
	bool first_pass;             /* the loop's */
	bool untold;                 /* the loop's: a row has no place in a root */
	int64_t cost_ns;
	struct keys *first;         /* owned: counted */
	struct record slice[SLICE]; /* owned */
	size_t n;
	bool pass_ends;       /* all rows were given */
	bool sorting;         /* and some of them are still to be sorted */
	struct head_sum *sum; /* owned */
};

static void walk_slice_clear(struct engine_root_walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		record_clear(&w->slice[i]);
	w->n = 0;
}

static void walk_free(struct engine_root_walk *w)
{
	walk_slice_clear(w);
	index_cursor_free(w->cursor);
	keys_free(w->first);
	head_sum_free(w->sum);
	free(w);
}

/* --- what a worker does --- */

static void walk_work(void *arg)
{
	struct engine_root_walk *w = arg;
	int64_t start = clock_mono_ns();
	struct head_row row;

	for (size_t i = 0; i < w->n; i++) {
		row_digest(w->first, &w->slice[i], &row);
		head_sum_add(w->sum, &row);
	}
	walk_slice_clear(w);
	w->sorting = w->pass_ends && head_sum_sort(w->sum, HEAD_SUM_SORT);
	w->cost_ns += clock_mono_ns() - start;
}

/* --- what the loop does --- */

static bool walk_is_stale(const struct engine_root_walk *w)
{
	const struct index *index = w->e->index;

	return index_damaged(index) || index_epoch(index) != w->made.epoch || index_seq(index) != w->made.seq;
}

bool engine_root_is_told(const struct engine *e)
{
	return index_choices(e->index)->mode != CHOOSE_ON_DEMAND && index_listed(e->index) == 0 &&
	       !index_choosing(e->index) && !index_has_rejected(e->index);
}

static void walk_done(struct engine_root_walk *w, bool good)
{
	if (good) {
		head_sum_root(w->sum, w->made.root);
		if (w->untold)
			memset(w->made.root, 0, sizeof(w->made.root));
	}
	w->done(w->arg, good ? &w->made : NULL, w->cost_ns);
	walk_free(w);
}

/* Takes a row that the cursor gave, unless it has no place in a root. What is being dropped, has no version, or is left
 * out by ignore rules that have come since is nothing that others have to have. */
static void walk_take(struct engine_root_walk *w, struct record *r)
{
	bool kept = !r->leaving && r->version.n > 0 && share_accepts(w->e->share, r->path, r->kind == RECORD_DIR);

	if (r->deleted) {
		record_clear(r);
		return;
	}
	if (w->first_pass)
		w->made.rows++;
	w->untold |= !kept;
	w->slice[w->n++] = *r;
}

static void walk_go_on(struct engine_root_walk *w);
static void walk_worked(void *arg);

static void walk_submit(struct engine_root_walk *w)
{
	workers_submit(w->e->context->workers, WORKERS_BULK, walk_work, walk_worked, w);
}

/* The rows were all given, and sorted. */
static void walk_pass_end(struct engine_root_walk *w)
{
	index_cursor_free(w->cursor);
	w->cursor = NULL;
	w->pass_ends = w->first_pass = false;
	if (head_sum_goes_on(w->sum))
		walk_go_on(w);
	else
		walk_done(w, true);
}

static void walk_worked(void *arg)
{
	struct engine_root_walk *w = arg;

	if (w->e == NULL) {
		walk_free(w);
		return;
	}
	if (walk_is_stale(w))
		walk_done(w, false);
	else if (w->sorting)
		walk_submit(w);
	else if (w->pass_ends)
		walk_pass_end(w);
	else
		walk_go_on(w);
}

static void walk_go_on(struct engine_root_walk *w)
{
	int64_t start = clock_mono_ns();
	struct record r;
	int rc = 1;

	if (w->cursor == NULL)
		w->cursor = index_walk(w->e->index, "");
	for (int i = 0; i < SLICE && rc > 0; i++) {
		rc = index_next(w->cursor, &r);
		if (rc > 0)
			walk_take(w, &r);
	}
	w->pass_ends = rc == 0;
	w->cost_ns += clock_mono_ns() - start;
	if (rc < 0)
		w->made.epoch = 0; /* stale: the index says why */
	walk_submit(w);
}

struct engine_root_walk *engine_root_walk(struct engine *e,
                                          void (*done)(void *arg, const struct engine_root *root, int64_t cost_ns),
                                          void *arg)
{
	struct ring *ring = engine_keys_ring(e);
	struct keys *first = ring != NULL ? ring_first(ring) : NULL;
	const struct index_totals totals = index_totals(e->index);
	struct engine_root_walk *w;

	if (first == NULL)
		return NULL;
	w = MEM_NEW(struct engine_root_walk);
	w->e = e;
	w->done = done;
	w->arg = arg;
	w->first = keys_ref(first);
	w->first_pass = true;
	w->sum = head_sum_new((uint64_t)(totals.files + totals.dirs + totals.symlinks), HEAD_SUM_ROWS);
	w->made.epoch = index_epoch(e->index);
	w->made.seq = index_seq(e->index);
	walk_go_on(w);
	return w;
}

/* A worker has it: nothing but its return frees it. */
void engine_root_drop(struct engine_root_walk *w)
{
	if (w == NULL)
		return;
	w->e = NULL;
	index_cursor_free(w->cursor);
	w->cursor = NULL;
}
