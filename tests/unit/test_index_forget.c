/* Tombstones that all members have settled are dropped, and their changes still count as known. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"
#include "tests/unit/index_new.h"

enum { ME = 77, PEER = 5 };

static struct record folder(const char *path, bool deleted)
{
	return (struct record){ .path = mem_strdup(path), .kind = RECORD_DIR, .mode = 0755, .deleted = deleted };
}

static void put(const char *path, bool deleted)
{
	struct record r = folder(path, deleted), old;

	if (index_get(ix, path, &old) > 0)
		version_copy(&r.version, &old.version);
	record_clear(&old);
	assert_int_equal(index_put_change(ix, &r, NULL, ME), 0);
	record_clear(&r);
}

static bool has(const char *path)
{
	struct record r;
	int rc = index_get(ix, path, &r);

	record_clear(&r);
	return rc > 0;
}

/* Forgets all tombstones up to a number, in as many steps as that takes. */
static int forget(uint64_t upto)
{
	uint64_t at = 0;
	int dropped = 0, n;

	do {
		n = index_forget(ix, &at, upto);
		assert_true(n >= 0);
		dropped += n;
	} while (at < upto);
	return dropped;
}

static bool knows(uint64_t writer, uint64_t counter)
{
	struct version_entry e = { .writer = writer, .counter = counter };

	return index_knows(ix, &(struct version){ .n = 1, .e = &e });
}

static void tombstones_up_to_a_number_are_dropped(void **state)
{
	char path[16];

	(void)state;
	for (int i = 0; i < 1500; i++) {
		snprintf(path, sizeof(path), "d%d", i);
		put(path, i % 3 == 0);
	}
	assert_int_equal(index_totals(ix).tombstones, 500);
	assert_int_equal(index_forgotten(ix), 0);
	assert_int_equal(forget(1200), 400);
	assert_int_equal(index_totals(ix).tombstones, 100);
	assert_int_equal(index_totals(ix).dirs, 1000);
	assert_int_equal(index_forgotten(ix), 1198);
	assert_false(has("d0"));
	assert_true(has("d1"));
	assert_true(has("d1200"));
	assert_int_equal(index_seq(ix), 1500);
	assert_int_equal(forget(1500), 100);
	assert_int_equal(index_forgotten(ix), 1498);
}

static void a_tombstone_whose_path_is_wanted_stays_and_the_floor_never_falls(void **state)
{
	struct record r = folder("a", false);

	(void)state;
	put("a", true);
	put("b", true);
	r.seq = 9;
	assert_int_equal(index_offer(ix, PEER, &r), 0);
	record_clear(&r);
	assert_int_equal(forget(2), 1);
	assert_true(has("a"));
	assert_int_equal(index_offer_forget(ix, "a", 0), 0);
	assert_int_equal(forget(2), 1);
	assert_false(has("a"));
	assert_int_equal(index_forgotten(ix), 2);
}

