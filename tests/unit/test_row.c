/* Rows of a sealed group: what a member makes of a record is what another one reads in it, and whoever holds the keys
 * and breaks a rule is found out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/plan/zeros.h"
#include "sync/seal/row.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

enum { FIRST = 3, THEN = 5, NOW = 7, NKEYS = 3, ZEROS = 1 << 18 };

struct fixture {
	struct keys *keys[NKEYS]; /* the latest first */
	struct row_keys held;
	struct version_entry entries[2], base[1];
	struct record r;
	struct blocklist blocks;
	struct row_sealed sealed;
};

static int setup(void **state)
{
	static const uint64_t ids[NKEYS] = { NOW, THEN, FIRST };
	struct fixture *f = MEM_NEW(struct fixture);

	for (int i = 0; i < NKEYS; i++)
		f->keys[i] = seal_world_keys(ids[i]);
	f->held = (struct row_keys){ .keys = f->keys, .n = NKEYS };
	f->entries[0] = (struct version_entry){ .writer = 5, .counter = 9 };
	f->entries[1] = (struct version_entry){ .writer = 6, .counter = 2 };
	f->base[0] = (struct version_entry){ .writer = 5, .counter = 8 };
	f->r = (struct record){ .path = mem_strdup("music/ü.ogg"),
		                .kind = RECORD_FILE,
		                .mode = 0640,
		                .mtime_ns = 123456789,
		                .chunk_log2 = 16 + 32,
		                .version = { .n = 2, .e = f->entries },
		                .modified_by = 5,
		                .seq = 77 };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < NKEYS; i++)
		keys_free(f->keys[i]);
	row_sealed_clear(&f->sealed);
	blocklist_clear(&f->blocks);
	free(f->r.path);
	free(f);
	return 0;
}

/* The file has n blocks; each zeros_every-th one is zeros (0: none). */
static void has_blocks(struct fixture *f, uint32_t n, uint32_t zeros_every)
{
	blocklist_clear(&f->blocks);
	f->blocks = (struct blocklist){ .n = n, .b = mem_calloc(n + 1, sizeof(struct block)) };
	for (uint32_t i = 0; i < n; i++) {
		bool zeros = zeros_every > 0 && i % zeros_every == zeros_every - 1;

		f->blocks.b[i].len = zeros ? ZEROS : 60000 + i;
		seal_world_bytes(f->blocks.b[i].hash, i);
		if (zeros)
			memcpy(f->blocks.b[i].hash, zeros_hash(ZEROS), SHA256_SIZE);
	}
	f->r.content = n > 0 ? blocklist_content(&f->blocks) : (struct content){ 0 };
}

static int seal(struct fixture *f)
{
	row_sealed_clear(&f->sealed);
	return row_seal(&f->sealed, &f->held, f->keys[0], f->keys[1], &f->r, &f->blocks);
}

/* Opens what was sealed, with the keys that are held. */
static enum row_result reopen(struct fixture *f, struct core *c, struct row_opened *o)
{
	const char *why;

	assert_int_equal(core_parse(c, f->sealed.core.p, f->sealed.core.len), CORE_OK);
	return row_open(o, &f->held, c, &why);
}

static void comes_back(struct fixture *f)
{
	struct core c;
	struct row_opened o;
	struct record *r = &o.record.record;

	assert_int_equal(seal(f), 0);
	assert_int_equal(reopen(f, &c, &o), ROW_OK);
	assert_int_equal(c.head.generation, NOW);
	assert_int_equal(c.head.nolder, 2);
	assert_string_equal(r->path, f->r.path);
	assert_true(record_same(r, &f->r));
	assert_int_equal(version_compare(&r->version, &f->r.version), VERSION_EQUAL);
	assert_int_equal(version_compare(&r->base, &f->r.base), VERSION_EQUAL);
	assert_int_equal(r->modified_by, f->r.modified_by);
	assert_int_equal(r->chunk_log2, f->r.deleted || f->r.kind != RECORD_FILE ? 0 : f->r.chunk_log2);
	assert_int_equal(r->seq, 0);
	assert_int_equal(o.npages, f->sealed.npages);
	if (o.npages == 0 && record_is(r, RECORD_FILE) && r->content.nblocks > 1 &&
	    r->content.nblocks <= MSG_BLOCKS_INLINE_MAX) {
		assert_int_equal(o.blocks.n, f->blocks.n);
		assert_memory_equal(o.blocks.b, f->blocks.b, o.blocks.n * sizeof(o.blocks.b[0]));
	} else {
		assert_int_equal(o.blocks.n, 0);
	}
	row_opened_clear(&o);
	core_clear(&c);
}

