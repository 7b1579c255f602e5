/* Objects that lie in the folder and that the index does not know, since it was lost or set back to an older state.
 * What is wanted is looked for there before anybody is asked for it. A file says itself whose object it is, and the
 * digest behind the object shows that it is as it came; so it needs no key, and nobody has to send it again. The rest
 * stays until each writer has told all of its rows, one of them if the others do not come for long, and a day has gone
 * by since, or until the vault is full and something else is wanted: then the scrub removes it. Until then it counts
 * for the quota. Days are those of vault_clock.c. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/object.h"
#include "sync/vault/vault_internal.h"

enum {
	KEPT_LOOKS = 8, /* that workers have: a slow disk keeps neither them nor the agent's end waiting for long */
	KEPT_LEAST_S = 24 * 3600,
	KEPT_MOST_S =
		90 * 24 * 3600, /* then one writer is enough: another may have lost its disk, and not be removed */
};

/* Values of the index: since when (v->now_s) the folder may have more than the index knows, 0: it has not; when a
 * writer was last noted to have told all since then; and up to when (wall clock) files were written of which nobody
 * wants those that the index does not know. */
static const char kept_since_key[] = "vault folder", kept_marked_key[] = "vault folder told",
		  kept_known_key[] = "vault folder known";

static void kept_note(struct vault *v, int64_t since_s)
{
	v->kept_since_s = since_s;
	(void)index_meta_put(v->config.index, kept_since_key, since_s);
	if (since_s == 0) {
		v->kept_known_s = clock_wall_s();
		(void)index_meta_put(v->config.index, kept_known_key, v->kept_known_s);
		v->kept_over = true;
	}
}

/* --- how much it is --- */

struct kept_walk {
	struct vault *v;
	struct share_handle *share;
	int shard;
	int64_t bytes; /* in all shards so far */
};

static void kept_walk_work(void *arg)
{
	struct kept_walk *k = arg;

	k->bytes += vault_store_bytes(k->share->root, k->shard++);
}

static void kept_walk_done(void *arg)
{
	struct kept_walk *k = arg;
	struct vault *v = k->v;

	v->jobs--;
	if (!v->stopping && k->shard < VAULT_SHARDS) {
		vault_job_submit(v, kept_walk_work, kept_walk_done, k);
		return;
	}
	/* Nothing was asked for meanwhile: what has been found is in both sums. */
	v->kept_bytes = k->bytes - index_vault_totals(v->config.index).bytes - v->written_bytes - v->arrived_bytes;
	if (v->kept_bytes < 0)
		v->kept_bytes = 0;
	v->kept_walking = false;
	share_handle_free(k->share);
	free(k);
	if (!v->stopping)
		loop_timer_start(v->pump, 0, 0);
}

void vault_kept_count(struct vault *v)
{
	struct kept_walk *k;

	if (v->kept_since_s == 0 || v->kept_walking || v->config.quota == 0 || v->stopping)
		return;
	v->kept_walking = true;
	k = MEM_NEW(struct kept_walk);
	k->v = v;
	k->share = share_handle_ref(v->share);
	vault_job_submit(v, kept_walk_work, kept_walk_done, k);
}

void vault_kept_less(struct vault *v, int64_t bytes)
{
	if (!v->kept_walking)
		v->kept_bytes = v->kept_bytes > bytes ? v->kept_bytes - bytes : 0;
}

/* --- one object --- */

struct kept_look {
	struct vault *v;
	struct share_handle *share;
	struct index_vault_object is; /* its name is what is looked for */
	uint8_t (*refs)[INDEX_VAULT_OBJECT];
	size_t nrefs;
	bool here;
};

static void kept_look_work(void *arg)
{
	struct kept_look *k = arg;
	size_t n;
	uint8_t *p = vault_store_read(k->share->root, k->is.name, &n, k->is.sum), sum[SHA256_SIZE];

	if (p == NULL)
		return;
	sha256(sum, p, n);
	k->is.size = (int64_t)n;
	k->here = memcmp(sum, k->is.sum, sizeof(sum)) == 0 &&
	          vault_row_object_of(k->is.name, false, p, n, &k->refs, &k->nrefs);
	free(p);
}

