/* Patches at a vault: blocks that a member gives as what makes them of others that are here. */
#include <errno.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "tests/unit/vault_world.h"

enum { EACH = 3, SIZE = 3000, TICK_MS = 20, DAY = 24 * 3600, OLD = 1, NEW = 2, TURNS = 4000 };

static struct vault_world w;
static atomic_int syncs;
static atomic_bool sync_fails;
/* Blocks of the file's first version and of its second one. */
static uint8_t old_blocks[EACH][INDEX_VAULT_OBJECT], new_blocks[EACH][INDEX_VAULT_OBJECT];
static int64_t wall_s;

/* In place of the system's: the vault's worker alone calls it. */
int syncfs(int fd)
{
	(void)fd;
	syncs++;
	errno = EIO;
	return sync_fails ? -1 : 0;
}

static void no_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int64_t wall(void)
{
	return wall_s * 1000000000;
}

static void write_version(int who, uint64_t version, int pages)
{
	vault_world_write(&w, who,
	                  &(struct vault_file){ .path = "file",
	                                        .a = version,
	                                        .nblocks = EACH,
	                                        .pages = pages,
	                                        .size = SIZE,
	                                        .seed = version });
}

static void tell(int who)
{
	vault_world_tell(&w, who);
	vault_world_calm(&w);
}

/* The vault has the file's first version, and Anna the second one, which is not told yet. */
static int setup(void **state)
{
	(void)state;
	log_set_sink(no_line, NULL);
	wall_s = 1800001000;
	clock_set_wall(wall);
	w.tick_ms = TICK_MS;
	vault_world_start(&w, 0);
	for (int i = 0; i < EACH; i++) {
		vault_world_block(&w, OLD, i, SIZE, old_blocks[i]);
		vault_world_block(&w, NEW, i, SIZE, new_blocks[i]);
	}
	write_version(ANNA, OLD, 0);
	vault_world_up(&w, ANNA);
	tell(ANNA);
	assert_int_equal(w.m[ANNA].settled, 1);
	w.m[ANNA].asked = 0;
	w.m[ANNA].asked_whole = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vault_world_end(&w);
	clock_set_wall(NULL);
	log_set_sink(NULL, NULL);
	return 0;
}

static void patch_first(int who)
{
	vault_world_patch(&w, who, new_blocks[0], old_blocks[0]);
}

static bool is_here(const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct index_vault_object is;

	return index_vault_object_get(w.index, name, &is) > 0 && !is.gone;
}

static bool is_patch(const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct index_vault_object is;

	assert_int_equal(index_vault_object_get(w.index, name, &is), 1);
	return is.needs;
}

static bool has_refs(const uint8_t name[INDEX_VAULT_OBJECT], int64_t n)
{
	struct index_vault_object is;

	assert_int_equal(index_vault_object_get(w.index, name, &is), 1);
	return is.refs == n;
}

/* What Bert gets if he asks for it as this kind: what he gets, or NULL. */
static const struct member_object *got_as(uint8_t kind, const uint8_t name[INDEX_VAULT_OBJECT])
{
	vault_world_objects_free(&w.m[BERT].got);
	vault_world_want(&w, BERT, false, kind, name);
	vault_world_calm(&w);
	return w.m[BERT].got;
}

static bool same_bytes(const struct member_object *got, const struct member_object *is)
{
	return got != NULL && got->n == is->n && memcmp(got->p, is->p, is->n) == 0;
}

static const struct member_object *object_of(int who, const uint8_t name[INDEX_VAULT_OBJECT])
{
	struct member_object *o;

	HASH_FIND(hh, w.m[who].objects, name, INDEX_VAULT_OBJECT, o);
	assert_non_null(o);
	return o;
}

/* --- taken and given --- */

