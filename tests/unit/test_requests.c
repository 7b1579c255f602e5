/* The mailbox of requests to join: read by every member in the same way, whatever order entries come in; bounded for
 * every signer; waiting for REQUESTS_DAYS and no longer. LANYARD_ROUNDS: of the random test. */
#include "tests/unit/mail_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"

/* --- what counts --- */

struct coded {
	const char *code;
	struct requests_item *item;
	int found;
};

static bool find_coded(void *arg, const struct requests_item *item)
{
	struct coded *c = arg;

	if (request_code_is(c->code, item->code)) {
		*c->item = *item;
		c->found++;
	}
	return true;
}

static void a_request_waits_until_an_owner_decides(void **state)
{
	struct mail_world *w = *state;
	size_t first = asks(w, 0, MEMBER, 5);
	struct requests *r = mail_of(w);
	struct requests_item item;
	char code[REQUEST_CODE_TEXT];
	struct coded coded = { .code = code, .item = &item };
	struct request_entry e;

	assert_int_equal(request_parse(&e, w->entries[first].p, w->entries[first].len), 0);
	request_code(code, &w->tag, e.key, e.r, e.s);
	assert_int_equal(requests_state(r, asker_id(w, 0), 5, 5), REQUESTS_WAITING);
	requests_each(r, find_coded, &coded);
	assert_int_equal(coded.found, 1);
	assert_true(agent_id_equal(&item.asker, asker_id(w, 0)));
	assert_true(agent_id_equal(&item.giver, identity_id(w->people[MEMBER])));
	assert_string_equal(item.name, "laptop");
	assert_string_equal(item.address, "10.0.0.1");
	/* Who is not an owner decides nothing. */
	assert_int_equal(requests_reject(r, w->roster, w->people[MEMBER], asker_id(w, 0), false, mail_now), -1);
	assert_int_equal(requests_reject(r, w->roster, w->people[OWNER], asker_id(w, 1), false, mail_now), -1);
	assert_int_equal(requests_reject(r, w->roster, w->people[OWNER], asker_id(w, 0), false, mail_now), 0);
	assert_int_equal(requests_state(r, asker_id(w, 0), 5, 5), REQUESTS_REJECTED);
	assert_int_equal(requests_state(r, asker_id(w, 0), 5, 0), REQUESTS_REJECTED);
	assert_int_equal(requests_waiting(r), 0);
	/* A later one waits again, and the rejection of the earlier one does not answer it. */
	assert_int_equal(requests_state(r, asker_id(w, 0), 0, 0), REQUESTS_NONE);
	assert_int_equal(requests_number(r, asker_id(w, 0)), 5);
	mail_put(w, r, asks(w, 0, OWNER, 6));
	assert_true(requests_settle(r, w->roster, mail_now));
	assert_int_equal(requests_state(r, asker_id(w, 0), 6, 6), REQUESTS_WAITING);
	/* One that the asker cannot show has a code that nobody could compare. */
	assert_int_equal(requests_state(r, asker_id(w, 0), 6, 5), REQUESTS_NONE);
	/* For good: also what it asks later. */
	assert_int_equal(requests_reject(r, w->roster, w->people[FOUNDER], asker_id(w, 0), true, mail_now), 0);
	mail_put(w, r, asks(w, 0, OWNER, 7));
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_state(r, asker_id(w, 0), 7, 7), REQUESTS_BARRED);
	assert_int_equal(requests_waiting(r), 0);
	requests_free(r);
}

static void an_acceptance_beats_every_rejection(void **state)
{
	struct mail_world *w = *state;
	struct requests *r;

	asks(w, 0, MEMBER, 5);
	answers(w, OWNER, 0, 5, REQUEST_BARRED);
	r = mail_of(w);
	assert_int_equal(requests_state(r, asker_id(w, 0), 5, 5), REQUESTS_BARRED);
	assert_int_equal(roster_grant(w->roster, w->people[FOUNDER], asker_id(w, 0), ROLE_MEMBER, "x", mail_now), 0);
	assert_true(requests_settle(r, w->roster, mail_now));
	assert_int_equal(requests_state(r, asker_id(w, 0), 5, 5), REQUESTS_NONE);
	requests_free(r);
}

