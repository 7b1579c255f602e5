/* The opening of a download's part. An old part that fits is taken up; a new one is begun if the block list is known;
 * else the list is requested first. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <fcntl.h>

#include "base/mem.h"

/* A block that the map claims is verified before it counts; blocks of zeros are there already. */
static void take_up(struct download *d, struct part_job *job)
{
	d->part = job->part;
	d->map = job->map;
	d->dirty = job->dirty;
	d->cloned = job->cloned;
	d->g->counters.parts_taken_over += job->taken_over;
	d->have_at = job->have_at;
	download_set_list(d, &job->list);
	d->state = DOWNLOAD_GETTING;
	d->synced_ms = get_now(d->g);
	for (uint32_t i = 0; i < d->list.n; i++) {
		if (job->have[i] == PART_ZEROS) {
			download_set(d, i, BLOCK_HAVE);
			d->zeros += d->list.b[i].len;
			d->g->counters.blocks_zeros++;
		} else if (job->have[i] == PART_HERE) {
			download_set(d, i, BLOCK_HAVE);
			d->g->counters.coming_taken += d->list.b[i].len;
		} else if (job->have[i] == PART_CLAIMS) {
			d->state_of[i] = BLOCK_CLAIMED;
			d->claimed = true;
		}
	}
	source_refresh(d);
	announce_all(d);
	if (d->have == d->list.n)
		download_complete(d);
}

static void part_opened(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct get *g = d->g;

	d->leaves.fd = job->old;
	d->leaves.size = job->old_size;
	if (d->state == DOWNLOAD_DYING) {
		d->part = job->part; /* download.c closes them when it dies */
		d->map = job->map;
	} else if (job->error != 0) {
		download_fail_disk(d, job->error);
	} else if (job->part < 0) {
		d->state = DOWNLOAD_LISTING;
		list_request_next(d);
	} else {
		take_up(d, job);
	}
	download_job_back(d);
	part_job_free(job);
	get_wake(g);
	get_job_end(g);
}

void download_open(struct download *d, struct coming_legacy *legacy)
{
	struct part_job *job = MEM_NEW(struct part_job);

	d->state = DOWNLOAD_OPENING;
	job->op = PART_OPEN;
	job->part = -1;
	job->map = -1;
	job->old = -1;
	job->parts = fcntl(share_parts(d->g->c.share), F_DUPFD_CLOEXEC, 0);
	job->path = mem_strdup(d->path);
	job->content = d->c;
	job->list = d->list;
	d->list = (struct blocklist){ 0 };
	job->legacy = legacy;
	if (legacy == NULL)
		job->source = d->g->c.hooks->find_copy(d->g->c.arg, d->owner);
	job->root = fcntl(share_root(d->g->c.share), F_DUPFD_CLOEXEC, 0);
	download_submit(d, job, part_opened);
}
