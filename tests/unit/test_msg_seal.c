/* The messages of sealed groups survive encoding and decoding, and one that breaks a limit is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/wire/msg_seal.h"

static const uint8_t some[64] = { 1, 2, 3 };

static struct msg_bytes bytes_of(size_t n)
{
	return (struct msg_bytes){ .p = some, .n = n };
}

/* Encodes `in`, and decodes it into `out`; the status. */
#define TRIP(name, in, out)                                             \
	({                                                              \
		size_t n_;                                              \
		uint8_t *p_ = msg_##name##_encode(in, &n_);             \
		int status_ = msg_##name##_decode(out, &arena, p_, n_); \
		free(p_);                                               \
		status_;                                                \
	})

static struct msg_arena arena;

static int clean(void **state)
{
	(void)state;
	msg_free(&arena);
	return 0;
}

static void keys_survive_the_trip(void **state)
{
	uint64_t held[] = { 5, UINT64_MAX };
	struct msg_bytes envelopes[] = { bytes_of(3), bytes_of(64) };
	struct msg_keys in = { .channel = 9, .held = held, .nheld = 2, .envelopes = envelopes, .nenvelopes = 2 }, out;

	(void)state;
	assert_int_equal(TRIP(keys, &in, &out), 0);
	assert_int_equal(out.channel, 9);
	assert_int_equal(out.nheld, 2);
	assert_true(out.held[0] == 5 && out.held[1] == UINT64_MAX);
	assert_int_equal(out.nenvelopes, 2);
	assert_int_equal(out.envelopes[1].n, 64);
	assert_memory_equal(out.envelopes[1].p, some, 64);
	in = (struct msg_keys){ .channel = 1 };
	assert_int_equal(TRIP(keys, &in, &out), 0);
	assert_int_equal(out.nheld + out.nenvelopes, 0);
}

static void keys_have_limits(void **state)
{
	uint64_t *held = mem_calloc(MSG_MAX_HELD + 1, sizeof(*held));
	uint8_t *long_one = mem_calloc(MSG_MAX_ENVELOPE + 1, 1);
	struct msg_bytes envelopes[MSG_MAX_ENVELOPES + 1], one = { .p = long_one, .n = MSG_MAX_ENVELOPE };
	struct msg_keys in = { .held = held, .nheld = MSG_MAX_HELD }, out;

	(void)state;
	assert_int_equal(TRIP(keys, &in, &out), 0);
	in.nheld++;
	assert_int_equal(TRIP(keys, &in, &out), -1);
	for (size_t i = 0; i <= MSG_MAX_ENVELOPES; i++)
		envelopes[i] = bytes_of(1);
	in = (struct msg_keys){ .envelopes = envelopes, .nenvelopes = MSG_MAX_ENVELOPES };
	assert_int_equal(TRIP(keys, &in, &out), 0);
	in.nenvelopes++;
	assert_int_equal(TRIP(keys, &in, &out), -1);
	in = (struct msg_keys){ .envelopes = &one, .nenvelopes = 1 };
	assert_int_equal(TRIP(keys, &in, &out), 0);
	one.n++;
	assert_int_equal(TRIP(keys, &in, &out), -1);
	one.n = 0;
	assert_int_equal(TRIP(keys, &in, &out), -1);
	free(held);
	free(long_one);
}

static void cores_survive_the_trip(void **state)
{
	struct msg_core cores[] = { { .seq = 4, .core = bytes_of(10), .endorsement = bytes_of(2) },
		                    { .seq = 6, .core = bytes_of(1), .endorsement = bytes_of(1) } };
	struct msg_cores in = { .channel = 2, .after = 3, .upto = 8, .cores = cores, .ncores = 2 }, out;

	(void)state;
	assert_int_equal(TRIP(cores, &in, &out), 0);
	assert_int_equal(out.channel, 2);
	assert_true(out.after == 3 && out.upto == 8);
	assert_int_equal(out.ncores, 2);
	assert_int_equal(out.cores[0].seq, 4);
	assert_int_equal(out.cores[0].core.n, 10);
	assert_memory_equal(out.cores[0].endorsement.p, some, 2);
}

