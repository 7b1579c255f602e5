/* A batch from beginning to end: write all, sync, check and rename each, sync the folders. See install_job.h. */
#include "sync/install/install_internal.h"

#include <dirent.h>
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
#include "sync/plan/path.h"
#include "sync/share/reserve.h"

/* From this number on, one syncfs usually costs less than a sync of each. */
enum { MANY = 16 };

static bool item_frees_folder(const struct install_item *item)
{
	const struct record *ours = item->ours;
	bool folder = ours != NULL && !ours->deleted && ours->kind == RECORD_DIR;

	return folder && item->op != INSTALL_DIR && item->op != INSTALL_META;
}

/* Items that make things first, then those that remove files, then those that remove folders. */
static int item_stage(const struct install_item *item)
{
	if (item_frees_folder(item))
		return 2;
	return item->op == INSTALL_DELETE;
}

/* Folders before their contents; when they are removed, after. */
static int by_stage(const void *pa, const void *pb)
{
	const struct install_item *a = *(struct install_item *const *)pa, *b = *(struct install_item *const *)pb;
	int sa = item_stage(a), sb = item_stage(b);

	if (sa != sb)
		return sa - sb;
	return sa == 2 ? path_compare(b->want->path, a->want->path) : path_compare(a->want->path, b->want->path);
}

static bool is_pending(const struct install_item *item)
{
	return item->result == INSTALL_DONE;
}

static bool makes_file(const struct install_item *item)
{
	return item->op == INSTALL_FILE || item->op == INSTALL_SYMLINK;
}

static void fail_pending(struct install_job *job, bool files_only, int error)
{
	for (size_t i = 0; i < job->n; i++) {
		struct install_item *item = job->items[i];

		if (is_pending(item) && (!files_only || makes_file(item))) {
			install_fail(item, INSTALL_ERROR, error);
			item->hint = !files_only;
		}
	}
}

static void sync_written(struct install_job *job)
{
	int64_t start = clock_mono_ns();

	if (syncfs(job->parts) < 0)
		fail_pending(job, true, errno);
	job->syncfs_ns = clock_mono_ns() - start;
}

