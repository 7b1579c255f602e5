/* Objects that lie in the folder and that the index does not know, since it was lost or set back to an older state.
 * What is wanted is looked for there before anybody is asked for it. A file says itself whose object it is, and the
 * digest behind the object shows that it is as it came; so it needs no key, and nobody has to send it again. The rest
 * stays until each writer has told all of its rows, one of them if the others do not come for long, or the vault is
 * full, and a day has gone by: then nobody wants it, and the scrub removes it. */
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

/* A value of the index: since when (seconds) the folder may have more than the index knows; 0: it has not. */
static const char kept_since_key[] = "vault folder";

static void kept_note(struct vault *v, int64_t since_s)
{
	v->kept_since_s = since_s;
	(void)index_meta_put(v->config.index, kept_since_key, since_s);
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
	k->here =
		memcmp(sum, k->is.sum, sizeof(sum)) == 0 && vault_row_object_of(k->is.name, p, n, &k->refs, &k->nrefs);
	free(p);
}

static void kept_look(struct vault *v, struct vault_object *o);

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
	} else if (k->here) {
		v->kept_found++;
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

void vault_kept_again(struct vault *v)
{
	kept_note(v, clock_wall_s());
}

/* A new index has no such value: it may be the first one, or another was lost. */
void vault_kept_new(struct vault *v)
{
	v->seek = kept_seek;
	if (index_meta_get(v->config.index, kept_since_key, &v->kept_since_s) <= 0)
		v->kept_since_s = clock_wall_s();
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

/* A value of the index: a writer has told all of its rows since this second, which is kept_since_s. */
static void kept_told_key(char key[32], uint64_t writer)
{
	(void)snprintf(key, 32, "vault told %016" PRIx64, writer);
}

static bool kept_has_told(const struct vault *v, uint64_t writer)
{
	char key[32];
	int64_t since_s;

	kept_told_key(key, writer);
	return index_meta_get(v->config.index, key, &since_s) > 0 && since_s == v->kept_since_s;
}

/* One that has told no row yet has not shown what the group needs. */
static void kept_note_told(struct vault *v)
{
	const struct vault_peer *p;
	char key[32];

	DL_FOREACH(v->peers, p) {
		if (!vault_peer_vouches(v, p) || p->last == 0 || p->told < p->last || p->safe != p->told ||
		    kept_has_told(v, p->id))
			continue;
		kept_told_key(key, p->id);
		(void)index_meta_put(v->config.index, key, v->kept_since_s);
	}
}

struct kept_writers {
	const struct vault *v;
	bool one, all; /* have told all */
};

static bool kept_writer(void *arg, const struct roster_member *m)
{
	struct kept_writers *w = arg;

	if (!rights_has(m->role, RIGHT_WRITE))
		return true;
	if (kept_has_told(w->v, agent_id_short(&m->id)))
		w->one = true;
	else
		w->all = false;
	return w->all || !w->one;
}

/* What one writer has not told, another may need: it may have little, or keep only a part of the group's files. */
static bool kept_all_wanted(const struct vault *v, int64_t waits_s)
{
	struct kept_writers w = { .v = v, .all = true };

	roster_members(v->config.roster, kept_writer, &w);
	return w.one && (w.all || waits_s >= KEPT_MOST_S);
}

/* A full vault cannot store what would show that the rest is not wanted, and the rest may be why it is full. */
void vault_kept_tick(struct vault *v)
{
	int64_t waits_s = clock_wall_s() - v->kept_since_s;

	if (v->kept_since_s == 0)
		return;
	kept_note_told(v);
	if (waits_s >= KEPT_LEAST_S && (vault_lacks_space(v) || kept_all_wanted(v, waits_s)))
		kept_note(v, 0);
}
