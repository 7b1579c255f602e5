/* What the objects of a row are called, and what they are made of. A vault asks by name, so the blocks of the file, and
 * the pages of a long list, are put in the order of their names, once per row. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/keeping/keeping_objects_internal.h"

/* A name in a table that is in the order of names. */
struct keeping_name {
	const uint8_t *name; /* 32 bytes of `sealed` */
	uint32_t index;      /* of the entry or the page */
};

static int name_order(const void *a, const void *b)
{
	const struct keeping_name *x = a, *y = b;

	return memcmp(x->name, y->name, 32);
}

static struct keeping_name *names_sort(struct keeping_name *table, size_t n)
{
	if (n > 1)
		qsort(table, n, sizeof(*table), name_order);
	return table;
}

static void names_put_in_order(struct keeping_names *n)
{
	const struct row_sealed *s = &n->sealed;
	int64_t offset = 0;

	n->blocks = mem_calloc(s->nlist + 1, sizeof(*n->blocks));
	n->offsets = mem_calloc(s->nlist + 1, sizeof(*n->offsets));
	for (size_t i = 0; i < s->nlist; i++) {
		n->offsets[i] = offset;
		offset += (int64_t)s->list[i].len * s->list[i].count;
		if (s->list[i].generation != 0)
			n->blocks[n->nblocks++] = (struct keeping_name){ s->list[i].name, (uint32_t)i };
	}
	n->pages = mem_calloc(s->npages + 1, sizeof(*n->pages));
	for (size_t i = 0; i < s->npages; i++)
		n->pages[i] = (struct keeping_name){ s->pages[i], (uint32_t)i };
	names_sort(n->blocks, n->nblocks);
	names_sort(n->pages, s->npages);
}

/* Worker, or the loop for a content of one block. */
static void names_make(struct keeping_names *n)
{
	n->bad = row_name(&n->sealed, n->keys, &n->row, &n->list) < 0;
	if (!n->bad)
		names_put_in_order(n);
	blocklist_clear(&n->list);
}

struct names_job {
	struct keeping *k;
	struct keeping_names *names; /* a reference */
	void (*done)(void *arg);
	void *arg;
};

static void names_work(void *arg)
{
	names_make(((struct names_job *)arg)->names);
}

static void names_done(void *arg)
{
	struct names_job *j = arg;

	j->k->jobs--;
	j->names->made = true;
	keeping_names_unref(j->names);
	j->done(j->arg);
	free(j);
}

/* False: there is no such row, or nothing of it is sealed. */
static bool names_row(struct keeping *k, struct keeping_names *n)
{
	if (index_get_numbered(k->config.index, n->seq, &n->row) != 1)
		return false;
	if (!record_is(&n->row, RECORD_FILE) || n->row.absent || n->row.content.nblocks == 0)
		return false;
	return n->row.content.nblocks == 1 || index_blocks(k->config.index, &n->row.content, &n->list) == 1;
}

struct keeping_names *keeping_names_new(struct keeping *k, uint64_t seq, uint64_t generation, void (*done)(void *arg),
                                        void *arg)
{
	struct keeping_names *n = MEM_NEW(struct keeping_names);
	struct keeping_keys *keys = keeping_keys_new(k);
	struct keys *its = keeping_keys_find(keys, generation);
	struct names_job *j;

	n->refs = 1;
	n->seq = seq;
	n->generation = generation;
	n->keys = its != NULL ? keys_ref(its) : NULL;
	keeping_keys_free(keys);
	if (n->keys == NULL || !names_row(k, n)) {
		keeping_names_unref(n);
		return NULL;
	}
	if (n->row.content.nblocks == 1) {
		names_make(n);
		n->made = true;
		return n;
	}
	j = MEM_NEW(struct names_job);
	*j = (struct names_job){ k, keeping_names_ref(n), done, arg };
	keeping_job_submit(k, n->list.n > KEEPING_NAMES_SHORT ? WORKERS_BULK : WORKERS_QUICK, names_work, names_done,
	                   j);
	return n;
}

struct keeping_names *keeping_names_ref(struct keeping_names *n)
{
	n->refs++;
	return n;
}

void keeping_names_unref(struct keeping_names *n)
{
	if (n == NULL || --n->refs > 0)
		return;
	record_clear(&n->row);
	blocklist_clear(&n->list);
	row_sealed_clear(&n->sealed);
	keys_free(n->keys);
	free(n->blocks);
	free(n->pages);
	free(n->offsets);
	free(n);
}

size_t keeping_names_bytes(const struct keeping_names *n)
{
	return n->row.content.nblocks * (sizeof(struct page_entry) + sizeof(int64_t) + sizeof(struct keeping_name));
}

int64_t keeping_names_find(const struct keeping_names *n, uint8_t kind, const uint8_t name[32])
{
	const struct keeping_name *table = kind == OBJECT_PAGE ? n->pages : n->blocks, *found;
	size_t count = kind == OBJECT_PAGE                            ? n->sealed.npages
	               : kind == OBJECT_BLOCK || kind == OBJECT_PATCH ? n->nblocks
	                                                              : 0;

	if (n->bad || count == 0)
		return -1;
	found = bsearch(&(struct keeping_name){ name, 0 }, table, count, sizeof(*table), name_order);
	return found != NULL ? (int64_t)found->index : -1;
}

struct block_want keeping_names_block(const struct keeping_names *n, size_t entry)
{
	const struct page_entry *e = &n->sealed.list[entry];
	struct block_want want = { .len = e->len, .offset = n->offsets[entry] };

	memcpy(want.hash, e->sha, sizeof(want.hash));
	return want;
}
