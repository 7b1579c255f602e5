/* parts/ at start: what an earlier life left there. Unfinished installs go, unfinished downloads that are still wanted stay,
 * and what came out of the share goes to the versions. See swap.h. */
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
#include "sync/fetch/swap.h"
#include "sync/versions/kept.h"

enum { FOUND_MAX = 4096, MAP_MAX = 40 << 20, FILE_NAME = PART_NAME + 8 };

/* A part with a map that fits it. */
struct found {
	char name[PART_NAME + 1];
	char *path;
	struct content content;
	bool wanted;
};

struct clean_job {
	struct fetch *f;
	int root, parts;     /* the job's own */
	struct found *found; /* owned */
	size_t n;
};

static bool ends_with(const char *name, const char *suffix)
{
	size_t n = strlen(name), m = strlen(suffix);

	return n >= m && strcmp(name + n - m, suffix) == 0;
}

/* What came out of the share before a crash becomes a version of its path, as it would have. */
static void keep(struct clean_job *job, const char *name, const struct swap *s, bool stranger)
{
	char *shown = log_escape(name, strlen(name));

	if (kept_move_tagged(job->root, job->parts, name, &s->tag) < 0)
		log_warn("what was replaced before a crash is .lanyard/parts/%s and could not be moved to %s: %s",
		         shown, KEPT_FOLDER, strerror(errno));
	else if (stranger)
		log_warn("a file changed at the moment it was replaced, before a crash: it is kept in %s, as a version "
		         "of the path with the tag %s",
		         KEPT_FOLDER, s->tag.hex);
	free(shown);
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
		keep(job, name, &s, false);
		break;
	case SWAP_NEW:
		(void)snprintf(part, sizeof(part), "%s.part", s.part);
		if (s.part[0] == '\0' || fs_rename_noreplace(job->parts, name, job->parts, part) < 0)
			unlinkat(job->parts, name, 0);
		break;
	case SWAP_STRANGER:
		keep(job, name, &s, true);
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
	char expected[PART_NAME + 1];
	struct part_map m;
	size_t n = 0;
	char *text = fs_read_file(job->parts, name, MAP_MAX, &n);
	bool good = text != NULL && part_map_decode(&m, (const uint8_t *)text, n) == 0;

	free(text);
	if (!good)
		return false;
	part_name(expected, m.path, &m.content);
	good = strcmp(expected, found->name) == 0;
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

static void cleaned(void *arg)
{
	struct clean_job *job = arg;
	struct fetch *f = job->f;

	for (size_t i = 0; i < job->n; i++)
		free(job->found[i].path);
	free(job->found);
	close(job->root);
	close(job->parts);
	free(job);
	f->cleaning = false;
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

static void looked(void *arg)
{
	struct clean_job *job = arg;
	struct fetch *f = job->f;
	size_t unwanted = 0;

	if (f->dead) {
		cleaned(job);
		return;
	}
	for (size_t i = 0; i < job->n; i++) {
		index_wanted(f->c.index, job->found[i].path, is_content, &job->found[i]);
		unwanted += !job->found[i].wanted;
	}
	f->parts_kept = unwanted < job->n;
	if (unwanted > 0)
		workers_submit(f->c.workers, WORKERS_QUICK, remove_unwanted, cleaned, job);
	else
		cleaned(job);
}

void parts_clean(struct fetch *f)
{
	struct clean_job *job = MEM_NEW(struct clean_job);

	job->f = f;
	job->root = fcntl(share_root(f->c.share), F_DUPFD_CLOEXEC, 0);
	job->parts = fcntl(share_parts(f->c.share), F_DUPFD_CLOEXEC, 0);
	fetch_job_begin(f);
	workers_submit(f->c.workers, WORKERS_QUICK, look, looked, job);
}
