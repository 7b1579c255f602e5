/* Jobs of a vault: it ends when all of them have come back. */
#include "sync/vault/vault_internal.h"

enum { JOB_SMALL = 64 << 10 }; /* an object that need not wait behind large ones */

void vault_job_submit(struct vault *v, workers_fn *work, workers_done_fn *done, void *job)
{
	v->jobs++;
	workers_submit(v->config.workers, WORKERS_BULK, work, done, job);
}

void vault_job_add(struct vault *v, struct bundles *bundles, void *job, size_t bytes)
{
	v->jobs++;
	bundles_add(bundles, bytes > JOB_SMALL ? WORKERS_BULK : WORKERS_QUICK, job, bytes);
}
