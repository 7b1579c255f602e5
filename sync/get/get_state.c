/* The base of sync/get: the turn, the clock, jobs that are out, and the table of peers. See get_internal.h. */
#include "sync/get/get_internal.h"

#include <stdlib.h>

#include "base/mem.h"

void get_wake(struct get *g)
{
	if (!g->dead)
		g->c.hooks->wake(g->c.arg);
}

int64_t get_now(const struct get *g)
{
	return loop_now_ms(g->c.loop);
}

void get_job_begin(struct get *g)
{
	g->jobs++;
}

static void get_free_rest(struct get *g)
{
	struct source_peer *p, *next;

	HASH_ITER(hh, g->peers, p, next) {
		HASH_DEL(g->peers, p);
		swarm_maps_clear(&p->maps);
		free(p);
	}
	queue_clear(&g->queue);
	free(g);
}

void get_job_end(struct get *g)
{
	g->jobs--;
	if (g->dead && g->jobs == 0)
		get_free_rest(g);
}

void get_again(struct get *g, enum get_why why)
{
	if (!g->dead)
		g->c.hooks->again(g->c.arg, why);
}

struct source_peer *get_peer(struct get *g, uint64_t id)
{
	struct source_peer *p;

	HASH_FIND(hh, g->peers, &id, sizeof(id), p);
	if (p == NULL) {
		p = MEM_NEW(struct source_peer);
		p->id = id;
		HASH_ADD(hh, g->peers, id, sizeof(p->id), p);
	}
	return p;
}

struct get_stop get_why(enum get_why why)
{
	return (struct get_stop){ .why = why };
}

struct get_stop get_disk(int error)
{
	return (struct get_stop){ .why = GET_DISK, .error = error };
}
