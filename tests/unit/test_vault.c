/* A vault with honest members, and with some that are not: what it stores, settles, tells and gives. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "tests/unit/let_pass.h"
#include "tests/unit/vault_world.h"

static struct vault_world w;

static void no_line(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	(void)level;
	(void)text;
}

static int setup(void **state)
{
	(void)state;
	log_set_sink(no_line, NULL);
	vault_world_start(&w, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vault_world_end(&w);
	w.tick_ms = 0;
	clock_set_wall(NULL);
	log_set_sink(NULL, NULL);
	return 0;
}

static size_t write_file(int who, const char *path, uint64_t a, uint64_t b, int nblocks)
{
	struct vault_file f = { .path = path,
		                .a = a,
		                .b = b,
		                .nblocks = nblocks,
		                .size = 3000,
		                .seed = a * 100 + b + 7 };

	return vault_world_write(&w, who, &f);
}

/* Connects, and tells all. */
static void told(int who)
{
	vault_world_up(&w, who);
	vault_world_tell(&w, who);
	vault_world_calm(&w);
}

/* --- what it is for --- */

static void what_one_tells_another_gets_whole(void **state)
{
	struct vault_file paged = { .path = "large", .a = 9, .nblocks = 50, .pages = 8, .size = 5000, .seed = 3 };
	size_t row, many;

	(void)state;
	row = write_file(ANNA, "a/file", 1, 0, 3);
	many = vault_world_write(&w, ANNA, &paged);
	write_file(ANNA, "gone", 2, 0, 0);
	told(ANNA);
	assert_int_equal(w.m[ANNA].settled, 3);
	assert_int_equal(index_vault_totals(w.index).rows, 3);
	assert_int_equal(index_vault_totals(w.index).objects, 3 + 50 + 7);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_true(vault_world_hears(&w, BERT, ANNA, row));
	assert_true(vault_world_hears(&w, BERT, ANNA, many));
	assert_int_equal(w.m[BERT].nheard, 3);
	assert_int_equal(vault_world_fetch(&w, BERT, ANNA), 3 + 50 + 7);
	/* Nobody is told what it endorsed itself. */
	assert_int_equal(w.m[ANNA].nheard, 0);
	/* A reader is told too, and asked for nothing. */
	write_file(RITA, "of a reader", 1, 0, 1);
	told(RITA);
	assert_int_equal(w.m[RITA].nheard, 3);
	assert_int_equal(w.m[RITA].settled, 0);
	assert_int_equal(w.m[RITA].asked, 0);
}

/* Its own signature is what shows it that its index was rolled back. */
static void whoever_has_lost_numbers_of_its_own_is_told_its_rows(void **state)
{
	size_t lost[2];

	(void)state;
	write_file(ANNA, "kept", 1, 0, 3);
	lost[0] = write_file(ANNA, "lost", 1, 0, 4);
	lost[1] = write_file(ANNA, "lost too", 1, 0, 5);
	told(ANNA);
	assert_int_equal(w.m[ANNA].nheard, 0);
	vault_world_down(&w, ANNA);
	w.m[ANNA].seq = 1;
	vault_world_up(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].nheard, 2);
	assert_true(vault_world_hears(&w, ANNA, ANNA, lost[0]));
	assert_true(vault_world_hears(&w, ANNA, ANNA, lost[1]));
}

static void what_two_tell_is_asked_for_once(void **state)
{
	int asked;

	(void)state;
	for (int i = 0; i < 20; i++) {
		write_file(ANNA, (char[]){ 'p', (char)('a' + i), '\0' }, 5, 0, 2);
		write_file(BERT, (char[]){ 'p', (char)('a' + i), '\0' }, 5, 0, 2);
	}
	told(ANNA);
	asked = w.m[ANNA].asked;
	told(BERT);
	assert_int_equal(w.m[BERT].settled, 20);
	assert_int_equal(w.m[BERT].asked, 0);
	assert_int_equal(asked, (int)index_vault_totals(w.index).objects);
	/* In another generation it is another core of the same version: still nothing is uploaded. */
	for (int i = 0; i < 20; i++) {
		struct vault_file f = { .path = (char[]){ 'p', (char)('a' + i), '\0' },
			                .a = 5,
			                .nblocks = 2,
			                .size = 3000,
			                .seed = 507,
			                .generation = 2 };

		vault_world_write(&w, FRED, &f);
	}
	told(FRED);
	assert_int_equal(w.m[FRED].settled, 20);
	assert_int_equal(w.m[FRED].asked, 0);
	assert_int_equal(index_vault_totals(w.index).rows, 20);
}

