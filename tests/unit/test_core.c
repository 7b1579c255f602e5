/* Sealed records: what goes in comes out, for holders of the key; everybody else sees only what the form says; nothing
 * can be altered, moved or made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/core.h"
#include "sync/seal/pad.h"
#include "tests/unit/seal_forms.h"
#include "tests/unit/seal_world.h"

enum { OURS = 7, OLD = 3 };

struct fixture {
	struct keys *k;
	struct core_head head;
	struct version_entry entries[2];
	uint8_t names[3 * 32];
	struct bytes out;
};

static int setup(void **state)
{
	struct fixture *f = MEM_NEW(struct fixture);

	f->k = seal_world_keys(OURS);
	f->head.generation = OURS;
	core_path_id(f->k, "music/ü.ogg", f->head.path_id);
	f->entries[0] = (struct version_entry){ .writer = 5, .counter = 9 };
	f->entries[1] = (struct version_entry){ .writer = 6, .counter = 1 };
	f->head.version = (struct version){ .n = 2, .e = f->entries };
	for (size_t i = 0; i < 3; i++)
		memset(f->names + 32 * i, (int)(1 + i % 2), 32);
	f->head.groups[0] = (struct core_group){ .generation = OLD, .n = 2, .names = f->names };
	f->head.groups[1] = (struct core_group){ .generation = OURS, .n = 1, .names = f->names + 64 };
	f->head.ngroups = 2;
	f->head.older[0].generation = OLD;
	f->head.nolder = 1;
	f->out = BYTES_INIT(4 * CORE_MAX);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	keys_free(f->k);
	bytes_free(&f->out);
	free(f);
	return 0;
}

static void sealed(struct fixture *f, const char *record)
{
	bytes_clear(&f->out);
	assert_int_equal(core_seal(f->k, &f->head, record, strlen(record), &f->out), 0);
}

static void what_is_sealed_is_opened(void **state)
{
	struct fixture *f = *state;
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX);
	struct core c;
	uint8_t name[32];

	sealed(f, "a record");
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
	assert_int_equal(core_open(f->k, &c, &record), CORE_OK);
	assert_int_equal(record.len, 8);
	assert_memory_equal(record.p, "a record", 8);
	sha256(name, f->out.p, f->out.len);
	assert_memory_equal(c.name, name, 32);
	assert_true(core_is_of(f->k, &c, "music/ü.ogg"));
	assert_false(core_is_of(f->k, &c, "music/u.ogg"));
	core_clear(&c);
	bytes_free(&record);
}

/* All that a vault needs: versions, refs by generation, older IDs. */
static void the_head_is_read_without_keys(void **state)
{
	struct fixture *f = *state;
	struct core c;

	sealed(f, "a record");
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
	assert_false(c.head.deleted);
	assert_false(c.head.paged);
	assert_int_equal(c.head.generation, OURS);
	assert_memory_equal(c.head.path_id, f->head.path_id, 32);
	assert_int_equal(version_compare(&c.head.version, &f->head.version), VERSION_EQUAL);
	assert_int_equal(c.head.ngroups, 2);
	assert_int_equal(c.head.groups[0].generation, OLD);
	assert_int_equal(c.head.groups[0].n, 2);
	assert_memory_equal(c.head.groups[0].names, f->names, 64);
	assert_memory_equal(c.head.groups[1].names, f->names + 64, 32);
	assert_int_equal(c.head.nolder, 1);
	assert_int_equal(c.head.older[0].generation, OLD);
	core_clear(&c);
}

static bool opens(void *arg, const uint8_t *p, size_t n)
{
	struct fixture *f = arg;
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX);
	struct core c;
	bool opened = false;

	if (core_parse(&c, p, n) == CORE_OK) {
		opened = core_open(f->k, &c, &record) == CORE_OK;
		core_clear(&c);
	}
	assert_true(opened || record.len == 0);
	bytes_free(&record);
	return opened;
}

static void every_bit_of_a_core_matters(void **state)
{
	struct fixture *f = *state;

	sealed(f, "a record");
	seal_forms_check(f->out.p, f->out.len, opens, f);
}

/* Computed by another program (Python, cryptography). It may never change. */
static void a_core_is_what_another_program_makes(void **state)
{
	struct fixture *f = *state;
	uint8_t known[32], sum[32];

	sealed(f, "a record");
	assert_int_equal(f->out.len, 334);
	seal_forms_hex(known, 32, "2a346874692671c5b93d061b30da329a14a2980687daddbecb05e4799643d39b");
	sha256(sum, f->out.p, f->out.len);
	assert_memory_equal(sum, known, 32);
}

