/* What was told of files that have no record yet, and their blocks: see comings.h. */
#include "sync/local/comings_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"

enum {
	/* After a file's record was written, receivers still wait for blocks that they asked for before. */
	SERVED_AFTER_MS = 20000,
	IDLE_MS = 120000, /* nothing more is known of the file: its writer waits, or it is gone */
	TICK_MS = 5000,
	SHARED_MIN = 64 << 20,             /* bytes of a file that grows, before several receivers are told of it */
	FILES_HELD = 2 * COMING_FILES_MAX, /* with those that have ended */
};

/* --- files --- */

static void run_drop(struct comings *s, struct told_run *run)
{
	if (run->named)
		HASH_DEL(s->runs, run); /* NOLINT(clang-analyzer-core.NullDereference): run is in it */
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

void comings_wrong(struct comings *s, struct told_file *f)
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
		comings_wrong(s, f);
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
		comings_wrong(s, f);
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

int64_t comings_file_min(const struct comings *s)
{
	return s->c.sizes.file;
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
static int64_t run_size(const struct told_file *f, int64_t least)
{
	int64_t size = f->growing ? 0 : f->end / 4;

	return size < least ? least : size > COMING_RUN_MAX ? COMING_RUN_MAX : size;
}

/* How many blocks the next run has; 0: there are not enough yet. */
static uint32_t next_run(const struct comings *s, const struct told_file *f, const struct blocklist *list)
{
	int64_t bytes = 0, most = run_size(f, s->c.sizes.run);

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

/* What several receivers share of a run, and what is on its way to them, has to be shared again when the record
 * replaces the run. So several are told only of files that have long been growing. */
static bool waits_for_record(const struct comings *s, const struct told_file *f, const struct comings_cut *cut)
{
	int64_t bytes = 0;

	if (s->c.listeners == NULL || s->c.listeners(s->c.arg) < 2)
		return false;
	if (!cut->growing)
		return true;
	for (uint32_t i = 0; f == NULL && i < cut->list->n && bytes < s->c.sizes.shared; i++)
		bytes += cut->list->b[i].len;
	return f == NULL && bytes < s->c.sizes.shared;
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
		comings_wrong(s, f);
		return false;
	}
	while ((n = next_run(s, f, cut->list)) > 0)
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

/* --- life --- */

struct comings *comings_new(const struct comings_config *config)
{
	struct comings *s = MEM_NEW(struct comings);

	s->c = *config;
	if (s->c.sizes.file == 0)
		s->c.sizes = (struct comings_sizes){ COMING_FILE_MIN, COMING_RUN_MIN, SHARED_MIN };
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