static void two_generations_told_at_once_upload_one(void **state)
{
	struct vault_file f = { .path = "twin", .a = 5, .nblocks = 30, .size = 3000, .seed = 1, .generation = 1 };

	(void)state;
	vault_world_write(&w, ANNA, &f);
	f.generation = 2;
	vault_world_write(&w, BERT, &f);
	f.generation = 1;
	vault_world_write(&w, FRED, &f);
	vault_world_up(&w, ANNA);
	vault_world_up(&w, BERT);
	vault_world_tell(&w, ANNA);
	vault_world_tell(&w, BERT);
	vault_world_up(&w, FRED);
	vault_world_tell(&w, FRED);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].settled, 1);
	assert_int_equal(w.m[BERT].settled, 1);
	assert_int_equal(w.m[FRED].settled, 1);
	assert_int_equal(w.m[ANNA].asked + w.m[BERT].asked + w.m[FRED].asked, 30);
}

static void a_later_version_supersedes_and_siblings_stand(void **state)
{
	size_t first = write_file(ANNA, "x", 1, 0, 1), second = write_file(ANNA, "x", 2, 0, 1), other;

	(void)state;
	told(ANNA);
	other = write_file(BERT, "x", 1, 4, 1);
	told(BERT);
	vault_world_up(&w, RITA);
	vault_world_calm(&w);
	assert_false(vault_world_hears(&w, RITA, ANNA, first));
	assert_true(vault_world_hears(&w, RITA, ANNA, second));
	assert_true(vault_world_hears(&w, RITA, BERT, other));
	/* One that includes both. */
	write_file(FRED, "x", 2, 4, 0);
	told(FRED);
	assert_int_equal(w.m[RITA].nheard, 3);
	vault_world_down(&w, RITA);
	w.m[RITA].nheard = 0;
	vault_world_up(&w, RITA);
	vault_world_calm(&w);
	assert_int_equal(w.m[RITA].nheard, 1);
	/* What is older than what is here settles at once. */
	write_file(BERT, "x", 1, 3, 1);
	vault_world_tell(&w, BERT);
	vault_world_calm(&w);
	assert_int_equal(w.m[BERT].settled, 2);
}

static void sixteen_siblings_are_kept_whatever_the_order(void **state)
{
	int64_t rows;

	(void)state;
	for (uint64_t i = 0; i < 20; i++)
		write_file(ANNA, "many", 1 + i, 30 - i, 1);
	told(ANNA);
	assert_int_equal(w.m[ANNA].settled, 20);
	rows = index_vault_totals(w.index).rows;
	assert_int_equal(rows, 16);
	/* The same ones stay if they come the other way round. */
	for (uint64_t i = 20; i-- > 0;)
		write_file(BERT, "yet", 1 + i, 30 - i, 1);
	told(BERT);
	assert_int_equal(index_vault_totals(w.index).rows, 32);
}

static void a_row_waits_for_its_objects_and_others_do_not_wait_for_it(void **state)
{
	size_t row;

	(void)state;
	w.m[ANNA].lie = LIE_SILENT;
	write_file(ANNA, "slow", 1, 0, 4);
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(index_vault_totals(w.index).rows, 0);
	w.m[ANNA].lie = HONEST;
	row = write_file(ANNA, "quick", 2, 0, 1);
	w.m[ANNA].settled = 1;
	vault_world_tell(&w, ANNA);
	w.m[ANNA].settled = 0;
	vault_world_calm(&w);
	assert_int_equal(index_vault_totals(w.index).rows, 1);
	assert_int_equal(w.m[ANNA].settled, 0);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_true(vault_world_hears(&w, BERT, ANNA, row));
	assert_int_equal(w.m[BERT].nheard, 1);
	/* Told again at the next meeting. */
	vault_world_down(&w, ANNA);
	told(ANNA);
	assert_int_equal(w.m[ANNA].settled, 2);
	assert_int_equal(index_vault_totals(w.index).rows, 2);
}

