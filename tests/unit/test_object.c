/* Proves that a sealed object opens to what was sealed, that nothing else opens, and that its form is the documented
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/object.h"
#include "sync/seal/pad.h"
#include "tests/unit/noise.h"
#include "tests/unit/seal_forms.h"

enum { AROUND = 46 + 12 + 9 + 16 }; /* bytes of a block's object beside its padded content */

static struct keys *keys_of_group(const char *name, uint8_t number, uint64_t id, enum keys_policy policy)
{
	const struct keys_about about = { .id = id, .suite = KEYS_SUITE, .policy = (uint8_t)policy };
	uint8_t secret[KEYS_SECRET_LEN] = { number };
	struct group_id group = { { 0 } };

	memcpy(group.b, name, strlen(name));
	return keys_new(&group, &about, secret);
}

static struct keys *usual_keys(void)
{
	return keys_of_group("a group", 3, 7, KEYS_PACKED);
}

static struct object_input block_of(const uint8_t *p, size_t n)
{
	return (struct object_input){ .kind = OBJECT_BLOCK, .content = p, .n = n };
}

/* The ref of a sealed object, as its head says. */
static struct object_ref ref_of(const uint8_t *p, size_t n)
{
	struct object_head h;

	assert_int_equal(object_parse(&h, p, n), OBJECT_OK);
	return h.self;
}

/* Opens a copy, as what it says that it is. */
static enum object_result opened(const struct keys *k, enum object_kind kind, const struct object_ref *ref,
                                 const uint8_t *p, size_t n, const uint8_t *content, size_t content_n)
{
	uint8_t *copy = mem_dup(p, n), sha[32];
	struct object_plain plain;
	enum object_result result = object_open(k, kind, ref, copy, n, &plain);

	if (result == OBJECT_OK) {
		assert_int_equal(plain.n, content_n);
		assert_memory_equal(plain.p, content, content_n);
		sha256(sha, content, content_n);
		assert_memory_equal(plain.sha, sha, sizeof(sha));
	} else {
		assert_null(plain.p);
		assert_null(plain.unpacked);
	}
	object_plain_free(&plain);
	free(copy);
	return result;
}

/* --- what goes in comes out --- */

static void test_any_size_opens_to_what_was_sealed(void **state)
{
	static const size_t sizes[] = { 1, 2, 255, 256, 257, 4096, 65536, 65537, 300000, OBJECT_CONTENT_MAX };
	uint8_t *random = noise(OBJECT_CONTENT_MAX, 1), *text = mem_calloc(OBJECT_CONTENT_MAX, 1);

	(void)state;
	for (size_t i = 0; i < OBJECT_CONTENT_MAX; i++)
		text[i] = (uint8_t) "a line of text\n"[i % 15 ^ (random[i] & 1)];
	for (enum keys_policy policy = 0; policy < KEYS_POLICIES; policy++) {
		struct keys *k = keys_of_group("a group", 3, 7, policy);

		for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
			const struct object_input in = block_of(i % 2 ? text : random, sizes[i / 2]);
			size_t n, again_n;
			uint8_t *sealed = object_seal(k, &in, &n), *again = object_seal(k, &in, &again_n);
			struct object_ref ref = ref_of(sealed, n);

			assert_int_equal(n, again_n);
			assert_memory_equal(sealed, again, n);
			assert_true(n <= AROUND + pad_content(policy, in.n, 0));
			if (i % 2 && in.n > 4096 && policy == KEYS_PACKED)
				assert_true(n < in.n / 2);
			assert_int_equal(opened(k, OBJECT_BLOCK, &ref, sealed, n, in.content, in.n), OBJECT_OK);
			free(sealed);
			free(again);
		}
		keys_free(k);
	}
	free(random);
	free(text);
}

static void test_the_name_is_the_contents_and_the_keys(void **state)
{
	struct keys *keys[] = { usual_keys(), keys_of_group("a group", 4, 7, KEYS_PACKED),
		                keys_of_group("another", 3, 7, KEYS_PACKED) };
	uint8_t sha[32], names[4][32];

	(void)state;
	sha256(sha, "x", 1);
	for (size_t i = 0; i < 3; i++)
		object_name(keys[i], OBJECT_BLOCK, sha, names[i]);
	object_name(keys[0], OBJECT_PAGE, sha, names[3]);
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(names[i], names[j], 32);
	for (size_t i = 0; i < 3; i++)
		keys_free(keys[i]);
}

