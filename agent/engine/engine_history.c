/* The files that came last, for `downloads --history`. */
#include <stdlib.h>
#include <string.h>

#include "agent/engine/engine_internal.h"
#include "base/clock.h"
#include "base/mem.h"

enum { HISTORY_MAX = 1000 };

struct past {
	char *path; /* owned; NULL: none yet */
	int64_t size, finished_s;
};

/* A ring: `next` is the oldest, once it is full. */
struct engine_past_files {
	struct past v[HISTORY_MAX];
	size_t next;
};

void engine_history_add(struct engine *e, const struct record *r)
{
	struct past *p;

	if (e->past == NULL)
		e->past = MEM_NEW(struct engine_past_files);
	p = &e->past->v[e->past->next];
	e->past->next = (e->past->next + 1) % HISTORY_MAX;
	free(p->path);
	*p = (struct past){ .path = mem_strdup(r->path), .size = r->content.size, .finished_s = clock_wall_s() };
}

void engine_history(struct engine *e, bool (*fn)(void *arg, const struct engine_past *p), void *arg)
{
	for (size_t i = 1; e->past != NULL && i <= HISTORY_MAX; i++) {
		const struct past *p = &e->past->v[(e->past->next + HISTORY_MAX - i) % HISTORY_MAX];
		struct engine_past past = { .path = p->path, .size = p->size, .finished_s = p->finished_s };

		if (p->path == NULL || !fn(arg, &past))
			return;
	}
}

void engine_history_free(struct engine *e)
{
	for (size_t i = 0; e->past != NULL && i < HISTORY_MAX; i++)
		free(e->past->v[i].path);
	free(e->past);
	e->past = NULL;
}
