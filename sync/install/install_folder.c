/* A folder that moves as a whole: all that is in it moves to the same names in a new folder, and itself goes. That is
 * one rename, where the disk has in the folder what the rows say and nothing else. Otherwise, and wherever anything is
 * not as expected, nothing is done, and the files move one by one as they would anyway.
 *
 * What a user makes in the folder between our look and the rename moves along, as it would with anybody's rename: the
 * event of the rename has the scan look through the folder. See decision 0045. */
#include "sync/install/install_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sync/share/seen.h"

/* The files that are to move with their folder: items of the job, by name. */
struct movers {
	struct install_item **items;
	size_t n;
	size_t skip;      /* bytes of their paths that are the new folder's, with the slash ... */
	size_t from_skip; /* ... and the old one's */
};

static bool moves_along(const struct install_item *item, const struct movers *m, const struct install_item *folder)
{
	const char *to = item->want->path, *from = item->from->path;

	return strncmp(from, folder->from->path, m->from_skip - 1) == 0 && from[m->from_skip - 1] == '/' &&
	       strcmp(from + m->from_skip, to + m->skip) == 0 && strchr(to + m->skip, '/') == NULL;
}

/* All items below the new folder have to be such files. */
static struct movers find_movers(const struct install_job *job, size_t at)
{
	const struct install_item *folder = job->items[at];
	size_t len = strlen(folder->want->path);
	struct movers m = { .items = job->items + at + 1,
		            .skip = len + 1,
		            .from_skip = strlen(folder->from->path) + 1 };

	for (size_t i = at + 1; i < job->n; i++) {
		const struct install_item *item = job->items[i];
		const char *path = item->want->path;

		if (strncmp(path, folder->want->path, len) != 0 || path[len] != '/')
			break;
		if (item->op != INSTALL_MOVE || item->result != INSTALL_DONE || !moves_along(item, &m, folder))
			return (struct movers){ 0 };
		m.n++;
	}
	return m;
}

static const struct install_item *mover_of(const struct movers *m, const char *name)
{
	size_t low = 0, high = m->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int cmp = strcmp(name, m->items[mid]->want->path + m->skip);

		if (cmp == 0)
			return m->items[mid];
		if (cmp < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static bool is_as_its_row_says(int dirfd, const char *name, const struct record *from)
{
	struct fs_stat st;

	return fs_stat_at(dirfd, name, &st) == 0 && st.kind != 0 && install_look_same(&st, from) && st.nlink == 1;
}

/* Whether all of them are in the folder, each as its row says, and nothing else is. */
static bool holds_just_them(int dirfd, const struct movers *m)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	bool just = dir != NULL;
	struct dirent *e;
	size_t n = 0;

	if (dir == NULL && fd >= 0)
		close(fd);
	while (just && (e = readdir(dir)) != NULL) {
		const struct install_item *item = mover_of(m, e->d_name);

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		just = item != NULL && is_as_its_row_says(dirfd, e->d_name, item->from);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	return just && n == m->n;
}

/* old: the folder itself. */
static bool rename_folder(struct install_job *job, const struct install_item *item, const struct folder *old,
                          struct folder *from, const char *from_name, struct folder *to, const char *name)
{
	struct fs_stat st, there;

	if (fs_stat_at(from->fd, from_name, &st) < 0 || st.kind != S_IFDIR || st.mode != record_disk_mode(item->from) ||
	    fs_stat_at(to->fd, name, &there) < 0 || there.kind != 0)
		return false;
	install_hook(STEP_LOOKED, item->want->path);
	/* What left it before in this batch is still to be synced. */
	job->folders->lost |= old->dirty;
	folders_forget(job->folders, item->from->path);
	if (fs_rename_noreplace(from->fd, from_name, to->fd, name) < 0)
		return false;
	from->dirty = true;
	to->dirty = true;
	install_hook(STEP_SWAPPED, item->want->path);
	return true;
}

/* One that is another than its row says was changed at the very moment: it is its user's, at its new path. */
static void check_mover(struct install_job *job, struct install_item *item, struct folder *to)
{
	const char *name = strrchr(item->want->path, '/') + 1;
	struct fs_stat st;

	item->moved = true;
	if (fs_stat_at(to->fd, name, &st) == 0 && install_came_out_same(&st, item->from)) {
		install_finish_move(job, item, to, name, &st);
		return;
	}
	item->hint = true;
	install_fail(item, INSTALL_CHANGED, 0);
}

bool install_folder(struct install_job *job, size_t at)
{
	struct install_item *item = job->items[at];
	struct movers m = item->op == INSTALL_DIR && item->from != NULL && !job->folds_case ? find_movers(job, at)
	                                                                                    : (struct movers){ 0 };
	const char *from_name, *name, *inner;
	struct folder *from = m.n > 0 ? folders_open(job->folders, item->from->path, false, &from_name) : NULL;
	struct folder *to = from != NULL ? folders_open(job->folders, item->want->path, item->mkdirs, &name) : NULL;
	struct folder *old = to != NULL ? folders_open(job->folders, m.items[0]->from->path, false, &inner) : NULL;

	if (old == NULL || !holds_just_them(old->fd, &m) || !rename_folder(job, item, old, from, from_name, to, name))
		return false;
	/* From here on everything is where it belongs, whatever fails. */
	install_set_dir(job, item, to, name, true);
	for (size_t i = 0; i < m.n; i++) {
		struct folder *d = folders_open(job->folders, m.items[i]->want->path, false, &inner);

		if (d != NULL) {
			check_mover(job, m.items[i], d);
		} else {
			m.items[i]->moved = m.items[i]->hint = true;
			install_fail(m.items[i], INSTALL_CHANGED, 0);
		}
	}
	return true;
}