static void a_patch_is_taken_and_given_to_who_asks_for_one(void **state)
{
	int64_t before = index_vault_totals(w.index).bytes;

	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	assert_int_equal(w.m[ANNA].settled, 2);
	assert_int_equal(w.m[ANNA].asked, EACH);
	assert_int_equal(w.m[ANNA].asked_whole, 0);
	assert_int_equal(index_vault_totals(w.index).objects, 2 * EACH);
	assert_true(is_patch(new_blocks[0]));
	assert_false(is_patch(new_blocks[1]));
	assert_true(has_refs(old_blocks[0], 2)); /* the first version's, and the patch's */
	assert_true(index_vault_totals(w.index).bytes - before < (EACH - 1) * (SIZE + 500) + 1500);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_true(same_bytes(got_as(OBJECT_PATCH, new_blocks[0]), w.m[ANNA].patches));
	assert_null(got_as(OBJECT_BLOCK, new_blocks[0]));
	assert_int_equal(w.m[BERT].none, 1);
	assert_true(same_bytes(got_as(OBJECT_PATCH, new_blocks[1]), object_of(ANNA, new_blocks[1])));
	assert_true(same_bytes(got_as(OBJECT_BLOCK, new_blocks[1]), object_of(ANNA, new_blocks[1])));
	assert_int_equal(w.m[BERT].misbehaved + w.m[ANNA].misbehaved, 0);
}

static void wait_for_objects(int64_t n)
{
	for (int i = 0; i < TURNS && index_vault_totals(w.index).objects != n; i++)
		vault_world_pass(&w, TICK_MS);
	assert_int_equal(index_vault_totals(w.index).objects, n);
}

/* The vault looks for space in each 60th of its seconds. */
static void days_pass(int n)
{
	wall_s += (int64_t)n * DAY;
	vault_world_age(&w, (int64_t)n * DAY);
}

static void a_base_stays_as_long_as_its_patch(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	/* The first version goes, then what only it needs. */
	days_pass(91);
	for (int i = 0; i < TURNS && index_vault_totals(w.index).rows > 1; i++)
		vault_world_pass(&w, TICK_MS);
	assert_true(has_refs(old_blocks[0], 1));
	assert_true(has_refs(old_blocks[1], 0));
	days_pass(2);
	wait_for_objects(EACH + 1);
	assert_true(is_here(old_blocks[0]) && is_here(new_blocks[0]));
	/* Then the second one, its blocks, and the base behind the patch. */
	vault_world_write(&w, ANNA, &(struct vault_file){ .path = "file", .a = NEW + 1 });
	tell(ANNA);
	days_pass(91);
	for (int i = 0; i < TURNS && !has_refs(new_blocks[0], 0); i++)
		vault_world_pass(&w, TICK_MS);
	days_pass(2);
	wait_for_objects(1);
	assert_true(is_here(old_blocks[0]));
	assert_true(has_refs(old_blocks[0], 0));
	days_pass(2);
	wait_for_objects(0);
}

/* --- asked for whole --- */

/* The row is stored, and its first block whole, for which Anna was asked twice. */
static void expect_asked_whole(void)
{
	assert_int_equal(w.m[ANNA].settled, w.m[ANNA].seq);
	assert_int_equal(w.m[ANNA].asked, EACH + 1);
	assert_int_equal(w.m[ANNA].asked_whole, 1);
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
	assert_int_equal(w.m[ANNA].misbehaved, 0);
}

static void a_patch_of_an_unknown_block_is_asked_for_whole(void **state)
{
	uint8_t unknown[INDEX_VAULT_OBJECT];

	(void)state;
	vault_world_block(&w, 99, 0, SIZE, unknown);
	write_version(ANNA, NEW, 0);
	vault_world_patch(&w, ANNA, new_blocks[0], unknown);
	tell(ANNA);
	expect_asked_whole();
	assert_false(is_here(unknown));
}

static void a_patch_of_a_block_that_is_gone_is_asked_for_whole(void **state)
{
	(void)state;
	assert_int_equal(index_vault_object_lose(w.index, old_blocks[0]), 0);
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	expect_asked_whole();
}

static void a_patch_of_a_patch_is_asked_for_whole(void **state)
{
	uint8_t third[INDEX_VAULT_OBJECT];

	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	assert_true(is_patch(new_blocks[0]));
	vault_world_block(&w, 3, 0, SIZE, third);
	write_version(ANNA, 3, 0);
	vault_world_patch(&w, ANNA, third, new_blocks[0]);
	tell(ANNA);
	assert_int_equal(w.m[ANNA].settled, 3);
	assert_int_equal(w.m[ANNA].asked, 2 * EACH + 1);
	assert_int_equal(w.m[ANNA].asked_whole, 1);
	assert_false(is_patch(third));
	assert_true(has_refs(new_blocks[0], 1));
}

