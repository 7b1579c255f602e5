/* Whom a content can be had from: the peers whose wanted record has it. See download_internal.h. */
#include "sync/fetch/download_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

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

	index_wanted(f->c.index, d->t->want.path, add_wanted, d);
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

bool source_usable(const struct fetch *f, const struct source *s)
{
	return !s->bad && fetch_peer_is_up(f, s->peer);
}

struct source *source_any(struct download *d)
{
	for (size_t i = 0; i < d->nsources; i++) {
		if (source_usable(d->f, &d->sources[i]))
			return &d->sources[i];
	}
	return NULL;
}
