/* A share's files as a source of contents (sync/plan/content_source.h): the index says which files have a content, a
 * worker reads through the share's handle, and each file is checked against its row after the read (seen.h). Files that
 * the ignore rules leave out are withheld. */
#ifndef LANYARD_SYNC_SHARE_SHARE_SOURCE_H
#define LANYARD_SYNC_SHARE_SHARE_SOURCE_H

#include "sync/plan/content_source.h"

struct index;
struct share;

struct share_source {
	struct share *share;
	struct index *index;
	/* Called when a file that was looked up by its content is not what its row says, so that it is checked. Not
	 * called when the caller named the row: such a row was written just now, and the hint about a change since then
	 * is on its way. */
	void (*hint)(void *arg, const char *path);
	void *arg;
};

/* s, its share and its index must outlive the source and all its readings. */
struct content_source share_source(struct share_source *s);

#endif
