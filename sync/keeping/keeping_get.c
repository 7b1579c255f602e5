/* Objects that this member wants of a vault: get's requests of blocks and lists, translated into names. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "sync/keeping/keeping_objects_internal.h"
#include "sync/plan/zeros.h"

enum {
	GET_WINDOW = 16 << 20, /* bytes of blocks that one vault is asked for, and that are not opened */
	GET_LEAST = 256,       /* that a block counts: no object is smaller */
	GET_ASKS = 4096,       /* objects that it is asked for; vaults keep 16,384 wants */
	GET_TOGETHER = 64,     /* wants of one message */
};

/* An answer that is known without the vault, and is given in the next turn. */
struct keeping_due {
	uint32_t request;
	bool list;
	uint32_t zeros;         /* of a block: that many; 0: the vault does not have it */
	struct content content; /* of a list, */
	uint32_t first;         /* and from where on */
	struct keeping_due *prev, *next;
};

static struct keeping_wanted *get_of(const struct keeping *k, uint64_t peer)
{
	const struct keeping_vault *v = k->stopping ? NULL : keeping_find(k, peer);

	return v != NULL ? v->get : NULL;
}

/* --- answers without the vault --- */

static void get_due(struct keeping_wanted *g, const struct keeping_due *due)
{
	struct keeping_due *d = mem_dup(due, sizeof(*due));

	DL_APPEND(g->due, d);
	loop_timer_start(g->soon, 0, 0);
}

static void get_answer_block(struct keeping_wanted *g, uint32_t request, struct slab *bytes)
{
	g->k->config.ops->block(g->k->config.arg, g->v->peer, request, bytes);
}

static void get_give_due(struct keeping_wanted *g, const struct keeping_due *d)
{
	struct slab bytes = { 0 };

	if (d->list) {
		if (!keeping_list_answer(g, d->request, &d->content, d->first))
			g->k->config.ops->list(g->k->config.arg, g->v->peer, d->request, 0, NULL, 0);
		return;
	}
	if (d->zeros > 0) {
		bytes.n = d->zeros;
		bytes.p = bytes.base = mem_calloc(bytes.n, 1);
	}
	get_answer_block(g, d->request, &bytes);
}

/* Those that are due now: what is asked meanwhile is answered in a later turn. Whoever hears of one may end the talk
 * with the vault. */
static void get_soon(void *arg)
{
	struct keeping_wanted *g = arg;
	struct keeping_due *all = g->due, *d, *next;

	g->due = NULL;
	g->jobs++;
	DL_FOREACH_SAFE(all, d, next) {
		if (g->v != NULL)
			get_give_due(g, d);
		free(d);
	}
	g->jobs--;
	keeping_ask_free_if_over(g);
}

/* --- blocks --- */

/* The name is that of its hash, so only a list that is wrong itself can say another length. */
static void get_block_came(struct keeping_ask *a, struct keeping_opened *o)
{
	struct keeping_wanted *g = a->get;
	struct slab bytes = { 0 };

	if (o != NULL && o->nbases > 0) {
		keeping_patch_begin(g, a, o, get_answer_block);
		return;
	}
	if (o != NULL && o->content.n == a->want.len && memcmp(o->sha, a->want.hash, sizeof(o->sha)) == 0) {
		bytes = o->content;
		o->content = (struct slab){ 0 };
		if (o->leaves != NULL)
			keeping_leaves_note(g->k, o->leaves, g->v->peer,
			                    g->k->config.ops->path(g->k->config.arg, &a->content), &a->want,
			                    a->ref.generation);
	}
	get_answer_block(g, a->request, &bytes);
}

static struct keeping_ask *get_ask_block(struct keeping_wanted *g, struct keys *keys, const struct content *c,
                                         const struct block_want *w)
{
	struct keeping_ask *a = keeping_ask_new(g, keys);

	a->kind = OBJECT_BLOCK;
	object_name(keys, OBJECT_BLOCK, w->hash, a->ref.name);
	a->bytes = w->len > GET_LEAST ? w->len : GET_LEAST;
	a->done = get_block_came;
	a->request = w->request;
	a->content = *c;
	a->want = *w;
	return a;
}

static bool get_is_zeros(const struct block_want *w)
{
	struct block b = { .len = w->len };

	memcpy(b.hash, w->hash, sizeof(b.hash));
	return w->what == WANT_BLOCK && zeros_block(&b);
}

