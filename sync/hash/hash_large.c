/* Hashing large files in segments, several at a time: see hash.h.
 *
 * Where a block ends depends only on where it began. So each segment is cut on the guess that a block begins a
 * little before its start. After a few blocks its cuts are those of a front-to-back run, since both find the same
 * ends in the same bytes. If the block that really crosses into a segment ends at one of its cuts, everything from
 * there on is right; if not, the segment is cut again from the true place until the two agree. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "sync/hash/cutter.h"
#include "sync/hash/hash_internal.h"

enum {
	JOBS_OUT = 4,
	KNOWN_STEP = 32 << 20, /* bytes compared with the known list by one job */
	AHEAD = 8,             /* segments cut but not stitched, at most */
	FILES_OPEN = 2,
	SEGMENT_MIN = 8 << 20,
};

struct segment {
	struct hash_large *file;
	int64_t from;               /* where cutting starts: at a true block, or at a guess */
	int64_t begin, end;         /* blocks that begin in [begin, end) are kept */
	bool ready;                 /* the job is back */
	const struct segment *stop; /* a repair: it ends early at one of this segment's cuts; NULL: not a repair */
	int64_t first, last;        /* where the first kept block begins and the last one ends */
	struct blocklist blocks;
	uint32_t cap;
	struct fs_stat after; /* the file when all of this had been read */
	int error;
};

enum large_state {
	LARGE_WAITING,
	LARGE_OPENING, /* a job owns it, with all fields */
	LARGE_OPEN,
};

struct hash_large {
	struct hash *hash;
	struct share_handle *handle;
	struct hash_file *file;
	int fd; /* -1: not open */
	enum large_state state;
	bool sparse;
	int64_t data; /* bytes that are not in holes, roughly */
	int64_t segment_size;
	uint32_t nsegments;
	uint32_t next_segment; /* to cut */
	uint32_t stitched;     /* segments that are part of file->blocks */
	struct segment **segments;
	uint32_t cap;            /* of file->blocks */
	int64_t pos;             /* where the blocks so far end */
	int out;                 /* jobs */
	enum hash_status status; /* HASH_DONE as long as the file is as it was when it was opened */
	int error;               /* the first one; nothing new is begun */
	struct hash_known_at known;
	int known_rc; /* of the last step of comparing with the known list */
	struct fs_stat known_after;
	struct hash_large *prev, *next;
};

/* --- worker: open --- */

static void large_open_work(void *arg)
{
	struct hash_large *l = arg;
	struct hash_file *f = l->file;
	const char *name;
	int dirfd = fs_open_parent(l->handle->root, f->path, &name);
	struct stat st;

	if (dirfd < 0) {
		l->error = errno;
		return;
	}
	l->fd = hash_open(dirfd, name);
	if (l->fd < 0 || fs_stat_fd(l->fd, &f->st) < 0 || fstat(l->fd, &st) < 0)
		l->error = errno;
	else if (f->st.kind != S_IFREG || f->st.size <= CHUNK_WHOLE_MAX)
		l->error = ENOENT; /* another file than the one that was checked */
	else
		l->data = st.st_blocks * INT64_C(512);
	l->sparse = l->data < f->st.size;
	close(dirfd);
}

/* --- worker: the known list --- */

static void large_known_work(void *arg)
{
	struct hash_large *l = arg;

	l->known_rc = hash_known_compare(l->fd, l->file, &l->known, KNOWN_STEP);
	if (l->known_rc < 0 || fs_stat_fd(l->fd, &l->known_after) < 0)
		l->error = errno;
}

/* --- worker: one segment --- */

/* Whether one of s's blocks begins at pos, or its last one ends there. *next: the block that begins there. */
static bool has_cut(const struct segment *s, int64_t pos, uint32_t *next)
{
	int64_t at = s->first;
	uint32_t i = 0;

	while (at < pos && i < s->blocks.n)
		at += s->blocks.b[i++].len;
	*next = i;
	return at == pos;
}

static void add_block(struct blocklist *list, uint32_t *cap, const struct block *b)
{
	if (list->n == *cap) {
		*cap = *cap * 2 + 32;
		list->b = mem_realloc(list->b, *cap, sizeof(*b));
	}
	list->b[list->n++] = *b;
}

/* Runs up to `begin` first, which makes the cuts true, and keeps blocks from there on. A repair (stop is not NULL)
 * ends as soon as one of its cuts is one of stop's. */
static void cut_segment(struct segment *s, struct cutter *c)
{
	struct block b;
	uint32_t at = 0;
	int64_t at_pos;
	int rc = 1;

	while (rc > 0 && c->pos < s->begin)
		rc = cutter_next(c, &b);
	s->first = c->pos;
	at_pos = s->stop != NULL ? s->stop->first : 0;
	while (rc > 0 && c->pos < s->end) {
		rc = cutter_next(c, &b);
		if (rc > 0)
			add_block(&s->blocks, &s->cap, &b);
		if (s->stop == NULL)
			continue;
		while (at_pos < c->pos && at < s->stop->blocks.n)
			at_pos += s->stop->blocks.b[at++].len;
		if (at_pos == c->pos)
			break;
	}
	s->last = c->pos;
	if (rc < 0 || fs_stat_fd(s->file->fd, &s->after) < 0)
		s->error = errno;
}

