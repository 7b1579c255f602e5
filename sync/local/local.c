/* How one share is watched: begun, kept going turn by turn, and begun again when what went wrong is over. Here the
 * watch, the hash and the root probe report to the scan. See local.h. */
#include "sync/local/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

/* --- what the watch tells --- */

static void on_watch_hint(void *arg, const char *path, enum debounce_event event)
{
	struct local *l = arg;

	local_event(l, path, event);
	if (event == DEBOUNCE_MODIFIED)
		growing_written(l, path);
	else if (event == DEBOUNCE_CLOSED)
		growing_closed(l, path);
	else if (event == DEBOUNCE_NOW)
		growing_gone(l, path);
}

static void on_watch_tree(void *arg, const char *path)
{
	struct local *l = arg;

	if (!local_is_left_out(l, path, true) && !local_refuse_long(l, path))
		scan_queue_tree(l, path, NULL);
}

/* A walk that is under way may have met it at its new place, and got the number of a watch that is gone by now: one
 * full scan follows, as after any folder that moved. */
static void on_watch_left(void *arg, const char *path)
{
	struct local *l = arg;

	on_watch_hint(l, path, DEBOUNCE_NOW);
	l->folders_moved |= (l->scan.subtree != NULL || l->scan.full != NULL) && !l->c.events_alone;
}

static void on_watch_folder(void *arg, const char *path)
{
	if (!local_refuse_long(arg, path))
		scan_queue_folder(arg, path);
}

static void on_watch_moved(void *arg, const char *from, const char *to, bool is_dir)
{
	struct local *l = arg;
	/* What has a name of lanyard's own is nothing that was moved. */
	bool from_ours = path_is_like_ours(from), to_ours = path_is_like_ours(to);
	bool from_ignored = from_ours || local_is_left_out(l, from, is_dir);
	bool to_ignored = to_ours || local_is_left_out(l, to, is_dir);

	if (!is_dir)
		growing_moved(l, from, to);
	l->folders_moved |= is_dir && !l->c.events_alone;
	if (!from_ignored && !to_ignored)
		scan_queue_move(l, from, to, is_dir);
	else if (!to_ignored && is_dir)
		scan_queue_tree(l, to, NULL);
	else if (!to_ignored)
		local_event(l, to, DEBOUNCE_NOW);
	else if (!from_ignored)
		local_event(l, from, DEBOUNCE_NOW);
	if (from_ours)
		local_event(l, from, DEBOUNCE_NOW);
	if (to_ours)
		local_event(l, to, DEBOUNCE_NOW);
}

static void on_watch_lost(void *arg)
{
	struct local *l = arg;

	if (!l->warned_overflow)
		log_about(LOG_WARN, share_about(l->c.share),
		          "%s: changes came faster than they could be read; rescanning. If this repeats: "
		          "sysctl fs.inotify.max_queued_events=%lld",
		          share_path(l->c.share), (long long)local_watch_limit("max_queued_events") * 4);
	l->warned_overflow = true;
	local_rescan(l);
}

static void on_watch_root(void *arg)
{
	root_ask(arg, false);
}

static const struct watch_ops watch_ops = {
	.hint = on_watch_hint,
	.tree = on_watch_tree,
	.left = on_watch_left,
	.folder = on_watch_folder,
	.moved = on_watch_moved,
	.lost = on_watch_lost,
	.root = on_watch_root,
};

static void on_hashed(void *arg, struct hash_file *f)
{
	if (change_hash_done(arg, f))
		scan_full_hashed(arg);
}

static void on_cut(void *arg, struct hash_file *f, int fd)
{
	change_hash_cut(arg, f, fd);
}

static const struct hash_ops hash_ops = {
	.cut = on_cut,
	.done = on_hashed,
	.drop = change_hash_drop,
};

/* --- begin and begin again --- */

