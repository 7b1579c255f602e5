/* Files that are written from front to back travel behind their writer: what has been written is cut and hashed as
 * the file grows, and told to peers (comings.h). See local_internal.h.
 *
 * Nothing of this counts for the file's record. inotify tells that a file was written to, and not where, so a write
 * behind the cutter cannot be seen; and a hash of a part of a file says nothing of the rest. When the writer has
 * closed the file, it is read and hashed as a whole, as one unchanged version, as any other file; the bytes that have
 * travelled meanwhile are those of the record or they are thrown away. Each slice checks one earlier block at random,
 * and each block is checked against its hash when it is read for a peer, so that a file that is rewritten is soon let
 * alone: then it waits for its record, as files do that are sparse, become shorter, or are written to and do not
 * grow. Of one file at most its size is read this way, and at most its size is told. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/hash/cutter.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

enum {
	FILES_MAX = 16,
	SLICE_MAX = 32 << 20, /* bytes of one job */
	CHECK_MS = 50,   /* between two looks at a file: what is written meanwhile is how far it is followed behind */
	STALLS_MAX = 16, /* looks in a row that were asked for by writes and did not find it longer */
	HOLES_MAX = 1 << 20, /* bytes that may be missing on the disk */
	OLD_MS = 10000,      /* without an event a file makes way for another */
	LOG2_FIRST = 17, /* of the average block: right for files of 128 MiB to 2 GiB, whose final size nobody knows */
};

/* Invariants: list ends at pos; a job that is out is growing.out and has a copy of what it needs. */
struct grown {
	char *path;   /* owned; the key */
	int fd;       /* owned; -1: not open yet */
	int64_t size; /* at the last look; -1: there was none */
	int64_t pos;
	struct blocklist list; /* of what was cut so far; owned */
	uint32_t cap;
	int stalls;
	bool told;    /* comings_cut() was called for it */
	bool quiet;   /* it waits for its record */
	bool closed;  /* by its writer, while a job was out */
	bool gone;    /* it is not at its path any more; closed is true as well */
	bool written; /* since the last look */
	int64_t event_ms, next_ms;
	UT_hash_handle hh;
};

struct growing {
	struct grown *files;
	struct slice_job *out;
	struct loop_timer *timer;
};

/* One look at a file, and what was cut. */
struct slice_job {
	struct local *local;
	struct share_handle *handle;
	struct grown *of; /* the loop's; valid while the job is growing.out */
	char *path;       /* owned */
	const struct chunk_rule *cuts;
	int fd;              /* the job's own; -1: it opens the file */
	int64_t size, pos;   /* at the last look; where to cut on */
	int64_t least;       /* bytes of a file that is told of */
	struct block sample; /* len 0: none */
	int64_t sample_at;
	/* results */
	bool bad;
	bool cut; /* it is longer than at the last look */
	struct fs_stat st;
	struct blocklist blocks; /* owned */
	uint32_t cap;
};

/* --- worker --- */

static bool slice_open(struct slice_job *job)
{
	const char *name;
	int dirfd;

	if (job->fd >= 0)
		return true;
	dirfd = fs_open_parent(job->handle->root, job->path, &name);
	if (dirfd < 0)
		return false;
	job->fd = hash_open(dirfd, name);
	close(dirfd);
	return job->fd >= 0;
}

/* Whether the block that was cut earlier is still there. */
static bool sample_holds(const struct slice_job *job)
{
	uint8_t hash[SHA256_SIZE], *bytes;
	bool same;

	if (job->sample.len == 0)
		return true;
	bytes = mem_calloc(job->sample.len, 1);
	same = fs_pread_full(job->fd, bytes, job->sample.len, job->sample_at) == (ssize_t)job->sample.len;
	if (same) {
		sha256(hash, bytes, job->sample.len);
		same = memcmp(hash, job->sample.hash, sizeof(hash)) == 0;
	}
	free(bytes);
	return same;
}

/* The last block ends with the file, and not where it would be cut: it is left for the next slice. */
static bool slice_cut(struct slice_job *job)
{
	int64_t pos = job->pos, end = job->st.size - pos > SLICE_MAX ? pos + SLICE_MAX : job->st.size;
	struct cutter c;
	struct block b;
	int rc;

	cutter_init(&c, job->cuts, job->fd, job->st.size, LOG2_FIRST, false,
	            (struct cutter_range){ .pos = pos, .hash_from = pos, .end = end });
	while ((rc = cutter_next(&c, &b)) > 0) {
		pos += b.len;
		if (pos >= job->st.size)
			break;
		if (job->blocks.n == job->cap) {
			job->cap = job->cap * 2 + 64;
			job->blocks.b = mem_realloc(job->blocks.b, job->cap, sizeof(b));
		}
		job->blocks.b[job->blocks.n++] = b;
	}
	cutter_free(&c);
	return rc >= 0;
}

