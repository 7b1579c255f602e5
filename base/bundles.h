/* Small jobs that come fast, handed to workers many at a time: waking a thread, and then the loop, costs more than work
 * on a few KiB. A job that comes alone leaves in the next turn of the loop; while bundles are out, others gather. All
 * functions belong to the loop's thread. */
#ifndef LANYARD_BASE_BUNDLES_H
#define LANYARD_BASE_BUNDLES_H

#include <stddef.h>

#include "base/workers.h"

struct bundles;

enum { BUNDLE_MOST = 64 }; /* jobs of one bundle */

struct bundles_rule {
	int out;      /* bundles of each lane that workers may have */
	size_t least; /* jobs that are not spread over several bundles, to keep more threads at work */
	size_t bytes; /* of the jobs in one bundle; one that is larger goes alone */
	/* Worker. n is at most BUNDLE_MOST. Each job gets what came of it for itself. */
	void (*work)(void *const *jobs, size_t n);
	/* Loop. Once for each job; those of one bundle in the order in which they were added. */
	workers_done_fn *done;
};

struct bundles *bundles_new(struct loop *loop, struct workers *workers, const struct bundles_rule *rule);
/* bytes: what the job counts as. done is called later, never from inside this. */
void bundles_add(struct bundles *b, enum workers_lane lane, void *job, size_t bytes);
/* Once all jobs have come back; also from inside the `done` of the last one. NULL is allowed. */
void bundles_free(struct bundles *b);

#endif