static void segment_work(void *arg)
{
	struct segment *s = arg;
	const struct hash_large *l = s->file;
	struct cutter c;

	cutter_init(&c, l->hash->rule, l->fd, l->file->st.size, l->file->chunk_log2, l->sparse,
	            (struct cutter_range){ .pos = s->from,
	                                   .hash_from = s->begin,
	                                   .end = s->end,
	                                   .soon = s->stop != NULL });
	cut_segment(s, &c);
	cutter_free(&c);
}

/* --- loop --- */

static void free_segment(struct segment *s)
{
	if (s == NULL)
		return;
	blocklist_clear(&s->blocks);
	free(s);
}

static void free_large(struct hash_large *l)
{
	for (uint32_t i = 0; i < l->nsegments; i++)
		free_segment(l->segments[i]);
	free(l->segments);
	workers_close(l->hash->workers, l->fd);
	share_handle_free(l->handle);
	free(l);
}

/* Everything is stitched, or it failed and every job is back. */
static void large_finish(struct hash_large *l)
{
	struct hash *h = l->hash;
	struct hash_file *f = l->file;

	if (l->error != 0) {
		hash_fail(f, l->error);
	} else {
		f->status = l->status;
		f->content = blocklist_content(&f->blocks);
		if (f->blocks.n < 2)
			blocklist_clear(&f->blocks);
	}
	DL_DELETE(h->large, l);
	free_large(l);
	hash_finish(h, f);
}

/* The hash was freed, and no job has the file any more. */
static void drop_large(struct hash_large *l)
{
	struct hash *h = l->hash;
	struct hash_file *f = l->file;

	DL_DELETE(h->large, l);
	free_large(l);
	blocklist_clear(&f->blocks);
	hash_finish(h, f);
}

static void segment_done(void *arg);

static void submit_segment(struct hash_large *l, struct segment *s)
{
	s->file = l;
	l->out++;
	l->hash->large_out++;
	workers_submit(l->hash->workers, WORKERS_BULK, segment_work, segment_done, s);
}

static void append_blocks(struct hash_large *l, const struct blocklist *list, uint32_t from)
{
	struct hash_file *f = l->file;

	if (list->n - from > CONTENT_MAX_BLOCKS - f->blocks.n) {
		l->error = EFBIG;
		return;
	}
	for (uint32_t i = from; i < list->n; i++)
		add_block(&f->blocks, &l->cap, &list->b[i]);
}

/* The guess was wrong: cuts again from where a block truly begins, until the cuts agree. */
static void repair_segment(struct hash_large *l, const struct segment *s)
{
	struct segment *r = MEM_NEW(struct segment);

	r->from = r->begin = l->pos;
	r->end = s->end;
	r->stop = s;
	submit_segment(l, r);
}

static void stitch_segments(struct hash_large *l)
{
	while (l->error == 0 && l->stitched < l->nsegments) {
		struct segment *s = l->segments[l->stitched];
		uint32_t from;

		if (s == NULL || !s->ready)
			return;
		if (l->pos < l->file->st.size && !has_cut(s, l->pos, &from)) {
			s->ready = false; /* until the repair is back */
			repair_segment(l, s);
			return;
		}
		if (l->pos < l->file->st.size) {
			append_blocks(l, &s->blocks, from);
			l->pos = s->last;
		}
		free_segment(s);
		l->segments[l->stitched++] = NULL;
	}
}

static void segment_repaired(struct hash_large *l, struct segment *r)
{
	struct segment *s = l->segments[l->stitched];
	uint32_t from;

	append_blocks(l, &r->blocks, 0);
	l->pos = r->last;
	/* They never agreed: the repair cut the whole segment. */
	if (l->pos >= s->end && !has_cut(s, l->pos, &from)) {
		blocklist_clear(&s->blocks);
		s->first = s->last = l->pos;
	}
	s->ready = true;
	free_segment(r);
}

static void segment_done(void *arg)
{
	struct segment *s = arg;
	struct hash_large *l = s->file;
	struct hash *h = l->hash;

	l->out--;
	h->large_out--;
	if (l->error == 0)
		l->error = s->error;
	if (s->error == 0 && l->status == HASH_DONE)
		l->status = hash_compare(&l->file->st, &s->after);
	if (l->error != 0 && s->stop != NULL)
		free_segment(s);
	else if (s->stop != NULL)
		segment_repaired(l, s);
	else
		s->ready = true;
	if (!h->freed)
		stitch_segments(l);
	if (!h->freed && l->error == 0 && l->status == HASH_DONE && h->ops->cut != NULL)
		h->ops->cut(h->arg, l->file, l->fd);
	if (h->freed) {
		if (l->out == 0)
			drop_large(l);
		(void)hash_ended(h);
		return;
	}
	h->large_out++; /* keeps one job counted, so that a callback that frees h does not free it under us */
	if (l->out == 0 && (l->error != 0 || l->stitched == l->nsegments))
		large_finish(l);
	h->large_out--;
	if (!hash_ended(h) && !h->freed)
		hash_large_pump(h);
}

