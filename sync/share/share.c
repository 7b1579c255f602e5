/* A share's folder, its marker and its rules: see share.h. */
#include "sync/share/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/share/marker.h"
#include "sync/plan/path.h"
#include "sync/share/real_path.h"

struct share {
	char *path; /* as the admin gave it */
	struct real_path *real_path;
	char *group; /* its name, for the log; NULL: not given */
	struct log_about about;
	uint8_t marker[MARKER_SIZE];
	int root;
	int parts;
	int lock;                     /* see share_lock(); -1: not locked */
	uint64_t dev, ino;            /* of root */
	struct share_handle *reading; /* see share_reading_handle() */
	struct disk disk;
	struct ignore *ignore;              /* NULL: no rules */
	uint8_t ignore_digest[SHA256_SIZE]; /* of the text the rules were made of; zero: none */
	int access_error;                   /* see share_access() */
	char *rules_why;                    /* owned: share_rules_problem() */
	bool ignore_failed;                 /* the last load failed, and was reported */
};

struct share_rules {
	struct ignore *ignore;       /* NULL: none */
	uint8_t digest[SHA256_SIZE]; /* of their text; zero: none */
	int bad_line;                /* the first invalid one; 0: none */
	int error;                   /* errno of a failed read; 0: none */
};

/* The result of open_folder(). */
struct share_opened {
	int root, parts;
	struct fs_stat st;
	struct disk disk;
};

/* A hint to append to an error: when a service's sandbox refuses, errno looks as if the disk did. */
static const char *cure(const char *path, int error)
{
	static const char *const homes[] = { "/home/", "/root/", "/run/user/" };
	bool home = false;

	for (size_t i = 0; i < sizeof(homes) / sizeof(homes[0]); i++)
		home |= strncmp(path, homes[i], strlen(homes[i])) == 0;
	if (home && (error == EACCES || error == EROFS || error == ENOENT))
		return " (the system's agent has no access to home folders: choose a folder below "
		       "/srv, /mnt or /media; for one person's files, run an agent as that user: sudo "
		       "systemctl enable --now lanyardd@USER)";
	return error == EROFS ? " (a service may write only where its unit's ReadWritePaths= allows it: "
	                        "systemctl edit)"
	                      : "";
}

static int make_folders(const char *path)
{
	char *part = mem_strdup(path);
	int rc = 0;

	for (char *p = part + 1; rc == 0; p++) {
		char c = *p;

		if (c != '/' && c != '\0')
			continue;
		*p = '\0';
		rc = mkdir(part, 0777) == 0 || errno == EEXIST ? 0 : -1;
		*p = c;
		if (c == '\0')
			break;
	}
	free(part);
	return rc;
}

/* Each batch of new files is made in a folder of its own in there. ext4 puts such a folder, and its files with it, near
 * the folder above unless that has this flag: then it goes where the disk is emptier. Two batches then share no part of
 * the disk, and without a journal ext4 would look at each inode that was freed nearby in the last minutes, again for
 * every new file. Where there is no such flag nothing changes. */
static void spread_folders(int parts)
{
	int flags = 0;

	if (ioctl(parts, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_TOPDIR_FL) == 0) {
		flags |= FS_TOPDIR_FL;
		(void)ioctl(parts, FS_IOC_SETFLAGS, &flags);
	}
}

/* Makes .lanyard/ and .lanyard/parts/, unreadable to others: parts may hold content that the share's own modes would
 * hide. */
static int open_parts(int root)
{
	int parts;

	if (mkdirat(root, ".lanyard", 0700) < 0 && errno != EEXIST)
		return -1;
	if (fs_mkdirs(root, ".lanyard/parts", 0700) < 0)
		return -1;
	parts = fs_open(root, ".lanyard/parts", O_RDONLY | O_DIRECTORY, 0);
	if (parts >= 0)
		spread_folders(parts);
	return parts;
}

/* The marker is checked before anything is made, and written last, so that a folder which is refused is left as it
 * was. */
static int open_folder(const char *path, const uint8_t marker[MARKER_SIZE], bool expect_marker, struct share_opened *o,
                       char **why)
{
	int rc;

	o->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (o->root < 0) {
		*why = mem_printf("%s: cannot be opened: %s%s", path, strerror(errno), cure(path, errno));
		return -1;
	}
	rc = marker_check(o->root, path, marker, why);
	if (rc < 0)
		goto close_root;
	if (rc == 0 && expect_marker) {
		*why = mem_printf("%s: is not the folder that it was (its .lanyard/share is missing): is the "
		                  "disk mounted? If the folder was emptied on purpose, leave the group and join "
		                  "it again",
		                  path);
		goto close_root;
	}
	o->parts = open_parts(o->root);
	if (o->parts < 0) {
		*why = mem_printf("%s/.lanyard/parts: cannot be created: %s%s", path, strerror(errno),
		                  cure(path, errno));
		goto close_root;
	}
	if (rc == 0 && fs_write_file(o->root, MARKER_FILE, marker, MARKER_SIZE, 0600) < 0) {
		*why = mem_printf("%s/.lanyard/share: cannot be written: %s", path, strerror(errno));
		goto close_parts;
	}
	if (fs_stat_fd(o->root, &o->st) < 0) {
		*why = mem_printf("%s: %s", path, strerror(errno));
		goto close_parts;
	}
	disk_probe(o->parts, &o->disk);
	disk_check_shared(o->root, o->parts, &o->disk);
	return 0;
close_parts:
	close(o->parts);
close_root:
	close(o->root);
	return -1;
}

