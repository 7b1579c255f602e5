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
#include "tests/unit/patience.h"
#include "tests/unit/run_until.h"
#include "tests/unit/vault_world.h"

enum {
	FILES = 40,
	BLOCKS_EACH = 3,
	ALL = FILES * BLOCKS_EACH,
	DAY = 24 * 3600,
};

static struct vault_world w;
static int64_t wall_s, bytes_before; /* bytes_before: of all that is stored */
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
	vault_world_pass(&w, 100);
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
	wall_s = 1800001000;
	clock_set_wall(wall);
	w.tick_ms = 40;
	vault_world_start(&w, 0);
	for (int i = 0; i < FILES; i++)
		write_file(ANNA, i);
	write_file(BERT, 1);
	write_file(FRED, 1);
	tell_all(ANNA);
	bytes_before = index_vault_totals(w.index).bytes;
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

static void turn(void)
{
	vault_world_turn(&w);
}

/* Files of objects that are left when the vault has looked at all of them. */
static int left_now(void)
{
	verified = false;
	vault_verify(w.vault, on_found, NULL);
	RUN_UNTIL(verified);
	a_second_passes();
	nfiles = 0;
	vault_world_files(&w, count_file, NULL);
	return nfiles;
}

/* So long after the last time this was asked. */
static int left_after(int days)
{
	wall_s += (int64_t)days * DAY;
	vault_world_age(&w, (int64_t)days * DAY);
	return left_now();
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

/* Fred's index was lost as well, and he says hello while his share is still being read. */
static void a_writer_that_still_scans_has_not_told_all(void **state)
{
	(void)state;
	w.m[FRED].scanning = true;
	tell_all(ANNA);
	tell_all(BERT);
	tell_all(FRED);
	assert_int_equal(left_after(5), ALL);
	write_file(FRED, 0);
	vault_world_tell(&w, FRED);
	vault_world_calm(&w);
	w.m[FRED].scanning = false;
	assert_int_equal(w.m[FRED].asked, 0);
	assert_int_equal(left_after(5), ALL);
	assert_int_equal(left_after(5), ALL);
}

/* What he signed last was said of more rows than he has told. */
static void a_writer_that_has_signed_for_more_has_not_told_all(void **state)
{
	(void)state;
	tell_all(ANNA);
	tell_all(BERT);
	vault_world_up(&w, FRED);
	vault_world_tell(&w, FRED);
	w.m[FRED].seq += 5;
	a_second_passes();
	assert_int_equal(left_after(5), ALL);
	w.m[FRED].seq -= 5;
	a_second_passes();
	assert_int_equal(left_after(2), ALL - BLOCKS_EACH);
}

/* Whoever comes last may have something on its way. */
static void the_day_begins_when_the_last_of_them_has_told(void **state)
{
	(void)state;
	tell_all(ANNA);
	tell_all(BERT);
	assert_int_equal(left_after(5), ALL);
	tell_all(FRED);
	wall_s += DAY / 2;
	vault_world_age(&w, DAY / 2);
	assert_int_equal(left_now(), ALL);
	assert_int_equal(left_after(1), ALL - BLOCKS_EACH);
}

static void a_writer_without_rows_is_not_waited_for(void **state)
{
	(void)state;
	w.m[FRED].rows[0].seq = 0;
	w.m[FRED].seq = 0;
	tell_all(FRED);
	assert_int_equal(left_after(5), ALL);
	tell_all(ANNA);
	tell_all(BERT);
	assert_int_equal(left_after(2), ALL - BLOCKS_EACH);
}

static void those_who_may_not_write_are_not_waited_for(void **state)
{
	struct vault_member *anna = &w.m[ANNA];

	(void)state;
	tell_all(ANNA);
	assert_int_equal(left_after(5), ALL);
	assert_int_equal(roster_remove(w.roster, anna->self, identity_id(w.m[FRED].self), 1800000100), 0);
	vault_roster_changed(w.vault);
	a_second_passes();
	assert_int_equal(left_after(5), ALL);
	assert_int_equal(roster_grant(w.roster, anna->self, identity_id(w.m[BERT].self), ROLE_READER, "bert",
	                              1800000101),
	                 0);
	vault_roster_changed(w.vault);
	vault_world_calm(&w);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	a_second_passes();
	assert_int_equal(left_after(2), ALL - BLOCKS_EACH);
}

/* A writer may have lost its disk for good, and nobody has removed it. */
static void who_does_not_come_for_long_is_not_waited_for(void **state)
{
	(void)state;
	tell_all(ANNA);
	assert_int_equal(left_after(89), ALL);
	assert_int_equal(left_after(2), ALL - BLOCKS_EACH);
}

static void somebody_is_waited_for_all_the_same(void **state)
{
	(void)state;
	assert_int_equal(left_after(91), ALL);
	tell_all(ANNA);
	assert_int_equal(left_now(), ALL);
	assert_int_equal(left_after(2), ALL - BLOCKS_EACH);
}

/* Nor is one put back: the vault's time goes on meanwhile. */
static void a_clock_that_jumps_ahead_is_no_time(void **state)
{
	(void)state;
	tell_all(ANNA);
	tell_all(BERT);
	tell_all(FRED);
	wall_s += 400 * (int64_t)DAY;
	vault_world_age(&w, 0);
	assert_int_equal(left_now(), ALL);
	vault_world_restart(&w, false);
	vault_world_age(&w, 0);
	assert_int_equal(left_now(), ALL);
	wall_s -= 400 * (int64_t)DAY;
	vault_world_age(&w, 2 * DAY);
	assert_int_equal(left_now(), ALL - BLOCKS_EACH);
}

static void shell(const char *form)
{
	char cmd[512];

	snprintf(cmd, sizeof(cmd), "d=%s; %s", w.dir, form);
	assert_int_equal(system(cmd), 0);
}

/* An older index is put back, and only Bert comes, who never heard of what the vault knew since. */
static void an_older_index_costs_nothing_that_is_stored(void **state)
{
	(void)state;
	tell_all(ANNA);
	tell_all(BERT);
	tell_all(FRED);
	assert_int_equal(left_after(2), ALL - BLOCKS_EACH);
	shell("mkdir $d/old; cp $d/index.db* $d/old");
	write_file(ANNA, FILES);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].asked, BLOCKS_EACH);
	/* The disk has a clock of its own, in this test. */
	shell("find $d/share/.lanyard/vault -type f -exec touch -d @1800200000 {} +");
	vault_world_rolled_back(&w);
	tell_all(BERT);
	assert_int_equal(left_after(3), ALL);
	/* And it is not needed again. */
	tell_all(FRED);
	tell_all(ANNA);
	assert_int_equal(w.m[ANNA].asked, BLOCKS_EACH);
	assert_int_equal(left_after(3), ALL);
}

