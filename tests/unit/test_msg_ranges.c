/* RANGES and SAME come out as they went in, and small; what no member says is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/wire/msg.h"

enum { MANY = 400 };

static void ranges_come_out_as_they_went_in(void **state)
{
	static const uint8_t digests[48] = { 1, 2, 3 };
	static const uint32_t again[] = { 0, 5, 6, 400000 };
	struct msg_ranges in = { .channel = 3,
		                 .what = MSG_RANGES_DONE,
		                 .rows = 7,
		                 .digests = { .p = digests, .n = sizeof(digests) },
		                 .again = again,
		                 .nagain = 4,
		                 .all = true },
			  out;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p = msg_ranges_encode(&in, &n);

	(void)state;
	assert_int_equal(msg_ranges_decode(&out, &a, p, n), 0);
	assert_int_equal(out.channel, 3);
	assert_int_equal(out.what, MSG_RANGES_DONE);
	assert_int_equal(out.rows, 7);
	assert_true(out.all);
	assert_int_equal(out.digests.n, sizeof(digests));
	assert_memory_equal(out.digests.p, digests, sizeof(digests));
	assert_int_equal(out.nagain, 4);
	assert_memory_equal(out.again, again, sizeof(again));
	msg_free(&a);
	free(p);
}

static int decoded(struct msg_ranges *in)
{
	struct msg_arena a = { 0 };
	struct msg_ranges out;
	size_t n;
	uint8_t *p = msg_ranges_encode(in, &n);
	int rc = msg_ranges_decode(&out, &a, p, n);

	msg_free(&a);
	free(p);
	return rc;
}

static void ranges_that_nobody_says(void **state)
{
	static const uint32_t twice[] = { 5, 5 }, descending[] = { 5, 4 };
	static uint8_t long_one[MSG_MAX_DIGESTS + 1];
	struct msg_ranges m = { .what = MSG_RANGES_WHATS };

	(void)state;
	assert_int_equal(decoded(&m), -1);
	m = (struct msg_ranges){ .again = twice, .nagain = 2 };
	assert_int_equal(decoded(&m), -1);
	m = (struct msg_ranges){ .again = descending, .nagain = 2 };
	assert_int_equal(decoded(&m), -1);
	m = (struct msg_ranges){ .digests = { .p = long_one, .n = sizeof(long_one) } };
	assert_int_equal(decoded(&m), -1);
	m.digests.n--;
	assert_int_equal(decoded(&m), 0);
}

static void same_takes_a_few_bytes_per_row(void **state)
{
	struct version_entry e[MANY], base = { .writer = 9, .counter = 1 };
	struct record records[MANY] = { 0 };
	struct msg_same in = { .channel = 1, .records = records, .n = MANY, .ended = true }, out;
	struct msg_arena a = { 0 };
	size_t n;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		e[i] = (struct version_entry){ .writer = 9, .counter = 1000 + (uint64_t)i };
		records[i].seq = e[i].counter;
		records[i].version = (struct version){ .e = &e[i], .n = 1 };
		records[i].modified_by = 77;
	}
	records[5] = (struct record){ 0 }; /* gone */
	records[6].base = (struct version){ .e = &base, .n = 1 };
	records[6].chunk_log2 = 48;
	uint8_t *p = msg_same_encode(&in, &n);

	assert_true(n < 12 * MANY);
	assert_int_equal(msg_same_decode(&out, &a, p, n), 0);
	assert_int_equal(out.n, MANY);
	assert_true(out.ended);
	for (int i = 0; i < MANY; i++) {
		const struct record *r = &out.records[i];

		assert_null(r->path);
		assert_int_equal(r->seq, records[i].seq);
		assert_int_equal(r->modified_by, records[i].modified_by);
		assert_int_equal(r->chunk_log2, records[i].chunk_log2);
		assert_int_equal(version_compare(&r->version, &records[i].version), VERSION_EQUAL);
		assert_int_equal(version_compare(&r->base, &records[i].base), VERSION_EQUAL);
	}
	msg_free(&a);
	free(p);
}

static int same_decoded(struct record *r)
{
	struct msg_same in = { .records = r, .n = 1 }, out;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p = msg_same_encode(&in, &n);
	int rc = msg_same_decode(&out, &a, p, n);

	msg_free(&a);
	free(p);
	return rc;
}

static void same_that_nobody_says(void **state)
{
	struct version_entry e = { .writer = 9, .counter = 5 }, later = { .writer = 9, .counter = 6 };
	struct version v = { .e = &e, .n = 1 };
	struct record r = { .seq = 1, .version = v };

	(void)state;
	assert_int_equal(same_decoded(&r), 0);
	r.seq = 0; /* a version of no row */
	assert_int_equal(same_decoded(&r), -1);
	r = (struct record){ .seq = 1 };
	assert_int_equal(same_decoded(&r), -1);
	r = (struct record){ .seq = 1, .version = v, .base = { .e = &later, .n = 1 } };
	assert_int_equal(same_decoded(&r), -1);
	r = (struct record){ .seq = 1, .version = { .e = &later, .n = 1 }, .mode_base = v };
	assert_int_equal(same_decoded(&r), -1);
	r.base = v;
	assert_int_equal(same_decoded(&r), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_come_out_as_they_went_in),
		cmocka_unit_test(ranges_that_nobody_says),
		cmocka_unit_test(same_takes_a_few_bytes_per_row),
		cmocka_unit_test(same_that_nobody_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
