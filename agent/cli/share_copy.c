/* See share_copy.h. */
#include "agent/cli/share_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "base/fs.h"
#include "base/mem.h"

enum { PIECE = 1 << 20, DEPTH_MAX = 256 };

static int copy_fails(const char *path, int error)
{
	cli_error("%s: %s", path,
	          error == EEXIST ? "is in the share already, and is not overwritten" : strerror(error));
	return -1;
}

/* --- one file --- */

/* A new file below the share that has no name yet; *part is its name among the parts where the disk has no such files,
 * else NULL. -1 and errno. */
static int open_nameless(const struct share_copy *c, const char *to, char **part)
{
	const char *slash = strrchr(to, '/');
	char *folder = mem_printf("%.*s", slash != NULL ? (int)(slash - to) : 0, to);
	int fd = fs_open(c->root, folder, O_TMPFILE | O_RDWR, 0600);

	*part = NULL;
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)) {
		*part = mem_printf(".lanyard/parts/share-%ld-%lld", (long)getpid(), (long long)c->files);
		fd = fs_open(c->root, *part, O_RDWR | O_CREAT | O_EXCL, 0600);
	}
	free(folder);
	return fd;
}

/* Gives it its name, if that is free. */
static int give_name(const struct share_copy *c, int fd, const char *part, const char *to)
{
	const char *name, *from;
	int dir = fs_open_parent(c->root, to, &name), parts, rc = -1;
	char *proc = mem_printf("/proc/self/fd/%d", fd);

	if (dir >= 0 && part == NULL) {
		rc = linkat(AT_FDCWD, proc, dir, name, AT_SYMLINK_FOLLOW);
	} else if (dir >= 0) {
		parts = fs_open_parent(c->root, part, &from);
		rc = parts >= 0 ? fs_rename_noreplace(parts, from, dir, name) : -1;
		fs_close_keep_errno(parts);
	}
	if (rc == 0)
		rc = fs_sync_dir(dir);
	fs_close_keep_errno(dir);
	free(proc);
	return rc;
}

static int copy_bytes(int from, int to)
{
	uint8_t *piece = mem_calloc(1, PIECE);
	int64_t at = 0;
	ssize_t n;

	while ((n = fs_pread_full(from, piece, PIECE, at)) > 0 && fs_pwrite_all(to, piece, (size_t)n, at) == 0)
		at += n;
	free(piece);
	return n == 0 ? 0 : -1;
}

/* Whether both have the same bytes, as read again. */
static bool copy_is_same(int a, int b)
{
	uint8_t *one = mem_calloc(1, PIECE), *other = mem_calloc(1, PIECE);
	int64_t at = 0;
	ssize_t n, m;
	bool same;

	do {
		n = fs_pread_full(a, one, PIECE, at);
		m = fs_pread_full(b, other, PIECE, at);
		same = n >= 0 && n == m && memcmp(one, other, (size_t)n) == 0;
		at += n;
	} while (same && n > 0);
	free(other);
	free(one);
	return same;
}

/* -1 and errno; EAGAIN: the source changed meanwhile. */
static int fill_copy(struct share_copy *c, int from, int to)
{
	struct fs_stat before, after;
	bool reflink;

	if (fs_stat_fd(from, &before) < 0)
		return -1;
	reflink = ioctl(to, FICLONE, from) == 0;
	if (!reflink && copy_bytes(from, to) < 0)
		return -1;
	if (fsync(to) < 0 || fs_stat_fd(from, &after) < 0)
		return -1;
	if (before.size != after.size || before.mtime_ns != after.mtime_ns || before.ctime_ns != after.ctime_ns ||
	    (!reflink && !copy_is_same(from, to))) {
		errno = EAGAIN;
		return -1;
	}
	if ((fs_set_mode_fd(to, before.mode) < 0 || fs_set_mtime_fd(to, before.mtime_ns) < 0) && !fs_lacks(errno))
		return -1;
	c->reflinks += reflink;
	c->bytes += before.size;
	return 0;
}

