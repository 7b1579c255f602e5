/* A disk with a volatile write cache: volatile_disk IMAGE MOUNTPOINT serves the file MOUNTPOINT/disk, which begins
 * as IMAGE does. A write is remembered in the order in which it came; only an fsync of the file makes what came
 * before it safe. The loop driver turns a file system's flushes into that fsync, so a file system made on it can
 * lose what a disk could lose.
 *
 * Commands are written to MOUNTPOINT/control: "cut HOW SEED FILE" makes FILE an image of the disk as a power cut at
 * this very moment could leave it. What is safe is always in it; of the rest, by HOW:
 *   none    nothing
 *   all     everything (what a crash of the system alone does)
 *   prefix  the first few writes
 *   some    any pieces of 4 KiB, the later without the earlier
 *   torn    any sectors of 512 bytes
 * The disk itself goes on as if nothing had happened. Reading the control file gives what was counted so far.
 *
 * One thread serves all requests, so each command sees a moment between two writes. */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512, PAGE = 4096, COMMAND_MAX = 4096 };

struct write {
	uint64_t at;
	size_t n;
	uint8_t *bytes; /* owned */
};

static struct disk {
	uint64_t size;
	uint8_t *now;        /* what a reader sees */
	uint8_t *safe;       /* what survives a power cut */
	uint8_t *touched;    /* one byte per page: it was written to */
	struct write *cache; /* writes since the last flush, the oldest first */
	size_t n, room;
	uint64_t cached, writes, flushes;
} disk;

enum how { NONE, ALL, PREFIX, SOME, TORN, HOWS };
static const char *const how_names[HOWS] = { "none", "all", "prefix", "some", "torn" };

/* --- the image --- */

static void touch(uint64_t at, size_t n)
{
	for (uint64_t page = at / PAGE; n > 0 && page <= (at + n - 1) / PAGE; page++)
		disk.touched[page] = 1;
}

/* Zeros, which take no memory before they are written. */
static uint8_t *memory(uint64_t size)
{
	return calloc(size, 1);
}

/* Reads only what is not a hole. */
static int load_data(int fd)
{
	off_t at = 0, end;

	while ((at = lseek(fd, at, SEEK_DATA)) >= 0 && (end = lseek(fd, at, SEEK_HOLE)) > at) {
		touch((uint64_t)at, (size_t)(end - at));
		while (at < end) {
			ssize_t n = pread(fd, disk.now + at, (size_t)(end - at), at);

			if (n <= 0)
				return -1;
			memcpy(disk.safe + at, disk.now + at, (size_t)n);
			at += n;
		}
	}
	return errno == ENXIO ? 0 : -1;
}

static int load(const char *image)
{
	int fd = open(image, O_RDONLY | O_CLOEXEC), rc = -1;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0 && st.st_size % PAGE == 0) {
		disk.size = (uint64_t)st.st_size;
		disk.now = memory(disk.size);
		disk.safe = memory(disk.size);
		disk.touched = memory(disk.size / PAGE);
		if (disk.now != NULL && disk.safe != NULL && disk.touched != NULL)
			rc = load_data(fd);
	}
	if (fd >= 0)
		close(fd);
	return rc;
}

static void flush(void)
{
	for (size_t i = 0; i < disk.n; i++) {
		memcpy(disk.safe + disk.cache[i].at, disk.cache[i].bytes, disk.cache[i].n);
		free(disk.cache[i].bytes);
	}
	disk.n = 0;
	disk.cached = 0;
	disk.flushes++;
}

static int remember(const char *bytes, size_t n, uint64_t at)
{
	struct write w = { .at = at, .n = n, .bytes = malloc(n) };

	if (disk.n == disk.room) {
		size_t room = disk.room == 0 ? 1024 : disk.room * 2;
		struct write *more = realloc(disk.cache, room * sizeof(*more));

		if (more == NULL)
			goto free_bytes;
		disk.cache = more;
		disk.room = room;
	}
	if (w.bytes == NULL)
		return -ENOMEM;
	memcpy(w.bytes, bytes, n);
	memcpy(disk.now + at, bytes, n);
	touch(at, n);
	disk.cache[disk.n++] = w;
	disk.cached += n;
	disk.writes++;
	return 0;
free_bytes:
	free(w.bytes);
	return -ENOMEM;
}

/* --- the cut --- */

/* splitmix64: the same seed, the same cut. */
static uint64_t rnd(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static int put(int fd, const uint8_t *p, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done <= 0)
			return -1;
		p += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return 0;
}

static int save_safe(int fd)
{
	static const uint8_t zeros[PAGE];

	if (ftruncate(fd, (off_t)disk.size) < 0)
		return -1;
	for (uint64_t page = 0; page < disk.size / PAGE; page++) {
		const uint8_t *p = disk.safe + page * PAGE;

		if (disk.touched[page] != 0 && memcmp(p, zeros, PAGE) != 0 && put(fd, p, PAGE, page * PAGE) < 0)
			return -1;
	}
	return 0;
}

/* Keeps each piece of a write with a chance of odds in 16. Pieces end where the disk's own would, wherever the
 * write starts. */
