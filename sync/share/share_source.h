/* A share's files as a source of contents: the index says which files have a content, the disk is read by workers through the
 * share's handle, and each file is checked against its row after it was read (seen.h). The share's ignore rules decide what is
 * given away. The loop's thread, but for content_read(). */
#ifndef LANYARD_SYNC_SHARE_SHARE_SOURCE_H
#define LANYARD_SYNC_SHARE_SHARE_SOURCE_H

#include "sync/plan/content_source.h"

struct index;
struct share;

struct share_source {
	struct share *share;
	struct index *index;
	/* A file that was looked up by its content is not what its row says: check it. Not called for a reading of a row that
	 * the caller named: who names a row was told of it just now, and so are we of what changed it. */
	void (*hint)(void *arg, const char *path);
	void *arg;
};

/* s is lent, and so are its share and index: they outlive the source and all its readings. */
struct content_source share_source(struct share_source *s);

#endif
