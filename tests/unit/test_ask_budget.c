/* How much strangers may ask and members may bring: a number at once, and one more per time; and which of its requests
 * an asker keeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sync/peer/ask_internal.h"

enum { START = 1000, HOUR = 3600 * 1000 };

static int salts_for(struct ask_budget *b, const char *address, int tries, int64_t now_ms)
{
	int given = 0;

	while (tries-- > 0)
		given += ask_budget_salt(b, address, now_ms);
	return given;
}

static void a_budget_comes_back_one_by_one(void **state)
{
	int64_t used = 0;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(ask_budget_take(&used, 3, 100, START));
	assert_false(ask_budget_take(&used, 3, 100, START));
	assert_false(ask_budget_take(&used, 3, 100, START + 99));
	assert_true(ask_budget_take(&used, 3, 100, START + 100));
	assert_false(ask_budget_take(&used, 3, 100, START + 100));
	/* After a long rest no more than at first. */
	for (int i = 0; i < 3; i++)
		assert_true(ask_budget_take(&used, 3, 100, START + 100000));
	assert_false(ask_budget_take(&used, 3, 100, START + 100000));
}

/* Decision 31 counts on it: 60 per hour, whoever asks from wherever. */
static void a_member_gives_sixty_salts_an_hour(void **state)
{
	struct ask_budget *b = ask_budget_new();
	int first = 0, later = 0;
	char address[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "10.0.%d.%d", i / 250, i % 250);
		first += ask_budget_salt(b, address, START);
	}
	assert_int_equal(first, ASK_SALTS_PER_HOUR);
	for (int64_t now = START; now < START + 24LL * HOUR; now += 1000) {
		snprintf(address, sizeof(address), "10.1.%d.%d", (int)(now / 250000) % 250, (int)(now / 1000) % 250);
		later += ask_budget_salt(b, address, now);
	}
	assert_in_range(later, 23 * ASK_SALTS_PER_HOUR, 24 * ASK_SALTS_PER_HOUR);
	ask_budget_free(b);
}

static void one_address_gets_a_few_of_them(void **state)
{
	struct ask_budget *b = ask_budget_new();

	(void)state;
	assert_int_equal(salts_for(b, "10.0.0.1", 50, START), ASK_SALTS_OF_ADDRESS);
	assert_int_equal(salts_for(b, "10.0.0.2", 50, START), ASK_SALTS_OF_ADDRESS);
	/* One network of IPv6 is one address; a link-local one is one host's. */
	assert_int_equal(salts_for(b, "2001:db8::1", 50, START), ASK_SALTS_OF_ADDRESS);
	assert_int_equal(salts_for(b, "2001:db8::2", 50, START), 0);
	assert_int_equal(salts_for(b, "fe80::1", 50, START), ASK_SALTS_OF_ADDRESS);
	assert_int_equal(salts_for(b, "fe80::2", 50, START), ASK_SALTS_OF_ADDRESS);
	assert_int_equal(salts_for(b, "10.0.0.1", 50, START + HOUR), ASK_SALTS_OF_ADDRESS);
	ask_budget_free(b);
}

/* What is refused to one address is not taken from the others. */
static void a_refusal_costs_the_others_nothing(void **state)
{
	struct ask_budget *b = ask_budget_new();
	int others = 0;
	char address[32];

	(void)state;
	salts_for(b, "10.0.0.1", 10000, START);
	for (int i = 0; i < 100; i++) {
		snprintf(address, sizeof(address), "10.0.1.%d", i);
		others += ask_budget_salt(b, address, START);
	}
	assert_int_equal(others, ASK_SALTS_PER_HOUR - ASK_SALTS_OF_ADDRESS);
	ask_budget_free(b);
}

static void each_member_brings_its_own_share(void **state)
{
	struct ask_budget *b = ask_budget_new();
	int first = 0, second = 0;

	(void)state;
	for (int i = 0; i < 2000; i++)
		first += ask_budget_entry(b, 1, START);
	for (int i = 0; i < 2000; i++)
		second += ask_budget_entry(b, 2, START);
	assert_int_equal(first, ASK_BROUGHT_AT_ONCE);
	assert_int_equal(second, ASK_BROUGHT_AT_ONCE);
	/* Members come and go; what is remembered of them is bounded, and forgotten once it is used up no more. */
	for (uint64_t peer = 3; peer < 10000; peer++)
		(void)ask_budget_entry(b, peer, START);
	assert_true(ask_budget_entry(b, 1, START + ASK_BROUGHT_MS));
	ask_budget_free(b);
}