/* Seals the record "a record" for the head of f->out under a nonce of the caller's, as a holder of the keys may. */
static void sealed_anew(struct fixture *f, const uint8_t nonce[AEAD_NONCE_LEN])
{
	const size_t head_n = f->out.len - AEAD_NONCE_LEN - 4 - 64 - AEAD_TAG_LEN;
	const struct aead_part aad[] = { AEAD_LABEL("lanyard record 1"),
		                         { keys_group(f->k)->b, 32 },
		                         { f->out.p, head_n } };
	uint8_t body[64] = { 0, 0, 0, 8 }, sha[32], key[AEAD_KEY_LEN], *at = f->out.p + head_n + AEAD_NONCE_LEN + 4;

	memcpy(body + 4, "a record", 8);
	sha256(sha, f->out.p, head_n);
	keys_prf(f->k, KEYS_RECORD, &(struct aead_part){ .p = sha, .n = sizeof(sha) }, 1, key);
	memcpy(f->out.p + head_n, nonce, AEAD_NONCE_LEN);
	aead_seal(key, nonce, aad, 3, body, sizeof(body), at, at + sizeof(body));
}

static void nobody_has_a_choice_of_the_nonce(void **state)
{
	struct fixture *f = *state;
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX);
	uint8_t nonce[AEAD_NONCE_LEN];
	struct core c;

	sealed(f, "a record");
	memcpy(nonce, f->out.p + f->out.len - 96, AEAD_NONCE_LEN);
	sealed_anew(f, nonce);
	assert_true(opens(f, f->out.p, f->out.len));
	nonce[11] ^= 1;
	sealed_anew(f, nonce);
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
	assert_int_equal(core_open(f->k, &c, &record), CORE_INSIDE);
	assert_int_equal(record.len, 0);
	core_clear(&c);
	bytes_free(&record);
}

static void a_core_of_another_group_or_generation_is_not_opened(void **state)
{
	struct fixture *f = *state;
	struct group_id other = seal_world_group(1);
	struct bytes record = BYTES_INIT(CORE_RECORD_MAX);
	struct keys *same_secret = keys_new(&other, keys_about(f->k), keys_secret(f->k)), *later = seal_world_keys(8);
	struct core c;

	sealed(f, "a record");
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
	assert_int_equal(core_open(same_secret, &c, &record), CORE_FORGED);
	assert_int_equal(core_open(later, &c, &record), CORE_GENERATION);
	assert_int_equal(record.len, 0);
	core_clear(&c);
	keys_free(same_secret);
	keys_free(later);
}

/* Two members that write the same row at the same time make no second core of it. */
static void equal_rows_are_equal_cores_and_others_share_nothing(void **state)
{
	struct fixture *f = *state;
	struct bytes first = BYTES_INIT(CORE_MAX);
	size_t head_n;
	struct core c;

	sealed(f, "a record");
	bytes_append(&first, f->out.p, f->out.len);
	sealed(f, "a record");
	assert_int_equal(first.len, f->out.len);
	assert_memory_equal(first.p, f->out.p, first.len);
	assert_int_equal(core_parse(&c, first.p, first.len), CORE_OK);
	head_n = c.head_n;
	core_clear(&c);
	/* One body more: the same key, so another nonce. */
	sealed(f, "a recorD");
	assert_memory_equal(first.p, f->out.p, head_n);
	assert_memory_not_equal(first.p + head_n, f->out.p + head_n, AEAD_NONCE_LEN);
	bytes_free(&first);
}

static void sizes_tell_of_a_record_only_its_step(void **state)
{
	struct fixture *f = *state;
	static char record[CORE_RECORD_MAX];
	size_t sizes = 0, before = 0;

	memset(record, 'x', sizeof(record));
	for (size_t n = 1; n <= 4096; n++) {
		struct core c;
		size_t body;

		bytes_clear(&f->out);
		assert_int_equal(core_seal(f->k, &f->head, record, n, &f->out), 0);
		assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
		body = f->out.len - c.head_n - AEAD_NONCE_LEN - 4 - AEAD_TAG_LEN;
		assert_true(body >= n + 4);
		assert_int_equal(body, n + 4 <= 512 ? (n + 4 + 63) / 64 * 64 : pad_size(n + 4));
		sizes += body != before;
		before = body;
		core_clear(&c);
	}
	/* 64 to 512 by 64, then eight an octave up to 4,096, and the one above it. */
	assert_int_equal(sizes, 8 + 24 + 1);
	bytes_clear(&f->out);
	assert_int_equal(core_seal(f->k, &f->head, record, CORE_RECORD_MAX, &f->out), 0);
	assert_true(opens(f, f->out.p, f->out.len));
	assert_int_equal(core_seal(f->k, &f->head, record, CORE_RECORD_MAX + 1, &f->out), -1);
	assert_int_equal(core_seal(f->k, &f->head, record, 0, &f->out), -1);
}

/* What one who holds the key might make: other forms of what has one form. */
static void a_head_has_one_form(void **state)
{
	struct fixture *f = *state;
	struct core_head good = f->head;
	uint8_t many[(CORE_BLOCKS_MAX + 1) * 32] = { 0 };

	for (size_t i = 0; i <= CORE_BLOCKS_MAX; i++)
		many[i * 32] = (uint8_t)i;
	bytes_clear(&f->out);
	f->head.groups[0].names = f->names + 32; /* descending */
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head = good;
	f->head.groups[1].generation = OLD; /* twice */
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head = good;
	f->head.groups[1].n = 0;
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head = good;
	f->head.deleted = true; /* with content */
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head = good;
	f->head.older[0].generation = OURS;
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head = good;
	f->head.version.n = 0;
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head = good;
	f->head.generation = OLD; /* not the keys' */
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head = good;
	f->head.ngroups = 0;
	f->head.paged = true; /* no pages */
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head.paged = false;
	f->head.groups[0] = (struct core_group){ .generation = OURS, .n = CORE_BLOCKS_MAX + 1, .names = many };
	f->head.ngroups = 1;
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), -1);
	f->head.paged = true; /* as pages that many are fine */
	assert_int_equal(core_seal(f->k, &f->head, "r", 1, &f->out), 0);
	assert_true(opens(f, f->out.p, f->out.len));
}