static void begin_watch(struct local *l)
{
	int error = 0;

	l->handle->inotify = watch_open();
	if (l->handle->inotify >= 0)
		l->watch = watch_new(l->c.loop, l->handle->inotify, &watch_ops, l);
	if (l->watch != NULL)
		return;
	error = errno;
	l->watch_since_s = clock_wall_s();
	local_set_text(&l->watch_problem,
	               error == EMFILE
	                       ? mem_printf("inotify is not available; falling back to periodic full scans: sysctl "
	                                    "fs.inotify.max_user_instances=%lld (or raise the limit of open files)",
	                                    (long long)local_watch_limit("max_user_instances") * 2)
	                       : mem_printf("inotify is not available; falling back to periodic full scans: %s",
	                                    strerror(error)));
	if (!l->warned_limit)
		log_about(LOG_WARN, share_about(l->c.share), "%s: %s", share_path(l->c.share), l->watch_problem);
	l->warned_limit = true;
}

static void local_end(struct local *l)
{
	root_reset(l);
	growing_reset(l);
	scan_reset(l);
	gone_reset(l->gone);
	loop_timer_stop(l->debounce_timer);
	loop_timer_stop(l->rescan_timer);
	loop_timer_stop(l->problem_timer);
	l->problem_wait_ms = 0;
	watch_free(l->watch);
	l->watch = NULL;
	share_handle_free(l->handle);
	l->handle = NULL;
	debounce_free(l->debounce);
	l->debounce = debounce_new();
}

static void local_begin(struct local *l)
{
	local_set_text(&l->error, NULL);
	local_set_text(&l->watch_problem, NULL);
	l->failed = false;
	l->handle = share_handle_of(l->c.share);
	if (l->handle == NULL) {
		local_fail(l, mem_printf("%s: %s", share_path(l->c.share), strerror(errno)));
		return;
	}
	begin_watch(l);
	l->scan.full_wanted = true;
	/* Nothing says yet that the folder that was opened is still at the share's path. */
	root_ask(l, false);
}

/* --- turns --- */

static void local_report(struct local *l)
{
	enum local_state state = local_state(l);
	bool idle = local_idle(l);
	int64_t problems = local_problems(l, NULL, NULL);

	if (state == l->last_state && idle == l->last_idle && problems == l->last_problems)
		return;
	l->last_state = state;
	l->last_idle = idle;
	l->last_problems = problems;
	if (l->c.state != NULL)
		l->c.state(l->c.arg);
}

/* The end of each turn of the loop. What failed is dropped first; then what has become due goes to the workers; the
 * timers and the report come last, since they depend on all of that. */
static void local_turn(void *arg)
{
	struct local *l = arg;
	int64_t next_ms;

	if (!l->started)
		return;
	if (l->failed) {
		l->failed = false;
		local_end(l);
		root_failed(l);
	}
	if (debounce_overflowed(l->debounce))
		local_rescan(l);
	gone_turn(l);
	scan_pump(l);
	hash_pump(l->hash);
	full_check_folders(l);
	if (local_idle(l))
		hidden_write_forget(l);
	/* A job that is out wakes the loop itself. */
	next_ms = debounce_next_ms(l->debounce);
	if (l->scan.ready != NULL && l->error == NULL)
		local_wake(l);
	else if (next_ms > 0)
		loop_timer_start(l->debounce_timer, next_ms - loop_now_ms(l->c.loop), 0);
	else
		loop_timer_stop(l->debounce_timer);
	recheck_plan(l);
	local_report(l);
}

static void local_woken(void *arg)
{
	scan_merge(arg); /* the end of the turn does the rest */
}

/* --- outside --- */

struct local *local_new(const struct local_config *config)
{
	struct local *l = MEM_NEW(struct local);

	l->c = *config;
	if (l->c.cuts == NULL)
		l->c.cuts = &chunk_plain;
	l->refs = 1;
	l->debounce = debounce_new();
	l->problems = problem_new(l->c.share);
	l->gone = gone_new(l);
	growing_new(l);
	l->hash = hash_new(config->workers, l->c.cuts, &hash_ops, l);
	l->root.back = local_begin;
	l->hook = loop_hook_new(config->loop, local_turn, l);
	l->debounce_timer = loop_timer_new(config->loop, local_woken, l);
	l->rescan_timer = loop_timer_new(config->loop, full_due, l);
	l->retry_timer = loop_timer_new(config->loop, root_retry, l);
	l->problem_timer = loop_timer_new(config->loop, recheck_due, l);
	l->last_state = LOCAL_SCANNING;
	return l;
}

