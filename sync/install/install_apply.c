/* The step that changes the share: check the target again, rename, check what came out. See install_internal.h. */
#include "sync/install/install_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "sync/install/swap.h"
#include "sync/share/seen.h"
#include "sync/versions/version_store.h"

/* The name in parts/ for the old thing that comes out of the item's path. exchanged: the new thing has this name
 * first, and changes places with the old one. */
static void name_swap(struct install_job *job, struct install_item *item, bool exchanged, char name[SWAP_NAME_MAX])
{
	const struct record *ours = item->ours;
	struct swap s = {
		.id = job->id,
		.number = job->swaps++,
		.old_ino = ours->seen.ino,
		.old_size = ours->seen.size,
		.old_mtime_ns = ours->seen.mtime_ns,
		.new_size = exchanged ? item->made.size : -1,
		.new_mtime_ns = item->made.mtime_ns,
		.tag = kept_tag_of(item->want->path),
	};

	if (exchanged && item->part != NULL)
		memcpy(s.part, item->part, 32);
	swap_name(name, &s);
}

void install_placed_as(struct install_item *item, const struct fs_stat *st, bool there)
{
	const struct record *want = item->want;
	bool is_dir = want->kind == RECORD_DIR, has_mode = want->kind != RECORD_SYMLINK;

	if (there && st->kind == item->made.kind && st->ino == item->made.ino &&
	    (is_dir || (st->size == item->made.size && st->mtime_ns == item->made.mtime_ns)) &&
	    (!has_mode || st->mode == item->made.mode)) {
		item->seen = seen_of(st);
	} else {
		item->seen = install_kept_as(&item->made);
		item->hint = true;
	}
}

/* Checks what we have just put at the item's path. */
static void check_placed(struct install_item *item, struct folder *d, const char *name)
{
	struct fs_stat st = { 0 };

	d->dirty = true;
	install_hook(STEP_PLACED, item->want->path);
	install_placed_as(item, &st, fs_stat_at(d->fd, name, &st) == 0);
	item->part_used = item->part != NULL;
	item->result = INSTALL_DONE;
}

/* The new thing goes where nothing should be; the rename itself checks that. */
static int put_new(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	install_hook(STEP_LOOKED, item->want->path);
	while (fs_rename_noreplace(install_made_in(job, item), item->temp, d->fd, name) < 0) {
		if (folders_unlock(d))
			continue;
		return install_fail(item, errno == EEXIST ? INSTALL_CHANGED : INSTALL_ERROR, errno);
	}
	item->temp[0] = '\0';
	/* Nothing came out that has to be judged by it, so one look at the end of the batch is enough. */
	d->dirty = true;
	install_hook(STEP_PLACED, item->want->path);
	item->placed = true;
	item->part_used = item->part != NULL;
	item->result = INSTALL_DONE;
	return 0;
}

/* An old thing on its way out of the share. */
struct outgoing {
	char swap[SWAP_NAME_MAX];                            /* its name in parts/ */
	char temp[sizeof(((struct install_item *)0)->temp)]; /* the name of the new thing there */
	struct fs_stat st;                                   /* the old thing's */
	struct version_place place;                          /* where it is to go */
};

/* The thing that came out goes back to its name, or to a conflict name if that is taken by now. */
static int take_back(struct install_job *job, struct install_item *item, struct folder *d, const char *name,
                     const struct outgoing *o, enum install_result result)
{
	int error = errno;

	item->hint = true;
	if (fs_rename_noreplace(job->parts, o->swap, d->fd, name) < 0)
		(void)install_keep_stranger(job, item, d, o->swap, &o->st);
	return install_fail(item, result, error);
}

/* The thing in parts/ is kept as a version, or nowhere. 0, or -1 and errno. */
static int keep_or_release(struct install_job *job, const struct install_item *item, const char *swap,
                           struct version_place *out)
{
	if (item->release)
		return unlinkat(job->parts, swap, 0);
	if (version_store_move(out, job->parts, swap) < 0)
		return -1;
	job->kept++;
	return 0;
}

/* Makes a version of the thing at name, if it is what the row says; else it goes back. It goes to parts/ first: until
 * it is checked it may be what a user wrote a moment ago, and after a crash a version might be all that is left of it.
 * *out: where it is; the caller closes it. */
static int take_out(struct install_job *job, struct install_item *item, struct folder *d, const char *name,
                    struct version_place *out)
{
	struct outgoing o = { .temp = "" };

