/* Keeping, finding and restoring versions: see version_store.h. version_store_thin.c removes them. */
#include "sync/versions/version_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { TRIES_MAX = 1000, COPY_PIECE = 1 << 20, COPY_STEP = 256 << 20, ID_LENGTH = KEPT_ID_MAX - 1 };

void version_store_place_close(struct version_place *p)
{
	fs_close_keep_errno(p->fd);
	p->fd = -1;
}

/* --- keeping --- */

/* Opens the folder that has the versions of a tag. -1 and errno. */
static int open_shard(int root, const struct kept_tag *tag, bool create)
{
	char path[sizeof(KEPT_FOLDER) + 4];
	int fd;

	(void)snprintf(path, sizeof(path), KEPT_FOLDER "/%.2s", tag->hex);
	fd = fs_open(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0 && errno == ENOENT && create && fs_mkdirs(root, path, 0700) == 0)
		fd = fs_open(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd;
}

static int place_new(int root, const struct kept_tag *tag, const struct kept_hands *hands, const char *path,
                     struct version_place *p)
{
	p->fd = open_shard(root, tag, true);
	kept_name_format(p->name, tag, clock_wall_ns(), hands, path);
	return p->fd < 0 ? -1 : 0;
}

int version_store_place(int root, const char *path, const struct kept_hands *hands, struct version_place *p)
{
	struct kept_tag tag = kept_tag_of(path);

	return place_new(root, &tag, hands, path, p);
}

/* The same name, a nanosecond later. */
static void place_next(struct version_place *p)
{
	char id[KEPT_ID_MAX];
	struct kept_tag tag;
	int64_t at_ns = 0;

	(void)kept_name_parse(p->name, &tag, &at_ns, NULL);
	kept_id_format(id, at_ns + 1);
	memcpy(p->name + KEPT_TAG + 1, id, ID_LENGTH);
}

int version_store_move(struct version_place *p, int dirfd, const char *name)
{
	for (int try = 0; try < TRIES_MAX; try++) {
		if (fs_rename_into(dirfd, name, p->fd, p->name) == 0)
			return 0;
		if (errno == EEXIST)
			place_next(p);
		else if (errno != ENAMETOOLONG || kept_name_shorten(p->name) < 0)
			return -1;
	}
	return -1;
}

int version_store_move_tagged(int root, int dirfd, const char *name, const struct kept_tag *tag)
{
	struct version_place p;
	int rc = place_new(root, tag, NULL, NULL, &p);

	if (rc == 0)
		rc = version_store_move(&p, dirfd, name);
	version_store_place_close(&p);
	return rc;
}

/* --- finding --- */

static int kept_newest_first(const void *pa, const void *pb)
{
	const struct kept_version *a = pa, *b = pb;

	return (a->at_ns < b->at_ns) - (a->at_ns > b->at_ns);
}

static void add_version(struct kept_versions *l, int fd, const char *name, int64_t at_ns)
{
	struct fs_stat st;

	if (fs_stat_at(fd, name, &st) < 0 || (st.kind != S_IFREG && st.kind != S_IFLNK))
		return;
	l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = (struct kept_version){ .at_ns = at_ns, .name = mem_strdup(name), .st = st };
}

int version_store_list(int root, const char *path, struct kept_versions *l)
{
	struct kept_tag tag = kept_tag_of(path), other;
	int fd = open_shard(root, &tag, false);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	int64_t at_ns;

	*l = (struct kept_versions){ 0 };
	if (dir == NULL) {
		fs_close_keep_errno(fd);
		return errno == ENOENT ? 0 : -1;
	}
	while ((e = readdir(dir)) != NULL) {
		if (kept_name_parse(e->d_name, &other, &at_ns, NULL) == 0 && strcmp(tag.hex, other.hex) == 0)
			add_version(l, fd, e->d_name, at_ns);
	}
	closedir(dir);
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), kept_newest_first);
	return 0;
}