static void slice_work(void *arg)
{
	struct slice_job *job = arg;
	struct fs_stat st;
	struct stat raw;

	job->bad = true;
	if (!slice_open(job) || fs_stat_fd(job->fd, &job->st) < 0 || fstat(job->fd, &raw) < 0)
		return;
	if (job->st.kind != S_IFREG || job->st.nlink == 0 || job->st.size < job->size ||
	    raw.st_blocks * INT64_C(512) < job->st.size - HOLES_MAX)
		return;
	job->cut = job->size >= 0 && job->st.size > job->size && job->st.size >= job->least;
	if (job->cut && (!sample_holds(job) || !slice_cut(job)))
		return;
	/* What is told of the file is as old as this: it may have grown meanwhile, and no more. */
	if (fs_stat_fd(job->fd, &st) < 0 || st.size < job->st.size)
		return;
	job->bad = false;
}

/* --- loop --- */

static void growing_pump(struct local *l);

static void grown_free(struct local *l, struct grown *e)
{
	HASH_DEL(l->growing->files, e);
	workers_close(l->c.workers, e->fd);
	blocklist_clear(&e->list);
	free(e->path);
	free(e);
}

static void slice_free(struct local *l, struct slice_job *job)
{
	workers_close(l->c.workers, job->fd);
	blocklist_clear(&job->blocks);
	share_handle_free(job->handle);
	free(job->path);
	free(job);
}

/* It waits for its record from now on. The entry stays, so that it is not begun again. */
static void grown_quiet(struct local *l, struct grown *e)
{
	e->quiet = true;
	if (e->told)
		comings_end(l->c.comings, e->path, false);
	workers_close(l->c.workers, e->fd);
	e->fd = -1;
	blocklist_clear(&e->list);
}

/* A file that mostly is what its row says: peers have most of it, and asking them for what differs is cheaper. */
static bool is_mostly_known(struct local *l, const char *path, int64_t size)
{
	struct record row = { 0 };
	bool known = false;

	if (index_get(l->c.index, path, &row) < 0)
		local_unwritten(l);
	else
		known = record_is(&row, RECORD_FILE) && !row.deleted && row.content.size > size / 2;
	record_clear(&row);
	return known;
}

static void grown_append(struct grown *e, const struct slice_job *job)
{
	uint32_t n = e->list.n + job->blocks.n;

	if (n > e->cap) {
		e->cap = n * 2;
		e->list.b = mem_realloc(e->list.b, e->cap, sizeof(*e->list.b));
	}
	memcpy(e->list.b + e->list.n, job->blocks.b, job->blocks.n * sizeof(*e->list.b));
	e->list.n = n;
	for (uint32_t i = 0; i < job->blocks.n; i++)
		e->pos += job->blocks.b[i].len;
}

static void grown_tell(struct local *l, struct grown *e, const struct slice_job *job)
{
	struct comings_cut cut = { .path = e->path,
		                   .fd = e->fd,
		                   .st = job->st,
		                   .list = &e->list,
		                   .log2 = LOG2_FIRST,
		                   .growing = true,
		                   .known = e->told };

	if (!comings_cut(l->c.comings, &cut))
		grown_quiet(l, e);
	else
		e->told = comings_log2(l->c.comings, e->path) != 0;
}

/* The first look only notes the size: a file that has its size before it is written is not followed. */
static void grown_looked(struct local *l, struct grown *e, const struct slice_job *job)
{
	e->stalls = job->st.size == e->size ? e->stalls + 1 : 0;
	e->size = job->st.size;
	e->next_ms = loop_now_ms(l->c.loop) + (job->st.size - e->pos > SLICE_MAX && e->list.n > 0 ? 0 : CHECK_MS);
	if (e->stalls > STALLS_MAX || (job->cut && e->list.n == 0 && is_mostly_known(l, e->path, e->size))) {
		grown_quiet(l, e);
		return;
	}
	if (!job->cut || e->list.n + job->blocks.n > CONTENT_MAX_BLOCKS / 2)
		return;
	grown_append(e, job);
	if (e->list.n > 0)
		grown_tell(l, e, job);
}

static void growing_back(void *arg)
{
	struct slice_job *job = arg;
	struct local *l = job->local;
	struct grown *e = job->of;

	if (l->growing == NULL || l->growing->out != job) {
		slice_free(l, job);
		local_unref(l);
		return;
	}
	l->growing->out = NULL;
	if (e->fd < 0) {
		e->fd = job->fd;
		job->fd = -1;
	}
	if (!job->bad && !e->gone)
		grown_looked(l, e, job);
	else
		grown_quiet(l, e);
	if (e->closed)
		grown_free(l, e);
	slice_free(l, job);
	growing_pump(l);
	local_unref(l);
}

