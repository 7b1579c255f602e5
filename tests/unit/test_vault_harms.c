/* What happens to a vault's disk: the twelve harms, as far as the vault itself can see them. Each is found, by
 * giving or by looking, the vault says so, and all is as before once a writer is there again. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "tests/unit/run_until.h"
#include "tests/unit/vault_world.h"

enum {
	FILES = 6,
	BLOCKS_EACH = 3,
	PAGED_BLOCKS = 20,
	PAGES_EACH = 4,
	ALL = FILES * BLOCKS_EACH + PAGED_BLOCKS + PAGES_EACH + 1
};

static struct vault_world w;
static char *files[256];
static int nfiles;
static struct vault_found found;

static void no_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static void list_file(void *arg, const char *path)
{
	(void)arg;
	assert_true(nfiles < 256);
	files[nfiles++] = mem_strdup(path);
}

static void list_files(void)
{
	while (nfiles > 0)
		free(files[--nfiles]);
	vault_world_files(&w, list_file, NULL);
}

static int setup(void **state)
{
	struct vault_file paged = { .path = "large",
		                    .a = 50,
		                    .nblocks = PAGED_BLOCKS,
		                    .pages = 5,
		                    .size = 4000,
		                    .seed = 9 };
	int64_t since_s;

	(void)state;
	log_set_sink(no_line, NULL);
	vault_world_start(&w, 0);
	for (int i = 0; i < FILES; i++) {
		struct vault_file f = { .path = (char[]){ 'f', (char)('0' + i), '\0' },
			                .a = 1 + (uint64_t)i,
			                .nblocks = BLOCKS_EACH,
			                .size = 2000,
			                .seed = 20 + (uint64_t)i };

		vault_world_write(&w, ANNA, &f);
	}
	vault_world_write(&w, ANNA, &paged);
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "single", .a = 60, .nblocks = 1, .size = 700, .seed = 60 });
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].settled, FILES + 2);
	vault_world_down(&w, ANNA);
	list_files();
	assert_int_equal(nfiles, ALL);
	/* A new vault looks for nothing in its folder. */
	assert_int_equal(index_meta_get(w.index, "vault folder", &since_s), 1);
	assert_int_equal(since_s, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	clock_set_wall(NULL);
	vault_world_end(&w);
	while (nfiles > 0)
		free(files[--nfiles]);
	log_set_sink(NULL, NULL);
	return 0;
}

static void on_found(void *arg, const struct vault_found *f)
{
	(void)arg;
	found = *f;
}

static void turn(void)
{
	vault_world_turn(&w);
}

static void verify(void)
{
	found = (struct vault_found){ .checked = -1 };
	vault_verify(w.vault, on_found, NULL);
	RUN_UNTIL(found.checked >= 0);
}

/* Anna is here again: all is as before, and only what was lost was asked for. */
static void expect_repaired(int lost)
{
	w.m[ANNA].asked = 0;
	w.m[ANNA].settled = 0;
	vault_world_up(&w, ANNA);
	assert_int_equal(w.m[ANNA].hello_settled, 0);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].settled, FILES + 2);
	assert_int_equal(w.m[ANNA].asked, lost);
	assert_int_equal(index_vault_totals(w.index).objects, ALL);
	assert_int_equal(index_vault_totals(w.index).rows, FILES + 2);
	assert_false(index_vault_lacks(w.index));
	vault_world_up(&w, BERT);
	assert_int_equal(vault_world_fetch(&w, BERT, ANNA), ALL);
	verify();
	assert_int_equal(found.bad + found.missing, 0);
	assert_int_equal(found.checked, ALL);
}

static void a_second_passes(void)
{
	vault_world_pass(&w, 1500);
	vault_world_calm(&w);
}

/* The writers are asked in the next second. */
static void expect_named(int lost)
{
	assert_true(w.problems > 0);
	for (int i = 0; i < 700 && !index_vault_lacks(w.index); i++)
		vault_world_turn(&w);
	assert_int_equal(found.bad + found.missing, lost);
	a_second_passes();
}

static void shell(const char *form, const char *a, const char *b)
{
	char *cmd = mem_printf("a='%s'; b='%s'; %s", a, b, form);

	assert_int_equal(system(cmd), 0);
	free(cmd);
}

