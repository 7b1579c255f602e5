/* What a vault may use, what it survives and what it keeps for others: its quota, space given back, kills at any
 * moment, mail. */
#include <setjmp.h>
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
#include "sync/seal/envelope.h"
#include "tests/unit/seal_world.h"
#include "tests/unit/vault_world.h"

enum { MANY = 40, SIZE = 20000 };

static struct vault_world w;
static int64_t wall_s;
static int nfiles;

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

static int setup(void **state)
{
	(void)state;
	log_set_sink(no_line, NULL);
	wall_s = 1800001000;
	clock_set_wall(wall);
	vault_world_start(&w, 0);
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

static void write_many(int who, uint64_t version, int blocks)
{
	for (int i = 0; i < MANY; i++) {
		char path[16];

		snprintf(path, sizeof(path), "p%d", i);
		vault_world_write(&w, who,
		                  &(struct vault_file){ .path = path,
		                                        .a = version,
		                                        .nblocks = blocks,
		                                        .size = SIZE,
		                                        .seed = version * 1000 + (uint64_t)i });
	}
}

static void told(int who)
{
	vault_world_up(&w, who);
	vault_world_tell(&w, who);
	vault_world_calm(&w);
}

static void count_file(void *arg, const char *path)
{
	(void)arg;
	(void)path;
	nfiles++;
}

static int files_now(void)
{
	nfiles = 0;
	vault_world_files(&w, count_file, NULL);
	return nfiles;
}

/* --- space --- */

static void a_full_vault_says_so_and_asks_for_nothing(void **state)
{
	int64_t quota = 1 << 20;

	(void)state;
	vault_set_quota(w.vault, quota);
	write_many(ANNA, 1, 2); /* 1.6 MB */
	told(ANNA);
	assert_true(index_vault_totals(w.index).bytes <= quota);
	assert_true(index_vault_totals(w.index).bytes > quota / 2);
	assert_true(vault_counts(w.vault).full);
	assert_string_equal(vault_counts(w.vault).why, "the vault is full");
	assert_true(w.m[ANNA].full);
	assert_int_equal(w.m[ANNA].quota, quota);
	assert_true(w.m[ANNA].settled > 0 && w.m[ANNA].settled < MANY);
	/* With more space it goes on by itself. */
	vault_set_quota(w.vault, 4 << 20);
	vault_world_calm(&w);
	assert_false(w.m[ANNA].full);
	assert_int_equal(w.m[ANNA].settled, MANY);
}

static void what_is_superseded_makes_way_when_it_is_full(void **state)
{
	(void)state;
	write_many(ANNA, 1, 1); /* 0.8 MB */
	told(ANNA);
	vault_set_quota(w.vault, 1200 << 10);
	write_many(ANNA, 2, 1);
	vault_world_tell(&w, ANNA);
	vault_world_calm(&w);
	assert_true(vault_counts(w.vault).full);
	for (int i = 0; i < 6 && w.m[ANNA].settled < 2 * MANY; i++) {
		wall_s += 3600;
		vault_world_age(&w, 3600);
	}
	assert_int_equal(w.m[ANNA].settled, 2 * MANY);
	assert_true(index_vault_totals(w.index).bytes <= 1200 << 10);
	vault_world_up(&w, BERT);
	vault_world_calm(&w);
	assert_int_equal(w.m[BERT].nheard, MANY);
	assert_true(files_now() <= 60);
}

/* --- kills --- */

/* Kills it after more and more turns of an upload, and goes on: whatever is in the index is whole, and in the end
 * all is. */
static void a_kill_at_any_moment_leaves_whole_rows(void **state)
{
	int kills = 0;

	(void)state;
	write_many(ANNA, 1, 2);
	vault_world_write(&w, ANNA,
	                  &(struct vault_file){ .path = "large",
	                                        .a = 9,
	                                        .nblocks = 60,
	                                        .pages = 10,
	                                        .size = 3000,
	                                        .seed = 3 });
	for (int turns = 1; w.m[ANNA].settled < MANY + 1; turns += 3, kills++) {
		struct vault_found f = { 0 };

		assert_true(kills < 300);
		vault_world_up(&w, ANNA);
		vault_world_tell(&w, ANNA);
		for (int i = 0; i < turns; i++)
			vault_world_turn(&w);
		/* What is settled stays so. */
		f.checked = (int64_t)w.m[ANNA].settled;
		vault_world_restart(&w, true);
		vault_world_up(&w, ANNA);
		assert_true((int64_t)w.m[ANNA].hello_settled >= f.checked);
		vault_world_up(&w, BERT);
		for (int i = 0; i < 3; i++)
			vault_world_turn(&w);
		vault_world_down(&w, ANNA);
		vault_world_down(&w, BERT);
		w.m[BERT].nheard = 0;
	}
	assert_true(kills > 3);
	vault_world_up(&w, BERT);
	assert_int_equal(vault_world_fetch(&w, BERT, ANNA), 2 * MANY + 60 + 6);
	assert_int_equal(w.m[BERT].nheard, MANY + 1);
}

static void a_member_that_comes_and_goes_costs_no_second_upload(void **state)
{
	(void)state;
	write_many(ANNA, 1, 2);
	for (int i = 0; i < 200 && w.m[ANNA].settled < MANY; i++) {
		vault_world_up(&w, ANNA);
		vault_world_tell(&w, ANNA);
		for (int k = 0; k < 8; k++)
			vault_world_turn(&w);
		vault_world_pass(&w, 10);
		vault_world_down(&w, ANNA);
		vault_world_pass(&w, 15);
	}
	assert_int_equal(w.m[ANNA].settled, MANY);
	assert_true(w.m[ANNA].asked < 8 * MANY);
	assert_int_equal(w.m[ANNA].misbehaved, 0);
}

/* --- mail --- */

static struct bytes envelope(int from, int to, uint64_t group)
{
	struct envelope_key key = { .generation = 1 };
	struct envelope_contents contents = { .keys = &key, .nkeys = 1 };
	struct group_id g = group == 0 ? *roster_group(w.roster) : seal_world_group(group);
	uint8_t box[32] = { 9 }, current[32] = { 1 };
	struct bytes out = BYTES_INIT(ENVELOPE_MAX);

	assert_int_equal(envelope_seal(&g, w.m[from].self, identity_id(w.m[to].self), box, current, &contents, &out),
	                 0);
	return out;
}

static void send_mail(int who, struct bytes *e, size_t n)
{
	struct msg_bytes list[8];
	struct msg_keys m = { .envelopes = list, .nenvelopes = n };

	for (size_t i = 0; i < n; i++)
		list[i] = (struct msg_bytes){ e[i].p, e[i].len };
	vault_keys_in(w.vault, w.m[who].id, &m);
	vault_world_calm(&w);
	for (size_t i = 0; i < n; i++)
		bytes_free(&e[i]);
}

/* Who has no keys says no hello. */
static size_t asks_for_mail(int who)
{
	struct msg_keys m = { .nheld = 0 };

	w.m[who].envelopes = 0;
	vault_keys_in(w.vault, w.m[who].id, &m);
	return w.m[who].envelopes;
}

static void mail_waits_for_its_recipient(void **state)
{
	struct bytes e[4] = { envelope(ANNA, BERT, 0), envelope(ANNA, RITA, 0), envelope(ANNA, SELF, 0),
		              envelope(ANNA, BERT, 5) };

	(void)state;
	send_mail(ANNA, e, 4);
	/* Another one of the same takes its place. */
	e[0] = envelope(ANNA, BERT, 0);
	send_mail(ANNA, e, 1);
	e[0] = envelope(FRED, BERT, 0);
	send_mail(ANNA, e, 1);
	vault_world_restart(&w, false);
	assert_int_equal(asks_for_mail(BERT), 2);
	assert_int_equal(asks_for_mail(RITA), 1);
	assert_int_equal(asks_for_mail(ANNA), 0);
	assert_int_equal(asks_for_mail(SELF), 0);
	/* That of who leaves goes, to and from. */
	assert_int_equal(roster_remove(w.roster, w.m[ANNA].self, identity_id(w.m[FRED].self), 1800000100), 0);
	vault_roster_changed(w.vault);
	vault_world_restart(&w, false);
	assert_int_equal(asks_for_mail(BERT), 1);
	/* And who may not hold keys sends none. */
	e[0] = envelope(FRED, RITA, 0);
	send_mail(BERT, e, 1);
	assert_int_equal(asks_for_mail(RITA), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_full_vault_says_so_and_asks_for_nothing),
		T(what_is_superseded_makes_way_when_it_is_full),
		T(a_kill_at_any_moment_leaves_whole_rows),
		T(a_member_that_comes_and_goes_costs_no_second_upload),
		T(mail_waits_for_its_recipient),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
