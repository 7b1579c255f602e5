/* See fs_walk.h. */
#include "base/fs_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs_kernel.h"

/* How far the walk is. */
struct fs_walk {
	int top;               /* where it began; the caller's */
	int fd;                /* the folder that was reached: top, or owned */
	struct fs_mount mount; /* of top */
};

static void close_keeping_errno(int fd)
{
	int saved_errno = errno;

	close(fd);
	errno = saved_errno;
}

/* openat2 says ELOOP for a symlink wherever it stands; openat's words depend on its flags. */
static void name_the_symlink(int dirfd, const char *name)
{
	int saved_errno = errno;
	struct stat st;

	if ((errno == ENOTDIR || errno == ELOOP) &&
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 && S_ISLNK(st.st_mode))
		saved_errno = ELOOP;
	errno = saved_errno;
}

/* Closes what is on another mount than the top. */
static int refuse_other_mount(const struct fs_walk *w, int fd)
{
	struct fs_mount m;

	if (fd < 0)
		return -1;
	if (fs_kernel_mount(fd, &m) == 0) {
		if (fs_kernel_same_mount(&m, &w->mount))
			return fd;
		errno = EXDEV;
	}
	close_keeping_errno(fd);
	return -1;
}

static void walk_leave(struct fs_walk *w)
{
	if (w->fd != w->top)
		close_keeping_errno(w->fd);
	w->fd = w->top;
}

/* Goes into one folder. What is opened with O_PATH is neither read nor woken up by it. */
static int walk_into(struct fs_walk *w, const char *name)
{
	int fd = openat(w->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0) {
		name_the_symlink(w->fd, name);
		return -1;
	}
	fd = refuse_other_mount(w, fd);
	if (fd < 0)
		return -1;
	walk_leave(w);
	w->fd = fd;
	return 0;
}

/* 0: nothing of another mount is at the last name. Asked before the opening, since to open a device or a FIFO can do
 * something already. */
static int look_at_last(const struct fs_walk *w, const char *name, int flags)
{
	int fd;

	if ((flags & O_PATH) != 0 || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return 0;
	fd = openat(w->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) /* the opening itself says why */
		return 0;
	fd = refuse_other_mount(w, fd);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* The last name. A file on another mount must not even be cut, so it is cut only once its mount is known; and that is
 * asked again, since something may have been mounted after the look. */
static int open_last(const struct fs_walk *w, const char *name, int flags, mode_t mode)
{
	bool cut = (flags & O_TRUNC) != 0 && (flags & O_ACCMODE) != O_RDONLY;
	int fd;

	if (look_at_last(w, name, flags) < 0)
		return -1;
	fd = openat(w->fd, name, (flags & ~O_TRUNC) | O_NOFOLLOW, mode);
	/* O_PATH and O_NOFOLLOW together ask for the symlink itself; O_PATH alone got it by our O_NOFOLLOW. */
	if (fd >= 0 && (flags & (O_PATH | O_NOFOLLOW)) == O_PATH) {
		struct stat st;

		if (fstat(fd, &st) < 0 || S_ISLNK(st.st_mode)) {
			close(fd);
			errno = ELOOP;
			return -1;
		}
	}
	if (fd < 0 && (flags & O_NOFOLLOW) == 0)
		name_the_symlink(w->fd, name);
	fd = refuse_other_mount(w, fd);
	if (fd >= 0 && cut && ftruncate(fd, 0) < 0 && errno != EINVAL) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

/* The folder that was reached, for what is done in it rather than by its name. */
static int open_reached(const struct fs_walk *w, int flags, mode_t mode)
{
	return openat(w->fd, ".", flags, mode);
}

/* Whether name is the last one; moves *rest behind it. Empty names and "." stand for nothing, but say that what is
 * before them is a folder. */
static bool next_name(const char **rest, char name[NAME_MAX + 1], int *error)
{
	size_t n;

	for (;;) {
		*rest += strspn(*rest, "/");
		n = strcspn(*rest, "/");
		if (n != 1 || **rest != '.')
			break;
		*rest += n;
	}
	*error = n > NAME_MAX ? ENAMETOOLONG : n == 2 && memcmp(*rest, "..", 2) == 0 ? EXDEV : 0;
	if (n == 0 || *error != 0)
		return false;
	memcpy(name, *rest, n);
	name[n] = '\0';
	*rest += n;
	return true;
}

static int walk_path(struct fs_walk *w, const char *path, int flags, mode_t mode)
{
	bool tmpfile = (flags & O_TMPFILE) == O_TMPFILE;
	char name[NAME_MAX + 1];
	int error = 0;

	while (next_name(&path, name, &error)) {
		if (*path == '\0' && !tmpfile)
			return open_last(w, name, flags, mode);
		if (walk_into(w, name) < 0)
			return -1;
	}
	if (error != 0) {
		errno = error;
		return -1;
	}
	return open_reached(w, flags, mode);
}

int fs_walk_open(int dirfd, const char *path, int flags, mode_t mode)
{
	struct fs_walk w = { .top = dirfd, .fd = dirfd };
	int fd = -1;

	if (path[0] == '/' || strlen(path) >= PATH_MAX) {
		errno = path[0] == '/' ? EXDEV : ENAMETOOLONG;
		return -1;
	}
	if (fs_kernel_mount(dirfd, &w.mount) < 0)
		return -1;
	fd = walk_path(&w, path, flags | O_CLOEXEC | O_NOCTTY, mode);
	walk_leave(&w);
	return fd;
}