/* As many segments as the data needs: holes cost nothing to cut, but a job for each piece of them would. */
static void divide_file(struct hash_large *l)
{
	const struct chunk_rule *rule = l->hash->rule;
	int64_t size = l->file->st.size, block = (int64_t)rule->max(rule, l->file->chunk_log2), most;

	/* A multiple of the largest block, so that guesses come right in runs of one byte. */
	l->segment_size = block * rule->segment;
	if (l->segment_size < SEGMENT_MIN)
		l->segment_size = (SEGMENT_MIN + block - 1) / block * block;
	most = l->sparse ? l->data / l->segment_size + 1 : INT64_MAX;
	if (size / l->segment_size > most)
		l->segment_size *= size / l->segment_size / most + 1;
	l->nsegments = (uint32_t)((size + l->segment_size - 1) / l->segment_size);
	l->segments = mem_calloc((size_t)l->nsegments + 1, sizeof(struct segment *));
}

/* A file that would need more blocks than a record may have is refused before anything is read. */
static void large_begin(struct hash_large *l)
{
	struct hash *h = l->hash;
	struct hash_file *f = l->file;
	int64_t blocks;

	l->state = LARGE_OPEN;
	if (l->error == 0 && !f->kept_cuts) {
		f->chunk_log2 = chunk_log2(f->st.size, f->previous_log2);
		blocks = INT64_C(1) << f->chunk_log2;
		if (f->st.size / (blocks / 4) > (int64_t)CONTENT_MAX_BLOCKS * 16)
			l->error = EFBIG;
	}
	if (l->error == 0 && !f->kept_cuts)
		divide_file(l);
	h->large_out++;
	if (l->error != 0 || l->nsegments == 0)
		large_finish(l);
	h->large_out--;
	if (!hash_ended(h) && !h->freed)
		hash_large_pump(h);
}

static void large_opened(void *arg);

/* Opened, or a step of comparing is back: goes on comparing, or begins to cut. */
static void large_known_next(struct hash_large *l)
{
	struct hash_file *f = l->file;

	if (l->error != 0 || l->known_rc == 0 || !hash_known_fits(f)) {
		large_begin(l);
	} else if (l->known.block == f->known.n) {
		hash_known_take(f);
		l->status = hash_compare(&f->st, &l->known_after);
		large_begin(l);
	} else {
		l->out++;
		l->hash->large_out++;
		workers_submit(l->hash->workers, WORKERS_BULK, large_known_work, large_opened, l);
	}
}

static void large_opened(void *arg)
{
	struct hash_large *l = arg;
	struct hash *h = l->hash;

	l->out--;
	h->large_out--;
	if (h->freed) {
		drop_large(l);
		(void)hash_ended(h);
		return;
	}
	large_known_next(l);
}

static void start_open(struct hash_large *l)
{
	l->state = LARGE_OPENING;
	l->out++;
	l->hash->large_out++;
	workers_submit(l->hash->workers, WORKERS_QUICK, large_open_work, large_opened, l);
}

static void start_segment(struct hash_large *l)
{
	struct segment *s = MEM_NEW(struct segment);
	const struct chunk_rule *rule = l->hash->rule;
	int64_t before = (int64_t)rule->max(rule, l->file->chunk_log2) * rule->guess;

	s->begin = l->segment_size * l->next_segment;
	s->end = s->begin + l->segment_size;
	s->from = s->begin > before ? s->begin - before : 0;
	l->segments[l->next_segment++] = s;
	submit_segment(l, s);
}

void hash_large_pump(struct hash *h)
{
	struct hash_large *l;
	int open = 0;

	DL_FOREACH(h->large, l) {
		if (++open > FILES_OPEN)
			break;
		if (l->state == LARGE_WAITING)
			start_open(l);
		while (l->state == LARGE_OPEN && l->error == 0 && l->next_segment < l->nsegments &&
		       l->next_segment < l->stitched + AHEAD && h->large_out < JOBS_OUT)
			start_segment(l);
	}
}

void hash_large_add(struct hash *h, struct share_handle *g, struct hash_file *f)
{
	struct hash_large *l = MEM_NEW(struct hash_large);

	l->hash = h;
	l->handle = share_handle_ref(g);
	l->file = f;
	l->fd = -1;
	l->known_rc = 1;
	DL_APPEND(h->large, l);
}

void hash_large_drop(struct hash *h)
{
	struct hash_large *l;
	struct hash_large *next;

	DL_FOREACH_SAFE(h->large, l, next) {
		if (l->out == 0)
			drop_large(l);
	}
}
