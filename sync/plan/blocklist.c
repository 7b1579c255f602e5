/* See blocklist.h. */
#include "sync/plan/blocklist.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

enum { BLOCK_SIZE = 36 }; /* of one encoded entry: length, hash */

void blocklist_clear(struct blocklist *l)
{
	free(l->b);
	*l = (struct blocklist){ 0 };
}

void blocklist_single(struct blocklist *l, const struct content *c)
{
	l->n = 1;
	l->b = MEM_NEW(struct block);
	l->b[0].len = (uint32_t)c->size;
	memcpy(l->b[0].hash, c->root, sizeof(c->root));
}

struct blocklist blocklist_part(const struct blocklist *l, uint32_t first, uint32_t most)
{
	uint32_t left = first < l->n ? l->n - first : 0;
	struct blocklist part = { .n = left < most ? left : most };

	if (part.n > 0)
		part.b = mem_dup(l->b + first, part.n * sizeof(*l->b));
	return part;
}

void blocklist_encode(uint8_t *out, const struct blocklist *l)
{
	for (uint32_t i = 0; i < l->n; i++, out += BLOCK_SIZE) {
		put_u32(out, l->b[i].len);
		memcpy(out + 4, l->b[i].hash, 32);
	}
}

int blocklist_decode(struct blocklist *l, const uint8_t *p, size_t n)
{
	struct blocklist out = { 0 };

	*l = out;
	if (n % BLOCK_SIZE != 0 || n / BLOCK_SIZE > CONTENT_MAX_BLOCKS)
		return -1;
	if (n == 0)
		return 0;
	/* Lengths first, so that bad bytes cost no memory. */
	for (size_t at = 0; at < n; at += BLOCK_SIZE) {
		uint32_t len = get_u32(p + at);

		if (len == 0 || len > BLOCK_MAX)
			return -1;
	}
	out.n = (uint32_t)(n / BLOCK_SIZE);
	out.b = mem_calloc(out.n, sizeof(*out.b));
	for (uint32_t i = 0; i < out.n; i++, p += BLOCK_SIZE) {
		out.b[i].len = get_u32(p);
		memcpy(out.b[i].hash, p + 4, 32);
	}
	*l = out;
	return 0;
}

static void sum_entry(struct blocklist_sum *s, const struct block *b)
{
	uint8_t entry[BLOCK_SIZE];

	put_u32(entry, b->len);
	memcpy(entry + 4, b->hash, 32);
	sha256_update(&s->sha, entry, sizeof(entry));
}

/* The root of a single block is its hash. */
void blocklist_sum_add(struct blocklist_sum *s, const struct block *b)
{
	s->c.size += b->len;
	if (s->c.nblocks++ == 0) {
		s->first = *b;
		return;
	}
	if (s->c.nblocks == 2) {
		sha256_begin(&s->sha);
		sum_entry(s, &s->first);
	}
	sum_entry(s, b);
}

struct content blocklist_sum_end(struct blocklist_sum *s)
{
	if (s->c.nblocks == 1)
		memcpy(s->c.root, s->first.hash, sizeof(s->c.root));
	if (s->c.nblocks > 1)
		sha256_end(&s->sha, s->c.root);
	sha256_free(&s->sha);
	return s->c;
}

struct content blocklist_content(const struct blocklist *l)
{
	struct blocklist_sum s = { 0 };

	for (uint32_t i = 0; i < l->n; i++)
		blocklist_sum_add(&s, &l->b[i]);
	return blocklist_sum_end(&s);
}