/* Without it, all is written into parts/ itself. */
static void open_staging(struct install_job *job)
{
	(void)snprintf(job->staging_name, sizeof(job->staging_name), "%016" PRIx64 ".new", job->id);
	if (mkdirat(job->parts, job->staging_name, 0700) == 0)
		job->staging = fs_open(job->parts, job->staging_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
}

static void close_staging(struct install_job *job)
{
	if (job->staging >= 0)
		close(job->staging);
	job->staging = -1;
	if (job->staging_name[0] != '\0')
		(void)unlinkat(job->parts, job->staging_name, AT_REMOVEDIR);
}

/* Writes all new files into parts/, complete and durable. */
static void write_all(struct install_job *job)
{
	size_t files = 0;
	bool many;

	for (size_t i = 0; i < job->n; i++)
		files += makes_file(job->items[i]) && job->items[i]->part == NULL;
	many = files >= MANY && (job->fsync_ns == 0 || (int64_t)files * job->fsync_ns > job->syncfs_ns);
	install_verify_all(job);
	if (many)
		open_staging(job);
	job->fsync_ns = 0;
	job->syncfs_ns = 0;
	for (size_t i = 0; i < job->n; i++) {
		struct install_item *item = job->items[i];

		if (makes_file(item))
			(void)install_write(job, item, (uint32_t)i, !many);
		if (is_pending(item))
			install_hook(STEP_WRITTEN, item->want->path);
	}
	if (many)
		sync_written(job);
	reserve_give(job->taken);
	job->taken = job->room = 0;
}

/* If a power cut took the notes but not the renames, the scan would take our files for the user's own. A syncfs of the
 * same disk has synced the notes too. A failure does not stop the install: the index reports it by itself. */
static void make_notes_safe(struct install_job *job)
{
	if (job->sync_notes != NULL && !(job->reserve && job->syncfs_ns != 0))
		job->sync_notes(job->notes);
}

/* Some entries of a folder that should be empty, so that the scan can check them. */
static void list_names(struct install_job *job, struct install_item *item)
{
	int fd = fs_open(job->root, item->want->path, O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	size_t n = 0;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (n < INSTALL_NAMES && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			item->names[n++] = mem_strdup(e->d_name);
	}
	closedir(dir);
}

static void apply_all(struct install_job *job)
{
	for (size_t i = 0; i < job->n; i++) {
		struct install_item *item = job->items[i];

		if (is_pending(item) && !item->moved && !install_folder(job, i))
			install_apply(job, item);
		/* Also of one that could not be made durable. */
		if (item->temp[0] != '\0' && item->part == NULL)
			unlinkat(install_made_in(job, item), item->temp, 0);
		if (item->result == INSTALL_NOT_EMPTY)
			list_names(job, item);
	}
}

/* Makes every rename durable, so that rows may say so. */
static void sync_folders(struct install_job *job)
{
	int rc;

	if (job->sync_all || job->folders->lost || folders_dirty(job->folders) >= MANY)
		rc = syncfs(job->parts);
	else
		rc = folders_sync(job->folders);
	if (rc < 0)
		fail_pending(job, false, errno);
}

static size_t new_folders(const struct install_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n; i++)
		n += job->items[i]->op == INSTALL_DIR;
	return n;
}

/* A user may delete the file between our rename and our row. A scan that ran in that gap had no row to compare with,
 * so it noticed nothing, and the next full scan may be an hour away. So we check now, and the path is hinted if it is
 * gone. Items come in runs of one folder, which is opened again by its path: it may be another by now. */
static void check_once_more(struct install_job *job)
{
	const char *open_path = NULL;
	size_t open_len = 0;
	int dirfd = -1;

	for (size_t i = 0; i < job->n; i++) {
		struct install_item *item = job->items[i];
		const char *path = item->want->path, *slash = strrchr(path, '/'),
			   *name = slash != NULL ? slash + 1 : path;
		struct fs_stat st = { 0 };

		if (item->result != INSTALL_DONE || item->op == INSTALL_DELETE)
			continue;
		if (open_path == NULL || open_len != (size_t)(name - path) || memcmp(open_path, path, open_len) != 0) {
			if (dirfd >= 0)
				close(dirfd);
			dirfd = fs_open_parent(job->root, path, &name);
			open_path = path;
			open_len = (size_t)(name - path);
		}
		item->away = dirfd < 0 || fs_stat_at(dirfd, name, &st) < 0 || st.kind == 0;
		if (item->placed)
			install_placed_as(item, &st, !item->away);
	}
	if (dirfd >= 0)
		close(dirfd);
}

static bool job_share_is_there(struct install_job *job)
{
	bool there = job->handle != NULL && share_handle_check(job->handle, &job->share_why) == 0;

	if (job->handle == NULL)
		job->share_why = mem_strdup("no descriptors are left");
	for (size_t i = 0; i < job->n; i++)
		job->items[i]->result = there ? INSTALL_DONE : INSTALL_NO_SHARE;
	return there;
}

void install_job_run(struct install_job *job)
{
	struct folders folders = { 0 };

	if (!job_share_is_there(job))
		return;
	job->root = job->handle->root;
	job->parts = job->handle->parts;
	folders.root = job->root;
	job->folders = &folders;
	job->staging = -1;
	job->sync_all = new_folders(job) >= MANY;
	qsort(job->items, job->n, sizeof(job->items[0]), by_stage);
	write_all(job);
	make_notes_safe(job);
	apply_all(job);
	close_staging(job);
	sync_folders(job);
	check_once_more(job);
	folders_close(&folders);
	job->folders = NULL;
}

void install_item_clear(struct install_item *item)
{
	free(item->conflict_path);
	free(item->kept_path);
	for (size_t i = 0; i < INSTALL_NAMES; i++)
		free(item->names[i]);
	*item = (struct install_item){ 0 };
}
