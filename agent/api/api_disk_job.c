/* See api_disk_job.h. */
#include "agent/api/api_disk_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/api_request.h"
#include "sync/share/share.h"

static void disk_job_client_gone(void *state)
{
	struct api_disk_job *d = state;

	d->call = NULL;
}

static void disk_job_work(void *job)
{
	struct api_disk_job *d = job;

	if (share_handle_check(d->handle, &d->why) == 0)
		d->work(d);
}

static void disk_job_done(void *job)
{
	struct api_disk_job *d = job;

	if (d->why == NULL)
		d->done(d, api_engine_by_id(d->api, &d->group));
	else if (d->call != NULL)
		control_fail(d->call, 409, "%s", d->why);
	share_handle_free(d->handle);
	free(d->why);
	d->free(d);
}

/* A disk that does not answer is refused at once: the job would only wait behind those that hang already. */
void api_disk_job_run(struct api *api, struct control_call *call, struct engine *e, struct api_disk_job *d)
{
	struct share *share = engine_share(e);

	if (share == NULL || engine_stuck(e) != NULL) {
		control_fail(call, 409, "%s", share != NULL ? engine_stuck(e) : engine_why_no_files(e));
		d->free(d);
		return;
	}
	d->handle = share_handle_of(share);
	if (d->handle == NULL) {
		control_fail(call, 409, "%s", strerror(errno));
		d->free(d);
		return;
	}
	d->api = api;
	d->call = call;
	d->group = *engine_group(e);
	control_defer(call, disk_job_client_gone, d);
	engine_work(e, disk_job_work, disk_job_done, d);
}
