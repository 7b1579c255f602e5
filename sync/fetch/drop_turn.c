/* What goes on with drops at the end of a turn, at the start, and at the end of all. See drop.c. */
#include "sync/fetch/drop.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { ASK_MS = 10000, AGAIN_MS = 300, RESUMED_AT_ONCE = 1024 };

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t drop_turn(struct fetch *f)
{
	int64_t now = fetch_now(f), due = INT64_MAX;
	struct drop *d, *next;

	if (f->drops == NULL && !f->resuming)
		return due;
	if (f->drop_job == NULL && f->started && !f->paused && !f->cleaning)
		drop_begin_job(f);
	HASH_ITER(hh, f->drops, d, next) {
		if (d->state == DROP_MARKED) {
			d->state = DROP_READY;
			due = now;
		} else if (d->state == DROP_AGAIN && now - d->asked_ms >= AGAIN_MS * d->tries) {
			drop_begin(f, d);
			due = now;
		} else if (d->state == DROP_AGAIN) {
			due = earlier_of(due, d->asked_ms + AGAIN_MS * d->tries);
		} else if (d->state == DROP_ASKING && now - d->asked_ms >= ASK_MS) {
			drop_end(f, d, FETCH_DROP_REFUSED, DROP_NOBODY);
		} else if (d->state == DROP_ASKING) {
			due = earlier_of(due, d->asked_ms + ASK_MS);
		}
	}
	if (f->resuming && f->drops == NULL)
		drop_resume(f);
	return due;
}

/* --- the start --- */

struct marked {
	char *path[RESUMED_AT_ONCE];
	uint64_t last;
	int n;
};

static bool note_marked(void *arg, const struct record *r)
{
	struct marked *m = arg;

	m->last = r->seq;
	m->path[m->n++] = mem_strdup(r->path);
	return m->n < RESUMED_AT_ONCE;
}

/* The decision had been made before the crash, unless the choices say otherwise by now. */
void drop_resume(struct fetch *f)
{
	const struct choices *choices = index_choices(f->c.index);
	struct marked *m = MEM_NEW(struct marked);

	f->resuming = index_leaving(f->c.index, f->resumed_after, RESUMED_AT_ONCE, note_marked, m) == RESUMED_AT_ONCE;
	f->resumed_after = m->last;
	for (int i = 0; i < m->n; i++) {
		bool goes = choices->mode == CHOOSE_ON_DEMAND && choose_shares(choices, m->path[i]) &&
		            choose_rule_of(choices, m->path[i]) <= 0;

		if (fetch_is_dropping(f, m->path[i])) {
			free(m->path[i]);
			continue;
		}
		if (goes)
			drop_new(f, m->path[i])->state = DROP_READY;
		else
			(void)index_leaving_put(f->c.index, m->path[i], false);
		free(m->path[i]);
	}
	free(m);
	fetch_wake(f);
}

/* Those that a worker or the choices have come back to nobody. */
void drop_stop(struct fetch *f)
{
	struct drop *d, *next;

	HASH_ITER(hh, f->drops, d, next) {
		HASH_DEL(f->drops, d);
		if (d->state != DROP_OUT && d->state != DROP_CHOOSING)
			drop_free(d);
	}
}
