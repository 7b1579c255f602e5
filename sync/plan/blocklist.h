/* Block lists: the names and sizes of a content's blocks, in order. Pure. */
#ifndef LANYARD_SYNC_PLAN_BLOCKLIST_H
#define LANYARD_SYNC_PLAN_BLOCKLIST_H

#include <stddef.h>
#include <stdint.h>

#include "base/sha256.h"
#include "sync/plan/block.h"
#include "sync/plan/content.h"

struct blocklist {
	uint32_t n;
	struct block *b; /* owned */
};

void blocklist_clear(struct blocklist *l);
/* Makes *l, which is empty, the list of a content of one block. */
void blocklist_single(struct blocklist *l, const struct content *c);
/* A copy of at most `most` blocks from block `first` on; empty where there are none. */
struct blocklist blocklist_part(const struct blocklist *l, uint32_t first, uint32_t most);
/* 36 bytes per block (length as 32-bit big endian, then its SHA-256); out has room for 36 * n. */
void blocklist_encode(uint8_t *out, const struct blocklist *l);
/* -1 unless n is a multiple of 36, no length is 0 or above BLOCK_MAX, and there are at most CONTENT_MAX_BLOCKS. */
int blocklist_decode(struct blocklist *l, const uint8_t *p, size_t n);
/* The content that this list makes: adds up the sizes and computes the root. */
struct content blocklist_content(const struct blocklist *l);

/* The same block by block, without the list; begins as zeros. blocklist_sum_end() has to follow. */
struct blocklist_sum {
	struct content c;
	struct block first;
	struct sha256_stream sha;
};
void blocklist_sum_add(struct blocklist_sum *s, const struct block *b);
struct content blocklist_sum_end(struct blocklist_sum *s);

#endif
