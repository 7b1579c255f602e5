/* See row.h. */
#include "sync/seal/row.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/plan/zeros.h"
#include "sync/seal/object.h"

static int row_name_order(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

/* Sorts n names, and keeps each once. Returns how many are left. */
static size_t row_distinct(uint8_t (*names)[32], size_t n)
{
	size_t kept = 0;

	if (n > 0)
		qsort(names, n, sizeof(names[0]), row_name_order);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || memcmp(names[kept - 1], names[i], 32) != 0)
			memmove(names[kept++], names[i], 32);
	}
	return kept;
}

/* The distinct names of the list's blocks, sorted, into fresh memory. */
static uint8_t (*row_names(const struct page_entry *list, size_t n, size_t *count))[32]
{
	uint8_t(*names)[32] = mem_calloc(n + 1, sizeof(names[0]));
	size_t all = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i].generation != 0)
			memcpy(names[all++], list[i].name, 32);
	}
	*count = row_distinct(names, all);
	return names;
}

static bool row_has_content(const struct record *r)
{
	return record_is(r, RECORD_FILE) && r->content.nblocks > 0;
}

/* --- sealing --- */

static void row_entry_add(struct row_sealed *s, const struct keys *content, const struct block *b)
{
	struct page_entry *last = s->nlist > 0 ? &s->list[s->nlist - 1] : NULL;
	struct page_entry *e = &s->list[s->nlist];

	if (zeros_block(b) && last != NULL && last->generation == 0 && last->len == b->len) {
		last->count++;
		return;
	}
	*e = (struct page_entry){ .len = b->len, .count = 1 };
	if (!zeros_block(b)) {
		e->generation = keys_about(content)->id;
		memcpy(e->sha, b->hash, sizeof(e->sha));
		object_name(content, OBJECT_BLOCK, e->sha, e->name);
	}
	s->nlist++;
}

/* -1: the list is not the content's. */
static int row_list(struct row_sealed *s, const struct keys *content, const struct record *r,
                    const struct blocklist *blocks)
{
	struct blocklist single = { 0 };
	struct content c;

	if (!row_has_content(r))
		return 0;
	if (r->content.nblocks == 1) {
		blocklist_single(&single, &r->content);
		blocks = &single;
	}
	if (blocks == NULL || blocks->n != r->content.nblocks)
		return -1;
	c = blocklist_content(blocks);
	if (content_equal(&c, &r->content)) {
		s->list = mem_calloc(blocks->n, sizeof(s->list[0]));
		for (uint32_t i = 0; i < blocks->n; i++)
			row_entry_add(s, content, &blocks->b[i]);
	}
	blocklist_clear(&single);
	return s->list != NULL ? 0 : -1;
}

static void row_divide(struct row_sealed *s)
{
	size_t cap = s->nlist / PAGE_LEAST + 1;

	s->ends = mem_calloc(cap, sizeof(s->ends[0]));
	for (size_t at = 0; at < s->nlist; s->npages++) {
		at += page_split(s->list + at, s->nlist - at);
		s->ends[s->npages] = at;
	}
}

int row_page(const struct row_sealed *s, size_t i, struct bytes *content, struct bytes *refs)
{
	size_t from = i > 0 ? s->ends[i - 1] : 0;

	return page_encode(s->list + from, s->ends[i] - from, content, refs);
}

/* Names the pages, in the file's order. -1: one cannot be said. */
static int row_name_pages(struct row_sealed *s, const struct keys *content)
{
	struct bytes page = BYTES_INIT(OBJECT_CONTENT_MAX), refs = BYTES_INIT(OBJECT_HEAD_MAX);
	bool good = true;

	s->pages = mem_calloc(s->npages, sizeof(s->pages[0]));
	for (size_t i = 0; i < s->npages && good; i++) {
		uint8_t sha[SHA256_SIZE];

		bytes_clear(&page);
		bytes_clear(&refs);
		good = row_page(s, i, &page, &refs) == 0;
		if (good) {
			sha256(sha, page.p, page.len);
			object_name(content, OBJECT_PAGE, sha, s->pages[i]);
		}
	}
	bytes_free(&page);
	bytes_free(&refs);
	return good ? 0 : -1;
}

/* The names that the core refers to, sorted, each once, into fresh memory: of the blocks or, if these are too many, of
 * pages. NULL: they cannot be said. */