/* Takes in a request of a's that a giver at this host has signed; its code. */
static void keep_one(struct asker *a, const char *host, char code[REQUEST_CODE_TEXT])
{
	const struct identity *self = a->peers->config.self;
	struct identity *giver = identity_new();
	struct request q = { .tag = a->config.tag,
		             .giver = *identity_id(giver),
		             .number = a->number + 1,
		             .name = "",
		             .message = "" };
	struct bytes part = BYTES_INIT(REQUEST_ENTRY_MAX), entry = BYTES_INIT(REQUEST_ENTRY_MAX);

	memcpy(q.key, identity_public_key(self), PUBLIC_KEY_LEN);
	random_bytes(q.s, sizeof(q.s));
	request_sign(&part, &q, self);
	assert_int_equal(request_vouch(&entry, part.p, part.len, "10.0.0.7", 1, giver), 0);
	assert_true(asker_book_keep(a, entry.p, entry.len, host));
	request_code(code, &q.tag, q.key, q.r, q.s);
	bytes_free(&part);
	bytes_free(&entry);
	identity_free(giver);
}

static bool shows(const struct asker *a, const char *code)
{
	struct asker_status st;

	asker_status(a, &st);
	for (size_t i = 0; i < st.ncodes; i++)
		if (strcmp(st.codes[i], code) == 0)
			return true;
	return false;
}

static struct asker *asker_of(struct peers *p)
{
	struct asker *a = MEM_NEW(struct asker);

	a->peers = p;
	a->since_s = 1000;
	return a;
}

static void forget_papers(struct asker *a)
{
	for (size_t i = 0; i < a->npapers; i++)
		free(a->papers[i].entry);
	free(a);
}

/* It gives salts under one key after the other: the code that a member has carried to the owners is still shown, also
 * after a restart. */
static void a_host_with_many_keys_takes_no_members_place(void **state)
{
	struct identity *self = identity_new();
	struct peers p = { .config = { .self = self } };
	struct asker *a = asker_of(&p), *again = asker_of(&p);
	char honest[REQUEST_CODE_TEXT], latest[REQUEST_CODE_TEXT];
	struct bytes saved = BYTES_INIT(ASKER_SAVED_MAX);

	(void)state;
	keep_one(a, "10.0.0.1", honest);
	for (int i = 0; i < 3 * ASKER_CODES_MAX; i++)
		keep_one(a, "10.0.0.66", latest);
	assert_int_equal(a->npapers, ASKER_CODES_MAX);
	assert_true(shows(a, honest) && shows(a, latest));
	asker_save(a, &saved);
	asker_book_load(again, saved.p, saved.len);
	assert_int_equal(again->npapers, ASKER_CODES_MAX);
	for (int i = 0; i < ASKER_CODES_MAX; i++)
		keep_one(again, "10.0.0.66", latest);
	assert_true(shows(again, honest) && shows(again, latest));
	/* Of as many hosts as there is room for, the oldest goes. */
	for (int i = 0; i < ASKER_CODES_MAX; i++) {
		char host[32];

		(void)snprintf(host, sizeof(host), "10.0.1.%d", i);
		keep_one(a, host, latest);
	}
	assert_false(shows(a, honest));
	bytes_free(&saved);
	forget_papers(a);
	forget_papers(again);
	identity_free(self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_budget_comes_back_one_by_one),
		cmocka_unit_test(a_member_gives_sixty_salts_an_hour),
		cmocka_unit_test(one_address_gets_a_few_of_them),
		cmocka_unit_test(a_refusal_costs_the_others_nothing),
		cmocka_unit_test(each_member_brings_its_own_share),
		cmocka_unit_test(a_host_with_many_keys_takes_no_members_place),
	};

	return cmocka_run_group_tests_name("ask_budget", tests, NULL, NULL);
}
