/* Digests of the leaves of blocks that a vault has whole, since it was given them or has given them; or that it will
 * have, as far as this member can tell, since other members have them. The block that stands at such a place later can
 * be given as a patch (docs/sealed.md, "Patches"). Where the vault does not have it whole, it says so. */
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

/* --- blocks of other members --- */

static bool vaults_add(void *arg, const struct roster_member *m)
{
	struct keeping *k = arg;

	if (m->role == ROLE_VAULT)
		k->noted.vaults[k->noted.n++] = agent_id_short(&m->id);
	return k->noted.n < KEEPING_NOTED;
}

/* How many vaults there may be something to note of. */
static size_t vaults_noted(struct keeping *k)
{
	const struct keeping_config *c = &k->config;

	if (k->noted.known)
		return k->noted.n;
	k->noted.known = true;
	k->noted.n = 0;
	if (roster_may(c->roster, identity_id(c->self), RIGHT_WRITE))
		roster_members(c->roster, vaults_add, k);
	return k->noted.n;
}

bool keeping_digester(struct keeping *k, struct leaf_digester *out)
{
	if (k->stopping || vaults_noted(k) == 0 || !leaf_key(k))
		return false;
	memcpy(out->key, k->leaf_key, sizeof(out->key));
	out->make = patch_digests;
	return true;
}

void keeping_leaves_known(struct patch_known *known, const struct index_base *bases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct index_base *b = &bases[i];

		known[i] = (struct patch_known){ b->offset, b->len, b->generation, { 0 }, b->leaves, b->n };
		memcpy(known[i].sha, b->sha, sizeof(known[i].sha));
	}
}

/* Whoever gave the vault the block gave it a patch of what is noted of its place, if that was worth it, for it has the
 * same notes. Then the vault has no more than the patch. */
static bool is_patched(struct keeping *k, uint64_t vault, const struct leaf_digested *d)
{
	struct index_base bases[OBJECT_BASES_MAX];
	struct patch_known known[OBJECT_BASES_MAX];
	int n = index_bases_get(k->config.index, d->path, vault, d->block.offset, d->block.len, bases,
	                        OBJECT_BASES_MAX);
	bool worth;

	if (n <= 0)
		return n < 0;
	keeping_leaves_known(known, bases, (size_t)n);
	worth = patch_is_worth(known, (size_t)n, d->block.offset, d->block.len, d->digests);
	while (n > 0)
		free(bases[--n].leaves);
	return worth;
}

/* That which the vault has the content with, if that is known; else the one that all is sealed with now. */
static uint64_t generation_of(struct keeping *k, const struct content *c)
{
	const struct keys *now = ring_current(k->config.ring);
	struct index_sealed sealed;

	if (c != NULL && k->noted.generation != 0 && memcmp(k->noted.root, c->root, sizeof(c->root)) == 0)
		return k->noted.generation;
	if (c == NULL || index_sealed_get(k->config.index, c, &sealed) != 1)
		return now != NULL ? keys_about(now)->id : 0;
	memcpy(k->noted.root, c->root, sizeof(c->root));
	k->noted.generation = sealed.generation;
	return sealed.generation;
}

void keeping_leaves_came(struct keeping *k, const struct leaf_digested *d)
{
	struct keeping_leaves l = { .digests = d->digests, .n = d->n };
	uint64_t generation;

	if (d->block.len < PATCH_WORTH * LEAF_SIZE)
		return;
	generation = generation_of(k, d->content);
	for (size_t i = 0; i < vaults_noted(k) && generation != 0; i++) {
		if (!is_patched(k, k->noted.vaults[i], d))
			keeping_leaves_note(k, &l, k->noted.vaults[i], d->path, &d->block, generation);
	}
}

void keeping_leaves_free(struct keeping_leaves *l)
{
	free(l->digests);
	memset(l, 0, sizeof(*l));
}
