/* Tickets for the paths that the index wants: a window of them at a time, however many are wanted. See
 * fetch_internal.h. */
#include "sync/fetch/fetch_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
	READ_AT_ONCE = 256,
};

struct paths {
	char *p[READ_AT_ONCE];
	int n;
};

static bool wants_note_path(void *arg, const char *path)
{
	struct paths *paths = arg;

	paths->p[paths->n++] = mem_strdup(path);
	return paths->n < READ_AT_ONCE;
}

/* The kind is not known yet: the path is accepted if it would be as a file or as a folder. */
static bool accepted(const struct fetch *f, const char *path)
{
	return share_accepts(f->c.share, path, false) || share_accepts(f->c.share, path, true);
}

/* Makes tickets of the next wanted paths. Offers for paths that are not shared here any more are forgotten. */
static void wants_take(struct fetch *f)
{
	struct paths paths = { .n = 0 };

	index_wants_paths(f->c.index, f->walk.after, READ_AT_ONCE, wants_note_path, &paths);
	for (int i = 0; i < paths.n; i++) {
		if (accepted(f, paths.p[i]))
			(void)route_load(f, paths.p[i]);
		else
			index_offer_forget(f->c.index, paths.p[i], 0);
	}
	if (paths.n < READ_AT_ONCE)
		f->walk.more = false;
	if (paths.n > 0) {
		free(f->walk.after);
		f->walk.after = paths.p[paths.n - 1];
		paths.p[paths.n - 1] = NULL;
	}
	for (int i = 0; i < paths.n; i++)
		free(paths.p[i]);
}

void wants_restart(struct fetch *f)
{
	free(f->walk.after);
	f->walk.after = mem_strdup("");
	f->walk.more = index_wants_missing(f->c.index) > 0;
	f->walk.again = false;
	f->walk.again_ms = INT64_MAX;
	fetch_wake(f);
}

void wants_fill(struct fetch *f)
{
	/* What the index says of rows still to be judged again is what was wanted before; the end of that is told. */
	if (!f->started || f->paused || index_choosing(f->c.index))
		return;
	if (!f->walk.more && (f->walk.again || fetch_now(f) >= f->walk.again_ms))
		wants_restart(f);
	/* One piece per turn, so that other work goes on in between. */
	if (f->walk.more && ticket_below(f, WINDOW_MAX / 2)) {
		wants_take(f);
		if (f->walk.more)
			fetch_wake(f);
	}
}
