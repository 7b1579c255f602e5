/* Every message survives encoding and decoding, and one that breaks a limit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sync/wire/msg.h"

static char path[] = "dir/na\nme";
static char target[] = "../else";

static struct msg_record file_record(struct version_entry *e)
{
	struct msg_record m = { .record = { .path = path,
		                            .kind = RECORD_FILE,
		                            .mode = 0644,
		                            .mtime_ns = -5,
		                            .seq = 7,
		                            .modified_by = 99,
		                            .chunk_log2 = 16,
		                            .version = { .n = 1, .e = e },
		                            .content = { .size = 3, .nblocks = 1 } },
		                .content = { .p = (const uint8_t *)"abc", .n = 3 } };

	*e = (struct version_entry){ .writer = 11, .counter = 12 };
	memset(m.record.content.root, 0xab, 32);
	return m;
}

static int decode_news(struct msg_news *in, struct msg_news *out, struct msg_arena *a)
{
	size_t n;
	uint8_t *p = msg_news_encode(in, &n);
	int status = msg_news_decode(out, a, p, n);

	free(p);
	return status;
}

static void news_survives_the_trip(void **state)
{
	struct version_entry e, e2 = { .writer = 1, .counter = 2 }, base = { .writer = 11, .counter = 5 };
	struct version_entry mode = { .writer = 11, .counter = 7 };
	struct msg_record r[2] = { file_record(&e) };
	struct msg_news in = { .channel = 3, .after = 6, .upto = 9, .records = r, .nrecords = 2 }, out;
	struct msg_arena a = { 0 };

	(void)state;
	r[1].record = (struct record){ .path = path,
		                       .kind = RECORD_SYMLINK,
		                       .mtime_ns = 1,
		                       .seq = 9,
		                       .target = target,
		                       .version = { .n = 1, .e = &e2 } };
	r[0].record.absent = true;
	r[0].record.base = (struct version){ .n = 1, .e = &base };
	r[0].record.mode_base = (struct version){ .n = 1, .e = &mode };
	assert_int_equal(decode_news(&in, &out, &a), 0);
	assert_int_equal(out.nrecords, 2);
	assert_int_equal(version_compare(&out.records[0].record.mode_base, &r[0].record.mode_base), VERSION_EQUAL);
	assert_int_equal(version_compare(&out.records[0].record.base, &r[0].record.base), VERSION_EQUAL);
	assert_int_equal(out.records[1].record.base.n, 0);
	assert_true(out.records[0].record.absent && !out.records[1].record.absent);
	assert_int_equal(out.upto, 9);
	assert_string_equal(out.records[0].record.path, path);
	assert_true(record_same(&out.records[0].record, &r[0].record));
	assert_int_equal(out.records[0].record.mtime_ns, -5);
	assert_int_equal(version_compare(&out.records[0].record.version, &r[0].record.version), VERSION_EQUAL);
	assert_memory_equal(out.records[0].content.p, "abc", 3);
	assert_string_equal(out.records[1].record.target, target);
	assert_null(out.records[1].content.p);
	msg_free(&a);
}

static void news_out_of_order_is_refused(void **state)
{
	struct version_entry e, e2;
	struct msg_record r[2] = { file_record(&e), file_record(&e2) };
	struct msg_news in = { .after = 6, .upto = 9, .records = r, .nrecords = 2 }, out;
	struct msg_arena a = { 0 };

	(void)state;
	assert_int_equal(decode_news(&in, &out, &a), -1);
	msg_free(&a);
	r[1].record.seq = 10;
	assert_int_equal(decode_news(&in, &out, &a), -1);
	msg_free(&a);
	r[1].record.seq = 8;
	assert_int_equal(decode_news(&in, &out, &a), 0);
	msg_free(&a);
}

static void a_record_comes_without_setuid(void **state)
{
	struct version_entry e;
	struct msg_record r = file_record(&e);
	struct msg_news in = { .after = 1, .upto = 9, .records = &r, .nrecords = 1 }, out;
	struct msg_arena a = { 0 };

	(void)state;
	r.record.mode = 07755;
	assert_int_equal(decode_news(&in, &out, &a), 0);
	assert_int_equal(out.records[0].record.mode, 0755);
	msg_free(&a);
}

static void a_record_that_cannot_be_is_refused(void **state)
{
	struct version_entry e;
	struct msg_arena a = { 0 };
	struct msg_news out;

	(void)state;
	for (int i = 0; i < 11; i++) {
		struct version_entry base = { .writer = 11, .counter = 11 }, mode = base;
		struct msg_record r = file_record(&e);
		struct msg_news in = { .after = 1, .upto = 9, .records = &r, .nrecords = 1 };

		r.record.base = (struct version){ .n = 1, .e = &base };
		r.record.mode_base = (struct version){ .n = 1, .e = &mode };
		assert_int_equal(decode_news(&in, &out, &a), 0);
		msg_free(&a);
		switch (i) {
		case 0:
			r.content.n = 2;
			break; /* bytes that are not the file's size */
		case 1:
			r.record.content.size = 0;
			break; /* a block of nothing */
		case 2:
			r.record.mode = 010000;
			break;
		case 3:
			r.record.version.n = 0;
			break;
		case 4:
			e.counter = 0;
			break;
		case 5:
			r.record.content.size = 5 << 20;
			r.content.p = NULL;
			break; /* over one block's maximum */
		case 6:
			r.record.seq = 0;
			break;
		case 7:
			base.counter = e.counter;
			break; /* a base must be older */
		case 8:
			base.writer++;
			break; /* and known to the version */
		case 9:
			mode.counter = e.counter;
			break; /* so must a mode's be */
		case 10:
			r.record.base.n = 0;
			break; /* which is nothing without a base */
		}
		assert_int_equal(decode_news(&in, &out, &a), -1);
		msg_free(&a);
	}
}