/* At most GET_TOGETHER. keys: NULL: nobody can open what the vault has. */
static void get_some(struct keeping_wanted *g, struct keys *keys, const struct content *c,
                     const struct block_want *wants, size_t n)
{
	struct keeping_ask *asks[GET_TOGETHER];
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		const struct block_want *w = &wants[i];

		if (get_is_zeros(w))
			get_due(g, &(struct keeping_due){ .request = w->request, .zeros = w->len });
		else if (keys == NULL || w->what != WANT_BLOCK || g->nasks >= 2 * GET_ASKS)
			get_due(g, &(struct keeping_due){ .request = w->request });
		else
			asks[count++] = get_ask_block(g, keys, c, w);
	}
	keeping_ask_send(g, asks, count);
}

int keeping_get(struct keeping *k, uint64_t peer, const struct content *c, const struct block_want *wants, size_t n)
{
	struct keeping_wanted *g = get_of(k, peer);
	struct index_sealed sealed;
	struct keys *keys = NULL;

	if (g == NULL)
		return -1;
	if (index_sealed_get(k->config.index, c, &sealed) == 1)
		keys = keeping_keys_find(g->keys, sealed.generation);
	for (size_t at = 0, some; at < n; at += some) {
		some = n - at < GET_TOGETHER ? n - at : GET_TOGETHER;
		get_some(g, keys, c, wants + at, some);
	}
	return 0;
}

size_t keeping_window(const struct keeping *k, uint64_t peer)
{
	const struct keeping_wanted *g = get_of(k, peer);

	return g != NULL && g->nasks < GET_ASKS && g->bytes < GET_WINDOW ? GET_WINDOW - g->bytes : 0;
}

/* --- lists --- */

int keeping_get_list(struct keeping *k, uint64_t peer, uint32_t request, const struct content *c, uint32_t first)
{
	struct keeping_wanted *g = get_of(k, peer);
	struct index_sealed sealed;

	if (g == NULL)
		return -1;
	if (keeping_list_has(g, c, first) || index_sealed_get(k->config.index, c, &sealed) != 1 ||
	    !keeping_list_want(g, request, c, first, &sealed))
		get_due(g, &(struct keeping_due){ .request = request, .list = true, .content = *c, .first = first });
	return 0;
}

/* --- taking back --- */

void keeping_cancel(struct keeping *k, uint64_t peer, const uint32_t *requests, size_t n)
{
	struct keeping_wanted *g = get_of(k, peer);
	struct keeping_ask *asks[GET_TOGETHER], *a;
	size_t count = 0;

	for (size_t i = 0; i < n && g != NULL; i++) {
		HASH_FIND(hh_request, g->requests, &requests[i], sizeof(requests[i]), a);
		if (a == NULL) {
			if (!keeping_patch_cancel(g, requests[i]))
				(void)keeping_list_cancel(g, requests[i]);
			continue;
		}
		asks[count++] = a;
		if (count == GET_TOGETHER) {
			keeping_ask_cancel(g, asks, count);
			count = 0;
		}
	}
	if (count > 0)
		keeping_ask_cancel(g, asks, count);
}

/* --- beginning and end --- */

void keeping_get_object(struct keeping *k, struct keeping_vault *v, const struct msg_object *m)
{
	if (!k->stopping)
		keeping_ask_answered(v->get, m);
}

void keeping_get_told(struct keeping *k, struct keeping_vault *v)
{
	keeping_keys_free(v->get->keys);
	v->get->keys = keeping_keys_new(k);
}

void keeping_get_up(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_wanted *g = MEM_NEW(struct keeping_wanted);

	g->k = k;
	g->v = v;
	g->keys = keeping_keys_new(k);
	g->soon = loop_timer_new(k->config.loop, get_soon, g);
	v->get = g;
}

void keeping_get_down(struct keeping *k, struct keeping_vault *v)
{
	struct keeping_wanted *g = v->get;
	struct keeping_due *d, *next;

	(void)k;
	g->v = NULL; /* it is told nothing any more */
	v->get = NULL;
	keeping_list_drop_all(g);
	keeping_patch_drop_all(g);
	keeping_ask_drop_all(g);
	DL_FOREACH_SAFE(g->due, d, next)
		free(d);
	loop_timer_free(g->soon);
	keeping_keys_free(g->keys);
	keeping_ask_free_if_over(g);
}