static void another_holder_gives_what_the_first_cannot(void **state)
{
	static const enum vault_lie lies[] = { LIE_BIT, LIE_NONE, LIE_OTHER };

	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		char path[] = { 'f', (char)('0' + i), '\0' };

		w.m[ANNA].lie = lies[i];
		if (lies[i] == LIE_OTHER)
			write_file(ANNA, "aa", 77, 0, 1);
		write_file(ANNA, path, 3 + i, 0, 3);
		write_file(BERT, path, 3 + i, 0, 3);
		vault_world_up(&w, ANNA);
		vault_world_up(&w, BERT);
		vault_world_tell(&w, ANNA);
		vault_world_tell(&w, BERT);
		vault_world_calm(&w);
		assert_int_equal(w.m[BERT].settled, i + 1);
		assert_int_equal(w.m[ANNA].misbehaved > 0, i != 1);
		w.m[ANNA].misbehaved = 0;
		vault_world_down(&w, ANNA);
		vault_world_down(&w, BERT);
	}
	assert_true(index_vault_totals(w.index).rows >= 3);
}

/* --- who counts --- */

static void what_a_former_member_wrote_is_kept_and_not_told(void **state)
{
	size_t old, new;

	(void)state;
	old = write_file(FRED, "work", 0, 5, 2);
	told(FRED);
	write_file(ANNA, "older", 3, 0, 1);
	told(ANNA);
	assert_int_equal(roster_remove(w.roster, w.m[ANNA].self, identity_id(w.m[FRED].self), 1800000100), 0);
	vault_roster_changed(w.vault);
	vault_world_calm(&w);
	/* All writers are asked to tell all again. */
	assert_int_equal(w.m[ANNA].hellos, 2);
	assert_int_equal(w.m[ANNA].settled, 0);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_false(vault_world_hears(&w, BERT, FRED, old));
	assert_int_equal(w.m[BERT].nheard, 1);
	/* Anna has his file, and endorses it: nothing is uploaded, and it is told. */
	new = write_file(ANNA, "work", 0, 5, 2);
	w.m[ANNA].asked = 0;
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_int_equal(w.m[ANNA].settled, 2);
	assert_int_equal(w.m[ANNA].asked, 0);
	assert_true(vault_world_hears(&w, BERT, ANNA, new));
	assert_int_equal(index_vault_totals(w.index).rows, 2);
}

/* She has the vault's hello, and hers is on the way, when the vault finds that it needs all rows once more. */
static void who_is_about_to_come_up_is_asked_to_tell_all_again(void **state)
{
	(void)state;
	write_file(ANNA, "older", 3, 0, 1);
	told(ANNA);
	assert_int_equal(w.m[ANNA].settled, 1);
	vault_world_down(&w, ANNA);
	vault_proved(w.vault, w.m[ANNA].id);
	assert_int_equal(w.m[ANNA].hello_settled, 1);
	assert_int_equal(roster_remove(w.roster, w.m[ANNA].self, identity_id(w.m[FRED].self), 1800000100), 0);
	vault_roster_changed(w.vault);
	assert_int_equal(w.m[ANNA].hello_settled, 0);
}

static void what_a_former_member_wrote_hides_nothing(void **state)
{
	size_t row;

	(void)state;
	write_file(FRED, "x", 1, 5, 1);
	told(FRED);
	assert_int_equal(roster_remove(w.roster, w.m[ANNA].self, identity_id(w.m[FRED].self), 1800000100), 0);
	vault_roster_changed(w.vault);
	row = write_file(ANNA, "x", 1, 0, 1);
	told(ANNA);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_true(vault_world_hears(&w, BERT, ANNA, row));
	assert_int_equal(w.m[BERT].nheard, 1);
}

static void may(int who, enum role role, int64_t at_s)
{
	assert_int_equal(roster_grant(w.roster, w.m[ANNA].self, identity_id(w.m[who].self), role, "node", at_s), 0);
	vault_roster_changed(w.vault);
	vault_world_calm(&w);
}

/* Connects, with what it has heard before. */
static void back_again(int who)
{
	struct vault_member *m = &w.m[who];
	struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                   .epoch = m->epoch,
		                   .seq = m->seq,
		                   .have_epoch = m->vault_epoch,
		                   .have_seq = m->heard_upto,
		                   .settled = m->heard_upto,
		                   .role_known = ROLE_MEMBER };

	m->up = true;
	vault_proved(w.vault, m->id);
	vault_up(w.vault, m->id, &hello);
	vault_world_calm(&w);
}

