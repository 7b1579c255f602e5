/* Whether what is on disk still is what a row says: the one check, for all that rely on a row. Touches no
 * disk: the caller brings the stat. Any thread. */
#ifndef LANYARD_SYNC_SHARE_SEEN_H
#define LANYARD_SYNC_SHARE_SEEN_H

#include "base/fs.h"
#include "sync/plan/record.h"

enum seen_match {
	SEEN_OTHER, /* another file, or written to: size, mtime or inode differ; or the row has never seen one */
	/* All but the ctime agree: the file was renamed, linked or given another mode, or it was written to and its
	 * mtime set back. Only its bytes tell which. */
	SEEN_ALL_BUT_CTIME,
	SEEN_SAME,
};

enum seen_match seen_match(const struct seen *s, const struct fs_stat *st);
/* st as a row records it. */
struct seen seen_of(const struct fs_stat *st);

#endif
