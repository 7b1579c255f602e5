/* Blocks between members and a vault as patches of others: when one is given, of what, and how it is put together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/objects_world.h"

#include "base/log.h"
#include "sync/hash/chunk.h"
#include "sync/index/index_bases.h"
#include "sync/seal/patch.h"

enum { BLOCK = 60000, CUT = CHUNK_RULE + 16, FEW = 3, MANY = 9, REQUEST = 500, PATCHES = 1200 };

static struct objects_world world, *w = &world;

static void no_log(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int start(int policy)
{
	log_set_sink(no_log, NULL);
	objects_world_start(w, policy);
	objects_world_up(w, GIVER);
	objects_world_up(w, GETTER);
	objects_world_calm(w);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	return start(KEYS_UNIFORM);
}

static int setup_packed(void **state)
{
	(void)state;
	return start(KEYS_PACKED);
}

static int teardown(void **state)
{
	(void)state;
	objects_world_end(w);
	log_set_sink(NULL, NULL);
	return 0;
}

/* The vault asks for block i, a patch of which will do. */
static void want(const struct objects_file *f, uint32_t i, uint8_t name[INDEX_VAULT_OBJECT])
{
	objects_world_name(w, f, i, name);
	objects_world_want_patch(w, f->seq, name);
	objects_world_calm(w);
}

static void is_whole(const uint8_t name[INDEX_VAULT_OBJECT])
{
	assert_non_null(objects_world_stored(w, name, OBJECT_BLOCK));
	assert_null(objects_world_stored(w, name, OBJECT_PATCH));
}

static void is_patch_of(const uint8_t name[INDEX_VAULT_OBJECT], const uint8_t base[INDEX_VAULT_OBJECT])
{
	const struct objects_stored *o = objects_world_stored(w, name, OBJECT_PATCH);
	uint8_t ref[OBJECT_REF];
	struct object_head h;
	struct object_ref r;

	assert_null(objects_world_stored(w, name, OBJECT_BLOCK));
	assert_non_null(o);
	assert_int_equal(object_parse(&h, o->p, o->n), OBJECT_OK);
	r = object_head_ref(&h, 0);
	object_ref_put(ref, &r);
	assert_memory_equal(ref, base + 1, sizeof(ref));
	assert_in_range(o->n, 1, BLOCK / 3);
}

/* Whether block i comes, by how many wants of whole blocks. */
static void comes(const struct objects_file *f, uint32_t i, int is, size_t bases)
{
	w->bases = 0;
	objects_world_get(w, f, i, REQUEST + i);
	objects_world_calm(w);
	assert_int_equal(objects_world_got(w, f, i, REQUEST + i), is);
	assert_int_equal(w->bases, bases);
}

/* f is at the vault, and what became of it is as patches. */
static struct objects_file *edited(const struct objects_file *f)
{
	struct objects_file *e = objects_world_edit(w, f, FEW);
	uint8_t base[INDEX_VAULT_OBJECT], name[INDEX_VAULT_OBJECT];

	for (uint32_t i = 0; i < f->list.n; i++) {
		objects_world_name(w, f, i, base);
		want(e, i, name);
		is_patch_of(name, base);
	}
	return e;
}

static struct objects_file *filled(void)
{
	struct objects_file *f = objects_world_file(w, 3, 0, BLOCK, CUT);

	objects_world_fill(w, f);
	return f;
}

static void a_block_that_was_changed_a_little_comes_as_a_patch(void **state)
{
	struct objects_file *f = filled(), *e = edited(f);

	(void)state;
	for (uint32_t i = 0; i < 3; i++)
		comes(e, i, 1, 1);
	w->older = f;
	for (uint32_t i = 0; i < 3; i++)
		comes(e, i, 1, 0);
	assert_int_equal(w->bad, 0);
	assert_int_equal(w->misbehaved[GIVER] + w->misbehaved[GETTER], 0);
}