/* It says hello before its index is on disk once more. */
static void what_was_settled_once_is_not_told_again(void **state)
{
	struct msg_vault hello = { .what = MSG_VAULT_HELLO,
		                   .have_epoch = index_epoch(w.index),
		                   .role_known = ROLE_MEMBER };

	(void)state;
	for (int i = 0; i < 5; i++)
		write_file(ANNA, (char[]){ 'p', (char)('a' + i), '\0' }, 5, 0, 2);
	told(ANNA);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_int_equal(w.m[BERT].nheard, 5);
	hello.have_seq = w.m[BERT].heard_upto;
	hello.epoch = w.m[BERT].epoch;
	for (int older = 0; older < 2; older++) {
		vault_world_down(&w, BERT);
		w.m[BERT].nheard = 0;
		w.m[BERT].up = true;
		if (older)
			w.m[BERT].heard_upto = 0;
		hello.have_seq -= (uint64_t)older;
		vault_proved(w.vault, w.m[BERT].id);
		vault_up(w.vault, w.m[BERT].id, &hello);
		vault_world_calm(&w);
		/* An older index has not received all of it, and may have lost any of it. */
		assert_int_equal(w.m[BERT].nheard, older ? 5 : 0);
	}
}

/* Nobody else has his file, and it was left out while he might not write. Those who are connected then hear of it,
 * those who are not when they come, and the next run of the vault still knows of it. */
static void what_was_left_out_is_told_when_its_writer_may_write_again(void **state)
{
	size_t work, deletion, more;

	(void)state;
	work = write_file(FRED, "work", 0, 5, 2);
	deletion = write_file(FRED, "gone", 0, 6, 0);
	told(FRED);
	vault_world_down(&w, FRED);
	may(FRED, ROLE_READER, 1800000100);
	/* As if it had heard of that before it knew that this has to be noted. */
	vault_world_sql(&w, "DELETE FROM meta WHERE name LIKE 'withheld%'");
	told(ANNA);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	/* Behind it, so its number is past. */
	more = write_file(ANNA, "more", 3, 0, 1);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_true(vault_world_hears(&w, BERT, ANNA, more));
	assert_int_equal(w.m[BERT].nheard, 1);
	vault_world_down(&w, BERT);
	vault_world_restart(&w, true);
	vault_world_up(&w, ANNA);
	vault_world_calm(&w);
	w.m[ANNA].nheard = 0;
	may(FRED, ROLE_MEMBER, 1800000200);
	assert_true(vault_world_hears(&w, ANNA, FRED, work));
	assert_true(vault_world_hears(&w, ANNA, FRED, deletion));
	assert_int_equal(w.m[ANNA].nheard, 2);
	back_again(BERT);
	assert_true(vault_world_hears(&w, BERT, FRED, work));
	assert_true(vault_world_hears(&w, BERT, FRED, deletion));
	assert_int_equal(w.m[BERT].nheard, 3);
	/* Only once. */
	may(RITA, ROLE_MEMBER, 1800000300);
	assert_int_equal(w.m[BERT].nheard, 3);
	assert_int_equal(index_vault_totals(w.index).rows, 3);
}

/* The vault has told it before it hears that he may not write, and the member leaves it out since it knows that. */
static void what_a_member_may_have_left_out_is_told_again(void **state)
{
	size_t work;

	(void)state;
	work = write_file(FRED, "work", 0, 5, 2);
	told(FRED);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_true(vault_world_hears(&w, BERT, FRED, work));
	may(FRED, ROLE_READER, 1800000100);
	w.m[BERT].nheard = 0;
	may(FRED, ROLE_MEMBER, 1800000200);
	assert_true(vault_world_hears(&w, BERT, FRED, work));
	assert_int_equal(w.m[BERT].nheard, 1);
}

/* More of them than the vault reads in one turn. */
static void all_that_was_left_out_is_told(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 700; i++) {
		char path[16];

		(void)snprintf(path, sizeof(path), "%llu", (unsigned long long)i);
		write_file(i % 3 == 0 ? ANNA : FRED, path, i % 3 == 0, i % 3 != 0, 0);
	}
	told(ANNA);
	told(FRED);
	may(FRED, ROLE_READER, 1800000100);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_int_equal(w.m[BERT].nheard, 234);
	may(FRED, ROLE_MEMBER, 1800000200);
	assert_int_equal(w.m[BERT].nheard, 700);
}

