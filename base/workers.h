/* Worker threads for hashing, compression and disk. A job gets its own copy of what it needs, works without
 * touching any shared state, and is handed back on the loop's thread. Two lanes: WORKERS_QUICK jobs (a small file,
 * an install batch) never wait for WORKERS_BULK jobs (hashing or writing pieces of big files), which use all
 * threads but one at most. Jobs of one lane start in the order they were submitted. A bulk job should take under 50
 * ms, so split long work.
 *
 * A disk that does not answer keeps a thread for ever, and in the end every thread of its pool. So whatever touches
 * a share goes to that share's own pool; a pool costs a thread only while it has work. */
#ifndef LANYARD_BASE_WORKERS_H
#define LANYARD_BASE_WORKERS_H

#include "base/loop.h"

struct workers;

enum workers_lane { WORKERS_QUICK, WORKERS_BULK };

/* Runs on a worker thread. */
typedef void workers_fn(void *job);
/* Runs on the loop's thread after work returned. Owns job again. */
typedef void workers_done_fn(void *job);

/* threads: 2 to 16, the most that work at once. They are started when needed, and end when they have been idle for
 * a while. */
struct workers *workers_new(struct loop *loop, int threads);
/* Waits until every submitted job was handed back (their done functions run inside), then frees. */
void workers_free(struct workers *w);
/* Loop's thread. done is always called, exactly once. */
void workers_submit(struct workers *w, enum workers_lane lane, workers_fn *work, workers_done_fn *done, void *job);
/* Closes a regular file on a worker, since closing involves the disk, which need not answer. fd may be -1. */
void workers_close(struct workers *w, int fd);
/* Waits until every job submitted so far was handed back, whatever is submitted meanwhile. Turns the loop: only from
 * loop_between(), or when the loop does not run. */
void workers_flush(struct workers *w);
/* For how long a thread has been working on the oldest of its jobs; 0: no job is being worked on. */
int64_t workers_stuck_ms(struct workers *w);
/* Jobs submitted and not yet handed back. */
int workers_pending(const struct workers *w);

#endif
