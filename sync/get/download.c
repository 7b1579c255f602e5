/* A download's jobs, its completion and its end. See get_internal.h.
 *
 * A download that ends is `dying` until its last job is back: only then are its descriptors closed and its part
 * removed, kept, or made a spare. */
#include "sync/get/get_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "sync/share/reserve.h"

enum {
	PARKED_MAX = 32, /* downloads that keep their descriptors and lists while they wait */
	PARKED_BYTES_MAX =
		8 << 20, /* of their lists; other downloads are dropped and read their maps and parts again */
};

/* --- end --- */

static void download_free(struct download *d)
{
	struct get_coming *coming = d->run != NULL ? d->run->of : NULL;
	struct get *g = d->g;

	DL_DELETE(g->dying, d); /* NOLINT(clang-analyzer-core.NullDereference): d is in it */
	source_free_all(d);
	blocklist_clear(&d->list);
	free(d->state_of);
	free(d->offset_of);
	free(d->arrived);
	if (d->name[0] != '\0')
		HASH_DELETE(hh_name, g->parts, d);
	if (d->waiter != NULL)
		get_again(g, GET_SAME);
	free(d->waiter);
	free(d);
	if (coming != NULL)
		coming->ops->freed(coming);
	get_wake(g);
}

static void part_removed(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct get *g = d->g;

	/* The disk or the system refused, and nothing else would remove it before the next start. */
	if (job->error != 0 && !g->dead)
		spare_add(g, d->name);
	part_job_free(job);
	download_free(d);
	get_job_end(g);
}

static void part_work(void *arg)
{
	part_job_run(arg);
}

/* No job is out any more. */
static void download_die(struct download *d)
{
	struct get *g = d->g;
	struct part_job *job;

	workers_close(g->c.workers, d->part);
	workers_close(g->c.workers, d->map);
	workers_close(g->c.workers, d->leaves.fd);
	d->leaves.fd = -1;
	d->part = -1;
	d->map = -1;
	if (d->spare && !g->dead)
		spare_add(g, d->name);
	if (d->keep || d->memory || g->dead) {
		download_free(d);
		return;
	}
	job = MEM_NEW(struct part_job);
	job->op = PART_REMOVE;
	job->d = d;
	memcpy(job->name, d->name, sizeof(job->name));
	job->parts = fcntl(share_parts(g->c.share), F_DUPFD_CLOEXEC, 0);
	get_job_begin(g);
	workers_submit(g->c.workers, WORKERS_QUICK, part_work, part_removed, job);
}

/* From here on only jobs that are out are under way. */
static void download_stop(struct download *d)
{
	download_leave_lane(d);
	announce_end(d, d->gone && d->list.n > 0 && d->have == d->list.n);
	request_cancel_download(d);
	download_set_hungry(d, false);
	for (size_t i = 0; i < d->narrived; i++) {
		d->g->bytes_out -= d->arrived[i].len;
		slab_free(&d->arrived[i].bytes);
		download_set(d, d->arrived[i].block, BLOCK_NEEDED);
	}
	d->narrived = 0;
}

static bool is_bare(const struct download *d)
{
	return !d->claimed && d->done == d->zeros && d->jobs == 0 && d->narrived == 0;
}

void download_drop(struct download *d, bool keep)
{
	struct get *g = d->g;

	download_unpark(d);
	if (d->heir_of != NULL)
		d->heir_of->heir = NULL;
	d->heir_of = NULL;
	/* A part into which nothing has come is not kept; its list will be requested again. */
	if (d->run != NULL)
		keep = true;
	else if (!g->dead && d->part >= 0 && (d->gone || is_bare(d)))
		keep = false;
	else if (!g->dead && d->part >= 0 && !keep && !d->gone) {
		d->spare = d->waiter == NULL;
		keep = true;
	}
	d->state = DOWNLOAD_DYING;
	download_stop(d);
	holders_end(d);
	*d->slot = NULL;
	d->slot = NULL;
	d->owner = NULL;
	d->keep = keep;
	DL_DELETE(g->downloads, d);
	g->ndownloads--;
	DL_APPEND(g->dying, d);
	if (d->jobs == 0)
		download_die(d);
	get_wake(g);
}

void download_job_back(struct download *d)
{
	d->jobs--;
	if (d->state == DOWNLOAD_DYING && d->jobs == 0)
		download_die(d);
}

void download_park(struct download *d)
{
	struct get *g = d->g;

	/* Its turn in the queue came, and it could not go on. */
	download_leave_lane(d);
	if (d->parked)
		return;
	if (d->part < 0 || g->nparked >= PARKED_MAX || g->parked_bytes + download_list_bytes(d) > PARKED_BYTES_MAX) {
		download_drop(d, true);
		return;
	}
	download_sync(d);
	d->parked = true;
	g->nparked++;
	g->parked_bytes += download_list_bytes(d);
	download_stop(d);
}

