/* Coming parts: what peers announce, and the downloads of its runs. See coming.h. */
#include "sync/get/get_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "sync/plan/zeros.h"

/* Making the file, or removing it. */
struct coming_job {
	struct get *g;
	struct get_coming *c; /* NULL: it is removed */
	char file[COMING_FILE_NAME];
	int parts; /* the job's own */
	int fd;
	/* opening: the share's root, the job's own, and the path of the file, borrowed: its older version is opened */
	int root;
	const char *path;
	int old;
	int64_t old_size;
};

/* --- the end --- */

static void run_free(struct get *g, struct coming_run *run)
{
	if (run->named)
		HASH_DEL(g->runs, run);
	g->coming_blocks -= run->list.n + COMING_RUN_COSTS;
	g->coming_bytes -= run->c.size;
	blocklist_clear(&run->list);
	free(run->at);
	free(run->have);
	free(run);
}

static void coming_remove_work(void *arg)
{
	const struct coming_job *job = arg;

	unlinkat(job->parts, job->file, 0);
}

static void coming_removed(void *arg)
{
	struct coming_job *job = arg;
	struct get *g = job->g;

	close(job->parts);
	free(job);
	get_job_end(g);
}

static struct coming_job *coming_job_new(const struct get_coming *c)
{
	struct coming_job *job = MEM_NEW(struct coming_job);

	job->g = c->g;
	memcpy(job->file, c->file, sizeof(job->file));
	job->parts = fcntl(share_parts(c->g->c.share), F_DUPFD_CLOEXEC, 0);
	job->fd = -1;
	get_job_begin(c->g);
	return job;
}

/* Its last download and job are over. A file that was taken over has another name by then. */
static void coming_free(struct get_coming *c)
{
	struct get *g = c->g;
	struct coming_run *run, *next;

	DL_DELETE2(g->comings, c, prev, following);
	g->ncomings--;
	DL_FOREACH_SAFE(c->runs, run, next) {
		DL_DELETE(c->runs, run);
		run_free(g, run);
	}
	workers_close(g->c.workers, c->fd);
	workers_close(g->c.workers, c->old);
	free(c->leaves);
	/* A part of a run that ends may be reading; what is left when the agent stops is removed at its next start. */
	if (!g->dead && c->file[0] != '\0')
		workers_submit(g->c.workers, WORKERS_QUICK, coming_remove_work, coming_removed, coming_job_new(c));
	free(c->path);
	free(c);
	get_wake(g);
}

static void free_if_over(struct get_coming *c)
{
	if (c->state == COMING_GONE && c->downloads == 0 && !c->job)
		coming_free(c);
}

/* What the download knows is kept with the run. */
static void run_stop(struct coming_run *run)
{
	struct download *d = run->download;

	if (d == NULL)
		return;
	for (uint32_t i = 0; i < run->list.n; i++)
		run->have[i] = d->state_of[i] == BLOCK_HAVE;
	*run->of->leaves = d->leaves;
	run->of->running--;
	download_drop(d, true); /* sets run->download to NULL */
}

/* Nothing more is requested. */
static void stop_runs(struct get_coming *c)
{
	struct coming_run *run;

	DL_FOREACH(c->runs, run)
		run_stop(run);
	c->next = NULL;
}

static void coming_end(struct get_coming *c)
{
	if (c->state != COMING_OPENING && c->state != COMING_OPEN)
		return;
	c->state = COMING_OVER;
	c->due_ms = get_now(c->g) + COMING_KEPT_MS;
	stop_runs(c);
}

static int64_t bytes_here(const struct get_coming *c)
{
	const struct coming_run *run;
	int64_t bytes = 0;

	DL_FOREACH(c->runs, run) {
		for (uint32_t i = 0; i < run->list.n; i++)
			bytes += run->have[i] ? run->list.b[i].len : 0;
	}
	return bytes;
}

static void coming_drop(struct get_coming *c)
{
	if (c->state == COMING_GONE || c->state == COMING_DRAINING)
		return;
	coming_end(c);
	c->state = COMING_GONE;
	c->g->counters.coming_dropped += (uint64_t)bytes_here(c);
	free_if_over(c);
}

void coming_drop_all(struct get *g)
{
	struct get_coming *c, *next;

	DL_FOREACH_SAFE2(g->comings, c, next, following)
	coming_drop(c);
}

void coming_peer_down(struct get *g, uint64_t peer)
{
	struct get_coming *c;

	DL_FOREACH2(g->comings, c, following) {
		if (c->peer == peer)
			coming_end(c);
	}
}

static void coming_download_freed(struct get_coming *c)
{
	struct get *g = c->g;

	c->downloads--;
	free_if_over(c);
	get_wake(g);
}

static void coming_run_complete(struct coming_run *run)
{
	run->whole = true;
	run->download->gone = true; /* others are not told to forget it: it is given from the coming part */
	run_stop(run);
}

