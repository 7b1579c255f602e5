/* The members of vault_world.h: what each has, tells and gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <utlist.h>

#include "tests/unit/vault_world.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "tests/unit/noise.h"
#include "tests/unit/seal_world.h"

enum { TELL = 64 };

void vault_world_objects_free(struct member_object **objects)
{
	struct member_object *o, *next;

	HASH_ITER(hh, *objects, o, next) {
		HASH_DELETE(hh, *objects, o);
		free(o->p);
		free(o);
	}
}

void vault_world_up(struct vault_world *w, int who)
{
	static const uint32_t roles[VAULT_AGENTS] = { ROLE_OWNER, ROLE_MEMBER, ROLE_READER, ROLE_MEMBER, ROLE_VAULT };
	struct vault_member *m = &w->m[who];
	struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                   .epoch = m->epoch,
		                   .seq = m->seq,
		                   .role_known = roles[who] };

	m->up = true;
	m->heard_upto = 0;
	vault_proved(w->vault, m->id);
	vault_up(w->vault, m->id, &hello);
}

void vault_world_down(struct vault_world *w, int who)
{
	w->m[who].up = false;
	vault_down(w->vault, w->m[who].id);
}

/* Rows that follow one another, above *after. */
static size_t next_rows(const struct vault_member *m, uint64_t after, struct endorse_item items[TELL],
                        const struct member_row *rows[TELL])
{
	size_t n = 0;

	/* Rows stand in the order of their numbers, from 1. */
	for (size_t i = (size_t)after; i < m->nrows && n < TELL; i++) {
		if (m->rows[i].seq <= after)
			continue;
		items[n].seq = m->rows[i].seq;
		memcpy(items[n].core, m->rows[i].name, 32);
		rows[n++] = &m->rows[i];
	}
	return n;
}

static void tell_from(struct vault_world *w, struct vault_member *m, uint64_t after, uint64_t upto)
{
	struct endorse_item items[TELL];
	const struct member_row *rows[TELL];
	struct msg_core cores[TELL];
	struct bytes endorsements[TELL];
	size_t n;

	while (after < upto && (n = next_rows(m, after, items, rows)) > 0) {
		struct endorse_batch *b = endorse_batch_new(roster_group(w->roster), m->self, m->epoch, items, n);
		struct msg_cores msg = { .after = after, .upto = items[n - 1].seq, .cores = cores, .ncores = n };

		for (size_t i = 0; i < n; i++) {
			endorsements[i] = BYTES_INIT(ENDORSE_LEN_MAX);
			assert_int_equal(endorse_batch_one(b, i, &endorsements[i]), 0);
			cores[i] = (struct msg_core){ items[i].seq,
				                      { rows[i]->core.p, rows[i]->core.len },
				                      { endorsements[i].p, endorsements[i].len } };
		}
		vault_cores_in(w->vault, m->id, &msg);
		for (size_t i = 0; i < n; i++)
			bytes_free(&endorsements[i]);
		endorse_batch_free(b);
		after = m->told = msg.upto;
	}
}

void vault_world_tell(struct vault_world *w, int who)
{
	tell_from(w, &w->m[who], w->m[who].settled, UINT64_MAX);
}

void vault_world_tell_on(struct vault_world *w, int who, uint64_t window)
{
	struct vault_member *m = &w->m[who];

	if (m->told < m->settled)
		m->told = m->settled;
	tell_from(w, m, m->told, m->settled + window);
}

static void add_object(struct vault_member *m, struct object_ref *ref, const struct keys *k,
                       const struct object_input *in)
{
	struct member_object *o = MEM_NEW(struct member_object), *had;
	struct object_head h;

	o->p = object_seal(k, in, &o->n);
	assert_non_null(o->p);
	assert_int_equal(object_parse(&h, o->p, o->n), OBJECT_OK);
	*ref = h.self;
	object_name_of(o->name, h.kind, h.self.generation, h.self.name);
	HASH_FIND(hh, m->objects, o->name, sizeof(o->name), had);
	if (had != NULL) {
		free(o->p);
		free(o);
		return;
	}
	HASH_ADD(hh, m->objects, name, sizeof(o->name), o);
}

static int ref_order(const void *a, const void *b)
{
	return memcmp(a, b, OBJECT_REF);
}

/* Appends the n refs to out as pages of `pages` each. */
static size_t make_pages(struct vault_member *m, const struct keys *k, uint8_t (*refs)[OBJECT_REF], size_t n,
                         size_t pages, uint64_t seed)
{
	size_t made = 0;

	for (size_t at = 0; at < n; at += pages) {
		size_t some = n - at < pages ? n - at : pages;
		uint8_t content[32];
		struct object_input in = { .kind = OBJECT_PAGE, .content = content, .n = sizeof(content) };
		struct object_ref ref;

		seal_world_bytes(content, seed * 1000 + 500 + at + ((uint64_t)pages << 32));
		qsort(refs + at, some, OBJECT_REF, ref_order);
		in.refs = refs[at];
		in.nrefs = (uint32_t)some;
		add_object(m, &ref, k, &in);
		object_ref_put(refs[made++], &ref); /* made <= at */
	}
	return made;
}