/* --- what is sealed comes back --- */

static void files_of_all_lengths_come_back(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 2, 63, 64, 65, 66, 200, 5000 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (uint32_t every = 0; every < 4; every++) {
			has_blocks(f, lengths[i], every);
			comes_back(f);
		}
	}
	assert_true(f->sealed.npages > 5);
}

static void names_are_those_of_the_core(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 64, 65, 5000 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct row_sealed names;

		has_blocks(f, lengths[i], 3);
		assert_int_equal(seal(f), 0);
		assert_int_equal(row_name(&names, f->keys[1], &f->r, &f->blocks), 0);
		assert_int_equal(names.nlist, f->sealed.nlist);
		for (size_t j = 0; j < names.nlist; j++)
			assert_memory_equal(names.list[j].name, f->sealed.list[j].name, 32);
		assert_int_equal(names.npages, f->sealed.npages);
		if (names.npages > 0)
			assert_memory_equal(names.pages, f->sealed.pages, names.npages * 32);
		row_sealed_clear(&names);
	}
	row_sealed_clear(&f->sealed);
	assert_int_equal(row_name(&f->sealed, f->keys[1], &f->r, NULL), -1);
}

static void zeros_have_no_objects(void **state)
{
	struct fixture *f = *state;
	struct core c;
	struct row_opened o;

	has_blocks(f, 900, 1);
	comes_back(f);
	assert_int_equal(f->sealed.nlist, 1);
	assert_int_equal(reopen(f, &c, &o), ROW_OK);
	assert_int_equal(c.head.ngroups, 0);
	assert_int_equal(o.generation, 0);
	row_opened_clear(&o);
	core_clear(&c);
	has_blocks(f, 1, 1);
	comes_back(f);
	assert_int_equal(f->sealed.nlist, 1);
}

static void folders_links_and_tombstones_come_back(void **state)
{
	struct fixture *f = *state;
	char target[] = "../elsewhere";

	has_blocks(f, 2, 0);
	f->r.deleted = true;
	comes_back(f);
	f->r.deleted = false;
	f->r.base = (struct version){ .n = 1, .e = f->base };
	comes_back(f);
	f->r.kind = RECORD_SYMLINK;
	f->r.mode = 0;
	f->r.target = target;
	f->r.content = (struct content){ 0 };
	comes_back(f);
	f->r.target = NULL;
	f->r.base = (struct version){ 0 };
	f->r.kind = RECORD_DIR;
	f->r.mode = 0750;
	f->r.mtime_ns = 0;
	comes_back(f);
}

/* Blocks that occur twice are one ref, and pages that occur twice are one page. */
static void what_repeats_is_there_once(void **state)
{
	struct fixture *f = *state;
	struct core c;
	struct row_opened o;

	has_blocks(f, 8 * PAGE_MAX, 0);
	for (uint32_t i = 0; i < f->blocks.n; i++)
		f->blocks.b[i] = f->blocks.b[i % 128];
	f->r.content = blocklist_content(&f->blocks);
	comes_back(f);
	assert_int_equal(reopen(f, &c, &o), ROW_OK);
	assert_true(c.head.paged);
	assert_true(c.head.groups[0].n < o.npages);
	row_opened_clear(&o);
	core_clear(&c);
}

/* A member that reads a page finds the part of the list that the row says. */
static void pages_hold_the_list(void **state)
{
	struct fixture *f = *state;
	struct bytes content = BYTES_INIT(OBJECT_CONTENT_MAX), refs = BYTES_INIT(OBJECT_HEAD_MAX);
	struct page_entry *all;
	struct blocklist blocks;
	size_t at = 0;

	has_blocks(f, 3000, 7);
	assert_int_equal(seal(f), 0);
	all = mem_calloc(f->sealed.nlist, sizeof(all[0]));
	for (size_t i = 0; i < f->sealed.npages; i++) {
		struct page_entry *list;
		size_t n;

		bytes_clear(&content);
		bytes_clear(&refs);
		assert_int_equal(row_page(&f->sealed, i, &content, &refs), 0);
		list = page_decode(content.p, content.len, &n);
		assert_non_null(list);
		memcpy(all + at, list, n * sizeof(list[0]));
		at += n;
		free(list);
	}
	assert_int_equal(at, f->sealed.nlist);
	assert_true(row_list_fits(&f->r.content, THEN, all, at, &blocks));
	assert_int_equal(blocks.n, f->blocks.n);
	blocklist_clear(&blocks);
	assert_false(row_list_fits(&f->r.content, NOW, all, at, &blocks));
	assert_false(row_list_fits(&f->r.content, THEN, all, at - 1, &blocks));
	free(all);
	bytes_free(&content);
	bytes_free(&refs);
}