static void known_is_what_was_received_and_settled_when_it_was_noted(void **state)
{
	struct index_peer p = { .epoch = 1000, .received = 50 };
	struct record r = folder("w", false);

	(void)state;
	put("a", true);
	assert_int_equal(index_peer_put(ix, PEER, &p), 0);
	assert_int_equal(index_note_known(ix, 1), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_false(knows(1000, 50)); /* no tombstone was forgotten yet */
	assert_int_equal(forget(1), 1);
	assert_true(knows(1000, 50));
	assert_false(knows(1000, 51));
	assert_false(knows(1001, 1));
	assert_true(knows(index_epoch(ix), 1));
	assert_false(knows(index_epoch(ix), 2));

	/* Notes do not count before index_confirm_known(). */
	p.received = 90;
	assert_int_equal(index_peer_put(ix, PEER, &p), 0);
	r.seq = 71;
	assert_int_equal(index_offer(ix, PEER, &r), 0);
	record_clear(&r);
	assert_int_equal(index_note_peer(ix, PEER), 0);
	assert_false(knows(1000, 51));
	assert_int_equal(index_confirm_known(ix), 0);
	assert_true(knows(1000, 70));
	assert_false(knows(1000, 71)); /* offered, and not here */

	/* Rows that are sent again from the start do not take back what is known. */
	p.received = 3;
	assert_int_equal(index_peer_put(ix, PEER, &p), 0);
	assert_int_equal(index_note_known(ix, 1), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_true(knows(1000, 70));
}

/* The change of a path that our ignore rules skip is not known: its row was never here. */
static void knowing_ends_at_the_first_row_that_was_not_taken(void **state)
{
	struct index_peer p = { .epoch = 1000, .received = 50 };

	(void)state;
	put("a", true);
	assert_int_equal(index_peer_put(ix, PEER, &p), 0);
	assert_false(index_has_rejected(ix));
	assert_int_equal(index_note_rejected(ix, 1000, 30), 0);
	assert_true(index_has_rejected(ix));
	assert_int_equal(index_note_rejected(ix, 1000, 20), 0);
	assert_int_equal(index_note_rejected(ix, 1000, 40), 0);
	assert_int_equal(index_note_known(ix, 1), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_int_equal(forget(1), 1);
	assert_true(knows(1000, 19));
	assert_false(knows(1000, 20));
	assert_int_equal(index_forget_rejected(ix), 0);
	assert_int_equal(index_note_known(ix, 1), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_true(knows(1000, 50));
}

static void what_nobody_changed_is_not_known(void **state)
{
	(void)state;
	put("a", true);
	assert_int_equal(forget(1), 1);
	assert_false(index_knows(ix, &(struct version){ 0 }));
}

/* --- members that are never met --- */

static void what_was_shown_from_afar_is_known(void **state)
{
	struct index_peer p = { .epoch = 1000, .received = 10 };

	(void)state;
	put("a", true);
	assert_int_equal(index_note_far(ix, 1000, 50), 0);
	assert_int_equal(index_note_far(ix, 1000, 40), 0);
	/* Once we had met it, and had less of it. */
	assert_int_equal(index_peer_put(ix, PEER, &p), 0);
	assert_int_equal(index_note_known(ix, 1), 0);
	assert_false(knows(1000, 1));
	assert_int_equal(index_confirm_known(ix), 0);
	assert_int_equal(forget(1), 1);
	assert_true(knows(1000, 50));
	assert_false(knows(1000, 51));
	assert_int_equal(index_note_far(ix, 1000, 60), 0);
	assert_false(knows(1000, 51)); /* not before it is confirmed */
	p.received = 70;
	assert_int_equal(index_peer_put(ix, PEER, &p), 0);
	assert_int_equal(index_note_known(ix, 1), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_true(knows(1000, 70));
}

static void knowing_from_afar_ends_at_a_row_that_was_not_taken(void **state)
{
	(void)state;
	put("a", true);
	assert_int_equal(index_note_rejected(ix, 1000, 30), 0);
	assert_int_equal(index_note_far(ix, 1000, 50), 0);
	assert_int_equal(index_note_far(ix, 2000, 50), 0);
	assert_int_equal(index_note_rejected(ix, 2000, 20), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_int_equal(forget(1), 1);
	assert_true(knows(1000, 29));
	assert_false(knows(1000, 30));
	assert_true(knows(2000, 19));
	assert_false(knows(2000, 20));
}

static void our_own_epoch_and_numbers_of_no_row_are_not_noted_from_afar(void **state)
{
	(void)state;
	put("a", true);
	assert_int_equal(index_note_far(ix, index_epoch(ix), 50), -1);
	assert_int_equal(index_note_far(ix, 1000, VERSION_PLAIN_MAX + 1), -1);
	assert_int_equal(index_note_far(ix, 0, 1), -1);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_int_equal(forget(1), 1);
	assert_false(knows(index_epoch(ix), 50));
	assert_false(knows(1000, 1));
}

/* A vault says that it has all of B up to 1,000, and so may we; it has hidden B's row 900. Tombstones that the vault
 * has settled are forgotten. When row 900 comes, it is not one that was deleted here. */
static void what_a_vault_says_of_others_is_not_known(void **state)
{
	enum { VAULT = 6 };
	struct index_peer vault = { .epoch = 3000, .received = 1000, .settled = 2 };

	(void)state;
	put("a", true);
	put("b", true);
	vault.settled_epoch = index_epoch(ix);
	assert_int_equal(index_peer_put(ix, VAULT, &vault), 0);
	assert_int_equal(index_note_known(ix, 2), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_int_equal(forget(2), 2);
	assert_false(knows(1000, 900));
	/* B's signed head, with the same root as ours, would be another matter. */
	assert_int_equal(index_note_far(ix, 1000, 1000), 0);
	assert_int_equal(index_confirm_known(ix), 0);
	assert_true(knows(1000, 900));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(tombstones_up_to_a_number_are_dropped),
		T(a_tombstone_whose_path_is_wanted_stays_and_the_floor_never_falls),
		T(known_is_what_was_received_and_settled_when_it_was_noted),
		T(knowing_ends_at_the_first_row_that_was_not_taken),
		T(what_nobody_changed_is_not_known),
		T(what_was_shown_from_afar_is_known),
		T(knowing_from_afar_ends_at_a_row_that_was_not_taken),
		T(our_own_epoch_and_numbers_of_no_row_are_not_noted_from_afar),
		T(what_a_vault_says_of_others_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
