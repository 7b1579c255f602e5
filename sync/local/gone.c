/* Absent paths, on their way to becoming tombstones. They wait a moment, so that a burst is seen as a whole. A
 * burst that takes a large part of the share looks like an accident: it is held until somebody releases it or the
 * files are there again. While it is held, no deletion leaves this share, and the index remembers that across a
 * restart. The rows of paths that wait are unchanged: peers hear nothing, and a path that is there again is simply
 * as it was. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/burst.h"

enum {
	QUIET_MS = 100,  /* without another one, and the burst is over */
	FEW_MS = 1000,   /* fewer than a burst wait at most this long for that */
	MANY_MS = 30000, /* more wait at most this long, for that and for what their files may have become */
	CHECK_MS = 60000,
	PATHS_MAX = 100000,
	LOOK_MAX = 500, /* paths of one job: their rows are written in one turn */
};
#define HELD_META "deletions held"

struct gone_path {
	bool counts; /* a file or symlink; folders do not count, since they are nothing without what is in them */
	bool judged; /* it may become a tombstone */
	UT_hash_handle hh;
	char path[];
};

struct gone {
	struct gone_path *paths; /* in the order in which they become tombstones */
	int64_t counted;         /* of them, those that count */
	int64_t more;            /* that found no place; the next full scan finds them again */
	int64_t calm;            /* files and symlinks when nothing was going on last */
	struct burst burst;
	int64_t first_ms, last_ms; /* when the first and the last began to wait */
	bool held;
	bool released;             /* somebody released them: they become tombstones as they are found */
	bool going;                /* judged, and becoming tombstones */
	struct gone_check *out;    /* the job that checks some once more; NULL: none is out */
	struct gone_path *checked; /* while held: the last one that was checked again; NULL: begins with the first */
	bool checking;
	int64_t check_ms; /* when the next such round is due */
	int64_t since_s;  /* since when, wall clock */
	struct loop_timer *timer;
};

static void gone_work(void *arg);

static int64_t live_files(const struct local *l)
{
	struct index_totals t = index_totals(l->c.index);

	return t.files + t.symlinks;
}

struct gone *gone_new(struct local *l)
{
	struct gone *g = MEM_NEW(struct gone);
	int64_t held = 0;

	g->timer = loop_timer_new(l->c.loop, gone_work, l);
	g->calm = live_files(l);
	(void)index_meta_get(l->c.index, HELD_META, &held);
	g->held = held != 0;
	g->since_s = held;
	return g;
}

static void gone_drop(struct gone *g, struct gone_path *p)
{
	if (g->checked == p)
		g->checked = p->hh.prev;
	HASH_DEL(g->paths, p);
	g->counted -= p->counts;
	free(p);
}

void gone_reset(struct gone *g)
{
	struct gone_path *p;
	struct gone_path *next;

	HASH_ITER(hh, g->paths, p, next)
		gone_drop(g, p);
	g->more = 0;
	g->going = false;
	g->checking = false;
	g->out = NULL;
	loop_timer_stop(g->timer);
}

void gone_free(struct gone *g)
{
	if (g == NULL)
		return;
	gone_reset(g);
	loop_timer_free(g->timer);
	free(g);
}

/* --- in and out --- */

void gone_add(struct local *l, const struct record *row)
{
	struct gone *g = l->gone;
	struct gone_path *p;
	size_t n = strlen(row->path);

	enum own_absent means = own_absent(l, row);

	if (means == OWN_ABSENT_STAYS)
		return;
	/* A folder of which more is listed may still be moved on: it waits like what is deleted. But not one of which
	 * nothing is known now: by the time that it is judged, the merge may be over, or a member may have told of it,
	 * and then it would be a deletion. */
	if (adopt_was_deleting(l, row->path) ||
	    (means == OWN_ABSENT_FORGET && (row->kind != RECORD_DIR || own_knows_nothing(l, row)))) {
		change_row_gone(l, row->path, 0);
		return;
	}
	HASH_FIND_STR(g->paths, row->path, p);
	if (p != NULL && row->kind != RECORD_DIR)
		return;
	/* A folder comes after what is in it. */
	if (p != NULL)
		gone_drop(g, p);
	if (HASH_COUNT(g->paths) >= PATHS_MAX) {
		g->more++;
		g->last_ms = loop_now_ms(l->c.loop);
		return;
	}
	p = mem_calloc(1, sizeof(*p) + n + 1);
	memcpy(p->path, row->path, n);
	p->counts = row->kind != RECORD_DIR;
	g->last_ms = loop_now_ms(l->c.loop);
	if (g->paths == NULL)
		g->first_ms = g->last_ms;
	g->counted += p->counts;
	HASH_ADD_STR(g->paths, path, p);
}

int64_t gone_calm(const struct gone *g)
{
	return g->calm;
}

void gone_back(struct local *l, const char *path)
{
	struct gone_path *p;

	if (l->gone->paths == NULL)
		return;
	HASH_FIND_STR(l->gone->paths, path, p);
	if (p != NULL)
		gone_drop(l->gone, p);
}

