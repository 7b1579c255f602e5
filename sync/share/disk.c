/* Probes a disk, and what it makes of modes and times: see disk.h. */
#include "sync/share/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/fs_kernel.h"
#include "base/mem.h"

enum { NAME_LENGTH = 32, LONG_NAME = 255, SHORT_NAME = 143, MODES = 2 };

/* Times that any rounding would change. */
static const int64_t near_ns = INT64_C(1700000001123456789), far_ns = INT64_C(4000000001123456789);
static const int64_t steps[] = { 1, 100, 1000, 1000000, 10000000, 1000000000, 2000000000 };

/* Our file, under a random name; end_trial() closes and removes it. */
struct trial {
	int parts, fd;
	char name[NAME_LENGTH];  /* of the file */
	char other[NAME_LENGTH]; /* a free name */
};

static int begin_trial(struct trial *t, int parts)
{
	uint64_t id = random_u64();

	t->parts = parts;
	/* Names of this form are removed from parts/ after a crash. */
	(void)snprintf(t->name, sizeof(t->name), "%016" PRIx64 "-0.new", id);
	(void)snprintf(t->other, sizeof(t->other), "%016" PRIx64 "-1.new", id);
	t->fd = fs_open(parts, t->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	return t->fd < 0 ? -1 : 0;
}

static void end_trial(const struct trial *t)
{
	close(t->fd);
	unlinkat(t->parts, t->name, 0);
	unlinkat(t->parts, t->other, 0);
}

static void try_modes(const struct trial *t, struct disk *d)
{
	static const uint32_t modes[MODES] = { 0640, 0701 };
	struct fs_stat st;

	for (int i = 0; i < MODES; i++) {
		if (fs_set_mode_fd(t->fd, modes[i]) < 0)
			d->no_modes |= fs_lacks(errno);
		else
			d->no_modes |= fs_stat_fd(t->fd, &st) == 0 && st.mode != modes[i];
	}
}

static int64_t round_down(int64_t ns, int64_t step)
{
	return ns - ns % step;
}

static void try_times(const struct trial *t, struct disk *d)
{
	size_t n = sizeof(steps) / sizeof(steps[0]), i = 0;
	struct fs_stat st;

	if (fs_set_mtime_fd(t->fd, near_ns) < 0) {
		d->no_times = fs_lacks(errno);
		return;
	}
	if (fs_stat_fd(t->fd, &st) < 0)
		return;
	while (i < n && st.mtime_ns != round_down(near_ns, steps[i]))
		i++;
	d->no_times = i == n;
	d->time_step_ns = i < n ? steps[i] : 1;
	if (d->no_times || fs_set_mtime_fd(t->fd, far_ns) < 0 || fs_stat_fd(t->fd, &st) < 0)
		return;
	d->no_far_times = st.mtime_ns != round_down(far_ns, d->time_step_ns);
}

/* Whether a call failed because the file system does not have it. */
static bool is_missing(int rc)
{
	return rc < 0 && (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM);
}

/* Links, renames and symlinks first, then case and the longest name. Each trial leaves t->name where it was and
 * t->other free. */
static void try_names(const struct trial *t, struct disk *d)
{
	char other_case[NAME_LENGTH], *dot, long_name[LONG_NAME + 1];
	struct statvfs v;
	struct fs_stat st;

	if (is_missing(linkat(t->parts, t->name, t->parts, t->other, 0)))
		d->no_safe_rename =
			is_missing(fs_kernel_renameat2(t->parts, t->name, t->parts, t->other, RENAME_NOREPLACE));
	/* Undo the rename, in case it succeeded. */
	(void)renameat(t->parts, t->other, t->parts, t->name);
	unlinkat(t->parts, t->other, 0);
	if (symlinkat("to", t->parts, t->other) < 0)
		d->no_symlinks = fs_lacks(errno);
	else
		d->no_exchange =
			is_missing(fs_kernel_renameat2(t->parts, t->name, t->parts, t->other, RENAME_EXCHANGE));
	memcpy(other_case, t->name, sizeof(other_case));
	dot = strchr(other_case, '.');
	memcpy(dot, ".NEW", 5);
	d->folds_case = fs_stat_at(t->parts, other_case, &st) == 0 && st.kind != 0;
	/* Some file systems report a length that is too small or too large. */
	d->name_max = fstatvfs(t->parts, &v) == 0 && v.f_namemax > 0 ? v.f_namemax : LONG_NAME;
	memset(long_name, 'n', LONG_NAME);
	long_name[LONG_NAME] = '\0';
	if (fs_stat_at(t->parts, long_name, &st) == 0)
		d->name_max = LONG_NAME;
	else if (errno == ENAMETOOLONG && d->name_max >= LONG_NAME)
		d->name_max = SHORT_NAME;
}

static void try_all(int parts, struct disk *d)
{
	struct trial t;

	*d = (struct disk){ .time_step_ns = 1, .name_max = LONG_NAME };
	if (begin_trial(&t, parts) < 0)
		return;
	try_modes(&t, d);
	try_times(&t, d);
	try_names(&t, d);
	d->no_folder_sync = fsync(parts) < 0 && fs_lacks(errno);
	d->no_mounts = !fs_kernel_tells_mounts(parts);
	end_trial(&t);
}

/* A call may fail once for an unrelated reason, so only a limit that shows twice counts. */
void disk_probe(int parts, struct disk *d)
{
	struct disk again;

	try_all(parts, d);
	if (disk_lack(d, 0) == NULL && d->time_step_ns == 1)
		return;
	try_all(parts, &again);
	d->no_modes &= again.no_modes;
	d->no_times &= again.no_times;
	if (again.time_step_ns < d->time_step_ns)
		d->time_step_ns = again.time_step_ns;
	d->no_far_times &= again.no_far_times;
	d->no_exchange &= again.no_exchange;
	d->no_safe_rename &= again.no_safe_rename;
	d->no_symlinks &= again.no_symlinks;
	d->folds_case &= again.folds_case;
	d->no_folder_sync &= again.no_folder_sync;
	d->no_mounts &= again.no_mounts;
	if (again.name_max > d->name_max)
		d->name_max = again.name_max;
}

/* --- its effect on modes and times --- */

static bool explains_time(const struct disk *d, int64_t asked, int64_t seen)
{
	if (d->no_times)
		return true;
	if (d->no_far_times && asked / 1000000000 > INT32_MAX)
		return true;
	return seen == asked - (asked % d->time_step_ns + d->time_step_ns) % d->time_step_ns;
}

bool disk_explains(const struct disk *d, const struct record *asked, const struct record *seen)
{
	if (!record_same_content(asked, seen) || asked->deleted)
		return false;
	if (asked->kind != RECORD_SYMLINK && !d->no_modes &&
	    disk_mode_kept(d, asked->kind, asked->mode) != disk_mode_kept(d, asked->kind, seen->mode))
		return false;
	return asked->kind == RECORD_DIR || asked->mtime_ns == seen->mtime_ns ||
	       explains_time(d, asked->mtime_ns, seen->mtime_ns);
}

uint32_t disk_mode_default(enum record_kind kind)
{
	return kind == RECORD_DIR ? 0755 : kind == RECORD_FILE ? 0644 : 0;
}

/* --- a share of several people --- */

uint32_t disk_mode_kept(const struct disk *d, enum record_kind kind, uint32_t mode)
{
	if (d == NULL || !d->shared || kind == RECORD_SYMLINK)
		return mode;
	return (mode & 0707) | (mode & 0700) >> 3;
}

uint32_t disk_mode_announced(const struct disk *d, enum record_kind kind, uint32_t mode)
{
	if (d == NULL || !d->shared || kind == RECORD_SYMLINK)
		return mode;
	return (mode & 0707) | (mode & 07) << 3;
}

/* Owner and group may do everything, others what they may do in the root. umask(2) does not apply where there is a
 * default ACL. */
static int give_default_acl(int root, mode_t mode)
{
	char *text = mem_printf("u::rwx,g::rwx,o::%c-%c", (mode & 04) != 0 ? 'r' : '-', (mode & 01) != 0 ? 'x' : '-');
	acl_t acl = acl_from_text(text);
	char path[40];
	int rc = -1;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", root);
	if (acl != NULL)
		rc = acl_set_file(path, ACL_TYPE_DEFAULT, acl);
	acl_free(acl);
	free(text);
	return rc;
}

static bool has_default_acl(int root)
{
	return fgetxattr(root, "system.posix_acl_default", NULL, 0) > 0;
}

/* Whether files made in parts/ belong to this group. */
static bool files_belong_to(int parts, gid_t group)
{
	struct stat st;

	return fstat(parts, &st) == 0 && ((st.st_mode & S_ISGID) != 0 ? st.st_gid : getegid()) == group;
}

/* parts/ may date from before the share was shared. */
static bool give_group(int parts, gid_t group)
{
	return files_belong_to(parts, group) || (fchown(parts, (uid_t)-1, group) == 0 &&
	                                         fchmod(parts, S_ISGID | 0700) == 0 && files_belong_to(parts, group));
}

void disk_check_shared(int root, int parts, struct disk *d)
{
	struct stat st;

	d->shared = fstat(root, &st) == 0 && (st.st_mode & S_ISGID) != 0 && (st.st_mode & S_IWGRP) != 0;
	d->no_default_acl = d->shared && !has_default_acl(root) && give_default_acl(root, st.st_mode) < 0;
	d->other_group = d->shared && !give_group(parts, st.st_gid);
}

/* --- in words --- */

const char *disk_lack(const struct disk *d, size_t i)
{
	const struct {
		bool lacks;
		const char *text;
	} table[DISK_LACKS_MAX] = {
		{ d->no_default_acl, "is shared by several people, but a folder that one of them creates with umask "
		                     "022 is not writable for the others: sudo setfacl -R -m "
		                     "g::rwX,d:u::rwx,d:g::rwX,d:o::rX on the share fixes that, also for what is "
		                     "there already" },
		{ d->other_group, "is shared by the people of a group, but arriving files do not belong to that "
		                  "group: sudo chgrp GROUP on the share's .lanyard/parts, then sudo chmod g+s on "
		                  "it, and restart the agent" },
		{ d->no_modes, "does not store permissions: the other members keep theirs (to keep them here, "
		               "mount it with other options or use another disk)" },
		{ d->no_times, "does not store modification times: files here show when they arrived" },
		{ d->time_step_ns > 1000, "stores times less precisely than the other members' disks" },
		{ d->no_far_times, "cannot store times after January 2038" },
		{ d->no_safe_rename, "has neither a rename that refuses to overwrite nor hard links: a file that is "
		                     "created at the very moment at which a member's file of that name arrives is "
		                     "lost" },
		{ d->no_exchange,
		  "cannot exchange two names in one step: a file that is being replaced is missing for a moment" },
		{ d->no_symlinks, "does not support symlinks: those of other members are not installed" },
		{ d->folds_case, "does not distinguish upper and lower case: of two files of other members "
		                 "whose names differ only in case, one is not installed (rename one of them)" },
		{ d->no_folder_sync, "cannot sync folders: after a power cut, the latest files may be downloaded "
		                     "again" },
		{ d->no_mounts,
		  "does not show on this kernel what is mounted within the share: a folder of the same disk, "
		  "or a file of any disk, that is mounted there is shared like the others" },
		{ d->name_max < LONG_NAME, "does not support long names: files with longer names are not "
		                           "installed (rename them)" },
	};

	for (size_t n = 0; n < DISK_LACKS_MAX; n++) {
		if (table[n].lacks && i-- == 0)
			return table[n].text;
	}
	return NULL;
}