	*out = VERSION_PLACE_NONE;
	name_swap(job, item, false, o.swap);
	install_hook(STEP_LOOKED, item->want->path);
	if (!item->release && version_store_place(job->root, item->want->path, &item->hands, out) < 0)
		return install_fail(item, INSTALL_ERROR, errno);
	while (fs_rename_into(d->fd, name, job->parts, o.swap) < 0) {
		if (folders_unlock(d))
			continue;
		return install_fail(item, errno == ENOENT ? INSTALL_CHANGED : INSTALL_ERROR, errno);
	}
	d->dirty = true;
	install_hook(STEP_SWAPPED, item->want->path);
	if (fs_stat_at(job->parts, o.swap, &o.st) < 0)
		return install_fail(item, INSTALL_ERROR, errno);
	if (!install_came_out_same(&o.st, item->ours))
		return take_back(job, item, d, name, &o, INSTALL_CHANGED);
	if (keep_or_release(job, item, o.swap, out) < 0)
		return take_back(job, item, d, name, &o, INSTALL_ERROR);
	return 0;
}

/* For file systems that cannot exchange: the old thing goes out, then the new one in. */
static void replace_by_steps(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	struct version_place out;

	if (take_out(job, item, d, name, &out) == 0 && put_new(job, item, d, name) < 0 && item->result == INSTALL_ERROR)
		(void)fs_rename_noreplace(out.fd, out.name, d->fd, name);
	version_store_place_close(&out);
}

/* The old thing could not be kept: it changes places with the new one again, and the item waits. What a user wrote in
 * between is kept. */
static void put_back(struct install_job *job, struct install_item *item, struct folder *d, const char *name,
                     const struct outgoing *o)
{
	struct fs_stat st;
	int error = errno;

	if (fs_rename_exchange(job->parts, o->swap, d->fd, name) < 0) {
		/* It stays in parts/ until the next start makes a version of it. */
		log_about(LOG_WARN, &(struct log_about){ .group = job->group, .file = item->want->path },
		          "the replaced file could not be kept as a version yet: it is .lanyard/parts/%s (%s)", o->swap,
		          strerror(error));
		return;
	}
	item->seen = (struct seen){ 0 };
	item->hint = true;
	install_fail(item, INSTALL_ERROR, error);
	if (fs_stat_at(job->parts, o->swap, &st) < 0)
		return;
	if (st.ino != item->made.ino || st.size != item->made.size || st.mtime_ns != item->made.mtime_ns)
		(void)install_keep_stranger(job, item, d, o->swap, &st);
	else if (renameat(job->parts, o->swap, job->parts, o->temp) == 0)
		(void)snprintf(item->temp, sizeof(item->temp), "%s", o->temp);
}

/* The old thing becomes a version, if it is what the row says; else it is a stranger, and stays in the share. */
static void keep_old(struct install_job *job, struct install_item *item, struct folder *d, const char *name,
                     struct outgoing *o)
{
	if (fs_stat_at(job->parts, o->swap, &o->st) < 0)
		return;
	if (!install_came_out_same(&o->st, item->ours))
		(void)install_keep_stranger(job, item, d, o->swap, &o->st);
	else if (item->equal && install_is_let_go(job->parts, o->swap) && unlinkat(job->parts, o->swap, 0) == 0)
		return;
	else if (version_store_move(&o->place, job->parts, o->swap) == 0)
		job->kept++;
	else
		put_back(job, item, d, name, o);
}

/* The new thing takes the name that says what should come out, the two change places, and what came out is checked.
 * Where the file system cannot exchange, it goes by steps. */
static void exchange_file(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	struct outgoing o;
	int error;

	memcpy(o.temp, item->temp, sizeof(o.temp));
	name_swap(job, item, true, o.swap);
	if (version_store_place(job->root, item->want->path, &item->hands, &o.place) < 0 ||
	    renameat(job->parts, o.temp, job->parts, o.swap) < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		goto close_place;
	}
	install_hook(STEP_LOOKED, item->want->path);
	while (fs_rename_exchange(job->parts, o.swap, d->fd, name) < 0) {
		if (folders_unlock(d))
			continue;
		error = errno;
		if (renameat(job->parts, o.swap, job->parts, o.temp) == 0 && error == EOPNOTSUPP)
			replace_by_steps(job, item, d, name);
		else
			install_fail(item, error == ENOENT ? INSTALL_CHANGED : INSTALL_ERROR, error);
		goto close_place;
	}
	item->temp[0] = '\0';
	install_hook(STEP_SWAPPED, item->want->path);
	check_placed(item, d, name);
	keep_old(job, item, d, name, &o);
close_place:
	version_store_place_close(&o.place);
}

