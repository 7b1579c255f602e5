/* Objects that have come: a worker checks and writes them, another syncs the disk, and only then does the index have
 * them. So what the index says is here was safe before. And objects that nothing needs: they leave the index first, and
 * the disk once that is safe. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/object.h"
#include "sync/share/reserve.h"
#include "sync/vault/vault_internal.h"

/* Whose files are to be removed. */
struct vault_doomed {
	uint8_t (*names)[INDEX_VAULT_OBJECT]; /* owned */
	size_t n, max;
	size_t syncing; /* so many of them left the index before the sync that runs */
};

/* --- writing --- */

struct arrival {
	struct vault *v;
	struct share_handle *share;
	uint64_t peer;
	uint8_t *bytes; /* owned */
	size_t n;
	bool whole;   /* a patch was not asked for */
	bool reserve; /* some of the disk is to stay free */
	bool bad;     /* not the object that was asked for */
	int error;
	struct index_vault_object is; /* its name is what was asked for */
	uint8_t (*refs)[INDEX_VAULT_OBJECT];
	size_t nrefs;
};

static void arrival_work(void *arg)
{
	struct arrival *a = arg;
	bool taken;

	if (!vault_row_object_of(a->is.name, a->whole, a->bytes, a->n, &a->refs, &a->nrefs)) {
		a->bad = true;
		return;
	}
	a->is.size = (int64_t)a->n;
	sha256(a->is.sum, a->bytes, a->n);
	taken = !a->reserve || reserve_take(a->share->root, a->is.size) == 0;
	if (!taken || vault_store_write(a->share->root, a->is.name, a->bytes, a->n, a->is.sum) < 0)
		a->error = errno;
	if (a->reserve && taken)
		reserve_give(a->is.size);
}

void vault_arrival_written(struct vault *v, struct vault_object *o, const struct index_vault_object *is,
                           uint8_t (*refs)[INDEX_VAULT_OBJECT], size_t nrefs)
{
	o->state = VAULT_WRITTEN;
	o->is = *is;
	o->refs = refs;
	o->nrefs = nrefs;
	DL_APPEND(v->written, o);
	v->nwritten++;
	v->written_bytes += is->size;
}

/* To the front of the queue: it was asked for in vain. */
static void arrival_again(struct vault *v, struct vault_object *o, uint64_t peer)
{
	struct vault_peer *p = vault_peer_find(v, peer);

	vault_object_unask(o);
	if (p == NULL) {
		vault_object_seek(v, o);
		return;
	}
	o->state = VAULT_WANTED;
	o->peer = p;
	DL_PREPEND(p->queue, o);
}

/* The same peer has given a patch that is of no use here, or does not know patches. */
static void arrival_ask_whole(struct vault *v, struct vault_object *o, uint64_t peer)
{
	o->whole = true;
	arrival_again(v, o, peer);
}

static void arrival_done(void *arg)
{
	struct arrival *a = arg;
	struct vault *v = a->v;
	struct vault_object *o;

	v->jobs--;
	v->arrived_bytes -= (int64_t)a->n;
	HASH_FIND(hh, v->objects, a->is.name, INDEX_VAULT_OBJECT, o);
	if (o == NULL || v->stopping) {
		/* Stopping: what waits is freed as a whole. */
	} else if (a->bad) {
		v->config.ops->misbehaved(v->config.arg, a->peer, "sent an object that is not the one asked for");
		vault_object_seek(v, o);
	} else if (a->error != 0) {
		if (log_allow("vault write", 3))
			log_error("%s: cannot be written to: %s", share_path(v->config.share),
			          a->error == RESERVE_REACHED ? "what is left is for the index" : strerror(a->error));
		v->disk_full = true;
		v->disk_error = a->error;
		arrival_again(v, o, a->peer);
	} else {
		vault_arrival_written(v, o, &a->is, a->refs, a->nrefs);
		a->refs = NULL;
	}
	share_handle_free(a->share);
	free(a->refs);
	free(a->bytes);
	free(a);
	if (!v->stopping)
		loop_timer_start(v->pump, 0, 0);
}

static void arrival_submit(struct vault *v, struct vault_object *o, struct vault_peer *p, const struct msg_bytes *bytes)
{
	struct arrival *a = MEM_NEW(struct arrival);

	vault_object_unask(o);
	o->state = VAULT_ARRIVED_HERE;
	a->v = v;
	a->peer = p->id;
	a->share = share_handle_ref(v->share);
	a->bytes = mem_dup(bytes->p, bytes->n);
	a->n = bytes->n;
	a->whole = o->whole;
	a->reserve = v->on_index_disk;
	memcpy(a->is.name, o->name, sizeof(a->is.name));
	v->arrived_bytes += (int64_t)bytes->n;
	/* Old sizes fade, so that one large object does not slow all later ones down. */
	v->foreseen = bytes->n > v->foreseen ? bytes->n : v->foreseen - (v->foreseen - bytes->n) / 64;
	vault_job_submit(v, arrival_work, arrival_done, a);
}

