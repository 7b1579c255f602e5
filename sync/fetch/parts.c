/* parts/ at start: what an earlier life left there. Unfinished installs go, unfinished downloads that are still wanted stay,
 * and what came out of the share goes to the versions; but what a user wrote at the last moment, which nobody knows yet, goes
 * back into the share, as a conflict copy. See swap.h. */
#include "sync/fetch/fetch_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/fetch/part_map.h"
#include "sync/install/swap.h"
#include "sync/plan/conflict.h"
#include "sync/versions/version_store.h"

enum { TRIES_MAX = 1000, FOUND_MAX = 4096, MAP_MAX = 40 << 20, FILE_NAME = PART_NAME + 8, JUDGE_TURN = 4096 };

/* A part with a map that fits it. */
struct found {
	char name[PART_NAME + 1];
	char *path; /* for which it was begun */
	struct content content;
	bool wanted;
	UT_hash_handle hh; /* in clean_job.by_root: one of each content */
};

struct clean_job {
	struct fetch *f;
	int root, parts;     /* the job's own */
	uint64_t short_id;   /* ours, for conflict names */
	char *group;         /* for lines in the log; owned, NULL: none */
	struct found *found; /* owned */
	size_t n;
	struct found *by_root; /* those that no record of their own path wants */
	uint64_t after;        /* wanted records up to this one were compared with them */
	char **left;           /* paths that an earlier life was about to change; owned, and each of them */
	size_t nleft;
	char **kept; /* pairs: a conflict copy that was made, and of what; owned, and each of them */
	size_t nkept;
};

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* What came out of the share before a crash becomes a version of its path, as it would have. */
static void keep(struct clean_job *job, const char *name, const struct swap *s)
{
	char *shown = log_escape(name, strlen(name));

	if (version_store_move_tagged(job->root, job->parts, name, &s->tag) < 0)
		log_about(LOG_WARN, &(struct log_about){ .group = job->group },
		          "the file that was replaced before a crash is .lanyard/parts/%s and could not "
		          "be moved to %s: %s",
		          shown, KEPT_FOLDER, strerror(errno));
	free(shown);
}

/* The path that a swap's name has only the tag of; NULL when nothing was noted of it. */
static const char *path_of(const struct clean_job *job, const struct kept_tag *tag)
{
	for (size_t i = 0; i < job->nleft; i++) {
		struct kept_tag t = kept_tag_of(job->left[i]);

		if (strcmp(t.hex, tag->hex) == 0)
			return job->left[i];
	}
	return NULL;
}

/* -1 and errno. */
static int move_into_share(struct clean_job *job, const char *from, const char *path)
{
	const char *name;
	int dirfd = fs_open_parent(job->root, path, &name), rc, saved_errno;

	if (dirfd < 0)
		return -1;
	rc = fs_rename_noreplace(job->parts, from, dirfd, name);
	if (rc == 0)
		rc = fs_sync_dir(dirfd);
	saved_errno = errno;
	close(dirfd);
	errno = saved_errno;
	return rc;
}