void download_fail(struct download *d, struct get_stop stop)
{
	if (d->parked)
		return;
	d->full =
		stop.why == GET_DISK && (stop.error == ENOSPC || stop.error == RESERVE_REACHED || stop.error == EDQUOT);
	if (d->full)
		spare_remove_all(d->g);
	d->g->coming_full |= d->full;
	if (d->run != NULL) {
		d->run->of->ops->failed(d->run);
		get_wake(d->g);
		return;
	}
	d->g->c.hooks->stopped(d->g->c.arg, d->owner, stop);
}

void download_fail_disk(struct download *d, int error)
{
	download_fail(d, get_disk(error));
}

/* --- jobs --- */

void download_submit(struct download *d, struct part_job *job, void (*done)(void *job))
{
	enum workers_lane lane = job->op == PART_OPEN ? WORKERS_QUICK : WORKERS_BULK;

	job->d = d;
	memcpy(job->name, d->name, sizeof(job->name));
	job->reserve = d->g->c.reserve;
	if (job->op != PART_OPEN) {
		job->part = d->part;
		job->map = d->map;
		job->base = d->run != NULL ? d->run->base : 0;
		job->have_at = d->have_at;
		job->dirty = d->dirty;
	}
	d->jobs++;
	get_job_begin(d->g);
	workers_submit(d->g->c.workers, lane, part_work, done, job);
}

static void part_synced(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct get *g = d->g;

	d->syncing = false;
	if (d->state == DOWNLOAD_GETTING && job->error != 0)
		download_fail_disk(d, job->error);
	else if (d->state == DOWNLOAD_GETTING && !d->parked && d->have == d->list.n)
		download_complete(d); /* it was unparked meanwhile, and could not go on while this job was out */
	download_job_back(d);
	part_job_free(job);
	get_wake(g);
	get_job_end(g);
}

/* Quick downloads end before this is due for the first time. */
void download_sync(struct download *d)
{
	struct part_job *job;

	if (d->state != DOWNLOAD_GETTING || d->memory || d->run != NULL || d->syncing || d->done == d->synced_done)
		return;
	job = MEM_NEW(struct part_job);
	d->syncing = true;
	d->synced_ms = get_now(d->g);
	d->synced_done = d->done;
	job->op = PART_SYNC;
	download_submit(d, job, part_synced);
}

/* An error leaves all blocks where they are: it is finished again when the ticket has waited. */
static void part_finished(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct get *g = d->g;

	if (d->state != DOWNLOAD_DYING && job->error != 0) {
		d->state = DOWNLOAD_GETTING;
		download_fail_disk(d, job->error);
	} else if (d->state != DOWNLOAD_DYING) {
		d->state = DOWNLOAD_READY;
		d->mode = job->mode;
		d->part_ino = job->ino;
		d->mtime_ns = job->mtime_ns;
		download_leave_lane_if_light(d);
		if (!d->parked)
			g->c.hooks->ready(g->c.arg, d->owner);
	}
	download_job_back(d);
	part_job_free(job);
	get_job_end(g);
}

void download_finish(struct download *d, uint32_t mode, int64_t mtime_ns)
{
	struct part_job *job = MEM_NEW(struct part_job);

	d->state = DOWNLOAD_FINISHING;
	job->op = PART_FINISH;
	job->mode = mode;
	job->shown = disk_mode_kept(share_disk(d->g->c.share), RECORD_FILE, mode);
	job->mtime_ns = mtime_ns;
	download_submit(d, job, part_finished);
}

void download_complete(struct download *d)
{
	if (d->run != NULL)
		d->run->of->ops->complete(d->run);
	else
		d->g->c.hooks->complete(d->g->c.arg, d->owner);
}

void download_part_gone(struct download *d)
{
	d->gone = true;
}

bool download_is_finished(const struct download *d, uint32_t mode, int64_t mtime_ns)
{
	return d->state == DOWNLOAD_READY && d->mode == mode && d->mtime_ns == mtime_ns;
}

void download_finish_again(struct download *d, uint32_t mode, int64_t mtime_ns)
{
	/* Its ticket may have waited, and a parked download would not be taken up again. */
	download_unpark(d);
	if (d->state == DOWNLOAD_READY)
		download_finish(d, mode, mtime_ns);
}

void download_announced(struct download *d, uint64_t peer)
{
	struct get_source *s = source_find(d, peer);

	if (s != NULL)
		s->bad = false;
}
