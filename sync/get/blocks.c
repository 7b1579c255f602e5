/* Blocks on their way into the part: those that arrived, those that the map claims, and those in local files. A worker
 * verifies each before it counts. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"

enum {
	SCAN_TURN = 512, /* blocks looked up in local files per turn */
	JOBS_MAX = 2,    /* of one kind, out at a time for one download */
	JOB_PIECES = 256,
	JOB_BYTES = 8 << 20, /* a few milliseconds of hashing */
	WRITE_BYTES = 4 << 20,
	HOLD_MS = 10, /* a block waits this long for others to be hashed with */
	HOLD_BYTES = 16 << 20,
};

static struct part_job *job_new(enum part_op op)
{
	struct part_job *job = MEM_NEW(struct part_job);

	job->op = op;
	job->pieces = mem_calloc(JOB_PIECES, sizeof(*job->pieces));
	return job;
}

static void add_piece(const struct download *d, struct part_job *job, uint32_t block, int64_t from_offset)
{
	struct piece *p = &job->pieces[job->n++];

	*p = (struct piece){ .block = block,
		             .len = d->list.b[block].len,
		             .offset = d->offset_of[block],
		             .from_offset = from_offset };
	memcpy(p->hash, d->list.b[block].hash, sizeof(p->hash));
}

static void check_complete(struct download *d)
{
	if (d->state == DOWNLOAD_GETTING && !d->parked && d->have == d->list.n)
		download_complete(d);
}

static void blocks_end_job(struct part_job *job)
{
	struct download *d = job->d;
	struct get *g = d->g;

	if (d->state != DOWNLOAD_DYING && job->error != 0)
		download_fail_disk(d, job->error);
	else if (d->state != DOWNLOAD_DYING)
		check_complete(d);
	download_job_back(d);
	part_job_free(job);
	get_wake(g);
	get_job_end(g);
}

/* Nothing here has the block: others are asked for it, or for what an older version does not have of it. */
static void lacks(struct download *d, uint32_t block)
{
	download_set(d, block, leaves_want(d, block) ? BLOCK_LEAVES : BLOCK_NEEDED);
	if (block < d->leaves.at)
		d->leaves.at = block;
}

/* --- blocks that arrived --- */

static void give_digests(const struct download *d, const struct part_job *job, const struct piece *p)
{
	struct leaf_digested digested = { .path = d->path,
		                          .content = d->run == NULL ? &d->c : NULL,
		                          .block = { .len = p->len, .offset = job->base + p->offset },
		                          .digests = p->digests,
		                          .n = p->ndigests };

	if (p->ndigests == 0 || d->slot == NULL)
		return;
	memcpy(digested.block.hash, p->hash, sizeof(p->hash));
	d->g->c.ops.digested(d->g->c.ops_arg, &digested);
}

static void blocks_written(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;

	for (size_t i = 0; i < job->n; i++) {
		const struct piece *p = &job->pieces[i];

		d->g->bytes_out -= p->len;
		give_digests(d, job, p);
		download_set(d, p->block, p->ok ? BLOCK_HAVE : BLOCK_NEEDED);
		d->g->counters.blocks_patched += p->ok && p->patched;
		/* After a disk error we do not know which were right. */
		if (p->ok || job->error != 0 || d->slot == NULL)
			continue;
		if (p->patched)
			leaves_failed(d);
		else
			source_lied(d, p->peer, "sent a block whose hash does not match");
	}
	blocks_end_job(job);
}

/* Whether another block is to be part of this job. */
static bool job_takes_more(const struct part_job *job, int64_t bytes)
{
	return job->n < JOB_PIECES && (bytes < WRITE_BYTES || (job->n < sha256_many_enough() && bytes < HOLD_BYTES));
}

static void write_arrived(struct download *d)
{
	size_t at = 0;

	while (at < d->narrived) {
		struct part_job *job = job_new(PART_WRITE);
		int64_t bytes = 0;

		while (at < d->narrived && job_takes_more(job, bytes)) {
			bytes += d->arrived[at].len;
			job->pieces[job->n++] = d->arrived[at++];
		}
		download_submit(d, job, blocks_written);
	}
	d->narrived = 0;
}

/* Several blocks are hashed in little more time than one, so the first waits for others: but not for long, nor when no
 * more than what is under way will come, nor for more memory than that. */
static void write_in_time(struct download *d)
{
	struct get *g = d->g;
	size_t enough = sha256_many_enough();
	int64_t due, bytes = 0;
	bool last = d->requested + d->credits + d->leaves.out == 0;

	if (d->narrived == 0)
		return;
	for (size_t i = 0; i < d->narrived && bytes < HOLD_BYTES; i++)
		bytes += d->arrived[i].len;
	if (d->needed + d->leaves.waiting == 0 && enough > 2)
		enough = 2;
	due = d->arrived_ms + HOLD_MS;
	if (d->narrived >= enough || bytes >= HOLD_BYTES || last || due <= get_now(g))
		write_arrived(d);
	else if (due < g->write_due_ms)
		g->write_due_ms = due;
}