static int copy_one(struct share_copy *c, int dirfd, const char *name, const char *shown, const char *to)
{
	int from = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), fd, error;
	char *part = NULL;
	int rc;

	if (from < 0)
		return copy_fails(shown, errno);
	fd = open_nameless(c, to, &part);
	rc = fd < 0 ? -1 : fill_copy(c, from, fd);
	if (rc == 0)
		rc = give_name(c, fd, part, to);
	error = errno;
	if (rc < 0 && fd >= 0 && part != NULL)
		(void)fs_remove_tree(c->root, part);
	if (fd >= 0)
		close(fd);
	close(from);
	free(part);
	if (rc == 0)
		c->files++;
	else if (error == EAGAIN)
		cli_error("%s: it changed while it was copied; try again", shown);
	else
		(void)copy_fails(error == EEXIST ? to : shown, error);
	return rc;
}

/* --- links and folders --- */

static int copy_link(struct share_copy *c, int dirfd, const char *name, const char *shown, const char *to)
{
	char *target = fs_readlink_at(dirfd, name);
	const char *last;
	int parent = target != NULL ? fs_open_parent(c->root, to, &last) : -1;
	int rc = parent >= 0 ? symlinkat(target, parent, last) : -1, error = errno;

	if (parent >= 0)
		close(parent);
	free(target);
	c->files += rc == 0;
	return rc < 0 ? copy_fails(error == EEXIST ? to : shown, error) : 0;
}

static int copy_any(struct share_copy *c, int dirfd, const char *name, const char *shown, const char *to, int depth);

static int copy_entries(struct share_copy *c, DIR *dir, const char *shown, const char *to, int depth)
{
	const struct dirent *d;
	int rc = 0;

	while (rc == 0 && (errno = 0, d = readdir(dir)) != NULL) {
		char *below, *there;

		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || strcmp(d->d_name, ".lanyard") == 0)
			continue;
		below = mem_printf("%s/%s", shown, d->d_name);
		there = mem_printf("%s/%s", to, d->d_name);
		rc = copy_any(c, dirfd(dir), d->d_name, below, there, depth + 1);
		free(there);
		free(below);
	}
	return rc == 0 && errno != 0 ? copy_fails(shown, errno) : rc;
}

/* The share itself, inside what is copied: by another name for a folder above it, or by a mount. It would be copied
 * into itself without end. */
static bool is_the_share(const struct share_copy *c, const struct stat *st)
{
	struct stat root;

	return fstat(c->root, &root) == 0 && root.st_dev == st->st_dev && root.st_ino == st->st_ino;
}

static int copy_folder(struct share_copy *c, int parent, const char *name, const char *shown, const char *to, int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), target, rc;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const char *last;
	struct stat st;

	if (dir == NULL) {
		fs_close_keep_errno(fd);
		return copy_fails(shown, errno);
	}
	if (fstat(fd, &st) < 0 || is_the_share(c, &st)) {
		closedir(dir);
		cli_error("%s: this is the group's folder, which cannot be put into itself", shown);
		return -1;
	}
	target = fs_open_parent(c->root, to, &last);
	rc = target >= 0 ? mkdirat(target, last, (st.st_mode & 0777) | 0700) : -1;
	fs_close_keep_errno(target);
	rc = rc < 0 ? copy_fails(errno == EEXIST ? to : shown, errno) : copy_entries(c, dir, shown, to, depth);
	closedir(dir);
	return rc;
}

static int copy_any(struct share_copy *c, int dirfd, const char *name, const char *shown, const char *to, int depth)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return copy_fails(shown, errno);
	if (S_ISREG(st.st_mode))
		return copy_one(c, dirfd, name, shown, to);
	if (S_ISLNK(st.st_mode))
		return copy_link(c, dirfd, name, shown, to);
	if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		return copy_folder(c, dirfd, name, shown, to, depth);
	if (depth == 0) {
		cli_error("%s: neither a file, a folder nor a symlink", shown);
		return -1;
	}
	cli_error("%s: neither a file, a folder nor a symlink: skipped", shown);
	c->skipped++;
	return 0;
}

/* Checked first, so that a folder that is there is not filled up. */
int share_copy(struct share_copy *c, const char *source, const char *to)
{
	struct fs_stat st;

	if (fs_stat_beneath(c->root, to, &st) < 0)
		return copy_fails(to, errno);
	if (st.kind != 0)
		return copy_fails(to, EEXIST);
	return copy_any(c, AT_FDCWD, source, source, to, 0);
}
