/* The share's disk: whether it answers, whether the share is still there, and jobs for requests. A disk can hang for
 * ever; the only sign is the age of the oldest job. */
#include <stdlib.h>
#include <time.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	CHECK_MS = 10000,
	STUCK_MS = 10000, /* for one job: far more than a slow disk takes */
};

struct engine_disk {
	struct loop_timer *timer;
	char *stuck; /* the message of when it stopped answering; NULL: it answers */
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

static void disk_due(void *arg)
{
	struct engine *e = arg;
	bool was = e->disk->stuck != NULL;

	if ((engine_stuck(e) != NULL) != was)
		e->dirty = true;
	if (e->local != NULL)
		local_check_share(e->local, false);
}

void engine_disk_new(struct engine *e)
{
	e->disk = MEM_NEW(struct engine_disk);
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
}

bool engine_share_checked(struct engine *e)
{
	return !e->local || local_share_checked(e->local) || engine_stuck(e);
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
