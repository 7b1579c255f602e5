/* Blocks of files that have no record yet, read for the peers that ask: see comings.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/local/comings_internal.h"
#include "sync/share/seen.h"

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
			comings_wrong(s, f);
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