/* Computed by another program (Python, cryptography). These may never change. */
static void test_objects_are_what_another_program_makes(void **state)
{
	static const char lanyard_head[] = "01010000000000000007ba7595f23cc9f30ee6ceb29c21dc7847c75118a20888e603e03c"
					   "4fd49947afde000000003d91a44172c3a47db0faf4ba";
	uint8_t head[58], sum[32], known[32], name[32], ref[OBJECT_REF] = { 0 }, *random = noise(300, 1), *sealed;
	struct keys *k = usual_keys();
	struct object_input in = block_of((const uint8_t *)"lanyard", 7);
	size_t n;

	(void)state;
	sealed = object_seal(k, &in, &n);
	assert_int_equal(n, 339);
	seal_forms_hex(head, sizeof(head), lanyard_head);
	assert_memory_equal(sealed, head, sizeof(head));
	seal_forms_hex(known, 32, "c295b578f5248f28cf59272da3b6a4e911cf9ce76c14668b61034681788f804b");
	sha256(sum, sealed, n);
	assert_memory_equal(sum, known, 32);
	free(sealed);
	in = block_of(random, 300);
	sealed = object_seal(k, &in, &n);
	seal_forms_hex(known, 32, "27ce8891f5088f54047b446c31450218e769f3a96cc84d9f4d6577f7d695fc54");
	sha256(sum, sealed, n);
	assert_memory_equal(sum, known, 32);
	free(sealed);
	ref[7] = 6;
	for (uint8_t i = 0; i < 32; i++) {
		ref[8 + i] = i;
		name[i] = (uint8_t)(100 + i);
	}
	in = (struct object_input){ .kind = OBJECT_PATCH,
		                    .content = (const uint8_t *)"patch",
		                    .n = 5,
		                    .name = name,
		                    .refs = ref,
		                    .nrefs = 1 };
	sealed = object_seal(k, &in, &n);
	seal_forms_hex(known, 32, "caf3cfe53115988132bdbc4b5c74d0c65fd4c1c043d7cc92f5b4123e67c2c555");
	sha256(sum, sealed, n);
	assert_memory_equal(sum, known, 32);
	free(sealed);
	free(random);
	keys_free(k);
}

static int by_ref(const void *a, const void *b)
{
	return memcmp(a, b, OBJECT_REF);
}

static void test_pages_and_patches_have_their_refs(void **state)
{
	struct keys *k = usual_keys();
	uint8_t *refs = noise(OBJECT_REFS_MAX * OBJECT_REF, 3), name[32] = { 5 };
	const struct object_input inputs[] = {
		{ .kind = OBJECT_PAGE, .content = refs, .n = 1000, .refs = refs, .nrefs = OBJECT_REFS_MAX },
		{ .kind = OBJECT_PAGE, .content = refs, .n = 1, .refs = refs, .nrefs = 1 },
		{ .kind = OBJECT_PATCH, .content = refs, .n = 10, .refs = refs, .nrefs = 1, .name = name },
		{ .kind = OBJECT_PATCH,
		  .content = refs,
		  .n = 2048,
		  .refs = refs,
		  .nrefs = OBJECT_BASES_MAX,
		  .name = name },
	};

	(void)state;
	qsort(refs, OBJECT_REFS_MAX, OBJECT_REF, by_ref);
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		struct object_head h;
		size_t n;
		uint8_t *sealed = object_seal(k, &inputs[i], &n);

		assert_int_equal(object_parse(&h, sealed, n), OBJECT_OK);
		assert_int_equal(h.kind, inputs[i].kind);
		assert_int_equal(h.nrefs, inputs[i].nrefs);
		for (size_t r = 0; r < h.nrefs; r++) {
			struct object_ref ref = object_head_ref(&h, r);
			uint8_t form[OBJECT_REF];

			object_ref_put(form, &ref);
			assert_memory_equal(form, refs + r * OBJECT_REF, OBJECT_REF);
		}
		if (inputs[i].name != NULL)
			assert_memory_equal(h.self.name, name, 32);
		assert_int_equal(opened(k, inputs[i].kind, &h.self, sealed, n, inputs[i].content, inputs[i].n),
		                 OBJECT_OK);
		free(sealed);
	}
	free(refs);
	keys_free(k);
}