/* The older version is a help only: what is wrong with it costs a block. */
static void what_stands_there_may_be_anything(void **state)
{
	struct objects_file *f = filled(), *e = edited(f), *shorter = objects_world_file(w, 1, 0, 100, 0);

	(void)state;
	w->older = shorter;
	comes(e, 2, 1, 1);
	w->older = f;
	f->fails = true;
	comes(e, 1, 1, 1);
	f->fails = false;
	f->other = 5;
	comes(e, 1, 1, 1);
	f->other = 0;
	comes(e, 1, 1, 0);
}

static void what_differs_much_comes_whole(void **state)
{
	struct objects_file *f = filled(), *e = objects_world_edit(w, f, MANY), *again;
	uint8_t name[INDEX_VAULT_OBJECT], base[INDEX_VAULT_OBJECT];

	(void)state;
	want(e, 0, name);
	is_whole(name);
	/* It is what the next one is a patch of. */
	again = objects_world_edit(w, e, 1);
	want(again, 0, base);
	is_patch_of(base, name);
	comes(again, 0, 1, 1);
	/* The other blocks are still those of before: many edits, and one of them taken back. */
	objects_world_name(w, f, 1, name);
	want(again, 1, base);
	is_whole(base);
}

/* A change can move where a file is cut. What follows is cut elsewhere for a while, and is the same. */
static void blocks_that_are_cut_elsewhere_come_as_patches_of_several(void **state)
{
	struct objects_file *f = filled(), *moved = objects_world_recut(w, f, 10000);
	uint8_t name[INDEX_VAULT_OBJECT];
	const struct objects_stored *o;
	struct objects_stored *base;
	struct object_head h;

	(void)state;
	for (uint32_t i = 0; i < 3; i++) {
		want(moved, i, name);
		o = objects_world_stored(w, name, OBJECT_PATCH);
		assert_non_null(o);
		assert_int_equal(object_parse(&h, o->p, o->n), OBJECT_OK);
		assert_int_equal(h.nrefs, i == 0 ? 1 : 2);
		assert_in_range(o->n, 1, BLOCK / 3);
		comes(moved, i, 1, h.nrefs);
		w->older = f;
		comes(moved, i, 1, 0);
		w->older = NULL;
	}
	/* One of the two bases is not there. */
	objects_world_name(w, f, 1, name);
	HASH_FIND(hh, w->stored, name, sizeof(name), base);
	if (base == NULL) {
		fail();
		return;
	}
	HASH_DELETE(hh, w->stored, base);
	comes(moved, 1, 0, 2);
	comes(moved, 0, 1, 1);
	HASH_ADD(hh, w->stored, name, sizeof(base->name), base);
	comes(moved, 1, 1, 2);
	assert_int_equal(w->bad + (size_t)w->misbehaved[GETTER], 0);
}

static void a_whole_block_is_given_when_it_is_asked_for(void **state)
{
	struct objects_file *f = filled(), *e = objects_world_edit(w, f, 1);
	uint8_t name[INDEX_VAULT_OBJECT];

	(void)state;
	objects_world_name(w, e, 0, name);
	objects_world_want(w, e->seq, name);
	objects_world_calm(w);
	is_whole(name);
	/* The same block once more: there is nothing that it could be a patch of. */
	want(e, 0, name);
	is_whole(name);
}

static void edits_add_up_to_what_the_vault_has_whole(void **state)
{
	struct objects_file *f = filled(), *e = f;
	uint8_t name[INDEX_VAULT_OBJECT], base[INDEX_VAULT_OBJECT];

	(void)state;
	objects_world_name(w, f, 0, base);
	for (int i = 1; i <= FEW; i++) {
		e = objects_world_edit(w, f, (uint32_t)i);
		want(e, 0, name);
		is_patch_of(name, base);
	}
	comes(e, 0, 1, 1);
}

/* Another name, another vault, another start: nothing is known of what was given. */
static void nothing_is_a_patch_of_what_was_not_given(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, BLOCK, CUT), *e = objects_world_edit(w, f, 1);
	struct objects_file *small = objects_world_file(w, 1, 0, BLOCK, 0), *grown;
	uint8_t name[INDEX_VAULT_OBJECT];

	(void)state;
	want(e, 0, name);
	is_whole(name);
	objects_world_fill(w, small);
	grown = objects_world_edit(w, small, 1);
	want(grown, 0, name);
	is_whole(name);
}

