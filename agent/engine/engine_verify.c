/* Reads files again, by command (verify) or periodically in the background (scrub), so that content that rotted on
 * the disk is found and repaired while a peer still has it. A scrub is slow, resumes after a restart, and is
 * interrupted by a verify. */
#include <stdlib.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

enum {
	SCRUB_BYTES_PER_S = 8 << 20, /* little for an idle disk and processor */
	SCRUB_CHECK_S = 600,
	SCRUB_SAVE_S = 60, /* at most one write to the index per minute */
};

/* In the index: how far the scrub has come (0: none is running), and when the last one ended. */
static const char meta_seq[] = "scrub_seq", meta_ended[] = "scrub_ended_s";

/* --- verify --- */

struct engine_verify {
	struct loop_timer *timer; /* checks whether a scrub is due; NULL: scrubs are off */
	bool scrubbing;
	int64_t saved_s; /* monotonic: when it was noted how far the scrub came */
	/* A verify that a user asked for. */
	bool verifying, repair;
	void (*fn)(void *arg, const struct record *r);
	void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten);
	void *arg;
};

static void report_rotten(struct engine *e, const struct record *r)
{
	engine_emit(e, "problem", r->path,
	            "its bytes changed on the disk without having been written: see lanyard verify");
}

static void verify_rotten(void *arg, const struct record *r)
{
	struct engine *e = arg;

	report_rotten(e, r);
	e->verify->fn(e->verify->arg, r);
	if (e->verify->repair)
		fetch_repair(e->fetch, r->path);
}

static void verify_ended(void *arg, int64_t files, int64_t bytes, int64_t n)
{
	struct engine *e = arg;

	/* `done` may start the next one. */
	e->verify->verifying = false;
	e->verify->done(e->verify->arg, files, bytes, n);
}

static const struct local_verify_ops verify_ops = { .rotten = verify_rotten, .done = verify_ended };

int engine_verify(struct engine *e, bool repair, void (*fn)(void *arg, const struct record *r),
                  void (*done)(void *arg, int64_t files, int64_t bytes, int64_t rotten), void *arg)
{
	struct engine_verify *v = e->verify;

	if (e->vault != NULL)
		return engine_vault_verify(e, done, arg);
	if (v == NULL || v->verifying)
		return -1;
	v->repair = repair;
	v->fn = fn;
	v->done = done;
	v->arg = arg;
	v->verifying = local_verify(e->local, &verify_ops, e) == 0;
	if (!v->verifying)
		return -1;
	v->scrubbing = false; /* the scrub resumes later */
	return 0;
}

/* --- scrub --- */

static void scrub_rotten(void *arg, const struct record *r)
{
	struct engine *e = arg;

	report_rotten(e, r);
	fetch_repair(e->fetch, r->path);
}

static void scrub_reached(void *arg, uint64_t seq)
{
	struct engine *e = arg;
	int64_t now = clock_mono_ns() / 1000000000;

	if (now - e->verify->saved_s < SCRUB_SAVE_S)
		return;
	e->verify->saved_s = now;
	index_meta_put(e->index, meta_seq, (int64_t)seq);
}

static void scrub_done(void *arg, int64_t files, int64_t bytes, int64_t n)
{
	struct engine *e = arg;

	(void)bytes;
	e->verify->scrubbing = false;
	index_meta_put(e->index, meta_seq, 0);
	index_meta_put(e->index, meta_ended, clock_wall_s());
	if (n > 0)
		engine_log(e, LOG_WARN, "group %s: %lld of %lld files had rotted and are being downloaded again",
		           engine_name(e), (long long)n, (long long)files);
	engine_emit(e, "scrubbed", NULL, NULL);
}

static const struct local_verify_ops scrub_ops = {
	.rotten = scrub_rotten,
	.reached = scrub_reached,
	.done = scrub_done,
};

/* Whether it is time, and where to begin. */
static bool scrub_is_due(struct engine *e, int64_t *after)
{
	int64_t ended, now = clock_wall_s();

	if (index_meta_get(e->index, meta_seq, after) < 0)
		return false;
	if (*after > 0)
		return true;
	switch (index_meta_get(e->index, meta_ended, &ended)) {
	case 1:
		/* A clock that was set back must not delay it for years. */
		return ended > now || now - ended >= e->context->settings->scrub_s;
	case 0:
		index_meta_put(e->index, meta_ended, now); /* all that is here was hashed just now */
		return false;
	default:
		return false;
	}
}

static void scrub_due(void *arg)
{
	struct engine *e = arg;
	struct engine_verify *v = e->verify;
	int64_t after = 0;

	if (v->verifying || v->scrubbing || e->paused || !e->scanned || !scrub_is_due(e, &after))
		return;
	v->scrubbing = local_scrub(e->local, (uint64_t)after, SCRUB_BYTES_PER_S, &scrub_ops, e) == 0;
}

void engine_verify_start(struct engine *e)
{
	int64_t check_s = e->context->settings->scrub_s < SCRUB_CHECK_S ? e->context->settings->scrub_s : SCRUB_CHECK_S;

	e->verify = MEM_NEW(struct engine_verify);
	if (check_s <= 0)
		return;
	e->verify->timer = loop_timer_new(e->context->loop, scrub_due, e);
	loop_timer_start(e->verify->timer, check_s * 1000, check_s * 1000);
}

void engine_verify_stop(struct engine *e)
{
	if (e->verify == NULL)
		return;
	loop_timer_free(e->verify->timer);
	free(e->verify);
	e->verify = NULL;
}

void engine_verify_debug(const struct engine *e, debug_fn *fn, void *arg)
{
	if (e->verify == NULL)
		return;
	fn(arg, "verify", "verifying", e->verify->verifying);
	fn(arg, "verify", "scrubbing", e->verify->scrubbing);
	fn(arg, "verify", "next_check_ms", loop_timer_left_ms(e->verify->timer));
}