static void kept_look(struct vault *v, struct vault_object *o);

/* Whether this base may be in the folder: nobody is asked for it, since no row may need it any more. */
static bool kept_may_have(const struct vault *v, const uint8_t base[INDEX_VAULT_OBJECT])
{
	struct index_vault_object is;

	return v->kept_since_s != 0 && index_vault_object_get(v->config.index, base, &is) == 0;
}

/* A patch needs its bases, which the index may not know yet either: they are looked for here. What is a base itself has
 * to be whole: so patches do not wait for one another in a circle. False: the block has to come from somebody. */
static bool kept_finds_bases(struct vault *v, struct vault_object *patch, const struct kept_look *k)
{
	struct vault_object *o;

	if (patch->base)
		return false;
	for (size_t i = 0; i < k->nrefs; i++) {
		if (!vault_object_is_whole(v, k->refs[i]) && !kept_may_have(v, k->refs[i]))
			return false;
	}
	/* A base that cannot be had now is noticed when the patch is to go into the index. */
	for (size_t i = 0; i < k->nrefs; i++) {
		if (vault_object_is_whole(v, k->refs[i]) || vault_object_need(v, &patch->need, k->refs[i], NULL) != 1)
			continue;
		HASH_FIND(hh, v->objects, k->refs[i], INDEX_VAULT_OBJECT, o);
		if (o != NULL)
			o->base = true;
	}
	return true;
}

static void kept_look_done(void *arg)
{
	struct kept_look *k = arg;
	struct vault *v = k->v;
	struct vault_object *o;

	v->jobs--;
	v->kept_looks--;
	HASH_FIND(hh, v->objects, k->is.name, INDEX_VAULT_OBJECT, o);
	if (v->stopping || o == NULL) {
		/* What waits is freed as a whole. */
	} else if (k->here && (o->name[0] != OBJECT_BLOCK || k->nrefs == 0 || kept_finds_bases(v, o, k))) {
		v->kept_found++;
		vault_kept_less(v, k->is.size);
		vault_arrival_written(v, o, &k->is, k->refs, k->nrefs);
		k->refs = NULL;
	} else {
		vault_object_seek(v, o);
	}
	share_handle_free(k->share);
	free(k->refs);
	free(k);
	if (v->stopping)
		return;
	o = v->kept_queue;
	if (o != NULL) {
		DL_DELETE(v->kept_queue, o);
		kept_look(v, o);
	}
	loop_timer_start(v->pump, 0, 0);
}

/* As one that has come, which a worker has or is about to have: nothing but its end frees it, or the vault's. */
static void kept_look(struct vault *v, struct vault_object *o)
{
	struct kept_look *k;

	o->state = VAULT_ARRIVED_HERE;
	if (v->kept_looks == KEPT_LOOKS) {
		DL_APPEND(v->kept_queue, o);
		return;
	}
	v->kept_looks++;
	k = MEM_NEW(struct kept_look);
	k->v = v;
	k->share = share_handle_ref(v->share);
	memcpy(k->is.name, o->name, sizeof(k->is.name));
	vault_job_submit(v, kept_look_work, kept_look_done, k);
}

/* Somebody is asked for what is not in the folder either. */
static void kept_seek(struct vault *v, struct vault_object *o)
{
	if (v->kept_since_s != 0)
		kept_look(v, o);
	else
		vault_object_seek(v, o);
}

/* --- whether any may be there --- */

/* Another time than the last one's, which marks may be left of. */
void vault_kept_again(struct vault *v)
{
	kept_note(v, v->now_s > v->kept_since_s ? v->now_s : v->kept_since_s + 1);
	vault_kept_count(v);
}

/* A new index has no such value: it may be the first one, or another was lost. */
void vault_kept_new(struct vault *v)
{
	v->seek = kept_seek;
	(void)index_meta_get(v->config.index, kept_known_key, &v->kept_known_s);
	if (index_meta_get(v->config.index, kept_since_key, &v->kept_since_s) <= 0)
		v->kept_since_s = v->now_s;
	vault_kept_count(v);
}