/* What was given before an exit stays what patches are of. */
static void a_patch_may_be_of_an_earlier_generation(void **state)
{
	struct objects_file *f = filled(), *e;
	uint8_t base[INDEX_VAULT_OBJECT], name[INDEX_VAULT_OBJECT];

	(void)state;
	objects_world_name(w, f, 0, base);
	assert_true(ring_world_remove(w->rings, GIVER, EXMEMBER));
	assert_int_equal(ring_sign(w->rings->agents[GIVER].ring, -1, RING_NOW), 0);
	ring_world_settle(w->rings);
	for (int i = 0; i < 2; i++)
		keeping_told(w->keeping[i]);
	objects_world_calm(w);
	e = objects_world_edit(w, f, 1);
	assert_true(e->generation != f->generation);
	want(e, 0, name);
	is_patch_of(name, base);
	comes(e, 0, 1, 1);
}

static void what_the_vault_lacks_or_alters_does_not_come(void **state)
{
	struct objects_file *f = filled(), *e = edited(f);

	(void)state;
	w->lie = OBJECTS_BIT;
	w->lies = 1;
	comes(e, 0, 0, 0);
	assert_int_equal(w->bad, 1);
	/* Asked for whole before it is given up: an older lanyard does not know patches. */
	w->lie = OBJECTS_NONE;
	w->lies = 2;
	comes(e, 0, 0, 1);
	comes(e, 0, 1, 1);
	/* A patch in place of its base. */
	objects_world_forget_stored(w);
	comes(e, 0, 0, 1);
}

/* A holder of the keys sealed it, and the vault's disk is as it was: people hear of it all the same. */
static void a_patch_that_makes_another_block_is_reported(void **state)
{
	struct objects_file *f = filled(), *e = edited(f);
	const struct keys *k = keyring_find(w->rings->agents[GIVER].keyring, f->generation);
	uint8_t content[PATCH_HEAD + PATCH_BASE + PATCH_RUN + 1] = { 0 }, name[INDEX_VAULT_OBJECT],
							      ref[INDEX_VAULT_OBJECT];
	struct object_input in = { .kind = OBJECT_PATCH,
		                   .content = content,
		                   .n = sizeof(content),
		                   .name = name + 9,
		                   .refs = ref + 1,
		                   .nrefs = 1 };
	struct objects_stored *o;

	(void)state;
	objects_world_name(w, e, 0, name);
	objects_world_name(w, f, 0, ref);
	put_u32(content, 1);
	put_u32(content + 4, BLOCK);
	put_u32(content + 8, 1);
	put_u64(content + PATCH_HEAD, f->generation);
	memcpy(content + PATCH_HEAD + 8, f->list.b[0].hash, 32);
	put_u32(content + PATCH_HEAD + 40, BLOCK);
	put_u32(content + PATCH_HEAD + PATCH_BASE + 4, 1);
	name[0] = OBJECT_PATCH;
	HASH_FIND(hh, w->stored, name, sizeof(name), o);
	if (o == NULL) {
		fail();
		return;
	}
	free(o->p);
	o->p = object_seal(k, &in, &o->n);
	assert_non_null(o->p);
	/* What stands there may be why it did not fit: only what the vault has says that. */
	w->older = f;
	comes(e, 0, 0, 1);
	assert_int_equal(w->bad, 1);
	comes(e, 1, 1, 0);
	assert_int_equal(w->bad, 1);
	assert_int_equal(w->misbehaved[GETTER], 0);
}

/* However many patches come before the first base does. */
static void few_bases_are_asked_for_at_once(void **state)
{
	struct objects_file *f = filled(), *e = edited(f);

	(void)state;
	for (uint32_t i = 0; i < PATCHES; i++)
		objects_world_get(w, e, i % 3, 10000 + i);
	objects_world_calm(w);
	for (uint32_t i = 0; i < PATCHES; i++)
		assert_int_equal(objects_world_got(w, e, i % 3, 10000 + i), 1);
	assert_int_equal(w->bases, PATCHES);
	assert_in_range(w->most_bases, 2, (32 << 20) / BLOCK);
	assert_int_equal(keeping_window(w->keeping[GETTER], w->vault), 16 << 20);
}