static void an_index_hello_says_role_and_mode(void **state)
{
	struct msg_index_hello in = { .channel = 1, .epoch = 2, .on_demand = true, .role_known = 3 }, out;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p = msg_index_hello_encode(&in, &n);

	(void)state;
	assert_int_equal(msg_index_hello_decode(&out, &a, p, n), 0);
	assert_true(out.on_demand);
	assert_int_equal(out.role_known, 3);
	free(p);
	msg_free(&a);
}

static void a_question_about_a_file_survives_the_trip(void **state)
{
	struct version_entry e;
	struct msg_record r = file_record(&e);
	struct msg_hold_ask in = { .channel = 1, .request = 5, .record = r.record }, out;
	struct msg_hold_answer answer = { .channel = 1, .request = 5, .has = true }, heard;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p = msg_hold_ask_encode(&in, &n);

	(void)state;
	assert_int_equal(msg_hold_ask_decode(&out, &a, p, n), 0);
	assert_int_equal(out.request, 5);
	assert_string_equal(out.record.path, path);
	assert_true(record_same(&out.record, &r.record));
	assert_int_equal(version_compare(&out.record.version, &r.record.version), VERSION_EQUAL);
	free(p);
	in.record.deleted = true; /* nobody drops what is not there */
	p = msg_hold_ask_encode(&in, &n);
	assert_int_equal(msg_hold_ask_decode(&out, &a, p, n), -1);
	free(p);
	p = msg_hold_answer_encode(&answer, &n);
	assert_int_equal(msg_hold_answer_decode(&heard, &a, p, n), 0);
	assert_true(heard.has && heard.request == 5);
	free(p);
	msg_free(&a);
}

static void a_get_beyond_the_content_is_refused(void **state)
{
	struct block_want w = { .request = 5, .len = 100, .offset = 900 };
	struct msg_get in = { .content = { .size = 1000, .nblocks = 2 }, .wants = &w, .nwants = 1 }, out;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p = msg_get_encode(&in, &n);

	(void)state;
	assert_int_equal(msg_get_decode(&out, &a, p, n), 0);
	assert_int_equal(out.wants[0].offset, 900);
	free(p);
	msg_free(&a);
	w.offset = 901;
	p = msg_get_encode(&in, &n);
	assert_int_equal(msg_get_decode(&out, &a, p, n), -1);
	free(p);
	msg_free(&a);
}