/* An owner would otherwise be asked again by one that has left or was removed, with a code that was compared once. */
static void what_was_accepted_never_waits_again(void **state)
{
	struct mail_world *w = *state;
	size_t first = asks(w, 0, MEMBER, 5), other = asks(w, 1, MEMBER, 5), meanwhile;
	struct bytes leave = BYTES_INIT(ROSTER_ENTRY_MAX);
	struct requests *r = mail_of(w);

	for (int i = 0; i < 2; i++)
		assert_int_equal(roster_grant(w->roster, w->people[FOUNDER], asker_id(w, i), ROLE_MEMBER, "x",
		                              mail_now),
		                 0);
	requests_settle(r, w->roster, mail_now);
	/* One that comes while it is a member was not accepted: its leave may be on the way to us. */
	meanwhile = asks(w, 1, OWNER, 6);
	mail_put(w, r, meanwhile);
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_waiting(r), 0);
	assert_int_equal(roster_leave(w->roster, w->askers[0], false, mail_now, &leave), 0);
	assert_int_equal(roster_remove(w->roster, w->people[FOUNDER], asker_id(w, 1), mail_now), 0);
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_waiting(r), 1);
	assert_true(counts(w, r, meanwhile));
	/* Nor when somebody brings it that has not heard of it. */
	assert_int_equal(requests_put(r, 1, w->entries[first].p, w->entries[first].len, mail_now), REQUESTS_KNOWN);
	assert_int_equal(requests_put(r, 1, w->entries[other].p, w->entries[other].len, mail_now), REQUESTS_KNOWN);
	/* Its agent learns which number is free, whatever its clock says. */
	assert_int_equal(requests_number(r, asker_id(w, 0)), 5);
	mail_put(w, r, asks(w, 0, OWNER, 6));
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_state(r, asker_id(w, 0), 6, 6), REQUESTS_WAITING);
	requests_free(r);
	bytes_free(&leave);
}

static void words_without_a_right_do_not_count(void **state)
{
	struct mail_world *w = *state;
	size_t by_reader = asks(w, 0, READER, 1), by_outsider = asks(w, 1, OUTSIDER, 1);
	size_t asked = asks(w, 2, MEMBER, 1), no_by_member = answers(w, MEMBER, 2, 1, REQUEST_BARRED);
	size_t of_member;
	struct requests *r;

	/* A member that is in already has nothing to ask for. */
	identity_free(w->askers[3]);
	w->askers[3] = identity_new();
	assert_int_equal(roster_grant(w->roster, w->people[FOUNDER], asker_id(w, 3), ROLE_MEMBER, "x", mail_now), 0);
	of_member = asks(w, 3, MEMBER, 1);
	r = mail_of(w);
	assert_false(counts(w, r, by_reader) || counts(w, r, by_outsider) || counts(w, r, no_by_member) ||
	             counts(w, r, of_member));
	assert_true(counts(w, r, asked));
	/* The giver is removed: its salt is nobody's. */
	assert_int_equal(roster_remove(w->roster, w->people[FOUNDER], identity_id(w->people[MEMBER]), mail_now), 0);
	assert_true(requests_settle(r, w->roster, mail_now));
	assert_int_equal(requests_waiting(r), 0);
	requests_free(r);
}

/* --- any order --- */

/* Few agents, often about the same; or a crowd at one member, more than there is room for. */
static void populate_mail(struct mail_world *w, bool crowd)
{
	for (int i = 0; i < 90; i++) {
		int asker = (int)random_below(crowd ? ASKERS : 12);
		int signer = crowd && random_below(5) > 0 ? MEMBER : (int)random_below(PEOPLE);
		uint64_t number = 1 + random_below(crowd ? 2 : 4);
		char address[32];

		snprintf(address, sizeof(address), "10.0.0.%d", (int)random_below(crowd ? 14 : 2));
		if (random_below(crowd ? 12 : 3) > 0)
			asks_from(w, asker, signer, number, address, mail_now + (int64_t)random_below(3));
		else
			answers(w, signer, asker, number, (enum request_verdict)(1 + random_below(3)));
	}
}

static void copy_mail(void *arg, const uint8_t *entry, size_t n)
{
	(void)requests_put(arg, 2, entry, n, mail_now);
}

/* Entries one by one, judged at random moments, some of them twice. */
static struct requests *mail_in_some_order(const struct mail_world *w)
{
	struct requests *r = mail_new(w);
	size_t order[MAIL_MAX];

