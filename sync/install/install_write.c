/* Makes the new file or symlink of an item in parts/: writes and verifies it, and sets its mode and mtime. See
 * install_internal.h. */
#include "sync/install/install_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/share/reserve.h"
#include "base/sparse.h"

/* Reads a local file that should have the content into fresh memory. NULL when its size is another. */
static uint8_t *read_source(struct install_job *job, const struct record *from, const struct content *c)
{
	int fd = fs_open(job->root, from->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	uint8_t *bytes = NULL;
	struct fs_stat st;

	if (fd < 0)
		return NULL;
	if (fs_stat_fd(fd, &st) == 0 && st.kind == S_IFREG && st.size == c->size) {
		bytes = mem_calloc((size_t)c->size, 1);
		if (fs_pread_full(fd, bytes, (size_t)c->size, 0) != c->size) {
			free(bytes);
			bytes = NULL;
		}
	}
	close(fd);
	return bytes;
}

static int sync_file(struct install_job *job, int fd)
{
	int64_t start = clock_mono_ns(), took;

	if (fsync(fd) < 0)
		return -1;
	took = clock_mono_ns() - start;
	job->fsync_ns = job->fsync_ns == 0 ? took : (job->fsync_ns * 3 + took) / 4;
	return 0;
}

static int fill_file(struct install_job *job, struct install_item *item, int fd, const uint8_t *bytes, bool sync)
{
	const struct record *want = item->want;

	if (want->content.size > 0) {
		if (sparse_write(fd, bytes, (size_t)want->content.size, 0, false) < 0)
			return -1;
		/* A hole at the end was left out. */
		if (want->content.size >= SPARSE_MIN && ftruncate(fd, want->content.size) < 0)
			return -1;
	}
	/* If the disk cannot keep them, the content is installed all the same. */
	if (install_give_meta(job, fd, want) < 0 || (sync && sync_file(job, fd) < 0))
		return -1;
	return fs_stat_fd(fd, &item->made);
}

/* The hash is checked before a byte is written. */
static int write_file(struct install_job *job, struct install_item *item, const uint8_t *bytes, bool sync)
{
	uint8_t hash[32];
	int fd, rc;

	if (item->want->content.nblocks > 0) {
		sha256(hash, bytes, (size_t)item->want->content.size);
		if (memcmp(hash, item->want->content.root, sizeof(hash)) != 0)
			return install_fail(item, item->from != NULL ? INSTALL_NO_SOURCE : INSTALL_BAD_BYTES, 0);
	}
	if (job->reserve && reserve_check(job->parts, item->want->content.size) < 0)
		return install_fail(item, INSTALL_ERROR, errno);
	fd = fs_open(job->parts, item->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return install_fail(item, INSTALL_ERROR, errno);
	rc = fill_file(job, item, fd, bytes, sync);
	if (rc < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		unlinkat(job->parts, item->temp, 0);
	}
	close(fd);
	return rc;
}

static int write_symlink(struct install_job *job, struct install_item *item)
{
	/* EPERM means that the disk has no symlinks, since the folder is ours. */
	if (symlinkat(item->want->target, job->parts, item->temp) < 0)
		return install_fail(item, INSTALL_ERROR, errno == EPERM || errno == ENOSYS ? EOPNOTSUPP : errno);
	if ((fs_set_mtime_at(job->parts, item->temp, item->want->mtime_ns) < 0 && !fs_lacks(errno)) ||
	    fs_stat_at(job->parts, item->temp, &item->made) < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		unlinkat(job->parts, item->temp, 0);
		return -1;
	}
	return 0;
}

int install_write(struct install_job *job, struct install_item *item, uint32_t number, bool sync)
{
	uint8_t *copied = NULL;
	int rc;

	if (item->part != NULL) {
		(void)snprintf(item->temp, sizeof(item->temp), "%s", item->part);
		if (fs_stat_at(job->parts, item->part, &item->made) < 0)
			return install_fail(item, INSTALL_ERROR, errno);
		/* Somebody may have put another file there since it was verified. */
		if (item->made.kind != S_IFREG || item->made.size != item->want->content.size ||
		    item->made.ino != item->part_ino)
			return install_fail(item, INSTALL_NO_SOURCE, 0);
		return 0;
	}
	(void)snprintf(item->temp, sizeof(item->temp), "%016" PRIx64 "-%" PRIx32 ".new", job->id, number);
	if (item->op == INSTALL_SYMLINK)
		return write_symlink(job, item);
	if (item->bytes == NULL && item->from != NULL) {
		copied = read_source(job, item->from, &item->want->content);
		if (copied == NULL)
			return install_fail(item, INSTALL_NO_SOURCE, 0);
	}
	rc = write_file(job, item, copied != NULL ? copied : item->bytes, sync);
	free(copied);
	return rc;
}