static void equal_rows_are_equal_cores(void **state)
{
	struct fixture *f = *state;
	uint8_t *first;
	size_t n;

	has_blocks(f, 70, 9);
	assert_int_equal(seal(f), 0);
	n = f->sealed.core.len;
	first = mem_dup(f->sealed.core.p, n);
	f->r.seq = 78;
	f->r.via = 4;
	f->r.absent = true;
	assert_int_equal(seal(f), 0);
	assert_int_equal(f->sealed.core.len, n);
	assert_memory_equal(f->sealed.core.p, first, n);
	free(first);
}

/* --- keys that are not here --- */

static void a_row_waits_for_keys(void **state)
{
	struct fixture *f = *state;
	struct core c;
	struct row_opened o;

	has_blocks(f, 3, 0);
	assert_int_equal(seal(f), 0);
	f->held.n = 1; /* of the content's generation none are here */
	assert_int_equal(reopen(f, &c, &o), ROW_KEYS);
	core_clear(&c);
	f->held = (struct row_keys){ .keys = f->keys + 1, .n = 2 }; /* nor of the core's */
	assert_int_equal(reopen(f, &c, &o), ROW_KEYS);
	core_clear(&c);
	f->held =
		(struct row_keys){ .keys = f->keys, .n = 2 }; /* an older path ID cannot be checked, and need not be */
	assert_int_equal(reopen(f, &c, &o), ROW_OK);
	row_opened_clear(&o);
	core_clear(&c);
}

static void a_list_that_is_not_the_contents_is_refused(void **state)
{
	struct fixture *f = *state;

	has_blocks(f, 3, 0);
	f->blocks.b[1].len++;
	assert_int_equal(seal(f), -1);
	f->blocks.b[1].len--;
	f->blocks.n = 2;
	assert_int_equal(seal(f), -1);
	assert_int_equal(row_seal(&f->sealed, &f->held, f->keys[0], f->keys[1], &f->r, NULL), -1);
}

/* --- holders of the keys who break the rules --- */

struct forged {
	struct core_head head;
	struct msg_record record;
	uint8_t names[70 * 32];
	uint8_t list[70 * PAGE_ENTRY];
};

/* Takes the core that was sealed apart, so that a test may change it. */
static void take_apart(struct fixture *f, struct core *c, struct row_opened *o, struct forged *x)
{
	assert_int_equal(reopen(f, c, o), ROW_OK);
	x->head = c->head;
	x->record = o->record;
	if (c->head.ngroups > 0) {
		memcpy(x->names, c->head.groups[0].names, (size_t)c->head.groups[0].n * 32);
		x->head.groups[0].names = x->names;
	}
	if (o->record.sealed_list.n > 0) {
		memcpy(x->list, o->record.sealed_list.p, o->record.sealed_list.n);
		x->record.sealed_list.p = x->list;
	}
}

/* What a member says of the changed one. */
static enum row_result judged(struct fixture *f, const struct forged *x, const char **why)
{
	struct bytes core = BYTES_INIT(CORE_MAX);
	struct row_opened o;
	struct core c;
	enum row_result result;
	size_t n;
	uint8_t *p = msg_record_alone_encode(&x->record, &n);

	assert_int_equal(core_seal(f->keys[0], &x->head, p, n, &core), 0);
	assert_int_equal(core_parse(&c, core.p, core.len), CORE_OK);
	result = row_open(&o, &f->held, &c, why);
	if (result == ROW_OK)
		row_opened_clear(&o);
	core_clear(&c);
	bytes_free(&core);
	free(p);
	return result;
}

/* A few bytes say a million of them, and opening the row does not make the list. A false one is found out all the
 * same. */