/* --- held and let go --- */

/* Everything that waits now may become a tombstone. */
static void gone_let_go(struct gone *g)
{
	for (struct gone_path *p = g->paths; p != NULL; p = p->hh.next)
		p->judged = true;
	g->going = g->paths != NULL;
}

static void gone_hold(struct local *l)
{
	struct gone *g = l->gone;
	int64_t n = g->counted + g->more;

	g->held = true;
	g->since_s = clock_wall_s();
	g->check_ms = loop_now_ms(l->c.loop) + CHECK_MS;
	(void)index_meta_put(l->c.index, HELD_META, g->since_s);
	log_about(LOG_WARN, share_about(l->c.share),
	          "%s: %lld of %lld files disappeared at once: their deletion is held and not "
	          "announced. Put them back, or, if they were deleted on purpose: lanyard release",
	          share_path(l->c.share), (long long)n, (long long)live_files(l));
	if (l->c.held != NULL)
		l->c.held(l->c.arg, n);
}

static void gone_unhold(struct local *l)
{
	l->gone->held = false;
	l->gone->checking = false;
	(void)index_meta_put(l->c.index, HELD_META, 0);
}

int64_t gone_held(const struct gone *g)
{
	return g->held ? (int64_t)HASH_COUNT(g->paths) + g->more : 0;
}

int64_t gone_since(const struct gone *g)
{
	return g->held ? g->since_s : 0;
}

int64_t gone_release(struct local *l)
{
	struct gone *g = l->gone;
	int64_t n = gone_held(g);

	if (!g->held)
		return 0;
	gone_unhold(l);
	log_about(LOG_INFO, share_about(l->c.share), "%s: released %lld held deletions", share_path(l->c.share),
	          (long long)n);
	g->released = true;
	g->burst = (struct burst){ 0 };
	gone_let_go(g);
	g->more = 0;
	/* Something else may stand where a held folder was: the scan finds it. */
	local_rescan(l);
	return n;
}

/* --- the end of a turn --- */

/* When to judge what waits; 0: now. */
static int64_t due_ms(const struct local *l)
{
	const struct gone *g = l->gone;
	int64_t now_ms = loop_now_ms(l->c.loop);
	int64_t quiet_ms = g->last_ms + QUIET_MS;
	bool many = g->counted + g->more >= BURST_MIN;
	int64_t patience_ms = g->first_ms + (many ? MANY_MS : FEW_MS);

	if (g->more > 0 && l->scan.full == NULL)
		return 0;
	if (many && now_ms < patience_ms && scan_is_busy(l))
		return now_ms + QUIET_MS;
	if (quiet_ms > patience_ms)
		quiet_ms = patience_ms;
	return quiet_ms > now_ms ? quiet_ms : 0;
}

/* A deletion reaches every member. So each path is checked once more before its tombstone is written, and the share
 * after all of them: what was absent in a share that is there was absent. */
struct gone_check {
	struct local *local;
	struct share_handle *handle;
	size_t n;
	struct {
		char *path; /* owned */
		int there;  /* as check.before */
	} paths[LOOK_MAX];
	char *why; /* owned; the share is not there */
};

static void gone_check_work(void *arg)
{
	struct gone_check *k = arg;

	for (size_t i = 0; i < k->n; i++)
		k->paths[i].there = walk_absent(k->handle, k->paths[i].path);
	(void)share_handle_check(k->handle, &k->why);
}

static void gone_check_free(struct gone_check *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->paths[i].path);
	share_handle_free(k->handle);
	free(k->why);
	free(k);
}

/* Writes the tombstones of some that were judged, unless they are there again. */
static void gone_write(struct local *l, const struct gone_check *k)
{
	struct gone *g = l->gone;

	for (size_t i = 0; i < k->n && l->error == NULL; i++) {
		struct gone_path *p;

		HASH_FIND_STR(g->paths, k->paths[i].path, p);
		if (p == NULL)
			continue;
		gone_drop(g, p);
		change_row_gone(l, k->paths[i].path, k->paths[i].there);
	}
	if (g->paths != NULL && g->paths->judged)
		return;
	g->going = false;
	/* Paths that came meanwhile may be the rest of a burst. */
	if (g->paths != NULL) {
		g->first_ms = loop_now_ms(l->c.loop);
		return;
	}
	if (g->more > 0)
		local_rescan(l);
	g->more = 0;
}

/* Whether the path's row says that it is there. */
static bool row_is_live(struct local *l, const char *path)
{
	struct record row = { 0 };
	bool live = index_get(l->c.index, path, &row) != 0 && !row.deleted;

	record_clear(&row);
	return live;
}

