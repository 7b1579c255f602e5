/* Objects that are wanted: who waits for each, and which peer is asked for it, as which of its rows. Whoever told a row
 * is asked for what the row needs, and one after the other if they are several. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "sync/seal/object.h"
#include "sync/vault/vault_internal.h"

static size_t weight(const struct vault_object *o)
{
	return o->name[0] == OBJECT_PAGE ? VAULT_PAGE_WEIGHT : 1;
}

static void object_free(struct vault *v, struct vault_object *o)
{
	HASH_DELETE(hh, v->objects, o);
	vault_object_unask(o);
	if (o->charged != NULL) {
		o->charged->nobjects -= weight(o);
		o->charged->no_room = 0;
	}
	free(o->waiters);
	free(o->tried);
	free(o->refs);
	free(o);
}

bool vault_object_is_patch(const struct vault_object *o)
{
	return o->name[0] == OBJECT_BLOCK && o->nrefs > 0;
}

bool vault_object_is_whole(struct vault *v, const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct index_vault_object is;

	return index_vault_object_get(v->config.index, name, &is) > 0 && !is.gone && !is.needs;
}

bool vault_object_is_baseless(struct vault *v, const struct index_vault_object *is)
{
	uint8_t(*refs)[INDEX_VAULT_OBJECT];
	bool lacks;
	size_t n;

	if (is->name[0] != OBJECT_BLOCK || is->gone || !is->needs)
		return false;
	refs = index_vault_object_refs(v->config.index, is->name, &n);
	lacks = index_vault_refs_here(v->config.index, (const uint8_t(*)[INDEX_VAULT_OBJECT])refs, n) == 0;
	free(refs);
	return lacks;
}

static void object_wait(struct vault_object *o, struct vault_need *need)
{
	if (o->nwaiters == o->max_waiters) {
		o->max_waiters = o->max_waiters > 0 ? 2 * o->max_waiters : 2;
		o->waiters = mem_realloc(o->waiters, o->max_waiters, sizeof(struct vault_need *));
	}
	o->waiters[o->nwaiters++] = need;
	need->missing++;
}

int vault_object_need(struct vault *v, struct vault_need *need, const uint8_t name[INDEX_VAULT_OBJECT],
                      struct vault_peer *charged)
{
	struct index_vault_object is;
	struct vault_object *o;
	bool baseless;
	int rc;

	HASH_FIND(hh, v->objects, name, INDEX_VAULT_OBJECT, o);
	if (o != NULL) {
		object_wait(o, need);
		return 1;
	}
	rc = index_vault_object_get(v->config.index, name, &is);
	/* A block that is here as a patch is missing too if its base is. */
	baseless = rc > 0 && vault_object_is_baseless(v, &is);
	if (rc < 0 || (rc > 0 && !is.gone && !baseless))
		return rc < 0 ? -1 : 0;
	/* The blocks of a page are wanted in any case: its weight stands for them. */
	if (need->row != NULL && (charged == NULL || charged->nobjects >= VAULT_OBJECTS))
		return -2;
	o = MEM_NEW(struct vault_object);
	memcpy(o->name, name, sizeof(o->name));
	o->need.page = o;
	o->lost = rc > 0;
	o->baseless = baseless;
	o->charged = charged;
	if (charged != NULL)
		charged->nobjects += weight(o);
	HASH_ADD(hh, v->objects, name, sizeof(o->name), o);
	object_wait(o, need);
	/* The file of what is gone was found missing or bad. */
	if (rc > 0)
		vault_object_seek(v, o);
	else
		v->seek(v, o);
	return 1;
}

/* --- whom to ask --- */

static bool was_tried(const struct vault_object *o, uint64_t peer, uint64_t seq)
{
	for (size_t i = 0; i < o->ntried; i++) {
		if (o->tried[i].peer == peer && o->tried[i].seq == seq)
			return true;
	}
	return false;
}

static const struct vault_holder *holder_of_row(const struct vault_object *o, const struct vault_row *row)
{
	for (size_t i = 0; i < row->nholders; i++) {
		const struct vault_holder *h = &row->holders[i];

		if (!was_tried(o, h->peer->id, h->owed->seq))
			return h;
	}
	return NULL;
}

