/* Makes and removes folder trees: see fs.h. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

/* Makes part, a prefix of a path whose own parent exists by now. */
static int make_one(int dirfd, const char *part, mode_t mode)
{
	const char *name;
	int parent = fs_open_parent(dirfd, part, &name);
	int rc;

	if (parent < 0)
		return -1;
	rc = mkdirat(parent, name, mode);
	if (rc < 0 && errno == EEXIST)
		rc = 0;
	fs_close_keep_errno(parent);
	return rc;
}

int fs_mkdirs(int dirfd, const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);
	int fd = fs_open(dirfd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd < 0 && errno == ENOENT) {
		if (len >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		for (size_t i = 1; i <= len; i++) {
			if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
				continue;
			memcpy(part, path, i);
			part[i] = '\0';
			if (make_one(dirfd, part, mode) < 0)
				return -1;
		}
		/* Where mkdir said EEXIST, somebody else's file or symlink may stand. */
		fd = fs_open(dirfd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
	}
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

/* One folder on the way down: enough to come back up through ".." and be sure that it is the same one. */
struct tree_level {
	char *name; /* of the folder below, in this one */
	uint64_t dev;
	uint64_t ino;
};

/* A walk that holds only one folder open, however deep it goes, since folders may nest deeper than there are
 * descriptors. */
struct tree_walk {
	int fd;                   /* the folder we are in; owned */
	struct tree_level *above; /* depth of them, the top first */
	size_t depth;
	size_t cap;
};

static int tree_down(struct tree_walk *w, const char *name)
{
	struct fs_stat st;
	int fd;

	if (fs_stat_fd(w->fd, &st) < 0)
		return -1;
	fd = fs_open(w->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return -1;
	close(w->fd);
	w->fd = fd;
	if (w->depth == w->cap) {
		w->cap = w->cap * 2 + 16;
		w->above = mem_realloc(w->above, w->cap, sizeof(w->above[0]));
	}
	w->above[w->depth++] = (struct tree_level){ .name = mem_strdup(name), .dev = st.dev, .ino = st.ino };
	return 0;
}

/* Goes back to the folder above, which must be the one it came from, and removes the folder that is empty now. */
static int tree_up(struct tree_walk *w)
{
	struct tree_level *up = &w->above[w->depth - 1];
	struct fs_stat st;
	int rc;
	int fd = openat(w->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fs_stat_fd(fd, &st) < 0 || st.dev != up->dev || st.ino != up->ino) {
		close(fd);
		errno = ESTALE; /* moved away meanwhile: what is above it now is not ours to touch */
		return -1;
	}
	close(w->fd);
	w->fd = fd;
	rc = unlinkat(fd, up->name, AT_REMOVEDIR);
	if (rc < 0 && errno == ENOENT)
		rc = 0;
	free(up->name);
	w->depth--;
	return rc;
}

/* Removes one entry if it can be done in one step. 1: it is a folder that is not empty. */
static int remove_entry(int fd, const char *name)
{
	if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -1;
	if (unlinkat(fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return errno == ENOTEMPTY || errno == EEXIST ? 1 : -1;
}

/* Empties the current folder. 1: came to a folder that is not empty, and went into it. 0: the current folder is
 * empty. */
static int empty_folder(struct tree_walk *w)
{
	int copy = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct dirent *e;
	int rc = 0;
	int saved_errno;

	if (dir == NULL) {
		if (copy >= 0)
			fs_close_keep_errno(copy);
		return -1;
	}
	while (rc == 0) {
		errno = 0;
		e = readdir(dir);
		if (e == NULL) {
			rc = errno != 0 ? -1 : 0;
			break;
		}
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		rc = remove_entry(w->fd, e->d_name);
		/* A folder that its owner may not write to can still be emptied by its owner, who may change its
		 * mode. */
		if (rc < 0 && errno == EACCES && fchmod(w->fd, 0700) == 0)
			rc = remove_entry(w->fd, e->d_name);
		if (rc > 0 && tree_down(w, e->d_name) < 0)
			rc = -1;
	}
	saved_errno = errno;
	closedir(dir);
	errno = saved_errno;
	return rc;
}

static int remove_folder(int parent, const char *name)
{
	struct tree_walk w = { .fd = dup(parent) };
	int rc = w.fd < 0 ? -1 : tree_down(&w, name);

	while (rc == 0 && w.depth > 0) {
		rc = empty_folder(&w);
		if (rc == 0)
			rc = tree_up(&w);
		else if (rc > 0)
			rc = 0;
	}
	for (size_t i = 0; i < w.depth; i++)
		free(w.above[i].name);
	free(w.above);
	if (w.fd >= 0)
		fs_close_keep_errno(w.fd);
	return rc;
}

int fs_remove_tree(int dirfd, const char *path)
{
	const char *name;
	int parent, rc;

	/* A file needs no descriptor, and goes even when none can be had. */
	if (strchr(path, '/') == NULL && unlinkat(dirfd, path, 0) == 0)
		return 0;
	parent = fs_open_parent(dirfd, path, &name);
	if (parent < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	rc = remove_entry(parent, name);
	if (rc > 0)
		rc = remove_folder(parent, name);
	fs_close_keep_errno(parent);
	return rc;
}

void fs_each_name(int dirfd, const char *suffix, void (*fn)(void *arg, const char *name), void *arg)
{
	int fd = fs_open(dirfd, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t n = strlen(suffix);
	struct dirent *e;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		size_t len = strlen(e->d_name);

		if (len >= n && strcmp(e->d_name + len - n, suffix) == 0)
			fn(arg, e->d_name);
	}
	closedir(dir);
}