static void a_get_asks_about_leaves(void **state)
{
	struct block_want w[] = {
		{ .request = 5, .len = 9000, .what = WANT_DIGESTS, .skew = 17 },
		{ .request = 6, .len = 9000, .what = WANT_LEAVES, .nruns = 2, .runs = { { 0, 1 }, { 2, 1 } } },
	};
	struct msg_get in = { .content = { .size = 9000, .nblocks = 2 }, .wants = w, .nwants = 2 }, out;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p = msg_get_encode(&in, &n);

	(void)state;
	assert_int_equal(msg_get_decode(&out, &a, p, n), 0);
	assert_int_equal(out.wants[0].what, WANT_DIGESTS);
	assert_int_equal(out.wants[0].skew, 17);
	assert_int_equal(out.wants[1].what, WANT_LEAVES);
	assert_int_equal(out.wants[1].nruns, 2);
	assert_memory_equal(out.wants[1].runs, w[1].runs, sizeof(w[1].runs));
	free(p);
	msg_free(&a);
	w[1].runs[1].first = 3; /* the block has three leaves */
	p = msg_get_encode(&in, &n);
	assert_int_equal(msg_get_decode(&out, &a, p, n), -1);
	free(p);
	msg_free(&a);
}

static void a_message_that_unpacks_to_too_much_is_refused(void **state)
{
	size_t n = 1 << 20;
	uint8_t *p = mem_calloc(1, n);
	struct msg_arena a = { 0 };
	struct msg_news out;

	(void)state;
	for (size_t i = 0; i < n; i += 2)
		p[i] = 0x22; /* field 4, an empty record: two bytes that unpack to hundreds */
	assert_int_equal(msg_news_decode(&out, &a, p, n), -1);
	assert_true(a.used <= MSG_ARENA_MAX);
	msg_free(&a);
	free(p);
}

static void a_block_says_what_it_carries(void **state)
{
	uint8_t p[MSG_BLOCK_HEAD_ANY + 3] = { 0 };
	struct msg_block m = { .request = 77, .plain_len = 3, .number = SWARM_AS_ASKED }, b;

	(void)state;
	assert_int_equal(msg_block_head(p, &m), MSG_BLOCK_HEAD);
	assert_int_equal(msg_block_decode(&b, p, MSG_BLOCK_HEAD + 3), 0);
	assert_int_equal(b.request, 77);
	assert_int_equal(b.data.n, 3);
	assert_int_equal(b.number, SWARM_AS_ASKED);
	assert_int_equal(msg_block_decode(&b, p, MSG_BLOCK_HEAD + 2), -1);
	assert_int_equal(msg_block_decode(&b, p, 3), -1);
	m.flags = MSG_BLOCK_ZSTD;
	m.plain_len = BLOCK_MAX + 1;
	msg_block_head(p, &m);
	assert_int_equal(msg_block_decode(&b, p, MSG_BLOCK_HEAD + 3), -1);
}

static void a_block_of_any_says_which_it_is(void **state)
{
	uint8_t p[MSG_BLOCK_HEAD_ANY + 3] = { 0 };
	struct msg_block m = { .request = 77, .plain_len = 3, .number = 9 }, b;

	(void)state;
	assert_int_equal(msg_block_head(p, &m), MSG_BLOCK_HEAD_ANY);
	assert_int_equal(msg_block_decode(&b, p, sizeof(p)), 0);
	assert_true(b.number == 9 && b.flags == MSG_BLOCK_RAW && b.data.n == 3);
	assert_int_equal(msg_block_decode(&b, p, MSG_BLOCK_HEAD + 3), -1);
	m.number = CONTENT_MAX_BLOCKS;
	msg_block_head(p, &m);
	assert_int_equal(msg_block_decode(&b, p, sizeof(p)), -1);
	m = (struct msg_block){ .request = 77, .flags = MSG_BLOCK_OUT, .number = SWARM_AS_ASKED };
	assert_int_equal(msg_block_head(p, &m), MSG_BLOCK_HEAD);
	assert_int_equal(msg_block_decode(&b, p, MSG_BLOCK_HEAD), 0);
	assert_int_equal(b.flags, MSG_BLOCK_OUT);
	assert_int_equal(msg_block_decode(&b, p, sizeof(p)), -1);
	p[4] = MSG_BLOCK_OUT | MSG_BLOCK_ANY;
	assert_int_equal(msg_block_decode(&b, p, sizeof(p)), -1);
}

enum { MAP_BLOCKS = 1001 };

static int map_again(const struct msg_map *in, struct msg_map *out, struct msg_arena *a, size_t *n)
{
	uint8_t *p = msg_map_encode(in, n);
	int status = msg_map_decode(out, a, p, *n);

	free(p);
	return status;
}

