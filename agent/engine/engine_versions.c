/* The versions of a share are thinned: at the start, soon after new ones were kept or the disk was full, and every hour. Looking through
 * many takes long, so the next look waits a hundred times as long as the last one took. */
#include "agent/engine/engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/versions/kept.h"

enum { SOON_MS = 2000, OFTEN_MS = 3600 * 1000, GAP_FACTOR = 100 };

struct thinning {
	struct engine *e;
	int root; /* the job's own */
	int64_t max_age_ns;
	int percent;
	struct kept_thinned out;
	int64_t took_ms;
	int error; /* errno; 0: none */
};

static void work(void *arg)
{
	struct thinning *t = arg;
	int64_t start = clock_mono_ns();

	if (t->root < 0 || kept_thin(t->root, clock_wall_ns(), t->max_age_ns, t->percent, &t->out) < 0)
		t->error = errno;
	if (t->root >= 0)
		close(t->root);
	t->took_ms = (clock_mono_ns() - start) / 1000000;
}

static void done(void *arg)
{
	struct thinning *t = arg;
	struct engine *e = t->e;
	bool again = e->thin_again;

	e->thinning = false;
	e->thin_gap_ms = t->took_ms * GAP_FACTOR > SOON_MS ? t->took_ms * GAP_FACTOR : SOON_MS;
	if (t->error != 0)
		engine_log(e, LOG_WARN, "group %s: versions could not be thinned: %s", engine_name(e),
		           strerror(t->error));
	else if (e->fetch != NULL)
		/* Where no part of the disk is theirs, none of them is spared. */
		fetch_versions_room(e->fetch, t->percent > 0 && t->max_age_ns > 0 ? t->out.room : INT64_MAX);
	if (t->out.dropped > 0)
		log_debug("group %s: %lld old versions dropped, %lld left", engine_name(e), (long long)t->out.dropped,
		          (long long)t->out.files);
	free(t);
	if (e->thin == NULL)
		return;
	e->thin_again = false;
	loop_timer_start(e->thin, OFTEN_MS, 0);
	if (again)
		engine_versions_thin(e);
}

static void begin(void *arg)
{
	struct engine *e = arg;
	struct thinning *t;

	e->thin_soon = false;
	if (e->share == NULL || e->thinning)
		return;
	t = MEM_NEW(struct thinning);
	*t = (struct thinning){ .e = e,
		                .root = fcntl(share_root(e->share), F_DUPFD_CLOEXEC, 3),
		                .max_age_ns = e->context->versions_age_s * 1000000000,
		                .percent = e->context->versions_percent };
	e->thinning = true;
	workers_submit(e->workers, WORKERS_BULK, work, done, t);
}

void engine_versions_thin(struct engine *e)
{
	if (e->thin == NULL)
		return;
	if (e->thinning) {
		e->thin_again = true;
	} else if (!e->thin_soon) {
		e->thin_soon = true;
		loop_timer_start(e->thin, e->thin_gap_ms, 0);
	}
}

void engine_versions_start(struct engine *e)
{
	e->thin = loop_timer_new(e->context->loop, begin, e);
	/* At once: how much room there is for more has to be known. */
	e->thin_gap_ms = 0;
	engine_versions_thin(e);
	e->thin_gap_ms = SOON_MS;
}

void engine_versions_stop(struct engine *e)
{
	loop_timer_free(e->thin);
	e->thin = NULL;
	e->thin_soon = false;
	e->thin_again = false;
}

/* --- what a user asks for --- */

struct share *engine_share(struct engine *e)
{
	return e->local != NULL ? e->share : NULL;
}

void engine_work(struct engine *e, workers_fn *work_fn, workers_done_fn *done_fn, void *job)
{
	workers_submit(e->workers, WORKERS_BULK, work_fn, done_fn, job);
}

void engine_hint(struct engine *e, const char *path)
{
	if (e->local != NULL)
		local_hint(e->local, path);
}

uint64_t engine_self(const struct engine *e)
{
	return agent_id_short(identity_id(e->context->self));
}
