/* RELAY, KEEP and HERE, by which many members share small files and keep few connections, come out as they went in;
 * what no member says is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/wire/msg.h"

static const uint8_t roots[MSG_MAX_RECORDS + 1][32] = { { 1 }, { 2 } };

static int relay_again(const struct msg_bytes *contents, size_t count, struct msg_relay *out, struct msg_arena *a)
{
	const struct msg_relay in = { .channel = 4, .roots = roots, .contents = contents, .n = count };
	size_t n;
	uint8_t *p = msg_relay_encode(&in, &n);
	int rc = msg_relay_decode(out, a, p, n);

	free(p);
	return rc;
}

static void a_relay_comes_out_as_it_went_in(void **state)
{
	static const uint8_t text[] = "one and two";
	const struct msg_bytes contents[2] = { { .p = text, .n = 3 }, { .p = text + 4, .n = 7 } };
	struct msg_arena a = { 0 };
	struct msg_relay out;

	(void)state;
	assert_int_equal(relay_again(contents, 2, &out, &a), 0);
	assert_int_equal(out.channel, 4);
	assert_int_equal(out.n, 2);
	assert_memory_equal(out.roots, roots, 64);
	assert_int_equal(out.contents[0].n, 3);
	assert_memory_equal(out.contents[0].p, "one", 3);
	assert_int_equal(out.contents[1].n, 7);
	assert_memory_equal(out.contents[1].p, "and two", 7);
	msg_free(&a);
}

static int relayed(const struct msg_bytes *contents, size_t count)
{
	struct msg_arena a = { 0 };
	struct msg_relay out;
	int rc = relay_again(contents, count, &out, &a);

	msg_free(&a);
	return rc;
}

static void relays_that_nobody_says(void **state)
{
	static uint8_t bytes[MSG_INLINE_MAX + 1];
	struct msg_bytes *many = mem_calloc(MSG_MAX_RECORDS + 1, sizeof(*many));
	struct msg_bytes one = { .p = bytes, .n = sizeof(bytes) };
	struct msg_arena a = { 0 };
	struct msg_relay m = { .channel = 4, .roots = roots, .contents = many, .n = 2 };
	size_t n;
	uint8_t *body;

	(void)state;
	assert_int_equal(relayed(&one, 1), -1);
	one.n--;
	assert_int_equal(relayed(&one, 1), 0);
	one.n = 0;
	assert_int_equal(relayed(&one, 1), -1);
	assert_int_equal(relayed(NULL, 0), -1);
	for (size_t i = 0; i <= MSG_MAX_RECORDS; i++)
		many[i] = (struct msg_bytes){ .p = bytes, .n = 1 };
	assert_int_equal(relayed(many, MSG_MAX_RECORDS + 1), -1);
	assert_int_equal(relayed(many, MSG_MAX_RECORDS), 0);
	/* Two roots and one content: the other one, a byte with its tag and length, is cut off. */
	body = msg_relay_encode(&m, &n);
	assert_int_equal(msg_relay_decode(&m, &a, body, n - 3), -1);
	free(body);
	free(many);
	msg_free(&a);
}

static void keeps_come_out_as_they_went_in(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const struct msg_keep in = { .needed = (i & 1) != 0, .spare = (i & 2) != 0 };
		struct msg_arena a = { 0 };
		struct msg_keep out;
		size_t n;
		uint8_t *p = msg_keep_encode(&in, &n);

		assert_int_equal(msg_keep_decode(&out, &a, p, n), 0);
		assert_int_equal(out.needed, in.needed);
		assert_int_equal(out.spare, in.spare);
		msg_free(&a);
		free(p);
	}
}

static int here_again(size_t members)
{
	uint8_t *ids = mem_calloc(members + 1, 1);
	const struct msg_here in = { .channel = 5, .members = { .p = ids, .n = members } };
	struct msg_arena a = { 0 };
	struct msg_here out;
	size_t n;
	uint8_t *p;
	int rc;

	for (size_t i = 0; i < members; i++)
		ids[i] = (uint8_t)i;
	p = msg_here_encode(&in, &n);
	rc = msg_here_decode(&out, &a, p, n);
	if (rc == 0) {
		assert_int_equal(out.channel, 5);
		assert_int_equal(out.members.n, members);
		assert_memory_equal(out.members.p, ids, members);
	}
	msg_free(&a);
	free(p);
	free(ids);
	return rc;
}

static void lists_of_who_is_here_are_whole_and_bounded(void **state)
{
	(void)state;
	assert_int_equal(here_again(MSG_HERE_LEN), 0);
	assert_int_equal(here_again(MSG_HERE_LEN - 1), -1);
	assert_int_equal(here_again((size_t)MSG_HERE_LEN * MSG_MAX_HERE), 0);
	assert_int_equal(here_again((size_t)MSG_HERE_LEN * (MSG_MAX_HERE + 1)), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_relay_comes_out_as_it_went_in),
		cmocka_unit_test(relays_that_nobody_says),
		cmocka_unit_test(keeps_come_out_as_they_went_in),
		cmocka_unit_test(lists_of_who_is_here_are_whole_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