/* As a lanyard that does not know patches. */
static void who_has_no_patch_is_asked_for_the_block(void **state)
{
	(void)state;
	w.m[ANNA].lie = LIE_OLD;
	write_version(ANNA, NEW, EACH);
	tell(ANNA);
	assert_int_equal(w.m[ANNA].settled, 2);
	assert_int_equal(w.m[ANNA].asked, 1 + 2 * EACH);
	assert_int_equal(w.m[ANNA].asked_whole, EACH);
	assert_int_equal(w.m[ANNA].misbehaved, 0);
}

static void another_holder_may_give_a_patch_again(void **state)
{
	(void)state;
	w.m[ANNA].lie = LIE_NONE;
	write_version(ANNA, NEW, 0);
	write_version(BERT, NEW, 0);
	patch_first(BERT);
	vault_world_up(&w, BERT);
	vault_world_tell(&w, ANNA);
	tell(BERT);
	assert_int_equal(w.m[BERT].settled, 1);
	assert_int_equal(w.m[ANNA].asked, 2 * EACH);
	assert_int_equal(w.m[BERT].asked, EACH);
	assert_int_equal(w.m[BERT].asked_whole, 0);
	assert_true(is_patch(new_blocks[0]));
}

static void a_patch_that_was_not_asked_for_is_misbehaviour(void **state)
{
	uint8_t unknown[INDEX_VAULT_OBJECT];

	(void)state;
	vault_world_block(&w, 99, 0, SIZE, unknown);
	w.m[ANNA].lie = LIE_PATCH;
	write_version(ANNA, NEW, 0);
	vault_world_patch(&w, ANNA, new_blocks[0], unknown);
	tell(ANNA);
	assert_int_equal(w.m[ANNA].misbehaved, 1);
	assert_int_equal(w.m[ANNA].asked_whole, 1);
	assert_int_equal(w.m[ANNA].settled, 1);
	assert_false(is_here(new_blocks[0]));
}

/* The base is lost after the patch has come, and before it is stored. */
static void a_base_that_goes_meanwhile_is_noticed(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	vault_world_tell(&w, ANNA);
	for (int i = 0; i < TURNS && (w.m[ANNA].asked < EACH || w.answers != NULL); i++)
		vault_world_turn(&w);
	assert_false(is_here(new_blocks[0]));
	assert_int_equal(index_vault_object_lose(w.index, old_blocks[0]), 0);
	vault_world_calm(&w);
	expect_asked_whole();
}

/* --- harms --- */

static void shell(const char *form, const uint8_t name[INDEX_VAULT_OBJECT])
{
	char hex[65], *cmd;

	hex_encode(hex, name + 9, 32);
	cmd = mem_printf("f=$(find %s/share/.lanyard/vault -name '%s*'); test -n \"$f\" && %s", w.dir, hex, form);
	assert_int_equal(system(cmd), 0);
	free(cmd);
}

/* What is lost is noticed when somebody asks for it, and the writers are asked for their rows in the next second. */
static void lose(const uint8_t name[INDEX_VAULT_OBJECT])
{
	shell("rm \"$f\"", name);
	vault_world_up(&w, BERT);
	vault_world_want(&w, BERT, true, OBJECT_BLOCK, name);
	for (int i = 0; i < TURNS && is_here(name); i++)
		vault_world_turn(&w);
	assert_false(is_here(name));
}

static void tell_all_again(void)
{
	int hellos = w.m[ANNA].hellos;

	for (int i = 0; i < TURNS && w.m[ANNA].hellos == hellos; i++)
		vault_world_pass(&w, TICK_MS);
	assert_int_equal(w.m[ANNA].hello_settled, 0);
	tell(ANNA);
	assert_int_equal(w.m[ANNA].settled, w.m[ANNA].seq);
}

static void what_a_lost_base_made_comes_whole(int pages)
{
	write_version(ANNA, NEW, pages);
	patch_first(ANNA);
	tell(ANNA);
	assert_true(is_patch(new_blocks[0]));
	w.m[ANNA].asked = 0;
	/* Anna tells the newest version only. */
	w.m[ANNA].rows[0].seq = 0;
	lose(old_blocks[0]);
	tell_all_again();
	assert_int_equal(w.m[ANNA].asked, 1);
	assert_int_equal(w.m[ANNA].asked_whole, 1);
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
	assert_true(has_refs(old_blocks[0], 1)); /* the first version's */
	assert_true(same_bytes(got_as(OBJECT_BLOCK, new_blocks[0]), object_of(ANNA, new_blocks[0])));
}