/* Keeps the newest max. */
static void newest_of(struct kept_versions *l, size_t max)
{
	if (l->n > 1)
		qsort(l->v, l->n, sizeof(*l->v), kept_newest_first);
	while (l->n > max)
		free(l->v[--l->n].name);
}

/* Adds the names that one folder of the store has; *more becomes true when older versions had to be left out. */
static int add_shard(int root, unsigned number, size_t max, struct kept_versions *l, bool *more)
{
	struct kept_tag tag;
	struct dirent *e;
	DIR *dir;
	int64_t at_ns;
	int fd;

	(void)snprintf(tag.hex, sizeof(tag.hex), "%02x", number);
	fd = open_shard(root, &tag, false);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	dir = fdopendir(fd);
	if (dir == NULL) {
		fs_close_keep_errno(fd);
		return -1;
	}
	while ((e = readdir(dir)) != NULL) {
		if (kept_name_parse(e->d_name, &tag, &at_ns, NULL) == 0) {
			l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
			l->v[l->n++] = (struct kept_version){ .at_ns = at_ns, .name = mem_strdup(e->d_name) };
		}
		if (l->n > 2 * max) {
			newest_of(l, max);
			*more = true;
		}
	}
	closedir(dir);
	return 0;
}

/* Looks at those that are left, and drops what is gone or is not a version. There may be many more in the store. */
static void kept_look_at(int root, struct kept_versions *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++) {
		struct kept_version *v = &l->v[i];
		struct kept_tag tag;
		int64_t at_ns;
		int fd = kept_name_parse(v->name, &tag, &at_ns, NULL) == 0 ? open_shard(root, &tag, false) : -1;

		if (fd >= 0 && fs_stat_at(fd, v->name, &v->st) == 0 && (v->st.kind == S_IFREG || v->st.kind == S_IFLNK))
			l->v[n++] = *v;
		else
			free(v->name);
		fs_close_keep_errno(fd);
	}
	l->n = n;
}

int version_store_list_all(int root, size_t max, struct kept_versions *l)
{
	bool more = false;
	int rc = 0;

	*l = (struct kept_versions){ 0 };
	for (unsigned number = 0; number < 256 && rc == 0; number++)
		rc = add_shard(root, number, max, l, &more);
	more |= l->n > max;
	newest_of(l, max);
	if (rc == 0)
		kept_look_at(root, l);
	return rc < 0 ? -1 : more;
}

void version_store_list_clear(struct kept_versions *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i].name);
	free(l->v);
	*l = (struct kept_versions){ 0 };
}

/* --- what a user asks for --- */

static int copy_by_hand(int from, int to, int64_t at, int64_t end)
{
	uint8_t *piece = mem_calloc(COPY_PIECE, 1);
	ssize_t n = 0;
	int rc = 0;

	for (; rc == 0 && at < end; at += n) {
		n = fs_pread_full(from, piece, end - at < COPY_PIECE ? (size_t)(end - at) : COPY_PIECE, at);
		rc = n < 0 ? -1 : fs_pwrite_all(to, piece, (size_t)n, at);
		if (n == 0)
			break;
	}
	free(piece);
	return rc;
}

/* Shares the blocks if the file system can. */
static int copy_data(int from, int to, int64_t at, int64_t end)
{
	off_t in = at, out = at;
	ssize_t n = 1;

	while (n > 0 && in < end) {
		n = copy_file_range(from, &in, to, &out, end - in < COPY_STEP ? (size_t)(end - in) : COPY_STEP, 0);
		if (n < 0 && errno == EINTR)
			n = 1;
	}
	if (n < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM))
		return copy_by_hand(from, to, in, end);
	return n < 0 ? -1 : 0;
}

