/* Block lists: a vault has them in the bodies of rows, which we have opened, or as pages. A list is put together from
 * its pages, checked as a whole, and given in pieces to whoever gets the content. */
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "base/mem.h"
#include "sync/keeping/keeping_objects_internal.h"

enum {
	LIST_PAGES = 8,      /* of one list, asked for at once */
	LIST_ACTIVE = 2,     /* lists whose pages are asked for at once */
	LIST_KEPT = 4,       /* whole lists that are kept until all of them was asked for */
	LIST_PIECE = 16384,  /* blocks */
	LIST_PAGE = 32 << 10 /* about what a page comes to */
};

struct list_part {
	struct slab entries; /* as page_list_encode() writes them */
	struct keeping_ask *ask;
};

struct keeping_list {
	struct keeping_wanted *get;
	struct content content;
	uint64_t generation;
	struct keys *keys; /* a reference; NULL: it has no pages */
	uint32_t request, first;
	bool wanted; /* the request is open */

	uint8_t (*pages)[32];       /* names; owned */
	struct list_part *parts;    /* of each page; owned */
	size_t nparts, asked, open; /* open: asks that are not over */
	size_t taken;               /* entries that came */
	bool active;                /* its turn has come: pages are asked for */
	bool working;               /* a worker puts it together */
	bool dropped;               /* meanwhile */
	struct blocklist made;      /* what it put together; the worker's until it is back */
	bool fits;                  /* that is the content's list */
	struct blocklist blocks;    /* empty until it is whole */
	struct keeping_list *prev, *next;
};

static void list_go_on(struct keeping_list *l);

/* --- ends --- */

static void list_clear_parts(struct keeping_list *l)
{
	for (size_t i = 0; i < l->nparts; i++)
		slab_free(&l->parts[i].entries);
	free(l->parts);
	free(l->pages);
	l->parts = NULL;
	l->pages = NULL;
	l->nparts = 0;
}

static void list_end(struct keeping_list *l)
{
	list_clear_parts(l);
	blocklist_clear(&l->blocks);
	blocklist_clear(&l->made);
	keys_free(l->keys);
	free(l);
}

/* What is asked for is taken back. A worker's list goes when it is done. */
static void list_drop(struct keeping_list *l)
{
	struct keeping_ask *asks[LIST_PAGES];
	size_t n = 0;

	for (size_t i = 0; i < l->asked && n < l->open; i++) {
		if (l->parts[i].ask != NULL)
			asks[n++] = l->parts[i].ask;
	}
	if (n > 0)
		keeping_ask_cancel(l->get, asks, n);
	DL_DELETE(l->get->lists, l);
	l->dropped = true;
	if (!l->working)
		list_end(l);
}

static void list_say_none(struct keeping_wanted *g, uint32_t request)
{
	g->k->config.ops->list(g->k->config.arg, g->v->peer, request, 0, NULL, 0);
}

/* Those that wait go on. */
static void list_next(struct keeping_wanted *g)
{
	struct keeping_list *l, *next;
	int active = 0;

	DL_FOREACH(g->lists, l)
		active += l->active;
	DL_FOREACH_SAFE(g->lists, l, next) {
		if (active >= LIST_ACTIVE)
			return;
		if (l->active || l->working || l->blocks.n > 0)
			continue;
		active++;
		l->active = true;
		list_go_on(l);
	}
}

static void list_failed(struct keeping_list *l)
{
	struct keeping_wanted *g = l->get;
	uint32_t request = l->request;
	bool wanted = l->wanted;

	list_drop(l);
	list_next(g);
	if (wanted)
		list_say_none(g, request);
}

/* --- giving --- */

static struct keeping_list *list_whole(const struct keeping_wanted *g, const struct content *c, uint32_t first)
{
	struct keeping_list *l;

	DL_FOREACH(g->lists, l) {
		if (l->blocks.n > first && content_equal(&l->content, c))
			return l;
	}
	return NULL;
}

bool keeping_list_has(const struct keeping_wanted *g, const struct content *c, uint32_t first)
{
	return list_whole(g, c, first) != NULL;
}

bool keeping_list_answer(struct keeping_wanted *g, uint32_t request, const struct content *c, uint32_t first)
{
	struct keeping_list *l = list_whole(g, c, first);
	struct blocklist piece;
	uint8_t *p;
	size_t n;

	if (l == NULL)
		return false;
	piece = blocklist_part(&l->blocks, first, LIST_PIECE);
	n = (size_t)36 * piece.n;
	p = mem_calloc(piece.n, 36);
	blocklist_encode(p, &piece);
	if (first + piece.n == l->blocks.n)
		list_drop(l);
	blocklist_clear(&piece);
	g->k->config.ops->list(g->k->config.arg, g->v->peer, request, first, p, n);
	free(p);
	return true;
}

static void list_keep(struct keeping_wanted *g)
{
	struct keeping_list *l, *next;
	int whole = 0;

	DL_FOREACH(g->lists, l)
		whole += l->blocks.n > 0;
	DL_FOREACH_SAFE(g->lists, l, next) {
		if (whole <= LIST_KEPT)
			return;
		if (l->blocks.n == 0)
			continue;
		whole--;
		list_drop(l);
	}
}

