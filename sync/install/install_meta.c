/* Modes and times of what is installed. Some disks keep none, or coarser ones, or refuse to set them; content is
 * installed all the same. The row keeps what the disk made of them (struct seen) next to what was asked for, so that a
 * scan does not take it for a user's change. See install_internal.h. */
#include "sync/install/install_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/share/reserve.h"
#include "sync/versions/version_store.h"

uint32_t install_shown_mode(const struct install_job *job, const struct record *want)
{
	return disk_mode_kept(job->handle->disk, want->kind, want->mode);
}

int install_give_meta(const struct install_job *job, int fd, const struct record *want)
{
	if (fs_set_mode_fd(fd, install_shown_mode(job, want)) < 0 && !fs_lacks(errno))
		return -1;
	return fs_set_mtime_fd(fd, want->mtime_ns) < 0 && !fs_lacks(errno) ? -1 : 0;
}

int install_set_meta(const struct install_job *job, struct folder *d, const char *name, const struct record *want)
{
	int error = 0;

	/* Neither call follows a symlink or a mount that appeared a moment ago. */
	while (want->kind != RECORD_SYMLINK && fs_set_mode_at(d->fd, name, install_shown_mode(job, want)) < 0) {
		if (folders_unlock(d))
			continue;
		error = errno;
		break;
	}
	while (want->kind != RECORD_DIR && fs_set_mtime_at(d->fd, name, want->mtime_ns) < 0) {
		if (folders_unlock(d))
			continue;
		error = error == 0 ? errno : error;
		break;
	}
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Finds out what the disk makes of a mode and mtime, in parts/, where no user interferes. */
static int try_meta(struct install_job *job, const struct record *want, struct fs_stat *made)
{
	char name[40];
	int fd, rc;

	(void)snprintf(name, sizeof(name), "%016" PRIx64 "-%" PRIx32 ".new", job->id, UINT32_MAX);
	fd = fs_open(job->parts, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	rc = install_give_meta(job, fd, want) == 0 ? fs_stat_fd(fd, made) : -1;
	close(fd);
	unlinkat(job->parts, name, 0);
	return rc;
}

/* Whether this mode is what the disk makes of the one that was wanted. */
static bool is_kept_mode(uint32_t mode, uint32_t want, uint32_t before, uint32_t tried)
{
	return mode == want || (tried != want && (mode == tried || mode == before));
}

static bool is_kept_time(int64_t ns, int64_t want, int64_t before, int64_t tried)
{
	return ns == want || (tried != want && (ns == tried || ns == before));
}

int install_change_meta(struct install_job *job, struct folder *d, const char *name, const struct record *want,
                        const struct fs_stat *before, struct fs_stat *made)
{
	int error = install_set_meta(job, d, name, want) < 0 ? errno : 0;
	bool mode_told = want->kind != RECORD_SYMLINK, time_told = want->kind != RECORD_DIR;
	uint32_t mode = install_shown_mode(job, want);
	struct fs_stat tried;

	if (fs_stat_at(d->fd, name, made) < 0)
		return -1;
	if (error == ENOENT || made->kind != before->kind) {
		errno = ENOENT;
		return -1;
	}
	/* A user wrote to it since: with its time set it would pass for the old content. With this size the scan reads
	 * it. */
	if (made->kind == S_IFREG && made->size != before->size)
		made->size = before->size;
	if (error == 0 && (!mode_told || made->mode == mode) && (!time_told || made->mtime_ns == want->mtime_ns))
		return 0;
	if ((error != 0 && !fs_lacks(error)) || try_meta(job, want, &tried) < 0) {
		errno = error != 0 ? error : errno;
		return -1;
	}
	/* The disk can keep them, but not on this file: another user owns it. */
	if (error != 0 && tried.mode == mode && tried.mtime_ns == want->mtime_ns) {
		errno = EPERM;
		return -1;
	}
	if (mode_told && !is_kept_mode(made->mode, mode, before->mode, tried.mode))
		made->mode = mode;
	if (time_told && !is_kept_time(made->mtime_ns, want->mtime_ns, before->mtime_ns, tried.mtime_ns))
		made->mtime_ns = want->mtime_ns;
	return 0;
}

/* Copies `from`, which must be what the row says before and after. */
static int copy_into(struct install_job *job, struct install_item *item, int from, int fd)
{
	struct fs_stat st;

	if (fs_stat_fd(from, &st) < 0 || !install_look_same(&st, item->ours) ||
	    (job->reserve && reserve_check(job->parts, st.size) < 0) || version_store_copy_bytes(from, fd) < 0 ||
	    install_give_meta(job, fd, item->want) < 0 || fsync(fd) < 0 || fs_stat_fd(fd, &item->made) < 0)
		return -1;
	return item->made.size == st.size && fs_stat_fd(from, &st) == 0 && install_look_same(&st, item->ours) ? 0 : -1;
}

/* On any failure nothing is left in parts/. */
int install_copy_as_ours(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	int from = fs_open(d->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0), fd = -1, rc = -1;

	(void)snprintf(item->temp, sizeof(item->temp), "%016" PRIx64 "-%" PRIx32 ".new", job->id,
	               UINT32_MAX - 1 - job->swaps);
	if (from >= 0)
		fd = fs_open(job->parts, item->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (fd >= 0)
		rc = copy_into(job, item, from, fd);
	if (fd >= 0 && rc < 0)
		unlinkat(job->parts, item->temp, 0);
	if (rc < 0)
		item->temp[0] = '\0';
	if (fd >= 0)
		close(fd);
	if (from >= 0)
		close(from);
	errno = EPERM;
	return rc;
}