/* All that a vault can see of it: refs in an order of their own, twice, or of the object itself. */
static void test_refs_have_one_form(void **state)
{
	struct keys *k = usual_keys();
	uint8_t refs[3 * OBJECT_REF] = { 0 }, name[32] = { 1 }, byte = 1, *sealed;
	struct object_input page = { .kind = OBJECT_PAGE, .content = &byte, .n = 1, .refs = refs, .nrefs = 3 };
	struct object_input patch = { .kind = OBJECT_PATCH,
		                      .content = &byte,
		                      .n = 1,
		                      .refs = refs,
		                      .nrefs = 1,
		                      .name = name };
	struct object_head h;
	size_t n;

	(void)state;
	for (uint8_t i = 0; i < 3; i++)
		refs[(size_t)(i + 1) * OBJECT_REF - 1] = i;
	sealed = object_seal(k, &page, &n);
	assert_int_equal(object_parse(&h, sealed, n), OBJECT_OK);
	for (uint8_t last = 0; last < 2; last++) {
		sealed[h.len - 1] = refs[3 * OBJECT_REF - 1] = last;
		assert_int_equal(object_parse(&h, sealed, n), OBJECT_FORM);
		assert_null(object_seal(k, &page, &n));
	}
	free(sealed);
	sealed = object_seal(k, &patch, &n);
	assert_int_equal(object_parse(&h, sealed, n), OBJECT_OK);
	memcpy(sealed + h.len - 32, name, 32);
	assert_int_equal(object_parse(&h, sealed, n), OBJECT_FORM);
	memcpy(refs + 8, name, 32);
	assert_null(object_seal(k, &patch, &n));
	free(sealed);
	keys_free(k);
}

static void test_what_breaks_the_bounds_is_not_sealed(void **state)
{
	struct keys *k = usual_keys(), *uniform = keys_of_group("a group", 3, 7, KEYS_UNIFORM);
	uint8_t byte = 1, *refs = mem_calloc(OBJECT_REFS_MAX + 1, OBJECT_REF);
	const struct object_input bad[] = {
		block_of(&byte, 0),
		block_of(&byte, OBJECT_CONTENT_MAX + 1),
		{ .content = &byte, .n = 1 },
		{ .kind = 5, .content = &byte, .n = 1 },
		{ .kind = OBJECT_BLOCK, .content = &byte, .n = 1, .refs = refs, .nrefs = 1 },
		{ .kind = OBJECT_BLOCK, .content = &byte, .n = 1, .name = refs },
		{ .kind = OBJECT_BLOCK, .content = &byte, .n = 1, .avg_log2 = 15 },
		{ .kind = OBJECT_BLOCK, .content = &byte, .n = 1, .avg_log2 = 21 },
		{ .kind = OBJECT_BLOCK, .content = &byte, .n = (2 << 16) + 1, .avg_log2 = 16 },
		{ .kind = OBJECT_BLOCK, .content = &byte, .n = 1, .packed = &byte, .npacked = 1 },
		{ .kind = OBJECT_PAGE, .content = &byte, .n = 1 },
		{ .kind = OBJECT_PAGE, .content = &byte, .n = 1, .refs = refs, .nrefs = 1, .avg_log2 = 16 },
		{ .kind = OBJECT_PAGE, .content = &byte, .n = 1, .refs = refs, .nrefs = OBJECT_REFS_MAX + 1 },
		{ .kind = OBJECT_PATCH, .content = &byte, .n = 1, .name = refs },
		{ .kind = OBJECT_PATCH, .content = &byte, .n = 1, .refs = refs, .nrefs = 1 },
		{ .kind = OBJECT_PATCH,
		  .content = &byte,
		  .n = 1,
		  .refs = refs,
		  .nrefs = OBJECT_BASES_MAX + 1,
		  .name = refs },
		{ .kind = (enum object_kind)4, .content = &byte, .n = 1 },
	};
	struct object_input in = { .kind = OBJECT_BLOCK, .content = refs, .n = 9, .packed = refs, .npacked = 8 };
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null(object_seal(k, &bad[i], &n));
	/* Nobody packs where the policy forbids it. */
	assert_null(object_seal(uniform, &in, &n));
	free(refs);
	keys_free(k);
	keys_free(uniform);
}