static size_t make_refs(struct vault_member *m, const struct keys *k, const struct vault_file *f, uint8_t *names)
{
	size_t n = (size_t)f->nblocks;
	uint8_t(*refs)[OBJECT_REF] = mem_calloc(n + 1, OBJECT_REF), *block;

	for (size_t i = 0; i < n; i++) {
		struct object_input in = { .kind = OBJECT_BLOCK, .n = f->size };
		struct object_ref ref;

		in.content = block = noise(f->size, f->seed * 100000 + i + 1);
		add_object(m, &ref, k, &in);
		free(block);
		object_ref_put(refs[i], &ref);
	}
	if (f->pages > 0)
		n = make_pages(m, k, refs, n, (size_t)f->pages, f->seed);
	qsort(refs, n, OBJECT_REF, ref_order);
	for (size_t i = 0; i < n; i++)
		memcpy(names + i * 32, refs[i] + 8, 32);
	free(refs);
	return n;
}

size_t vault_world_write(struct vault_world *w, int who, const struct vault_file *f)
{
	struct vault_member *m = &w->m[who];
	uint64_t generation = f->generation != 0 ? f->generation : 1;
	struct keys *k = w->keys[generation];
	struct core_head *h = MEM_NEW(struct core_head);
	struct version_entry e[2];
	uint8_t *names = mem_calloc((size_t)f->nblocks + 1, 32);
	struct member_row *row;

	h->deleted = f->nblocks == 0;
	h->paged = f->pages > 0 && f->nblocks > 0;
	h->generation = generation;
	core_path_id(k, f->path, h->path_id);
	if (generation == 2) {
		h->nolder = 1;
		h->older[0].generation = 1;
		core_path_id(w->keys[1], f->path, h->older[0].path_id);
	}
	h->version.e = e;
	if (f->a > 0)
		e[h->version.n++] = (struct version_entry){ 1, f->a };
	if (f->b > 0)
		e[h->version.n++] = (struct version_entry){ 2, f->b };
	if (f->nblocks > 0) {
		h->ngroups = 1;
		h->groups[0] = (struct core_group){ generation, (uint32_t)make_refs(m, k, f, names), names };
	}
	m->rows = mem_realloc(m->rows, m->nrows + 1, sizeof(*m->rows));
	row = &m->rows[m->nrows];
	*row = (struct member_row){ .seq = ++m->seq, .core = BYTES_INIT(CORE_MAX) };
	assert_int_equal(core_seal(k, h, f->path, strlen(f->path), &row->core), 0);
	sha256(row->name, row->core.p, row->core.len);
	free(names);
	free(h);
	return m->nrows++;
}

bool vault_world_hears(struct vault_world *w, int to, int who, size_t row)
{
	for (size_t i = 0; i < w->m[to].nheard; i++) {
		if (memcmp(w->m[to].heard[i], w->m[who].rows[row].name, 32) == 0)
			return true;
	}
	return false;
}

void vault_world_block(struct vault_world *w, uint64_t seed, int i, size_t size, uint8_t name[INDEX_VAULT_OBJECT])
{
	uint8_t *content = noise(size, seed * 100000 + (uint64_t)i + 1), sha[SHA256_SIZE], bare[32];

	sha256(sha, content, size);
	object_name(w->keys[1], OBJECT_BLOCK, sha, bare);
	object_name_of(name, OBJECT_BLOCK, 1, bare);
	free(content);
}

struct member_object *vault_world_patch_new(struct vault_world *w, const uint8_t block[INDEX_VAULT_OBJECT],
                                            const uint8_t base[INDEX_VAULT_OBJECT])
{
	struct member_object *o = MEM_NEW(struct member_object);
	uint8_t content[32];
	struct object_input in = { .kind = OBJECT_PATCH,
		                   .content = content,
		                   .n = sizeof(content),
		                   .name = block + 9,
		                   .refs = base + 1,
		                   .nrefs = 1 };

	seal_world_bytes(content, get_u64(block + 9));
	o->p = object_seal(w->keys[1], &in, &o->n);
	assert_non_null(o->p);
	memcpy(o->name, block, sizeof(o->name));
	return o;
}

void vault_world_patch(struct vault_world *w, int who, const uint8_t block[INDEX_VAULT_OBJECT],
                       const uint8_t base[INDEX_VAULT_OBJECT])
{
	struct member_object *o = vault_world_patch_new(w, block, base);

	HASH_ADD(hh, w->m[who].patches, name, sizeof(o->name), o);
}

void vault_world_want(struct vault_world *w, int as, bool bad, uint8_t kind, const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct vault_member *m = &w->m[as];
	struct msg_object_want want = { .request = ++m->request, .kind = kind, .generation = get_u64(name + 1) };
	struct msg_vault msg = { .what = bad ? MSG_VAULT_BAD : MSG_VAULT_WANT, .wants = &want, .nwants = 1 };

	memcpy(want.name, name + 9, 32);
	vault_in(w->vault, m->id, &msg);
}

int vault_world_fetch(struct vault_world *w, int as, int who)
{
	struct vault_member *m = &w->m[as];
	struct member_object *o, *next, *got;
	int good = 0;

	vault_world_objects_free(&m->got);
	m->none = 0;
	HASH_ITER(hh, w->m[who].objects, o, next)
		vault_world_want(w, as, false, o->name[0], o->name);
	vault_world_calm(w);
	HASH_ITER(hh, w->m[who].objects, o, next) {
		HASH_FIND(hh, m->got, o->name, sizeof(o->name), got);
		good += got != NULL && got->n == o->n && memcmp(got->p, o->p, o->n) == 0;
	}
	return good;
}

void vault_world_files(struct vault_world *w, void (*fn)(void *arg, const char *path), void *arg)
{
	char *cmd = mem_printf("find %s/share/.lanyard/vault -type f | sort", w->dir), line[512];
	FILE *f = popen(cmd, "r");

	free(cmd);
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		fn(arg, line);
	}
	pclose(f);
}