/* One run that no peer gives, or a disk error, ends them all: the record will bring what is missing. Not at once, since
 * the caller may be looking through the downloads. */
static void coming_run_failed(struct coming_run *run)
{
	run->of->failed = true;
	get_wake(run->of->g);
}

/* --- runs begin --- */

/* Blocks of zeros are there already: what is not written yet is zero. */
static void run_begin(struct coming_run *run)
{
	struct get_coming *c = run->of;
	struct get *g = c->g;
	struct download *d = MEM_NEW(struct download);
	struct blocklist list = { .n = run->list.n, .b = mem_calloc(run->list.n, sizeof(*list.b)) };

	memcpy(list.b, run->list.b, run->list.n * sizeof(*list.b));
	d->g = g;
	d->run = run;
	d->path = c->path;
	d->liars = &c->liars;
	d->slot = &run->download;
	d->c = run->c;
	d->map = -1;
	leaves_begin(d, c->leaves, &(struct leaves){ .fd = c->old, .size = c->old_size, .base = run->base });
	d->part = fcntl(c->fd, F_DUPFD_CLOEXEC, 0);
	d->state = DOWNLOAD_GETTING;
	run->download = d;
	c->running++;
	c->downloads++;
	DL_APPEND(g->downloads, d);
	g->ndownloads++;
	download_set_list(d, &list);
	source_refresh(d);
	for (uint32_t i = 0; i < d->list.n; i++) {
		if (!zeros_block(&d->list.b[i]))
			continue;
		download_set(d, i, BLOCK_HAVE);
		d->zeros += d->list.b[i].len;
	}
	if (d->part < 0)
		coming_end(c);
	else if (d->have == d->list.n)
		coming_run_complete(run);
	else
		announce_all(d);
}

static void runs_pump(struct get_coming *c)
{
	while (c->state == COMING_OPEN && c->next != NULL && c->running < COMING_RUNS_AT_ONCE) {
		struct coming_run *run = c->next;

		c->next = run->next;
		run_begin(run);
	}
}

/* What the peer was asked for, by name or at its own choice, is on its way. */
static bool is_under_way(const struct download *d)
{
	return d->requested > 0 || d->credits > 0 || d->narrived > 0 || d->jobs > 0;
}

/* A run of which answers are under way is left alone while the heir waits. */
static void drain_pump(struct get_coming *c)
{
	struct coming_run *run;
	bool late = get_now(c->g) >= c->due_ms;

	DL_FOREACH(c->runs, run) {
		const struct download *d = run->download;

		if (d != NULL && (late || c->heir == NULL || !is_under_way(d)))
			run_stop(run);
	}
	if (c->heir == NULL) {
		c->state = COMING_OVER;
		c->due_ms = get_now(c->g) + COMING_KEPT_MS;
	} else if (coming_heir_take(c)) {
		free_if_over(c);
	}
}

/* What is written of them from now on would fill the disk again, to be dropped again. */
static void drop_for_space(struct get *g)
{
	struct get_coming *c;

	DL_FOREACH2(g->comings, c, following) {
		if (c->state != COMING_OPENING && c->state != COMING_OPEN)
			continue;
		g->coming_refused[g->ncoming_refused++ % COMING_PARTS_MAX] =
			(struct coming_refused){ .peer = c->peer, .id = c->id };
	}
	coming_drop_all(g);
}

static bool is_refused(const struct get *g, uint64_t peer, uint64_t id)
{
	for (uint32_t i = 0; i < g->ncoming_refused && i < COMING_PARTS_MAX; i++) {
		if (g->coming_refused[i].peer == peer && g->coming_refused[i].id == id)
			return true;
	}
	return false;
}

void coming_pump(struct get *g)
{
	struct get_coming *c, *next;

	if (g->coming_full)
		drop_for_space(g);
	g->coming_full = false;
	DL_FOREACH_SAFE2(g->comings, c, next, following)
	{
		if (c->failed)
			coming_end(c);
		if (c->state == COMING_DRAINING)
			drain_pump(c);
		else if (c->state == COMING_OVER && get_now(g) >= c->due_ms)
			coming_drop(c);
		else
			runs_pump(c);
	}
}

/* --- announced --- */