/* Requests that are taken back, and a vault that goes, at every moment of one. */
static void it_may_end_at_any_moment(void **state)
{
	struct objects_file *f = filled(), *e = edited(f);

	(void)state;
	for (int turns = 0; turns < 12; turns++) {
		uint32_t request = 900 + (uint32_t)turns;

		w->older = turns % 2 == 0 ? f : NULL;
		objects_world_get(w, e, 0, request);
		for (int i = 0; i < turns / 2; i++)
			objects_world_turn(w);
		keeping_cancel(w->keeping[GETTER], w->vault, &request, 1);
		objects_world_calm(w);
		(void)objects_world_got(w, e, 0, request);
		objects_world_get(w, e, 1, ++request + 100);
		for (int i = 0; i < turns / 2; i++)
			objects_world_turn(w);
		objects_world_down(w, GETTER);
		objects_world_calm(w);
		(void)objects_world_got(w, e, 1, request + 100);
		objects_world_up(w, GETTER);
	}
	assert_int_equal(keeping_window(w->keeping[GETTER], w->vault), 16 << 20);
	w->older = NULL;
	comes(e, 2, 1, 1);
}

static void what_a_vault_was_given_is_noted(void **state)
{
	struct objects_file *f = filled();
	struct index_base base;

	(void)state;
	assert_int_equal(index_bases_get(w->index[GIVER], f->path, w->vault, f->offsets[1], BLOCK, &base, 1), 1);
	assert_int_equal(base.len, BLOCK);
	assert_memory_equal(base.sha, f->list.b[1].hash, 32);
	free(base.leaves);
	assert_int_equal(index_bases_get(w->index[GIVER], f->path, w->vault + 1, f->offsets[1], BLOCK, &base, 1), 0);
}

/* By whoever it gave it to: that member's own edits are patches of it then. */
static void is_noted_at_getter(const struct objects_file *f, uint32_t i, const uint8_t sha[32])
{
	struct index_base base;

	assert_int_equal(index_bases_get(w->index[GETTER], f->path, w->vault, f->offsets[i], BLOCK, &base, 1), 1);
	assert_int_equal(base.offset, f->offsets[i]);
	assert_int_equal(base.len, BLOCK);
	assert_memory_equal(base.sha, sha, 32);
	assert_in_range(base.n, BLOCK / LEAF_SIZE * LEAF_DIGEST, (BLOCK / LEAF_SIZE + 2) * LEAF_DIGEST);
	free(base.leaves);
}

static void what_a_vault_gave_whole_is_noted(void **state)
{
	struct objects_file *f = filled(), *e;
	struct index_base base;

	(void)state;
	comes(f, 1, 1, 0);
	is_noted_at_getter(f, 1, f->list.b[1].hash);
	assert_int_equal(index_bases_get(w->index[GETTER], f->path, w->vault, f->offsets[2], BLOCK, &base, 1), 0);
	/* A patch is none of what others are made of. */
	e = edited(f);
	comes(e, 1, 1, 1);
	is_noted_at_getter(f, 1, f->list.b[1].hash);
	w->lie = OBJECTS_BIT;
	w->lies = 1;
	objects_world_get(w, f, 2, REQUEST + PATCHES);
	objects_world_calm(w);
	assert_int_equal(index_bases_get(w->index[GETTER], f->path, w->vault, f->offsets[2], BLOCK, &base, 1), 0);
}

static void bases_that_patches_bring_are_noted(void **state)
{
	struct objects_file *f = filled(), *e = edited(f);
	struct index_base base;

	(void)state;
	comes(e, 0, 1, 1);
	is_noted_at_getter(f, 0, f->list.b[0].hash);
	/* What stands there may be something else than the base, and nobody knows its leaves. */
	w->older = f;
	comes(e, 1, 1, 0);
	assert_int_equal(index_bases_get(w->index[GETTER], f->path, w->vault, f->offsets[1], BLOCK, &base, 1), 0);
	/* Of one that is not right, nothing is. */
	w->older = NULL;
	w->lie = OBJECTS_BIT;
	w->lies = 2;
	comes(e, 2, 0, 0);
	assert_int_equal(index_bases_get(w->index[GETTER], f->path, w->vault, f->offsets[2], BLOCK, &base, 1), 0);
}

