/* One content on its way here, from its sources to a complete part. See download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum {
	PARKED_MAX = 32,            /* downloads that keep their descriptors and lists while they wait */
	PARKED_BYTES_MAX = 8 << 20, /* of lists; others begin with what their maps say, and read their parts again */
	SYNC_MS = 5000,             /* a power cut costs a download no more than what came in this time */
};

/* --- blocks and their states --- */

void download_set_hungry(struct download *d, bool hungry)
{
	struct fetch *f = d->f;
	struct download **list = d->memory ? &f->hungry_small : &f->hungry;

	if (hungry == d->hungry)
		return;
	d->hungry = hungry;
	if (hungry)
		DL_APPEND2(*list, d, hungry_prev, hungry_next);
	else
		DL_DELETE2(*list, d, hungry_prev, hungry_next);
}

void download_set(struct download *d, uint32_t block, enum block_state state)
{
	enum block_state old = d->state_of[block];

	if (old == BLOCK_HAVE) {
		d->have--;
		d->done -= d->list.b[block].len;
	}
	d->needed -= old == BLOCK_NEEDED;
	d->asked -= old == BLOCK_ASKED;
	d->state_of[block] = (uint8_t)state;
	if (state == BLOCK_HAVE) {
		d->have++;
		d->done += d->list.b[block].len;
	}
	d->needed += state == BLOCK_NEEDED;
	d->asked += state == BLOCK_ASKED;
	if (d->state != DOWNLOAD_DYING)
		download_set_hungry(d, d->needed > 0 && !d->parked);
	fetch_wake(d->f);
}

void download_set_list(struct download *d, struct blocklist *list)
{
	int64_t offset = 0;

	blocklist_clear(&d->list);
	d->list = *list;
	*list = (struct blocklist){ 0 };
	d->state_of = mem_calloc(d->list.n, 1);
	d->offset_of = mem_calloc(d->list.n, sizeof(d->offset_of[0]));
	for (uint32_t i = 0; i < d->list.n; i++) {
		d->offset_of[i] = offset;
		offset += d->list.b[i].len;
	}
}

/* --- end --- */

static void free_download(struct download *d)
{
	struct fetch *f = d->f;

	DL_DELETE(f->dying, d); /* NOLINT(clang-analyzer-core.NullDereference): d is in it */
	free(d->sources);
	blocklist_clear(&d->list);
	free(d->state_of);
	free(d->offset_of);
	free(d->arrived);
	if (d->name[0] != '\0')
		HASH_DELETE(hh_name, f->parts, d);
	if (d->waiter != NULL)
		ticket_retry(f, REASON_SAME);
	free(d->waiter);
	free(d);
	fetch_wake(f);
}

static void removed(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct fetch *f = d->f;

	part_job_free(job);
	free_download(d);
	fetch_job_end(f);
}

static void run(void *arg)
{
	part_job_run(arg);
}

/* No job is out any more. */
static void die(struct download *d)
{
	struct fetch *f = d->f;
	struct part_job *job;

	workers_close(f->c.workers, d->part);
	workers_close(f->c.workers, d->map);
	d->part = -1;
	d->map = -1;
	if (d->spare && !f->dead)
		spare_add(f, d->name);
	if (d->keep || d->memory || f->dead) {
		free_download(d);
		return;
	}
	job = MEM_NEW(struct part_job);
	job->op = PART_REMOVE;
	job->d = d;
	memcpy(job->name, d->name, sizeof(job->name));
	job->parts = fcntl(share_parts(f->c.share), F_DUPFD_CLOEXEC, 0);
	fetch_job_begin(f);
	workers_submit(f->c.workers, WORKERS_QUICK, run, removed, job);
}

void download_leave_lane(struct download *d)
{
	if (d->in_lane)
		queue_done(&d->f->queue, &d->lane);
	d->in_lane = false;
}

/* All of it is here. What has a long list keeps its place in the queue until it is gone. */
void download_leave_lane_if_light(struct download *d)
{
	if (d->c.nblocks <= QUEUE_MIDDLE_BLOCKS)
		download_leave_lane(d);
}

/* Nothing is under way any more but jobs that are out. */
static void stop(struct download *d)
{
	download_leave_lane(d);
	request_cancel(d);
	download_set_hungry(d, false);
	for (size_t i = 0; i < d->narrived; i++) {
		d->f->bytes_out -= d->arrived[i].len;
		slab_free(&d->arrived[i].bytes);
		download_set(d, d->arrived[i].block, BLOCK_NEEDED);
	}
	d->narrived = 0;
}

