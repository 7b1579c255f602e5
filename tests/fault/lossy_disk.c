/* A disk that is not ours: lossy_disk FOLDER MOUNTPOINT [LACK...] serves FOLDER, but keeps less of a file than ext4
 * does:
 *   modes       everything shows one mode, and setting one does nothing
 *   chmod       setting a mode is refused (EPERM), and all show one
 *   utime       setting a time is refused (EOPNOTSUPP)
 *   seconds     times are of two seconds, and end with January 2038
 *   names       a name has 143 bytes at most
 *   flags       a rename knows no flags (EINVAL)
 *   links       there are no hard links (EPERM)
 *   symlinks    there are none (EPERM)
 *   syncdir     a folder cannot be synced (EINVAL)
 *   case        upper and lower case are one name, as it was first given
 * One thread serves all requests. It needs no cache: the kernel is told to ask each time. */
#define FUSE_USE_VERSION 31
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SHORT_NAME = 143, STEP_S = 2, ONE_MODE = 0755 };

static const char *const words[] = { "modes", "chmod", "utime",    "seconds", "names",
	                             "flags", "links", "symlinks", "syncdir", "case" };
enum lack { MODES, CHMOD, UTIME, SECONDS, NAMES, FLAGS, LINKS, SYMLINKS, SYNCDIR, CASE, LACKS };

static bool lacks[LACKS];
static int top; /* FOLDER */

/* --- names --- */

/* The name in the folder at `folder` that differs from name only in case; name itself when there is none. */
static void fold(const char *folder, char *name, size_t len)
{
	int fd = openat(top, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL) {
		if (strlen(e->d_name) == len && strncasecmp(e->d_name, name, len) == 0) {
			memcpy(name, e->d_name, len);
			break;
		}
	}
	if (dir != NULL)
		closedir(dir);
}

/* The path below FOLDER. A negative errno when the disk has no such name. */
static int real_path(const char *path, char out[PATH_MAX])
{
	char folder[PATH_MAX] = ".";
	char *p = out;
	size_t len;

	if (snprintf(out, PATH_MAX, "%s", path[1] != '\0' ? path + 1 : ".") >= PATH_MAX)
		return -ENAMETOOLONG;
	for (;; p += len + 1) {
		len = strcspn(p, "/");
		if (lacks[NAMES] && len > SHORT_NAME)
			return -ENAMETOOLONG;
		if (lacks[CASE])
			fold(folder, p, len);
		if (p[len] == '\0')
			return 0;
		(void)snprintf(folder, sizeof(folder), "%.*s", (int)(p + len - out), out);
	}
}

/* In each operation: PATH is the path below FOLDER. */
#define REAL(path)                           \
	char PATH[PATH_MAX];                 \
	int wrong = real_path((path), PATH); \
	if (wrong < 0)                       \
	return wrong

static int result(int rc)
{
	return rc < 0 ? -errno : 0;
}

/* --- reading metadata --- */

static void lose_time(struct timespec *t)
{
	if (!lacks[SECONDS])
		return;
	t->tv_nsec = 0;
	t->tv_sec -= t->tv_sec & (STEP_S - 1);
	if (t->tv_sec > INT32_MAX)
		t->tv_sec = INT32_MAX - 1;
}

static int get_attributes(const char *path, struct stat *st, struct fuse_file_info *file)
{
	REAL(path);
	if ((file != NULL ? fstat((int)file->fh, st) : fstatat(top, PATH, st, AT_SYMLINK_NOFOLLOW)) < 0)
		return -errno;
	lose_time(&st->st_mtim);
	lose_time(&st->st_ctim);
	if (lacks[MODES] || lacks[CHMOD])
		st->st_mode = (st->st_mode & S_IFMT) | ONE_MODE;
	return 0;
}

static int read_link(const char *path, char *out, size_t n)
{
	REAL(path);
	ssize_t got = readlinkat(top, PATH, out, n - 1);

	if (got < 0)
		return -errno;
	out[got] = '\0';
	return 0;
}