static void bases_of_blocks_that_are_cut_elsewhere_are_noted_at_their_places(void **state)
{
	struct objects_file *f = filled(), *moved = objects_world_recut(w, f, 10000);
	uint8_t name[INDEX_VAULT_OBJECT];

	(void)state;
	want(moved, 1, name);
	comes(moved, 1, 1, 2);
	is_noted_at_getter(f, 0, f->list.b[0].hash);
	is_noted_at_getter(f, 1, f->list.b[1].hash);
}

/* --- blocks of other members --- */

/* Another member has sent block i. */
static void came(const struct objects_file *f, uint32_t i)
{
	uint8_t *block = objects_world_block(f, i), digests[LEAF_MAX * LEAF_DIGEST];
	struct leaf_digested d = { .path = f->path,
		                   .content = &f->content,
		                   .block = { .len = f->list.b[i].len, .offset = f->offsets[i] },
		                   .digests = digests };
	struct leaf_digester how;

	memcpy(d.block.hash, f->list.b[i].hash, sizeof(d.block.hash));
	assert_true(keeping_digester(w->keeping[GIVER], &how));
	d.n = how.make(how.key, d.block.offset, block, d.block.len, digests);
	keeping_digested(w->keeping[GIVER], &d);
	free(block);
}

static void a_block_of_another_member_is_what_a_patch_is_of(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, BLOCK, CUT), *e;
	uint8_t base[INDEX_VAULT_OBJECT], name[INDEX_VAULT_OBJECT];

	(void)state;
	came(f, 0);
	e = objects_world_edit(w, f, FEW);
	objects_world_name(w, f, 0, base);
	want(e, 0, name);
	is_patch_of(name, base);
	want(e, 1, name);
	is_whole(name);
}

/* Whoever changed it gave the vault a patch where that was worth it, and the whole block where it was not. */
static void what_other_members_change_is_at_the_vault_as_they_gave_it(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, BLOCK, CUT), *e = objects_world_edit(w, f, FEW), *much;
	uint8_t base[INDEX_VAULT_OBJECT], name[INDEX_VAULT_OBJECT];

	(void)state;
	came(f, 0);
	came(e, 0);
	objects_world_name(w, f, 0, base);
	want(objects_world_edit(w, e, 1), 0, name);
	is_patch_of(name, base);
	much = objects_world_edit(w, f, MANY);
	came(much, 0);
	objects_world_name(w, much, 0, base);
	want(objects_world_edit(w, much, 1), 0, name);
	is_patch_of(name, base);
}

/* This member's own note: what it gave whole, and what others have changed of it since. */
static void what_was_given_whole_stays_noted_while_others_change_little(void **state)
{
	struct objects_file *f = filled(), *e = objects_world_edit(w, f, FEW);
	uint8_t base[INDEX_VAULT_OBJECT], name[INDEX_VAULT_OBJECT];

	(void)state;
	came(e, 0);
	objects_world_name(w, f, 0, base);
	want(objects_world_edit(w, e, 1), 0, name);
	is_patch_of(name, base);
}

/* The vault has what was told to it before an exit as it was sealed then. */
static void what_came_is_noted_with_the_generation_that_the_vault_has(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, BLOCK, CUT), *e;
	uint8_t base[INDEX_VAULT_OBJECT], name[INDEX_VAULT_OBJECT];

	(void)state;
	objects_world_name(w, f, 0, base);
	assert_true(ring_world_remove(w->rings, GIVER, EXMEMBER));
	assert_int_equal(ring_sign(w->rings->agents[GIVER].ring, -1, RING_NOW), 0);
	ring_world_settle(w->rings);
	keeping_told(w->keeping[GIVER]);
	objects_world_calm(w);
	came(f, 0);
	came(f, 1);
	e = objects_world_edit(w, f, 1);
	assert_true(e->generation != f->generation);
	want(e, 0, name);
	is_patch_of(name, base);
}