/* A hole in the file is a hole in the copy. */
int version_store_copy_bytes(int from, int to)
{
	struct fs_stat st;
	int64_t at = 0;

	if (fs_stat_fd(from, &st) < 0)
		return -1;
	while ((at = fs_next_data(from, at)) < st.size) {
		int64_t hole = lseek(from, at, SEEK_HOLE), end = hole > at && hole < st.size ? hole : st.size;

		if (copy_data(from, to, at, end) < 0)
			return -1;
		at = end;
	}
	return ftruncate(to, st.size);
}

static int copy_file(int shard, const struct kept_version *v, int dirfd, const char *name)
{
	int from = fs_open(shard, v->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	int fd = from >= 0 ? fs_open(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600) : -1;
	int rc = -1;

	if (fd >= 0 && version_store_copy_bytes(from, fd) == 0 &&
	    (fs_set_mode_fd(fd, v->st.mode) == 0 || fs_lacks(errno)) &&
	    (fs_set_mtime_fd(fd, v->st.mtime_ns) == 0 || fs_lacks(errno)) && fsync(fd) == 0)
		rc = 0;
	fs_close_keep_errno(from);
	fs_close_keep_errno(fd);
	return rc;
}

static int copy_symlink(int shard, const struct kept_version *v, int dirfd, const char *name)
{
	char *target = fs_readlink_at(shard, v->name);
	int rc = target != NULL ? symlinkat(target, dirfd, name) : -1;

	free(target);
	if (rc == 0 && fs_set_mtime_at(dirfd, name, v->st.mtime_ns) < 0 && !fs_lacks(errno))
		rc = -1;
	return rc;
}

static char *parent_path(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? mem_printf("%.*s", (int)(slash - path), path) : mem_strdup("");
}

/* Opens the folder of a path that is about to be made; makes the folder if it is missing. */
static int open_parent(int root, const char *path, const char **name)
{
	char *parent = parent_path(path);
	int fd = parent[0] == '\0' || fs_mkdirs(root, parent, 0777) == 0 ? fs_open_parent(root, path, name) : -1;

	free(parent);
	return fd;
}

/* Exchanges `from` with dirfd/name, so that the replaced file is at from's place, where it is a version; a plain rename
 * if the name is free. A disk that cannot exchange needs two renames: the old file is kept first, so a crash in between
 * leaves none at the path but loses nothing. Returns 1 if something was exchanged, 0 if not, -1 and errno. */
static int exchange(int root, const struct version_place *from, int dirfd, const char *name, const char *path)
{
	struct version_place old;
	struct fs_stat st;
	int rc;

	if (fs_stat_at(dirfd, name, &st) < 0)
		return -1;
	if (st.kind == S_IFDIR) {
		errno = EISDIR;
		return -1;
	}
	if (st.kind == 0)
		return fs_rename_noreplace(from->fd, from->name, dirfd, name);
	if (fs_rename_exchange(from->fd, from->name, dirfd, name) == 0)
		return 1;
	if (errno != EOPNOTSUPP)
		return -1;
	rc = version_store_place(root, path, NULL, &old);
	if (rc == 0)
		rc = version_store_move(&old, dirfd, name);
	version_store_place_close(&old);
	return rc == 0 ? fs_rename_noreplace(from->fd, from->name, dirfd, name) : -1;
}

/* Copies v to a place for a version of `to`. The copy gets its place only once it is complete, so a crash leaves no
 * half version. */
static int copy_version(int root, const char *path, const struct kept_version *v, const char *to,
                        struct version_place *copy)
{
	struct kept_tag tag = kept_tag_of(path);
	int shard = open_shard(root, &tag, false), rc = -1, saved_errno;
	char temp[40];

	(void)snprintf(temp, sizeof(temp), KEPT_COPY_PREFIX "%016" PRIx64, random_u64());
	if (shard >= 0 && version_store_place(root, to, NULL, copy) == 0) {
		rc = v->st.kind == S_IFLNK ? copy_symlink(shard, v, copy->fd, temp)
		                           : copy_file(shard, v, copy->fd, temp);
		if (rc == 0)
			rc = version_store_move(copy, copy->fd, temp);
		if (rc < 0) {
			saved_errno = errno;
			unlinkat(copy->fd, temp, 0);
			errno = saved_errno;
			version_store_place_close(copy);
		}
	}
	fs_close_keep_errno(shard);
	return rc;
}

int version_store_restore(int root, const char *path, const struct kept_version *v, const char *to)
{
	struct version_place copy = VERSION_PLACE_NONE;
	const char *name;
	int dirfd, rc = -1;

	if (copy_version(root, path, v, to, &copy) < 0)
		return -1;
	dirfd = open_parent(root, to, &name);
	if (dirfd >= 0)
		rc = exchange(root, &copy, dirfd, name, to);
	if (rc < 0) {
		int saved_errno = errno;

		unlinkat(copy.fd, copy.name, 0);
		errno = saved_errno;
	} else {
		rc = fs_sync_dir(dirfd);
	}
	fs_close_keep_errno(dirfd);
	version_store_place_close(&copy);
	return rc;
}

/* Opens the folder of an existing file or symlink. */
static int open_parent_of_file(int root, const char *path, const char **name)
{
	int dirfd = fs_open_parent(root, path, name);
	struct fs_stat st;

	if (dirfd < 0)
		return -1;
	if (fs_stat_at(dirfd, *name, &st) == 0) {
		if (st.kind == S_IFREG || st.kind == S_IFLNK)
			return dirfd;
		errno = st.kind == 0 ? ENOENT : EISDIR;
	}
	fs_close_keep_errno(dirfd);
	return -1;
}

int version_store_retire(int root, const char *from, const char *path)
{
	struct version_place p = VERSION_PLACE_NONE;
	const char *name;
	int dirfd = open_parent_of_file(root, from, &name), rc = -1;

	if (dirfd < 0)
		return -1;
	if (version_store_place(root, path, NULL, &p) == 0 && version_store_move(&p, dirfd, name) == 0)
		rc = fs_sync_dir(dirfd);
	version_store_place_close(&p);
	fs_close_keep_errno(dirfd);
	return rc;
}

/* The place where a file is. */
static int place_of_file(int root, const char *path, struct version_place *p)
{
	const char *name = NULL;

	p->fd = open_parent_of_file(root, path, &name);
	if (p->fd >= 0)
		(void)snprintf(p->name, sizeof(p->name), "%s", name);
	return p->fd < 0 ? -1 : 0;
}

int version_store_replace(int root, const char *from, const char *to)
{
	struct version_place file, old = VERSION_PLACE_NONE;
	const char *name;
	int dirfd, rc = -1;

	if (place_of_file(root, from, &file) < 0)
		return -1;
	dirfd = open_parent(root, to, &name);
	/* The place comes first: without it the replaced file could not be kept. */
	if (dirfd >= 0 && version_store_place(root, to, NULL, &old) == 0)
		rc = exchange(root, &file, dirfd, name, to);
	if (rc > 0)
		rc = version_store_move(&old, file.fd, file.name);
	if (rc == 0)
		rc = fs_sync_dir(dirfd) < 0 || fs_sync_dir(file.fd) < 0 ? -1 : 0;
	version_store_place_close(&old);
	fs_close_keep_errno(dirfd);
	version_store_place_close(&file);
	return rc;
}

int version_store_rename(int root, const char *from, const char *to)
{
	const char *name, *new_name;
	int dirfd = open_parent_of_file(root, from, &name);
	int to_fd = dirfd >= 0 ? open_parent(root, to, &new_name) : -1;
	int rc = to_fd >= 0 ? fs_rename_noreplace(dirfd, name, to_fd, new_name) : -1;

	if (rc == 0)
		rc = fs_sync_dir(to_fd) < 0 || fs_sync_dir(dirfd) < 0 ? -1 : 0;
	fs_close_keep_errno(to_fd);
	fs_close_keep_errno(dirfd);
	return rc;
}