/* The name is of no meaning: what is left of an earlier run is removed at the start. */
static void coming_open_work(void *arg)
{
	struct coming_job *job = arg;

	unlinkat(job->parts, job->file, 0);
	job->fd = fs_open(job->parts, job->file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	job->old = part_open_older(job->root, job->path, &job->old_size);
}

static void coming_opened(void *arg)
{
	struct coming_job *job = arg;
	struct get_coming *c = job->c;
	struct get *g = job->g;

	c->job = false;
	c->fd = job->fd;
	c->old = job->old;
	c->old_size = job->old_size;
	if (c->state == COMING_OPENING)
		c->state = COMING_OPEN;
	c->failed |= c->fd < 0;
	free_if_over(c);
	close(job->parts);
	close(job->root);
	free(job);
	get_wake(g);
	get_job_end(g);
}

static const struct coming_ops coming_ops = {
	.complete = coming_run_complete,
	.failed = coming_run_failed,
	.freed = coming_download_freed,
};

static struct get_coming *coming_new(struct get *g, uint64_t peer, const struct coming *said)
{
	struct get_coming *c = MEM_NEW(struct get_coming);
	struct coming_job *job;

	c->g = g;
	c->ops = &coming_ops;
	c->peer = peer;
	c->id = said->id;
	c->path = mem_strdup(said->path);
	c->fd = c->old = -1;
	c->leaves = MEM_NEW(struct leaves);
	(void)snprintf(c->file, sizeof(c->file), "%016" PRIx64 ".coming", ++g->last_coming);
	DL_APPEND2(g->comings, c, prev, following);
	g->ncomings++;
	job = coming_job_new(c);
	job->c = c;
	job->path = c->path;
	job->root = fcntl(share_root(g->c.share), F_DUPFD_CLOEXEC, 0);
	c->job = true;
	workers_submit(g->c.workers, WORKERS_QUICK, coming_open_work, coming_opened, job);
	return c;
}

static struct get_coming *coming_find(const struct get *g, uint64_t peer, uint64_t id)
{
	struct get_coming *c;

	DL_FOREACH2(g->comings, c, following) {
		if (c->peer == peer && c->id == id)
			return c;
	}
	return NULL;
}

/* Whether the peer may announce one more file. One of its own that is over makes way. */
static bool may_begin(struct get *g, uint64_t peer)
{
	struct get_coming *c, *over = NULL;
	int n = 0;

	DL_FOREACH2(g->comings, c, following) {
		n += c->peer == peer && c->state != COMING_GONE;
		if (over == NULL && c->peer == peer && c->state == COMING_OVER)
			over = c;
	}
	if (n < COMING_FILES_MAX && g->ncomings < COMING_PARTS_MAX)
		return true;
	if (over == NULL)
		return false;
	coming_drop(over);
	return g->ncomings < COMING_PARTS_MAX;
}

static void run_add(struct get_coming *c, const struct coming *said, const struct content *content)
{
	struct get *g = c->g;
	struct coming_run *run = MEM_NEW(struct coming_run), *known;

	run->of = c;
	run->base = said->base;
	run->c = *content;
	run->list.n = said->blocks.n;
	run->list.b = mem_calloc(run->list.n, sizeof(*run->list.b));
	memcpy(run->list.b, said->blocks.b, run->list.n * sizeof(*run->list.b));
	run->have = mem_calloc(run->list.n, 1);
	run->at = mem_calloc(run->list.n, sizeof(run->at[0]));
	for (uint32_t i = 1; i < run->list.n; i++)
		run->at[i] = run->at[i - 1] + run->list.b[i - 1].len;
	DL_APPEND(c->runs, run);
	if (c->next == NULL)
		c->next = run;
	c->end = said->base + content->size;
	g->coming_blocks += run->list.n + COMING_RUN_COSTS;
	g->coming_bytes += content->size;
	HASH_FIND(hh, g->runs, run->c.root, sizeof(run->c.root), known);
	if (known == NULL) {
		HASH_ADD(hh, g->runs, c.root, sizeof(run->c.root), run);
		run->named = true;
	}
	get_wake(g);
}

/* A run that does not fit into a bound is left out: its file's record will bring it. */
bool get_take_coming(struct get *g, uint64_t peer, const struct coming *said)
{
	struct get_coming *c = coming_find(g, peer, said->id);
	struct content content;

	if (said->state == COMING_ENDED) {
		if (c != NULL)
			coming_end(c);
		return true;
	}
	content = blocklist_content(&said->blocks);
	if (content.size < (int64_t)(content.nblocks - 1) * COMING_BLOCK_MIN || said->base < 0 ||
	    said->base > COMING_SIZE_MAX - content.size)
		return false;
	if (c != NULL && (strcmp(c->path, said->path) != 0 || said->base < c->end))
		return false;
	if (content.size > COMING_BYTES_MAX - g->coming_bytes ||
	    g->coming_blocks + content.nblocks + COMING_RUN_COSTS > COMING_LIST_MAX ||
	    (c == NULL && (is_refused(g, peer, said->id) || !may_begin(g, peer))))
		return true;
	if (c == NULL)
		c = coming_new(g, peer, said);
	if (c->state == COMING_OPENING || c->state == COMING_OPEN)
		run_add(c, said, &content);
	return true;
}

void get_drop_coming(struct get *g)
{
	coming_drop_all(g);
}

bool get_has_coming(const struct get *g)
{
	return g->comings != NULL;
}
