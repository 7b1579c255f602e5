/* Jobs of a vault: it ends when all of them have come back. */
#include "sync/vault/vault_internal.h"

void vault_job_submit(struct vault *v, workers_fn *work, workers_done_fn *done, void *job)
{
	v->jobs++;
	workers_submit(v->config.workers, WORKERS_BULK, work, done, job);
}
