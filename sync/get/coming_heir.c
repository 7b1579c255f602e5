/* The download of a record takes over the coming part that its bytes came to before. See coming.h. */
#include "sync/get/get_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* --- which one --- */

static bool is_same_block(const struct block *a, const struct block *b)
{
	return a->len == b->len && memcmp(a->hash, b->hash, sizeof(a->hash)) == 0;
}

/* Its first blocks tell a file that has another name by now: many programs write under a name that they change in the
 * end. */
static bool begins_alike(const struct get_coming *c, const struct blocklist *list)
{
	const struct coming_run *run = c->runs;

	return run != NULL && run->base == 0 && is_same_block(&run->list.b[0], &list->b[0]);
}

/* Nothing was requested for it yet, and the record's download requests all: it would bring the same bytes once more.
 * The pump drops it. */
static void end_unopened(const struct download *d)
{
	struct get_coming *c;

	DL_FOREACH2(d->g->comings, c, following) {
		if (c->state != COMING_OPENING || (strcmp(c->path, d->path) != 0 && !begins_alike(c, &d->list)))
			continue;
		c->state = COMING_OVER;
		c->due_ms = get_now(d->g);
		c->next = NULL;
		get_wake(d->g);
	}
}

/* Of several with the path the latest is of what the record tells; the others were of a sender before it started
 * again. */
static struct get_coming *coming_of(const struct download *d)
{
	struct get_coming *c, *same = NULL, *alike = NULL;

	DL_FOREACH2(d->g->comings, c, following) {
		if (c->runs == NULL || (c->state != COMING_OPEN && c->state != COMING_OVER) || c->fd < 0)
			continue;
		if (strcmp(c->path, d->path) == 0)
			same = c;
		else if (alike == NULL && begins_alike(c, &d->list))
			alike = c;
	}
	DL_FOREACH2(d->g->comings, c, following) {
		if (same != NULL && c != same && c->state == COMING_OVER && strcmp(c->path, d->path) == 0)
			c->due_ms = get_now(d->g);
	}
	return same != NULL ? same : alike;
}

void coming_heir_open(struct download *d)
{
	struct get_coming *c = d->list.n > 1 ? coming_of(d) : NULL;
	struct coming_run *run;

	if (c == NULL) {
		if (d->list.n > 1)
			end_unopened(d);
		download_open(d, NULL);
		return;
	}
	c->heir = d;
	c->state = COMING_DRAINING;
	c->due_ms = get_now(d->g) + COMING_DRAIN_MS;
	c->next = NULL;
	DL_FOREACH(c->runs, run) {
		if (run->download != NULL)
			download_set_hungry(run->download, false);
	}
	d->heir_of = c;
	d->state = DOWNLOAD_OPENING;
	get_wake(d->g);
}

/* --- taken over --- */

bool coming_heir_take(struct get_coming *c)
{
	struct coming_legacy *legacy;
	struct download *d = c->heir;
	struct get *g = c->g;
	struct coming_run *run;

	if (c->downloads > 0)
		return false;
	legacy = MEM_NEW(struct coming_legacy);
	memcpy(legacy->file, c->file, sizeof(legacy->file));
	DL_FOREACH(c->runs, run) {
		if (run->named)
			HASH_DEL(g->runs, run); /* NOLINT(clang-analyzer-core.NullDereference): run is in it */
		run->named = false;
		run->of = NULL;
		g->coming_blocks -= run->list.n + COMING_RUN_COSTS;
		g->coming_bytes -= run->c.size;
	}
	legacy->runs = c->runs;
	c->runs = NULL;
	c->heir = NULL;
	c->file[0] = '\0';
	c->state = COMING_GONE;
	d->heir_of = NULL;
	download_open(d, legacy);
	return true;
}