static void a_block_whose_base_is_lost_comes_whole(void **state)
{
	(void)state;
	what_a_lost_base_made_comes_whole(0);
}

static void a_page_s_block_whose_base_is_lost_comes_whole(void **state)
{
	(void)state;
	what_a_lost_base_made_comes_whole(2);
}

/* Of the two, the base comes whole: others may be made of it. */
static void a_lost_base_that_is_needed_comes_whole(void **state)
{
	uint8_t other[INDEX_VAULT_OBJECT];

	(void)state;
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "other",
	                                        .a = 7,
	                                        .nblocks = 1,
	                                        .size = SIZE,
	                                        .seed = OLD }); /* its block */
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "one", .a = 8, .nblocks = 1, .size = SIZE, .seed = 8 });
	vault_world_block(&w, 8, 0, SIZE, other);
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	vault_world_patch(&w, ANNA, old_blocks[0], other);
	lose(old_blocks[0]);
	tell_all_again();
	assert_true(is_here(old_blocks[0]));
	assert_false(is_patch(old_blocks[0]));
	assert_true(is_here(new_blocks[0]));
	assert_false(index_vault_lacks(w.index));
}

/* Anna has a new version, and does not tell the one any more that the vault has. */
static void a_new_version_finds_what_is_lost_as_well(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 2);
	patch_first(ANNA);
	tell(ANNA);
	w.m[ANNA].rows[0].seq = 0;
	w.m[ANNA].rows[1].seq = 0;
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "file",
	                                        .a = NEW + 1,
	                                        .nblocks = EACH,
	                                        .pages = 2,
	                                        .size = SIZE,
	                                        .seed = NEW });
	lose(old_blocks[0]);
	tell_all_again();
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
}

/* The same where the page that has the block is a new one. */
static void a_new_page_finds_what_is_lost_as_well(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 2);
	patch_first(ANNA);
	tell(ANNA);
	w.m[ANNA].rows[0].seq = 0;
	w.m[ANNA].rows[1].seq = 0;
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "file",
	                                        .a = NEW + 1,
	                                        .nblocks = EACH,
	                                        .pages = EACH,
	                                        .size = SIZE,
	                                        .seed = NEW });
	lose(old_blocks[0]);
	tell_all_again();
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
}

/* Whoever asks for it may have the base itself. */
static void a_patch_without_its_base_is_given_until_the_block_comes(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	vault_world_down(&w, ANNA);
	lose(old_blocks[0]);
	assert_true(same_bytes(got_as(OBJECT_PATCH, new_blocks[0]), w.m[ANNA].patches));
	w.m[BERT].none = 0;
	assert_null(got_as(OBJECT_BLOCK, new_blocks[0]));
	assert_null(got_as(OBJECT_BLOCK, old_blocks[0]));
	assert_int_equal(w.m[BERT].none, 2);
	/* It comes whole, and the base is not needed by it. */
	vault_world_up(&w, ANNA);
	assert_int_equal(w.m[ANNA].hello_settled, 0);
	tell(ANNA);
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
	assert_true(has_refs(old_blocks[0], 1));
}

static void a_patch_whose_block_nobody_has_stays(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	w.m[ANNA].rows[0].seq = 0;
	w.m[ANNA].lie = LIE_NONE;
	lose(old_blocks[0]);
	for (int i = 0; i < TURNS && w.m[ANNA].hellos < 2; i++)
		vault_world_pass(&w, TICK_MS);
	w.m[ANNA].asked = 0;
	tell(ANNA);
	assert_int_equal(w.m[ANNA].asked, 1);
	assert_true(same_bytes(got_as(OBJECT_PATCH, new_blocks[0]), w.m[ANNA].patches));
	/* Until somebody has it. */
	w.m[ANNA].lie = HONEST;
	vault_world_down(&w, ANNA);
	vault_world_up(&w, ANNA);
	tell(ANNA);
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
}

