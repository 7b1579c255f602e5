/* Finds the files of a content by their rows, and reads blocks from them: see share_source.h. */
#include "sync/share/share_source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"
#include "sync/plan/leaf.h"
#include "sync/share/seen.h"
#include "sync/share/share.h"

/* Several rows may have the content while the file of one is being replaced. */
enum { FILES_MAX = 4 };

struct file_reading {
	struct content_reading reading;
	const struct share_source *source; /* the loop's */
	struct share_handle *handle;       /* a reference */
	struct block_want want;
	struct record files[FILES_MAX]; /* owned: rows of files that should have the block */
	size_t nfiles;
	bool looked_up; /* by content; false: the caller named the row */
	bool changed;   /* found by the worker: none of the files is what its row says */
};

static bool read_whole(int fd, const struct block_want *want, uint8_t *out)
{
	return fs_pread_full(fd, out, want->len, want->offset) == (ssize_t)want->len;
}

/* The bytes that were read from fd are the block if the file is still what its row says. If its ctime alone differs,
 * only the hash tells. */
static bool is_block(int fd, const struct record *row, const struct block_want *want, uint8_t *bytes)
{
	uint8_t hash[SHA256_SIZE];
	struct fs_stat st;

	if (fs_stat_fd(fd, &st) < 0)
		return false;
	switch (seen_match(&row->seen, &st)) {
	case SEEN_SAME:
		return true;
	case SEEN_ALL_BUT_CTIME:
		if (want->what == WANT_LEAVES && !read_whole(fd, want, bytes))
			return false;
		sha256(hash, bytes, want->len);
		return memcmp(hash, want->hash, sizeof(hash)) == 0;
	case SEEN_OTHER:
		break;
	}
	return false;
}

/* Of leaves that were asked for no more than these, each at its place. */
static bool read_wanted(int fd, const struct block_want *want, uint8_t *out)
{
	if (want->what != WANT_LEAVES)
		return read_whole(fd, want, out);
	for (size_t i = 0; i < want->nruns; i++) {
		uint32_t n, begin = leaf_run_begin(want, i, &n);

		if (fs_pread_full(fd, out + begin, n, want->offset + begin) != (ssize_t)n)
			return false;
	}
	return true;
}

/* The stat comes after the read, so that a write in between is noticed. */
static bool read_block_of(const struct file_reading *r, const struct record *row, uint8_t *out)
{
	int fd = fs_open(r->handle->root, row->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	bool right;

	if (fd < 0)
		return false;
	right = read_wanted(fd, &r->want, out) && is_block(fd, row, &r->want, out);
	close(fd);
	return right;
}

/* Worker. */
static int source_read(struct content_reading *reading, uint8_t *out)
{
	struct file_reading *r = (struct file_reading *)reading;

	for (size_t i = 0; i < r->nfiles; i++)
		if (read_block_of(r, &r->files[i], out))
			return 0;
	r->changed = true;
	return -1;
}

static void source_close(struct content_reading *reading)
{
	struct file_reading *r = (struct file_reading *)reading;

	for (size_t i = 0; i < r->nfiles; i++) {
		if (r->changed && r->looked_up)
			r->source->hint(r->source->arg, r->files[i].path);
		record_clear(&r->files[i]);
	}
	share_handle_free(r->handle);
	free(r);
}

/* --- which files --- */

struct file_lookup {
	const struct share_source *source;
	struct file_reading *reading; /* takes the files; NULL: whether there are any is all that is asked */
	bool given, withheld;
};

/* index_by_content's callback. A file that the ignore rules leave out is not shared any more, whatever its row says. */
static bool note_file(void *arg, const struct record *row)
{
	struct file_lookup *l = arg;
	struct file_reading *r = l->reading;

	if (!share_accepts(l->source->share, row->path, false)) {
		l->withheld = true;
		return true;
	}
	l->given = true;
	if (r == NULL)
		return false;
	record_copy(&r->files[r->nfiles++], row);
	return r->nfiles < FILES_MAX;
}

static enum content_state source_stat(void *arg, const struct content *c)
{
	struct file_lookup l = { .source = arg };

	(void)index_by_content(l.source->index, c, note_file, &l);
	return l.given ? CONTENT_PRESENT : l.withheld ? CONTENT_WITHHELD : CONTENT_ABSENT;
}

static struct content_reading *source_open(void *arg, const struct content *c, const struct record *row,
                                           const struct block_want *want)
{
	struct file_reading *r = MEM_NEW(struct file_reading);
	struct file_lookup l = { .source = arg, .reading = r };

	r->source = arg;
	r->want = *want;
	r->looked_up = row == NULL;
	if (row != NULL)
		record_copy(&r->files[r->nfiles++], row);
	else if (index_by_content(l.source->index, c, note_file, &l) < 0 || r->nfiles == 0)
		goto none;
	r->handle = share_reading_handle(r->source->share);
	return &r->reading;
none:
	source_close(&r->reading);
	return NULL;
}

static int source_list(void *arg, const struct content *c, uint32_t first, uint32_t most, struct blocklist *list)
{
	const struct share_source *s = arg;

	return source_stat(arg, c) == CONTENT_PRESENT ? index_blocks_part(s->index, c, first, most, list) : 0;
}

static const struct content_source_ops source_ops = {
	.stat = source_stat,
	.open = source_open,
	.list = source_list,
	.read = source_read,
	.close = source_close,
};

struct content_source share_source(struct share_source *s)
{
	return (struct content_source){ .ops = &source_ops, .arg = s };
}
