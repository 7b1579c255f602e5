/* See fetch_pieces.h. */
#include "sync/fetch/fetch_pieces.h"

#include "sync/fetch/fetch_internal.h"

bool fetch_pieces(const struct fetch *f, const char *path, struct pieces *p, int64_t *done, int64_t *size)
{
	const struct ticket *t = ticket_find(f, path);
	int64_t rate;

	if (t == NULL || t->download == NULL || !pieces_of(t->download, p))
		return false;
	download_progress(t->download, done, &rate);
	*size = t->want.content.size;
	return true;
}