/* --- nothing else opens --- */

struct lock {
	struct keys *k;
	enum object_kind kind;
	struct object_ref ref;
	const uint8_t *content;
	size_t n;
};

static bool opens(void *arg, const uint8_t *p, size_t n)
{
	const struct lock *l = arg;

	return opened(l->k, l->kind, &l->ref, p, n, l->content, l->n) == OBJECT_OK;
}

/* As it is asked for by what a changed head says: only the seal can tell. */
static bool opens_as_it_says(void *arg, const uint8_t *p, size_t n)
{
	const struct lock *l = arg;
	struct object_head h;

	if (object_parse(&h, p, n) != OBJECT_OK)
		return false;
	return opened(l->k, h.kind, &h.self, p, n, l->content, l->n) == OBJECT_OK;
}

static void test_every_bit_matters(void **state)
{
	struct keys *k = usual_keys();
	uint8_t *bytes = noise(400, 4), *text = mem_calloc(3000, 1);
	const struct object_input inputs[] = {
		block_of(bytes, 100),
		block_of(bytes, 300),
		block_of(text, 3000),
		{ .kind = OBJECT_PAGE, .content = bytes, .n = 96, .refs = bytes, .nrefs = 3 },
		{ .kind = OBJECT_PATCH, .content = bytes, .n = 60, .refs = bytes, .nrefs = 1, .name = bytes },
		{ .kind = OBJECT_PATCH, .content = bytes, .n = 16, .refs = bytes, .nrefs = 3, .name = bytes },
	};

	(void)state;
	qsort(bytes, 3, OBJECT_REF, by_ref);
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
		struct lock l = { .k = k, .kind = inputs[i].kind, .content = inputs[i].content, .n = inputs[i].n };
		size_t n;
		uint8_t *sealed = object_seal(k, &inputs[i], &n);

		l.ref = ref_of(sealed, n);
		seal_forms_check(sealed, n, opens, &l);
		seal_forms_check(sealed, n, opens_as_it_says, &l);
		free(sealed);
	}
	free(bytes);
	free(text);
	keys_free(k);
}

static void test_an_object_opens_only_where_it_belongs(void **state)
{
	struct keys *k = usual_keys();
	struct keys *others[] = { keys_of_group("another", 3, 7, KEYS_PACKED),
		                  keys_of_group("a group", 4, 7, KEYS_PACKED) };
	struct keys *later = keys_of_group("a group", 3, 8, KEYS_PACKED);
	const struct object_input in = block_of((const uint8_t *)"content", 7),
				  in2 = block_of((const uint8_t *)"other", 5);
	size_t n, n2;
	uint8_t *sealed = object_seal(k, &in, &n), *sealed2 = object_seal(k, &in2, &n2);
	struct object_ref ref = ref_of(sealed, n), ref2 = ref_of(sealed2, n2);

	(void)state;
	assert_int_equal(opened(k, OBJECT_BLOCK, &ref, sealed, n, in.content, 7), OBJECT_OK);
	/* Two blocks swapped. */
	assert_int_equal(opened(k, OBJECT_BLOCK, &ref, sealed2, n2, in.content, 7), OBJECT_ASKED);
	assert_int_equal(opened(k, OBJECT_BLOCK, &ref2, sealed, n, in.content, 7), OBJECT_ASKED);
	assert_int_equal(opened(k, OBJECT_PAGE, &ref, sealed, n, in.content, 7), OBJECT_ASKED);
	/* One's inside under the other's head. */
	memcpy(sealed2, sealed, 46);
	assert_int_equal(opened(k, OBJECT_BLOCK, &ref, sealed2, n2, in.content, 7), OBJECT_FORGED);
	/* Another group, another secret, another generation with the same secret. */
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(opened(others[i], OBJECT_BLOCK, &ref, sealed, n, in.content, 7), OBJECT_FORGED);
	assert_int_equal(opened(later, OBJECT_BLOCK, &ref, sealed, n, in.content, 7), OBJECT_GENERATION);
	ref.generation = 8;
	sealed[9] = 8;
	assert_int_equal(opened(later, OBJECT_BLOCK, &ref, sealed, n, in.content, 7), OBJECT_FORGED);
	free(sealed);
	free(sealed2);
	keys_free(k);
	keys_free(later);
	for (size_t i = 0; i < 2; i++)
		keys_free(others[i]);
}

