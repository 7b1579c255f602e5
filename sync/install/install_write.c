/* Makes the new file or symlink of an item in parts/: writes and verifies it, and sets its mode and mtime. See
 * install_internal.h. */
#include "sync/install/install_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/share/reserve.h"
#include "base/sparse.h"

enum {
	BLOCK = 4096,
	ROOM = 1 << 20, /* bytes by which files of a batch may pass the reserve together */
};

/* Reads a local file that should have the content into fresh memory. NULL when its size is another. */
static uint8_t *read_source(struct install_job *job, const struct record *from, const struct content *c)
{
	int fd = fs_open(job->root, from->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	uint8_t *bytes = NULL;
	struct fs_stat st;

	if (fd < 0)
		return NULL;
	if (fs_stat_fd(fd, &st) == 0 && st.kind == S_IFREG && st.size == c->size) {
		bytes = mem_calloc((size_t)c->size, 1);
		if (fs_pread_full(fd, bytes, (size_t)c->size, 0) != c->size) {
			free(bytes);
			bytes = NULL;
		}
	}
	close(fd);
	return bytes;
}

static int sync_file(struct install_job *job, int fd)
{
	int64_t start = clock_mono_ns(), took;

	if (fsync(fd) < 0)
		return -1;
	took = clock_mono_ns() - start;
	job->fsync_ns = job->fsync_ns == 0 ? took : (job->fsync_ns * 3 + took) / 4;
	return 0;
}

/* The file usually has its mode already: it was created with it. */
static int give_new_meta(struct install_job *job, struct install_item *item, int fd)
{
	const struct record *want = item->want;

	if (fs_set_mtime_fd(fd, want->mtime_ns) < 0 && !fs_lacks(errno))
		return -1;
	if (fs_stat_fd(fd, &item->made) < 0)
		return -1;
	if (item->made.mode == install_shown_mode(job, want) && item->made.special == 0)
		return 0;
	return install_give_meta(job, fd, want) < 0 ? -1 : fs_stat_fd(fd, &item->made);
}

static int fill_file(struct install_job *job, struct install_item *item, int fd, const uint8_t *bytes, bool sync)
{
	const struct record *want = item->want;

	if (want->content.size > 0) {
		if (sparse_write(fd, bytes, (size_t)want->content.size, 0, false) < 0)
			return -1;
		/* A hole at the end was left out. */
		if (want->content.size >= SPARSE_MIN && ftruncate(fd, want->content.size) < 0)
			return -1;
	}
	/* If the disk cannot keep them, the content is installed all the same. */
	if (give_new_meta(job, item, fd) < 0)
		return -1;
	return sync ? sync_file(job, fd) : 0;
}

/* The disk is asked for a good many files at a time. */
static int has_room(struct install_job *job, int64_t bytes)
{
	bytes = (bytes + BLOCK - 1) / BLOCK * BLOCK;
	if (job->room < bytes) {
		/* What was granted before is written by now. */
		reserve_give(job->taken);
		job->taken = job->room = 0;
		if (bytes < ROOM && reserve_take(job->parts, ROOM) == 0)
			job->taken = ROOM;
		else if (reserve_take(job->parts, bytes) == 0)
			job->taken = bytes;
		else
			return -1;
		job->room = job->taken;
	}
	job->room -= bytes;
	return 0;
}

void install_verify_all(struct install_job *job)
{
	struct sha256_input *inputs = mem_calloc(job->n, sizeof(*inputs));
	struct install_item **of = mem_calloc(job->n, sizeof(*of));
	size_t n = 0;

	for (size_t i = 0; i < job->n; i++) {
		struct install_item *item = job->items[i];

		if (item->op != INSTALL_FILE || item->bytes == NULL || item->want->content.nblocks != 1)
			continue;
		inputs[n] = (struct sha256_input){ .p = item->bytes, .n = (size_t)item->want->content.size };
		of[n++] = item;
	}
	sha256_many(inputs, n);
	for (size_t i = 0; i < n; i++)
		of[i]->verified = memcmp(inputs[i].digest, of[i]->want->content.root, SHA256_SIZE) == 0;
	free(of);
	free(inputs);
}

/* The hash is checked before a byte is written. */
static int write_file(struct install_job *job, struct install_item *item, const uint8_t *bytes, bool sync)
{
	uint8_t hash[32];
	int fd, rc;

	if (item->want->content.nblocks > 0 && !item->verified) {
		sha256(hash, bytes, (size_t)item->want->content.size);
		if (memcmp(hash, item->want->content.root, sizeof(hash)) != 0)
			return install_fail(item, item->from != NULL ? INSTALL_NO_SOURCE : INSTALL_BAD_BYTES, 0);
	}
	if (job->reserve && has_room(job, item->want->content.size) < 0)
		return install_fail(item, INSTALL_ERROR, errno);
	item->staged = job->staging >= 0 && !record_is_live(item->ours);
	fd = fs_open(install_made_in(job, item), item->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
	             install_shown_mode(job, item->want));
	if (fd < 0)
		return install_fail(item, INSTALL_ERROR, errno);
	rc = fill_file(job, item, fd, bytes, sync);
	if (rc < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		unlinkat(install_made_in(job, item), item->temp, 0);
	}
	close(fd);
	return rc;
}

static int write_symlink(struct install_job *job, struct install_item *item)
{
	/* EPERM means that the disk has no symlinks, since the folder is ours. */
	if (symlinkat(item->want->target, job->parts, item->temp) < 0)
		return install_fail(item, INSTALL_ERROR, errno == EPERM || errno == ENOSYS ? EOPNOTSUPP : errno);
	/* That it cannot be opened is nothing that the disk lacks. */
	if ((fs_set_mtime_at(job->parts, item->temp, item->want->mtime_ns) < 0 &&
	     (errno == EACCES || !fs_lacks(errno))) ||
	    fs_stat_at(job->parts, item->temp, &item->made) < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		unlinkat(job->parts, item->temp, 0);
		return -1;
	}
	return 0;
}

int install_write(struct install_job *job, struct install_item *item, uint32_t number, bool sync)
{
	uint8_t *copied = NULL;
	int rc;

	if (item->part != NULL) {
		(void)snprintf(item->temp, sizeof(item->temp), "%s", item->part);
		if (fs_stat_at(job->parts, item->part, &item->made) < 0)
			return install_fail(item, INSTALL_ERROR, errno);
		/* Somebody may have put another file there since it was verified. */
		if (item->made.kind != S_IFREG || item->made.size != item->want->content.size ||
		    item->made.ino != item->part_ino)
			return install_fail(item, INSTALL_NO_SOURCE, 0);
		return 0;
	}
	(void)snprintf(item->temp, sizeof(item->temp), "%016" PRIx64 "-%" PRIx32 ".new", job->id, number);
	if (item->op == INSTALL_SYMLINK)
		return write_symlink(job, item);
	if (item->bytes == NULL && item->from != NULL) {
		copied = read_source(job, item->from, &item->want->content);
		if (copied == NULL)
			return install_fail(item, INSTALL_NO_SOURCE, 0);
	}
	rc = write_file(job, item, copied != NULL ? copied : item->bytes, sync);
	free(copied);
	return rc;
}
