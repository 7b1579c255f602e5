/* Whom a content can be had from: the peers whose wanted record has it. See download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { SLOW_AGAIN_MS = 10000 };

struct source *source_find(struct download *d, uint64_t peer)
{
	for (size_t i = 0; i < d->nsources; i++) {
		if (d->sources[i].peer == peer)
			return &d->sources[i];
	}
	return NULL;
}

static void add(struct download *d, uint64_t peer)
{
	struct source *s = source_find(d, peer);

	if (s != NULL)
		return;
	d->sources = mem_realloc(d->sources, d->nsources + 1, sizeof(*d->sources));
	s = &d->sources[d->nsources++];
	*s = (struct source){ .peer = peer, .cursor = NO_BLOCK };
	s->bad = source_is_liar(d, peer);
}

static bool add_wanted(void *arg, uint64_t peer, const struct record *r)
{
	struct download *d = arg;

	if (!r->deleted && r->kind == RECORD_FILE && content_equal(&r->content, &d->c))
		add(d, peer);
	return true;
}

void source_refresh(struct download *d)
{
	struct fetch *f = d->f;
	struct fetch_peer *p, *next;

	index_offers(f->c.index, d->t->want.path, add_wanted, d);
	if (d->waiter != NULL)
		index_offers(f->c.index, d->waiter, add_wanted, d);
	if (!d->t->repair)
		return;
	HASH_ITER(hh, f->peers, p, next) {
		if (p->up && f->c.ops->connected(f->c.ops_arg, p->id))
			add(d, p->id);
	}
}

void source_has_not(struct download *d, uint64_t peer)
{
	struct source *s = source_find(d, peer);

	if (s != NULL)
		s->bad = true;
	d->f->check_sources = true;
	fetch_wake(d->f);
}

void source_lied(struct download *d, uint64_t peer, const char *what)
{
	source_has_not(d, peer);
	d->f->c.ops->misbehaved(d->f->c.ops_arg, peer, d->t->want.path, what);
	memmove(d->t->bad + 1, d->t->bad, sizeof(d->t->bad) - sizeof(d->t->bad[0]));
	d->t->bad[0] = peer;
}

bool source_is_liar(const struct download *d, uint64_t peer)
{
	for (size_t i = 0; i < BAD_MAX; i++) {
		if (d->t->bad[i] == peer)
			return true;
	}
	return false;
}

void source_forgive(struct download *d)
{
	for (size_t i = 0; i < d->nsources; i++)
		d->sources[i].bad = source_is_liar(d, d->sources[i].peer);
}

/* A member that says nothing must not hold up what others have: it is left alone for a while, and then asked for one thing
 * only, so that all it can keep from being fetched is that. */
static bool is_silent(const struct fetch *f, const struct fetch_peer *p)
{
	return fetch_now(f) < p->stalled_ms || (p->silent && p->requests != NULL);
}

bool source_usable(const struct fetch *f, const struct source *s)
{
	const struct fetch_peer *p;

	HASH_FIND(hh, f->peers, &s->peer, sizeof(s->peer), p);
	return !s->bad && p != NULL && p->up && !is_silent(f, p);
}

/* What owes an answer is asked last. */
static bool is_better(struct fetch *f, const struct source *a, const struct source *b)
{
	bool a_silent = fetch_peer_get(f, a->peer)->silent, b_silent = fetch_peer_get(f, b->peer)->silent;

	return a_silent != b_silent ? b_silent : a->not_before_ms < b->not_before_ms;
}

struct source *source_any(struct download *d)
{
	struct source *best = NULL;

	for (size_t i = 0; i < d->nsources; i++) {
		struct source *s = &d->sources[i];

		if (source_usable(d->f, s) && (best == NULL || is_better(d->f, s, best)))
			best = s;
	}
	return best;
}

enum reason source_reason(const struct download *d)
{
	enum reason reason = REASON_NO_SOURCE;

	for (size_t i = 0; i < d->nsources; i++) {
		const struct source *s = &d->sources[i];

		if (!fetch_peer_is_up(d->f, s->peer))
			continue;
		if (!s->bad)
			return REASON_SILENT;
		if (reason != REASON_NOT_NOW)
			reason = source_is_liar(d, s->peer) ? REASON_BAD_SOURCE : REASON_NOT_NOW;
	}
	return reason;
}

void source_is_slow(struct download *d, struct source *s)
{
	s->not_before_ms = fetch_now(d->f) + SLOW_AGAIN_MS;
}
