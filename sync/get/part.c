/* Parts on the disk: see part.h. */
#include "sync/get/part_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "sync/share/reserve.h"
#include "sync/plan/zeros.h"

enum { FILE_NAME = PART_NAME + 8 };

static void file_name(char out[FILE_NAME], const struct part_job *job, const char *suffix)
{
	(void)snprintf(out, FILE_NAME, "%s%s", job->name, suffix);
}

static int open_plain(int dir, const char *name, int flags)
{
	int fd = fs_open(dir, name, flags | O_NOFOLLOW | O_NONBLOCK, 0600);
	struct fs_stat st;

	/* A part that was finished but not installed may have a mode that keeps even its owner out. */
	if (fd < 0 && errno == EACCES && fs_set_mode_at(dir, name, 0600) == 0)
		fd = fs_open(dir, name, flags | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd >= 0 && (fs_stat_fd(fd, &st) < 0 || st.kind != S_IFREG)) {
		close(fd);
		errno = EINVAL;
		fd = -1;
	}
	return fd;
}

/* Reads the map, if it is a map of this content. */
static int read_map(struct part_job *job, int fd, struct part_map *m)
{
	/* The size of a map follows from the content, except for the path; a file of another size is not read. */
	size_t least = part_map_size("", &job->content);
	struct fs_stat st;
	uint8_t *p;
	int rc = -1;

	*m = (struct part_map){ 0 };
	if (fs_stat_fd(fd, &st) < 0 || st.size < (int64_t)least || st.size > (int64_t)least + RECORD_PATH_MAX)
		return -1;
	p = mem_calloc((size_t)st.size, 1);
	if (fs_pread_full(fd, p, (size_t)st.size, 0) == (ssize_t)st.size)
		rc = part_map_decode(m, p, (size_t)st.size);
	free(p);
	if (rc == 0 && !content_equal(&m->content, &job->content)) {
		part_map_clear(m);
		rc = -1;
	}
	return rc;
}

/* 0: an earlier part is taken up; -1: there is none that fits. */
static int open_old(struct part_job *job)
{
	char name[FILE_NAME];
	struct part_map m = { 0 };
	struct fs_stat st;

	file_name(name, job, ".part");
	job->part = open_plain(job->parts, name, O_RDWR);
	file_name(name, job, ".map");
	job->map = open_plain(job->parts, name, O_RDWR);
	if (job->part >= 0 && job->map >= 0 && fs_stat_fd(job->part, &st) == 0 && st.size == job->content.size &&
	    read_map(job, job->map, &m) == 0) {
		blocklist_clear(&job->list);
		job->list = m.list;
		job->have = m.have;
		m.list = (struct blocklist){ 0 };
		m.have = NULL;
		job->have_at = part_map_have_at(m.path, &job->content);
		job->taken_over = strcmp(m.path, job->path) != 0;
		part_map_clear(&m);
		job->dirty = true;
		return 0;
	}
	if (job->part >= 0)
		close(job->part);
	if (job->map >= 0)
		close(job->map);
	job->part = -1;
	job->map = -1;
	return -1;
}

/* 0, or -1 and errno if one of them stays. */
static int remove_files(struct part_job *job)
{
	char name[FILE_NAME];
	int rc;

	/* Even a folder that somebody put there, or this content could never come. */
	file_name(name, job, ".map");
	rc = fs_remove_tree(job->parts, name);
	file_name(name, job, ".part");
	return fs_remove_tree(job->parts, name) < 0 ? -1 : rc;
}

static int write_map(struct part_job *job)
{
	size_t size = part_map_size(job->path, &job->content);
	uint8_t *p = mem_calloc(size, 1);
	int rc;

	job->have_at = part_map_have_at(job->path, &job->content);
	part_map_encode(p, job->path, &job->content, &job->list);
	rc = fs_pwrite_all(job->map, p, size, 0);
	free(p);
	return rc;
}

