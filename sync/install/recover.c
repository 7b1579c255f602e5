/* Installs that a crash interrupted: see recover.h. */
#include "sync/install/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/install/swap.h"
#include "sync/plan/conflict.h"
#include "sync/versions/version_store.h"

enum { TRIES_MAX = 1000, PART_FILE = 40 };

/* A file that came out of the share before the crash becomes a version of its path, as it would have. */
static void recover_version(struct recover *r, const char *name, const struct swap *s)
{
	char *shown = log_escape(name, strlen(name));

	if (version_store_move_tagged(r->root, r->parts, name, &s->tag) < 0)
		log_about(LOG_WARN, &(struct log_about){ .group = r->group },
		          "the file that was replaced before a crash is .lanyard/parts/%s and could not "
		          "be moved to %s: %s",
		          shown, KEPT_FOLDER, strerror(errno));
	free(shown);
}

/* The path whose tag the name has; NULL when it was not noted. */
static const char *path_of(const struct recover *r, const struct kept_tag *tag)
{
	for (size_t i = 0; i < r->nleft; i++) {
		struct kept_tag t = kept_tag_of(r->left[i]);

		if (strcmp(t.hex, tag->hex) == 0)
			return r->left[i];
	}
	return NULL;
}

/* Durable when it returns 0; -1 and errno. */
static int move_into_share(struct recover *r, const char *from, const char *path)
{
	const char *name;
	int dirfd = fs_open_parent(r->root, path, &name), rc, saved_errno;

	if (dirfd < 0)
		return -1;
	rc = fs_rename_noreplace(r->parts, from, dirfd, name);
	if (rc == 0)
		rc = fs_sync_dir(dirfd);
	saved_errno = errno;
	close(dirfd);
	errno = saved_errno;
	return rc;
}

/* Moves it to path itself if `itself` and it is free, else to the first free conflict name of path. Returns the name,
 * owned, or NULL and errno. */
static char *return_as(struct recover *r, const char *from, const char *path, bool itself, int64_t mtime_ns)
{
	char *copy = itself ? mem_strdup(path) : NULL;
	struct record loser = { .mtime_ns = mtime_ns, .modified_by = r->short_id };
	int rc = -1;

	errno = EEXIST;
	if (itself)
		rc = move_into_share(r, from, copy);
	loser.path = mem_strdup(path);
	for (unsigned try = 0; rc < 0 && errno == EEXIST && try < TRIES_MAX; try++) {
		free(copy);
		copy = conflict_name(&loser, try);
		rc = move_into_share(r, from, copy);
	}
	free(loser.path);
	if (rc < 0) {
		int saved_errno = errno;

		free(copy);
		copy = NULL;
		errno = saved_errno;
	}
	return copy;
}

/* A file that somebody wrote while it was replaced or deleted, before the crash. No row knows it, and a version
 * must not be all that is left of it, since versions are thinned. So it goes back to its path, or becomes a
 * conflict copy. */
static void recover_stranger(struct recover *r, const char *name, const struct swap *s, const struct fs_stat *st)
{
	const char *of = path_of(r, &s->tag);
	char *path = of != NULL ? return_as(r, name, of, true, st->mtime_ns) : NULL, *shown;

	/* Its folder is gone, or the note is lost. */
	if (path == NULL)
		path = return_as(r, name, "recovered", false, st->mtime_ns);
	if (path == NULL) {
		shown = log_escape(name, strlen(name));
		log_about(LOG_WARN, &(struct log_about){ .group = r->group },
		          "a file changed at the moment it was replaced, before a crash: it is .lanyard/parts/%s and "
		          "could not be put back: %s",
		          shown, strerror(errno));
		free(shown);
		return;
	}
	shown = log_escape(path, strlen(path));
	log_about(LOG_WARN, &(struct log_about){ .group = r->group, .file = path },
	          "a file changed at the moment it was replaced, before a crash: it is %s now", shown);
	free(shown);
	r->kept = mem_realloc(r->kept, r->nkept + 2, sizeof(*r->kept));
	r->kept[r->nkept++] = path;
	r->kept[r->nkept++] = mem_strdup(of != NULL ? of : path);
}

/* By its name: the old thing becomes a version; the new one goes back to being a part, or goes; anything else is a
 * user's. */
static void recover_swap(void *arg, const char *name)
{
	struct recover *r = arg;
	char part[PART_FILE];
	struct fs_stat st;
	struct swap s;

	if (swap_parse(&s, name) < 0 || fs_stat_at(r->parts, name, &st) < 0)
		return;
	switch (swap_judge(&s, &st)) {
	case SWAP_OLD:
		recover_version(r, name, &s);
		break;
	case SWAP_NEW:
		(void)snprintf(part, sizeof(part), "%s.part", s.part);
		if (s.part[0] == '\0' || fs_rename_into(r->parts, name, r->parts, part) < 0)
			unlinkat(r->parts, name, 0);
		break;
	case SWAP_STRANGER:
		recover_stranger(r, name, &s, &st);
		break;
	}
}

static void remove_staged(void *arg, const char *name)
{
	unlinkat(*(int *)arg, name, 0);
}

static void remove_new(void *arg, const char *name)
{
	const struct recover *r = arg;
	int fd;

	if (unlinkat(r->parts, name, 0) == 0 || errno != EISDIR)
		return;
	/* The folder of a batch. */
	fd = fs_open(r->parts, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return;
	fs_each_name(fd, ".new", remove_staged, &fd);
	close(fd);
	unlinkat(r->parts, name, AT_REMOVEDIR);
}

void recover_run(struct recover *r)
{
	fs_each_name(r->parts, ".swap", recover_swap, r);
	fs_each_name(r->parts, ".new", remove_new, r);
}

void recover_clear(struct recover *r)
{
	for (size_t i = 0; i < r->nkept; i++)
		free(r->kept[i]);
	free(r->kept);
	r->kept = NULL;
	r->nkept = 0;
}
