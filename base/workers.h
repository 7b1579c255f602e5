/* Worker threads for hashing, compression and disk: a job gets its own copy of what it needs, works without touching
 * any shared state, and is handed back on the loop's thread.
 *
 * Two lanes: WORKERS_QUICK jobs (a small file, an install batch) never wait behind WORKERS_BULK jobs (hashing or
 * writing pieces of big files), of which at most all threads but one run at a time. Jobs of one lane start in the
 * order they were submitted. A bulk job should take under 50 ms, so split long work. */
#ifndef LANYARD_BASE_WORKERS_H
#define LANYARD_BASE_WORKERS_H

#include "base/loop.h"

struct workers;

enum workers_lane { WORKERS_QUICK, WORKERS_BULK };

/* Runs on a worker thread. */
typedef void workers_fn(void *job);
/* Runs on the loop's thread after work returned. Owns job again. */
typedef void workers_done_fn(void *job);

/* threads: 2 to 16. One pool a process. */
struct workers *workers_new(struct loop *loop, int threads);
/* Waits until every submitted job was handed back (their done functions run inside), then frees. */
void workers_free(struct workers *w);
/* Loop's thread. done is always called, exactly once. */
void workers_submit(struct workers *w, enum workers_lane lane, workers_fn *work, workers_done_fn *done, void *job);
/* Waits until every job submitted so far was handed back, whatever is submitted meanwhile. Turns the loop: only from
 * loop_between(), or when the loop does not run. */
void workers_flush(struct workers *w);
/* Jobs submitted and not yet handed back. */
int workers_pending(const struct workers *w);

#endif
