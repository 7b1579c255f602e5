/* The records of one NEWS: what they have in common is sent once, whatever it is; what no sender writes is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/wire/msg_like.h"

enum { MANY = 64 };

static struct version_entry entries[MANY][2];
static char paths[MANY][64];

/* Files of one writer, one after the other. */
static void many_files(struct msg_record r[MANY])
{
	memset(r, 0, MANY * sizeof(*r));
	for (int i = 0; i < MANY; i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), "a folder/of some/length/file%04d", i);
		entries[i][0] = (struct version_entry){ .writer = 0xfedcba9876543210, .counter = (uint64_t)i + 1000 };
		r[i].record = (struct record){ .path = paths[i],
			                       .kind = RECORD_FILE,
			                       .mode = 0640,
			                       .mtime_ns = 1700000000000000000 + i * 12345,
			                       .seq = (uint64_t)i + 1001,
			                       .modified_by = 77,
			                       .version = { .n = 1, .e = entries[i] },
			                       .content = { .size = 10 + i, .nblocks = 1 } };
		memset(r[i].record.content.root, i + 1, 32);
	}
}

static size_t trip(const struct msg_record *r, size_t n)
{
	struct msg_news in = { .after = 1, .upto = 100000, .records = r, .nrecords = n }, out;
	struct msg_arena a = { 0 };
	size_t size;
	uint8_t *p = msg_news_encode(&in, &size);

	assert_int_equal(msg_news_decode(&out, &a, p, size), 0);
	assert_int_equal(out.nrecords, n);
	for (size_t i = 0; i < n; i++) {
		const struct record *was = &r[i].record, *is = &out.records[i].record;

		assert_string_equal(is->path, was->path);
		assert_true(record_same(is, was));
		assert_int_equal(is->deleted, was->deleted);
		assert_int_equal(is->kind, was->kind);
		assert_int_equal(is->seq, was->seq);
		assert_int_equal(is->modified_by, was->modified_by);
		assert_int_equal(is->mtime_ns, was->mtime_ns);
		assert_int_equal(is->content.size, was->content.size);
		assert_int_equal(version_compare(&is->version, &was->version), VERSION_EQUAL);
	}
	msg_free(&a);
	free(p);
	return size;
}

static void what_they_share_is_sent_once(void **state)
{
	struct msg_record r[MANY];
	size_t alone = 0;

	(void)state;
	many_files(r);
	for (int i = 0; i < MANY; i++)
		alone += trip(&r[i], 1);
	assert_true(trip(r, MANY) < alone * 6 / 10);
}

static void records_of_all_kinds_survive_side_by_side(void **state)
{
	struct msg_record r[MANY];
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 200; round++) {
		uint64_t seq = 1;

		many_files(r);
		for (int i = 0; i < MANY; i++) {
			struct record *q = &r[i].record;

			seed = seed * 1103515245 + 12345;
			seq += seed >> 16 & 3 ? 1 : 5;
			q->seq = seq;
			entries[i][1] = (struct version_entry){ .writer = UINT64_MAX, .counter = INT64_MAX };
			q->version.n = seed >> 18 & 3 ? 1 : 2;
			if (seed >> 20 & 1)
				entries[i][0].counter = seed;
			if (seed >> 21 & 1)
				entries[i][0].writer = seed;
			if (seed >> 22 & 1)
				q->mtime_ns = seed >> 23 & 1 ? INT64_MIN : INT64_MAX;
			if (seed >> 24 & 1)
				paths[i][seed >> 25 & 15] = 'x';
			if ((seed >> 26 & 7) == 0) {
				*q = (struct record){ .path = q->path,
					              .kind = RECORD_DIR,
					              .mode = 0755,
					              .seq = seq,
					              .version = q->version };
			} else if ((seed >> 26 & 7) == 1) {
				*q = (struct record){ .path = q->path,
					              .kind = RECORD_FILE,
					              .deleted = true,
					              .seq = seq,
					              .version = q->version };
			}
		}
		(void)trip(r, MANY);
	}
}

/* The record behind a whole one, as a peer may write it. */
static void refused(void (*spoil)(Lanyard__Record *r, Lanyard__Record *before))
{
	uint64_t writer = 5, counter = INT64_MAX;
	Lanyard__Record before, r;
	struct msg_arena a = { 0 };
	char path[] = "path";

	lanyard__record__init(&before);
	before.path = msg_binary(path, 4);
	before.writers = &writer;
	before.counters = &counter;
	before.n_writers = before.n_counters = 1;
	lanyard__record__init(&r);
	assert_int_equal(msg_like_complete(&r, &a, &before), 0);
	spoil(&r, &before);
	assert_int_equal(msg_like_complete(&r, &a, &before), -1);
	msg_free(&a);
}

static void more_than_there_is(Lanyard__Record *r, Lanyard__Record *before)
{
	(void)before;
	r->shared = 5;
}

static void too_long(Lanyard__Record *r, Lanyard__Record *before)
{
	static char rest[RECORD_PATH_MAX];

	(void)before;
	r->shared = 1;
	r->path = msg_binary(rest, sizeof(rest));
}

static void no_writer_to_be_like(Lanyard__Record *r, Lanyard__Record *before)
{
	before->n_writers = before->n_counters = 0;
	r->like = 1;
}

static void writers_of_its_own_too(Lanyard__Record *r, Lanyard__Record *before)
{
	r->like = 1;
	r->writers = before->writers;
	r->n_writers = 1;
}

static void unknown_likeness(Lanyard__Record *r, Lanyard__Record *before)
{
	(void)before;
	r->like = 16;
}

static void what_no_sender_writes_is_refused(void **state)
{
	Lanyard__Record first;
	struct msg_arena a = { 0 };

	(void)state;
	refused(more_than_there_is);
	refused(too_long);
	refused(no_writer_to_be_like);
	refused(writers_of_its_own_too);
	refused(unknown_likeness);
	lanyard__record__init(&first);
	first.like = 8;
	assert_int_equal(msg_like_complete(&first, &a, NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_they_share_is_sent_once),
		cmocka_unit_test(records_of_all_kinds_survive_side_by_side),
		cmocka_unit_test(what_no_sender_writes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