/* Scattered bits travel as a bitmap, neighbours as runs. */
static void a_map_survives_the_trip(void **state)
{
	uint8_t bits[(MAP_BLOCKS + 7) / 8] = { 0 };
	struct msg_map in = { .channel = 4,
		              .map = { .number = 7,
		                       .content = { .size = 5000, .nblocks = MAP_BLOCKS },
		                       .tell = true } },
		       out;
	struct msg_arena a = { 0 };
	size_t n;

	(void)state;
	assert_int_equal(map_again(&in, &out, &a, &n), 0);
	assert_true(out.map.bits == NULL && out.map.tell && !out.map.gone && !out.map.all && !out.map.wireless);
	for (uint32_t i = 0; i < MAP_BLOCKS; i += 2)
		swarm_bit_set(bits, i);
	in.map.bits = bits;
	assert_int_equal(map_again(&in, &out, &a, &n), 0);
	assert_memory_equal(out.map.bits, bits, sizeof(bits));
	assert_true(n > sizeof(bits));
	memset(bits, 0, sizeof(bits));
	for (uint32_t i = 300; i < MAP_BLOCKS; i++)
		swarm_bit_set(bits, i);
	assert_int_equal(map_again(&in, &out, &a, &n), 0);
	assert_memory_equal(out.map.bits, bits, sizeof(bits));
	assert_true(n < 64);
	assert_true(content_equal(&out.map.content, &in.map.content) && out.map.number == 7 && out.channel == 4);
	msg_free(&a);
}

static void a_map_that_cannot_be_is_refused(void **state)
{
	uint8_t bits[(MAP_BLOCKS + 7) / 8] = { 0 };
	struct msg_map in = { .map = { .content = { .size = 5000, .nblocks = MAP_BLOCKS }, .bits = bits } }, out;
	struct msg_arena a = { 0 };
	size_t n;

	(void)state;
	memset(bits, 0x55, sizeof(bits));
	bits[sizeof(bits) - 1] = 2; /* a block after the last */
	assert_int_equal(map_again(&in, &out, &a, &n), -1);
	bits[sizeof(bits) - 1] = 1;
	assert_int_equal(map_again(&in, &out, &a, &n), 0);
	in.map.content.size = 1000; /* blocks of nothing */
	assert_int_equal(map_again(&in, &out, &a, &n), -1);
	in.map.content = (struct content){ 0 };
	in.map.bits = NULL;
	assert_int_equal(map_again(&in, &out, &a, &n), -1);
	msg_free(&a);
}

static int have_again(const struct msg_have *in, struct msg_have *out, struct msg_arena *a)
{
	size_t n;
	uint8_t *p = msg_have_encode(in, &n);
	int status = msg_have_decode(out, a, p, n);

	free(p);
	return status;
}

static void what_one_has_survives_the_trip(void **state)
{
	struct swarm_run runs[] = { { 0, 3 }, { 3, 1 }, { 90, 2 }, { CONTENT_MAX_BLOCKS - 1, 1 } };
	struct msg_have in = { .channel = 1, .map = UINT32_MAX, .runs = runs, .nruns = 4 }, out;
	struct msg_arena a = { 0 };

	(void)state;
	assert_int_equal(have_again(&in, &out, &a), 0);
	assert_int_equal(out.nruns, 4);
	assert_memory_equal(out.runs, runs, sizeof(runs));
	assert_int_equal(out.map, UINT32_MAX);
	runs[3].n = 2; /* beyond the largest content */
	assert_int_equal(have_again(&in, &out, &a), -1);
	runs[3] = (struct swarm_run){ 200, 0 };
	assert_int_equal(have_again(&in, &out, &a), -1);
	runs[3] = (struct swarm_run){ 91, 1 }; /* back */
	assert_int_equal(have_again(&in, &out, &a), -1);
	in.nruns = 0;
	assert_int_equal(have_again(&in, &out, &a), -1);
	msg_free(&a);
}

static void requests_of_any_survive_the_trip(void **state)
{
	static uint32_t requests[MSG_MAX_ANY + 1];
	struct msg_any in = { .channel = 1,
		              .content = { .size = 900, .nblocks = 9 },
		              .requests = requests,
		              .n = MSG_MAX_ANY },
		       out;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p;

	(void)state;
	for (uint32_t i = 0; i < MSG_MAX_ANY + 1; i++)
		requests[i] = UINT32_MAX - i;
	p = msg_any_encode(&in, &n);
	assert_int_equal(msg_any_decode(&out, &a, p, n), 0);
	assert_int_equal(out.n, MSG_MAX_ANY);
	assert_memory_equal(out.requests, requests, MSG_MAX_ANY * sizeof(*requests));
	free(p);
	in.n++;
	p = msg_any_encode(&in, &n);
	assert_int_equal(msg_any_decode(&out, &a, p, n), -1);
	free(p);
	msg_free(&a);
}

