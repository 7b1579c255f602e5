/* See content.h. */
#include "sync/plan/content.h"

#include <string.h>

bool content_equal(const struct content *a, const struct content *b)
{
	return a->size == b->size && a->nblocks == b->nblocks && memcmp(a->root, b->root, sizeof(a->root)) == 0;
}