static void nothing_is_noted_without_a_vault_or_by_a_reader(void **state)
{
	struct leaf_digester how;

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_true(keeping_digester(w->keeping[i], &how));
	assert_true(ring_world_grant(w->rings, GIVER, GETTER, ROLE_READER));
	ring_world_settle(w->rings);
	keeping_told(w->keeping[GETTER]);
	assert_false(keeping_digester(w->keeping[GETTER], &how));
	assert_true(ring_world_remove(w->rings, GIVER, VAULT));
	assert_true(keeping_digester(w->keeping[GIVER], &how));
	keeping_told(w->keeping[GIVER]);
	assert_false(keeping_digester(w->keeping[GIVER], &how));
}

static bool not_fetching(void *arg)
{
	(void)arg;
	return false;
}

/* Nor may a vault ever be there. */
static void what_never_became_a_file_is_forgotten_without_a_vault(void **state)
{
	struct objects_file *f = objects_world_file(w, 3, 0, BLOCK, CUT);
	const struct ring_agent *a = &w->rings->agents[GIVER];
	struct keeping_ops ops = objects_world_ops;
	const struct keeping_config c = { .loop = w->loop,
		                          .workers = w->workers,
		                          .index = w->index[GIVER],
		                          .roster = a->roster,
		                          .ring = a->ring,
		                          .self = a->self,
		                          .sources = { &w->source, 1 },
		                          .patience_ms = 10,
		                          .ops = &ops,
		                          .arg = &w->ends[GIVER] };
	struct index_base base;

	(void)state;
	objects_world_down(w, GIVER);
	keeping_stop(w->keeping[GIVER]);
	keeping_free(w->keeping[GIVER]);
	strcpy(f->path, "nothing");
	ops.fetching = not_fetching;
	w->keeping[GIVER] = keeping_new(&c);
	came(f, 1);
	assert_int_equal(index_bases_get(w->index[GIVER], f->path, w->vault, f->offsets[1], BLOCK, &base, 1), 1);
	free(base.leaves);
	while (index_bases_get(w->index[GIVER], f->path, w->vault, f->offsets[1], BLOCK, &base, 1) == 1) {
		free(base.leaves);
		loop_turn(w->loop, true);
	}
	keeping_stop(w->keeping[GIVER]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_block_that_was_changed_a_little_comes_as_a_patch),
		cmocka_unit_test_setup_teardown(a_block_that_was_changed_a_little_comes_as_a_patch, setup_packed,
		                                teardown),
		TEST(what_stands_there_may_be_anything),
		TEST(what_differs_much_comes_whole),
		TEST(blocks_that_are_cut_elsewhere_come_as_patches_of_several),
		TEST(a_whole_block_is_given_when_it_is_asked_for),
		TEST(edits_add_up_to_what_the_vault_has_whole),
		TEST(nothing_is_a_patch_of_what_was_not_given),
		TEST(a_patch_may_be_of_an_earlier_generation),
		TEST(what_the_vault_lacks_or_alters_does_not_come),
		TEST(a_patch_that_makes_another_block_is_reported),
		TEST(few_bases_are_asked_for_at_once),
		TEST(it_may_end_at_any_moment),
		TEST(what_a_vault_was_given_is_noted),
		TEST(what_a_vault_gave_whole_is_noted),
		TEST(bases_that_patches_bring_are_noted),
		TEST(bases_of_blocks_that_are_cut_elsewhere_are_noted_at_their_places),
		TEST(a_block_of_another_member_is_what_a_patch_is_of),
		TEST(what_other_members_change_is_at_the_vault_as_they_gave_it),
		TEST(what_was_given_whole_stays_noted_while_others_change_little),
		TEST(what_came_is_noted_with_the_generation_that_the_vault_has),
		TEST(nothing_is_noted_without_a_vault_or_by_a_reader),
		TEST(what_never_became_a_file_is_forgotten_without_a_vault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
