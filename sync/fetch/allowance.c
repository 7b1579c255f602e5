/* How much of what one member announces is stored. See fetch_internal.h.
 *
 * Offers: the share's own size bounds how many of each member's wait, so that no member can fill the index with files
 * that never come. Offers beyond the bound are not acknowledged, and the member is asked to send them again when half
 * of them are done.
 *
 * Deletions of paths that were never here: they change no tree, and are kept and passed on for members that may still
 * have the file. The share's size bounds those too, per member that brings them, since a record could name any author.
 * Deletions beyond the allowance are not kept: the member that has them sends them to those who need them. Used
 * allowance comes back in the time after which deletions are forgotten. */
#include "sync/fetch/fetch_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	ROW_COST = 256,          /* bytes that a row takes in the index, without its path and version */
	ALLOWANCE_MIN = 8 << 20, /* bytes for each member */
	BACKLOG_EACH = 4,        /* offers that may wait, per live row of the share */
	FULL_CHECK_MS = 500,
	ALLOWANCE_EACH = 2 << 10, /* bytes more per live row of the share */
	NAME_LEN = 40,
};

static const int64_t ALLOWANCE_BACK_S = INT64_C(30) * 86400; /* as tombstones-age is by default */

static const char *allowance_key(char out[NAME_LEN], const char *what, uint64_t peer)
{
	(void)snprintf(out, NAME_LEN, "%s %016" PRIx64, what, peer);
	return out;
}

static int64_t allowance_size(const struct fetch *f)
{
	const struct index_totals t = index_totals(f->c.index);

	return ALLOWANCE_MIN + ALLOWANCE_EACH * (t.files + t.dirs + t.symlinks);
}

static void allowance_load(struct fetch *f, struct fetch_peer *p)
{
	char name[NAME_LEN];

	if (p->bare_known)
		return;
	if (index_meta_get(f->c.index, allowance_key(name, "bare", p->id), &p->bare) < 0 ||
	    index_meta_get(f->c.index, allowance_key(name, "bare since", p->id), &p->bare_s) < 0)
		return;
	if (p->bare_s == 0)
		p->bare_s = clock_wall_s();
	p->bare_known = true;
}

/* The allowance that has come back since it was last used. A clock that goes backwards gives nothing back. */
static void allowance_regain(struct fetch_peer *p, int64_t all)
{
	int64_t now = clock_wall_s(), passed = now - p->bare_s;

	p->bare_s = now;
	if (passed <= 0)
		return;
	if (passed > ALLOWANCE_BACK_S)
		passed = ALLOWANCE_BACK_S;
	p->bare -= all / ALLOWANCE_BACK_S * passed + all % ALLOWANCE_BACK_S * passed / ALLOWANCE_BACK_S;
	if (p->bare < 0)
		p->bare = 0;
}

static void allowance_refused(struct fetch *f, struct fetch_peer *p, const struct record *theirs)
{
	struct index_peer known;

	/* We do not know what was rejected, so no path may be taken for deleted because we know "all" of this peer. */
	if ((p->first_rejected == 0 || theirs->seq < p->first_rejected) &&
	    index_peer_get(f->c.index, p->id, &known) == 0) {
		(void)index_note_rejected(f->c.index, known.epoch, theirs->seq);
		p->first_rejected = theirs->seq;
	}
	if (p->refused++ > 0)
		return;
	p->refused_path = mem_strdup(theirs->path);
	p->refused_s = clock_wall_s();
	f->state_changed = true;
}

bool allowance_take(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	int64_t cost = ROW_COST + 2 * (int64_t)strlen(theirs->path) + 16 * (int64_t)theirs->version.n,
		all = allowance_size(f);

	allowance_load(f, p);
	if (p->bare + cost > all)
		allowance_regain(p, all);
	if (p->bare + cost > all) {
		allowance_refused(f, p, theirs);
		return false;
	}
	p->bare += cost;
	p->bare_unsaved = true;
	return true;
}