/* Somebody who told a row that needs the object, and was not asked for it as that. Not for a patch that needs it: what
 * that makes is asked for whole instead. */
static const struct vault_holder *holder_of(const struct vault_object *o, const struct vault_object *page)
{
	for (size_t i = 0; i < page->nwaiters; i++) {
		const struct vault_need *need = page->waiters[i];
		const struct vault_holder *h = NULL;

		if (need->row != NULL)
			h = holder_of_row(o, need->row);
		else if (!vault_object_is_patch(need->page))
			h = holder_of(o, need->page);
		if (h != NULL)
			return h;
	}
	return NULL;
}

void vault_object_seek(struct vault *v, struct vault_object *o)
{
	const struct vault_holder *h = holder_of(o, o);

	if (h == NULL) {
		vault_object_end(v, o, false);
		return;
	}
	o->tried = mem_realloc(o->tried, o->ntried + 1, sizeof(*o->tried));
	o->tried[o->ntried++] = (struct vault_try){ h->peer->id, h->owed->seq };
	o->state = VAULT_WANTED;
	o->whole = o->lost || o->base || o->name[0] != OBJECT_BLOCK;
	o->peer = h->peer;
	o->seq = h->owed->seq;
	DL_APPEND(o->peer->queue, o);
}

void vault_object_unask(struct vault_object *o)
{
	if (o->peer == NULL)
		return;
	if (o->state == VAULT_WANTED) {
		DL_DELETE(o->peer->queue, o);
	} else if (o->state == VAULT_ASKED_FOR) {
		DL_DELETE(o->peer->asked, o);
		o->peer->nasked--;
	}
	o->peer = NULL;
}

/* A page's blocks are here, or one of them cannot be had. Only rows wait for pages. In place of a patch whose base
 * cannot be had, the block is asked for. */
static void page_met(struct vault *v, struct vault_object *page, bool here)
{
	if (here || vault_object_is_patch(page)) {
		v->page_met(v, page);
		return;
	}
	for (size_t i = 0; i < page->nwaiters; i++)
		v->met(v, page->waiters[i]->row, false);
}

/* Detached first: those who hear of it may want others, and drop rows. */
void vault_object_end(struct vault *v, struct vault_object *o, bool here)
{
	struct vault_need **waiters = o->waiters;
	size_t n = o->nwaiters;

	o->waiters = NULL;
	o->nwaiters = 0;
	object_free(v, o);
	for (size_t i = 0; i < n; i++) {
		struct vault_need *need = waiters[i];

		need->missing--;
		if (need->row != NULL)
			v->met(v, need->row, here);
		else
			page_met(v, need->page, here);
	}
	free(waiters);
}

/* --- asking --- */

/* How many objects, of the size that is foreseen, this peer may have been asked for. */
static size_t may_be_asked(struct vault *v, const struct vault_peer *p)
{
	size_t n = VAULT_ASKED_BYTES / v->foreseen;
	int64_t room = v->config.quota - vault_object_used(v);

	n = n < 4 ? 4 : n > VAULT_ASKED ? VAULT_ASKED : n;
	if (v->config.quota > 0 && room / (int64_t)v->foreseen < (int64_t)(n - p->nasked))
		n = p->nasked + (room > 0 ? (size_t)room / v->foreseen : 0);
	return n;
}

int64_t vault_object_used(struct vault *v)
{
	int64_t used = index_vault_totals(v->config.index).bytes + v->written_bytes + v->arrived_bytes + v->kept_bytes;
	struct vault_peer *p;

	DL_FOREACH(v->peers, p)
		used += (int64_t)(p->nasked * v->foreseen);
	return used;
}

void vault_object_ask(struct vault *v, struct vault_peer *p)
{
	struct msg_object_want wants[VAULT_ASKED];
	size_t most = v->kept_walking ? 0 : may_be_asked(v, p);

	while (p->queue != NULL && p->nasked < most && !v->full && !v->stopping && v->arrived_bytes < VAULT_ARRIVED) {
		struct msg_vault m = { .what = MSG_VAULT_WANT, .row = p->queue->seq, .wants = wants };

		while (p->queue != NULL && p->queue->seq == m.row && p->nasked < most) {
			struct vault_object *o = p->queue;
			struct msg_object_want *w = &wants[m.nwants++];

			DL_DELETE(p->queue, o);
			DL_APPEND(p->asked, o);
			p->nasked++;
			o->state = VAULT_ASKED_FOR;
			o->asked_ms = loop_now_ms(v->config.loop);
			o->request = ++v->request;
			*w = (struct msg_object_want){ o->request,
				                       o->whole ? o->name[0] : OBJECT_PATCH,
				                       get_u64(o->name + 1),
				                       { 0 } };
			memcpy(w->name, o->name + 9, sizeof(w->name));
		}
		v->config.ops->vault(v->config.arg, p->id, &m);
	}
}