/* A file or symlink replaces a folder, which must be empty by now. */
static void replace_folder(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	install_delete(job, item);
	if (item->result == INSTALL_DONE)
		(void)put_new(job, item, d, name);
}

/* Nothing there: put it. A folder: it has to be empty. A file: it has to be what the row says; in a conflict its
 * content is kept under the conflict name, else it becomes a version.
 *
 * The two sides of a conflict may have cut the same bytes differently: an agent that lost its index cuts a file again
 * that has grown since, or that was cut by the rule of an earlier version. Then nothing has to be kept. */
static void apply_new(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	struct fs_stat st;
	int kept = 0;

	if (!record_is_live(item->ours)) {
		(void)put_new(job, item, d, name);
		return;
	}
	if (item->ours->kind == RECORD_DIR) {
		replace_folder(job, item, d, name);
		return;
	}
	if (fs_stat_at(d->fd, name, &st) < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		return;
	}
	if (!install_look_same(&st, item->ours)) {
		install_fail(item, INSTALL_CHANGED, 0);
		return;
	}
	item->equal = item->conflict && install_is_equal(job, item, d, name);
	if (item->conflict && !item->equal)
		kept = install_keep_ours(job, item, d, name);
	if (kept > 0)
		(void)put_new(job, item, d, name);
	else if (kept == 0)
		exchange_file(job, item, d, name);
}

