/* See bundles.h. */
#include "base/bundles.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

enum { BUNDLE_LANES = 2 };

struct bundled {
	void *job;
	size_t bytes;
	struct bundled *next, *prev;
};

struct bundles_lane {
	struct bundled *waiting; /* owned */
	size_t nwaiting;
	int out;
};

struct bundles {
	struct workers *workers;
	struct bundles_rule rule;
	struct loop_timer *soon; /* NULL: it was freed, and goes with the last bundle */
	struct bundles_lane lanes[BUNDLE_LANES];
};

struct bundle {
	struct bundles *of;
	enum workers_lane lane;
	void *jobs[BUNDLE_MOST];
	size_t n;
};

static void bundle_work(void *arg)
{
	struct bundle *bundle = arg;

	bundle->of->rule.work(bundle->jobs, bundle->n);
}

static void bundles_go_on(void *arg);

static void bundles_end_if_over(struct bundles *b)
{
	if (b->soon == NULL && b->lanes[WORKERS_QUICK].out + b->lanes[WORKERS_BULK].out == 0)
		free(b);
}

/* The next bundle leaves first, so that workers are busy meanwhile. */
static void bundle_done(void *arg)
{
	struct bundle *bundle = arg;
	struct bundles *b = bundle->of;

	b->lanes[bundle->lane].out--;
	bundles_go_on(b);
	b->lanes[bundle->lane].out++; /* counted until its last job is handed back, which may free b */
	for (size_t i = 0; i < bundle->n; i++)
		b->rule.done(bundle->jobs[i]);
	b->lanes[bundle->lane].out--;
	if (b->soon != NULL)
		bundles_go_on(b);
	bundles_end_if_over(b);
	free(bundle);
}

/* Those that came first, as many as go into one. */
static void bundle_submit(struct bundles *b, enum workers_lane lane)
{
	struct bundles_lane *l = &b->lanes[lane];
	struct bundle *bundle = MEM_NEW(struct bundle);
	size_t share = l->nwaiting / (size_t)(b->rule.out - l->out) + 1, bytes = 0;
	size_t most = share < b->rule.least ? b->rule.least : share < BUNDLE_MOST ? share : BUNDLE_MOST;

	bundle->of = b;
	bundle->lane = lane;
	while (l->waiting != NULL && bundle->n < most) {
		struct bundled *first = l->waiting;

		if (bundle->n > 0 && bytes + first->bytes > b->rule.bytes)
			break;
		bytes += first->bytes;
		bundle->jobs[bundle->n++] = first->job;
		DL_DELETE(l->waiting, first);
		l->nwaiting--;
		free(first);
	}
	l->out++;
	workers_submit(b->workers, lane, bundle_work, bundle_done, bundle);
}

static void bundles_go_on(void *arg)
{
	struct bundles *b = arg;

	for (enum workers_lane lane = WORKERS_QUICK; lane <= WORKERS_BULK; lane++) {
		while (b->lanes[lane].waiting != NULL && b->lanes[lane].out < b->rule.out)
			bundle_submit(b, lane);
	}
}

struct bundles *bundles_new(struct loop *loop, struct workers *workers, const struct bundles_rule *rule)
{
	struct bundles *b = MEM_NEW(struct bundles);

	b->workers = workers;
	b->rule = *rule;
	b->soon = loop_timer_new(loop, bundles_go_on, b);
	return b;
}

/* In the next turn, so that what comes within this one leaves together. */
void bundles_add(struct bundles *b, enum workers_lane lane, void *job, size_t bytes)
{
	struct bundled *one = MEM_NEW(struct bundled);

	one->job = job;
	one->bytes = bytes;
	DL_APPEND(b->lanes[lane].waiting, one);
	b->lanes[lane].nwaiting++;
	if (!loop_timer_running(b->soon))
		loop_timer_start(b->soon, 0, 0);
}

void bundles_free(struct bundles *b)
{
	if (b == NULL)
		return;
	loop_timer_free(b->soon);
	b->soon = NULL;
	bundles_end_if_over(b);
}