static uint8_t (*row_refs(struct row_sealed *s, const struct keys *content, size_t *n))[32]
{
	uint8_t(*refs)[32] = row_names(s->list, s->nlist, n);

	if (*n <= CORE_BLOCKS_MAX && s->nlist <= ROW_ENTRIES_MAX)
		return refs;
	free(refs);
	row_divide(s);
	if (s->npages > CORE_PAGES_MAX || row_name_pages(s, content) < 0)
		return NULL;
	refs = mem_dup(s->pages, s->npages * sizeof(refs[0]));
	*n = row_distinct(refs, s->npages);
	return refs;
}

/* What the body says of pages: for each, in the file's order, which ref it is. */
static void row_say_pages(const struct row_sealed *s, const uint8_t (*refs)[32], size_t nrefs, struct bytes *body)
{
	for (size_t i = 0; i < s->npages; i++) {
		const uint8_t(*at)[32] = bsearch(s->pages[i], refs, nrefs, 32, row_name_order);
		size_t place = (size_t)(at - refs);

		bytes_append_u8(body, (uint8_t)(place >> 8));
		bytes_append_u8(body, (uint8_t)place);
	}
}

/* Fills head's refs and the body's list or pages. -1: they cannot be said. */
static int row_say_content(struct row_sealed *s, const struct keys *content, const struct record *r,
                           struct core_head *head, uint8_t (**refs)[32], struct bytes *body)
{
	size_t nrefs;

	*refs = row_refs(s, content, &nrefs);
	if (*refs == NULL)
		return -1;
	head->paged = s->npages > 0;
	if (head->paged)
		row_say_pages(s, (const uint8_t(*)[32]) * refs, nrefs, body);
	else if (r->content.nblocks > 1 && page_list_encode(s->list, s->nlist, body) < 0)
		return -1;
	if (nrefs > 0) {
		head->groups[0] = (struct core_group){ .generation = keys_about(content)->id,
			                               .n = (uint32_t)nrefs,
			                               .names = (*refs)[0] };
		head->ngroups = 1;
	}
	return 0;
}

static int row_older_order(const void *a, const void *b)
{
	const struct core_older *x = a, *y = b;

	return x->generation < y->generation ? -1 : x->generation > y->generation;
}

static void row_say_older(struct core_head *head, const struct row_keys *held, const char *path)
{
	for (size_t i = 0; i < held->n && head->nolder < CORE_OLDER_MAX; i++) {
		struct core_older *o = &head->older[head->nolder];

		if (keys_about(held->keys[i])->id == head->generation)
			continue;
		o->generation = keys_about(held->keys[i])->id;
		core_path_id(held->keys[i], path, o->path_id);
		head->nolder++;
	}
	qsort(head->older, head->nolder, sizeof(head->older[0]), row_older_order);
}

static int row_seal_core(struct row_sealed *out, const struct keys *now, const struct core_head *head,
                         const struct record *r, const struct bytes *body)
{
	struct msg_record alone = { .record = *r };
	struct msg_bytes said = { .p = body->p, .n = body->len };
	uint8_t *p;
	size_t n;
	int rc;

	if (head->paged)
		alone.pages = said;
	else
		alone.sealed_list = said;
	p = msg_record_alone_encode(&alone, &n);
	rc = core_seal(now, head, p, n, &out->core);
	free(p);
	return rc;
}

int row_seal(struct row_sealed *out, const struct row_keys *held, const struct keys *now, const struct keys *content,
             const struct record *r, const struct blocklist *blocks)
{
	struct core_head *head = MEM_NEW(struct core_head);
	struct bytes body = BYTES_INIT(CORE_RECORD_MAX);
	uint8_t(*refs)[32] = NULL;
	int rc;

	*out = (struct row_sealed){ .core = BYTES_INIT(CORE_MAX) };
	head->deleted = r->deleted;
	head->generation = keys_about(now)->id;
	head->version = r->version;
	core_path_id(now, r->path, head->path_id);
	row_say_older(head, held, r->path);
	rc = row_list(out, content, r, blocks);
	if (rc == 0)
		rc = row_say_content(out, content, r, head, &refs, &body);
	if (rc == 0)
		rc = row_seal_core(out, now, head, r, &body);
	if (rc < 0)
		row_sealed_clear(out);
	free(refs);
	bytes_free(&body);
	free(head);
	return rc;
}

int row_name(struct row_sealed *out, const struct keys *content, const struct record *r, const struct blocklist *blocks)
{
	uint8_t(*refs)[32] = NULL;
	size_t nrefs;

	*out = (struct row_sealed){ 0 };
	if (row_list(out, content, r, blocks) == 0)
		refs = row_refs(out, content, &nrefs);
	if (refs == NULL) {
		row_sealed_clear(out);
		return -1;
	}
	free(refs);
	return 0;
}

