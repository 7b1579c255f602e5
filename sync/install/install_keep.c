/* Keeps what must not be lost: our own content under its conflict name, strangers, and files that only move. See
 * install_internal.h. */
#include "sync/install/install_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/plan/conflict.h"
#include "sync/plan/path.h"
#include "sync/share/seen.h"
#include "sync/versions/version_store.h"

enum { TRIES_MAX = 1000, COMPARE_PIECE = 256 << 10 };

/* The first free conflict name. If there is none, or the rename fails, it stays where it is, and the log says where. */
int install_keep_stranger(struct install_job *job, struct install_item *item, struct folder *d, const char *from,
                          const struct fs_stat *st)
{
	struct record loser = { .path = item->want->path, .mtime_ns = st->mtime_ns, .modified_by = job->short_id };
	char *shown;

	for (unsigned try = 0; try < TRIES_MAX; try++) {
		char *path = conflict_name(&loser, try);
		const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;

		if (fs_rename_noreplace(job->parts, from, d->fd, name) == 0) {
			d->dirty = true;
			item->hint = true;
			free(item->kept_path);
			item->kept_path = path;
			return 0;
		}
		free(path);
		if (errno != EEXIST)
			break;
	}
	shown = log_escape(item->want->path, strlen(item->want->path));
	log_about(LOG_WARN, &(struct log_about){ .group = job->group, .file = item->want->path },
	          "a file that appeared at %s while it was being replaced could not be put back: "
	          "it is in .lanyard/parts/, as %s (%s)",
	          shown, from, strerror(errno));
	free(shown);
	return -1;
}

/* Where the holes of both files end; INT64_MAX: both are holes to their end. */
static int64_t past_holes(int a, int b, int64_t at)
{
	int64_t da = fs_next_data(a, at), db = fs_next_data(b, at);

	return da < db ? da : db;
}

/* For two files of one size. */
static bool same_bytes(int a, int b)
{
	uint8_t *pa = mem_calloc(COMPARE_PIECE, 1), *pb = mem_calloc(COMPARE_PIECE, 1);
	int64_t at = 0;
	bool same = false;

	while (!same && (at = past_holes(a, b, at)) != INT64_MAX) {
		ssize_t na = fs_pread_full(a, pa, COMPARE_PIECE, at);
		ssize_t nb = fs_pread_full(b, pb, COMPARE_PIECE, at);

		if (na < 0 || na != nb || memcmp(pa, pb, (size_t)na) != 0)
			break;
		at += na;
		same = na < COMPARE_PIECE;
	}
	free(pa);
	free(pb);
	return same || at == INT64_MAX;
}

