/* The giver's files of objects_world.h, and what is noted of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <utlist.h>

#include "tests/unit/objects_world.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index_sealed.h"
#include "sync/plan/zeros.h"
#include "sync/seal/row.h"
#include "tests/unit/noise.h"
#include "tests/unit/run_until.h"

/* --- files --- */

static bool is_zeros(const struct objects_file *f, uint32_t i)
{
	return zeros_block(&f->list.b[i]);
}

/* The end of the other one's block before, and its block i. */
static uint8_t *recut_block(const struct objects_file *f, uint32_t i)
{
	const struct objects_file *of = f->of;
	uint32_t last = of->list.n - 1, before = i > 0 ? f->shift : 0;
	uint8_t *p = mem_calloc(f->list.b[i].len, 1), *from;

	if (before > 0) {
		from = objects_world_block(of, i - 1);
		memcpy(p, from + of->list.b[i - 1].len - before, before);
		free(from);
	}
	from = objects_world_block(of, i);
	memcpy(p + before, from, of->list.b[i].len - (i < last ? f->shift : 0));
	free(from);
	return p;
}

uint8_t *objects_world_block(const struct objects_file *f, uint32_t i)
{
	uint32_t len = f->list.b[i].len;

	if (len == OBJECTS_ZEROS && is_zeros(f, i))
		return mem_calloc(OBJECTS_ZEROS, 1);
	if (f->shift > 0)
		return recut_block(f, i);
	if (f->of != NULL) {
		uint8_t *p = objects_world_block(f->of, i);

		for (uint32_t e = 0; e < f->edits; e++)
			p[(e * 4096 + 4097) % len] ^= 0x5a;
		return p;
	}
	return noise(f->list.b[i].len, f->pool > 0 ? (f->seed + i) % f->pool + 1 : f->seed * 1000000 + i);
}

struct reading {
	struct content_reading reading;
	struct objects_world *w;
	const struct objects_file *f;
	struct block_want want;
	uint32_t other;
	bool fails;
};

static const struct objects_file *file_of(struct objects_world *w, const struct content *c)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		if (content_equal(&w->files[i]->content, c))
			return w->files[i];
	}
	return NULL;
}

static enum content_state files_stat(void *arg, const struct content *c)
{
	return file_of(arg, c) != NULL ? CONTENT_PRESENT : CONTENT_ABSENT;
}

static struct content_reading *files_open(void *arg, const struct content *c, const struct record *row,
                                          const struct block_want *want)
{
	struct objects_world *w = arg;
	const struct objects_file *f = file_of(w, c);
	struct reading *r;

	(void)row;
	if (f == NULL)
		return NULL;
	r = MEM_NEW(struct reading);
	*r = (struct reading){ .w = w, .f = f, .want = *want, .other = f->other, .fails = f->fails };
	w->reading += want->len;
	if (++w->opened > w->most_opened)
		w->most_opened = w->opened;
	if (w->reading > w->most_reading)
		w->most_reading = w->reading;
	return &r->reading;
}

static uint32_t block_at(const struct objects_file *f, int64_t offset)
{
	uint32_t from = 0, to = f->list.n;

	while (to - from > 1) {
		uint32_t mid = from + (to - from) / 2;

		if (f->offsets[mid] <= offset)
			from = mid;
		else
			to = mid;
	}
	return from;
}

static int files_read(struct content_reading *reading, uint8_t *out)
{
	const struct reading *r = (const struct reading *)reading;
	uint32_t i = block_at(r->f, r->want.offset);
	uint8_t *p;

	if (r->fails)
		return -1;
	for (uint32_t done = 0, some; done < r->want.len; done += some, i++) {
		uint32_t at = done == 0 ? (uint32_t)(r->want.offset - r->f->offsets[i]) : 0;

		if (i == r->f->list.n || at >= r->f->list.b[i].len)
			return -1;
		some = r->f->list.b[i].len - at < r->want.len - done ? r->f->list.b[i].len - at : r->want.len - done;
		p = objects_world_block(r->f, i);
		memcpy(out + done, p + at, some);
		free(p);
	}
	if (r->other > 0 && r->want.len > 0)
		out[r->other % r->want.len] ^= 1;
	return 0;
}

static void files_close(struct content_reading *reading)
{
	struct reading *r = (struct reading *)reading;

	r->w->opened--;
	r->w->reading -= r->want.len;
	free(r);
}

static const struct content_source_ops files_ops = { files_stat, files_open, NULL, files_read, files_close };

struct content_source objects_world_source(struct objects_world *w)
{
	return (struct content_source){ &files_ops, w };
}