static void blocks_of_two_paths_are_swapped(void **state)
{
	(void)state;
	shell("mv $a $a.x && mv $b $a && mv $a.x $b", files[0], files[1]);
	verify();
	expect_named(2);
	expect_repaired(2);
}

static void a_file_is_cut_short(void **state)
{
	(void)state;
	shell("truncate -s 100 $a; : >$b", files[3], files[4]);
	verify();
	expect_named(2);
	expect_repaired(2);
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 4;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void one_bit_flips_in_any_object(void **state)
{
	(void)state;
	for (int i = 0; i < nfiles; i++)
		flip(files[i], 10 + 3 * i);
	verify();
	expect_named(ALL);
	expect_repaired(ALL);
}

/* The object is good, and the index has its digest: that is written again, so that a lost index costs nothing. */
static void the_digest_behind_an_object_is_harmed(void **state)
{
	(void)state;
	shell("printf x | dd of=$a bs=1 seek=$(($(stat -c %s $a) - 1)) conv=notrunc 2>/dev/null", files[2], "");
	verify();
	assert_int_equal(found.bad + found.missing, 0);
	assert_int_equal(w.problems, 0);
	vault_world_index_lost(&w);
	expect_repaired(0);
}

static void an_object_is_missing(void **state)
{
	(void)state;
	shell("rm $a", files[7], "");
	verify();
	expect_named(1);
	expect_repaired(1);
}

static void the_disk_is_empty(void **state)
{
	(void)state;
	shell("rm -r ${a%/*/*}", files[0], "");
	verify();
	expect_named(ALL);
	expect_repaired(ALL);
}

static void a_page_stands_for_a_block(void **state)
{
	int page = 0, block = 0;

	(void)state;
	for (int i = 0; i < nfiles; i++) {
		if (files[i][strlen(files[i]) - 1] == '2')
			page = i;
		else
			block = i;
	}
	shell("cp $a $b", files[page], files[block]);
	verify();
	expect_named(1);
	expect_repaired(1);
}

static void what_is_bad_is_not_given(void **state)
{
	(void)state;
	flip(files[2], 150);
	vault_world_up(&w, BERT);
	assert_int_equal(vault_world_fetch(&w, BERT, ANNA), ALL - 1);
	assert_int_equal(w.m[BERT].none, 1);
	assert_int_equal(w.problems, 1);
	found.bad = 1;
	found.missing = 0;
	expect_named(1);
	vault_world_down(&w, BERT);
	expect_repaired(1);
}

/* All of its objects lie in the folder, and nobody is asked for one of them. */
static void the_index_is_lost(void **state)
{
	(void)state;
	vault_world_index_lost(&w);
	assert_int_equal(index_vault_totals(w.index).objects, 0);
	expect_repaired(0);
}

/* What is not as it came is seen without the index too: a bit in an object or in its digest, an end that is missing, an
 * object under the name of another. */
static void the_index_is_lost_and_objects_are_bad(void **state)
{
	(void)state;
	flip(files[0], 90);
	shell("truncate -s -32 $a; truncate -s 20 $b", files[1], files[2]);
	shell("cp $a $b", files[3], files[4]);
	shell("printf x | dd of=$a bs=1 seek=$(($(stat -c %s $a) - 1)) conv=notrunc 2>/dev/null; rm $b", files[5],
	      files[6]);
	vault_world_index_lost(&w);
	expect_repaired(6);
}

static int64_t later_ns;

static int64_t later(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return later_ns + now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* It cannot store all that it is told, so that it never knows what is not wanted; and that may be what fills it. */
static void what_is_not_known_goes_from_a_full_vault_too(void **state)
{
	(void)state;
	later_ns = 0;
	clock_set_wall(later);
	w.quota = index_vault_totals(w.index).bytes;
	w.m[ANNA].rows[0].seq = 0;
	vault_world_index_lost(&w);
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "more", .a = 90, .nblocks = 3, .size = 9000, .seed = 90 });
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	a_second_passes();
	assert_true(vault_counts(w.vault).full);
	assert_int_equal(w.m[ANNA].settled, FILES + 2);
	verify();
	list_files();
	assert_int_equal(nfiles, ALL);
	later_ns = 48 * INT64_C(3600000000000);
	vault_world_age(&w, 48 * 3600);
	verify();
	a_second_passes();
	list_files();
	assert_int_equal(nfiles, ALL - BLOCKS_EACH);
	assert_int_equal(w.m[ANNA].settled, FILES + 2);
}