static void a_harmed_patch_is_found_and_comes_whole(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	shell("printf x | dd of=\"$f\" bs=1 seek=99 conv=notrunc 2>/dev/null", new_blocks[0]);
	vault_world_up(&w, BERT);
	vault_world_want(&w, BERT, true, OBJECT_PATCH, new_blocks[0]);
	for (int i = 0; i < TURNS && is_here(new_blocks[0]); i++)
		vault_world_turn(&w);
	tell_all_again();
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
	assert_true(has_refs(old_blocks[0], 1));
}

/* --- without the index --- */

/* The index is lost, and Anna tells the second version only, whose first block is a patch of what is in the folder. */
static void begin_again(void)
{
	vault_world_index_lost(&w);
	w.m[ANNA].rows[0].seq = 0;
	w.m[ANNA].asked = w.m[ANNA].asked_whole = 0;
	vault_world_up(&w, ANNA);
	tell(ANNA);
	assert_int_equal(w.m[ANNA].settled, 2);
}

static void a_patch_in_the_folder_is_taken_with_its_base(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 2);
	patch_first(ANNA);
	tell(ANNA);
	begin_again();
	assert_int_equal(w.m[ANNA].asked, 0);
	assert_true(is_patch(new_blocks[0]));
	assert_true(is_here(old_blocks[0]));
	assert_true(has_refs(old_blocks[0], 1));
	assert_false(is_here(old_blocks[1]));
	vault_world_up(&w, BERT);
	assert_true(same_bytes(got_as(OBJECT_PATCH, new_blocks[0]), w.m[ANNA].patches));
}

static void a_patch_in_the_folder_without_its_base_is_asked_for(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	shell("rm \"$f\"", old_blocks[0]);
	begin_again();
	assert_int_equal(w.m[ANNA].asked, 2);
	assert_int_equal(w.m[ANNA].asked_whole, 1);
	assert_true(is_here(new_blocks[0]));
	assert_false(is_patch(new_blocks[0]));
	assert_false(is_here(old_blocks[0]));
}

/* Puts a patch of the block in its file's place. */
static void put_in_folder(const uint8_t block[INDEX_VAULT_OBJECT], const uint8_t base[INDEX_VAULT_OBJECT])
{
	struct member_object *o = vault_world_patch_new(&w, block, base);
	char *path = mem_printf("%s/patch", w.dir);
	FILE *f = fopen(path, "wb");
	uint8_t sum[SHA256_SIZE];

	sha256(sum, o->p, o->n);
	assert_int_equal(fwrite(o->p, 1, o->n, f), o->n);
	assert_int_equal(fwrite(sum, 1, sizeof(sum), f), sizeof(sum));
	assert_int_equal(fclose(f), 0);
	shell("mv ${f%%/share/*}/patch \"$f\"", block);
	free(path);
	free(o->p);
	free(o);
}

static void patches_in_the_folder_that_make_one_another_are_asked_for(void **state)
{
	(void)state;
	write_version(ANNA, NEW, 0);
	tell(ANNA);
	for (int i = 0; i < EACH; i++)
		put_in_folder(new_blocks[i], new_blocks[(i + 1) % EACH]);
	begin_again();
	for (int i = 0; i < EACH; i++)
		assert_true(is_here(new_blocks[i]));
	assert_in_range(w.m[ANNA].asked, 2, EACH);
	assert_int_equal(w.m[ANNA].misbehaved, 0);
}

/* Anna's second version is a patch that lies in the folder. Its base does not, and is wanted of Bert, who says nothing.
 */
static void a_patch_waits_for_bert(bool no_sync)
{
	write_version(ANNA, NEW, 0);
	patch_first(ANNA);
	tell(ANNA);
	shell("rm \"$f\"", old_blocks[0]);
	vault_world_index_lost(&w);
	sync_fails = no_sync;
	if (no_sync) {
		/* Nothing is asked for after that, until the disk is tried again. */
		vault_world_write(&w, FRED,
		                  &(struct vault_file){ .path = "first",
		                                        .a = 6,
		                                        .nblocks = 1,
		                                        .size = SIZE,
		                                        .seed = 6 });
		vault_world_up(&w, FRED);
		tell(FRED);
	}
	w.m[BERT].lie = LIE_SILENT;
	vault_world_write(&w, BERT,
	                  &(struct vault_file){ .path = "other",
	                                        .a = 7,
	                                        .nblocks = 1,
	                                        .size = SIZE,
	                                        .seed = OLD }); /* the base */
	vault_world_up(&w, BERT);
	tell(BERT);
	assert_in_range(w.m[BERT].asked, no_sync ? 0 : 1, 1);
	w.m[ANNA].rows[0].seq = 0;
	w.m[ANNA].settled = 0;
	w.m[ANNA].asked = w.m[ANNA].asked_whole = 0;
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
}

