/* A call whose work is done by a worker, since it touches a share's disk, which may hang. */
#ifndef LANYARD_AGENT_API_DISK_JOB_H
#define LANYARD_AGENT_API_DISK_JOB_H

#include "agent/api/api_internal.h"
#include "sync/share/share_handle.h"

/* Embedded, as the first member, in the struct of the call. */
struct api_disk_job {
	struct api *api;
	struct control_call *call; /* NULL: the client went away */
	struct group_id group;
	struct share_handle *handle; /* the share's, the job's own */
	char *why;                   /* the share is not there; owned */
	/* On the worker. */
	void (*work)(struct api_disk_job *d);
	/* Back on the loop's thread: answers d->call when it is not NULL. e: NULL when the group is gone. */
	void (*done)(struct api_disk_job *d, struct engine *e);
	void (*free)(struct api_disk_job *d);
};
/* Hands it to a worker. When the share is not available now, answers the call (409) and frees it. The caller sets work,
 * done and free. */
void api_disk_job_run(struct api *api, struct control_call *call, struct engine *e, struct api_disk_job *d);

#endif