/* The whole index as it was before, with newer files: members know later numbers of it. */
static void an_older_index_is_put_back(void **state)
{
	uint64_t epoch = index_epoch(w.index), last = index_seq(w.index);
	struct msg_vault hello = { .what = MSG_VAULT_HELLO, .epoch = w.m[BERT].epoch, .role_known = ROLE_MEMBER };
	size_t row;

	(void)state;
	shell("mkdir $a/old; cp $a/index.db* $a/old", w.dir, "");
	row = vault_world_write(&w, ANNA,
	                        &(struct vault_file){ .path = "f0", .a = 99, .nblocks = 1, .size = 100, .seed = 77 });
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	hello.have_epoch = epoch;
	hello.have_seq = hello.settled = index_seq(w.index);
	assert_true(index_seq(w.index) > last);
	vault_world_down(&w, ANNA);
	shell("cp $a/old/* $a", w.dir, "");
	vault_world_rolled_back(&w);
	/* Its numbers may have been reserved further than it had given them: far enough to be sure. */
	hello.have_seq = hello.settled = index_seq(w.index) + 1000;
	w.m[BERT].up = true;
	vault_proved(w.vault, w.m[BERT].id);
	vault_up(w.vault, w.m[BERT].id, &hello);
	assert_true(index_epoch(w.index) != epoch);
	assert_true(w.problems > 0);
	vault_world_calm(&w);
	assert_int_equal(w.m[BERT].nheard, FILES + 2);
	/* Nobody but Anna has the row that was lost; its object is here. */
	w.m[ANNA].asked = 0;
	vault_world_up(&w, ANNA);
	assert_int_equal(w.m[ANNA].hello_settled, 0);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].settled, FILES + 3);
	assert_int_equal(w.m[ANNA].asked, 0);
	assert_true(vault_world_hears(&w, BERT, ANNA, row));
}

/* A core in the index is altered, cut short, or stands under the name of another; an endorsement is of another core.
 * What is told in the meantime is refused by members, since no endorsement is of it. */
static void damaged_rows_are_found_and_told_anew(void **state)
{
	static const char *const harms[] = {
		"UPDATE vault_cores SET core = substr(core, 1, length(core) - 1) || x'00'",
		"UPDATE vault_cores SET core = x'ff00'",
		"UPDATE vault_cores SET endorsement = (SELECT endorsement FROM vault_cores ORDER BY seq LIMIT 1)",
		"UPDATE vault_cores SET core = (SELECT max(core) FROM vault_cores)",
		"UPDATE vault_cores SET endorsement = x'01'",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(harms) / sizeof(harms[0]); i++) {
		w.problems = 0;
		vault_world_sql(&w, harms[i]);
		verify();
		assert_true(found.bad_rows >= FILES + 1);
		assert_int_equal(found.bad + found.missing, 0);
		assert_true(w.problems > 0);
		a_second_passes();
		expect_repaired(0);
		vault_world_down(&w, ANNA);
		vault_world_down(&w, BERT);
	}
}

/* Without having been found before, they keep nothing newer out. */
static void a_damaged_row_gives_way_to_a_later_version(void **state)
{
	(void)state;
	vault_world_sql(&w, "UPDATE vault_cores SET core = x'ff00'");
	vault_world_up(&w, ANNA);
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "f1", .a = 70, .nblocks = 1, .size = 100, .seed = 78 });
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].settled, FILES + 3);
	assert_int_equal(index_vault_totals(w.index).rows, FILES + 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(blocks_of_two_paths_are_swapped),
		T(a_file_is_cut_short),
		T(one_bit_flips_in_any_object),
		T(the_digest_behind_an_object_is_harmed),
		T(an_object_is_missing),
		T(the_disk_is_empty),
		T(a_page_stands_for_a_block),
		T(what_is_bad_is_not_given),
		T(the_index_is_lost),
		T(the_index_is_lost_and_objects_are_bad),
		T(what_is_not_known_goes_from_a_full_vault_too),
		T(an_older_index_is_put_back),
		T(damaged_rows_are_found_and_told_anew),
		T(a_damaged_row_gives_way_to_a_later_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
