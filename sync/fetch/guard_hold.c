/* Whose changes are held, which paths, and until when; stored in the index across a restart. See guard.h. */
#include "sync/fetch/guard_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	PATHS_MAX = 100000, /* paths that one hold knows one by one; more are only counted */
	RELEASED_S = 3600,  /* released changes go through for this long, if they are not done earlier */
};

/* --- stored across a restart --- */

static char *hold_key(char name[40], int place, const char *what)
{
	(void)snprintf(name, 40, "burst %d %s", place, what);
	return name;
}

static void hold_store(struct fetch *f, const struct hold *h)
{
	int place = (int)(h - f->guard->holds);
	char name[40];

	(void)index_meta_put(f->c.index, hold_key(name, place, "by"), (int64_t)h->who.id);
	(void)index_meta_put(f->c.index, hold_key(name, place, "brings"), (int64_t)h->who.brings);
	(void)index_meta_put(f->c.index, hold_key(name, place, "since"), h->since_s);
	(void)index_meta_put(f->c.index, hold_key(name, place, "until"), h->until_s);
}

static void hold_load(struct fetch *f, struct hold *h, int place)
{
	char name[40];
	int64_t by = 0, brings = 0;

	if (index_meta_get(f->c.index, hold_key(name, place, "since"), &h->since_s) <= 0 || h->since_s == 0)
		return;
	(void)index_meta_get(f->c.index, hold_key(name, place, "by"), &by);
	(void)index_meta_get(f->c.index, hold_key(name, place, "brings"), &brings);
	(void)index_meta_get(f->c.index, hold_key(name, place, "until"), &h->until_s);
	h->who = (struct who){ .id = (uint64_t)by, .brings = (uint64_t)brings };
	h->reported = true;
}

void guard_load_holds(struct fetch *f, struct guard *g)
{
	for (int i = 0; i < HOLDS_MAX; i++)
		hold_load(f, &g->holds[i], i);
}

void guard_forget_paths(struct hold *h)
{
	struct held_path *p, *next;

	HASH_ITER(hh, h->paths, p, next) {
		HASH_DEL(h->paths, p);
		free(p);
	}
	h->more = 0;
}

struct hold *guard_hold_over(struct guard *g, const struct ticket *t)
{
	struct who author = guard_author_of(t), bringer = guard_bringer_of(t);

	for (int i = 0; i < HOLDS_MAX; i++) {
		struct hold *h = &g->holds[i];

		if (h->since_s != 0 && (h->who.id == 0 || guard_same(h->who, author) ||
		                        (guard_same(h->who, bringer) && bringer.id != author.id)))
			return h;
	}
	return NULL;
}

/* A free hold, or the last one, which is for all other members. */
static struct hold *place_for(struct guard *g, struct who who)
{
	struct hold *h = g->holds;

	while (h < g->holds + HOLDS_MAX - 1 && h->since_s != 0)
		h++;
	guard_forget_paths(h);
	*h = (struct hold){ .who = h < g->holds + HOLDS_MAX - 1 ? who : (struct who){ 0 } };
	return h;
}

void guard_hold_new(struct fetch *f, struct who who)
{
	struct hold *h = place_for(f->guard, who);

	h->since_s = clock_wall_s();
	hold_store(f, h);
	f->guard->begins = true;
}

void guard_hold_ticket(struct fetch *f, struct hold *h, struct ticket *t)
{
	uint64_t path = guard_hash(f->guard, t->want.path);
	struct held_path *p;

	HASH_FIND(hh, h->paths, &path, sizeof(path), p);
	if (p == NULL && HASH_COUNT(h->paths) < PATHS_MAX) {
		p = MEM_NEW(struct held_path);
		p->path = path;
		HASH_ADD(hh, h->paths, path, sizeof(p->path), p);
	} else if (p == NULL) {
		h->more++;
	}
	f->state_changed = true;
	guard_waits(f, t);
	ticket_wait(f, t, REASON_HELD);
}

/* Tickets that were weighed before the burst was recognized are held too. */
static void hold_rest(struct fetch *f, struct hold *h)
{
	struct ticket *t, *next;

	HASH_ITER(hh, f->tickets, t, next) {
		bool waits = t->state == TICKET_AWAIT_MOVE || t->state == TICKET_AWAIT_CARRIER ||
		             t->state == TICKET_QUEUED || t->state == TICKET_ACTIVE || t->state == TICKET_READY ||
		             t->state == TICKET_LOSS || t->state == TICKET_DELETE;

		if (waits && t->loss && t->pair == NULL && guard_hold_over(f->guard, t) == h)
			guard_hold_ticket(f, h, t);
	}
}

static struct fetch_burst burst_of(const struct hold *h)
{
	return (struct fetch_burst){ .by = h->who.id,
		                     .brings = h->who.brings != 0,
		                     .files = (int64_t)HASH_COUNT(h->paths) + h->more,
		                     .since_s = h->since_s };
}

