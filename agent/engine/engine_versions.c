/* Thins a share's kept versions: at the start, soon after new ones were kept or the disk was full, and every hour.
 * With many versions that takes long, so the next time comes no sooner than after a hundred times as long as the last
 * one took. */
#include "agent/engine/engine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/versions/version_store.h"

enum { SOON_MS = 2000, OFTEN_MS = 3600 * 1000, GAP_FACTOR = 100 };

struct engine_versions {
	struct loop_timer *timer;
	int64_t gap_ms; /* from a request to the next thinning */
	bool soon;      /* the timer runs for that request */
	bool thinning;  /* a worker does it now */
	bool again;     /* it was requested again in the meantime */
};

struct thin_job {
	struct engine *e;
	int root; /* the job's own */
	int64_t max_age_ns;
	int percent;
	struct version_store_thinned out;
	int64_t took_ms;
	int error; /* errno; 0: none */
};

static void thin_work(void *arg)
{
	struct thin_job *t = arg;
	int64_t start = clock_mono_ns();

	if (t->root < 0 || version_store_thin(t->root, clock_wall_ns(), t->max_age_ns, t->percent, &t->out) < 0)
		t->error = errno;
	if (t->root >= 0)
		close(t->root);
	t->took_ms = (clock_mono_ns() - start) / 1000000;
}

static void thin_done(void *arg)
{
	struct thin_job *t = arg;
	struct engine *e = t->e;
	struct engine_versions *v = e->versions;
	int64_t gap_ms = t->took_ms * GAP_FACTOR;
	bool again;

	if (t->error != 0)
		engine_log(e, LOG_WARN, "group %s: versions could not be thinned: %s", engine_name(e),
		           strerror(t->error));
	else if (e->fetch != NULL)
		/* If versions are not kept, there are no protected ones, and no limit for them. */
		fetch_versions_budget(e->fetch, t->percent > 0 && t->max_age_ns > 0 ? t->out.space : INT64_MAX);
	if (t->out.dropped > 0)
		log_debug("group %s: %lld old versions dropped, %lld left", engine_name(e), (long long)t->out.dropped,
		          (long long)t->out.files);
	free(t);
	if (v == NULL)
		return;
	again = v->again;
	v->thinning = v->again = false;
	v->gap_ms = gap_ms > SOON_MS ? gap_ms : SOON_MS;
	loop_timer_start(v->timer, OFTEN_MS, 0);
	if (again)
		engine_versions_thin(e);
}

static void thin_begin(void *arg)
{
	struct engine *e = arg;
	struct thin_job *t;

	e->versions->soon = false;
	if (e->versions->thinning)
		return;
	t = MEM_NEW(struct thin_job);
	*t = (struct thin_job){ .e = e,
		                .root = fcntl(share_root(e->share), F_DUPFD_CLOEXEC, 3),
		                .max_age_ns = e->context->settings->versions_age_s * 1000000000,
		                .percent = e->context->settings->versions_percent };
	e->versions->thinning = true;
	workers_submit(e->workers, WORKERS_BULK, thin_work, thin_done, t);
}

void engine_versions_thin(struct engine *e)
{
	struct engine_versions *v = e->versions;

	if (v == NULL)
		return;
	if (v->thinning) {
		v->again = true;
	} else if (!v->soon) {
		v->soon = true;
		loop_timer_start(v->timer, v->gap_ms, 0);
	}
}

void engine_versions_start(struct engine *e)
{
	e->versions = MEM_NEW(struct engine_versions);
	e->versions->timer = loop_timer_new(e->context->loop, thin_begin, e);
	/* At once, since fetch has to know how much space is left for more. */
	engine_versions_thin(e);
	e->versions->gap_ms = SOON_MS;
}

void engine_versions_stop(struct engine *e)
{
	if (e->versions == NULL)
		return;
	loop_timer_free(e->versions->timer);
	free(e->versions);
	e->versions = NULL;
}

void engine_versions_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	if (e->versions == NULL)
		return;
	fn(arg, "versions", "thinning", e->versions->thinning);
	fn(arg, "versions", "again", e->versions->again);
	fn(arg, "versions", "gap_ms", e->versions->gap_ms);
	fn(arg, "versions", "next_ms", loop_timer_left_ms(e->versions->timer));
}