/* --- putting together --- */

/* Worker. */
static void list_work(void *arg)
{
	struct keeping_list *l = arg;
	struct blocklist all = { .b = mem_calloc((size_t)l->content.nblocks + 1, sizeof(all.b[0])) };
	struct content c;

	l->fits = true;
	for (size_t i = 0; i < l->nparts && l->fits; i++) {
		const struct slab *s = &l->parts[i].entries;
		size_t n;
		struct page_entry *list = page_list_decode(s->p, s->n, s->n / PAGE_ENTRY, &n);

		l->fits = list != NULL && row_list_add(&all, &l->content, l->generation, list, n);
		free(list);
	}
	c = blocklist_content(&all);
	l->fits = l->fits && content_equal(&c, &l->content);
	if (l->fits)
		l->made = all;
	else
		blocklist_clear(&all);
}

static void list_done(void *arg)
{
	struct keeping_list *l = arg;
	struct keeping_wanted *g = l->get;
	struct content c = l->content;
	uint32_t request = l->request, first = l->first;
	bool wanted = l->wanted;

	g->k->jobs--;
	l->working = false;
	if (l->dropped) {
		list_end(l);
	} else if (!l->fits) {
		list_failed(l);
	} else {
		list_clear_parts(l);
		l->blocks = l->made;
		l->made = (struct blocklist){ 0 };
		l->wanted = false;
		list_keep(g);
		list_next(g);
		if (wanted && !keeping_list_answer(g, request, &c, first))
			list_say_none(g, request);
	}
	g->jobs--;
	keeping_ask_free_if_over(g);
}

/* --- pages --- */

static void list_page(struct keeping_ask *a, struct keeping_opened *o)
{
	struct keeping_list *l = a->list;
	struct list_part *part = &l->parts[a->page];

	part->ask = NULL;
	l->open--;
	if (o == NULL) {
		list_failed(l);
		return;
	}
	part->entries = o->content;
	o->content = (struct slab){ 0 };
	l->taken += part->entries.n / PAGE_ENTRY;
	list_go_on(l);
}

static void list_ask(struct keeping_list *l, size_t n)
{
	struct keeping_ask *asks[LIST_PAGES];
	size_t count = 0;

	while (count < n && l->asked < l->nparts) {
		struct keeping_ask *a = keeping_ask_new(l->get, l->keys);

		a->kind = OBJECT_PAGE;
		memcpy(a->ref.name, l->pages[l->asked], sizeof(a->ref.name));
		a->bytes = LIST_PAGE;
		a->done = list_page;
		a->list = l;
		a->page = l->asked;
		l->parts[l->asked++].ask = a;
		l->open++;
		asks[count++] = a;
	}
	keeping_ask_send(l->get, asks, count);
}

static void list_go_on(struct keeping_list *l)
{
	struct keeping_wanted *g = l->get;

	/* Each entry is a block or more: no list that fits has more of them. */
	if (l->taken > l->content.nblocks) {
		list_failed(l);
		return;
	}
	if (l->keys != NULL && l->open < LIST_PAGES && l->asked < l->nparts)
		list_ask(l, LIST_PAGES - l->open);
	if (l->open > 0)
		return;
	l->active = false;
	l->working = true;
	g->jobs++;
	keeping_job_submit(g->k, WORKERS_BULK, list_work, list_done, l);
}

bool keeping_list_want(struct keeping_wanted *g, uint32_t request, const struct content *c, uint32_t first,
                       const struct index_sealed *sealed)
{
	struct keys *keys = sealed->paged ? keeping_keys_find(g->keys, sealed->generation) : NULL;
	struct keeping_list *l;

	if (sealed->n == 0 || (sealed->paged && keys == NULL))
		return false;
	l = MEM_NEW(struct keeping_list);
	*l = (struct keeping_list){ .get = g,
		                    .content = *c,
		                    .generation = sealed->generation,
		                    .request = request,
		                    .first = first,
		                    .wanted = true,
		                    .nparts = sealed->paged ? sealed->n / 32 : 1 };
	l->parts = mem_calloc(l->nparts, sizeof(*l->parts));
	if (sealed->paged) {
		l->keys = keys_ref(keys);
		l->pages = mem_dup(sealed->list, l->nparts * 32);
	} else {
		l->parts[0].entries = slab_dup(sealed->list, sealed->n);
	}
	DL_APPEND(g->lists, l);
	list_next(g);
	return true;
}

bool keeping_list_cancel(struct keeping_wanted *g, uint32_t request)
{
	struct keeping_list *l;

	DL_FOREACH(g->lists, l) {
		if (!l->wanted || l->request != request)
			continue;
		l->wanted = false;
		if (!l->working)
			list_drop(l);
		list_next(g);
		return true;
	}
	return false;
}

void keeping_list_drop_all(struct keeping_wanted *g)
{
	while (g->lists != NULL)
		list_drop(g->lists);
}
