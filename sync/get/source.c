/* The sources of a download: peers that may have its content, as its owner says, and which of them can be asked. See
 * get_internal.h. */
#include "sync/get/get_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	SLOW_AGAIN_MS = 10000,
	HOPE_MS = 5000, /* after a block came: how long a download waits for members that have nothing for us yet */
};

struct get_source *source_find(struct download *d, uint64_t peer)
{
	for (size_t i = 0; i < d->nsources; i++) {
		if (d->sources[i].peer == peer)
			return &d->sources[i];
	}
	return NULL;
}

struct get_source *source_of(struct download *d, uint64_t peer)
{
	struct get_source *s = source_find(d, peer);

	if (s != NULL)
		return s;
	d->sources = mem_realloc(d->sources, d->nsources + 1, sizeof(*d->sources));
	s = &d->sources[d->nsources++];
	*s = (struct get_source){ .peer = peer, .cursor = NO_BLOCK, .bad = liars_has(d->liars, peer) };
	return s;
}

static void source_add(void *to, uint64_t peer)
{
	source_of(to, peer)->offers = true;
}

/* What peers told before the download began, or its list was known. */
static void add_maps(struct download *d)
{
	struct source_peer *p, *next;

	HASH_ITER(hh, d->g->peers, p, next) {
		struct swarm_known *k = p->up ? swarm_maps_find(&p->maps, &d->c) : NULL;

		if (k != NULL && k->user == NULL)
			holders_bind(d, source_of(d, p->id), k);
	}
}

void source_refresh(struct download *d)
{
	if (d->run == NULL)
		d->g->c.hooks->sources(d->g->c.arg, d->owner, d->waiter, source_add, d);
	else if (d->run->of->state == COMING_OPEN)
		source_add(d, d->run->of->peer);
	if (d->swarms)
		add_maps(d);
}

void source_free_all(struct download *d)
{
	holders_end(d);
	free(d->sources);
	d->sources = NULL;
	d->nsources = 0;
}

void source_has_not(struct download *d, uint64_t peer)
{
	struct get_source *s = source_find(d, peer);

	if (s != NULL)
		s->bad = true;
	d->g->check_sources = true;
	get_wake(d->g);
}

void source_lied(struct download *d, uint64_t peer, const char *what)
{
	source_has_not(d, peer);
	d->g->c.ops.misbehaved(d->g->c.ops_arg, peer, d->path, what);
	liars_add(d->liars, peer);
}

void source_forgive(struct download *d)
{
	for (size_t i = 0; i < d->nsources; i++)
		d->sources[i].bad = liars_has(d->liars, d->sources[i].peer);
}

/* A member that does not answer must not hold up what others have: it is left alone for a while, and then asked for
 * one thing only, so that it can keep no more than that from coming. */
static bool is_silent(const struct get *g, const struct source_peer *p)
{
	return get_now(g) < p->stalled_ms || (p->silent && p->requests != NULL);
}

bool source_usable(const struct get *g, const struct get_source *s)
{
	const struct source_peer *p;

	HASH_FIND(hh, g->peers, &s->peer, sizeof(s->peer), p);
	return !s->bad && p != NULL && p->up && !is_silent(g, p) && (s->offers || s->map != NULL);
}

/* A source that owes an answer is asked last. */
static bool is_better(struct get *g, const struct get_source *a, const struct get_source *b)
{
	bool a_silent = get_peer(g, a->peer)->silent, b_silent = get_peer(g, b->peer)->silent;

	return a_silent != b_silent ? b_silent : a->not_before_ms < b->not_before_ms;
}

struct get_source *source_any(struct download *d)
{
	struct get_source *best = NULL;

	for (size_t i = 0; i < d->nsources; i++) {
		struct get_source *s = &d->sources[i];

		if (source_usable(d->g, s) && holders_complete(d, s) && (best == NULL || is_better(d->g, s, best)))
			best = s;
	}
	return best;
}

bool source_some(const struct download *d)
{
	int64_t quiet = get_now(d->g) - d->moved_ms;

	for (size_t i = 0; i < d->nsources; i++) {
		const struct get_source *s = &d->sources[i];

		if (source_usable(d->g, s) &&
		    (holders_complete(d, s) || holders_wanted(d, s) || (holders_receives(d, s) && quiet < HOPE_MS)))
			return true;
	}
	return false;
}

static bool is_up(const struct get *g, uint64_t peer)
{
	const struct source_peer *p;

	HASH_FIND(hh, g->peers, &peer, sizeof(peer), p);
	return p != NULL && p->up;
}

enum get_why source_reason(const struct download *d)
{
	enum get_why why = GET_NO_SOURCE;

	for (size_t i = 0; i < d->nsources; i++) {
		const struct get_source *s = &d->sources[i];

		if (!is_up(d->g, s->peer))
			continue;
		if (!s->bad && holders_complete(d, s))
			return GET_SILENT;
		if (!s->bad)
			continue;
		if (why != GET_NOT_NOW)
			why = liars_has(d->liars, s->peer) ? GET_BAD_SOURCE : GET_NOT_NOW;
	}
	return why;
}

void source_is_slow(struct download *d, struct get_source *s)
{
	s->not_before_ms = get_now(d->g) + SLOW_AGAIN_MS;
}

void source_is_out(struct download *d, struct get_source *s)
{
	s->out_ms = get_now(d->g);
	s->out_rate = d->g->rate;
}
