/* Blocks of files that have no record yet, from a member that may write: taken where the file will be wanted, and got
 * by sync/get. Only the record decides what becomes of them. See fetch.h. */
#include <stdlib.h>

#include "base/mem.h"
#include "sync/fetch/fetch_internal.h"

static bool is_wanted(struct fetch *f, const char *path)
{
	struct record offer = { .path = mem_strdup(path), .kind = RECORD_FILE };
	bool wanted = index_wants(f->c.index, &offer);

	free(offer.path);
	return wanted;
}

/* While parts/ is looked through, what is new there would be taken for a leftover. */
bool fetch_coming(struct fetch *f, uint64_t peer, const struct coming *said)
{
	bool able = f->started && !f->paused && !f->stopping && !f->cleaning;

	if (said->state == COMING_RUN && (!able || !is_wanted(f, said->path)))
		return true;
	return get_take_coming(f->get, peer, said);
}
