/* The contents of files: whole-buffer reads and writes, and small files of our own. See fs.h. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

int64_t fs_next_data(int fd, int64_t at)
{
	off_t data = lseek(fd, at, SEEK_DATA);

	if (data >= 0)
		return data;
	return errno == ENXIO ? INT64_MAX : at;
}

ssize_t fs_pread_full(int fd, void *buf, size_t n, int64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(fd, (uint8_t *)buf + done, n - done, offset + (int64_t)done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

int fs_pwrite_all(int fd, const void *buf, size_t n, int64_t offset)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(fd, (const uint8_t *)buf + done, n - done, offset + (int64_t)done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		if (put == 0) {
			errno = EIO;
			return -1;
		}
		done += (size_t)put;
	}
	return 0;
}

/* Up to max bytes and a NUL; the size in st is only a first guess, since a file may grow while it is read. */
static char *read_bounded(int fd, int64_t size, size_t max, size_t *len)
{
	size_t cap = size >= 0 && (uint64_t)size < max ? (size_t)size : max;
	char *text = mem_realloc(NULL, cap + 2, 1);
	size_t used = 0;

	for (;;) {
		/* One byte more than the maximum, to notice that there is more. */
		ssize_t got = fs_pread_full(fd, text + used, cap + 1 - used, (int64_t)used);

		if (got < 0)
			break;
		used += (size_t)got;
		if (used <= cap) {
			text[used] = '\0';
			*len = used;
			return text;
		}
		if (cap == max) {
			errno = EFBIG;
			break;
		}
		cap = cap < max / 2 ? cap * 2 + 1 : max;
		text = mem_realloc(text, cap + 2, 1);
	}
	free(text);
	return NULL;
}

char *fs_read_file(int dirfd, const char *path, size_t max, size_t *len)
{
	/* O_NONBLOCK: a FIFO in place of the file must not block us. */
	int fd = fs_open(dirfd, path, O_RDONLY | O_NONBLOCK, 0);
	struct fs_stat st;
	char *text = NULL;
	size_t n;

	if (fd < 0)
		return NULL;
	if (fs_stat_fd(fd, &st) < 0)
		goto close_fd;
	if (st.kind != S_IFREG) {
		errno = st.kind == S_IFDIR ? EISDIR : EINVAL;
		goto close_fd;
	}
	text = read_bounded(fd, st.size, max, &n);
	if (text != NULL && len != NULL)
		*len = n;
close_fd:
	fs_close_keep_errno(fd);
	return text;
}

static int write_new(int parent, const char *name, const void *p, size_t n, mode_t mode)
{
	int fd = fs_open(parent, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
	int rc = -1;

	if (fd < 0)
		return -1;
	/* fchmod, since the umask changed the mode given to open(). A disk that has no modes gets the bytes all the
	 * same: whoever reads a secret checks its mode. */
	if (fs_pwrite_all(fd, p, n, 0) == 0 && (fchmod(fd, mode) == 0 || fs_lacks(errno)) && fsync(fd) == 0)
		rc = 0;
	fs_close_keep_errno(fd);
	return rc;
}

/* A crash leaves the old file or the new one: the new one has another name until its bytes are on the disk. */
int fs_write_file(int dirfd, const char *path, const void *p, size_t n, mode_t mode)
{
	const char *name;
	char fresh[32];
	int saved_errno;
	int parent = fs_open_parent(dirfd, path, &name);
	int rc = -1;

	if (parent < 0)
		return -1;
	(void)snprintf(fresh, sizeof(fresh), ".%016llx.new", (unsigned long long)random_u64());
	if (write_new(parent, fresh, p, n, mode) < 0 || renameat(parent, fresh, parent, name) < 0)
		goto unlink_fresh;
	rc = fs_sync_dir(parent);
	goto close_parent;
unlink_fresh:
	saved_errno = errno;
	unlinkat(parent, fresh, 0);
	errno = saved_errno;
close_parent:
	fs_close_keep_errno(parent);
	return rc;
}
