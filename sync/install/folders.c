/* Open folders: see folders.h. The paths of a batch come sorted, so a few folders are enough. */
#include "sync/install/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

static void close_folder(struct folders *c, struct folder *d)
{
	if (d->dirty)
		c->lost = true;
	if (d->unlocked)
		(void)fs_set_mode_fd(d->fd, d->mode);
	close(d->fd);
	free(d->path);
	*d = (struct folder){ .fd = -1 };
}

static struct folder *folders_find(struct folders *c, const char *path, size_t len)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->f[i].fd >= 0 && c->f[i].len == len && memcmp(c->f[i].path, path, len) == 0)
			return &c->f[i];
	}
	return NULL;
}

/* A free slot, or that of the folder that was used least recently. */
static struct folder *folders_slot(struct folders *c)
{
	struct folder *oldest = &c->f[0];

	for (size_t i = 0; i < c->n; i++) {
		if (c->f[i].fd < 0)
			return &c->f[i];
		if (c->f[i].used < oldest->used)
			oldest = &c->f[i];
	}
	if (c->n < FOLDERS_MAX)
		return &c->f[c->n++];
	close_folder(c, oldest);
	return oldest;
}

/* A folder that has to be opened may take the slot of another one, which is closed. */
struct folder *folders_open(struct folders *c, const char *path, bool mkdirs, const char **name)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash != NULL ? (size_t)(slash - path) : 0;
	struct folder *d = folders_find(c, path, len);
	char parent[PATH_MAX];
	int fd;

	*name = slash != NULL ? slash + 1 : path;
	if (d == NULL) {
		if (len >= sizeof(parent)) {
			errno = ENAMETOOLONG;
			return NULL;
		}
		memcpy(parent, path, len);
		parent[len] = '\0';
		fd = fs_open(c->root, parent, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0 && errno == ENOENT && mkdirs && fs_mkdirs(c->root, parent, 0777) == 0) {
			c->lost = true;
			fd = fs_open(c->root, parent, O_RDONLY | O_DIRECTORY, 0);
		}
		if (fd < 0)
			return NULL;
		d = folders_slot(c);
		*d = (struct folder){ .path = mem_strdup(parent), .len = len, .fd = fd };
	}
	d->used = ++c->clock;
	return d;
}

void folders_adopt(struct folders *c, const char *path, int fd)
{
	size_t len = strlen(path);
	struct folder *d = folders_find(c, path, len);

	if (d != NULL) {
		close(fd);
	} else {
		d = folders_slot(c);
		*d = (struct folder){ .path = mem_strdup(path), .len = len, .fd = fd };
	}
	d->used = ++c->clock;
	d->dirty = true;
}

void folders_forget(struct folders *c, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < c->n; i++) {
		struct folder *d = &c->f[i];

		if (d->fd >= 0 && d->len >= len && memcmp(d->path, path, len) == 0 &&
		    (d->len == len || d->path[len] == '/')) {
			d->dirty = false; /* its entries are gone with it */
			close_folder(c, d);
		}
	}
}

bool folders_unlock(struct folder *d)
{
	struct fs_stat st;
	struct stat own;

	if (errno != EACCES || d->unlocked)
		return false;
	if (fs_stat_fd(d->fd, &st) == 0 && fstat(d->fd, &own) == 0 && own.st_uid == geteuid() &&
	    (st.mode & 0700) != 0700 && fs_set_mode_fd(d->fd, st.mode | 0700) == 0) {
		d->unlocked = true;
		d->mode = st.mode;
		return true;
	}
	errno = EACCES;
	return false;
}

size_t folders_dirty(const struct folders *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->f[i].fd >= 0 && c->f[i].dirty;
	return n;
}

int folders_sync(struct folders *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct folder *d = &c->f[i];

		if (d->fd < 0 || !d->dirty)
			continue;
		if (fs_sync_dir(d->fd) < 0)
			return -1;
		d->dirty = false;
	}
	return 0;
}

void folders_close(struct folders *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->f[i].fd >= 0)
			close_folder(c, &c->f[i]);
	}
	c->n = 0;
}