static void cores_out_of_order_are_refused(void **state)
{
	static const struct {
		uint64_t after, upto, first, second;
		int status;
	} cases[] = { { 3, 8, 4, 8, 0 },  { 3, 8, 3, 8, -1 }, { 3, 8, 5, 5, -1 },         { 3, 8, 5, 4, -1 },
		      { 3, 8, 4, 9, -1 }, { 8, 3, 4, 5, -1 }, { 0, 1ULL << 63, 1, 2, -1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct msg_core cores[] = {
			{ .seq = cases[i].first, .core = bytes_of(1), .endorsement = bytes_of(1) },
			{ .seq = cases[i].second, .core = bytes_of(1), .endorsement = bytes_of(1) }
		};
		struct msg_cores in = { .after = cases[i].after, .upto = cases[i].upto, .cores = cores, .ncores = 2 },
				 out;

		assert_int_equal(TRIP(cores, &in, &out), cases[i].status);
		cores[1].endorsement.n = 0;
		assert_int_equal(TRIP(cores, &in, &out), -1);
	}
}

static void heads_survive_the_trip(void **state)
{
	struct msg_bytes heads[MSG_MAX_HEADS + 1];
	struct msg_heads in = { .channel = 7, .heads = heads, .nheads = MSG_MAX_HEADS }, out;

	(void)state;
	for (size_t i = 0; i <= MSG_MAX_HEADS; i++)
		heads[i] = bytes_of(5);
	assert_int_equal(TRIP(heads, &in, &out), 0);
	assert_int_equal(out.nheads, MSG_MAX_HEADS);
	assert_int_equal(out.channel, 7);
	assert_memory_equal(out.heads[63].p, some, 5);
	in.nheads++;
	assert_int_equal(TRIP(heads, &in, &out), -1);
}

static void a_vault_says_one_thing_at_a_time(void **state)
{
	struct msg_object_want want = { .request = 3, .kind = 2, .generation = UINT64_MAX, .name = { 8, 9 } };
	uint32_t requests[] = { 1, UINT32_MAX };
	struct msg_vault all = { .channel = 4,
		                 .epoch = 11,
		                 .seq = 12,
		                 .have_epoch = 13,
		                 .have_seq = 15,
		                 .settled = 14,
		                 .role_known = 2,
		                 .full = true,
		                 .used = 16,
		                 .quota = 17,
		                 .row = 18,
		                 .wants = &want,
		                 .nwants = 1,
		                 .requests = requests,
		                 .nrequests = 2 },
			 out;

	(void)state;
	for (int what = MSG_VAULT_HELLO; what < MSG_VAULT_WHATS; what++) {
		bool hello = what == MSG_VAULT_HELLO, ack = what == MSG_VAULT_ACK, state_too = what == MSG_VAULT_STATE;
		bool wants = what == MSG_VAULT_WANT || what == MSG_VAULT_BAD;

		all.what = (enum msg_vault_what)what;
		assert_int_equal(TRIP(vault, &all, &out), 0);
		assert_int_equal(out.channel, 4);
		assert_int_equal(out.what, what);
		assert_int_equal(out.seq, hello ? 12 : 0);
		assert_int_equal(out.epoch, hello || ack ? 11 : 0);
		assert_int_equal(out.settled, hello || ack ? 14 : 0);
		assert_int_equal(out.role_known, hello ? 2 : 0);
		assert_int_equal(out.full, hello || state_too);
		assert_int_equal(out.quota, hello || state_too ? 17 : 0);
		assert_int_equal(out.row, wants ? 18 : 0);
		assert_int_equal(out.nwants, wants ? 1 : 0);
		assert_int_equal(out.nrequests, what == MSG_VAULT_CANCEL ? 2 : 0);
		if (wants) {
			assert_int_equal(out.wants[0].request, 3);
			assert_int_equal(out.wants[0].kind, 2);
			assert_true(out.wants[0].generation == UINT64_MAX);
			assert_memory_equal(out.wants[0].name, want.name, sizeof(want.name));
		}
	}
	assert_int_equal(out.what, MSG_VAULT_BAD);
	all.what = MSG_VAULT_WHATS;
	assert_int_equal(TRIP(vault, &all, &out), -1);
	all.what = (enum msg_vault_what)0;
	assert_int_equal(TRIP(vault, &all, &out), -1);
}

static void what_a_vault_says_has_limits(void **state)
{
	struct msg_object_want *wants = mem_calloc(MSG_MAX_OBJECTS + 1, sizeof(*wants));
	uint32_t *requests = mem_calloc(MSG_MAX_OBJECTS + 1, sizeof(*requests));
	struct msg_vault in = { .what = MSG_VAULT_WANT, .wants = wants, .nwants = MSG_MAX_OBJECTS }, out;
	size_t n;

	(void)state;
	for (size_t i = 0; i <= MSG_MAX_OBJECTS; i++)
		wants[i].kind = 1;
	assert_int_equal(TRIP(vault, &in, &out), 0);
	in.requests = requests;
	uint8_t *longest = msg_vault_encode(&in, &n);

	free(longest);
	assert_true(n <= frame_max(FRAME_VAULT));
	in.nwants++;
	assert_int_equal(TRIP(vault, &in, &out), -1);
	in.nwants = 0;
	assert_int_equal(TRIP(vault, &in, &out), -1);
	in.nwants = 1;
	wants[0].kind = 0;
	assert_int_equal(TRIP(vault, &in, &out), -1);
	in = (struct msg_vault){ .what = MSG_VAULT_CANCEL, .requests = requests, .nrequests = MSG_MAX_OBJECTS };
	assert_int_equal(TRIP(vault, &in, &out), 0);
	in.nrequests++;
	assert_int_equal(TRIP(vault, &in, &out), -1);
	in = (struct msg_vault){ .what = MSG_VAULT_HELLO };
	assert_int_equal(TRIP(vault, &in, &out), -1); /* without an epoch */
	in = (struct msg_vault){ .what = MSG_VAULT_ACK, .epoch = 1, .have_seq = 1, .settled = 2 };
	assert_int_equal(TRIP(vault, &in, &out), -1);
	free(wants);
	free(requests);
}

static void an_object_has_bytes_exactly_when_it_is_here(void **state)
{
	uint8_t p[MSG_OBJECT_HEAD + 1] = { 0 };
	struct msg_object in = { .channel = 0x01020304, .request = 0x05060708 }, out;

	(void)state;
	for (int status = 0; status <= MSG_OBJECT_STATUSES; status++) {
		bool good = status < MSG_OBJECT_STATUSES;

		in.status = (uint8_t)status;
		msg_object_head(p, &in);
		assert_int_equal(msg_object_decode(&out, p, sizeof(p)), status == MSG_OBJECT_HERE ? 0 : -1);
		assert_int_equal(msg_object_decode(&out, p, MSG_OBJECT_HEAD), good && status ? 0 : -1);
		assert_int_equal(msg_object_decode(&out, p, MSG_OBJECT_HEAD - 1), -1);
	}
	in.status = MSG_OBJECT_HERE;
	msg_object_head(p, &in);
	assert_int_equal(msg_object_decode(&out, p, sizeof(p)), 0);
	assert_int_equal(out.channel, in.channel);
	assert_int_equal(out.request, in.request);
	assert_ptr_equal(out.bytes.p, p + MSG_OBJECT_HEAD);
	assert_int_equal(out.bytes.n, 1);
}

/* --- SEALED --- */

static void a_sealed_frame_says_what_is_in_it(void **state)
{
	struct msg_sealed in = { .channel = 1, .generation = 2, .counter = 3, .type = FRAME_NEWS }, out;
	uint8_t p[MSG_SEALED_HEAD + 30] = { 0 };

	(void)state;
	msg_sealed_head(p, &in);
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p)), 0);
	assert_true(out.channel == 1 && out.generation == 2 && out.counter == 3 && out.type == FRAME_NEWS);
	assert_int_equal(out.clear, 0);
	assert_int_equal(out.front, MSG_SEALED_HEAD);
	assert_ptr_equal(out.sealed.p, p + MSG_SEALED_HEAD);
	assert_int_equal(out.sealed.n, 30 - MSG_SEALED_TAG);
	in.flags = FRAME_FLAG_ZSTD;
	msg_sealed_head(p, &in);
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p)), 0);
	assert_int_equal(out.clear, 4);
	assert_int_equal(out.sealed.n, 30 - 4 - MSG_SEALED_TAG);
	assert_int_equal(msg_sealed_decode(&out, p, MSG_SEALED_HEAD + 4 + MSG_SEALED_TAG), 0);
	assert_int_equal(msg_sealed_decode(&out, p, MSG_SEALED_HEAD + 3 + MSG_SEALED_TAG), -1);
	in.flags = 2;
	msg_sealed_head(p, &in);
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p)), -1);
}