/* While held: drops what is there again, or was deleted by a peer meanwhile. */
static void gone_check_held(struct local *l, const struct gone_check *k)
{
	struct gone *g = l->gone;

	for (size_t i = 0; i < k->n; i++) {
		struct gone_path *p;

		HASH_FIND_STR(g->paths, k->paths[i].path, p);
		if (p != NULL && (k->paths[i].there < 0 || !row_is_live(l, p->path)))
			gone_drop(g, p);
	}
	g->checking = g->checked != NULL ? g->checked->hh.next != NULL : g->paths != NULL;
	if (g->checking)
		return;
	g->checked = NULL;
	g->check_ms = loop_now_ms(l->c.loop) + CHECK_MS;
	if (g->paths == NULL && g->more == 0) {
		log_about(LOG_INFO, share_about(l->c.share), "%s: no deletions are held any more",
		          share_path(l->c.share));
		gone_unhold(l);
	}
}

/* A share that is not there says nothing about its paths, so that comes first. */
static void gone_checked(void *arg)
{
	struct gone_check *k = arg;
	struct local *l = k->local;

	if (l->freed || l->gone->out != k)
		goto free_it;
	l->gone->out = NULL;
	if (k->why != NULL) {
		local_fail(l, k->why);
		k->why = NULL;
	} else if (l->gone->held) {
		gone_check_held(l, k);
	} else {
		gone_write(l, k);
	}
	local_wake(l);
free_it:
	gone_check_free(k);
	local_unref(l);
}

/* Sends the next ones out to be checked; while held, those after the last one that was checked. */
static void gone_send(struct local *l)
{
	struct gone *g = l->gone;
	struct gone_path *p = g->held && g->checked != NULL ? g->checked->hh.next : g->paths;
	struct gone_check *k = MEM_NEW(struct gone_check);

	for (; p != NULL && k->n < LOOK_MAX && (g->held || p->judged); p = p->hh.next) {
		k->paths[k->n++].path = mem_strdup(p->path);
		if (g->held)
			g->checked = p;
	}
	k->local = l;
	k->handle = share_handle_ref(l->handle);
	g->out = k;
	local_ref(l);
	workers_submit(l->c.workers, WORKERS_QUICK, gone_check_work, gone_checked, k);
}

static void gone_judge(struct local *l)
{
	struct gone *g = l->gone;
	int64_t going = g->counted + g->more;

	if (!g->released && !index_is_reader(l->c.index) &&
	    burst_holds(&g->burst, g->calm, live_files(l), going, loop_now_ms(l->c.loop)))
		gone_hold(l);
	else
		gone_let_go(g);
}

void gone_scan_begins(struct gone *g)
{
	/* The scan finds those that found no place, and counts them again. */
	g->more = 0;
}

void gone_scanned(struct local *l)
{
	l->gone->check_ms = 0;
}

/* Every change that is known of has become a row, except of files that keep changing: those may do so for ever. */
static bool is_calm(const struct local *l)
{
	size_t changing = debounce_changing(l->debounce, loop_now_ms(l->c.loop), NULL, NULL);

	return l->error == NULL && l->gone->paths == NULL && !l->gone->held && !scan_is_busy(l) &&
	       debounce_pending(l->debounce) <= changing && (l->watch == NULL || watch_idle(l->watch));
}

/* When there is something to do next; -1: not by itself. */
static int64_t next_ms(const struct local *l)
{
	const struct gone *g = l->gone;

	if (l->error != NULL || l->handle == NULL || g->out != NULL)
		return -1;
	if (!g->held)
		return g->going ? 0 : g->paths != NULL ? due_ms(l) : -1;
	if (scan_is_busy(l))
		return -1;
	return g->checking || (g->paths == NULL && g->more == 0) ? 0 : g->check_ms;
}

static void gone_work(void *arg)
{
	struct local *l = arg;
	struct gone *g = l->gone;
	int64_t next = next_ms(l);

	if (next < 0 || next > loop_now_ms(l->c.loop))
		return; /* the end of the turn sets the timer again */
	if (g->held || g->going) {
		gone_send(l);
		return;
	}
	gone_judge(l);
	if (g->going)
		gone_send(l);
}

void gone_turn(struct local *l)
{
	struct gone *g = l->gone;
	int64_t now_ms = loop_now_ms(l->c.loop);
	int64_t next = next_ms(l);

	if (is_calm(l)) {
		if (g->released)
			g->burst = (struct burst){ 0 };
		g->released = false;
		g->calm = live_files(l);
	}
	if (next < 0)
		loop_timer_stop(g->timer);
	else
		loop_timer_start(g->timer, next > now_ms ? next - now_ms : 0, 0);
}

bool gone_waits(const struct gone *g)
{
	return g->paths != NULL && !g->held;
}

int64_t gone_pending(const struct gone *g)
{
	return g->held ? 0 : (int64_t)HASH_COUNT(g->paths);
}

bool gone_each(const struct gone *g, bool (*fn)(void *arg, const char *path, const char *reason, int64_t since_s),
               void *arg)
{
	const struct gone_path *p;

	for (p = g->held ? g->paths : NULL; p != NULL; p = p->hh.next)
		if (!fn(arg, p->path,
		        "it disappeared together with a large part of the share, which looks like an "
		        "accident: its deletion is held",
		        g->since_s))
			return false;
	return true;
}