static void sync_part(struct download *d);

/* That its list and what is known of its blocks take. */
static size_t list_bytes(const struct download *d)
{
	return (size_t)d->c.nblocks * (sizeof(struct block) + sizeof(d->state_of[0]) + sizeof(d->offset_of[0]));
}

void download_unpark(struct download *d)
{
	if (d->parked) {
		d->f->nparked--;
		d->f->parked_bytes -= list_bytes(d);
	}
	d->parked = false;
}

static bool is_bare(const struct download *d)
{
	return !d->claimed && d->done == d->zeros && d->jobs == 0 && d->narrived == 0;
}

void download_drop(struct fetch *f, struct ticket *t, bool keep)
{
	struct download *d = t->download;

	download_unpark(d);
	/* A part that nothing has come into is nothing but its list, which is asked for again. */
	if (!f->dead && d->part >= 0 && is_bare(d))
		keep = false;
	else if (!f->dead && d->part >= 0 && !keep && !d->gone) {
		d->spare = d->waiter == NULL;
		keep = true;
	}
	d->state = DOWNLOAD_DYING;
	stop(d);
	t->download = NULL;
	d->t = NULL;
	d->keep = keep;
	DL_DELETE(f->downloads, d);
	f->ndownloads--;
	DL_APPEND(f->dying, d);
	if (d->jobs == 0)
		die(d);
	fetch_wake(f);
}

void download_job_back(struct download *d)
{
	d->jobs--;
	if (d->state == DOWNLOAD_DYING && d->jobs == 0)
		die(d);
}

void download_park(struct fetch *f, struct ticket *t)
{
	struct download *d = t->download;

	/* Its turn in the queue came, and it could not go on. */
	download_leave_lane(d);
	if (d->parked)
		return;
	if (d->part < 0 || f->nparked >= PARKED_MAX || f->parked_bytes + list_bytes(d) > PARKED_BYTES_MAX) {
		download_drop(f, t, true);
		return;
	}
	sync_part(d);
	d->parked = true;
	f->nparked++;
	f->parked_bytes += list_bytes(d);
	stop(d);
}

void download_fail(struct download *d, enum reason reason)
{
	if (d->parked)
		return;
	d->full = reason == REASON_FULL || reason == REASON_RESERVED || reason == REASON_QUOTA;
	if (d->full)
		spare_remove_all(d->f);
	ticket_wait(d->f, d->t, reason);
}

/* --- jobs --- */

void download_submit(struct download *d, struct part_job *job, void (*done)(void *job))
{
	enum workers_lane lane = job->op == PART_OPEN ? WORKERS_QUICK : WORKERS_BULK;

	job->d = d;
	memcpy(job->name, d->name, sizeof(job->name));
	job->reserve = d->f->reserve;
	if (job->op != PART_OPEN) {
		job->part = d->part;
		job->map = d->map;
		job->have_at = d->have_at;
		job->dirty = d->dirty;
	}
	d->jobs++;
	fetch_job_begin(d->f);
	workers_submit(d->f->c.workers, lane, run, done, job);
}

static void synced(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct fetch *f = d->f;

	d->syncing = false;
	if (d->state == DOWNLOAD_GETTING && job->error != 0)
		download_fail(d, reason_of_errno(job->error));
	else if (d->state == DOWNLOAD_GETTING && !d->parked && d->have == d->list.n)
		download_complete(d); /* it was taken up again meanwhile, and could not go on while a job was out */
	download_job_back(d);
	part_job_free(job);
	fetch_wake(f);
	fetch_job_end(f);
}

/* What is here so far is made safe now and then; quick downloads end before it is due the first time. */
static void sync_part(struct download *d)
{
	struct part_job *job;

	if (d->state != DOWNLOAD_GETTING || d->memory || d->syncing || d->done == d->synced_done)
		return;
	job = MEM_NEW(struct part_job);
	d->syncing = true;
	d->synced_ms = fetch_now(d->f);
	d->synced_done = d->done;
	job->op = PART_SYNC;
	download_submit(d, job, synced);
}