static void a_sealed_block_shows_who_asked(void **state)
{
	struct msg_sealed in = { .counter = MSG_SEALED_BULK | 7, .type = FRAME_BLOCK }, out;
	struct msg_block block = { .request = 77, .plain_len = 5, .number = 3 };
	uint8_t p[MSG_SEALED_HEAD + MSG_BLOCK_HEAD_ANY + 5 + MSG_SEALED_TAG] = { 0 };

	(void)state;
	msg_sealed_head(p, &in);
	assert_int_equal(msg_block_head(p + MSG_SEALED_HEAD, &block), MSG_BLOCK_HEAD_ANY);
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p)), 0);
	assert_int_equal(out.clear, MSG_BLOCK_HEAD_ANY);
	assert_int_equal(out.sealed.n, 5);
	/* Its length does not fit, or it claims to be another kind of frame, or another kind claims to be one. */
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p) - 1), -1);
	in.flags = FRAME_FLAG_ZSTD;
	msg_sealed_head(p, &in);
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p)), -1);
	in = (struct msg_sealed){ .counter = 7, .type = FRAME_BLOCK };
	msg_sealed_head(p, &in);
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p)), -1);
	in = (struct msg_sealed){ .counter = MSG_SEALED_BULK | 7, .type = FRAME_NEWS };
	msg_sealed_head(p, &in);
	assert_int_equal(msg_sealed_decode(&out, p, sizeof(p)), -1);
}