	for (size_t i = 0; i < w->n; i++)
		order[i] = i;
	for (size_t i = w->n; i-- > 1;) {
		size_t j = random_below(i + 1), tmp = order[i];

		order[i] = order[j];
		order[j] = tmp;
	}
	for (size_t i = 0; i < w->n; i++) {
		mail_put(w, r, order[i]);
		if (random_below(4) == 0)
			requests_settle(r, w->roster, mail_now);
		if (random_below(8) == 0)
			mail_put(w, r, order[random_below(i + 1)]);
	}
	requests_settle(r, w->roster, mail_now);
	return r;
}

static void every_order_of_any_entries_ends_the_same(void **state)
{
	const char *rounds = getenv("LANYARD_ROUNDS");
	struct mail_world *w = *state;
	uint8_t first[32], digest[32];

	for (long round = rounds ? strtol(rounds, NULL, 10) : 12; round > 0; round--) {
		while (w->n > 0)
			bytes_free(&w->entries[--w->n]);
		populate_mail(w, round % 2 == 0);
		for (int order = 0; order < 8; order++) {
			struct requests *r = mail_in_some_order(w), *told = mail_new(w);

			requests_digest(r, order == 0 ? first : digest);
			if (order > 0)
				assert_memory_equal(digest, first, sizeof(first));
			/* What does not count keeps nothing else from counting: others are told only what does. */
			requests_entries(r, copy_mail, told);
			requests_settle(told, w->roster, mail_now);
			requests_digest(told, digest);
			assert_memory_equal(digest, first, sizeof(first));
			requests_free(r);
			requests_free(told);
		}
	}
}

/* --- bounds --- */

static void one_agent_has_one_request(void **state)
{
	struct mail_world *w = *state;
	size_t old = asks(w, 0, MEMBER, 1), latest = asks(w, 0, OWNER, 9), between = asks(w, 0, MEMBER, 5);
	struct requests *r = mail_of(w);

	assert_int_equal(requests_waiting(r), 1);
	assert_true(counts(w, r, latest));
	assert_false(counts(w, r, old) || counts(w, r, between));
	requests_free(r);
}

/* One host, a key for each request: it fills its own room, and the honest one stays. */
static void many_keys_of_one_host_leave_others_alone(void **state)
{
	struct mail_world *w = *state;
	size_t honest = asks_from(w, 0, MEMBER, 1, "10.0.0.9", mail_now), last = 0;
	struct requests *r;

	for (int i = 1; i < 60; i++)
		last = asks_from(w, i, MEMBER, 1, "10.0.0.1", mail_now + i);
	r = mail_of(w);
	assert_int_equal(requests_waiting(r), 1 + REQUESTS_OF_ADDRESS);
	assert_true(counts(w, r, honest));
	assert_true(counts(w, r, last)); /* the oldest goes first */
	requests_free(r);
}

static void a_network_has_the_room_of_one_host(void **state)
{
	struct mail_world *w = *state;
	struct requests *r;

	for (int i = 0; i < 20; i++) {
		char address[64];

		snprintf(address, sizeof(address), "2001:db8:1:2::%x", i + 1);
		asks_from(w, i, MEMBER, 1, address, mail_now + i);
	}
	r = mail_of(w);
	assert_int_equal(requests_waiting(r), REQUESTS_OF_ADDRESS);
	requests_free(r);
}

/* A member invents requests: those that others gave a salt for stay. */
static void a_member_fills_its_own_room_only(void **state)
{
	struct mail_world *w = *state;
	size_t honest = asks(w, 0, OWNER, 1);
	struct requests *r;

	for (int i = 1; i < ASKERS; i++)
		asks(w, i, MEMBER, 1);
	r = mail_of(w);
	assert_int_equal(requests_waiting(r), 1 + REQUESTS_OF_GIVER);
	assert_true(counts(w, r, honest));
	requests_free(r);
}