static void a_long_list_of_zeros_is_not_made(void **state)
{
	struct fixture *f = *state;
	struct forged *x = MEM_NEW(struct forged);
	struct row_opened o;
	struct core c;
	const char *why;

	has_blocks(f, CONTENT_MAX_BLOCKS, 1);
	assert_int_equal(seal(f), 0);
	assert_int_equal(f->sealed.npages, 0);
	take_apart(f, &c, &o, x);
	assert_int_equal(o.blocks.n, 0);
	assert_int_equal(judged(f, x, &why), ROW_OK);
	x->record.record.content.nblocks--;
	assert_int_equal(judged(f, x, &why), ROW_BAD);
	x->record.record.content.nblocks++;
	x->record.record.content.root[0] ^= 1;
	assert_int_equal(judged(f, x, &why), ROW_BAD);
	row_opened_clear(&o);
	core_clear(&c);
	free(x);
}

static void forged_rows_are_found_out(void **state)
{
	struct fixture *f = *state;
	struct forged *x = MEM_NEW(struct forged), *y = MEM_NEW(struct forged);
	struct row_opened o;
	struct core c;
	const char *why;

	has_blocks(f, 5, 3);
	assert_int_equal(seal(f), 0);
	take_apart(f, &c, &o, x);
	assert_int_equal(judged(f, x, &why), ROW_OK);

#define SPOILED(change)                                        \
	do {                                                   \
		*y = *x;                                       \
		y->head.groups[0].names = y->names;            \
		y->record.sealed_list.p = y->list;             \
		change;                                        \
		assert_int_equal(judged(f, y, &why), ROW_BAD); \
	} while (0)
	SPOILED(y->head.path_id[4] ^= 1);
	SPOILED(y->head.older[1].path_id[4] ^= 1);
	SPOILED(y->names[31] ^= 1);
	SPOILED(y->head.groups[0].n--);
	SPOILED(y->head.groups[0].n = 0; y->head.ngroups = 0);
	SPOILED(y->head.groups[0].generation = FIRST);
	SPOILED(y->list[11] ^= 1);                                   /* a length */
	SPOILED(y->list[12] ^= 1);                                   /* a hash */
	SPOILED(y->list[7] ^= 1);                                    /* a generation */
	SPOILED(put_u32(y->list + 2 * PAGE_ENTRY + 12, 0xffffffff)); /* zeros without end */
	SPOILED(y->record.sealed_list.n -= PAGE_ENTRY);
	SPOILED(y->record.sealed_list.n = 0);
	SPOILED(y->record.record.deleted = true);
	SPOILED(y->record.record.content.root[0] ^= 1);
	SPOILED(y->record.record.content.size++);
	SPOILED(y->record.record.base = f->r.version); /* not older than the version */
	SPOILED(y->head.paged = true);
#undef SPOILED
	row_opened_clear(&o);
	core_clear(&c);
	free(x);
	free(y);
}

static void forged_pages_are_found_out(void **state)
{
	struct fixture *f = *state;
	struct forged *x = MEM_NEW(struct forged);
	struct row_opened o;
	struct core c;
	uint8_t *pages;
	const char *why;
	size_t n;

	has_blocks(f, 2000, 0);
	assert_int_equal(seal(f), 0);
	assert_true(f->sealed.npages < 70);
	take_apart(f, &c, &o, x);
	n = x->record.pages.n;
	pages = mem_dup(x->record.pages.p, n);
	x->record.pages.p = pages;
	assert_int_equal(judged(f, x, &why), ROW_OK);
	x->record.pages.n = n - 2; /* a ref that is not a page of the file */
	assert_int_equal(judged(f, x, &why), ROW_BAD);
	x->record.pages.n = n;
	pages[0] = 0xff; /* a page that is not a ref */
	assert_int_equal(judged(f, x, &why), ROW_BAD);
	x->record.pages.n = 0;
	assert_int_equal(judged(f, x, &why), ROW_BAD);
	row_opened_clear(&o);
	core_clear(&c);
	free(pages);
	free(x);
}

/* A body that is moved to another path's head, or whose head is changed, does not open at all. */
static void every_bit_counts(void **state)
{
	struct fixture *f = *state;
	struct row_opened o;
	struct core c;
	const char *why;

	has_blocks(f, 2, 0);
	assert_int_equal(seal(f), 0);
	for (size_t i = 0; i < f->sealed.core.len * 8; i++) {
		f->sealed.core.p[i / 8] ^= (uint8_t)(1 << i % 8);
		if (core_parse(&c, f->sealed.core.p, f->sealed.core.len) == CORE_OK) {
			assert_int_not_equal(row_open(&o, &f->held, &c, &why), ROW_OK);
			core_clear(&c);
		}
		f->sealed.core.p[i / 8] ^= (uint8_t)(1 << i % 8);
	}
}

/* --- digests --- */