/* Their own error messages do not reveal the cause. */
bool share_is_virtual(const char *path)
{
	static const unsigned long kinds[] = { PROC_SUPER_MAGIC,    SYSFS_MAGIC,      CGROUP_SUPER_MAGIC,
		                               CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,    TRACEFS_MAGIC,
		                               DEVPTS_SUPER_MAGIC,  SECURITYFS_MAGIC, BPF_FS_MAGIC,
		                               EFIVARFS_MAGIC,      PSTOREFS_MAGIC };
	char *part = mem_strdup(path);
	struct statfs st;
	bool found = false;
	char *slash;

	while (statfs(part, &st) < 0 && errno == ENOENT && (slash = strrchr(part, '/')) != NULL && slash != part)
		*slash = '\0';
	for (size_t i = 0; statfs(part, &st) == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		found |= (unsigned long)st.f_type == kinds[i];
	free(part);
	return found;
}

/* Under PrivateTmp=, systemd mounts /tmp/systemd-private-.../tmp over /tmp. */
static bool is_private_tmp(const char *path)
{
	struct real_path *real_path = real_path_of(path);
	bool found = real_path_is_below(real_path, "/systemd-private-");

	real_path_free(real_path);
	return found;
}

/* Folders that are refused whatever is in them come first; then missing ones are made; open_folder() decides about the
 * rest. */
struct share *share_open(const char *path, bool create, bool expect_marker, const uint8_t marker[32], char **why)
{
	struct share *s;
	struct share_opened o;

	*why = NULL;
	if (share_is_virtual(path)) {
		*why = mem_printf("%s: is on a virtual file system (such as /proc), which cannot hold a share: "
		                  "choose a folder on a disk",
		                  path);
		return NULL;
	}
	if (is_private_tmp(path)) {
		*why = mem_printf("%s: the agent's unit gives it a private /tmp (PrivateTmp=), which nobody else "
		                  "sees and which is deleted when it stops: choose a folder below /srv, /mnt or "
		                  "/media",
		                  path);
		return NULL;
	}
	if (create && !expect_marker && make_folders(path) < 0) {
		*why = mem_printf("%s: cannot be created: %s%s", path, strerror(errno), cure(path, errno));
		return NULL;
	}
	if (open_folder(path, marker, expect_marker, &o, why) < 0)
		return NULL;
	s = MEM_NEW(struct share);
	s->path = mem_strdup(path);
	s->real_path = real_path_of(path);
	memcpy(s->marker, marker, MARKER_SIZE);
	s->root = o.root;
	s->parts = o.parts;
	s->lock = -1;
	s->dev = o.st.dev;
	s->ino = o.st.ino;
	s->disk = o.disk;
	s->reading = share_handle_of(s);
	if (s->reading == NULL) {
		*why = mem_printf("%s: %s", path, strerror(errno));
		share_free(s);
		return NULL;
	}
	(void)share_take_rules(s, share_read_rules(s->root));
	return s;
}

static void unlock_share(struct share *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
}

/* A descriptor of its own, since handles duplicate the others and would keep the lock. */
int share_lock(struct share *s, char **why)
{
	*why = NULL;
	s->lock = fs_open(s->root, ".lanyard/parts", O_RDONLY | O_DIRECTORY, 0);
	if (s->lock < 0 || flock(s->lock, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		*why = mem_printf("%s: another agent on this machine shares this folder already, and a folder can have "
		                  "only one: choose another folder, or stop that agent",
		                  s->path);
	unlock_share(s);
	return *why == NULL ? 0 : -1;
}

void share_free(struct share *s)
{
	if (s == NULL)
		return;
	unlock_share(s);
	share_handle_free(s->reading);
	close(s->parts);
	close(s->root);
	ignore_free(s->ignore);
	free(s->rules_why);
	real_path_free(s->real_path);
	free(s->path);
	free(s->group);
	free(s);
}

const char *share_path(const struct share *s)
{
	return s->path;
}

const struct real_path *share_real_path(const struct share *s)
{
	return s->real_path;
}

void share_set_group(struct share *s, const char *group)
{
	free(s->group);
	s->group = mem_strdup(group);
	s->about.group = s->group;
}

const char *share_group(const struct share *s)
{
	return s->group;
}

const struct log_about *share_about(const struct share *s)
{
	return &s->about;
}

int share_root(const struct share *s)
{
	return s->root;
}

uint64_t share_dev(const struct share *s)
{
	return s->dev;
}

int share_parts(const struct share *s)
{
	return s->parts;
}

const struct disk *share_disk(const struct share *s)
{
	return &s->disk;
}

int share_access(const struct share *s)
{
	return s->access_error;
}

void share_set_access(struct share *s, int error)
{
	s->access_error = error;
}

struct share_handle *share_handle_of(const struct share *s)
{
	struct share_handle *g = share_handle_new(s->path, s->marker, s->root, s->parts, s->dev, s->ino);

	if (g != NULL)
		g->disk = mem_dup(&s->disk, sizeof(s->disk));
	return g;
}

struct share_handle *share_reading_handle(const struct share *s)
{
	return share_handle_ref(s->reading);
}

int share_move(struct share *s, struct share *again, char **why)
{
	int rc = -1;

	*why = NULL;
	/* Under the same numbers, so that a copied number never means another folder. */
	if (dup3(again->root, s->root, O_CLOEXEC) < 0 || dup3(again->parts, s->parts, O_CLOEXEC) < 0) {
		*why = mem_printf("%s: %s", s->path, strerror(errno));
	} else {
		unlock_share(s); /* or the disk that it was on could not be unmounted */
		s->dev = again->dev;
		s->ino = again->ino;
		s->disk = again->disk;
		/* Readings that are out keep the old one. */
		share_handle_free(s->reading);
		s->reading = again->reading;
		again->reading = NULL;
		rc = 0;
	}
	share_free(again);
	return rc;
}

/* --- rules --- */

struct ignore *share_ignore(const struct share *s)
{
	return s->ignore;
}

int64_t share_ignore_digest(const struct share *s)
{
	return (int64_t)(get_u64(s->ignore_digest) >> 1);
}

struct share_rules *share_read_rules(int root)
{
	struct share_rules *r = MEM_NEW(struct share_rules);
	size_t n = 0;
	char *text = fs_read_file(root, SHARE_IGNORE_FILE, IGNORE_FILE_MAX, &n);

	if (text == NULL)
		r->error = errno == ENOENT ? 0 : errno;
	/* An empty file is the same as none. */
	if (text != NULL && n > 0) {
		sha256(r->digest, text, n);
		r->ignore = ignore_parse(text, n, &r->bad_line);
	}
	free(text);
	return r;
}

void share_rules_free(struct share_rules *r)
{
	if (r == NULL)
		return;
	ignore_free(r->ignore);
	free(r);
}

const char *share_rules_problem(const struct share *s)
{
	return s->rules_why;
}

static void note_problem(struct share *s, const struct share_rules *r)
{
	free(s->rules_why);
	s->rules_why = NULL;
	if (r->error != 0)
		s->rules_why = mem_printf("the ignore rules are not used: %s; the previous ones stay in force",
		                          r->error == EFBIG ? "larger than 256 KiB" : strerror(r->error));
	else if (r->bad_line != 0)
		s->rules_why = mem_printf("line %d is invalid or exceeds a limit, and is skipped; perhaps "
		                          "others, too",
		                          r->bad_line);
}

/* A failed read keeps the old rules: with none in force, files that they leave out would be shared. */
bool share_take_rules(struct share *s, struct share_rules *r)
{
	const struct log_about about = { .group = s->group, .file = SHARE_IGNORE_FILE };
	bool changed = false;

	note_problem(s, r);
	if (r->error != 0) {
		if (!s->ignore_failed)
			log_about(LOG_WARN, &about,
			          "%s/" SHARE_IGNORE_FILE ": not used: %s; the previous rules stay in force", s->path,
			          r->error == EFBIG ? "larger than 256 KiB" : strerror(r->error));
		s->ignore_failed = true;
		goto free_rules;
	}
	s->ignore_failed = false;
	if (memcmp(r->digest, s->ignore_digest, sizeof(r->digest)) == 0)
		goto free_rules;
	memcpy(s->ignore_digest, r->digest, sizeof(r->digest));
	ignore_free(s->ignore);
	s->ignore = r->ignore;
	r->ignore = NULL;
	changed = true;
	if (r->bad_line != 0)
		log_about(LOG_WARN, &about, "%s/" SHARE_IGNORE_FILE ": line %d is invalid and is skipped", s->path,
		          r->bad_line);
free_rules:
	share_rules_free(r);
	return changed;
}

bool share_accepts(const struct share *s, const char *path, bool is_dir)
{
	return path_check(path, strlen(path)) == PATH_OK && !ignore_match(s->ignore, path, is_dir);
}
