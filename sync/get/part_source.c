/* The parts of downloads as a source of contents: each block can be read by others as soon as it is verified, so that
 * members pass a large file on while they still get it. See get.h and content_source.h. */
#include "sync/get/get_internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

struct part_reading {
	struct content_reading reading;
	struct workers *workers;
	struct block_want want;
	int64_t at; /* of the block in the part */
	int fd;     /* a duplicate of the part's: the download may end meanwhile; -1: read and closed */
};

static enum content_state part_stat(void *arg, const struct content *c)
{
	const struct get *g = arg;
	const struct download *d = holders_of(g, c);

	return d != NULL && d->part >= 0 && d->run == NULL ? CONTENT_PARTIAL : coming_stat(g, c);
}

/* With a row a complete file is asked for, which a part is not. */
static struct content_reading *part_open(void *arg, const struct content *c, const struct record *row,
                                         const struct block_want *want)
{
	struct get *g = arg;
	struct part_reading *r;
	int64_t at = want->offset;
	int part, fd;

	if (row != NULL || (get_partial(g, c, want->offset, want->len, &part) != 1 &&
	                    coming_partial(g, c, want->offset, want->len, &part, &at) != 1))
		return NULL;
	fd = fcntl(part, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return NULL;
	r = MEM_NEW(struct part_reading);
	r->workers = g->c.workers;
	r->want = *want;
	r->at = at;
	r->fd = fd;
	return &r->reading;
}

/* Worker. Closes the descriptor as well, since the disk may not answer. */
static int part_read(struct content_reading *reading, uint8_t *out)
{
	struct part_reading *r = (struct part_reading *)reading;
	ssize_t n = fs_pread_full(r->fd, out, r->want.len, r->at);

	close(r->fd);
	r->fd = -1;
	return n == (ssize_t)r->want.len ? 0 : -1;
}

static void part_close(struct content_reading *reading)
{
	struct part_reading *r = (struct part_reading *)reading;

	workers_close(r->workers, r->fd);
	free(r);
}

static int part_list(void *arg, const struct content *c, uint32_t first, uint32_t most, struct blocklist *list)
{
	return coming_list(arg, c, first, most, list);
}

static const struct content_source_ops part_ops = {
	.stat = part_stat,
	.open = part_open,
	.list = part_list,
	.read = part_read,
	.close = part_close,
};

struct content_source part_source(struct get *g)
{
	return (struct content_source){ .ops = &part_ops, .arg = g };
}