/* The files are new and nobody else's (O_EXCL). On an error neither is left. */
static void open_new(struct part_job *job)
{
	char name[FILE_NAME];

	(void)remove_files(job);
	file_name(name, job, ".part");
	job->part = open_plain(job->parts, name, O_RDWR | O_CREAT | O_EXCL);
	if (job->part < 0)
		goto failed;
	file_name(name, job, ".map");
	job->map = open_plain(job->parts, name, O_RDWR | O_CREAT | O_EXCL);
	if (job->map < 0)
		goto close_part;
	if (ftruncate(job->part, job->content.size) < 0 || write_map(job) < 0)
		goto close_map;
	return;
close_map:
	job->error = errno;
	close(job->map);
	job->map = -1;
	errno = job->error;
close_part:
	job->error = errno;
	close(job->part);
	job->part = -1;
	errno = job->error;
failed:
	job->error = errno;
	(void)remove_files(job);
}

/* On a disk that can share blocks between files, a copy of a whole file costs neither time nor space. The file may
 * have rotted, so its blocks are only claimed. */
static void clone_source(struct part_job *job)
{
	int fd = fs_open(job->root, job->source, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct fs_stat st;

	if (fd < 0)
		return;
	if (fs_stat_fd(fd, &st) == 0 && st.kind == S_IFREG && st.size == job->content.size &&
	    ioctl(job->part, FICLONE, fd) == 0) {
		memset(job->have, PART_CLAIMS, job->list.n);
		job->dirty = true;
		job->cloned = true;
	}
	close(fd);
}

/* Blocks of zeros need not be sent: what is not written yet is zero, and what an earlier run wrote there, or a clone
 * contains, becomes a hole. On a disk that has no holes, these blocks are verified or requested like others. */
static void make_zeros(struct part_job *job)
{
	int64_t start = 0, end;

	for (uint32_t i = 0, j; i < job->list.n; i = j) {
		end = start;
		for (j = i; j < job->list.n && zeros_block(&job->list.b[j]); j++)
			end += job->list.b[j].len;
		if (j > i && (!job->dirty || fallocate(job->part, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start,
		                                       end - start) == 0))
			memset(job->have + i, PART_ZEROS, j - i);
		for (; j < job->list.n && !zeros_block(&job->list.b[j]); j++)
			end += job->list.b[j].len;
		start = end;
	}
}

static bool is_claimed(const void *arg, uint32_t block)
{
	const uint8_t *have = arg;

	return have[block] != 0;
}

/* A content that does not fit on the disk is neither begun nor continued. */
static bool fits(struct part_job *job)
{
	int64_t needed;

	if (!job->reserve)
		return true;
	needed = reserve_needed(&job->list, job->have != NULL ? is_claimed : NULL, job->have);
	if (needed == 0 || reserve_check(job->parts, needed) == 0)
		return true;
	job->error = errno;
	return false;
}

/* The coming part becomes the part: its bytes are in place, and the map says so after the rename. What is not known
 * to be right is verified like any claim. -1: it cannot be had, and the part is begun as if there were none. */
static int take_legacy(struct part_job *job)
{
	char name[FILE_NAME];
	uint8_t *claims = mem_calloc(job->list.n, 1);
	int rc = -1;

	(void)remove_files(job);
	file_name(name, job, ".part");
	if (renameat(job->parts, job->legacy->file, job->parts, name) < 0)
		goto free_claims;
	job->part = open_plain(job->parts, name, O_RDWR);
	file_name(name, job, ".map");
	job->map = open_plain(job->parts, name, O_RDWR | O_CREAT | O_EXCL);
	job->dirty = true;
	for (uint32_t i = 0; i < job->list.n; i++)
		claims[i] = job->have[i] != PART_LACKS || zeros_block(&job->list.b[i]);
	if (job->part >= 0 && job->map >= 0 && ftruncate(job->part, job->content.size) == 0 && write_map(job) == 0 &&
	    fs_pwrite_all(job->map, claims, job->list.n, job->have_at) == 0)
		rc = 0;
	if (rc < 0 && job->part >= 0)
		close(job->part);
	if (rc < 0 && job->map >= 0)
		close(job->map);
	if (rc < 0)
		job->part = job->map = -1;
free_claims:
	free(claims);
	return rc;
}

/* What the coming part has counts as here before there is a part, so that the disk's reserve is asked for the rest. */
static bool open_legacy(struct part_job *job)
{
	job->have = mem_calloc(job->list.n, 1);
	coming_legacy_have(job->legacy, &job->list, job->have);
	if (fits(job) && take_legacy(job) == 0)
		return true;
	free(job->have);
	job->have = NULL;
	return false;
}

static void close_unfit(struct part_job *job, bool is_new)
{
	close(job->part);
	close(job->map);
	job->part = -1;
	job->map = -1;
	if (is_new)
		(void)remove_files(job);
}

int part_open_older(int root, const char *path, int64_t *size)
{
	int fd = fs_open(root, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	struct fs_stat st = { 0 };

	if (fd >= 0 && (fs_stat_fd(fd, &st) < 0 || st.kind != S_IFREG)) {
		close(fd);
		fd = -1;
	}
	*size = st.size;
	return fd;
}

static void open_part(struct part_job *job)
{
	bool is_new = open_old(job) < 0, taken = is_new && job->legacy != NULL && open_legacy(job);

	if (job->legacy != NULL && !taken)
		unlinkat(job->parts, job->legacy->file, 0);
	if (is_new && !taken && (job->list.n == 0 || job->error != 0 || (job->source == NULL && !fits(job))))
		return;
	if (is_new && !taken)
		open_new(job);
	if (is_new && !taken && job->part >= 0)
		job->have = mem_calloc(job->list.n, 1);
	if (is_new && !taken && job->part >= 0 && job->source != NULL)
		clone_source(job);
	if (job->part >= 0)
		make_zeros(job);
	if (job->part >= 0 && !fits(job))
		close_unfit(job, is_new);
	if (job->part >= 0 && job->list.n > 1)
		job->old = part_open_older(job->root, job->path, &job->old_size);
}

static void finish_part(struct part_job *job)
{
	struct fs_stat st;
	bool failed = (fs_set_mode_fd(job->part, job->shown) < 0 && !fs_lacks(errno)) ||
	              (fs_set_mtime_fd(job->part, job->mtime_ns) < 0 && !fs_lacks(errno)) || fsync(job->part) < 0;

	if (failed || fs_stat_fd(job->part, &st) < 0)
		job->error = errno;
	else
		job->ino = st.ino;
}

/* Pieces are written before the map says so, in every operation. */
void part_job_run(struct part_job *job)
{
	switch (job->op) {
	case PART_OPEN:
		open_part(job);
		break;
	case PART_WRITE:
		part_write_pieces(job);
		break;
	case PART_COPY:
		part_copy_pieces(job);
		break;
	case PART_VERIFY:
		part_verify_pieces(job);
		break;
	case PART_SYNC:
		if (fdatasync(job->part) < 0 || fdatasync(job->map) < 0)
			job->error = errno;
		break;
	case PART_FINISH:
		finish_part(job);
		break;
	case PART_REMOVE:
		if (remove_files(job) < 0)
			job->error = errno;
		break;
	}
}

void part_job_free(struct part_job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		slab_free(&job->pieces[i].bytes);
		free(job->pieces[i].digests);
	}
	free(job->pieces);
	free(job->path);
	blocklist_clear(&job->list);
	free(job->have);
	if (job->op == PART_OPEN || job->op == PART_REMOVE)
		close(job->parts);
	if (job->op == PART_COPY || job->op == PART_OPEN)
		close(job->root);
	free(job->source);
	coming_legacy_free(job->legacy);
	free(job);
}