static void who_does_not_give_a_base_holds_up_nobody_else(void **state)
{
	(void)state;
	a_patch_waits_for_bert(false);
	for (int i = 0; i < TURNS && w.m[ANNA].settled < 2; i++)
		vault_world_pass(&w, TICK_MS);
	assert_int_equal(w.m[ANNA].settled, 2);
	assert_int_equal(w.m[ANNA].asked_whole, 1);
	assert_false(is_patch(new_blocks[0]));
	assert_int_equal(w.m[BERT].settled, 0);
}

static void a_sync_that_fails_is_tried_again_after_a_while(void **state)
{
	int64_t before;

	(void)state;
	a_patch_waits_for_bert(true);
	syncs = 0;
	before = loop_now_ms(w.loop);
	(void)vault_world_turns(&w, 500);
	assert_in_range(syncs, 0, 2 + (loop_now_ms(w.loop) - before) / 1000);
	sync_fails = false;
	for (int i = 0; i < TURNS && w.m[ANNA].settled < 2; i++) {
		vault_world_pass(&w, TICK_MS);
		if (w.m[ANNA].hello_settled < 2 && i % 50 == 0)
			vault_world_tell(&w, ANNA);
	}
	assert_int_equal(w.m[ANNA].settled, 2);
}

static void a_member_that_comes_and_goes_costs_no_patch(void **state)
{
	int turns = 1;

	(void)state;
	write_version(ANNA, NEW, 2);
	for (int i = 0; i < EACH; i++)
		vault_world_patch(&w, ANNA, new_blocks[i], old_blocks[i]);
	tell(ANNA);
	vault_world_index_lost(&w);
	w.m[ANNA].rows[0].seq = 0;
	w.m[ANNA].settled = 0;
	w.m[ANNA].asked = 0;
	for (; w.m[ANNA].settled < 2; turns++) {
		assert_true(turns < TURNS);
		vault_world_up(&w, ANNA);
		vault_world_tell(&w, ANNA);
		for (int i = 0; i < turns; i++)
			vault_world_turn(&w);
		vault_world_down(&w, ANNA);
		vault_world_pass(&w, 1);
	}
	assert_int_equal(w.m[ANNA].asked, 0);
	for (int i = 0; i < EACH; i++)
		assert_true(is_patch(new_blocks[i]) && is_here(old_blocks[i]));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_patch_is_taken_and_given_to_who_asks_for_one),
		T(a_base_stays_as_long_as_its_patch),
		T(a_patch_of_an_unknown_block_is_asked_for_whole),
		T(a_patch_of_a_block_that_is_gone_is_asked_for_whole),
		T(a_patch_of_a_patch_is_asked_for_whole),
		T(who_has_no_patch_is_asked_for_the_block),
		T(another_holder_may_give_a_patch_again),
		T(a_patch_that_was_not_asked_for_is_misbehaviour),
		T(a_base_that_goes_meanwhile_is_noticed),
		T(a_block_whose_base_is_lost_comes_whole),
		T(a_page_s_block_whose_base_is_lost_comes_whole),
		T(a_lost_base_that_is_needed_comes_whole),
		T(a_new_version_finds_what_is_lost_as_well),
		T(a_new_page_finds_what_is_lost_as_well),
		T(a_patch_without_its_base_is_given_until_the_block_comes),
		T(a_patch_whose_block_nobody_has_stays),
		T(a_harmed_patch_is_found_and_comes_whole),
		T(a_patch_in_the_folder_is_taken_with_its_base),
		T(a_patch_in_the_folder_without_its_base_is_asked_for),
		T(patches_in_the_folder_that_make_one_another_are_asked_for),
		T(who_does_not_give_a_base_holds_up_nobody_else),
		T(a_sync_that_fails_is_tried_again_after_a_while),
		T(a_member_that_comes_and_goes_costs_no_patch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