static bool same_files(int da, const char *a, int db, const char *b)
{
	int fa = fs_open(da, a, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	int fb = fs_open(db, b, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	bool same = fa >= 0 && fb >= 0 && same_bytes(fa, fb);

	if (fa >= 0)
		close(fa);
	if (fb >= 0)
		close(fb);
	return same;
}

bool install_is_equal(const struct install_job *job, const struct install_item *item, const struct folder *d,
                      const char *name)
{
	return item->op == INSTALL_FILE && item->ours->kind == RECORD_FILE &&
	       item->want->content.size == item->ours->content.size &&
	       same_files(install_made_in(job, item), item->temp, d->fd, name);
}

/* By a lease, which the system refuses while there is a writer. The signal of one that comes meanwhile is ignored. */
bool install_is_let_go(int dirfd, const char *name)
{
	int fd = fs_open(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	bool free = fd >= 0 && fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;

	if (fd >= 0)
		close(fd);
	return free;
}

/* Whether the thing at a taken conflict name has the content of ours, so that it need not be kept twice. */
static bool same_things(struct folder *da, const char *a, struct folder *db, const char *b)
{
	struct fs_stat sa, sb;
	char *ta, *tb;
	bool same;

	if (fs_stat_at(da->fd, a, &sa) < 0 || fs_stat_at(db->fd, b, &sb) < 0 || sa.kind != sb.kind ||
	    sa.size != sb.size)
		return false;
	if (sa.kind == S_IFREG)
		return same_files(da->fd, a, db->fd, b);
	if (sa.kind != S_IFLNK)
		return false;
	ta = fs_readlink_at(da->fd, a);
	tb = fs_readlink_at(db->fd, b);
	same = ta != NULL && tb != NULL && strcmp(ta, tb) == 0;
	free(ta);
	free(tb);
	return same;
}

/* Ours stands at its conflict name now. If it is what the row said, its row can be written; else the scan has to check
 * it. */
static void check_kept(struct install_item *item, struct folder *cd, const char *cname, char *path)
{
	struct fs_stat st;

	item->conflict_path = path;
	if (fs_stat_at(cd->fd, cname, &st) == 0 && install_came_out_same(&st, item->ours) &&
	    (st.kind == S_IFLNK || st.mode == record_disk_mode(item->ours)))
		item->conflict_seen = seen_of(&st);
	else
		item->hint = true;
}

struct copies {
	char **name; /* owned, and each of them */
	size_t n;
};

static int by_mark(const void *pa, const void *pb)
{
	return strcmp(conflict_mark(*(char *const *)pa), conflict_mark(*(char *const *)pb));
}

/* Lists the other conflict copies of the same file in this folder (all but cname), oldest first. */
static struct copies other_copies(struct folder *cd, const char *cname)
{
	int fd = openat(cd->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	char *of = conflict_original(cname), *original;
	struct copies c = { 0 };
	struct dirent *e;

	if (dir == NULL && fd >= 0)
		close(fd);
	while (dir != NULL && (e = readdir(dir)) != NULL) {
		original = strcmp(e->d_name, cname) != 0 ? conflict_original(e->d_name) : NULL;
		if (original != NULL && of != NULL && strcmp(original, of) == 0) {
			c.name = mem_realloc(c.name, c.n + 1, sizeof(*c.name));
			c.name[c.n++] = mem_strdup(e->d_name);
		}
		free(original);
	}
	if (dir != NULL)
		closedir(dir);
	free(of);
	if (c.n > 1)
		qsort(c.name, c.n, sizeof(*c.name), by_mark);
	return c;
}

/* In a storm of conflicts the oldest copies become versions. The scan notices that they are gone, and others are
 * told. */
static void bound_copies(struct install_job *job, struct install_item *item, struct folder *cd, const char *cname)
{
	struct copies c = other_copies(cd, cname);
	size_t moved = 0;

	for (size_t i = 0; i < c.n; i++) {
		struct version_place place = VERSION_PLACE_NONE;
		char *path = path_join(cd->path, c.name[i]);
		struct fs_stat st;

		if (c.n - i >= CONFLICTS_MAX && moved < INSTALL_NAMES && fs_stat_at(cd->fd, c.name[i], &st) == 0 &&
		    (st.kind == S_IFREG || st.kind == S_IFLNK) &&
		    version_store_place(job->root, path, NULL, &place) == 0 &&
		    version_store_move(&place, cd->fd, c.name[i]) == 0) {
			job->kept++;
			cd->dirty = true;
			item->names[moved++] = path;
			path = NULL;
		}
		version_store_place_close(&place);
		free(path);
		free(c.name[i]);
	}
	free(c.name);
}

/* The first conflict name that is free, or that an identical copy has already. */
int install_keep_ours(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	install_hook(STEP_LOOKED, item->want->path);
	for (unsigned try = 0; try < TRIES_MAX; try++) {
		char *path = conflict_name(item->ours, try);
		const char *cname;
		struct folder *cd = folders_open(job->folders, path, true, &cname);
		int saved_errno;

		if (cd != NULL) {
			while (fs_rename_noreplace(d->fd, name, cd->fd, cname) < 0) {
				if (folders_unlock(d))
					continue;
				goto failed;
			}
			d->dirty = true;
			cd->dirty = true;
			check_kept(item, cd, cname, path);
			if (!job->copies_stay)
				bound_copies(job, item, cd, cname);
			return 1;
		}
failed:
		saved_errno = errno;
		if (cd != NULL && saved_errno == EEXIST && same_things(d, name, cd, cname)) {
			free(path);
			return 0;
		}
		free(path);
		if (saved_errno != EEXIST)
			return install_fail(item, saved_errno == ENOENT ? INSTALL_CHANGED : INSTALL_ERROR, saved_errno);
	}
	return install_fail(item, INSTALL_ERROR, EEXIST);
}

static bool changes_meta(const struct install_item *item)
{
	return item->want->mode != item->from->mode || item->want->mtime_ns != item->from->mtime_ns;
}

/* The file is at its new place; its mode and mtime may have to follow. */
void install_finish_move(struct install_job *job, struct install_item *item, struct folder *to, const char *name,
                         struct fs_stat *st)
{
	const struct record *want = item->want, *from = item->from;
	bool follow = changes_meta(item);
	struct fs_stat now = *st;

	item->result = INSTALL_DONE;
	item->made = *st;
	if (!follow && st->mode != record_disk_mode(from)) {
		/* A user changed it a moment ago. */
		item->made.mode = record_disk_mode(from);
	} else if (follow && (st->mode != disk_mode_kept(job->handle->disk, want->kind, want->mode) ||
	                      st->mtime_ns != want->mtime_ns)) {
		job->sync_all = true;
		if (install_change_meta(job, to, name, want, st, &item->made) < 0 ||
		    fs_stat_at(to->fd, name, &now) < 0) {
			/* The file is where it belongs, with the right content; the scan finds out its mode and mtime.
			 * If they could not be set because another user owns the file, that is not a change by that
			 * user. */
			if (errno == EPERM)
				item->seen = install_kept_as(st);
			item->hint = true;
			return;
		}
	}
	item->seen = install_kept_as(&item->made);
	if (now.mode == item->made.mode && now.mtime_ns == item->made.mtime_ns)
		item->seen = seen_of(&now);
	else
		item->hint = true;
}

void install_move(struct install_job *job, struct install_item *item)
{
	const char *from_name, *name;
	struct folder *from = folders_open(job->folders, item->from->path, false, &from_name);
	struct folder *to = folders_open(job->folders, item->want->path, item->mkdirs, &name);
	struct fs_stat st;

	if (from == NULL || to == NULL || fs_stat_at(from->fd, from_name, &st) < 0 ||
	    !install_look_same(&st, item->from)) {
		install_fail(item, INSTALL_CHANGED, errno);
		return;
	}
	/* They would be set for all its hard links: the file is copied instead. */
	if (st.nlink > 1 && changes_meta(item)) {
		install_fail(item, INSTALL_CHANGED, 0);
		return;
	}
	install_hook(STEP_LOOKED, item->want->path);
	while (fs_rename_noreplace(from->fd, from_name, to->fd, name) < 0) {
		if (folders_unlock(from) || folders_unlock(to))
			continue;
		install_fail(item, errno == EEXIST || errno == ENOENT ? INSTALL_CHANGED : INSTALL_ERROR, errno);
		return;
	}
	from->dirty = true;
	to->dirty = true;
	install_hook(STEP_SWAPPED, item->want->path);
	if (fs_stat_at(to->fd, name, &st) < 0 || !install_came_out_same(&st, item->from)) {
		/* We moved something else: it goes back. If it cannot, the scan finds it at its new name. */
		item->hint = true;
		(void)fs_rename_noreplace(to->fd, name, from->fd, from_name);
		install_fail(item, INSTALL_CHANGED, 0);
		return;
	}
	install_finish_move(job, item, to, name, &st);
}