static void grown_look(struct local *l, struct grown *e)
{
	struct slice_job *job = MEM_NEW(struct slice_job);

	job->local = l;
	job->handle = share_handle_ref(l->handle);
	job->of = e;
	job->path = mem_strdup(e->path);
	job->cuts = l->c.cuts;
	job->fd = e->fd >= 0 ? fcntl(e->fd, F_DUPFD_CLOEXEC, 0) : -1;
	job->size = e->size;
	job->pos = e->pos;
	job->least = comings_file_min(l->c.comings);
	if (e->list.n > 0) {
		uint32_t n = (uint32_t)(random_u64() % e->list.n);

		job->sample = e->list.b[n];
		for (uint32_t i = 0; i < n; i++)
			job->sample_at += e->list.b[i].len;
	}
	e->written = false;
	l->growing->out = job;
	local_ref(l);
	workers_submit(l->c.workers, WORKERS_BULK, slice_work, growing_back, job);
}

/* One job at a time for all files: a writer is followed at the speed of one worker at most. */
static void growing_pump(struct local *l)
{
	int64_t now = loop_now_ms(l->c.loop), next_ms = INT64_MAX;
	struct grown *e, *next;

	if (l->growing->out != NULL || l->handle == NULL || l->error != NULL)
		return;
	HASH_ITER(hh, l->growing->files, e, next) {
		if (e->quiet || !e->written)
			continue;
		if (e->next_ms <= now) {
			grown_look(l, e);
			return;
		}
		next_ms = e->next_ms < next_ms ? e->next_ms : next_ms;
	}
	if (next_ms != INT64_MAX)
		loop_timer_start(l->growing->timer, next_ms - now, 0);
}

static void growing_due(void *arg)
{
	growing_pump(arg);
}

/* --- events --- */

static struct grown *grown_find(const struct local *l, const char *path)
{
	struct grown *e;

	HASH_FIND_STR(l->growing->files, path, e);
	return e;
}

static bool growing_has_place(struct local *l)
{
	int64_t now = loop_now_ms(l->c.loop);
	struct grown *e, *next;

	if (HASH_COUNT(l->growing->files) < FILES_MAX)
		return true;
	HASH_ITER(hh, l->growing->files, e, next) {
		if (now - e->event_ms >= OLD_MS && (l->growing->out == NULL || l->growing->out->of != e)) {
			grown_free(l, e);
			return true;
		}
	}
	return false;
}

/* A path that does not wait yet is about to be checked: most files are closed by then. */
void growing_written(struct local *l, const char *path)
{
	struct grown *e;

	if (l->c.comings == NULL || index_is_reader(l->c.index))
		return;
	e = grown_find(l, path);
	if (e == NULL &&
	    (!debounce_waits(l->debounce, path) || !growing_has_place(l) || own_is(l, path) || path_is_like_ours(path)))
		return;
	if (e == NULL) {
		e = MEM_NEW(struct grown);
		e->path = mem_strdup(path);
		e->fd = -1;
		e->size = -1;
		HASH_ADD_KEYPTR(hh, l->growing->files, e->path, strlen(e->path), e);
	}
	e->written = true;
	e->event_ms = loop_now_ms(l->c.loop);
	if (!e->quiet && !loop_timer_running(l->growing->timer))
		growing_pump(l);
}

bool growing_follows(const struct local *l, const char *path)
{
	const struct grown *e = l->c.comings != NULL ? grown_find(l, path) : NULL;

	return e != NULL && !e->quiet && e->told;
}

void growing_closed(struct local *l, const char *path)
{
	struct grown *e = l->c.comings != NULL ? grown_find(l, path) : NULL;

	if (e == NULL)
		return;
	if (l->growing->out != NULL && l->growing->out->of == e)
		e->closed = true;
	else
		grown_free(l, e);
}

/* A look that is out at what was there does not count. */
static void grown_gone(struct local *l, const char *path)
{
	struct grown *e = grown_find(l, path);

	if (e == NULL)
		return;
	e->gone = true;
	growing_closed(l, path);
}

void growing_gone(struct local *l, const char *path)
{
	if (l->c.comings == NULL)
		return;
	grown_gone(l, path);
	comings_end(l->c.comings, path, false);
}

void growing_moved(struct local *l, const char *from, const char *to)
{
	if (l->c.comings == NULL)
		return;
	growing_gone(l, to);
	grown_gone(l, from);
	comings_move(l->c.comings, from, to);
}

void growing_new(struct local *l)
{
	l->growing = MEM_NEW(struct growing);
	l->growing->timer = loop_timer_new(l->c.loop, growing_due, l);
}

void growing_reset(struct local *l)
{
	struct grown *e, *next;

	l->growing->out = NULL;
	loop_timer_stop(l->growing->timer);
	HASH_ITER(hh, l->growing->files, e, next)
		grown_free(l, e);
	if (l->c.comings != NULL)
		comings_end_all(l->c.comings);
}

void growing_free(struct local *l)
{
	growing_reset(l);
	loop_timer_free(l->growing->timer);
	free(l->growing);
	l->growing = NULL;
}
