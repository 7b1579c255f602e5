/* A binary heap of pointers: see heap.h. */
#include "base/heap.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

enum { HEAP_FEW = 64 }; /* entries for which memory is kept */

static bool is_before(const struct heap_entry *a, const struct heap_entry *b)
{
	return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void heap_place(struct heap *h, struct heap_entry *e, size_t at)
{
	h->e[at - 1] = e;
	e->at = at;
}

static void heap_up(struct heap *h, struct heap_entry *e)
{
	size_t at = e->at;

	while (at > 1 && is_before(e, h->e[at / 2 - 1])) {
		heap_place(h, h->e[at / 2 - 1], at);
		at /= 2;
	}
	heap_place(h, e, at);
}

static void heap_down(struct heap *h, struct heap_entry *e)
{
	size_t at = e->at, child;

	while ((child = 2 * at) <= h->n) {
		if (child < h->n && is_before(h->e[child], h->e[child - 1]))
			child++;
		if (is_before(e, h->e[child - 1]))
			break;
		heap_place(h, h->e[child - 1], at);
		at = child;
	}
	heap_place(h, e, at);
}

void heap_set(struct heap *h, struct heap_entry *e, int64_t key)
{
	if (e->at == 0) {
		if (h->n == h->cap) {
			h->cap = h->cap == 0 ? HEAP_FEW : h->cap * 2;
			h->e = mem_realloc(h->e, h->cap, sizeof(h->e[0]));
		}
		h->n++;
		e->at = h->n;
	}
	e->key = key;
	e->order = ++h->order;
	heap_up(h, e);
	heap_down(h, e);
}

void heap_remove(struct heap *h, struct heap_entry *e)
{
	struct heap_entry *last;

	if (e->at == 0)
		return;
	last = h->e[--h->n];
	if (last != e) {
		last->at = e->at;
		heap_up(h, last);
		heap_down(h, last);
	}
	e->at = 0;
	/* What many took is given back. */
	if (h->cap > HEAP_FEW && h->n < h->cap / 4) {
		h->cap /= 2;
		h->e = mem_realloc(h->e, h->cap, sizeof(h->e[0]));
	}
}

struct heap_entry *heap_first(const struct heap *h)
{
	return h->n > 0 ? h->e[0] : NULL;
}

void heap_clear(struct heap *h)
{
	free(h->e);
	*h = (struct heap){ 0 };
}