/* One host fills a member's room from a few addresses, and an owner looks at the list: others still have room. */
static void what_an_owner_has_seen_keeps_nobody_out(void **state)
{
	struct mail_world *w = *state;
	struct requests *r = mail_new(w);
	size_t honest;

	for (int i = 0; i < REQUESTS_OF_GIVER; i++) {
		char address[32];

		snprintf(address, sizeof(address), "10.0.0.%d", i / REQUESTS_OF_ADDRESS);
		mail_put(w, r, asks_from(w, i, MEMBER, 1, address, mail_now));
	}
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_mark_seen(r, w->roster, w->people[OWNER], mail_now), REQUESTS_OF_GIVER);
	honest = asks_from(w, REQUESTS_OF_GIVER, MEMBER, 1, "10.0.1.1", mail_now + 1);
	mail_put(w, r, honest);
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_waiting(r), REQUESTS_OF_GIVER);
	assert_true(counts(w, r, honest));
	requests_free(r);
}

static void what_an_owner_has_seen_is_not_pushed_out(void **state)
{
	struct mail_world *w = *state;
	size_t seen = asks(w, 0, MEMBER, 1), unseen = asks(w, 1, MEMBER, 1);
	struct requests *r = mail_new(w);

	mail_put(w, r, seen);
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_mark_seen(r, w->roster, w->people[MEMBER], mail_now), 0);
	assert_int_equal(requests_mark_seen(r, w->roster, w->people[OWNER], mail_now), 1);
	assert_int_equal(requests_mark_seen(r, w->roster, w->people[FOUNDER], mail_now), 0);
	mail_put(w, r, unseen);
	for (int i = 2; i < 60; i++)
		mail_put(w, r, asks(w, i, MEMBER, 1));
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(requests_waiting(r), REQUESTS_OF_GIVER);
	assert_true(counts(w, r, seen));
	assert_false(counts(w, r, unseen));
	requests_free(r);
}

static void what_does_not_count_is_bounded(void **state)
{
	struct mail_world *w = *state;
	struct requests *r = mail_new(w);
	size_t honest = asks(w, 0, MEMBER, 1);

	mail_put(w, r, honest);
	for (int i = 0; i < 300; i++)
		mail_put(w, r, asks(w, i % 40 + 1, OUTSIDER, (uint64_t)i + 1));
	requests_settle(r, w->roster, mail_now);
	assert_int_equal(HASH_COUNT(r->items), 1 + REQUESTS_IDLE_MAX);
	assert_true(counts(w, r, honest));
	requests_free(r);
}

/* --- time --- */

static void a_request_waits_for_fourteen_days_by_our_own_clock(void **state)
{
	struct mail_world *w = *state;
	/* The giver's clock is years behind. */
	size_t asked = asks_from(w, 0, MEMBER, 1, "10.0.0.1", 1000);
	struct requests *r = mail_of(w);

	requests_settle(r, w->roster, mail_now + REQUESTS_DAYS * DAY - 1);
	assert_true(counts(w, r, asked));
	assert_true(requests_settle(r, w->roster, mail_now + REQUESTS_DAYS * DAY + 1));
	assert_int_equal(requests_waiting(r), 0);
	/* A member that heard of it later does not bring it back; a new request comes in. */
	assert_int_equal(requests_put(r, 1, w->entries[asked].p, w->entries[asked].len, mail_now + 15 * DAY),
	                 REQUESTS_KNOWN);
	mail_put(w, r, asks(w, 0, MEMBER, 2));
	requests_settle(r, w->roster, mail_now + 15 * DAY);
	assert_int_equal(requests_waiting(r), 0); /* heard 15 days ago, as mail_put() has it */
	asks(w, 0, MEMBER, 3);
	assert_int_equal(requests_put(r, 1, w->entries[w->n - 1].p, w->entries[w->n - 1].len, mail_now + 15 * DAY),
	                 REQUESTS_NEW);
	requests_settle(r, w->roster, mail_now + 15 * DAY);
	assert_int_equal(requests_waiting(r), 1);
	requests_free(r);
}

static void a_rejection_outlives_the_request_and_one_for_good_stays(void **state)
{
	struct mail_world *w = *state;
	struct requests *r;

	answers(w, OWNER, 0, 5, REQUEST_REJECTED);
	answers(w, OWNER, 1, 5, REQUEST_BARRED);
	r = mail_of(w);
	requests_settle(r, w->roster, mail_now + 20 * DAY);
	assert_int_equal(requests_state(r, asker_id(w, 0), 5, 5), REQUESTS_REJECTED);
	requests_settle(r, w->roster, mail_now + 40 * DAY);
	assert_int_equal(requests_state(r, asker_id(w, 0), 5, 5), REQUESTS_NONE);
	assert_int_equal(requests_state(r, asker_id(w, 1), 5, 5), REQUESTS_BARRED);
	requests_free(r);
}