void guard_begin_holds(struct fetch *f)
{
	if (!f->guard->begins)
		return;
	f->guard->begins = false;
	for (int i = 0; i < HOLDS_MAX; i++) {
		struct hold *h = &f->guard->holds[i];
		struct fetch_burst b;

		if (h->since_s == 0 || h->until_s != 0 || h->reported)
			continue;
		h->reported = true;
		hold_rest(f, h);
		b = burst_of(h);
		if (f->c.burst != NULL)
			f->c.burst(f->c.arg, &b);
	}
}

static void hold_end(struct fetch *f, struct hold *h)
{
	guard_forget_paths(h);
	*h = (struct hold){ 0 };
	hold_store(f, h);
	f->state_changed = true;
}

/* All losses that peers offer have been weighed. */
static bool all_weighed(const struct fetch *f)
{
	return f->started && !f->paused && !f->walk.more && !f->walk.again && f->count[TICKET_FRESH] == 0 &&
	       f->count[TICKET_LOSS] == 0 && f->count[TICKET_DELETE] == 0;
}

void guard_end_holds(struct fetch *f)
{
	for (int i = 0; i < HOLDS_MAX; i++) {
		struct hold *h = &f->guard->holds[i];

		if (h->since_s == 0)
			continue;
		if (h->until_s != 0) {
			if (!fetch_idle(f) && clock_wall_s() < h->until_s)
				continue;
			/* A released burst is not a measure for the next. */
			f->guard->most = (struct burst){ 0 };
			hold_end(f, h);
		} else if (h->paths == NULL && all_weighed(f)) {
			/* Paths that were only counted are found again by a walk. */
			f->walk.again = h->more > 0;
			h->more = 0;
			if (f->walk.again)
				fetch_wake(f);
			else
				hold_end(f, h);
		}
	}
}

/* A path is in at most a few holds; its loss is taken back with it, since it will be counted again if it is still
 * one. */
void guard_judges(struct fetch *f, const char *path)
{
	struct guard *g = f->guard;
	struct held_path *p;
	struct author *a;
	uint64_t hash = 0;

	for (int i = 0; i < HOLDS_MAX; i++) {
		struct hold *h = &g->holds[i];

		if (h->paths == NULL)
			continue;
		if (hash == 0)
			hash = guard_hash(g, path);
		HASH_FIND(hh, h->paths, &hash, sizeof(hash), p);
		if (p == NULL)
			continue;
		HASH_DEL(h->paths, p);
		free(p);
		a = guard_author(g, h->who);
		if (a != NULL)
			losses_cancel(a->losses, hash);
		fetch_wake(f);
	}
}

bool guard_holds(const struct fetch *f, const char *path)
{
	struct held_path *p = NULL;
	uint64_t hash = 0;

	for (int i = 0; i < HOLDS_MAX && p == NULL; i++) {
		const struct hold *h = &f->guard->holds[i];

		if (h->paths == NULL)
			continue;
		if (hash == 0)
			hash = guard_hash(f->guard, path);
		HASH_FIND(hh, h->paths, &hash, sizeof(hash), p);
	}
	return p != NULL;
}

bool guard_holds_any(const struct guard *g)
{
	bool any = false;

	for (int i = 0; i < HOLDS_MAX; i++)
		any |= g->holds[i].paths != NULL;
	return any;
}

/* --- for status and the admin --- */

void fetch_bursts(const struct fetch *f, void (*fn)(void *arg, const struct fetch_burst *b), void *arg)
{
	for (int i = 0; i < HOLDS_MAX; i++) {
		const struct hold *h = &f->guard->holds[i];
		struct fetch_burst b = burst_of(h);

		if (h->since_s != 0 && h->until_s == 0)
			fn(arg, &b);
	}
}

/* Changes that wait for the budget of versions go through, and their versions are not spared. */
static int64_t release_unkept(struct fetch *f)
{
	const struct ticket *t;
	int64_t n = 0;

	DL_FOREACH2(f->waits_for[REASON_UNKEPT], t, reason_next)
		n++;
	if (n > 0)
		f->guard->pass_until_s = clock_wall_s() + RELEASED_S;
	return n;
}

/* A release forgets the paths and the author's losses: they would make the next change a burst again. */
int64_t fetch_release(struct fetch *f)
{
	int64_t n = release_unkept(f);

	for (int i = 0; i < HOLDS_MAX; i++) {
		struct hold *h = &f->guard->holds[i];
		struct author *a = guard_author(f->guard, h->who);

		if (h->since_s == 0 || h->until_s != 0)
			continue;
		n += burst_of(h).files;
		guard_forget_paths(h);
		h->until_s = clock_wall_s() + RELEASED_S;
		hold_store(f, h);
		if (a != NULL)
			guard_author_free(f->guard, a);
	}
	if (n == 0)
		return 0;
	ticket_retry(f, REASON_HELD);
	ticket_retry(f, REASON_UNKEPT);
	f->walk.again = true;
	f->state_changed = true;
	fetch_wake(f);
	return n;
}

void fetch_versions_budget(struct fetch *f, int64_t bytes)
{
	f->guard->versions_budget = bytes;
	ticket_retry(f, REASON_UNKEPT);
	fetch_wake(f);
}
