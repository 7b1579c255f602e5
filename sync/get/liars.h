/* The peers that lately sent something else than they offered of one content; the oldest are forgiven. Pure. */
#ifndef LANYARD_SYNC_GET_LIARS_H
#define LANYARD_SYNC_GET_LIARS_H

#include <stdbool.h>
#include <stdint.h>

enum { LIARS_MAX = 4 };

/* Zeroed memory names nobody. */
struct liars {
	uint64_t peer[LIARS_MAX]; /* the last first; 0: none */
};

void liars_add(struct liars *l, uint64_t peer);
bool liars_has(const struct liars *l, uint64_t peer);
void liars_forgive(struct liars *l, uint64_t peer);

#endif