static void a_clock_that_was_ahead_keeps_nothing_for_ever(void **state)
{
	struct mail_world *w = *state;
	size_t asked = asks(w, 0, MEMBER, 1);
	struct requests *r = mail_of(w);

	requests_settle(r, w->roster, mail_now - 1000 * DAY);
	assert_true(counts(w, r, asked));
	requests_settle(r, w->roster, mail_now - 980 * DAY);
	assert_false(counts(w, r, asked));
	requests_free(r);
}

/* --- the file --- */

static int mail_dir(char path[64])
{
	snprintf(path, 64, "/tmp/lanyard-test-mail-XXXXXX");
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY);
}

static void mail_dir_end(int fd, const char *path)
{
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	fs_remove_tree(fd, path + strlen("/tmp/"));
	close(fd);
}

static void note_told(void *arg, uint64_t bringer, const uint8_t *entry, size_t n)
{
	(void)bringer;
	(void)entry;
	(void)n;
	++*(int *)arg;
}

static void a_mailbox_survives_a_restart_and_a_damaged_file(void **state)
{
	struct mail_world *w = *state;
	size_t kept = asks(w, 0, MEMBER, 1), old = asks(w, 1, OWNER, 1);
	struct requests *r, *again;
	uint8_t before[32], after[32];
	char path[64], byte;
	int dir = mail_dir(path), fd, told = 0;

	answers(w, OWNER, 2, 5, REQUEST_BARRED);
	r = mail_of(w);
	requests_expire(r, asker_id(w, 3), 9, mail_now);
	assert_true(requests_digest(r, before));
	assert_int_equal(requests_save(r, dir, "requests.bin"), 0);
	again = requests_load(roster_group(w->roster), dir, "requests.bin", mail_now + DAY);
	requests_settle(again, w->roster, mail_now + DAY);
	requests_digest(again, after);
	assert_memory_equal(before, after, sizeof(before));
	requests_news(again, note_told, &told);
	assert_int_equal(told, 0);
	asks(w, 3, MEMBER, 9);
	assert_int_equal(requests_put(again, 1, w->entries[w->n - 1].p, w->entries[w->n - 1].len, mail_now),
	                 REQUESTS_KNOWN);
	/* When it was heard is kept. */
	requests_settle(again, w->roster, mail_now + REQUESTS_DAYS * DAY + 1);
	assert_false(counts(w, again, kept));
	requests_free(again);
	/* One byte of one signature: that entry is left out. */
	fd = openat(dir, "requests.bin", O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, lseek(fd, 0, SEEK_END) - 40), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, lseek(fd, 0, SEEK_END) - 40), 1);
	close(fd);
	again = requests_load(roster_group(w->roster), dir, "requests.bin", mail_now);
	requests_settle(again, w->roster, mail_now);
	assert_int_equal(HASH_COUNT(again->items), 2);
	assert_true(counts(w, again, kept) || counts(w, again, old));
	requests_free(again);
	requests_free(r);
	mail_dir_end(dir, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MAIL_TEST(a_request_waits_until_an_owner_decides),
		MAIL_TEST(an_acceptance_beats_every_rejection),
		MAIL_TEST(what_was_accepted_never_waits_again),
		MAIL_TEST(words_without_a_right_do_not_count),
		MAIL_TEST(every_order_of_any_entries_ends_the_same),
		MAIL_TEST(one_agent_has_one_request),
		MAIL_TEST(many_keys_of_one_host_leave_others_alone),
		MAIL_TEST(a_network_has_the_room_of_one_host),
		MAIL_TEST(a_member_fills_its_own_room_only),
		MAIL_TEST(what_an_owner_has_seen_is_not_pushed_out),
		MAIL_TEST(what_an_owner_has_seen_keeps_nobody_out),
		MAIL_TEST(what_does_not_count_is_bounded),
		MAIL_TEST(a_request_waits_for_fourteen_days_by_our_own_clock),
		MAIL_TEST(a_rejection_outlives_the_request_and_one_for_good_stays),
		MAIL_TEST(a_clock_that_was_ahead_keeps_nothing_for_ever),
		MAIL_TEST(a_mailbox_survives_a_restart_and_a_damaged_file),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