/* --- blocks that the map claims --- */

static void blocks_verified(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;

	d->verify_jobs--;
	for (size_t i = 0; i < job->n; i++) {
		const struct piece *p = &job->pieces[i];

		if (d->cloned)
			d->g->counters.blocks_copied += p->ok;
		else
			d->g->counters.blocks_resumed += p->ok;
		if (p->ok)
			download_set(d, p->block, BLOCK_HAVE);
		else
			download_set(d, p->block, BLOCK_UNSEEN);
		if (!p->ok && p->block < d->scan_at)
			lacks(d, p->block);
	}
	blocks_end_job(job);
}

/* In jobs of a bounded size, so that a finished one lets the next begin while others hash. */
static void verify_claims(struct download *d)
{
	while (d->verify_jobs < JOBS_MAX && d->verify_at < d->list.n) {
		struct part_job *job = NULL;
		int64_t bytes = 0;

		for (; d->verify_at < d->list.n && bytes < JOB_BYTES; d->verify_at++) {
			if (d->state_of[d->verify_at] != BLOCK_CLAIMED)
				continue;
			if (job == NULL)
				job = job_new(PART_VERIFY);
			if (job->n == JOB_PIECES)
				break;
			bytes += d->list.b[d->verify_at].len;
			add_piece(d, job, d->verify_at, 0);
			download_set(d, d->verify_at, BLOCK_BUSY);
		}
		if (job == NULL)
			return;
		d->verify_jobs++;
		download_submit(d, job, blocks_verified);
	}
}

/* --- blocks in local files --- */

static void scan_local(struct download *d)
{
	int looked = 0;

	for (; d->scan_at < d->list.n && looked < SCAN_TURN; d->scan_at++) {
		const struct block *b = &d->list.b[d->scan_at];
		char *path = NULL;
		int64_t offset;
		bool found;

		if (d->state_of[d->scan_at] != BLOCK_UNSEEN)
			continue;
		looked++;
		found = d->g->c.hooks->find_block(d->g->c.arg, b, &path, &offset);
		free(path);
		if (found)
			download_set(d, d->scan_at, BLOCK_LOCAL);
		else
			lacks(d, d->scan_at);
	}
	if (d->scan_at < d->list.n)
		get_wake(d->g);
}

static void blocks_copied(void *arg)
{
	struct part_job *job = arg;
	struct download *d = job->d;

	d->copy_jobs--;
	for (size_t i = 0; i < job->n; i++) {
		const struct piece *p = &job->pieces[i];

		d->g->counters.blocks_copied += p->ok;
		if (p->ok)
			download_set(d, p->block, BLOCK_HAVE);
		else
			lacks(d, p->block);
	}
	blocks_end_job(job);
}

/* Adds the next LOCAL block to the job, unless it is not found any more. False: it is in another file than the
 * job's. */
static bool copy_next(struct download *d, struct part_job *job)
{
	const struct block *b = &d->list.b[d->copy_at];
	char *path = NULL;
	int64_t offset;

	if (!d->g->c.hooks->find_block(d->g->c.arg, b, &path, &offset)) {
		download_set(d, d->copy_at, BLOCK_NEEDED);
		return true;
	}
	if (job->path != NULL && strcmp(job->path, path) != 0) {
		free(path);
		return false;
	}
	if (job->path == NULL)
		job->path = path;
	else
		free(path);
	add_piece(d, job, d->copy_at, offset);
	download_set(d, d->copy_at, BLOCK_BUSY);
	return true;
}

/* Blocks that lie in one file go in one job, since the job opens the file. */
static void copy_local(struct download *d)
{
	while (d->copy_jobs < JOBS_MAX && d->copy_at < d->scan_at) {
		struct part_job *job = job_new(PART_COPY);
		int64_t bytes = 0;

		for (; d->copy_at < d->scan_at && bytes < JOB_BYTES && job->n < JOB_PIECES; d->copy_at++) {
			if (d->state_of[d->copy_at] != BLOCK_LOCAL)
				continue;
			if (!copy_next(d, job))
				break;
			bytes += d->list.b[d->copy_at].len;
		}
		job->root = fcntl(share_root(d->g->c.share), F_DUPFD_CLOEXEC, 0);
		if (job->n == 0) {
			part_job_free(job);
			continue;
		}
		d->copy_jobs++;
		download_submit(d, job, blocks_copied);
	}
}

void blocks_pump(struct download *d)
{
	if (d->state == DOWNLOAD_LISTING)
		list_request_next(d);
	if (d->state != DOWNLOAD_GETTING)
		return;
	if (d->scan_at < d->list.n)
		scan_local(d);
	verify_claims(d);
	copy_local(d);
	leaves_pump(d);
	write_in_time(d);
}
