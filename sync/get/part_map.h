/* The map next to a part: its content, the path for which it was begun, the block list, and which blocks are in it. It
 * survives kill -9. After a power cut it may claim too much or be damaged, so each claim is verified before it counts,
 * and a map that does not fit is ignored. Pure.
 *
 * Layout, big endian: "LNYMAP1\n", path length 4, path, size 8, block count 4, root 32, list (36 per block), then one
 * byte per block: 1 when it is written, 0 when not. It is a byte so that several workers may set theirs without a
 * lock. Blocks of zeros are there from the start: what is not written yet is zero. */
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
/* The name of a part in parts/: the hex of a hash of the content, so that another path that wants the content finds
 * it. slot: 0 to PART_SLOTS - 1, since one content may have several parts at a time. */
void part_name(char out[PART_NAME + 1], const struct content *c, int slot);
/* Whether a part of that content may have this name. */
bool part_name_fits(const char name[PART_NAME + 1], const struct content *c);
size_t part_map_size(const char *path, const struct content *c);
/* The offset of block 0's byte. */
int64_t part_map_have_at(const char *path, const struct content *c);
/* A map in which only blocks of zeros are there; part_map_size bytes. */
void part_map_encode(uint8_t *out, const char *path, const struct content *c, const struct blocklist *list);
/* -1 when these bytes are not a map. */
int part_map_decode(struct part_map *m, const uint8_t *p, size_t n);

#endif