/* --- a holder of the keys who seals wrongly --- */

/* Seals what stands for the inside of an object, by the documented way, whatever is in it. */
static uint8_t *forge(const struct keys *k, uint8_t kind, const uint8_t name[32], const uint8_t *inside,
                      size_t inside_n)
{
	static const uint8_t nonce[12] = { 1 };
	uint8_t *p = mem_calloc(46 + 12 + inside_n + 16, 1), key[32];
	const struct aead_part of_key[] = { { &kind, 1 }, { name, 32 } };
	const struct aead_part aad[] = { AEAD_LABEL("lanyard object 1"), { keys_group(k)->b, 32 }, { p, 46 } };

	p[0] = 1;
	p[1] = kind;
	put_u64(p + 2, keys_about(k)->id);
	memcpy(p + 10, name, 32);
	memcpy(p + 46, nonce, 12);
	keys_prf(k, KEYS_BLOCK, of_key, 2, key);
	aead_seal(key, nonce, aad, 3, inside, inside_n, p + 58, p + 58 + inside_n);
	return p;
}

/* A form whose inside is codec, length, packed length, and these bytes. */
static enum object_result forged(const struct keys *k, uint8_t codec, uint32_t length, uint32_t packed_n,
                                 const uint8_t *packed, size_t padded, const uint8_t *content, size_t n)
{
	uint8_t *inside = mem_calloc(9 + padded, 1), *p, sha[32];
	struct object_ref ref = { .generation = keys_about(k)->id };
	enum object_result result;

	sha256(sha, content, n);
	object_name(k, OBJECT_BLOCK, sha, ref.name);
	inside[0] = codec;
	put_u32(inside + 1, length);
	put_u32(inside + 5, packed_n);
	memcpy(inside + 9, packed, padded);
	p = forge(k, OBJECT_BLOCK, ref.name, inside, 9 + padded);
	result = opened(k, OBJECT_BLOCK, &ref, p, 46 + 12 + 9 + padded + 16, content, n);
	free(inside);
	free(p);
	return result;
}

static void test_what_is_wrong_inside_is_refused(void **state)
{
	struct keys *k = usual_keys(), *uniform = keys_of_group("a group", 3, 7, KEYS_UNIFORM);
	uint8_t *text = mem_calloc(8192, 1), *packed = mem_calloc(8192, 1), *two = mem_calloc(8192, 1);
	uint32_t n = (uint32_t)ZSTD_compress(packed, 8192, text, 4096, 3);

	(void)state;
	memcpy(two, packed, n);
	memcpy(two + n, packed, n);
	/* What is right, first: or the rest would prove nothing. */
	assert_int_equal(forged(k, 0, 200, 200, text, 256, text, 200), OBJECT_OK);
	assert_int_equal(forged(k, 1, 4096, n, packed, 256, text, 4096), OBJECT_OK);
	assert_int_equal(forged(k, 2, 200, 200, text, 256, text, 200), OBJECT_INSIDE);
	assert_int_equal(forged(k, 255, 200, 200, text, 256, text, 200), OBJECT_INSIDE);
	/* Lengths. */
	assert_int_equal(forged(k, 0, 200, 201, text, 256, text, 200), OBJECT_INSIDE);
	assert_int_equal(forged(k, 0, 200, 199, text, 256, text, 200), OBJECT_INSIDE);
	assert_int_equal(forged(k, 0, 0, 0, text, 256, text, 200), OBJECT_INSIDE);
	assert_int_equal(forged(k, 0, 257, 257, text, 256, text, 257), OBJECT_INSIDE);
	assert_int_equal(forged(k, 0, UINT32_MAX, UINT32_MAX, text, 256, text, 200), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, OBJECT_CONTENT_MAX + 1, n, packed, 256, text, 4096), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, UINT32_MAX, n, packed, 256, text, 4096), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, 4095, n, packed, 256, text, 4095), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, 4097, n, packed, 256, text, 4097), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, n, n, packed, 256, text, n), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, 4096, n - 1, packed, 256, text, 4096), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, 4096, n + 1, packed, 256, text, 4096), OBJECT_INSIDE);
	assert_int_equal(forged(k, 1, 8192, 2 * n, two, 256, text, 8192), OBJECT_INSIDE);
	/* Padding: too much of it, and not zeros. */
	assert_int_equal(forged(k, 0, 200, 200, text, 288, text, 200), OBJECT_INSIDE);
	text[255] = 1;
	assert_int_equal(forged(k, 0, 200, 200, text, 256, text, 200), OBJECT_INSIDE);
	text[255] = 0;
	assert_int_equal(forged(k, 0, 100, 100, packed, 256, packed, 99), OBJECT_CONTENT);
	/* Packed in a group that does not pack. */
	assert_int_equal(forged(uniform, 1, 4096, n, packed, 256, text, 4096), OBJECT_INSIDE);
	assert_int_equal(forged(uniform, 0, 200, 200, text, 256, text, 200), OBJECT_OK);
	assert_int_equal(forged(uniform, 0, 200, 200, text, 512, text, 200), OBJECT_INSIDE);
	assert_int_equal(forged(uniform, 0, 200, 200, text, 288, text, 200), OBJECT_INSIDE);
	free(text);
	free(packed);
	free(two);
	keys_free(k);
	keys_free(uniform);
}