/* More than was foreseen may have been asked for. That is known from then on, so no object comes in vain again and
 * again. */
static bool arrival_has_room(struct vault *v, size_t n)
{
	int64_t stored =
		index_vault_totals(v->config.index).bytes + v->written_bytes + v->arrived_bytes + v->kept_bytes;

	if (v->config.quota == 0 || stored + (int64_t)n <= v->config.quota)
		return true;
	v->foreseen = n > v->foreseen ? n : v->foreseen;
	return false;
}

/* A patch of which a base is not here as a whole block. One that is not even in form is the worker's to judge. */
static bool arrival_lacks_base(struct vault *v, const struct vault_object *o, const struct msg_bytes *bytes)
{
	uint8_t(*refs)[INDEX_VAULT_OBJECT];
	struct object_head h;
	size_t n;
	bool lacks = false;

	if (o->whole || object_parse(&h, bytes->p, bytes->n) != OBJECT_OK || h.kind != OBJECT_PATCH ||
	    !vault_row_object_of(o->name, false, bytes->p, bytes->n, &refs, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		lacks = lacks || !vault_object_is_whole(v, refs[i]);
	free(refs);
	return lacks;
}

void vault_arrival_take(struct vault *v, struct vault_peer *p, const struct msg_object *m)
{
	struct vault_object *o;

	DL_FOREACH(p->asked, o)
		if (o->request == m->request)
			break;
	if (o == NULL && p->late > 0) {
		p->late--;
	} else if (o == NULL) {
		v->config.ops->misbehaved(v->config.arg, p->id, "sent an object that nobody has asked for");
	} else if (!o->whole && (m->status == MSG_OBJECT_NONE ||
	                         (m->status == MSG_OBJECT_HERE && arrival_lacks_base(v, o, &m->bytes)))) {
		arrival_ask_whole(v, o, p->id);
	} else if (m->status != MSG_OBJECT_HERE) {
		vault_object_unask(o);
		vault_object_seek(v, o);
	} else if (v->arrived_bytes + (int64_t)m->bytes.n > VAULT_ARRIVED || !arrival_has_room(v, m->bytes.n)) {
		arrival_again(v, o, p->id);
	} else {
		arrival_submit(v, o, p, &m->bytes);
	}
	loop_timer_start(v->pump, 0, 0);
}

/* --- syncing --- */

struct arrival_sync {
	struct vault *v;
	struct share_handle *share;
	int error;
};

static void sync_job_work(void *arg)
{
	struct arrival_sync *s = arg;

	if (vault_store_sync(s->share->root) < 0)
		s->error = errno;
}

/* The base has gone while the patch was written, or is not in the folder. The patch's file stays until the whole block
 * takes its place. */
static void arrival_patch_fails(struct vault *v, struct vault_object *o)
{
	free(o->refs);
	o->refs = NULL;
	o->nrefs = 0;
	if (o->ntried > 0)
		arrival_ask_whole(v, o, o->tried[o->ntried - 1].peer);
	else
		vault_object_seek(v, o);
}

/* Into the index, which then has it. */
static void arrival_put(struct vault *v, struct vault_object *o)
{
	bool here;

	if (o->baseless)
		(void)index_vault_object_lose(v->config.index, o->name);
	here = index_vault_object_put(v->config.index, &o->is, (const uint8_t(*)[INDEX_VAULT_OBJECT])o->refs, o->nrefs,
	                              v->now_s) == 0;

	if (!here && o->nwaiters > 0 && vault_object_is_patch(o))
		arrival_patch_fails(v, o);
	else
		vault_object_end(v, o, here);
}

void vault_arrival_page_met(struct vault *v, struct vault_object *page)
{
	if (page->state == VAULT_SYNCED && page->need.missing == 0)
		arrival_put(v, page);
}

static void want_blocks(struct vault *v, struct vault_object *page)
{
	page->state = VAULT_SYNCED;
	page->need.missing++; /* none of them ends it before all are wanted */
	for (size_t i = 0; i < page->nrefs; i++)
		(void)vault_object_need(v, &page->need, page->refs[i], page->charged);
	page->need.missing--;
	vault_arrival_page_met(v, page);
}

static void sync_job_done(void *arg)
{
	struct arrival_sync *s = arg;
	struct vault *v = s->v;
	struct vault_object *o, *next;

	v->jobs--;
	v->syncing = false;
	if (s->error != 0 && log_allow("vault sync", 3))
		log_error("%s: cannot be synced: %s", share_path(v->config.share), strerror(s->error));
	if (s->error != 0) {
		v->disk_full = true;
		v->disk_error = s->error;
		v->sync_failed = true;
		loop_timer_stop(v->sync);
	}
	DL_FOREACH_SAFE(v->written, o, next) {
		if (v->stopping || o->state != VAULT_SYNCING)
			continue;
		/* Its base will say when it is here: until then it has to stay. */
		if (s->error != 0 && o->need.missing > 0) {
			o->state = VAULT_WRITTEN;
			continue;
		}
		DL_DELETE(v->written, o);
		v->nwritten--;
		v->written_bytes -= o->is.size;
		if (s->error != 0)
			vault_object_end(v, o, false);
		else if (vault_object_is_patch(o) && o->need.missing > 0)
			o->state = VAULT_SYNCED;
		else if (o->name[0] == OBJECT_PAGE && o->nwaiters > 0)
			want_blocks(v, o);
		else
			arrival_put(v, o);
	}
	share_handle_free(s->share);
	free(s);
	if (!v->stopping)
		loop_timer_start(v->pump, 0, 0);
}

void vault_arrival_sync(struct vault *v, bool at_once)
{
	struct arrival_sync *s;
	struct vault_object *o;

	if (v->nwritten == 0 || v->syncing || v->stopping)
		return;
	/* What failed is tried again after a while, whatever happens until then. */
	if (v->sync_failed) {
		if (!loop_timer_running(v->sync))
			loop_timer_start(v->sync, VAULT_SYNC_AGAIN_MS, 0);
		return;
	}
	if (!at_once && v->nwritten < VAULT_SYNC_OBJECTS && v->written_bytes < VAULT_SYNC_BYTES) {
		if (!loop_timer_running(v->sync))
			loop_timer_start(v->sync, VAULT_SYNC_MS, 0);
		return;
	}
	loop_timer_stop(v->sync);
	DL_FOREACH(v->written, o)
		o->state = VAULT_SYNCING;
	v->syncing = true;
	s = MEM_NEW(struct arrival_sync);
	s->v = v;
	s->share = share_handle_ref(v->share);
	vault_job_submit(v, sync_job_work, sync_job_done, s);
}

/* --- deleting --- */

void vault_arrival_delete(struct vault *v, const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct vault_doomed *d = v->doomed;
	struct vault_object *o;

	HASH_FIND(hh, v->objects, name, INDEX_VAULT_OBJECT, o);
	if (o != NULL || index_vault_object_remove(v->config.index, name, v->now_s) < 0)
		return;
	/* Whoever wants it meanwhile waits until the old file is away. */
	o = MEM_NEW(struct vault_object);
	memcpy(o->name, name, sizeof(o->name));
	o->need.page = o;
	o->state = VAULT_DELETING;
	HASH_ADD(hh, v->objects, name, sizeof(o->name), o);
	if (d->n == d->max) {
		d->max = d->max > 0 ? 2 * d->max : 64;
		d->names = mem_realloc(d->names, d->max, sizeof(*d->names));
	}
	memcpy(d->names[d->n++], name, sizeof(o->name));
}

struct arrival_deletion {
	struct vault *v;
	struct share_handle *share;
	uint8_t (*names)[INDEX_VAULT_OBJECT]; /* owned */
	size_t n;
};

/* What cannot be removed is found by a scrub. */
static void deletion_work(void *arg)
{
	struct arrival_deletion *d = arg;

	for (size_t i = 0; i < d->n; i++)
		(void)vault_store_remove(d->share->root, d->names[i]);
}

static void deletion_done(void *arg)
{
	struct arrival_deletion *d = arg;
	struct vault *v = d->v;
	struct vault_object *o;

	v->jobs--;
	for (size_t i = 0; i < d->n && !v->stopping; i++) {
		HASH_FIND(hh, v->objects, d->names[i], INDEX_VAULT_OBJECT, o);
		if (o == NULL || o->state != VAULT_DELETING)
			continue;
		if (o->nwaiters > 0)
			vault_object_seek(v, o);
		else
			vault_object_end(v, o, false);
	}
	if (!v->stopping)
		loop_timer_start(v->pump, 0, 0);
	share_handle_free(d->share);
	free(d->names);
	free(d);
}

void vault_arrival_sync_begin(struct vault *v)
{
	v->doomed->syncing = v->doomed->n;
}

void vault_arrival_sync_end(struct vault *v)
{
	struct vault_doomed *d = v->doomed;
	struct arrival_deletion *job;

	if (d->syncing == 0 || v->stopping)
		return;
	job = MEM_NEW(struct arrival_deletion);
	job->v = v;
	job->share = share_handle_ref(v->share);
	job->n = d->syncing;
	job->names = mem_dup(d->names, d->syncing * sizeof(*d->names));
	memmove(d->names, d->names + d->syncing, (d->n - d->syncing) * sizeof(*d->names));
	d->n -= d->syncing;
	d->syncing = 0;
	vault_job_submit(v, deletion_work, deletion_done, job);
}

void vault_arrival_new(struct vault *v)
{
	v->doomed = MEM_NEW(struct vault_doomed);
}

void vault_arrival_free(struct vault *v)
{
	free(v->doomed->names);
	free(v->doomed);
}
