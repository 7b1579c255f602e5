/* What workers are handed: jobs, which are counted, and keys. */
#include <stdlib.h>

#include <utlist.h>

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