static void what_askers_and_members_say_survives_the_trip(void **state)
{
	static const uint8_t tag[MSG_TAG_LEN] = { 1 }, secret[MSG_SALT_LEN] = { 2 };
	struct msg_bytes entries[MSG_MAX_ASKED + 1] = { { .p = tag, .n = 3 }, { .p = secret, .n = 5 } };
	struct msg_ask ask = { .tag = tag, .commitment = secret, .entries = entries, .nentries = 2, .number = 8 },
		       asked;
	struct msg_ask_answer answer = { .tag = tag,
		                         .state = MSG_ASK_SALT,
		                         .salt = { .p = secret, .n = sizeof(secret) },
		                         .number = 9 },
			      heard;
	struct msg_ask_reveal reveal = { .tag = tag, .request = entries[1] }, revealed;
	struct msg_requests mail = { .channel = 4, .digest = answer.salt, .entries = entries, .nentries = 2 }, got;
	struct msg_arena a = { 0 };
	size_t n;
	uint8_t *p = msg_ask_encode(&ask, &n);

	(void)state;
	assert_int_equal(msg_ask_decode(&asked, &a, p, n), 0);
	assert_memory_equal(asked.tag, tag, sizeof(tag));
	assert_memory_equal(asked.commitment, secret, sizeof(secret));
	assert_int_equal(asked.nentries, 2);
	assert_int_equal(asked.entries[1].n, 5);
	assert_int_equal(asked.number, 8);
	free(p);
	ask.nentries = MSG_MAX_ASKED + 1;
	p = msg_ask_encode(&ask, &n);
	assert_int_equal(msg_ask_decode(&asked, &a, p, n), -1);
	free(p);
	p = msg_ask_answer_encode(&answer, &n);
	assert_int_equal(msg_ask_answer_decode(&heard, &a, p, n), 0);
	assert_int_equal(heard.state, MSG_ASK_SALT);
	assert_int_equal(heard.number, 9);
	free(p);
	answer.state = MSG_ASK_ACCEPTED; /* without the group */
	p = msg_ask_answer_encode(&answer, &n);
	assert_int_equal(msg_ask_answer_decode(&heard, &a, p, n), -1);
	free(p);
	p = msg_ask_reveal_encode(&reveal, &n);
	assert_int_equal(msg_ask_reveal_decode(&revealed, &a, p, n), 0);
	assert_int_equal(revealed.request.n, 5);
	free(p);
	p = msg_requests_encode(&mail, &n);
	assert_int_equal(msg_requests_decode(&got, &a, p, n), 0);
	assert_true(got.channel == 4 && got.digest.n == 32 && got.nentries == 2 && got.entries[0].n == 3);
	free(p);
	mail.digest.n = 31;
	p = msg_requests_encode(&mail, &n);
	assert_int_equal(msg_requests_decode(&got, &a, p, n), -1);
	free(p);
	msg_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(news_survives_the_trip),
		cmocka_unit_test(news_out_of_order_is_refused),
		cmocka_unit_test(a_record_comes_without_setuid),
		cmocka_unit_test(a_record_that_cannot_be_is_refused),
		cmocka_unit_test(an_index_hello_says_role_and_mode),
		cmocka_unit_test(a_question_about_a_file_survives_the_trip),
		cmocka_unit_test(what_askers_and_members_say_survives_the_trip),
		cmocka_unit_test(a_get_beyond_the_content_is_refused),
		cmocka_unit_test(a_get_asks_about_leaves),
		cmocka_unit_test(a_message_that_unpacks_to_too_much_is_refused),
		cmocka_unit_test(a_block_says_what_it_carries),
		cmocka_unit_test(a_block_of_any_says_which_it_is),
		cmocka_unit_test(a_map_survives_the_trip),
		cmocka_unit_test(a_map_that_cannot_be_is_refused),
		cmocka_unit_test(what_one_has_survives_the_trip),
		cmocka_unit_test(requests_of_any_survive_the_trip),
	};

	return cmocka_run_group_tests_name("msg", tests, NULL, NULL);
}
