/* Blocks of coming parts for peers that ask us: see coming.h. */
#include "sync/get/get_internal.h"

#include <string.h>

static const struct coming_run *run_serving(const struct get *g, const struct content *c)
{
	struct coming_run *run;

	HASH_FIND(hh, g->runs, c->root, sizeof(c->root), run);
	return run != NULL && run->of->fd >= 0 && content_equal(&run->c, c) ? run : NULL;
}

static bool run_has(const struct coming_run *run, uint32_t block)
{
	return run->download != NULL ? run->download->state_of[block] == BLOCK_HAVE : run->have[block] != 0;
}

enum content_state coming_stat(const struct get *g, const struct content *c)
{
	const struct coming_run *run = run_serving(g, c);

	return run == NULL ? CONTENT_ABSENT : run->whole ? CONTENT_PRESENT : CONTENT_PARTIAL;
}

int coming_list(const struct get *g, const struct content *c, uint32_t first, uint32_t most, struct blocklist *list)
{
	const struct coming_run *run = run_serving(g, c);

	if (run == NULL || !run->whole)
		return 0;
	*list = blocklist_part(&run->list, first, most);
	return list->n > 0;
}

int coming_partial(const struct get *g, const struct content *c, int64_t offset, uint32_t len, int *fd, int64_t *at)
{
	const struct coming_run *run = run_serving(g, c);
	uint32_t low = 0, high;

	if (run == NULL)
		return 0;
	high = run->list.n;
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (run->at[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	if (run->at[low] != offset || run->list.b[low].len != len || !run_has(run, low))
		return 0;
	*fd = run->of->fd;
	*at = run->base + offset;
	return 1;
}
