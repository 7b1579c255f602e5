/* What lies in a vault's folder after its index was lost: how long it stays there, and how it is looked up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "tests/unit/vault_world.h"

enum {
	FILES = 40,
	BLOCKS_EACH = 3,
	ALL = FILES * BLOCKS_EACH,
	DAY = 24 * 3600,
};

static struct vault_world w;
static int64_t wall_s, lost_s;
static int nfiles;
static bool verified;

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

static void write_file(int who, int i)
{
	char path[16];

	snprintf(path, sizeof(path), "f%d", i);
	vault_world_write(&w, who,
	                  &(struct vault_file){ .path = path,
	                                        .a = 1,
	                                        .nblocks = BLOCKS_EACH,
	                                        .size = 2000,
	                                        .seed = 20 + (uint64_t)i });
}

static void a_second_passes(void)
{
	vault_world_pass(&w, 1500);
	vault_world_calm(&w);
}

static void tell_all(int who)
{
	vault_world_up(&w, who);
	vault_world_tell(&w, who);
	vault_world_calm(&w);
	a_second_passes();
}

/* Anna's files are at the vault, whose index is lost. While it was, she deleted the first of them. The other writers,
 * Bert and Fred, have the second one too. */
static int setup(void **state)
{
	(void)state;
	log_set_sink(no_line, NULL);
	wall_s = lost_s = 1800001000;
	clock_set_wall(wall);
	vault_world_start(&w, 0);
	for (int i = 0; i < FILES; i++)
		write_file(ANNA, i);
	write_file(BERT, 1);
	write_file(FRED, 1);
	tell_all(ANNA);
	vault_world_index_lost(&w);
	w.m[ANNA].rows[0].seq = 0;
	w.m[ANNA].asked = 0;
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

static void on_found(void *arg, const struct vault_found *f)
{
	(void)arg;
	(void)f;
	verified = true;
}

static void count_file(void *arg, const char *path)
{
	(void)arg;
	(void)path;
	nfiles++;
}

/* Files of objects that are left when the vault has looked at all of them, so long after the loss. */
static int left_after(int days)
{
	wall_s = lost_s + (int64_t)days * DAY;
	a_second_passes();
	verified = false;
	vault_verify(w.vault, on_found, NULL);
	for (int i = 0; i < 20000 && !verified; i++)
		vault_world_turn(&w);
	assert_true(verified);
	a_second_passes();
	nfiles = 0;
	vault_world_files(&w, count_file, NULL);
	return nfiles;
}

/* What nobody wants goes when each writer has told what there is, and a day has gone by. That somebody has told is not
 * forgotten when the vault is restarted. */
static void it_goes_after_all_writers_were_here(void **state)
{
	(void)state;
	assert_int_equal(left_after(2), ALL);
	tell_all(ANNA);
	tell_all(BERT);
	vault_world_restart(&w, false);
	tell_all(FRED);
	assert_int_equal(left_after(2), ALL - BLOCKS_EACH);
	assert_int_equal(w.m[ANNA].asked, 0);
}

/* Fred has the file that Anna has not, and comes later than after a day. */
static void what_one_writer_has_not_told_stays_for_another(void **state)
{
	(void)state;
	write_file(FRED, 0);
	tell_all(ANNA);
	assert_int_equal(left_after(3), ALL);
	tell_all(FRED);
	tell_all(BERT);
	assert_int_equal(w.m[FRED].asked, 0);
	assert_int_equal(left_after(3), ALL);
}

/* A writer may have lost its disk for good, and nobody has removed it. */
static void who_does_not_come_for_long_is_not_waited_for(void **state)
{
	(void)state;
	assert_int_equal(left_after(91), ALL);
	wall_s = lost_s;
	tell_all(ANNA);
	assert_int_equal(left_after(89), ALL);
	assert_int_equal(left_after(91), ALL - BLOCKS_EACH);
}

static void note_jobs(void *arg, const char *part, const char *name, int64_t value)
{
	int64_t *most = arg;

	if (strcmp(part, "vault") == 0 && strcmp(name, "jobs") == 0 && value > *most)
		*most = value;
}

/* A slow disk would otherwise keep an agent from ending, and from all else. */
static void few_are_looked_up_at_once(void **state)
{
	int64_t most = 0;

	(void)state;
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	for (int i = 0; i < 20000 && w.m[ANNA].settled < FILES; i++) {
		vault_world_turn(&w);
		vault_debug(w.vault, note_jobs, &most);
	}
	assert_int_equal(w.m[ANNA].settled, FILES);
	assert_int_equal(w.m[ANNA].asked, 0);
	assert_in_range(most, 1, 12);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_goes_after_all_writers_were_here),
		T(what_one_writer_has_not_told_stays_for_another),
		T(who_does_not_come_for_long_is_not_waited_for),
		T(few_are_looked_up_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