static int read_folder(const char *path, void *buf, fuse_fill_dir_t add, off_t at, struct fuse_file_info *file,
                       enum fuse_readdir_flags flags)
{
	REAL(path);
	int fd = openat(top, PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	(void)at;
	(void)file;
	(void)flags;
	if (dir == NULL)
		return -errno;
	while ((e = readdir(dir)) != NULL) {
		struct stat st = { .st_ino = e->d_ino, .st_mode = (mode_t)DTTOIF(e->d_type) };

		if (add(buf, e->d_name, &st, 0, 0) != 0)
			break;
	}
	closedir(dir);
	return 0;
}

static int get_room(const char *path, struct statvfs *st)
{
	(void)path;
	return result(fstatvfs(top, st));
}

/* --- changing names --- */

static int make_folder(const char *path, mode_t mode)
{
	REAL(path);
	return result(mkdirat(top, PATH, mode));
}

static int unlink_file(const char *path)
{
	REAL(path);
	return result(unlinkat(top, PATH, 0));
}

static int remove_folder(const char *path)
{
	REAL(path);
	return result(unlinkat(top, PATH, AT_REMOVEDIR));
}

static int make_symlink(const char *target, const char *path)
{
	REAL(path);
	if (lacks[SYMLINKS])
		return -EPERM;
	return result(symlinkat(target, top, PATH));
}

static int make_link(const char *from, const char *path)
{
	char old[PATH_MAX];
	REAL(path);

	if (lacks[LINKS])
		return -EPERM;
	if (real_path(from, old) < 0)
		return -ENAMETOOLONG;
	return result(linkat(top, old, top, PATH, 0));
}

static int move(const char *from, const char *path, unsigned flags)
{
	char old[PATH_MAX];
	REAL(path);

	if (lacks[FLAGS] && flags != 0)
		return -EINVAL;
	if (real_path(from, old) < 0)
		return -ENAMETOOLONG;
	/* A rename to another case of its own name: the file gets that name. */
	if (lacks[CASE] && strcasecmp(from, path) == 0)
		(void)snprintf(PATH, sizeof(PATH), "%s", path + 1);
	return result(renameat2(top, old, top, PATH, flags));
}

/* --- changing modes and times --- */

static int set_mode(const char *path, mode_t mode, struct fuse_file_info *file)
{
	REAL(path);
	(void)file;
	if (lacks[CHMOD])
		return -EPERM;
	if (lacks[MODES])
		return 0;
	return result(fchmodat(top, PATH, mode, 0));
}

static int set_times(const char *path, const struct timespec times[2], struct fuse_file_info *file)
{
	struct timespec kept[2] = { times[0], times[1] };
	REAL(path);

	(void)file;
	if (lacks[UTIME])
		return -EOPNOTSUPP;
	for (int i = 0; i < 2; i++)
		if (kept[i].tv_nsec != UTIME_OMIT && kept[i].tv_nsec != UTIME_NOW)
			lose_time(&kept[i]);
	return result(utimensat(top, PATH, kept, AT_SYMLINK_NOFOLLOW));
}

static int set_owner(const char *path, uid_t uid, gid_t gid, struct fuse_file_info *file)
{
	REAL(path);
	(void)file;
	return result(fchownat(top, PATH, uid, gid, AT_SYMLINK_NOFOLLOW));
}

/* --- contents --- */

static int open_real(const char *path, int flags, mode_t mode, struct fuse_file_info *file)
{
	REAL(path);
	int fd = openat(top, PATH, flags | O_NOFOLLOW | O_CLOEXEC, mode);

	file->fh = (uint64_t)fd;
	return fd < 0 ? -errno : 0;
}

static int create_file(const char *path, mode_t mode, struct fuse_file_info *file)
{
	return open_real(path, file->flags | O_CREAT, mode, file);
}

static int open_file(const char *path, struct fuse_file_info *file)
{
	return open_real(path, file->flags, 0, file);
}

static int read_file(const char *path, char *out, size_t n, off_t at, struct fuse_file_info *file)
{
	ssize_t got = pread((int)file->fh, out, n, at);

	(void)path;
	return got < 0 ? -errno : (int)got;
}

static int write_file(const char *path, const char *bytes, size_t n, off_t at, struct fuse_file_info *file)
{
	ssize_t put = pwrite((int)file->fh, bytes, n, at);

	(void)path;
	return put < 0 ? -errno : (int)put;
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *file)
{
	int fd, rc;
	REAL(path);

	if (file != NULL)
		return result(ftruncate((int)file->fh, size));
	fd = openat(top, PATH, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	rc = fd < 0 || ftruncate(fd, size) < 0 ? -errno : 0;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int sync_file(const char *path, int data_only, struct fuse_file_info *file)
{
	(void)path;
	(void)data_only;
	return result(fsync((int)file->fh));
}

static int sync_folder(const char *path, int data_only, struct fuse_file_info *file)
{
	(void)path;
	(void)data_only;
	(void)file;
	return lacks[SYNCDIR] ? -EINVAL : 0;
}

static int close_file(const char *path, struct fuse_file_info *file)
{
	(void)path;
	return result(close((int)file->fh));
}

static void *begin(struct fuse_conn_info *connection, struct fuse_config *config)
{
	(void)connection;
	config->use_ino = 1;
	config->attr_timeout = 0;
	config->entry_timeout = 0;
	config->negative_timeout = 0;
	return NULL;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations operations = {
		.init = begin,
		.getattr = get_attributes,
		.readlink = read_link,
		.readdir = read_folder,
		.statfs = get_room,
		.mkdir = make_folder,
		.unlink = unlink_file,
		.rmdir = remove_folder,
		.symlink = make_symlink,
		.link = make_link,
		.rename = move,
		.chmod = set_mode,
		.chown = set_owner,
		.utimens = set_times,
		.create = create_file,
		.open = open_file,
		.read = read_file,
		.write = write_file,
		.truncate = truncate_file,
		.fsync = sync_file,
		.fsyncdir = sync_folder,
		.release = close_file,
	};
	char foreground[] = "-f", alone[] = "-s", all[] = "-oallow_other";
	char *args[] = { argv[0], foreground, alone, all, argc > 2 ? argv[2] : NULL, NULL };

	if (argc < 3) {
		(void)fprintf(stderr, "usage: lossy_disk FOLDER MOUNTPOINT [LACK...]\n");
		return 2;
	}
	for (int i = 3; i < argc; i++) {
		int lack = 0;

		while (lack < LACKS && strcmp(argv[i], words[lack]) != 0)
			lack++;
		if (lack == LACKS) {
			(void)fprintf(stderr, "lossy_disk: no disk lacks %s\n", argv[i]);
			return 2;
		}
		lacks[lack] = true;
	}
	umask(0);
	top = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0) {
		perror(argv[1]);
		return 1;
	}
	return fuse_main(5, args, &operations, NULL);
}
