/* The map beside a part: which content it will be (and for which path it was begun), its block list, and which blocks are in it. Survives kill -9; after a power
 * cut it may claim too much or be damaged, so each claim is verified before it counts, and a map that does not fit
 * is no map. Pure.
 *
 * Layout, big endian: "LNYMAP1\n", path length 4, path, size 8, block count 4, root 32, list (36 a block), then one byte a block:
 * 1 when it is written, 0 when not. One byte, so that several workers may set theirs without a lock. Blocks of zeros are
 * there from the start: what is not written yet is zero. */
#ifndef LANYARD_SYNC_GET_PART_MAP_H
#define LANYARD_SYNC_GET_PART_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"

struct part_map {
	char *path; /* owned */
	struct content content;
	struct blocklist list; /* owned; makes content */
	uint8_t *have;         /* list.n bytes, 0 or 1; owned */
};

enum { PART_NAME = 32, PART_SLOTS = 16 };

void part_map_clear(struct part_map *m);
/* The name of a part in parts/: hex of a hash of the content, whatever its path, so that it is found again under another. slot: 0 to
 * PART_SLOTS - 1, since several may be made of one content at a time. */
void part_name(char out[PART_NAME + 1], const struct content *c, int slot);
/* Whether a part of that content may be called so. */
bool part_name_fits(const char name[PART_NAME + 1], const struct content *c);
size_t part_map_size(const char *path, const struct content *c);
/* Where block 0's byte is. */
int64_t part_map_have_at(const char *path, const struct content *c);
/* A map with nothing in it but zeros; part_map_size bytes. */
void part_map_encode(uint8_t *out, const char *path, const struct content *c, const struct blocklist *list);
/* -1 when these bytes are no map. */
int part_map_decode(struct part_map *m, const uint8_t *p, size_t n);

#endif