/* That his rows are left out has to be noted first. */
static void an_index_that_fails_is_tried_again_after_a_while(void **state)
{
	struct rlimit was, none;
	int turns = 0;

	(void)state;
	write_file(FRED, "work", 0, 5, 0);
	told(FRED);
	write_file(ANNA, "older", 3, 0, 0);
	told(ANNA);
	vault_world_down(&w, ANNA);
	vault_world_down(&w, FRED);
	assert_int_equal(roster_remove(w.roster, w.m[ANNA].self, identity_id(w.m[FRED].self), 1800000100), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	vault_roster_changed(w.vault);
	vault_world_up(&w, BERT);
	LET_PASS(w.loop, 300, (loop_turn(w.loop, true), (void)index_commit(w.index), turns++));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(w.m[BERT].nheard, 0);
	assert_true(turns < 60);
	while (index_commit(w.index) < 0)
		loop_turn(w.loop, true);
	for (int i = 0; i < 100 && w.m[BERT].nheard == 0; i++) {
		/* Anything that is committed shows that the note is not. */
		assert_int_equal(index_meta_put(w.index, "test", i), 0);
		vault_world_pass(&w, 50);
	}
	assert_int_equal(w.m[BERT].nheard, 1);
}

static void a_flood_by_a_former_member_stores_nothing(void **state)
{
	(void)state;
	vault_world_up(&w, FRED);
	assert_int_equal(roster_remove(w.roster, w.m[ANNA].self, identity_id(w.m[FRED].self), 1800000100), 0);
	for (uint64_t i = 0; i < 300; i++)
		write_file(FRED, "flood", 1 + i, 0, 1);
	/* Before the vault has heard of it, and after. */
	vault_world_tell(&w, FRED);
	vault_world_calm(&w);
	vault_roster_changed(w.vault);
	vault_world_tell(&w, FRED);
	vault_world_calm(&w);
	assert_int_equal(index_vault_totals(w.index).rows, 0);
	assert_int_equal(w.m[FRED].asked, 0);
	assert_int_equal(w.m[FRED].settled, 0);
	assert_int_equal(vault_counts(w.vault).pending, 0);
}

/* Bert brings cores that Fred has endorsed as a reader would. */
static void what_a_reader_endorsed_is_not_taken_from_a_writer(void **state)
{
	struct identity *bert = w.m[BERT].self;

	(void)state;
	write_file(BERT, "x", 1, 0, 1);
	w.m[BERT].self = w.m[RITA].self;
	told(BERT);
	w.m[BERT].self = bert;
	assert_int_equal(w.m[BERT].settled, 0);
	assert_int_equal(index_vault_totals(w.index).rows, 0);
	assert_int_equal(w.m[BERT].asked, 0);
}

/* The other way round: rows that Anna has endorsed, brought by one who may not write. */
static void what_a_reader_brings_is_not_taken(void **state)
{
	struct identity *rita = w.m[RITA].self;

	(void)state;
	write_file(RITA, "x", 1, 0, 1);
	w.m[RITA].self = w.m[ANNA].self;
	told(RITA);
	w.m[RITA].self = rita;
	assert_int_equal(index_vault_totals(w.index).rows, 0);
	assert_int_equal(w.m[RITA].asked, 0);
}

static void what_is_malformed_or_forged_is_named_and_not_taken(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		size_t row = write_file(ANNA, (char[]){ (char)('a' + i), '\0' }, 1, 0, 1);

		if (i == 1)
			w.m[ANNA].rows[row].core.p[0] ^= 1; /* its format */
		if (i == 2)
			w.m[ANNA].rows[row].core.p[w.m[ANNA].rows[row].core.len - 1] ^= 1; /* not what is endorsed */
	}
	told(ANNA);
	assert_int_equal(w.m[ANNA].settled, 1);
	assert_int_equal(index_vault_totals(w.index).rows, 1);
	assert_true(w.m[ANNA].misbehaved >= 1);
}

static void who_tells_more_than_its_window_is_stopped(void **state)
{
	(void)state;
	w.m[ANNA].lie = LIE_SILENT;
	for (uint64_t i = 0; i < 5200; i++) {
		char path[16];

		snprintf(path, sizeof(path), "n%d", (int)i);
		struct vault_file f = { .path = path, .a = 1, .nblocks = 1, .size = 64, .seed = i };
		vault_world_write(&w, ANNA, &f);
	}
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	w.m[ANNA].settled = 0;
	assert_true(vault_counts(w.vault).pending <= 4096 + 512);
	assert_int_equal(w.m[ANNA].asked, 128); /* which is 8 MiB, for all that it knows */
	/* It waits for objects, and does nothing until one comes. */
	assert_true(vault_world_turns(&w, 500) < 20);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_true(vault_counts(w.vault).pending <= 4096 + 512);
}

