/* See seen.h. */
#include "sync/share/seen.h"

enum seen_match seen_match(const struct seen *s, const struct fs_stat *st)
{
	if (record_seen_is_none(s) || s->ino != st->ino || s->size != st->size || s->mtime_ns != st->mtime_ns)
		return SEEN_OTHER;
	return s->ctime_ns == st->ctime_ns ? SEEN_SAME : SEEN_ALL_BUT_CTIME;
}

struct seen seen_of(const struct fs_stat *st)
{
	return (struct seen){ .size = st->size,
		              .mtime_ns = st->mtime_ns,
		              .ctime_ns = st->ctime_ns,
		              .ino = st->ino,
		              .mode = st->mode };
}