static int save_pieces(int fd, const struct write *w, size_t piece, unsigned odds, uint64_t *state)
{
	size_t n;

	for (size_t done = 0; done < w->n; done += n) {
		n = piece - (w->at + done) % piece;
		if (n > w->n - done)
			n = w->n - done;
		if (rnd(state) % 16 < odds && put(fd, w->bytes + done, n, w->at + done) < 0)
			return -1;
	}
	return 0;
}

static int save_cached(int fd, enum how how, uint64_t seed)
{
	uint64_t state = seed;
	size_t n = how == NONE ? 0 : disk.n;
	unsigned odds = how == SOME || how == TORN ? 1 + (unsigned)(rnd(&state) % 15) : 16;

	if (how == PREFIX)
		n = (size_t)(rnd(&state) % (disk.n + 1));
	for (size_t i = 0; i < n; i++) {
		if (save_pieces(fd, &disk.cache[i], how == TORN ? SECTOR : PAGE, odds, &state) < 0)
			return -1;
	}
	return 0;
}

static int cut(enum how how, uint64_t seed, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), rc = -1;

	if (fd < 0)
		return -1;
	if (save_safe(fd) == 0 && save_cached(fd, how, seed) == 0)
		rc = 0;
	close(fd);
	return rc;
}

static int command(const char *text)
{
	char name[16], path[COMMAND_MAX];
	uint64_t seed;

	/* COMMAND_MAX bounds the bytes that are read into path. */
	if (sscanf(text, "cut %15s %" SCNu64 " %4095s", name, &seed, path) != 3)
		return -EINVAL;
	for (int how = 0; how < HOWS; how++) {
		if (strcmp(name, how_names[how]) == 0)
			return cut((enum how)how, seed, path) == 0 ? 0 : -EIO;
	}
	return -EINVAL;
}

/* --- the files --- */

static bool is_disk(const char *path)
{
	return strcmp(path, "/disk") == 0;
}

static bool is_control(const char *path)
{
	return strcmp(path, "/control") == 0;
}

static int get_attributes(const char *path, struct stat *st, struct fuse_file_info *file)
{
	(void)file;
	*st = (struct stat){ .st_nlink = 1, .st_mode = S_IFREG | 0600 };
	if (strcmp(path, "/") == 0)
		st->st_mode = S_IFDIR | 0700;
	else if (is_disk(path))
		st->st_size = (off_t)disk.size;
	else if (!is_control(path))
		return -ENOENT;
	return 0;
}

static int open_file(const char *path, struct fuse_file_info *file)
{
	if (!is_disk(path) && !is_control(path))
		return -ENOENT;
	file->direct_io = 1;
	return 0;
}

static int read_file(const char *path, char *out, size_t n, off_t at, struct fuse_file_info *file)
{
	char said[256];
	int length;

	(void)file;
	if (is_disk(path)) {
		if ((uint64_t)at >= disk.size)
			return 0;
		n = n < disk.size - (uint64_t)at ? n : (size_t)(disk.size - (uint64_t)at);
		memcpy(out, disk.now + at, n);
		return (int)n;
	}
	length =
		snprintf(said, sizeof(said), "writes %" PRIu64 "\nflushes %" PRIu64 "\ncached %zu\nbytes %" PRIu64 "\n",
	                 disk.writes, disk.flushes, disk.n, disk.cached);
	if (at >= length)
		return 0;
	n = n < (size_t)(length - at) ? n : (size_t)(length - at);
	memcpy(out, said + at, n);
	return (int)n;
}

static int write_file(const char *path, const char *bytes, size_t n, off_t at, struct fuse_file_info *file)
{
	char text[COMMAND_MAX];
	int rc;

	(void)file;
	if (is_disk(path)) {
		if ((uint64_t)at > disk.size || n > disk.size - (uint64_t)at)
			return -ENOSPC;
		rc = remember(bytes, n, (uint64_t)at);
		return rc < 0 ? rc : (int)n;
	}
	if (n >= sizeof(text))
		return -EINVAL;
	memcpy(text, bytes, n);
	text[n] = '\0';
	rc = command(text);
	return rc < 0 ? rc : (int)n;
}

static int sync_file(const char *path, int data_only, struct fuse_file_info *file)
{
	(void)data_only;
	(void)file;
	if (is_disk(path))
		flush();
	return 0;
}

static int truncate_file(const char *path, off_t size, struct fuse_file_info *file)
{
	(void)size;
	(void)file;
	return is_control(path) ? 0 : -EPERM;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations operations = {
		.getattr = get_attributes,
		.open = open_file,
		.read = read_file,
		.write = write_file,
		.fsync = sync_file,
		.truncate = truncate_file,
	};
	char foreground[] = "-f", alone[] = "-s";
	char *args[] = { argv[0], foreground, alone, argc == 3 ? argv[2] : NULL, NULL };

	if (argc != 3) {
		(void)fprintf(stderr, "usage: volatile_disk IMAGE MOUNTPOINT\n");
		return 2;
	}
	if (load(argv[1]) < 0) {
		perror(argv[1]);
		return 1;
	}
	return fuse_main(4, args, &operations, NULL);
}
