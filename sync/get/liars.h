/* The last few peers that sent wrong bytes for one content, so that it is not requested from them again. Pure. */
#ifndef LANYARD_SYNC_GET_LIARS_H
#define LANYARD_SYNC_GET_LIARS_H

#include <stdbool.h>
#include <stdint.h>

enum { LIARS_MAX = 4 };

/* Zeroed: nobody. */
struct liars {
	uint64_t peer[LIARS_MAX]; /* newest first; 0: free */
};

void liars_add(struct liars *l, uint64_t peer);
bool liars_has(const struct liars *l, uint64_t peer);
void liars_forgive(struct liars *l, uint64_t peer);

#endif