static void a_tombstone_has_neither_refs_nor_a_size_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct core c;

	f->head.ngroups = 0;
	sealed(f, "a record");
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
	assert_false(c.head.deleted);
	core_clear(&c);
	f->head.deleted = true;
	sealed(f, "a record");
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
	assert_true(c.head.deleted);
	core_clear(&c);
	assert_true(opens(f, f->out.p, f->out.len));
}

static void a_later_format_is_refused_as_such(void **state)
{
	struct fixture *f = *state;
	struct core c;

	sealed(f, "a record");
	f->out.p[0] = CORE_FORMAT + 1;
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_VERSION);
	assert_int_equal(core_parse(&c, f->out.p, 1), CORE_VERSION);
	f->out.p[0] = 0;
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_FORM);
	assert_non_null(strstr(core_result_text(CORE_VERSION), "does not know"));
}

/* A vault stores no more of a path than a record can need. */
static void a_body_that_no_record_has_is_refused(void **state)
{
	struct fixture *f = *state;
	uint8_t *record = mem_calloc(CORE_RECORD_MAX, 1);
	struct core c;
	size_t head_n, n;

	assert_int_equal(core_seal(f->k, &f->head, record, CORE_RECORD_MAX, &f->out), 0);
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_OK);
	head_n = c.head_n;
	core_clear(&c);
	n = get_u32(f->out.p + head_n + AEAD_NONCE_LEN);
	/* The next size that padding gives. */
	put_u32(f->out.p + head_n + AEAD_NONCE_LEN, (uint32_t)pad_size(n + 1));
	assert_non_null(bytes_extend(&f->out, pad_size(n + 1) - n));
	assert_int_equal(core_parse(&c, f->out.p, f->out.len), CORE_FORM);
	free(record);
}

/* The body of another core under this head: the associated data and the key both are the head's. */
static void a_body_cannot_be_moved_to_another_head(void **state)
{
	struct fixture *f = *state;
	struct bytes first = BYTES_INIT(CORE_MAX);

	sealed(f, "a record");
	bytes_append(&first, f->out.p, f->out.len);
	f->entries[1].counter = 2;
	sealed(f, "a record");
	assert_int_equal(first.len, f->out.len);
	/* The tail is nonce, length, body and tag. */
	memcpy(first.p + first.len - 96, f->out.p + f->out.len - 96, 96);
	assert_false(opens(f, first.p, first.len));
	bytes_free(&first);
}

/* Names of paths depend on the generation's key, and say nothing about the tree. */
static void path_ids_are_keyed_and_flat(void **state)
{
	struct fixture *f = *state;
	struct keys *old = seal_world_keys(OLD);
	uint8_t a[32], b[32];

	core_path_id(f->k, "a/b", a);
	core_path_id(old, "a/b", b);
	assert_memory_not_equal(a, b, 32);
	core_path_id(f->k, "a/c", b);
	assert_memory_not_equal(a, b, 8);
	core_path_id(f->k, "a/b", b);
	assert_memory_equal(a, b, 32);
	keys_free(old);
}

static void of_equal_versions_one_core_stays_everywhere(void **state)
{
	struct core a = { .name = { 1 } }, b = { .name = { 2 } };

	(void)state;
	assert_true(core_compare(&a, 2, &b, 1) < 0);
	assert_true(core_compare(&a, 1, &b, 2) > 0);
	assert_true(core_compare(&a, 1, &b, 1) < 0);
	assert_true(core_compare(&b, 1, &a, 1) > 0);
	assert_int_equal(core_compare(&a, 1, &a, 1), 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_sealed_is_opened),
		CASE(the_head_is_read_without_keys),
		CASE(every_bit_of_a_core_matters),
		CASE(a_core_is_what_another_program_makes),
		CASE(nobody_has_a_choice_of_the_nonce),
		CASE(a_core_of_another_group_or_generation_is_not_opened),
		CASE(equal_rows_are_equal_cores_and_others_share_nothing),
		CASE(sizes_tell_of_a_record_only_its_step),
		CASE(a_head_has_one_form),
		CASE(a_tombstone_has_neither_refs_nor_a_size_of_its_own),
		CASE(a_later_format_is_refused_as_such),
		CASE(a_body_that_no_record_has_is_refused),
		CASE(a_body_cannot_be_moved_to_another_head),
		CASE(path_ids_are_keyed_and_flat),
		CASE(of_equal_versions_one_core_stays_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
