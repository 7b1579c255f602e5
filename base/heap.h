/* The least of many: what is due next among things that come and go. Entries lie in their owners' structs, so that
 * one is moved or taken out without a search: each call costs O(log n), heap_first() nothing. Entries with the same
 * key come out in the order in which they were set. Pure. One thread at a time. */
#ifndef LANYARD_BASE_HEAP_H
#define LANYARD_BASE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: in no heap. */
struct heap_entry {
	int64_t key;
	uint64_t order; /* of heap_set() */
	size_t at;      /* 1 is the first; 0: in no heap */
};

/* Zeroed: empty. */
struct heap {
	struct heap_entry **e; /* owned */
	size_t n, cap;
	uint64_t order;
};

/* Puts e, which the caller owns, into the heap, or gives it another key. */
void heap_set(struct heap *h, struct heap_entry *e, int64_t key);
/* Takes e out, if it is in. */
void heap_remove(struct heap *h, struct heap_entry *e);
/* The entry with the least key; NULL: there is none. */
struct heap_entry *heap_first(const struct heap *h);
/* Frees the heap's memory, not the entries, which must be out already. */
void heap_clear(struct heap *h);

#endif
