/* The base of sync/fetch: the turn, the clock, jobs that are out, the table of peers. See fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>

#include "base/mem.h"

void fetch_wake(struct fetch *f)
{
	f->dirty = true;
}

int64_t fetch_now(const struct fetch *f)
{
	return loop_now_ms(f->c.loop);
}

struct fetch_peer *fetch_peer_get(struct fetch *f, uint64_t id)
{
	struct fetch_peer *p;

	HASH_FIND(hh, f->peers, &id, sizeof(id), p);
	if (p == NULL) {
		p = MEM_NEW(struct fetch_peer);
		p->id = id;
		HASH_ADD(hh, f->peers, id, sizeof(p->id), p);
	}
	return p;
}

void fetch_job_begin(struct fetch *f)
{
	f->jobs++;
}

static void fetch_free_rest(struct fetch *f)
{
	struct fetch_peer *p, *next;

	HASH_ITER(hh, f->peers, p, next) {
		HASH_DEL(f->peers, p);
		free(p->refused_path);
		free(p->full_path);
		free(p);
	}
	for (size_t i = 0; i < COMPLETED_MAX; i++)
		free(f->completed[i].path);
	for (size_t i = 0; i < FIRSTS_MAX; i++)
		free(f->firsts[i]);
	heap_clear(&f->waiting);
	free(f->walk.after);
	free(f->missing.why);
	free(f);
}

void fetch_job_end(struct fetch *f)
{
	f->jobs--;
	if (f->dead && f->jobs == 0)
		fetch_free_rest(f);
}

bool fetch_idle(const struct fetch *f)
{
	return HASH_COUNT(f->tickets) == 0 && index_wants_missing(f->c.index) == 0 && f->batches_out == 0 &&
	       !f->cleaning && !index_choosing(f->c.index);
}