void row_sealed_clear(struct row_sealed *s)
{
	bytes_free(&s->core);
	free(s->list);
	free(s->ends);
	free(s->pages);
	*s = (struct row_sealed){ 0 };
}

/* --- opening --- */

static struct keys *row_find(const struct row_keys *held, uint64_t generation)
{
	for (size_t i = 0; i < held->n; i++) {
		if (keys_about(held->keys[i])->id == generation)
			return held->keys[i];
	}
	return NULL;
}

/* The block that an entry says. False: it cannot be one of a content of this generation. */
static bool row_entry_block(const struct page_entry *e, uint64_t generation, struct block *b)
{
	const uint8_t *hash = e->generation != 0 ? e->sha : zeros_hash(e->len);

	if (hash == NULL || (e->generation != 0 && e->generation != generation))
		return false;
	b->len = e->len;
	memcpy(b->hash, hash, sizeof(b->hash));
	return true;
}

bool row_list_add(struct blocklist *all, const struct content *content, uint64_t generation,
                  const struct page_entry *list, size_t n)
{
	struct block b;

	for (size_t i = 0; i < n; i++) {
		/* What a list says of zeros is small; what it makes is no longer than the record said. */
		if (!row_entry_block(&list[i], generation, &b) || list[i].count > content->nblocks - all->n)
			return false;
		for (uint32_t j = 0; j < list[i].count; j++)
			all->b[all->n++] = b;
	}
	return true;
}

/* As if the list were made, which may take millions of times what its entries take. */
static bool row_list_is(const struct content *content, uint64_t generation, const struct page_entry *list, size_t n)
{
	struct blocklist_sum s = { 0 };
	struct content c;
	struct block b;
	bool fits = true;

	for (size_t i = 0; i < n && fits; i++) {
		fits = row_entry_block(&list[i], generation, &b) && list[i].count <= content->nblocks - s.c.nblocks;
		for (uint32_t j = 0; fits && j < list[i].count; j++)
			blocklist_sum_add(&s, &b);
	}
	c = blocklist_sum_end(&s);
	return fits && content_equal(&c, content);
}

bool row_list_fits(const struct content *content, uint64_t generation, const struct page_entry *list, size_t n,
                   struct blocklist *blocks)
{
	struct blocklist all = { 0 };

	if (!row_list_is(content, generation, list, n))
		return false;
	if (blocks == NULL)
		return true;
	all.b = mem_calloc((size_t)content->nblocks + 1, sizeof(all.b[0]));
	(void)row_list_add(&all, content, generation, list, n);
	*blocks = all;
	return true;
}

/* Whether the refs are just these names, which are sorted. */
static bool row_refs_are(const struct core_head *h, uint8_t (*names)[32], size_t n)
{
	if (h->ngroups == 0)
		return n == 0;
	return h->ngroups == 1 && h->groups[0].n == n && memcmp(h->groups[0].names, names, n * 32) == 0;
}

static bool row_open_list(struct row_opened *out, const struct core_head *h, const struct keys *content)
{
	const struct msg_bytes *said = &out->record.sealed_list;
	const struct content *c = &out->record.record.content;
	struct page_entry *list, single = { .len = (uint32_t)c->size, .count = 1 };
	uint8_t(*names)[32];
	size_t n = 1, nnames;
	bool good, is_short = c->nblocks <= MSG_BLOCKS_INLINE_MAX;

	if (c->nblocks == 1) {
		struct block b = { .len = (uint32_t)c->size };

		memcpy(b.hash, c->root, sizeof(b.hash));
		memcpy(single.sha, c->root, sizeof(single.sha));
		single.generation = zeros_block(&b) ? 0 : out->generation;
		list = mem_dup(&single, sizeof(single));
	} else {
		list = page_list_decode(said->p, said->n, ROW_ENTRIES_MAX, &n);
	}
	if (list == NULL || !row_list_fits(c, out->generation, list, n, is_short ? &out->blocks : NULL)) {
		free(list);
		return false;
	}
	for (size_t i = 0; i < n && content != NULL; i++) {
		if (list[i].generation != 0)
			object_name(content, OBJECT_BLOCK, list[i].sha, list[i].name);
	}
	names = row_names(list, n, &nnames);
	good = row_refs_are(h, names, nnames);
	free(names);
	free(list);
	if (c->nblocks == 1)
		blocklist_clear(&out->blocks);
	return good;
}