void vault_kept_begin(struct vault *v, bool made)
{
	int64_t known_s;

	if (index_meta_get(v->config.index, kept_since_key, &known_s) != 0)
		return;
	if (!made)
		log_info("%s: the vault's index is new: what lies in %s is taken from there",
		         share_path(v->config.share), VAULT_FOLDER);
	kept_note(v, made ? 0 : v->kept_since_s);
}

/* A clock that was put back since says nothing. */
bool vault_kept_unwanted(const struct vault *v, int64_t mtime_ns)
{
	return v->kept_since_s == 0 && v->kept_known_s <= clock_wall_s() && mtime_ns / 1000000000 < v->kept_known_s;
}

/* A value of the index: a writer has told all of its rows since this second, which is kept_since_s; below 0: it has
 * none. */
static void kept_told_key(char key[32], uint64_t writer)
{
	(void)snprintf(key, 32, "vault told %016" PRIx64, writer);
}

/* 1: it has told all; -1: and has nothing; 0: no. */
static int kept_has_told(const struct vault *v, uint64_t writer)
{
	char key[32];
	int64_t since_s;

	kept_told_key(key, writer);
	if (index_meta_get(v->config.index, key, &since_s) <= 0)
		return 0;
	return since_s == v->kept_since_s ? 1 : since_s == -v->kept_since_s ? -1 : 0;
}

/* Its rows are all here, and they are those of a share that it has read to the end: in a run that began with a lost
 * index it says hello before it knows what it has, and signs its first head of that epoch afterwards. */
static bool kept_tells_all(const struct vault *v, const struct vault_peer *p)
{
	uint64_t seq;

	return vault_peer_vouches(v, p) && p->told >= p->last && p->safe == p->told &&
	       v->config.ops->head(v->config.arg, p->id, p->epoch, &seq) && seq <= p->told;
}

/* One without rows has not shown what the group needs: it may become one that has. */
static void kept_note_told(struct vault *v)
{
	const struct vault_peer *p;
	char key[32];
	int known;

	DL_FOREACH(v->peers, p) {
		if (!kept_tells_all(v, p))
			continue;
		known = kept_has_told(v, p->id);
		if (known > 0 || (known < 0 && p->told == 0))
			continue;
		kept_told_key(key, p->id);
		(void)index_meta_put(v->config.index, key, p->told > 0 ? v->kept_since_s : -v->kept_since_s);
		(void)index_meta_put(v->config.index, kept_marked_key, v->now_s);
	}
}

struct kept_writers {
	const struct vault *v;
	bool one, all; /* have told all */
};

/* A member that was removed, or may not write any more, is none: nothing is stored for it. */
static bool kept_writer(void *arg, const struct roster_member *m)
{
	struct kept_writers *w = arg;
	int told;

	if (!rights_has(m->role, RIGHT_WRITE))
		return true;
	told = kept_has_told(w->v, agent_id_short(&m->id));
	w->one = w->one || told > 0;
	w->all = w->all && told != 0;
	return w->all || !w->one;
}

/* What one writer has not told, another may need: it may have little, or keep only a part of the group's files. */
static bool kept_all_wanted(const struct vault *v, int64_t waits_s)
{
	struct kept_writers w = { .v = v, .all = true };
	int64_t marked_s = v->kept_since_s;

	roster_members(v->config.roster, kept_writer, &w);
	(void)index_meta_get(v->config.index, kept_marked_key, &marked_s);
	return w.one && (w.all || waits_s >= KEPT_MOST_S) && v->now_s - marked_s >= KEPT_LEAST_S;
}

/* A full vault cannot store what would show that the rest is not wanted, and the rest may be why it is full. */
static bool kept_is_in_the_way(const struct vault *v)
{
	const struct vault_peer *p;

	if (!vault_lacks_space(v))
		return false;
	DL_FOREACH(v->peers, p)
		if (p->queue != NULL)
			return true;
	return false;
}

void vault_kept_tick(struct vault *v)
{
	int64_t waits_s = v->now_s - v->kept_since_s;

	if (v->kept_since_s == 0)
		return;
	kept_note_told(v);
	if (waits_s >= KEPT_LEAST_S && (kept_is_in_the_way(v) || kept_all_wanted(v, waits_s)))
		kept_note(v, 0);
}
