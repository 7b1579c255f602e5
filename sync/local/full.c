/* Full scans: when the next one is due, and what happens when one is over. scan.c does the scanning. See
 * local_internal.h. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/local/local_internal.h"

enum {
	RESCAN_S = 3600,
	BLIND_MIN_S = 10, /* between full scans when not everything can be watched */
	BLIND_MAX_S = 60,
	BLIND_SHARE = 20, /* and at most one part in this many of the time is spent on them then */
};

static void plan_rescan(struct local *l, int64_t took_ms)
{
	int64_t s = l->c.rescan_s > 0 ? l->c.rescan_s : RESCAN_S;
	int64_t ms;

	if (l->watch_problem != NULL) {
		s = took_ms * BLIND_SHARE / 1000;
		s = s < BLIND_MIN_S ? BLIND_MIN_S : s > BLIND_MAX_S ? BLIND_MAX_S : s;
	}
	/* So that the agents of a group that started together do not scan together for ever. */
	ms = s * 800 + (int64_t)random_below((uint64_t)s * 400 + 1);
	loop_timer_start(l->rescan_timer, ms, 0);
}

/* Reports the folders that could not be watched; logged once. A full scan that could watch all of them takes it
 * back. */
static void note_unwatched(struct local *l)
{
	int64_t limit;

	if (l->watch == NULL)
		return;
	if (l->scan.unwatched == 0) {
		local_set_text(&l->watch_problem, NULL);
		return;
	}
	if (l->watch_problem == NULL)
		l->watch_since_s = clock_wall_s();
	limit = local_watch_limit("max_user_watches");
	local_set_text(&l->watch_problem,
	               mem_printf("%lld folders are not watched, only rescanned periodically: sysctl "
	                          "fs.inotify.max_user_watches=%lld",
	                          (long long)l->scan.unwatched, (long long)(limit + l->scan.unwatched) * 5 / 4));
	if (!l->warned_limit)
		log_about(LOG_WARN, share_about(l->c.share), "%s: %s", share_path(l->c.share), l->watch_problem);
	l->warned_limit = true;
}

void full_scanned(struct local *l)
{
	int64_t took_ms = loop_now_ms(l->c.loop) - l->scan.full_began_ms;

	note_unwatched(l);
	l->ignored = l->scan.full_ignored;
	log_debug("%s: checked %lld paths in %lld ms", share_path(l->c.share), (long long)l->scan.full_files,
	          (long long)took_ms);
	plan_rescan(l, took_ms);
	l->check_after_ms = loop_now_ms(l->c.loop) + 2 * took_ms;
	gone_scanned(l);
	l->merging = false;
	if (l->c.scanned != NULL)
		l->c.scanned(l->c.arg, l->scan.full_files, l->scan.full_changed);
}

void full_due(void *arg)
{
	local_rescan(arg);
}

bool full_is_quiet(const struct local *l)
{
	return l->started && l->error == NULL && scan_idle(l) && !gone_waits(l->gone) &&
	       (l->watch == NULL || watch_idle(l->watch));
}

/* While folders are moved inside folders that are moved themselves, the name in an event can lead nowhere, or
 * elsewhere, by the time it is checked. So when everything is quiet again, one full scan finds what was missed. */
void full_check_folders(struct local *l)
{
	int64_t left_ms = l->check_after_ms - loop_now_ms(l->c.loop);

	if (!l->folders_moved || !full_is_quiet(l))
		return;
	if (left_ms > 0) {
		loop_timer_start(l->rescan_timer, left_ms, 0);
		return;
	}
	local_rescan(l);
}
