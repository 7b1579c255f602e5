/* See range.h. */
#include "sync/plan/range.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"

enum { HEAD = 64 }; /* bytes of a record before its path, for its digest */

unsigned range_depth(uint32_t rows)
{
	unsigned depth = 0;

	while (depth < RANGE_DEPTH_MAX && (rows >> depth) > RANGE_LEAF)
		depth++;
	return depth;
}

/* Each part has its length, or one fixed by the kind, so that no two records give the same bytes. No path and no target
 * is longer than RECORD_PATH_MAX. */
static void item_digest(uint8_t out[RANGE_DIGEST], const struct record *r)
{
	const char *target = r->kind == RECORD_SYMLINK ? r->target : NULL;
	size_t path_len = strnlen(r->path, RECORD_PATH_MAX);
	size_t target_len = target != NULL ? strnlen(target, RECORD_PATH_MAX) : 0;
	uint8_t all[HEAD + 2 * RECORD_PATH_MAX], hash[SHA256_SIZE];

	memset(all, 0, HEAD);
	all[0] = (uint8_t)r->kind;
	put_u32(all + 1, r->kind == RECORD_SYMLINK ? 0 : r->mode);
	put_u64(all + 5, r->kind == RECORD_DIR ? 0 : (uint64_t)r->mtime_ns);
	put_u32(all + 13, (uint32_t)path_len);
	if (r->kind == RECORD_FILE) {
		put_u64(all + 17, (uint64_t)r->content.size);
		put_u32(all + 25, r->content.nblocks);
		memcpy(all + 29, r->content.root, sizeof(r->content.root));
	}
	memcpy(all + HEAD, r->path, path_len);
	if (target_len > 0)
		memcpy(all + HEAD + path_len, target, target_len);
	sha256(hash, all, HEAD + path_len + target_len);
	memcpy(out, hash, RANGE_DIGEST);
}

bool range_add(struct range_set *s, const struct record *r, bool plain)
{
	if (s->n == RANGE_ROWS_MAX)
		return false;
	if (s->n == s->max) {
		s->max = s->max > 0 ? 2 * s->max : 1024;
		s->items = mem_realloc(s->items, s->max, sizeof(s->items[0]));
		s->rows = mem_realloc(s->rows, s->max, sizeof(s->rows[0]));
	}
	item_digest(s->items[s->n].digest, r);
	s->items[s->n].row = s->n;
	s->rows[s->n] =
		(struct range_row){ .seq = r->seq, .marks = plain ? RANGE_PLAIN : 0, .chunk_log2 = r->chunk_log2 };
	s->n++;
	return true;
}

static int compare_items(const void *a, const void *b)
{
	return memcmp(((const struct range_item *)a)->digest, ((const struct range_item *)b)->digest, RANGE_DIGEST);
}

static int compare_rows(const void *a, const void *b, void *rows)
{
	const struct range_row *of = rows;
	uint64_t x = of[*(const uint32_t *)a].seq, y = of[*(const uint32_t *)b].seq;

	return (x > y) - (x < y);
}

static void sort_rows(struct range_set *s)
{
	s->by_seq = mem_calloc((size_t)s->n + 1, sizeof(s->by_seq[0]));
	for (uint32_t i = 0; i < s->n; i++)
		s->by_seq[i] = i;
	qsort_r(s->by_seq, s->n, sizeof(s->by_seq[0]), compare_rows, s->rows);
}

static uint32_t leaf_of(const struct range_item *item, unsigned depth)
{
	return depth == 0 ? 0 : get_u32(item->digest) >> (32 - depth);
}

static void digest_leaf(struct range_set *s, uint32_t leaf)
{
	struct sha256_stream stream = { 0 };
	uint8_t hash[SHA256_SIZE];

	sha256_begin(&stream);
	for (uint32_t i = s->first[leaf]; i < s->first[leaf + 1]; i++)
		sha256_update(&stream, s->items[i].digest, RANGE_DIGEST);
	sha256_end(&stream, hash);
	sha256_free(&stream);
	memcpy(s->leaves[leaf], hash, RANGE_DIGEST);
}

void range_sort(struct range_set *s, unsigned depth)
{
	uint32_t leaves = UINT32_C(1) << depth, at = 0;

	if (s->n > 0)
		qsort(s->items, s->n, sizeof(s->items[0]), compare_items);
	sort_rows(s);
	s->depth = depth;
	s->first = mem_calloc((size_t)leaves + 1, sizeof(s->first[0]));
	s->leaves = mem_calloc(leaves, sizeof(s->leaves[0]));
	for (uint32_t leaf = 0; leaf < leaves; leaf++) {
		s->first[leaf] = at;
		while (at < s->n && leaf_of(&s->items[at], depth) == leaf)
			at++;
		s->first[leaf + 1] = at;
		digest_leaf(s, leaf);
	}
}

void range_node(const struct range_set *s, uint32_t node, unsigned depth, uint8_t out[RANGE_DIGEST])
{
	unsigned below = s->depth - depth;
	uint8_t hash[SHA256_SIZE];

	if (below == 0) {
		memcpy(out, s->leaves[node], RANGE_DIGEST);
		return;
	}
	sha256(hash, s->leaves[node << below], RANGE_DIGEST * ((size_t)1 << below));
	memcpy(out, hash, RANGE_DIGEST);
}

const struct range_item *range_leaf(const struct range_set *s, uint32_t leaf, uint32_t *n)
{
	*n = s->first[leaf + 1] - s->first[leaf];
	return s->items + s->first[leaf];
}

void range_equal_node(struct range_set *s, uint32_t node, unsigned depth)
{
	unsigned below = s->depth - depth;

	for (uint32_t i = s->first[node << below]; i < s->first[(node + 1) << below]; i++)
		s->rows[s->items[i].row].marks |= RANGE_EQUAL;
}

void range_equal_item(struct range_set *s, uint32_t leaf, const uint8_t digest[RANGE_DIGEST])
{
	struct range_item key = { 0 }, *found;
	uint32_t first = s->first[leaf], n = s->first[leaf + 1] - first;

	if (n == 0)
		return;
	memcpy(key.digest, digest, RANGE_DIGEST);
	found = bsearch(&key, s->items + first, n, sizeof(key), compare_items);
	if (found != NULL)
		s->rows[found->row].marks |= RANGE_EQUAL;
}

uint32_t range_next_equal(const struct range_set *s, uint32_t from)
{
	while (from < s->n && !(s->rows[from].marks & RANGE_EQUAL))
		from++;
	return from;
}

void range_clear(struct range_set *s)
{
	free(s->items);
	free(s->rows);
	free(s->by_seq);
	free(s->first);
	free(s->leaves);
	*s = (struct range_set){ 0 };
}