/* Jobs that are out hold references and find `freed` set: the last one to come back frees the struct. */
void local_free(struct local *l)
{
	if (l == NULL)
		return;
	l->freed = true;
	local_end(l);
	HASH_CLEAR(hh, l->scan.files);
	hash_free(l->hash);
	verify_free(l->verify);
	growing_free(l);
	debounce_free(l->debounce);
	problem_free(l->problems);
	gone_free(l->gone);
	loop_timer_free(l->problem_timer);
	loop_timer_free(l->retry_timer);
	loop_timer_free(l->rescan_timer);
	loop_timer_free(l->debounce_timer);
	loop_hook_free(l->hook);
	free(l->watch_problem);
	free(l->error);
	local_unref(l);
}

void local_start(struct local *l)
{
	l->started = true;
	own_begin(l);
	local_begin(l);
	/* Makes the first turn come by itself. */
	local_wake(l);
}

void local_check_share(struct local *l, bool mounts)
{
	root_ask(l, mounts);
}

bool local_share_checked(const struct local *l)
{
	return !root_asked(l);
}

enum local_state local_state(const struct local *l)
{
	const struct scan *s = &l->scan;

	if (l->error != NULL)
		return LOCAL_ERROR;
	return !l->started || s->full != NULL || s->full_wanted || s->full_ended ? LOCAL_SCANNING : LOCAL_WATCHING;
}

bool local_scanning(const struct local *l, struct local_scanning *s)
{
	if (l->error != NULL || (l->scan.full == NULL && !l->scan.full_ended))
		return false;
	*s = (struct local_scanning){ .seen = l->scan.full_files,
		                      .hashing = l->scan.full_hashing,
		                      .took_ms = loop_now_ms(l->c.loop) - l->scan.full_began_ms };
	return true;
}

bool local_idle(const struct local *l)
{
	return full_is_quiet(l) && !l->folders_moved;
}

int64_t local_pending(const struct local *l)
{
	return scan_pending(l) + gone_pending(l->gone);
}

int64_t local_ignored(const struct local *l)
{
	return l->ignored;
}

int64_t local_failing(const struct local *l)
{
	return problem_failing(l->problems);
}

int64_t local_held(const struct local *l, int64_t *since_s)
{
	if (since_s != NULL)
		*since_s = gone_since(l->gone);
	return gone_held(l->gone);
}

int64_t local_release(struct local *l)
{
	return gone_release(l);
}

const char *local_error(const struct local *l)
{
	return l->error;
}

/* --- problems --- */

struct problem_visit {
	bool (*fn)(void *arg, const struct local_problem *p);
	void *arg;
	int64_t now_ms;
};

static bool each_problem(void *arg, const char *path, const char *reason, int64_t since_s)
{
	const struct problem_visit *e = arg;

	return e->fn(e->arg, &(struct local_problem){ .path = path, .reason = reason, .since_s = since_s });
}

static bool each_held(void *arg, const char *path, const char *reason, int64_t since_s)
{
	const struct problem_visit *e = arg;

	return e->fn(e->arg,
	             &(struct local_problem){ .path = path,
	                                      .reason = reason,
	                                      .since_s = since_s,
	                                      .next = "waits for lanyard release, or for the file to come back" });
}

static bool each_changing(void *arg, const char *path, int64_t since_ms)
{
	const struct problem_visit *e = arg;

	return each_problem(arg, path, "keeps changing: waiting until its writer is done",
	                    clock_wall_s() - (e->now_ms - since_ms) / 1000);
}

int64_t local_problems(const struct local *l, bool (*fn)(void *arg, const struct local_problem *p), void *arg)
{
	struct problem_visit e = { .fn = fn, .arg = arg, .now_ms = loop_now_ms(l->c.loop) };
	int64_t n = problem_count(l->problems) + (l->watch_problem != NULL) + gone_held(l->gone);
	bool more = fn != NULL;

	if (more && l->watch_problem != NULL)
		more = each_problem(&e, ".", l->watch_problem, l->watch_since_s);
	if (more)
		more = problem_each(l->problems, each_problem, &e);
	if (more)
		more = gone_each(l->gone, each_held, &e);
	return n + (int64_t)debounce_changing(l->debounce, e.now_ms, more ? each_changing : NULL, &e);
}