/* --- what it takes of the quota --- */

static int64_t bytes_said(void)
{
	a_second_passes();
	return vault_counts(w.vault).bytes;
}

/* Its own margin is what one object may come to, which it learns from those that come: how many fit depends on how
 * fast they do. What is lost to Anna, and in the way, takes more than that. */
static void what_is_not_known_counts_for_the_quota(void **state)
{
	const int64_t quota = bytes_before + (64 << 10) + 5000;
	int asked;

	(void)state;
	for (int i = 2; i < FILES / 2; i++)
		w.m[ANNA].rows[i].seq = 0;
	vault_set_quota(w.vault, quota);
	assert_in_range(bytes_said(), bytes_before * 9 / 10, bytes_before); /* all but the rows */
	/* The rows that it has lost count before anything else is asked for. */
	tell_all(ANNA);
	for (int i = 0; i < FILES / 2; i++)
		write_file(ANNA, FILES + i);
	tell_all(ANNA);
	asked = w.m[ANNA].asked;
	assert_true(vault_counts(w.vault).full);
	assert_in_range(asked, 1, FILES / 2 * BLOCKS_EACH - 1);
	assert_true(bytes_said() <= quota);
	(void)left_after(2);
	/* It asks for what it wants when it notices that there is room. */
	for (int i = 0; i < PATIENCE_S && w.m[ANNA].asked == asked; i++)
		vault_world_age(&w, 0);
	assert_true(w.m[ANNA].asked > asked);
	assert_true(bytes_said() <= quota);
}

/* Nothing is wanted that there is no room for. */
static void a_vault_that_was_full_before_gives_nothing_up(void **state)
{
	(void)state;
	vault_set_quota(w.vault, bytes_before);
	a_second_passes();
	assert_true(vault_counts(w.vault).full);
	assert_int_equal(left_after(2), ALL);
	tell_all(ANNA);
	assert_int_equal(w.m[ANNA].asked, 0);
	assert_int_equal(left_after(2), ALL);
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
	RUN_UNTIL((vault_debug(w.vault, note_jobs, &most), w.m[ANNA].settled >= FILES));
	assert_int_equal(w.m[ANNA].settled, FILES);
	assert_int_equal(w.m[ANNA].asked, 0);
	assert_in_range(most, 1, 12);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_goes_after_all_writers_were_here),           T(what_one_writer_has_not_told_stays_for_another),
		T(a_writer_that_still_scans_has_not_told_all),    T(a_writer_that_has_signed_for_more_has_not_told_all),
		T(the_day_begins_when_the_last_of_them_has_told), T(a_writer_without_rows_is_not_waited_for),
		T(those_who_may_not_write_are_not_waited_for),    T(who_does_not_come_for_long_is_not_waited_for),
		T(somebody_is_waited_for_all_the_same),           T(a_clock_that_jumps_ahead_is_no_time),
		T(an_older_index_costs_nothing_that_is_stored),   T(what_is_not_known_counts_for_the_quota),
		T(a_vault_that_was_full_before_gives_nothing_up), T(few_are_looked_up_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
