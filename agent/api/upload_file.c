/* See upload_file.h. */
#include "agent/api/upload_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/share/reserve.h"
#include "sync/versions/version_store.h"

enum { NAMES_MAX = 1000, NEW_MODE = 0644 };

struct upload_file *upload_file_new(struct share_handle *handle, char *path, int64_t size)
{
	struct upload_file *u = MEM_NEW(struct upload_file);

	u->handle = handle;
	u->path = path;
	u->size = size;
	u->mtime_ns = -1;
	u->fd = -1;
	return u;
}

void upload_file_free(struct upload_file *u)
{
	if (u == NULL)
		return;
	share_handle_free(u->handle);
	free(u->path);
	free(u->why);
	free(u);
}

static int refuse(struct upload_file *u, enum upload_outcome outcome, const char *why)
{
	u->outcome = outcome;
	free(u->why);
	u->why = mem_strdup(why);
	return -1;
}

/* By errno. */
static int refuse_error(struct upload_file *u)
{
	if (errno == RESERVE_REACHED || errno == ENOSPC || errno == EDQUOT)
		return refuse(u, UPLOAD_FULL, "the disk of the share has no room for it: free some space");
	if (errno == ELOOP || errno == ENOTDIR)
		return refuse(u, UPLOAD_REFUSED, "a part of the path is not a folder");
	if (errno == EXDEV)
		return refuse(u, UPLOAD_REFUSED, "another disk is mounted on a part of the path");
	return refuse(u, UPLOAD_REFUSED, strerror(errno));
}

/* --- looking --- */

static int check_place(struct upload_file *u)
{
	struct fs_stat st;

	if (fs_stat_beneath(u->handle->root, u->path, &st) < 0)
		return refuse_error(u);
	u->exists = st.kind != 0;
	if (st.kind == S_IFDIR && u->taken != UPLOAD_KEEP_BOTH)
		return refuse(u, UPLOAD_REFUSED, "a folder is there: choose another name");
	if (st.kind != 0 && st.kind != S_IFREG && st.kind != S_IFLNK && u->taken == UPLOAD_REPLACE)
		return refuse(u, UPLOAD_REFUSED, "what is there cannot be replaced: choose another name");
	return 0;
}

static int check_room(struct upload_file *u)
{
	return reserve_check(u->handle->parts, u->size - u->written) < 0 ? refuse_error(u) : 0;
}

void upload_file_look(struct upload_file *u)
{
	char *why = NULL;

	if (share_handle_check(u->handle, &why) < 0)
		(void)refuse(u, UPLOAD_REFUSED, why);
	else if (check_place(u) == 0)
		(void)check_room(u);
	free(why);
}

/* --- writing --- */

/* What it takes of the disk is taken now, so that a full disk is found before the bytes are sent. Some disks cannot. */
static int allocate_room(struct upload_file *u)
{
	if (u->size == 0 || fallocate(u->fd, FALLOC_FL_KEEP_SIZE, 0, u->size) == 0 || errno == EOPNOTSUPP ||
	    errno == ENOSYS || errno == EINTR)
		return 0;
	return refuse_error(u);
}

/* What a crash leaves of such a name is removed when the share is opened. */
void upload_file_open(struct upload_file *u)
{
	upload_file_look(u);
	if (u->outcome == UPLOAD_FINE && u->exists && u->taken == UPLOAD_REFUSE)
		(void)refuse(u, UPLOAD_REFUSED, "something is there already: say whether to replace it or keep both");
	if (u->outcome != UPLOAD_FINE)
		return;
	(void)snprintf(u->temp, sizeof(u->temp), "upload-%016" PRIx64 ".new", random_u64());
	u->fd = fs_open(u->handle->parts, u->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (u->fd < 0) {
		u->temp[0] = '\0';
		(void)refuse_error(u);
		return;
	}
	(void)allocate_room(u);
}

/* Checks the reserve again: others write, too, and a disk may not have allocated the room. */
void upload_file_write(struct upload_file *u, const uint8_t *p, size_t n)
{
	if (u->outcome != UPLOAD_FINE)
		return;
	if (reserve_take(u->handle->parts, 0) < 0 || fs_pwrite_all(u->fd, p, n, u->written) < 0)
		(void)refuse_error(u);
	else
		u->written += (int64_t)n;
}

/* --- its place --- */

/* "name (2).ext" of "name.ext". Fresh. */
static char *numbered(const char *path, int number)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path, *dot = strrchr(name, '.');
	size_t stem = dot != NULL && dot > name ? (size_t)(dot - path) : strlen(path);

	return mem_printf("%.*s (%d)%s", (int)stem, path, number, path + stem);
}

/* Its mode is that of what it replaces. */
static int give_meta(struct upload_file *u)
{
	struct fs_stat st;
	uint32_t mode = NEW_MODE;

	if (u->taken == UPLOAD_REPLACE && fs_stat_beneath(u->handle->root, u->path, &st) == 0 && st.kind == S_IFREG)
		mode = st.mode;
	if (u->handle->disk != NULL)
		mode = disk_mode_kept(u->handle->disk, RECORD_FILE, mode);
	if (fs_set_mode_fd(u->fd, mode) < 0 && !fs_lacks(errno))
		return -1;
	return u->mtime_ns >= 0 && fs_set_mtime_fd(u->fd, u->mtime_ns) < 0 && !fs_lacks(errno) ? -1 : 0;
}

/* To the path, or beside what is there. */
static int move_to_free_name(struct upload_file *u, const char *from)
{
	char *to = mem_strdup(u->path);
	int rc = version_store_rename(u->handle->root, from, to);

	for (int i = 2; rc < 0 && errno == EEXIST; i++) {
		int saved_errno = errno;

		u->exists = true;
		if (u->taken != UPLOAD_KEEP_BOTH || i > NAMES_MAX) {
			errno = saved_errno;
			break;
		}
		free(to);
		to = numbered(u->path, i);
		rc = version_store_rename(u->handle->root, from, to);
	}
	if (rc == 0) {
		free(u->path);
		u->path = to;
		return 0;
	}
	if (errno == EEXIST)
		(void)refuse(u, UPLOAD_REFUSED, "something is there by now: say whether to replace it or keep both");
	else
		(void)refuse_error(u);
	free(to);
	return -1;
}

void upload_file_place(struct upload_file *u)
{
	char from[sizeof(".lanyard/parts/") + sizeof(u->temp)];
	char *why = NULL;
	int rc;

	if (u->outcome != UPLOAD_FINE)
		return;
	(void)snprintf(from, sizeof(from), ".lanyard/parts/%s", u->temp);
	if (give_meta(u) < 0 || fsync(u->fd) < 0) {
		(void)refuse_error(u);
		return;
	}
	if (share_handle_check(u->handle, &why) < 0 || check_place(u) < 0) {
		if (why != NULL)
			(void)refuse(u, UPLOAD_REFUSED, why);
		free(why);
		return;
	}
	if (u->taken != UPLOAD_REPLACE)
		rc = move_to_free_name(u, from);
	else if ((rc = version_store_replace(u->handle->root, from, u->path)) < 0)
		(void)refuse_error(u);
	if (rc == 0)
		u->temp[0] = '\0';
}

void upload_file_abandon(struct upload_file *u)
{
	if (u->fd >= 0)
		close(u->fd);
	u->fd = -1;
	if (u->temp[0] != '\0')
		unlinkat(u->handle->parts, u->temp, 0);
	u->temp[0] = '\0';
}