static void test_a_name_tells_the_content(void **state)
{
	struct keys *k = usual_keys();
	uint8_t content[256] = { 7 }, other[256] = { 8 };

	(void)state;
	assert_int_equal(forged(k, 0, 256, 256, content, 256, content, 256), OBJECT_OK);
	assert_int_equal(forged(k, 0, 256, 256, content, 256, other, 256), OBJECT_CONTENT);
	for (enum object_result result = 0; result <= OBJECT_CONTENT; result++)
		assert_non_null(object_result_text(result));
	keys_free(k);
}

/* A vault's view: forms only. */
static void test_forms_that_are_none_are_seen_without_keys(void **state)
{
	struct keys *k = usual_keys();
	const struct object_input in = block_of((const uint8_t *)"content", 7);
	size_t n;
	uint8_t *sealed = object_seal(k, &in, &n), *larger = mem_calloc(n + 256, 1);
	struct object_head h;

	(void)state;
	memcpy(larger, sealed, n);
	assert_int_equal(object_parse(&h, larger, n), OBJECT_OK);
	assert_int_equal(object_parse(&h, larger, n + 32), OBJECT_OK); /* 288: a size that there is */
	assert_int_equal(object_parse(&h, larger, n + 31), OBJECT_FORM);
	assert_int_equal(object_parse(&h, larger, 0), OBJECT_FORM);
	for (int value = 0; value < 256; value++) {
		larger[0] = (uint8_t)value;
		assert_int_equal(object_parse(&h, larger, n), value == 1 ? OBJECT_OK : OBJECT_FORM);
	}
	larger[0] = 1;
	for (int kind = 0; kind < 256; kind++) {
		larger[1] = (uint8_t)kind;
		assert_int_equal(object_parse(&h, larger, n), kind == OBJECT_BLOCK ? OBJECT_OK : OBJECT_FORM);
	}
	larger[1] = OBJECT_PAGE;
	memset(larger + 42, 0xff, 4);
	assert_int_equal(object_parse(&h, larger, n), OBJECT_FORM);
	free(sealed);
	free(larger);
	keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_size_opens_to_what_was_sealed),
		cmocka_unit_test(test_the_name_is_the_contents_and_the_keys),
		cmocka_unit_test(test_objects_are_what_another_program_makes),
		cmocka_unit_test(test_pages_and_patches_have_their_refs),
		cmocka_unit_test(test_refs_have_one_form),
		cmocka_unit_test(test_what_breaks_the_bounds_is_not_sealed),
		cmocka_unit_test(test_every_bit_matters),
		cmocka_unit_test(test_an_object_opens_only_where_it_belongs),
		cmocka_unit_test(test_what_is_wrong_inside_is_refused),
		cmocka_unit_test(test_a_name_tells_the_content),
		cmocka_unit_test(test_forms_that_are_none_are_seen_without_keys),
	};

	return cmocka_run_group_tests_name("object", tests, NULL, NULL);
}