static bool same_digest(const struct fixture *f, const struct record *a, const struct record *b)
{
	struct head_row x, y;

	row_digest(f->keys[NKEYS - 1], a, &x);
	row_digest(f->keys[NKEYS - 1], b, &y);
	return memcmp(&x, &y, sizeof(x)) == 0;
}

/* What two members may have differently though they are in sync. */
static void versions_numbers_and_cuts_do_not_change_a_digest(void **state)
{
	struct fixture *f = *state;
	struct record other;

	has_blocks(f, 3, 0);
	other = f->r;
	other.version = (struct version){ .n = 1, .e = f->base };
	other.base = other.version;
	other.modified_by = 1;
	other.chunk_log2 = 0;
	other.seq = 1;
	other.via = 3;
	other.seen.ino = 4;
	assert_true(same_digest(f, &f->r, &other));
	other.kind = f->r.kind = RECORD_DIR;
	other.mtime_ns++;
	other.content.size++;
	assert_true(same_digest(f, &f->r, &other));
	other.kind = f->r.kind = RECORD_SYMLINK;
	other.mtime_ns--;
	other.mode = 0;
	assert_true(same_digest(f, &f->r, &other));
}

static void all_that_users_see_changes_a_digest(void **state)
{
	struct fixture *f = *state;
	struct record other;
	char path[] = "music/u.ogg", target[] = "there";
	struct head_row a, b;

	has_blocks(f, 3, 0);
#define DIFFERS(change)                                      \
	do {                                                 \
		other = f->r;                                \
		change;                                      \
		assert_false(same_digest(f, &f->r, &other)); \
	} while (0)
	DIFFERS(other.path = path);
	DIFFERS(other.kind = RECORD_DIR);
	DIFFERS(other.mode = 0644);
	DIFFERS(other.mtime_ns++);
	DIFFERS(other.content.size++);
	DIFFERS(other.content.nblocks++);
	DIFFERS(other.content.root[31] ^= 1);
	f->r.kind = RECORD_SYMLINK;
	DIFFERS(other.target = target);
#undef DIFFERS
	/* A vault cannot compute one, nor can it tell what one that it knows is of. */
	row_digest(f->keys[0], &f->r, &a);
	row_digest(f->keys[1], &f->r, &b);
	assert_memory_not_equal(a.path_id, b.path_id, sizeof(a.path_id));
	assert_memory_not_equal(a.core, b.core, sizeof(a.core));
}

/* Computed by another program (Python): heads of other versions of lanyard are compared by it. */
static void the_digest_is_part_of_the_format(void **state)
{
	struct fixture *f = *state;
	uint8_t known[32];
	struct head_row d;

	has_blocks(f, 2, 0);
	row_digest(f->keys[NKEYS - 1], &f->r, &d);
	seal_forms_hex(known, sizeof(known), "7b79285bf3fda4eb7776347b65d10728013072f33f062eb82b64118f8168d3af");
	assert_memory_equal(d.path_id, known, sizeof(known));
	seal_forms_hex(known, sizeof(known), "1fbf84ea080b499283db3addff2bec18efbd21416305f3576d0a67b8d703f7f8");
	assert_memory_equal(d.core, known, sizeof(known));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files_of_all_lengths_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_those_of_the_core, setup, teardown),
		cmocka_unit_test_setup_teardown(zeros_have_no_objects, setup, teardown),
		cmocka_unit_test_setup_teardown(folders_links_and_tombstones_come_back, setup, teardown),
		cmocka_unit_test_setup_teardown(what_repeats_is_there_once, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_hold_the_list, setup, teardown),
		cmocka_unit_test_setup_teardown(equal_rows_are_equal_cores, setup, teardown),
		cmocka_unit_test_setup_teardown(a_row_waits_for_keys, setup, teardown),
		cmocka_unit_test_setup_teardown(a_list_that_is_not_the_contents_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_list_of_zeros_is_not_made, setup, teardown),
		cmocka_unit_test_setup_teardown(forged_rows_are_found_out, setup, teardown),
		cmocka_unit_test_setup_teardown(forged_pages_are_found_out, setup, teardown),
		cmocka_unit_test_setup_teardown(every_bit_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(versions_numbers_and_cuts_do_not_change_a_digest, setup, teardown),
		cmocka_unit_test_setup_teardown(all_that_users_see_changes_a_digest, setup, teardown),
		cmocka_unit_test_setup_teardown(the_digest_is_part_of_the_format, setup, teardown),
	};

	return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