void allowance_save(struct fetch *f, uint64_t peer)
{
	struct fetch_peer *p = fetch_peer_get(f, peer);
	char name[NAME_LEN];

	if (!p->bare_unsaved)
		return;
	(void)index_meta_put(f->c.index, allowance_key(name, "bare", peer), p->bare);
	(void)index_meta_put(f->c.index, allowance_key(name, "bare since", peer), p->bare_s);
	p->bare_unsaved = false;
}

/* --- offers that wait --- */

static int64_t most_waiting(const struct fetch *f)
{
	const struct index_totals t = index_totals(f->c.index);

	return (f->c.backlog > 0 ? f->c.backlog : FETCH_BACKLOG) + BACKLOG_EACH * (t.files + t.dirs + t.symlinks);
}

/* Counting takes long when many offers wait, so it is only done when enough came since the last count to reach the
 * bound. */
static bool backlog_is_full(struct fetch *f, struct fetch_peer *p)
{
	int64_t most = most_waiting(f);

	if (++p->backlog < most)
		return false;
	p->backlog = index_wants_of(f->c.index, p->id, most);
	return p->backlog >= most;
}

bool allowance_is_full(struct fetch *f, struct fetch_peer *p, const struct record *theirs)
{
	if (!p->full && !backlog_is_full(f, p))
		return false;
	if (!p->full) {
		p->full = true;
		p->full_count = 0;
		p->full_path = mem_strdup(theirs->path);
		p->full_s = clock_wall_s();
		f->full_due_ms = fetch_now(f) + FULL_CHECK_MS;
		f->state_changed = true;
		fetch_wake(f);
	}
	p->full_count++;
	return true;
}

void allowance_store_offer(struct fetch *f, uint64_t peer, const struct record *theirs)
{
	struct fetch_peer *p;

	p = fetch_peer_get(f, peer);
	if (!allowance_is_full(f, p, theirs) && index_offer(f->c.index, peer, theirs) == 0)
		return;
	if (p->unstorable == 0 || theirs->seq < p->unstorable)
		p->unstorable = theirs->seq;
}

static bool backlog_is_half(struct fetch *f, struct fetch_peer *p)
{
	int64_t half = most_waiting(f) / 2;

	p->backlog = index_wants_of(f->c.index, p->id, half);
	return p->backlog < half;
}

static void backlog_resume(struct fetch *f, struct fetch_peer *p)
{
	p->full = false;
	free(p->full_path);
	p->full_path = NULL;
	f->state_changed = true;
	if (p->up)
		f->c.ops->again(f->c.ops_arg, p->id);
}

int64_t allowance_turn(struct fetch *f)
{
	struct fetch_peer *p, *next;
	bool any = false;

	if (f->full_due_ms == 0)
		return INT64_MAX;
	if (fetch_now(f) < f->full_due_ms)
		return f->full_due_ms;
	HASH_ITER(hh, f->peers, p, next) {
		if (p->full && backlog_is_half(f, p))
			backlog_resume(f, p);
		any |= p->full;
	}
	f->full_due_ms = any ? fetch_now(f) + FULL_CHECK_MS : 0;
	return any ? f->full_due_ms : INT64_MAX;
}

/* --- for status --- */

void fetch_refusals(const struct fetch *f, bool (*fn)(void *arg, const struct fetch_refusal *r), void *arg)
{
	for (const struct fetch_peer *p = f->peers; p != NULL; p = p->hh.next) {
		struct fetch_refusal never = { .peer = p->id,
			                       .path = p->refused_path,
			                       .count = p->refused,
			                       .since_s = p->refused_s };
		struct fetch_refusal later = { .peer = p->id,
			                       .later = true,
			                       .path = p->full_path,
			                       .count = p->full_count,
			                       .since_s = p->full_s };

		if ((p->refused > 0 && !fn(arg, &never)) || (p->full && !fn(arg, &later)))
			return;
	}
}
