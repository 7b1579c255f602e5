/* Pages of long block lists: see page.h. */
#include "sync/seal/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/plan/block.h"

int page_name(const struct keyring *ring, struct page_entry *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct keys *k;

		if (list[i].generation == 0)
			continue;
		k = keyring_find(ring, list[i].generation);
		if (k == NULL)
			return -1;
		object_name(k, OBJECT_BLOCK, list[i].sha, list[i].name);
	}
	return 0;
}

/* Zeros never begin a page: what follows an end and has no object goes with it, so that each page has refs. */
size_t page_split(const struct page_entry *list, size_t n)
{
	size_t blocks = 0, at = 0;

	while (at < n && at < PAGE_ENTRIES_MAX) {
		const struct page_entry *e = &list[at];

		if (e->generation != 0 && blocks == PAGE_MAX)
			break;
		at++;
		blocks += e->generation != 0;
		if (e->generation != 0 && at >= PAGE_LEAST && (e->name[31] & PAGE_END_MASK) == 0) {
			while (at < n && at < PAGE_ENTRIES_MAX && list[at].generation == 0)
				at++;
			break;
		}
	}
	return at;
}

static bool page_entry_valid(const struct page_entry *e)
{
	return e->len != 0 && e->len <= BLOCK_MAX && (e->generation == 0 ? e->count != 0 : e->count == 1);
}

static bool page_list_valid(const struct page_entry *list, size_t n)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		if (!page_entry_valid(&list[i]))
			return false;
		/* One run is one entry: a list has one form, and equal files have equal pages. */
		if (i > 0 && list[i].generation == 0 && list[i - 1].generation == 0 && list[i].len == list[i - 1].len)
			return false;
		/* No file is larger. The sum cannot wrap around before that is seen: an entry has less than 2^55. */
		bytes += (uint64_t)list[i].len * list[i].count;
		if (bytes > INT64_MAX)
			return false;
	}
	return true;
}

static bool page_valid(const struct page_entry *list, size_t n)
{
	size_t blocks = 0;

	for (size_t i = 0; i < n && i < PAGE_ENTRIES_MAX; i++)
		blocks += list[i].generation != 0;
	return n <= PAGE_ENTRIES_MAX && blocks != 0 && blocks <= PAGE_MAX;
}

static int page_refs_order(const void *a, const void *b)
{
	return memcmp(a, b, OBJECT_REF);
}

/* The refs of the entries, sorted, each once, into room for n. Returns how many. */
static size_t page_refs(const struct page_entry *list, size_t n, uint8_t (*refs)[OBJECT_REF])
{
	size_t all = 0, kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].generation == 0)
			continue;
		put_u64(refs[all], list[i].generation);
		memcpy(refs[all++] + 8, list[i].name, sizeof(list[i].name));
	}
	if (all != 0)
		qsort(refs, all, sizeof(refs[0]), page_refs_order);
	for (size_t i = 0; i < all; i++) {
		if (kept == 0 || memcmp(refs[kept - 1], refs[i], OBJECT_REF) != 0)
			memmove(refs[kept++], refs[i], OBJECT_REF);
	}
	return kept;
}

int page_list_encode(const struct page_entry *list, size_t n, struct bytes *out)
{
	uint8_t *p = page_list_valid(list, n) ? bytes_extend(out, n * PAGE_ENTRY) : NULL;

	if (p == NULL)
		return -1;
	memset(p, 0, n * PAGE_ENTRY);
	for (size_t i = 0; i < n; i++, p += PAGE_ENTRY) {
		put_u64(p, list[i].generation);
		put_u32(p + 8, list[i].len);
		if (list[i].generation != 0)
			memcpy(p + 12, list[i].sha, sizeof(list[i].sha));
		else
			put_u32(p + 12, list[i].count);
	}
	return 0;
}

int page_encode(const struct page_entry *list, size_t n, struct bytes *content, struct bytes *refs)
{
	uint8_t(*sorted)[OBJECT_REF];
	size_t nrefs;

	if (!page_valid(list, n) || page_list_encode(list, n, content) < 0)
		return -1;
	sorted = mem_calloc(n, sizeof(sorted[0]));
	nrefs = page_refs(list, n, sorted);
	bytes_append(refs, sorted, nrefs * OBJECT_REF);
	free(sorted);
	return refs->full ? -1 : 0;
}

static void page_entry_read(struct reader *r, struct page_entry *e)
{
	static const uint8_t zeros[28];
	const uint8_t *rest;

	e->generation = reader_u64(r);
	e->len = reader_u32(r);
	e->count = 1;
	if (e->generation != 0) {
		rest = reader_take(r, sizeof(e->sha));
		if (rest != NULL)
			memcpy(e->sha, rest, sizeof(e->sha));
		return;
	}
	e->count = reader_u32(r);
	rest = reader_take(r, sizeof(zeros));
	if (rest == NULL || memcmp(rest, zeros, sizeof(zeros)) != 0)
		r->bad = true;
}

struct page_entry *page_list_decode(const uint8_t *p, size_t size, size_t most, size_t *n)
{
	struct reader r = READER_INIT(p, size);
	struct page_entry *list;

	*n = 0;
	if (size == 0 || size % PAGE_ENTRY != 0 || size / PAGE_ENTRY > most)
		return NULL;
	list = mem_calloc(size / PAGE_ENTRY, sizeof(list[0]));
	for (size_t i = 0; i < size / PAGE_ENTRY; i++)
		page_entry_read(&r, &list[i]);
	if (r.bad || !page_list_valid(list, size / PAGE_ENTRY)) {
		free(list);
		return NULL;
	}
	*n = size / PAGE_ENTRY;
	return list;
}

struct page_entry *page_decode(const uint8_t *content, size_t size, size_t *n)
{
	struct page_entry *list = page_list_decode(content, size, PAGE_ENTRIES_MAX, n);

	if (list == NULL || page_valid(list, *n))
		return list;
	free(list);
	*n = 0;
	return NULL;
}

bool page_has_refs(const struct page_entry *list, size_t n, const struct object_head *head)
{
	uint8_t(*refs)[OBJECT_REF] = mem_calloc(n + 1, sizeof(refs[0]));
	size_t nrefs = page_refs(list, n, refs);
	bool same = head->kind == OBJECT_PAGE && head->nrefs == nrefs &&
	            (nrefs == 0 || memcmp(refs, head->refs, nrefs * OBJECT_REF) == 0);

	free(refs);
	return same;
}
