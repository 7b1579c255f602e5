/* Part maps as bytes: see part_map.h. */
#include "sync/get/part_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/plan/zeros.h"

enum { MAGIC = 8, ENTRY = 36, ROOT = 32 };

static const char magic[MAGIC + 1] = "LNYMAP1\n";

void part_map_clear(struct part_map *m)
{
	free(m->path);
	blocklist_clear(&m->list);
	free(m->have);
	*m = (struct part_map){ 0 };
}

void part_name(char out[PART_NAME + 1], const struct content *c, int slot)
{
	uint8_t of[12 + ROOT + 1], hash[SHA256_SIZE];

	put_u64(of, (uint64_t)c->size);
	put_u32(of + 8, c->nblocks);
	memcpy(of + 12, c->root, ROOT);
	of[12 + ROOT] = (uint8_t)slot;
	sha256(hash, of, sizeof(of));
	hex_encode(out, hash, PART_NAME / 2);
}

bool part_name_fits(const char name[PART_NAME + 1], const struct content *c)
{
	char expected[PART_NAME + 1];

	for (int slot = 0; slot < PART_SLOTS; slot++) {
		part_name(expected, c, slot);
		if (strcmp(expected, name) == 0)
			return true;
	}
	return false;
}

int64_t part_map_have_at(const char *path, const struct content *c)
{
	return MAGIC + 4 + (int64_t)strlen(path) + 8 + 4 + ROOT + (int64_t)c->nblocks * ENTRY;
}

size_t part_map_size(const char *path, const struct content *c)
{
	return (size_t)part_map_have_at(path, c) + c->nblocks;
}

void part_map_encode(uint8_t *out, const char *path, const struct content *c, const struct blocklist *list)
{
	size_t len = strlen(path);

	memcpy(out, magic, MAGIC);
	put_u32(out + MAGIC, (uint32_t)len);
	out += MAGIC + 4;
	memcpy(out, path, len);
	out += len;
	put_u64(out, (uint64_t)c->size);
	put_u32(out + 8, c->nblocks);
	memcpy(out + 12, c->root, ROOT);
	out += 12 + ROOT;
	blocklist_encode(out, list);
	out += (size_t)list->n * ENTRY;
	for (uint32_t i = 0; i < list->n; i++)
		out[i] = zeros_block(&list->b[i]);
}

static int decode_have(struct part_map *m, const uint8_t *p)
{
	for (uint32_t i = 0; i < m->list.n; i++) {
		if (p[i] > 1)
			return -1;
	}
	m->have = mem_dup(p, m->list.n);
	return 0;
}

/* Every length is checked against the content's before anything is copied, and the list has to have the content's
 * root. */
int part_map_decode(struct part_map *m, const uint8_t *p, size_t n)
{
	struct reader r = READER_INIT(p, n);
	const uint8_t *start = reader_take(&r, MAGIC), *path, *root, *list;
	struct content c;
	uint32_t len;

	*m = (struct part_map){ 0 };
	if (start == NULL || memcmp(start, magic, MAGIC) != 0)
		return -1;
	len = reader_u32(&r);
	if (len == 0 || len > RECORD_PATH_MAX)
		return -1;
	path = reader_take(&r, len);
	m->content.size = (int64_t)reader_u64(&r);
	m->content.nblocks = reader_u32(&r);
	root = reader_take(&r, ROOT);
	if (r.bad || m->content.size <= 0 || m->content.nblocks == 0 || m->content.nblocks > CONTENT_MAX_BLOCKS ||
	    memchr(path, '\0', len) != NULL || reader_left(&r) != (size_t)m->content.nblocks * (ENTRY + 1))
		goto clear_map;
	memcpy(m->content.root, root, ROOT);
	list = reader_take(&r, (size_t)m->content.nblocks * ENTRY);
	if (blocklist_decode(&m->list, list, (size_t)m->content.nblocks * ENTRY) < 0)
		goto clear_map;
	c = blocklist_content(&m->list);
	if (!content_equal(&c, &m->content) || decode_have(m, list + (size_t)m->content.nblocks * ENTRY) < 0)
		goto clear_map;
	m->path = mem_calloc(len + 1, 1);
	memcpy(m->path, path, len);
	return 0;
clear_map:
	part_map_clear(m);
	return -1;
}