/* To the first free one of: path itself, unless it is not to be had, and its conflict names. NULL and errno. */
static char *return_as(struct clean_job *job, const char *from, const char *path, bool itself, int64_t mtime_ns)
{
	char *copy = itself ? mem_strdup(path) : NULL;
	struct record loser = { .mtime_ns = mtime_ns, .modified_by = job->short_id };
	int rc = -1;

	errno = EEXIST;
	if (itself)
		rc = move_into_share(job, from, copy);
	loser.path = mem_strdup(path);
	for (unsigned try = 0; rc < 0 && errno == EEXIST && try < TRIES_MAX; try++) {
		free(copy);
		copy = conflict_name(&loser, try);
		rc = move_into_share(job, from, copy);
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

/* A file that somebody wrote while it was replaced or deleted, before a crash: no row knows it, and no version may be all
 * that is left of it, since versions go. */
static void give_back(struct clean_job *job, const char *name, const struct swap *s, const struct fs_stat *st)
{
	const char *of = path_of(job, &s->tag);
	char *path = of != NULL ? return_as(job, name, of, true, st->mtime_ns) : NULL, *shown;

	/* Its folder is gone, or what was noted is lost. */
	if (path == NULL)
		path = return_as(job, name, "recovered", false, st->mtime_ns);
	if (path == NULL) {
		shown = log_escape(name, strlen(name));
		log_about(LOG_WARN, &(struct log_about){ .group = job->group },
		          "a file changed at the moment it was replaced, before a crash: it is .lanyard/parts/%s and "
		          "could not be put back: %s",
		          shown, strerror(errno));
		free(shown);
		return;
	}
	shown = log_escape(path, strlen(path));
	log_about(LOG_WARN, &(struct log_about){ .group = job->group, .file = path },
	          "a file changed at the moment it was replaced, before a crash: it is %s now", shown);
	free(shown);
	job->kept = mem_realloc(job->kept, job->nkept + 2, sizeof(*job->kept));
	job->kept[job->nkept++] = path;
	job->kept[job->nkept++] = mem_strdup(of != NULL ? of : path);
}

static void clean_swap(struct clean_job *job, const char *name)
{
	char part[FILE_NAME];
	struct fs_stat st;
	struct swap s;

	if (swap_parse(&s, name) < 0 || fs_stat_at(job->parts, name, &st) < 0)
		return;
	switch (swap_judge(&s, &st)) {
	case SWAP_OLD:
		keep(job, name, &s);
		break;
	case SWAP_NEW:
		(void)snprintf(part, sizeof(part), "%s.part", s.part);
		if (s.part[0] == '\0' || fs_rename_into(job->parts, name, job->parts, part) < 0)
			unlinkat(job->parts, name, 0);
		break;
	case SWAP_STRANGER:
		give_back(job, name, &s, &st);
		break;
	}
}

static void each_name(struct clean_job *job, void (*fn)(struct clean_job *job, const char *name), const char *suffix)
{
	int fd = fs_open(job->parts, ".", O_RDONLY | O_DIRECTORY, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if (ends_with(e->d_name, suffix))
			fn(job, e->d_name);
	}
	closedir(dir);
}

static void clean_new(struct clean_job *job, const char *name)
{
	unlinkat(job->parts, name, 0);
}

static void remove_part(struct clean_job *job, const char *base)
{
	char name[FILE_NAME];

	(void)snprintf(name, sizeof(name), "%s.map", base);
	unlinkat(job->parts, name, 0);
	(void)snprintf(name, sizeof(name), "%s.part", base);
	unlinkat(job->parts, name, 0);
}

/* Which file this part will be, as its map says; false when it is none. */
static bool read_map(struct clean_job *job, const char *name, struct found *found)
{
	struct part_map m;
	size_t n = 0;
	char *text = fs_read_file(job->parts, name, MAP_MAX, &n);
	bool good = text != NULL && part_map_decode(&m, (const uint8_t *)text, n) == 0;

	free(text);
	if (!good)
		return false;
	good = part_name_fits(found->name, &m.content);
	if (good) {
		found->path = m.path;
		m.path = NULL;
		found->content = m.content;
	}
	part_map_clear(&m);
	return good;
}

/* A map without a part: a crash came between the rename into the share and the map's removal. */
static bool has_part(const struct clean_job *job, const char *base)
{
	char part[FILE_NAME];
	struct fs_stat st;

	(void)snprintf(part, sizeof(part), "%s.part", base);
	return fs_stat_at(job->parts, part, &st) < 0 || st.kind != 0;
}

static void find_map(struct clean_job *job, const char *name)
{
	struct found found = { .wanted = false };

	if (strlen(name) != PART_NAME + 4 || job->n == FOUND_MAX)
		return;
	memcpy(found.name, name, PART_NAME);
	if (!has_part(job, found.name) || !read_map(job, name, &found)) {
		remove_part(job, found.name);
		return;
	}
	job->found = mem_realloc(job->found, job->n + 1, sizeof(*job->found));
	job->found[job->n++] = found;
}

/* A part whose map is missing is of no use. */
static void find_part(struct clean_job *job, const char *name)
{
	char map[FILE_NAME];
	struct fs_stat st;

	if (strlen(name) != PART_NAME + 5)
		return;
	(void)snprintf(map, sizeof(map), "%.*s.map", (int)PART_NAME, name);
	if (fs_stat_at(job->parts, map, &st) == 0 && st.kind == 0)
		unlinkat(job->parts, name, 0);
}

static void look(void *arg)
{
	struct clean_job *job = arg;

	each_name(job, clean_swap, ".swap");
	each_name(job, clean_new, ".new");
	each_name(job, find_map, ".map");
	each_name(job, find_part, ".part");
}

static void remove_unwanted(void *arg)
{
	struct clean_job *job = arg;

	for (size_t i = 0; i < job->n; i++) {
		if (!job->found[i].wanted)
			remove_part(job, job->found[i].name);
	}
}

static void free_paths(char **paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
}

static void cleaned(void *arg)
{
	struct clean_job *job = arg;
	struct fetch *f = job->f;

	for (size_t i = 0; i < job->n; i++)
		free(job->found[i].path);
	free(job->found);
	free_paths(job->left, job->nleft);
	free_paths(job->kept, job->nkept);
	close(job->root);
	close(job->parts);
	free(job->group);
	free(job);
	f->cleaning = false;
	if (!f->dead)
		index_leftovers_forget(f->c.index);
	fetch_wake(f);
	fetch_job_end(f);
}

static bool is_content(void *arg, uint64_t peer, const struct record *r)
{
	struct found *found = arg;

	(void)peer;
	if (!r->deleted && r->kind == RECORD_FILE && content_equal(&r->content, &found->content))
		found->wanted = true;
	return !found->wanted;
}

bool parts_judged(struct fetch *f)
{
	uint64_t *peers = NULL;
	int n = index_peers(f->c.index, &peers);

	free(peers);
	return n != 0;
}

static void looked(void *arg)
{
	struct clean_job *job = arg;
	struct fetch *f = job->f;

	if (f->dead) {
		cleaned(job);
		return;
	}
	for (size_t i = 0; i < job->nkept; i += 2) {
		if (f->c.hint != NULL)
			f->c.hint(f->c.arg, job->kept[i]);
		if (f->c.conflict != NULL && strcmp(job->kept[i], job->kept[i + 1]) != 0)
			f->c.conflict(f->c.arg, job->kept[i], job->kept[i + 1]);
	}
	for (size_t i = 0; i < job->n; i++) {
		struct found *found = &job->found[i], *known;

		found->wanted = spare_is(f, found->name);
		index_offers(f->c.index, found->path, is_content, found);
		HASH_FIND(hh, job->by_root, found->content.root, sizeof(found->content.root), known);
		if (!found->wanted && known == NULL)
			HASH_ADD(hh, job->by_root, content.root, sizeof(found->content.root), found);
	}
	f->judging = job;
	parts_pump(f);
}

static bool mark_wanted(void *arg, const struct content *c)
{
	struct clean_job *job = arg;
	struct found *found;

	HASH_FIND(hh, job->by_root, c->root, sizeof(c->root), found);
	if (found != NULL && content_equal(&found->content, c)) {
		found->wanted = true;
		HASH_DEL(job->by_root, found);
	}
	return true;
}

/* All that is wanted was looked through. */
static void judged(struct clean_job *job)
{
	struct fetch *f = job->f;
	size_t unwanted = 0;

	f->judging = NULL;
	HASH_CLEAR(hh, job->by_root);
	for (size_t i = 0; i < job->n; i++)
		unwanted += !job->found[i].wanted;
	/* An index that was made anew does not know yet what is wanted. */
	if (!parts_judged(f))
		unwanted = 0;
	f->parts_kept = unwanted < job->n;
	if (unwanted > 0)
		workers_submit(f->c.workers, WORKERS_QUICK, remove_unwanted, cleaned, job);
	else
		cleaned(job);
}

/* A part may be wanted for another path than it was begun for. */
void parts_pump(struct fetch *f)
{
	struct clean_job *job = f->judging;
	int n = 0;

	if (job == NULL)
		return;
	if (job->by_root != NULL)
		n = index_wants_contents(f->c.index, &job->after, JUDGE_TURN, mark_wanted, job);
	/* What cannot be known is kept. */
	for (size_t i = 0; n < 0 && i < job->n; i++)
		job->found[i].wanted = true;
	if (n == JUDGE_TURN)
		fetch_wake(f);
	else
		judged(job);
}

void parts_stop(struct fetch *f)
{
	struct clean_job *job = f->judging;

	f->judging = NULL;
	if (job == NULL)
		return;
	HASH_CLEAR(hh, job->by_root);
	cleaned(job);
}

static void add_left(void *arg, const struct record *r)
{
	struct clean_job *job = arg;

	job->left = mem_realloc(job->left, job->nleft + 1, sizeof(*job->left));
	job->left[job->nleft++] = mem_strdup(r->path);
}

void parts_clean(struct fetch *f)
{
	struct clean_job *job = MEM_NEW(struct clean_job);

	job->f = f;
	job->short_id = f->c.short_id;
	job->group = mem_strdup(share_group(f->c.share));
	index_leftovers(f->c.index, add_left, job);
	job->root = fcntl(share_root(f->c.share), F_DUPFD_CLOEXEC, 0);
	job->parts = fcntl(share_parts(f->c.share), F_DUPFD_CLOEXEC, 0);
	fetch_job_begin(f);
	workers_submit(f->c.workers, WORKERS_QUICK, look, looked, job);
}