static void only_a_groups_frames_are_sealed(void **state)
{
	static const uint8_t plain[] = { FRAME_HELLO,      FRAME_BYE,         FRAME_PING,      FRAME_PONG,
		                         FRAME_GROUP_OPEN, FRAME_GROUP_CLOSE, FRAME_ROSTER,    FRAME_ADDRESSES,
		                         FRAME_KEEP,       FRAME_HERE,        FRAME_RUN_PROOF, FRAME_REQUESTS,
		                         FRAME_ASK,        FRAME_KEYS,        FRAME_SEALED,    FRAME_CORES,
		                         FRAME_OBJECT,     FRAME_HEADS,       FRAME_VAULT };
	uint8_t *p = mem_calloc(FRAME_MAX_SEALED + 1, 1);
	struct msg_sealed in = { 0 }, out;

	(void)state;
	for (size_t i = 0; i < sizeof(plain); i++) {
		assert_true(frame_known(plain[i]));
		in.type = plain[i];
		msg_sealed_head(p, &in);
		assert_false(msg_sealed_type(plain[i]));
		assert_int_equal(msg_sealed_decode(&out, p, 100), -1);
	}
	/* What is inside is bounded by its own type. */
	for (uint8_t type = 1; type < 64; type++) {
		size_t most = MSG_SEALED_HEAD + frame_max(type) + MSG_SEALED_TAG;

		if (!msg_sealed_type(type) || type == FRAME_BLOCK)
			continue;
		in.type = type;
		msg_sealed_head(p, &in);
		assert_true(most <= frame_max(FRAME_SEALED));
		assert_int_equal(msg_sealed_decode(&out, p, most), 0);
		assert_int_equal(msg_sealed_decode(&out, p, most + 1), -1);
	}
	free(p);
}

/* --- records that stand alone --- */

static char path[] = "dir/name";

static struct msg_record a_file(struct version_entry e[3])
{
	struct msg_record m = { .record = { .path = path,
		                            .kind = RECORD_FILE,
		                            .mode = 0640,
		                            .mtime_ns = -5,
		                            .seq = 7,
		                            .modified_by = 99,
		                            .chunk_log2 = 16,
		                            .absent = true,
		                            .version = { .n = 1, .e = &e[0] },
		                            .base = { .n = 1, .e = &e[1] },
		                            .mode_base = { .n = 1, .e = &e[2] },
		                            .content = { .size = 99, .nblocks = 3 } },
		                .content = bytes_of(3) };

	e[0] = (struct version_entry){ .writer = 11, .counter = 12 };
	e[1] = (struct version_entry){ .writer = 11, .counter = 5 };
	e[2] = (struct version_entry){ .writer = 11, .counter = 7 };
	memset(m.record.content.root, 0xab, 32);
	return m;
}

