/* The common part of hashing small and large files: how a file is opened, what a read of it is worth, and how it
 * goes back to the caller. See hash_internal.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sync/hash/hash_internal.h"
#include "sync/share/seen.h"

int hash_open(int dirfd, const char *name)
{
	/* O_NONBLOCK: what was a file may be a FIFO by now. */
	int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
	int fd = fs_open(dirfd, name, flags | O_NOATIME, 0);

	if (fd < 0 && errno == EPERM)
		fd = fs_open(dirfd, name, flags, 0);
	return fd;
}

enum hash_status hash_compare(const struct fs_stat *before, const struct fs_stat *after)
{
	const struct seen seen = seen_of(before);

	switch (seen_match(&seen, after)) {
	case SEEN_SAME:
		return HASH_DONE;
	case SEEN_ALL_BUT_CTIME:
		return HASH_AGAIN;
	case SEEN_OTHER:
		break;
	}
	return HASH_CHANGED;
}

void hash_fail(struct hash_file *f, int error)
{
	blocklist_clear(&f->blocks);
	f->error = error;
	f->status = HASH_FAILED;
	if (error == ENOENT || error == ENOTDIR || error == ELOOP || error == ENXIO)
		f->status = HASH_AGAIN;
	else if (error == ESTALE)
		f->status = HASH_CHANGED; /* it became shorter */
}

void hash_finish(struct hash *h, struct hash_file *f)
{
	h->pending--;
	if (h->freed)
		h->ops->drop(f);
	else
		h->ops->done(h->arg, f);
}

bool hash_ended(struct hash *h)
{
	if (!h->freed || h->small_out > 0 || h->large_out > 0)
		return false;
	free(h);
	return true;
}