static void finished(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;
	struct fetch *f = d->f;

	if (d->state != DOWNLOAD_DYING && job->error != 0) {
		d->state = DOWNLOAD_GETTING;
		download_fail(d, reason_of_errno(job->error));
	} else if (d->state != DOWNLOAD_DYING) {
		d->state = DOWNLOAD_READY;
		d->mode = job->mode;
		d->part_ino = job->ino;
		d->mtime_ns = job->mtime_ns;
		download_leave_lane_if_light(d);
		if (!d->parked) {
			ticket_to(f, d->t, TICKET_PLACE);
			route_ticket(f, d->t);
		}
	}
	download_job_back(d);
	part_job_free(job);
	fetch_job_end(f);
}

static void finish(struct download *d)
{
	struct part_job *job = MEM_NEW(struct part_job);

	d->state = DOWNLOAD_FINISHING;
	job->op = PART_FINISH;
	job->mode = d->t->merged.mode;
	job->shown = disk_mode_kept(share_disk(d->f->c.share), RECORD_FILE, job->mode);
	job->mtime_ns = d->t->merged.mtime_ns;
	download_submit(d, job, finished);
}

void download_complete(struct download *d)
{
	struct ticket *t = d->t;
	struct fetch *f = d->f;

	if (!d->memory) {
		finish(d);
		return;
	}
	download_drop(f, t, false);
	ticket_to(f, t, TICKET_FRESH);
}

void download_part_gone(struct download *d)
{
	d->gone = true;
}

bool download_ready(struct fetch *f, struct ticket *t)
{
	struct download *d = t->download;

	if (d->state == DOWNLOAD_READY && d->mode == t->merged.mode && d->mtime_ns == t->merged.mtime_ns)
		return true;
	/* It may have waited for its place since: what is parked would not come back to it. */
	download_unpark(d);
	ticket_to(f, t, TICKET_ACTIVE);
	if (d->state == DOWNLOAD_READY)
		finish(d);
	return false;
}

/* --- each turn, each second --- */

void download_heard(struct fetch *f, struct ticket *t, uint64_t peer)
{
	struct source *s = t->download != NULL ? source_find(t->download, peer) : NULL;

	for (size_t i = 0; i < BAD_MAX; i++) {
		if (t->bad[i] == peer)
			t->bad[i] = 0;
	}
	if (s != NULL)
		s->bad = false;
	f->new_sources = true;
	fetch_wake(f);
}

/* Whether d can only wait for peers, and there is none to wait for. */
static bool is_stranded(struct download *d)
{
	if (d->parked || d->jobs > 0 || d->asked > 0 || d->list_request != 0 || source_any(d) != NULL)
		return false;
	if (d->state == DOWNLOAD_LISTING)
		return true;
	return d->state == DOWNLOAD_GETTING && d->needed > 0 && (d->memory || d->scan_at == d->list.n) &&
	       d->narrived == 0;
}

static void check_stranded(struct fetch *f)
{
	struct download *d, *next;

	f->check_sources = false;
	DL_FOREACH_SAFE(f->downloads, d, next) {
		if (is_stranded(d))
			download_fail(d, source_reason(d));
	}
}

void download_pump(struct fetch *f)
{
	struct download *d, *next;
	struct queue_entry *e;

	while (f->started && !f->paused && !f->cleaning && (e = queue_take(&f->queue)) != NULL)
		download_start(f, (struct ticket *)(void *)((char *)e - offsetof(struct ticket, queued)));
	DL_FOREACH_SAFE(f->downloads, d, next) {
		if (f->new_sources)
			source_refresh(d);
		if (!d->memory && !d->parked)
			blocks_pump(d);
	}
	f->new_sources = false;
	if (f->check_sources)
		check_stranded(f);
	request_pump(f);
}

void download_tick(struct fetch *f)
{
	struct download *d;

	if (fetch_now(f) < f->tick_ms + TICK_MS)
		return;
	f->tick_ms = fetch_now(f);
	DL_FOREACH(f->downloads, d) {
		d->sample[d->samples++ % RATE_SAMPLES] = d->done;
		if (d->state == DOWNLOAD_GETTING && !d->parked && d->needed == 0)
			request_steal(d);
		list_tick(d);
		if (fetch_now(f) >= d->synced_ms + SYNC_MS)
			sync_part(d);
	}
	request_timeouts(f);
	f->check_sources = true;
}

int64_t download_due(const struct fetch *f)
{
	return f->ndownloads > f->nparked ? f->tick_ms + TICK_MS : INT64_MAX;
}