/* The head of the core says what is needed, as a vault reads it. */
void objects_world_told(struct objects_world *w, const struct msg_core *told)
{
	struct objects_file *f = NULL;
	struct core c;

	for (size_t i = 0; i < w->nfiles; i++) {
		if (w->files[i]->seq == told->seq)
			f = w->files[i];
	}
	assert_int_equal(core_parse(&c, told->core.p, told->core.n), CORE_OK);
	if (f == NULL || f->told) {
		core_clear(&c);
		return;
	}
	f->told = true;
	f->paged = c.head.paged;
	for (size_t i = 0; i < c.head.ngroups; i++) {
		const struct core_group *g = &c.head.groups[i];

		f->generation = g->generation;
		f->refs = mem_realloc(f->refs, f->nrefs + g->n, sizeof(*f->refs));
		for (uint32_t j = 0; j < g->n; j++) {
			uint8_t *name = f->refs[f->nrefs++];

			name[0] = f->paged ? OBJECT_PAGE : OBJECT_BLOCK;
			put_u64(name + 1, g->generation);
			memcpy(name + 9, g->names + (size_t)j * 32, 32);
		}
	}
	core_clear(&c);
}

/* Until it is told. The getter knows as much of it as if it had taken the row. */
static void tell(struct objects_world *w, struct objects_file *f)
{
	struct index_sealed is;

	assert_int_equal(index_commit(w->index[GIVER]), 0);
	keeping_committed(w->keeping[GIVER]);
	while (!f->told)
		objects_world_turn(w);
	if (f->content.nblocks == 0)
		return;
	assert_int_equal(index_sealed_get(w->index[GIVER], &f->content, &is), 1);
	assert_int_equal(index_sealed_put(w->index[GETTER], &f->content, &is), 0);
}

static void make_list(struct objects_file *f, uint32_t n, uint32_t zeros_every, uint32_t size)
{
	uint32_t last = size + f->shift, first = size - f->shift;
	int64_t offset = 0;

	f->list = (struct blocklist){ .n = n, .b = mem_calloc(n + 1, sizeof(*f->list.b)) };
	f->offsets = mem_calloc(n + 1, sizeof(*f->offsets));
	for (uint32_t i = 0; i < n; i++) {
		struct block *b = &f->list.b[i];
		bool zeros = zeros_every > 0 && i % zeros_every == zeros_every - 1;
		uint8_t *p;

		b->len = zeros ? OBJECTS_ZEROS : i == n - 1 ? last : i == 0 ? first : size;
		if (zeros) {
			memcpy(b->hash, zeros_hash(OBJECTS_ZEROS), SHA256_SIZE);
		} else {
			p = objects_world_block(f, i);
			sha256(b->hash, p, b->len);
			free(p);
		}
		f->offsets[i] = offset;
		offset += b->len;
	}
	f->content = n > 0 ? blocklist_content(&f->list) : (struct content){ 0 };
}

/* A row of the file, told to the vault. */
static void put(struct objects_world *w, struct objects_file *f)
{
	struct version_entry e = { .writer = 5, .counter = w->nfiles + 1 };
	struct record r = { .path = f->path,
		            .kind = RECORD_FILE,
		            .mode = 0644,
		            .chunk_log2 = f->chunk_log2,
		            .version = { .n = 1, .e = &e },
		            .content = f->content };

	assert_true(w->nfiles < sizeof(w->files) / sizeof(w->files[0]));
	w->files[w->nfiles++] = f;
	assert_int_equal(index_put(w->index[GIVER], &r, f->list.n > 1 ? &f->list : NULL), 0);
	f->seq = r.seq;
	tell(w, f);
}

struct objects_file *objects_world_file(struct objects_world *w, uint32_t n, uint32_t zeros_every, uint32_t size,
                                        uint8_t chunk_log2)
{
	struct objects_file *f = MEM_NEW(struct objects_file);

	(void)snprintf(f->path, sizeof(f->path), "file %zu", w->nfiles);
	f->seed = w->nfiles + 1;
	f->pool = w->pool;
	f->chunk_log2 = chunk_log2;
	make_list(f, n, zeros_every, size);
	put(w, f);
	return f;
}

static struct objects_file *edit_of(struct objects_world *w, const struct objects_file *of, uint32_t edits,
                                    uint32_t shift)
{
	struct objects_file *f = MEM_NEW(struct objects_file);

	memcpy(f->path, of->path, sizeof(f->path));
	f->chunk_log2 = of->chunk_log2;
	f->of = of;
	f->edits = edits;
	f->shift = shift;
	make_list(f, of->list.n, 0, of->list.b[0].len);
	put(w, f);
	return f;
}

struct objects_file *objects_world_edit(struct objects_world *w, const struct objects_file *of, uint32_t edits)
{
	return edit_of(w, of, edits, 0);
}

struct objects_file *objects_world_recut(struct objects_world *w, const struct objects_file *of, uint32_t shift)
{
	return edit_of(w, of, 0, shift);
}

void objects_world_name(const struct objects_world *w, const struct objects_file *f, uint32_t i,
                        uint8_t name[INDEX_VAULT_OBJECT])
{
	const struct keys *k = keyring_find(w->rings->agents[GIVER].keyring, f->generation);

	name[0] = OBJECT_BLOCK;
	put_u64(name + 1, f->generation);
	object_name(k, OBJECT_BLOCK, f->list.b[i].hash, name + 9);
}

void objects_world_files_free(struct objects_world *w)
{
	for (size_t i = 0; i < w->nfiles; i++) {
		blocklist_clear(&w->files[i]->list);
		free(w->files[i]->offsets);
		free(w->files[i]->refs);
		free(w->files[i]);
	}
}
