/* Digests of the leaves of blocks that a vault has whole, since it was given them or has given them. The block that
 * stands at such a place later can be given as a patch (docs/sealed.md, "Patches"). */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/keeping/keeping_objects_internal.h"

/* The key of the digests: random, and the index's. False: the index cannot keep one. */
static bool leaf_key(struct keeping *k)
{
	static const char *const names[2] = { "leaf key 1", "leaf key 2" };

	for (int i = 0; i < 2 && !k->has_leaf_key; i++) {
		int64_t part;
		int rc = index_meta_get(k->config.index, names[i], &part);

		if (rc == 0) {
			part = (int64_t)random_u64();
			rc = index_meta_put(k->config.index, names[i], part);
		}
		if (rc < 0)
			return false;
		put_u64(k->leaf_key + (size_t)i * 8, (uint64_t)part);
	}
	k->has_leaf_key = true;
	return true;
}

void keeping_leaves_begin(struct keeping *k, struct keeping_leaves *l, const struct content *c,
                          const struct block_want *block)
{
	memset(l, 0, sizeof(*l));
	if (c->nblocks <= 1 || block->len < PATCH_WORTH * LEAF_SIZE || !leaf_key(k))
		return;
	memcpy(l->key, k->leaf_key, sizeof(l->key));
	l->digests = mem_calloc(LEAF_MAX, LEAF_DIGEST);
}

void keeping_leaves_make(struct keeping_leaves *l, int64_t offset, const uint8_t *block, uint32_t len)
{
	if (l->digests != NULL)
		l->n = patch_digests(l->key, offset, block, len, l->digests);
}

void keeping_leaves_note(struct keeping *k, const struct keeping_leaves *l, uint64_t vault, const char *path,
                         const struct block_want *block, uint64_t generation)
{
	struct index_base base = { .offset = block->offset,
		                   .len = block->len,
		                   .generation = generation,
		                   .leaves = l->digests,
		                   .n = l->n };

	if (l->n == 0 || path == NULL)
		return;
	memcpy(base.sha, block->hash, sizeof(base.sha));
	(void)index_base_put(k->config.index, path, vault, &base);
}

void keeping_leaves_free(struct keeping_leaves *l)
{
	free(l->digests);
	memset(l, 0, sizeof(*l));
}