/* Sets a folder's mode through its own descriptor, so that nothing is followed. It is synced with the other folders. */
static int set_dir_mode(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	int fd = fs_open(d->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	int rc;

	if (fd < 0 && errno == EACCES) {
		/* A folder may be unreadable for its owner. */
		job->sync_all = true;
		return install_set_meta(job, d, name, item->want) == 0 ? fs_stat_at(d->fd, name, &item->made) : -1;
	}
	if (fd < 0)
		return -1;
	rc = fs_set_mode_fd(fd, disk_mode_kept(job->handle->disk, RECORD_DIR, item->want->mode)) == 0 || fs_lacks(errno)
	             ? fs_stat_fd(fd, &item->made)
	             : -1;
	folders_adopt(job->folders, item->want->path, fd);
	return rc;
}

static bool has_dir_mode(const struct install_job *job, struct install_item *item, const struct folder *d,
                         const char *name)
{
	return fs_stat_at(d->fd, name, &item->made) == 0 &&
	       item->made.mode == disk_mode_kept(job->handle->disk, RECORD_DIR, item->want->mode);
}

static void make_dir(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	while (mkdirat(d->fd, name, 0700) < 0 && errno != EEXIST) {
		if (folders_unlock(d))
			continue;
		install_fail(item, INSTALL_ERROR, errno);
		return;
	}
	install_set_dir(job, item, d, name, false);
}

void install_set_dir(struct install_job *job, struct install_item *item, struct folder *d, const char *name, bool moved)
{
	d->dirty = true;
	/* A folder that has its mode has nothing to be synced. */
	if ((moved && has_dir_mode(job, item, d, name)) || set_dir_mode(job, item, d, name) == 0)
		check_placed(item, d, name);
	else
		install_fail(item,
		             errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? INSTALL_CHANGED : INSTALL_ERROR,
		             errno);
}

/* A folder that is there already is as good as a new one: apart from its mode it has no content of its own. */
static void apply_dir(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	struct version_place out;
	struct fs_stat st;

	if (fs_stat_at(d->fd, name, &st) < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		return;
	}
	if (st.kind == S_IFDIR && record_is_live(item->ours) && item->ours->kind == RECORD_DIR &&
	    st.mode != record_disk_mode(item->ours)) {
		install_fail(item, INSTALL_CHANGED, 0);
		return;
	}
	if (st.kind == 0 || st.kind == S_IFDIR) {
		make_dir(job, item, d, name);
		return;
	}
	if (!record_is_live(item->ours) || item->ours->kind == RECORD_DIR || !install_look_same(&st, item->ours)) {
		install_fail(item, INSTALL_CHANGED, 0);
		return;
	}
	if (item->conflict) {
		int kept = install_keep_ours(job, item, d, name);

		if (kept > 0)
			make_dir(job, item, d, name);
		if (kept != 0)
			return;
	}
	if (take_out(job, item, d, name, &out) == 0) {
		make_dir(job, item, d, name);
		if (item->result == INSTALL_ERROR)
			(void)fs_rename_noreplace(out.fd, out.name, d->fd, name);
	}
	version_store_place_close(&out);
}

/* A copy of ours replaces a file whose mode or time cannot be set. False: it could not be copied, and has to be
 * set where it is. */
static bool put_copy(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	if (item->want->kind != RECORD_FILE || install_copy_as_ours(job, item, d, name) < 0)
		return false;
	exchange_file(job, item, d, name);
	return true;
}

static void apply_meta(struct install_job *job, struct install_item *item, struct folder *d, const char *name)
{
	struct fs_stat st;

	if (fs_stat_at(d->fd, name, &st) < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		return;
	}
	if (!install_look_same(&st, item->ours)) {
		install_fail(item, INSTALL_CHANGED, 0);
		return;
	}
	install_hook(STEP_LOOKED, item->want->path);
	/* At other members its hard links are separate files, whose mode nobody has changed. */
	if (st.nlink > 1 && put_copy(job, item, d, name))
		return;
	if (install_change_meta(job, d, name, item->want, &st, &item->made) < 0) {
		if (errno == EPERM && put_copy(job, item, d, name)) /* another user's file */
			return;
		install_fail(item, errno == ENOENT ? INSTALL_CHANGED : INSTALL_ERROR, errno);
		return;
	}
	/* There is no descriptor to sync: an unreadable file could not be opened. */
	job->sync_all = true;
	check_placed(item, d, name);
}

void install_delete(struct install_job *job, struct install_item *item)
{
	const char *name;
	struct folder *d = folders_open(job->folders, item->want->path, false, &name);
	struct version_place out;
	struct fs_stat st;

	/* Done as well if a folder above it is gone. */
	item->result = INSTALL_DONE;
	if (d == NULL && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return;
	if (d == NULL || fs_stat_at(d->fd, name, &st) < 0) {
		install_fail(item, INSTALL_ERROR, errno);
		return;
	}
	if (st.kind == 0)
		return;
	if (!install_look_same(&st, item->ours)) {
		install_fail(item, INSTALL_CHANGED, 0);
		return;
	}
	if (item->ours->kind != RECORD_DIR) {
		(void)take_out(job, item, d, name, &out);
		version_store_place_close(&out);
		return;
	}
	install_hook(STEP_LOOKED, item->want->path);
	folders_forget(job->folders, item->want->path);
	while (unlinkat(d->fd, name, AT_REMOVEDIR) < 0) {
		if (folders_unlock(d))
			continue;
		if (errno == ENOTEMPTY || errno == EEXIST)
			install_fail(item, INSTALL_NOT_EMPTY, errno);
		else if (errno == ENOTDIR)
			install_fail(item, INSTALL_CHANGED, errno);
		else if (errno != ENOENT)
			install_fail(item, INSTALL_ERROR, errno);
		return;
	}
	d->dirty = true;
}

void install_apply(struct install_job *job, struct install_item *item)
{
	const char *name;
	struct folder *d;

	if (item->op == INSTALL_DELETE) {
		install_delete(job, item);
		return;
	}
	/* The scan would take each of the two for the other, and tell everybody. */
	if (job->folds_case && !record_is_live(item->ours) && install_meets_other_case(job, item->want->path)) {
		install_fail(item, INSTALL_ERROR, ENOTUNIQ);
		return;
	}
	d = folders_open(job->folders, item->want->path, item->mkdirs, &name);
	if (d == NULL) {
		install_fail(item,
		             errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? INSTALL_NO_PARENT : INSTALL_ERROR,
		             errno);
		return;
	}
	switch (item->op) {
	case INSTALL_DIR:
		apply_dir(job, item, d, name);
		break;
	case INSTALL_META:
		apply_meta(job, item, d, name);
		break;
	case INSTALL_MOVE:
		install_move(job, item);
		break;
	case INSTALL_FILE:
	case INSTALL_SYMLINK:
	case INSTALL_DELETE:
		apply_new(job, item, d, name);
		break;
	}
}