/* Of more objects than may be wanted all come, and no row waits long behind those that were told after it. */
static void what_has_no_room_yet_comes_in_its_order(void **state)
{
	enum { ROWS = 3000, AHEAD = 400 };
	int64_t ahead = 0;

	(void)state;
	/* No second passes at the vault, in which it would look elsewhere. */
	w.tick_ms = 600000;
	vault_world_restart(&w, false);
	for (int i = 0; i < ROWS; i++) {
		char path[16];

		(void)snprintf(path, sizeof(path), "n%d", i);
		vault_world_write(&w, ANNA,
		                  &(struct vault_file){ .path = path,
		                                        .a = 1,
		                                        .nblocks = 1,
		                                        .size = 64,
		                                        .seed = (uint64_t)i });
	}
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	/* No answer comes before it has looked at all of them. */
	while (vault_counts(w.vault).pending < ROWS || workers_pending(w.workers) > 0) {
		loop_turn(w.loop, false);
		assert_int_equal(index_commit(w.index), 0);
	}
	for (int i = 0; i < 20000 && w.m[ANNA].settled < ROWS; i++) {
		int64_t now;

		vault_world_pass(&w, 1);
		now = index_vault_totals(w.index).rows - (int64_t)w.m[ANNA].settled;
		ahead = now > ahead ? now : ahead;
	}
	assert_int_equal(w.m[ANNA].settled, ROWS);
	assert_int_equal(w.m[ANNA].asked, ROWS);
	assert_true(ahead < AHEAD);
}

/* Anna does not answer. Bert has told one of the rows that she told, behind many others. */
static void bert_is_asked_for(int rows_before)
{
	size_t row;

	w.tick_ms = 20;
	vault_world_restart(&w, false);
	w.m[ANNA].lie = LIE_SILENT;
	for (int i = 0; i < rows_before; i++) {
		char path[16];

		(void)snprintf(path, sizeof(path), "n%d", i);
		vault_world_write(&w, ANNA,
		                  &(struct vault_file){ .path = path,
		                                        .a = 1,
		                                        .nblocks = 1,
		                                        .size = 64,
		                                        .seed = (uint64_t)i });
	}
	write_file(ANNA, "shared", 1, 0, 1);
	vault_world_up(&w, ANNA);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	row = write_file(BERT, "shared", 1, 0, 1);
	vault_world_up(&w, BERT);
	vault_world_tell(&w, BERT);
	for (int i = 0; i < 500 && w.m[BERT].settled == 0; i++)
		vault_world_pass(&w, 20);
	assert_int_equal(w.m[BERT].settled, 1);
	assert_int_equal(index_vault_totals(w.index).rows, 1);
	vault_world_up(&w, RITA);
	vault_world_calm(&w);
	assert_true(vault_world_hears(&w, RITA, BERT, row));
}

static void who_is_asked_last_holds_up_nobody_else(void **state)
{
	(void)state;
	bert_is_asked_for(300);
}

static void whose_rows_have_no_room_holds_up_nobody_else(void **state)
{
	(void)state;
	bert_is_asked_for(2100);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_one_tells_another_gets_whole),
		T(whoever_has_lost_numbers_of_its_own_is_told_its_rows),
		T(what_two_tell_is_asked_for_once),
		T(two_generations_told_at_once_upload_one),
		T(a_later_version_supersedes_and_siblings_stand),
		T(sixteen_siblings_are_kept_whatever_the_order),
		T(a_row_waits_for_its_objects_and_others_do_not_wait_for_it),
		T(another_holder_gives_what_the_first_cannot),
		T(what_a_former_member_wrote_is_kept_and_not_told),
		T(who_is_about_to_come_up_is_asked_to_tell_all_again),
		T(what_a_former_member_wrote_hides_nothing),
		T(what_was_settled_once_is_not_told_again),
		T(what_was_left_out_is_told_when_its_writer_may_write_again),
		T(what_a_member_may_have_left_out_is_told_again),
		T(all_that_was_left_out_is_told),
		T(an_index_that_fails_is_tried_again_after_a_while),
		T(a_flood_by_a_former_member_stores_nothing),
		T(what_a_reader_endorsed_is_not_taken_from_a_writer),
		T(what_a_reader_brings_is_not_taken),
		T(what_is_malformed_or_forged_is_named_and_not_taken),
		T(who_tells_more_than_its_window_is_stopped),
		T(what_has_no_room_yet_comes_in_its_order),
		T(who_is_asked_last_holds_up_nobody_else),
		T(whose_rows_have_no_room_holds_up_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
