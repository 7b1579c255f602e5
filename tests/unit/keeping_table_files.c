/* The files of keeping_table.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/unit/keeping_table.h"

#include "base/fs.h"
#include "base/sha256.h"
#include "tests/unit/noise.h"

enum { CHUNK_LOG2 = 16 + 32, BLOCK_LEN = 3000 };

struct table_file *table_file_of(struct table *t, const struct content *c)
{
	for (size_t i = 0; i < t->nfiles; i++) {
		if (content_equal(&t->files[i].content, c))
			return &t->files[i];
	}
	return NULL;
}

static uint8_t *block_of(const struct table_file *f, uint32_t i)
{
	return noise(f->list.b[i].len, f->seed * 1000 + i + 1);
}

static struct table_file *file_made(struct table *t, uint32_t nblocks, uint64_t seed)
{
	struct table_file f = { .list = { .n = nblocks, .b = mem_calloc(nblocks, sizeof(struct block)) },
		                .seed = seed };
	struct table_file *known;

	for (uint32_t i = 0; i < nblocks; i++) {
		uint8_t *p;

		f.list.b[i].len = BLOCK_LEN + i;
		p = block_of(&f, i);
		sha256(f.list.b[i].hash, p, f.list.b[i].len);
		free(p);
	}
	f.content = (struct content){ .size = f.list.b[0].len, .nblocks = 1 };
	memcpy(f.content.root, f.list.b[0].hash, 32);
	if (nblocks > 1)
		f.content = blocklist_content(&f.list);
	known = table_file_of(t, &f.content);
	if (known != NULL) {
		blocklist_clear(&f.list);
		return known;
	}
	assert_true(t->nfiles < TABLE_FILES);
	t->files[t->nfiles] = f;
	return &t->files[t->nfiles++];
}

struct table_reading {
	struct content_reading reading;
	const struct table_file *f;
	int64_t offset;
	uint32_t len;
};

static enum content_state source_stat(void *arg, const struct content *c)
{
	const struct table_member *e = arg;
	const struct table_file *f = table_file_of(e->t, c);

	return f != NULL && f->had[e->who] ? CONTENT_PRESENT : CONTENT_ABSENT;
}

static struct content_reading *source_open(void *arg, const struct content *c, const struct record *row,
                                           const struct block_want *want)
{
	const struct table_member *e = arg;
	struct table_reading *r;

	(void)row;
	if (source_stat(arg, c) != CONTENT_PRESENT)
		return NULL;
	r = MEM_NEW(struct table_reading);
	r->f = table_file_of(e->t, c);
	r->offset = want->offset;
	r->len = want->len;
	return &r->reading;
}

static int source_read(struct content_reading *reading, uint8_t *out)
{
	struct table_reading *r = (struct table_reading *)(void *)reading;
	int64_t at = 0;

	for (uint32_t i = 0; i < r->f->list.n; at += r->f->list.b[i++].len) {
		uint8_t *p;

		if (at != r->offset || r->f->list.b[i].len != r->len)
			continue;
		p = block_of(r->f, i);
		memcpy(out, p, r->len);
		free(p);
		return 0;
	}
	return -1;
}

static void source_close(struct content_reading *reading)
{
	free(reading);
}

static const struct content_source_ops source_ops = { .stat = source_stat,
	                                              .open = source_open,
	                                              .read = source_read,
	                                              .close = source_close };

struct content_source table_source(struct table_member *e)
{
	return (struct content_source){ &source_ops, e };
}

void table_write(struct table *t, int who, const char *path, uint32_t nblocks, uint64_t seed)
{
	struct table_member *e = &t->m[who];
	struct record r = { .path = mem_strdup(path),
		            .kind = RECORD_FILE,
		            .deleted = nblocks == 0,
		            .mode = 0640,
		            .mtime_ns = (int64_t)seed,
		            .chunk_log2 = CHUNK_LOG2 },
		      was = { 0 };
	struct table_file *f = nblocks > 0 ? file_made(t, nblocks, seed) : NULL;

	if (index_get(e->index, path, &was) > 0) {
		r.version = was.version;
		was.version = (struct version){ 0 };
	}
	if (f != NULL) {
		f->had[who] = true;
		r.content = f->content;
	}
	assert_int_equal(index_put_change(e->index, &r, nblocks > 1 ? &f->list : NULL, e->id), 0);
	record_clear(&was);
	record_clear(&r);
}

bool table_has_row(struct table *t, int who, const char *path, uint32_t nblocks, uint64_t seed)
{
	struct record r = { 0 };
	bool has = index_get(t->m[who].index, path, &r) > 0 && r.deleted == (nblocks == 0);

	if (has && nblocks > 0)
		has = content_equal(&r.content, &file_made(t, nblocks, seed)->content);
	record_clear(&r);
	return has;
}

bool table_fetches(struct table *t, int who, const char *path)
{
	struct table_member *e = &t->m[who];
	struct record r = { 0 };
	struct table_file *f = NULL;
	int64_t at = 0;
	bool good = index_get(e->index, path, &r) > 0 && (f = table_file_of(t, &r.content)) != NULL;

	for (uint32_t i = 0; good && i < f->list.n; at += f->list.b[i++].len) {
		struct block_want want = { .request = i + 1, .len = f->list.b[i].len, .offset = at };
		size_t had = e->objects;
		int none = e->none;
		uint8_t *p = block_of(f, i);

		memcpy(want.hash, f->list.b[i].hash, 32);
		assert_int_equal(keeping_get(e->keeping, t->vault_id, &r.content, &want, 1), 0);
		while (e->objects == had && e->none == none)
			table_wait(t);
		good = e->objects == had + 1 && e->nblock == want.len && memcmp(e->block, p, want.len) == 0;
		free(p);
	}
	if (good)
		f->had[who] = true;
	record_clear(&r);
	return good;
}
