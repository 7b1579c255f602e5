/* The share's disk: whether it answers, whether the share is still there, and jobs for requests. A disk can hang for
 * ever; the only sign is the age of the oldest job. */
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/share/share_handle.h"

enum {
	CHECK_MS = 10000,
	STUCK_MS = 10000, /* for one job: far more than a slow disk takes */
	SPACE_MS = 10000, /* for which what was found out about its space is good */
};

/* How full the disk is, as a worker finds out. */
struct disk_space_look {
	struct engine *e;
	struct share_handle *handle;
	int64_t free, size; /* -1: the disk does not say */
};

/* A vault has no scan that looks after its share. */
struct share_look {
	struct engine *e;
	struct share_handle *handle;
	char *why; /* owned; NULL: the share is there */
};

struct engine_disk {
	struct loop_timer *timer;
	struct share_look *look;       /* that a worker has; NULL: none */
	char *stuck;                   /* the message of when it stopped answering; NULL: it answers */
	struct disk_space_look *space; /* that a worker has; NULL: none */
	int64_t free, size;            /* as the last one found out; -1: not known */
	int64_t space_ms;              /* loop time of that */
};

/* Logs the begin and the end of a hang once each, at the first call that notices it. */
const char *engine_stuck(struct engine *e)
{
	struct engine_disk *d = e->disk;
	int64_t ms = workers_stuck_ms(e->workers);
	time_t since = (time_t)(clock_wall_s() - ms / 1000);
	struct tm tm;
	char text[20] = "";

	if (ms < STUCK_MS) {
		if (d->stuck != NULL)
			engine_log(e, LOG_INFO, "%s: its disk answers again", e->share_path);
		free(d->stuck);
		d->stuck = NULL;
		return NULL;
	}
	if (d->stuck != NULL)
		return d->stuck;
	(void)strftime(text, sizeof(text), "%F %T", localtime_r(&since, &tm));
	d->stuck = mem_printf("%s: its disk has not answered since %s; the group continues when it does (is "
	                      "its server or cable gone?)",
	                      e->share_path, text);
	engine_log(e, LOG_ERROR, "%s", d->stuck);
	engine_emit(e, "problem", NULL, d->stuck);
	return d->stuck;
}

static void vault_share_work(void *arg)
{
	struct share_look *p = arg;

	(void)share_handle_check(p->handle, &p->why);
}

static void vault_share_done(void *arg)
{
	struct share_look *p = arg;
	struct engine *e = p->e;

	e->disk->look = NULL;
	e->dirty = true;
	if (p->why != NULL && e->vault != NULL)
		engine_share_lost(e, p->why);
	else
		free(p->why);
	share_handle_free(p->handle);
	free(p);
}

static void look_at_vault_share(struct engine *e)
{
	struct share_look *p;

	if (e->vault == NULL || e->disk->look != NULL)
		return;
	p = MEM_NEW(struct share_look);
	p->e = e;
	p->handle = share_handle_of(e->share);
	if (p->handle == NULL) { /* no descriptors are left: the next time */
		free(p);
		return;
	}
	e->disk->look = p;
	workers_submit(e->workers, WORKERS_QUICK, vault_share_work, vault_share_done, p);
}

/* --- its space --- */

static void space_work(void *arg)
{
	struct disk_space_look *p = arg;
	struct statvfs st;

	p->free = p->size = -1;
	if (fstatvfs(p->handle->root, &st) < 0 || st.f_blocks == 0)
		return;
	p->free = (int64_t)(st.f_bavail * st.f_frsize);
	p->size = (int64_t)(st.f_blocks * st.f_frsize);
}

static void space_done(void *arg)
{
	struct disk_space_look *p = arg;
	struct engine_disk *d = p->e->disk;

	d->space = NULL;
	d->free = p->free;
	d->size = p->size;
	d->space_ms = loop_now_ms(p->e->context->loop);
	share_handle_free(p->handle);
	free(p);
}

void engine_disk_space(struct engine *e, int64_t *free_bytes, int64_t *size)
{
	struct engine_disk *d = e->disk;
	struct disk_space_look *p;

	*free_bytes = d->free;
	*size = d->size;
	if (e->share == NULL || d->space != NULL ||
	    (d->space_ms != 0 && loop_now_ms(e->context->loop) - d->space_ms < SPACE_MS))
		return;
	p = MEM_NEW(struct disk_space_look);
	p->e = e;
	p->handle = share_handle_of(e->share);
	if (p->handle == NULL) { /* no descriptors are left: the next time */
		free(p);
		return;
	}
	d->space = p;
	workers_submit(e->workers, WORKERS_QUICK, space_work, space_done, p);
}

static void disk_due(void *arg)
{
	struct engine *e = arg;
	bool was = e->disk->stuck != NULL;

	if ((engine_stuck(e) != NULL) != was)
		e->dirty = true;
	if (e->local != NULL)
		local_check_share(e->local, false);
	look_at_vault_share(e);
}

void engine_disk_new(struct engine *e)
{
	e->disk = MEM_NEW(struct engine_disk);
	e->disk->free = e->disk->size = -1;
	e->disk->timer = loop_timer_new(e->context->loop, disk_due, e);
}

void engine_disk_free(struct engine *e)
{
	loop_timer_free(e->disk->timer);
	free(e->disk->stuck);
	free(e->disk);
}

void engine_disk_watch(struct engine *e, bool on)
{
	if (on)
		loop_timer_start(e->disk->timer, CHECK_MS, CHECK_MS);
	else
		loop_timer_stop(e->disk->timer);
}

/* --- requests --- */

void engine_check_share(struct engine *e)
{
	if (e->local)
		local_check_share(e->local, true);
	look_at_vault_share(e);
}

bool engine_share_checked(struct engine *e)
{
	if (engine_stuck(e) != NULL)
		return true;
	return e->disk->look == NULL && (!e->local || local_share_checked(e->local));
}

int engine_share_access(const struct engine *e)
{
	return e->share ? share_access(e->share) : 0;
}

struct share *engine_share(struct engine *e)
{
	return engine_has_mirror(e) ? e->share : NULL;
}

void engine_work(struct engine *e, workers_fn *work, workers_done_fn *done, void *job)
{
	workers_submit(e->workers, WORKERS_BULK, work, done, job);
}

void engine_hint(struct engine *e, const char *path)
{
	if (e->local != NULL)
		local_hint(e->local, path);
}

void engine_disk_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	fn(arg, "disk", "stuck_ms", workers_stuck_ms(e->workers));
	fn(arg, "disk", "jobs", workers_pending(e->workers));
	fn(arg, "disk", "share_errno", engine_share_access(e));
	fn(arg, "disk", "next_check_ms", loop_timer_left_ms(e->disk->timer));
}