static void a_record_alone_has_no_version_number_or_content(void **state)
{
	struct version_entry e[3];
	struct msg_record in = a_file(e), out;

	(void)state;
	in.sealed_list = bytes_of(44);
	assert_int_equal(TRIP(record_alone, &in, &out), 0);
	assert_string_equal(out.record.path, path);
	assert_int_equal(out.record.version.n, 0);
	assert_int_equal(out.record.seq, 0);
	assert_false(out.record.absent);
	assert_int_equal(out.content.n, 0);
	assert_int_equal(out.record.mode, 0640);
	assert_int_equal(out.record.modified_by, 99);
	assert_int_equal(version_compare(&out.record.base, &in.record.base), VERSION_EQUAL);
	assert_int_equal(version_compare(&out.record.mode_base, &in.record.mode_base), VERSION_EQUAL);
	assert_int_equal(out.sealed_list.n, 44);
	assert_memory_equal(out.sealed_list.p, some, 44);
	assert_false(msg_record_bases_fit(&out.record));
	out.record.version = in.record.version;
	assert_true(msg_record_bases_fit(&out.record));
	e[0].counter = 5;
	assert_false(msg_record_bases_fit(&out.record));
}

static void a_record_alone_has_one_list(void **state)
{
	struct version_entry e[3];
	struct msg_record in = a_file(e), out;
	uint8_t *many = mem_calloc(MSG_MAX_PAGES + 2, 1);

	(void)state;
	in.pages = (struct msg_bytes){ .p = many, .n = MSG_MAX_PAGES };
	assert_int_equal(TRIP(record_alone, &in, &out), 0);
	assert_int_equal(out.pages.n, MSG_MAX_PAGES);
	in.pages.n += 2;
	assert_int_equal(TRIP(record_alone, &in, &out), -1);
	in.pages.n = 3;
	assert_int_equal(TRIP(record_alone, &in, &out), -1);
	in.pages.n = 2;
	in.sealed_list = bytes_of(44);
	assert_int_equal(TRIP(record_alone, &in, &out), -1);
	in.pages.n = 0;
	in.record.content.nblocks = 1;
	assert_int_equal(TRIP(record_alone, &in, &out), -1);
	free(many);
}

static void records_of_messages_do_not_stand_alone(void **state)
{
	struct version_entry e[3];
	struct msg_record in = a_file(e), out;
	struct msg_news news = { .upto = 9, .records = &in, .nrecords = 1 };
	size_t n, news_n;

	(void)state;
	in.content.n = 0;
	in.sealed_list = bytes_of(44);
	uint8_t *alone = msg_record_alone_encode(&in, &n), *p = msg_news_encode(&news, &news_n);

	/* A News without its lists is not a record alone either: it has a version, and a number. */
	assert_int_equal(msg_news_decode(&news, &arena, p, news_n), 0);
	assert_int_equal(news.records[0].sealed_list.n, 0);
	/* The body of a News whose only record is the one that stands alone: field 4, length. */
	uint8_t *wrapped = mem_calloc(n + 16, 1), at = 0;

	wrapped[at++] = 3 << 3; /* upto */
	wrapped[at++] = 9;
	wrapped[at++] = 4 << 3 | 2;
	wrapped[at++] = (uint8_t)(n & 127) | 128;
	wrapped[at++] = (uint8_t)(n >> 7);
	memcpy(wrapped + at, alone, n);
	assert_int_equal(msg_news_decode(&news, &arena, wrapped, n + at), -1);
	assert_int_equal(msg_record_alone_decode(&out, &arena, alone, n), 0);
	free(wrapped);
	free(alone);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(keys_survive_the_trip, clean),
		cmocka_unit_test_teardown(keys_have_limits, clean),
		cmocka_unit_test_teardown(cores_survive_the_trip, clean),
		cmocka_unit_test_teardown(cores_out_of_order_are_refused, clean),
		cmocka_unit_test_teardown(heads_survive_the_trip, clean),
		cmocka_unit_test_teardown(a_vault_says_one_thing_at_a_time, clean),
		cmocka_unit_test_teardown(what_a_vault_says_has_limits, clean),
		cmocka_unit_test(an_object_has_bytes_exactly_when_it_is_here),
		cmocka_unit_test(a_sealed_frame_says_what_is_in_it),
		cmocka_unit_test(a_sealed_block_shows_who_asked),
		cmocka_unit_test(only_a_groups_frames_are_sealed),
		cmocka_unit_test_teardown(a_record_alone_has_no_version_number_or_content, clean),
		cmocka_unit_test_teardown(a_record_alone_has_one_list, clean),
		cmocka_unit_test_teardown(records_of_messages_do_not_stand_alone, clean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
