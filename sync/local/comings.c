/* What was told of files that have no record yet, and their blocks: see comings.h. */
#include "sync/local/comings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/share/seen.h"

enum {
	/* After a file's record was written, receivers still wait for blocks that they asked for before. */
	SERVED_AFTER_MS = 20000,
	IDLE_MS = 120000, /* nothing more is known of the file: its writer waits, or it is gone */
	TICK_MS = 5000,
	SHARED_MIN = 64 << 20,             /* bytes of a file that grows, before several receivers are told of it */
	FILES_HELD = 2 * COMING_FILES_MAX, /* with those that have ended */
};

/* One run that was told. */
struct told_run {
	struct told_file *file;
	int64_t base;
	struct content c;
	struct blocklist list; /* owned */
	int64_t *at;           /* of each block in the run; owned */
	struct fs_stat st;     /* of the file when it was read */
	bool named;            /* in comings.runs: another of the same content may be there */
	struct told_run *next;
	UT_hash_handle hh; /* in comings.runs, by c.root */
};

struct told_file {
	uint64_t id;
	char *path; /* owned; where it is now */
	char *as;   /* owned; the path that was told */
	int fd;     /* owned */
	uint8_t log2;
	bool growing;
	bool written;          /* its record is */
	int64_t touched_ms;    /* when more of it was known, or its record was written */
	uint32_t told;         /* blocks of the file that are in runs */
	int64_t end;           /* where they end */
	struct block last;     /* the last of them */
	struct told_run *runs; /* in file order */
	struct told_run *last_run;
	struct told_file *prev, *next; /* in comings.files, oldest first */
};

struct comings_counters {
	int64_t files;
	int64_t bytes_told;   /* of all runs */
	int64_t bytes_served; /* of blocks that were read for peers */
	int64_t bytes_wrong;  /* of runs of files that were something else in the end */
};

struct comings {
	struct comings_config c;
	struct told_file *files;
	struct told_run *runs; /* by root */
	size_t nfiles;
	struct loop_timer *timer; /* runs while there are files */
	struct comings_counters counters;
};

/* --- files --- */

static void run_drop(struct comings *s, struct told_run *run)
{
	if (run->named)
		HASH_DEL(s->runs, run);
	blocklist_clear(&run->list);
	free(run->at);
	free(run);
}

static void file_drop(struct comings *s, struct told_file *f)
{
	struct told_run *run, *next;

	LL_FOREACH_SAFE(f->runs, run, next)
		run_drop(s, run);
	DL_DELETE(s->files, f);
	s->nfiles--;
	workers_close(s->c.workers, f->fd);
	free(f->path);
	free(f->as);
	free(f);
}

/* Receivers ask for no more of it. */
static void tell_end(struct comings *s, const struct told_file *f)
{
	const struct coming said = { .id = f->id, .path = f->as, .state = COMING_ENDED };

	s->c.tell(s->c.arg, &said);
}

static void file_end(struct comings *s, struct told_file *f)
{
	tell_end(s, f);
	file_drop(s, f);
}

/* It was changed under what was told of it. */
static void file_wrong(struct comings *s, struct told_file *f)
{
	s->counters.bytes_wrong += f->written ? 0 : f->end;
	file_end(s, f);
}

static void comings_tick(void *arg)
{
	struct comings *s = arg;
	int64_t now = loop_now_ms(s->c.loop);
	struct told_file *f, *next;

	DL_FOREACH_SAFE(s->files, f, next) {
		if (now - f->touched_ms < (f->written ? SERVED_AFTER_MS : IDLE_MS))
			continue;
		file_wrong(s, f);
	}
	if (s->files == NULL)
		loop_timer_stop(s->timer);
}

static struct told_file *file_find(const struct comings *s, const char *path)
{
	struct told_file *f;

