/* A download's part: taken up where it is there, begun where its list is known, and otherwise the list is asked for. See
 * download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <fcntl.h>

#include "base/mem.h"

static void take_up(struct download *d, struct part_job *job)
{
	d->part = job->part;
	d->map = job->map;
	d->dirty = job->dirty;
	d->cloned = job->cloned;
	d->f->counters.parts_taken_over += job->taken_over;
	d->have_at = job->have_at;
	download_set_list(d, &job->list);
	d->state = DOWNLOAD_GETTING;
	d->synced_ms = fetch_now(d->f);
	for (uint32_t i = 0; i < d->list.n; i++) {
		if (job->have[i] == PART_ZEROS) {
			download_set(d, i, BLOCK_HAVE);
			d->zeros += d->list.b[i].len;
			d->f->counters.blocks_zeros++;
		} else if (job->have[i] == PART_CLAIMS) {
			d->state_of[i] = BLOCK_CLAIMED;
			d->claimed = true;
		}
	}
	if (d->have == d->list.n)
		download_complete(d);
}

static void opened(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct fetch *f = d->f;

	if (d->state == DOWNLOAD_DYING) {
		d->part = job->part; /* closed with it */
		d->map = job->map;
	} else if (job->error != 0) {
		download_fail(d, reason_of_errno(job->error));
	} else if (job->part < 0) {
		d->state = DOWNLOAD_LISTING;
		list_ask(d);
	} else {
		take_up(d, job);
	}
	download_job_back(d);
	part_job_free(job);
	fetch_wake(f);
	fetch_job_end(f);
}

static bool note_source(void *arg, const struct record *r)
{
	*(char **)arg = mem_strdup(r->path);
	return false;
}

void download_open(struct download *d)
{
	struct part_job *job = MEM_NEW(struct part_job);

	d->state = DOWNLOAD_OPENING;
	job->op = PART_OPEN;
	job->part = -1;
	job->map = -1;
	job->parts = fcntl(share_parts(d->f->c.share), F_DUPFD_CLOEXEC, 0);
	job->path = mem_strdup(d->t->want.path);
	job->content = d->c;
	job->list = d->list;
	d->list = (struct blocklist){ 0 };
	if (d->t->settled && !d->t->repair)
		index_by_content(d->f->c.index, &d->c, note_source, &job->source);
	if (job->source != NULL)
		job->root = fcntl(share_root(d->f->c.share), F_DUPFD_CLOEXEC, 0);
	download_submit(d, job, opened);
}
