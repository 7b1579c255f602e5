/* What workers are handed: jobs, which are counted, and keys. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/keeping/keeping_internal.h"

struct keeping_vault *keeping_find(const struct keeping *k, uint64_t peer)
{
	struct keeping_vault *v;

	DL_FOREACH(k->vaults, v)
		if (v->peer == peer)
			return v;
	return NULL;
}

void keeping_job_submit(struct keeping *k, enum workers_lane lane, workers_fn *work, workers_done_fn *done, void *job)
{
	k->jobs++;
	workers_submit(k->config.workers, lane, work, done, job);
}

struct keeping_keys *keeping_keys_new(const struct keeping *k)
{
	struct keeping_keys *keys = MEM_NEW(struct keeping_keys);
	struct keys *now = ring_current(k->config.ring);

	keys->all = ring_keys(k->config.ring, &keys->n);
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->all[i] == now)
			keys->now = now;
	}
	return keys;
}

void keeping_keys_free(struct keeping_keys *keys)
{
	if (keys == NULL)
		return;
	for (size_t i = 0; i < keys->n; i++)
		keys_free(keys->all[i]);
	free(keys->all);
	free(keys);
}

struct keys *keeping_keys_find(const struct keeping_keys *keys, uint64_t generation)
{
	for (size_t i = 0; i < keys->n; i++) {
		if (keys_about(keys->all[i])->id == generation)
			return keys->all[i];
	}
	return NULL;
}

struct row_keys keeping_keys_row(const struct keeping_keys *keys)
{
	return (struct row_keys){ keys->all, keys->n };
}

bool keeping_leaf_key(struct keeping *k, uint8_t key[16])
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
	memcpy(key, k->leaf_key, sizeof(k->leaf_key));
	return true;
}
