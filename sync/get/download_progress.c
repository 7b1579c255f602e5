/* Questions about a download: its part, its list, how far it is, and blocks for peers that ask us. See
 * get.h. */
#include "sync/get/get_internal.h"

bool download_is_ready(const struct download *d)
{
	return d->state == DOWNLOAD_READY;
}

bool download_is_parked(const struct download *d)
{
	return d->parked;
}

const char *download_part(const struct download *d)
{
	return d->part_file;
}

uint64_t download_part_ino(const struct download *d)
{
	return d->part_ino;
}

const struct blocklist *download_list(const struct download *d)
{
	return d->list.n > 1 ? &d->list : NULL;
}

void download_progress(const struct download *d, int64_t *done, int64_t *rate)
{
	size_t n = d->samples < RATE_SAMPLES ? d->samples : RATE_SAMPLES;

	*done = d->done;
	*rate = 0;
	if (n > 1)
		*rate = (d->sample[(d->samples - 1) % RATE_SAMPLES] - d->sample[(d->samples - n) % RATE_SAMPLES]) /
		        (int64_t)(n - 1);
}

/* Finds the block by its offset. Only blocks that were verified are given. */
static bool has_block(const struct download *d, int64_t offset, uint32_t len)
{
	uint32_t low = 0, high = d->list.n;

	if (d->part < 0 || d->run != NULL || d->state_of == NULL)
		return false;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (d->offset_of[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return d->offset_of[low] == offset && d->list.b[low].len == len && d->state_of[low] == BLOCK_HAVE;
}

/* The download that tells of its blocks is the one to be asked for them: nothing is searched for a peer. */
int get_partial(struct get *g, const struct content *c, int64_t offset, uint32_t len, int *fd)
{
	const struct download *d = holders_of(g, c);

	if (d == NULL || !has_block(d, offset, len))
		return 0;
	*fd = d->part;
	return 1;
}