	DL_FOREACH(s->files, f) {
		if (!f->written && strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

/* One more may be told of when fewer than COMING_FILES_MAX are; one that is written makes way. */
static bool has_place(struct comings *s)
{
	struct told_file *f, *next;
	int active = 0;

	DL_FOREACH(s->files, f)
		active += !f->written;
	if (active >= COMING_FILES_MAX)
		return false;
	DL_FOREACH_SAFE(s->files, f, next) {
		if (s->nfiles >= FILES_HELD && f->written)
			file_end(s, f);
	}
	return true;
}

static struct told_file *file_new(struct comings *s, const struct comings_cut *cut)
{
	struct told_file *f;
	int fd = -1;

	if (has_place(s))
		fd = fcntl(cut->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	f = MEM_NEW(struct told_file);
	f->id = random_u64();
	f->fd = fd;
	f->path = mem_strdup(cut->path);
	f->as = mem_strdup(cut->path);
	f->log2 = cut->log2;
	DL_APPEND(s->files, f);
	s->nfiles++;
	s->counters.files++;
	if (!loop_timer_running(s->timer))
		loop_timer_start(s->timer, TICK_MS, TICK_MS);
	return f;
}

void comings_end(struct comings *s, const char *path, bool written)
{
	struct told_file *f = file_find(s, path);

	if (f != NULL && written && f->runs != NULL) {
		f->written = true;
		f->touched_ms = loop_now_ms(s->c.loop);
	} else if (f != NULL) {
		file_wrong(s, f);
	}
}

void comings_move(struct comings *s, const char *from, const char *to)
{
	struct told_file *f = file_find(s, from);

	if (f == NULL)
		return;
	free(f->path);
	f->path = mem_strdup(to);
}

uint8_t comings_log2(const struct comings *s, const char *path)
{
	const struct told_file *f = file_find(s, path);

	return f != NULL ? f->log2 : 0;
}

void comings_end_all(struct comings *s)
{
	while (s->files != NULL)
		file_end(s, s->files);
}

/* --- runs --- */

static struct coming said_of(const struct told_run *run)
{
	return (struct coming){ .id = run->file->id,
		                .path = run->file->as,
		                .state = COMING_RUN,
		                .base = run->base,
		                .blocks = run->list };
}

static void run_tell(struct comings *s, struct told_file *f, const struct comings_cut *cut, uint32_t n)
{
	struct told_run *run = MEM_NEW(struct told_run), *known;
	struct coming said;

	run->file = f;
	run->base = f->end;
	run->st = cut->st;
	run->list.n = n;
	run->list.b = mem_calloc(n, sizeof(*run->list.b));
	memcpy(run->list.b, cut->list->b + f->told, n * sizeof(*run->list.b));
	run->c = blocklist_content(&run->list);
	run->at = mem_calloc(n, sizeof(run->at[0]));
	for (uint32_t i = 1; i < n; i++)
		run->at[i] = run->at[i - 1] + run->list.b[i - 1].len;
	if (f->last_run != NULL)
		f->last_run->next = run;
	else
		f->runs = run;
	f->last_run = run;
	f->told += n;
	f->end += run->c.size;
	f->last = run->list.b[n - 1];
	HASH_FIND(hh, s->runs, run->c.root, sizeof(run->c.root), known);
	if (known == NULL) {
		HASH_ADD(hh, s->runs, c.root, sizeof(run->c.root), run);
		run->named = true;
	}
	s->counters.bytes_told += run->c.size;
	said = said_of(run);
	s->c.tell(s->c.arg, &said);
}

/* The first runs are short, so that the first bytes leave soon; those of a file that is read at the disk's speed grow,
 * since each costs its receivers some messages. */
static int64_t run_size(const struct told_file *f)
{
	int64_t size = f->growing ? 0 : f->end / 4;

	return size < COMING_RUN_MIN ? COMING_RUN_MIN : size > COMING_RUN_MAX ? COMING_RUN_MAX : size;
}

/* How many blocks the next run has; 0: there are not enough yet. */
static uint32_t next_run(const struct told_file *f, const struct blocklist *list)
{
	int64_t bytes = 0, most = run_size(f);

	for (uint32_t i = f->told; i < list->n; i++) {
		bytes += list->b[i].len;
		if (bytes >= most || i + 1 - f->told == COMING_BLOCKS_MAX)
			return i + 1 - f->told;
	}
	return 0;
}

/* A file that was told of while it grew is hashed now: its last block that was told stands for all before it, since
 * where a block begins and ends depends on those. A list that only became longer has it in any case. */
static bool continues(const struct told_file *f, const struct blocklist *list)
{
	return f->told == 0 || (list->b[f->told - 1].len == f->last.len &&
	                        memcmp(list->b[f->told - 1].hash, f->last.hash, sizeof(f->last.hash)) == 0);
}

/* What several receivers share of a run, and what is on its way to them, has to be shared again when the record replaces
 * the run. So several are told only of files that have long been growing. */
static bool waits_for_record(const struct comings *s, const struct told_file *f, const struct comings_cut *cut)
{
	int64_t bytes = 0;

	if (s->c.listeners == NULL || s->c.listeners(s->c.arg) < 2)
		return false;
	if (!cut->growing)
		return true;
	for (uint32_t i = 0; f == NULL && i < cut->list->n && bytes < SHARED_MIN; i++)
		bytes += cut->list->b[i].len;
	return f == NULL && bytes < SHARED_MIN;
}

bool comings_cut(struct comings *s, const struct comings_cut *cut)
{
	struct told_file *f = file_find(s, cut->path);
	uint32_t n;

	if (waits_for_record(s, f, cut))
		return true;
	if (f == NULL && !cut->known)
		f = file_new(s, cut);
	if (f == NULL)
		return false;
	f->growing = cut->growing;
	f->touched_ms = loop_now_ms(s->c.loop);
	/* The hash has not come to where the last run ended. */
	if (cut->list->n < f->told)
		return true;
	if (!continues(f, cut->list)) {
		file_wrong(s, f);
		return false;
	}
	while ((n = next_run(f, cut->list)) > 0)
		run_tell(s, f, cut, n);
	return true;
}

void comings_each(const struct comings *s, void (*fn)(void *arg, const struct coming *said), void *arg)
{
	const struct told_file *f;
	const struct told_run *run;

	DL_FOREACH(s->files, f) {
		LL_FOREACH(f->runs, run) {
			struct coming said = said_of(run);

			if (!f->written)
				fn(arg, &said);
		}
	}
}

/* --- blocks for peers --- */

struct told_reading {
	struct content_reading reading;
	struct comings *comings; /* the loop's */
	uint64_t id;             /* of the file */
	struct block_want want;
	int64_t at; /* of the block in the file */
	int fd;     /* a duplicate */
	struct fs_stat st;
	bool growing;
	bool wrong; /* found by the worker: the file has other bytes there */
	bool read;
};

static enum content_state told_stat(void *arg, const struct content *c)
{
	const struct comings *s = arg;
	struct told_run *run;

	HASH_FIND(hh, s->runs, c->root, sizeof(c->root), run);
	return run != NULL && content_equal(&run->c, c) ? CONTENT_PRESENT : CONTENT_ABSENT;
}

static int told_list(void *arg, const struct content *c, uint32_t first, uint32_t most, struct blocklist *list)
{
	const struct comings *s = arg;
	struct told_run *run;

	HASH_FIND(hh, s->runs, c->root, sizeof(c->root), run);
	if (run == NULL || !content_equal(&run->c, c))
		return 0;
	*list = blocklist_part(&run->list, first, most);
	return list->n > 0;
}

/* Only what was told is read: a peer chooses a block of ours, never a place in the file. */
static const struct block *told_block(const struct told_run *run, const struct block_want *want)
{
	uint32_t low = 0, high = run->list.n;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (run->at[middle] <= want->offset)
			low = middle;
		else
			high = middle;
	}
	return run->at[low] == want->offset && run->list.b[low].len == want->len ? &run->list.b[low] : NULL;
}

static struct content_reading *told_open(void *arg, const struct content *c, const struct record *row,
                                         const struct block_want *want)
{
	struct comings *s = arg;
	const struct block *b = NULL;
	struct told_reading *r;
	struct told_run *run;
	int fd;

	HASH_FIND(hh, s->runs, c->root, sizeof(c->root), run);
	if (row == NULL && run != NULL && content_equal(&run->c, c))
		b = told_block(run, want);
	fd = b != NULL ? fcntl(run->file->fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (fd < 0)
		return NULL;
	r = MEM_NEW(struct told_reading);
	r->reading.warm = true; /* or the hashing of the rest, which is far ahead of any link, would hold it up */
	r->comings = s;
	r->id = run->file->id;
	r->want = *want;
	memcpy(r->want.hash, b->hash, sizeof(r->want.hash));
	r->at = run->base + want->offset;
	r->fd = fd;
	r->st = run->st;
	r->growing = run->file->growing;
	return &r->reading;
}

/* Worker. The stat comes after the read, so that a write in between is noticed. A file that grows has other times than
 * when its blocks were cut, and two writes may have the same: then only the hash tells. */
static int told_read(struct content_reading *reading, uint8_t *out)
{
	struct told_reading *r = (struct told_reading *)reading;
	const struct seen seen = seen_of(&r->st);
	uint8_t hash[SHA256_SIZE];
	struct fs_stat st;

	if (fs_pread_full(r->fd, out, r->want.len, r->at) == (ssize_t)r->want.len && fs_stat_fd(r->fd, &st) == 0) {
		r->read = !r->growing && seen_match(&seen, &st) == SEEN_SAME;
		if (!r->read) {
			sha256(hash, out, r->want.len);
			r->read = memcmp(hash, r->want.hash, sizeof(hash)) == 0;
		}
	}
	close(r->fd);
	r->fd = -1;
	r->wrong = !r->read;
	return r->read ? 0 : -1;
}

static void told_close(struct content_reading *reading)
{
	struct told_reading *r = (struct told_reading *)reading;
	struct comings *s = r->comings;
	struct told_file *f, *next;

	if (r->read)
		s->counters.bytes_served += r->want.len;
	DL_FOREACH_SAFE(s->files, f, next) {
		if (r->wrong && f->id == r->id)
			file_wrong(s, f);
	}
	workers_close(s->c.workers, r->fd);
	free(r);
}

struct content_source comings_source(struct comings *s)
{
	static const struct content_source_ops ops = {
		.stat = told_stat,
		.list = told_list,
		.open = told_open,
		.read = told_read,
		.close = told_close,
	};

	return (struct content_source){ .ops = &ops, .arg = s };
}

/* --- life --- */

struct comings *comings_new(const struct comings_config *config)
{
	struct comings *s = MEM_NEW(struct comings);

	s->c = *config;
	s->timer = loop_timer_new(config->loop, comings_tick, s);
	return s;
}

void comings_free(struct comings *s)
{
	if (s == NULL)
		return;
	comings_end_all(s);
	loop_timer_free(s->timer);
	free(s);
}

void comings_debug(const struct comings *s, debug_fn *fn, void *arg)
{
	const struct told_file *f;
	int64_t active = 0;

	DL_FOREACH(s->files, f)
		active += !f->written;
	fn(arg, "comings", "active", active);
	fn(arg, "comings", "files", s->counters.files);
	fn(arg, "comings", "bytes_told", s->counters.bytes_told);
	fn(arg, "comings", "bytes_served", s->counters.bytes_served);
	fn(arg, "comings", "bytes_wrong", s->counters.bytes_wrong);
}