/* Each ref is a page of the file, or it would be kept for nothing. */
static bool row_open_pages(struct row_opened *out, const struct core_head *h)
{
	const struct msg_bytes *said = &out->record.pages;
	const struct core_group *g = &h->groups[0];
	bool *used, good = said->n > 0 && h->ngroups == 1;

	if (!good)
		return false;
	out->npages = said->n / 2;
	out->pages = mem_calloc(out->npages, sizeof(out->pages[0]));
	used = mem_calloc(g->n, sizeof(*used));
	for (size_t i = 0; i < out->npages && good; i++) {
		size_t place = (size_t)said->p[2 * i] << 8 | said->p[2 * i + 1];

		good = place < g->n;
		if (good) {
			memcpy(out->pages[i], g->names + place * 32, 32);
			used[place] = true;
		}
	}
	for (size_t i = 0; i < g->n; i++)
		good = good && used[i];
	free(used);
	return good;
}

/* All IDs that can be checked are the path's. */
static bool row_path_is(const struct row_keys *held, const struct keys *now, const struct core *c, const char *path)
{
	if (!core_is_of(now, c, path))
		return false;
	for (size_t i = 0; i < c->head.nolder; i++) {
		const struct keys *k = row_find(held, c->head.older[i].generation);
		uint8_t id[32];

		if (k == NULL)
			continue;
		core_path_id(k, path, id);
		if (memcmp(id, c->head.older[i].path_id, sizeof(id)) != 0)
			return false;
	}
	return true;
}

static enum row_result row_open_record(struct row_opened *out, const struct row_keys *held, const struct keys *now,
                                       const struct core *c, const char **why)
{
	const struct core_head *h = &c->head;
	struct record *r = &out->record.record;
	const struct keys *content = NULL;

	*why = "is another path's";
	if (!row_path_is(held, now, c, r->path))
		return ROW_BAD;
	r->version = h->version;
	*why = "does not say what its head says";
	if (r->deleted != h->deleted || h->ngroups > 1 || h->paged != (out->record.pages.n > 0) ||
	    !msg_record_bases_fit(r))
		return ROW_BAD;
	if (h->ngroups > 0) {
		content = row_find(held, h->groups[0].generation);
		if (content == NULL)
			return ROW_KEYS;
		out->generation = h->groups[0].generation;
	}
	*why = "names other blocks than its file has";
	if (!row_has_content(r))
		return h->ngroups == 0 ? ROW_OK : ROW_BAD;
	return (h->paged ? row_open_pages(out, h) : row_open_list(out, h, content)) ? ROW_OK : ROW_BAD;
}

enum row_result row_open(struct row_opened *out, const struct row_keys *held, const struct core *c, const char **why)
{
	const struct keys *now = row_find(held, c->head.generation);
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX);
	enum row_result result = ROW_BAD;
	enum core_result opened;

	*out = (struct row_opened){ 0 };
	if (now == NULL)
		return ROW_KEYS;
	opened = core_open(now, c, &record);
	*why = core_result_text(opened);
	if (opened == CORE_OK) {
		*why = "has no record in it";
		if (msg_record_alone_decode(&out->record, &out->arena, record.p, record.len) == 0)
			result = row_open_record(out, held, now, c, why);
	}
	bytes_free(&record);
	if (result != ROW_OK)
		row_opened_clear(out);
	return result;
}

void row_opened_clear(struct row_opened *o)
{
	msg_free(&o->arena);
	blocklist_clear(&o->blocks);
	free(o->pages);
	*o = (struct row_opened){ 0 };
}

/* --- digests --- */

void row_digest(const struct keys *first, const struct record *r, struct head_row *out)
{
	uint8_t fixed[1 + 4 + 8 + 8 + 4 + 32] = { (uint8_t)r->kind };
	const char *target = r->kind == RECORD_SYMLINK && r->target != NULL ? r->target : "";

	if (r->kind != RECORD_SYMLINK)
		put_u32(fixed + 1, r->mode);
	if (r->kind != RECORD_DIR)
		put_u64(fixed + 5, (uint64_t)r->mtime_ns);
	if (r->kind == RECORD_FILE) {
		put_u64(fixed + 13, (uint64_t)r->content.size);
		put_u32(fixed + 21, r->content.nblocks);
		memcpy(fixed + 25, r->content.root, sizeof(r->content.root));
	}
	core_path_id(first, r->path, out->path_id);
	keys_prf(first, KEYS_ROW, (const struct aead_part[]){ { fixed, sizeof(fixed) }, { target, strlen(target) } }, 2,
	         out->core);
}