void vault_object_peer_gone(struct vault *v, struct vault_peer *p)
{
	struct vault_object *o, *next;

	HASH_ITER(hh, v->objects, o, next) {
		if (o->charged == p)
			o->charged = NULL;
	}
	while ((o = p->queue != NULL ? p->queue : p->asked) != NULL) {
		vault_object_unask(o);
		vault_object_seek(v, o);
	}
}

/* Patches that wait for it go on as if it could not be had: somebody else may have the blocks that they make. */
static void let_patches_go(struct vault *v, struct vault_object *o)
{
	for (size_t i = 0; i < o->nwaiters;) {
		struct vault_need *need = o->waiters[i];

		if (need->row != NULL || !vault_object_is_patch(need->page)) {
			i++;
			continue;
		}
		o->waiters[i] = o->waiters[--o->nwaiters];
		need->missing--;
		v->page_met(v, need->page);
	}
}

/* This peer does not give it in time. */
static void seek_elsewhere(struct vault *v, struct vault_peer *p, struct vault_object *o)
{
	let_patches_go(v, o);
	if (o->nwaiters > 0 && holder_of(o, o) == NULL)
		return;
	p->late += o->state == VAULT_ASKED_FOR;
	vault_object_unask(o);
	vault_object_seek(v, o);
}

/* A peer that does not answer holds up nobody's rows but its own. */
void vault_object_tick(struct vault *v)
{
	int64_t now = loop_now_ms(v->config.loop), least = VAULT_ASKED_S * v->tick_ms;
	struct vault_object *o, *next;
	struct vault_peer *p;

	DL_FOREACH(v->peers, p) {
		if (p->asked == NULL || now - p->asked->asked_ms < least)
			continue; /* the others were asked for later */
		DL_FOREACH_SAFE(p->queue, o, next)
			seek_elsewhere(v, p, o);
		DL_FOREACH_SAFE(p->asked, o, next) {
			if (now - o->asked_ms < least)
				break;
			seek_elsewhere(v, p, o);
		}
	}
}

/* --- nobody waits any more --- */

static bool waits_no_more(const struct vault_need *need)
{
	return need->row != NULL ? need->row->dropped : need->page->dead;
}

static void drop_waiters(struct vault_object *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->nwaiters; i++) {
		if (waits_no_more(o->waiters[i]))
			o->waiters[i]->missing--;
		else
			o->waiters[n++] = o->waiters[i];
	}
	o->nwaiters = n;
}

/* Pages first, since blocks wait for them no more. What a worker has, or is to be synced, ends by itself. */
void vault_object_sweep(struct vault *v)
{
	struct vault_object *o, *next;

	HASH_ITER(hh, v->objects, o, next) {
		if (o->name[0] != OBJECT_PAGE)
			continue;
		drop_waiters(o);
		o->dead = o->state == VAULT_SYNCED && o->nwaiters == 0;
	}
	HASH_ITER(hh, v->objects, o, next) {
		struct vault_peer *p = o->peer;

		if (o->name[0] != OBJECT_PAGE)
			drop_waiters(o);
		if (o->nwaiters > 0 || o->dead)
			continue;
		if (o->state == VAULT_ASKED_FOR)
			p->late++;
		if (o->state <= VAULT_ASKED_FOR)
			object_free(v, o);
	}
	HASH_ITER(hh, v->objects, o, next) {
		if (o->dead)
			vault_object_end(v, o, false);
	}
}

void vault_object_free_all(struct vault *v)
{
	struct vault_object *o, *next;

	HASH_ITER(hh, v->objects, o, next) {
		o->peer = NULL;
		object_free(v, o);
	}
}
