/* Proves, over millions of objects, that no key and nonce ever serve two inputs: whoever packs a block, however often,
 * on whatever machine; whatever a patch is based on; however far it is padded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/object.h"
#include "tests/unit/effort.h"

enum { OBJECTS = EFFORT(2000000, 100000) };
enum { SLOTS_LOG2 = 23, PACKERS = 3, GENERATIONS = 4, CONTENT = 120, LEVELS = 2 };

/* What each key and nonce were used for. The key follows from the generation's keys, the kind and the name. */
struct use {
	uint64_t key_and_nonce, object; /* the first 8 bytes of SHA-256; 0: free */
};
static struct use *uses; /* 1 << SLOTS_LOG2 */
static size_t distinct, repeated;

static void use_once(size_t ring, const uint8_t *sealed, size_t n)
{
	struct object_head h;
	uint8_t pair[1 + 1 + 32 + 12], sha[32];
	struct use use;
	size_t at;

	assert_int_equal(object_parse(&h, sealed, n), OBJECT_OK);
	pair[0] = (uint8_t)ring;
	pair[1] = h.kind;
	memcpy(pair + 2, h.self.name, 32);
	memcpy(pair + 34, sealed + h.len, 12);
	sha256(sha, pair, sizeof(pair));
	use.key_and_nonce = get_u64(sha) | 1;
	sha256(sha, sealed, n);
	use.object = get_u64(sha);
	at = use.key_and_nonce >> (64 - SLOTS_LOG2);
	while (uses[at].key_and_nonce != 0 && uses[at].key_and_nonce != use.key_and_nonce)
		at = (at + 1) % (1 << SLOTS_LOG2);
	if (uses[at].key_and_nonce == 0)
		distinct++;
	else
		repeated++;
	/* The same key and nonce: only for the same bytes. */
	if (uses[at].key_and_nonce != 0 && uses[at].object != use.object)
		fail_msg("a key and nonce served two inputs");
	uses[at] = use;
}

/* Members that pack with zstd of different levels and forms: as versions, processors and settings do. */
static ZSTD_CCtx *packers[PACKERS];

static void packers_begin(void)
{
	for (int i = 0; i < PACKERS; i++)
		packers[i] = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(packers[1], ZSTD_c_contentSizeFlag, 0);
	ZSTD_CCtx_setParameter(packers[2], ZSTD_c_checksumFlag, 1);
}

static void seal_and_use(const struct keys *k, size_t ring, const struct object_input *in)
{
	size_t n;
	uint8_t *sealed = object_seal(k, in, &n);

	assert_non_null(sealed);
	use_once(ring, sealed, n);
	free(sealed);
}

/* The number-th content; each comes again, as files with equal blocks do. */
static void content_of(uint8_t p[CONTENT], size_t number)
{
	memset(p, 'a', CONTENT);
	put_u64(p, number);
}

static void seal_by_all_packers(const struct keys *k, size_t ring, size_t number)
{
	uint8_t content[CONTENT], packed[256];
	struct object_input in = { .kind = OBJECT_BLOCK, .content = content, .n = CONTENT };

	content_of(content, number);
	seal_and_use(k, ring, &in);
	for (int i = 0; i < PACKERS; i++) {
		in.packed = packed;
		in.npacked = ZSTD_compress2(packers[i], packed, sizeof(packed), content, CONTENT);
		assert_true(!ZSTD_isError(in.npacked) && in.npacked < CONTENT);
		seal_and_use(k, ring, &in);
	}
}

/* Of one block: patches from several bases, with several contents; all under the block's name. */
static void seal_about_a_block(const struct keys *k, size_t ring, size_t number)
{
	uint8_t content[CONTENT], name[32], ref[OBJECT_REF] = { 0 };
	struct object_input in = { .content = content, .n = CONTENT - number % 2, .name = name };

	content_of(content, number);
	sha256(name, &number, number % 3); /* few names: the rest has to tell */
	ref[OBJECT_REF - 1] = (uint8_t)number;
	in.kind = OBJECT_PATCH;
	in.refs = ref;
	in.nrefs = 1;
	seal_and_use(k, ring, &in);
	ref[OBJECT_REF - 1]++;
	seal_and_use(k, ring, &in);
}

static void test_no_key_and_nonce_serve_two_inputs(void **state)
{
	const struct group_id group = { "a group" };
	struct keys *k[GENERATIONS];

	(void)state;
	uses = mem_calloc((size_t)1 << SLOTS_LOG2, sizeof(*uses));
	packers_begin();
	for (size_t i = 0; i < GENERATIONS; i++) {
		const struct keys_about about = { .id = i, .suite = KEYS_SUITE };

		k[i] = keys_random(&group, &about);
	}
	for (size_t i = 0; distinct + repeated < OBJECTS; i++) {
		size_t ring = i % GENERATIONS, number = i / GENERATIONS % (OBJECTS / 32);

		seal_by_all_packers(k[ring], ring, number);
		seal_about_a_block(k[ring], ring, number);
	}
	/* Equal inputs were sealed again, and the packers' outputs differ: or this would prove little. */
	assert_true(repeated > OBJECTS / 20 && distinct > OBJECTS / 4 * 2);
	for (size_t i = 0; i < GENERATIONS; i++)
		keys_free(k[i]);
	for (int i = 0; i < PACKERS; i++)
		ZSTD_freeCCtx(packers[i]);
	free(uses);
}

/* A uniform block is padded to its file's largest, so the same bytes may be padded in two ways. */
static void test_the_padding_is_part_of_the_nonce(void **state)
{
	const struct group_id group = { "a group" };
	const struct keys_about about = { .id = 1, .suite = KEYS_SUITE, .policy = KEYS_UNIFORM };
	struct keys *k = keys_random(&group, &about);
	struct object_input in = { .kind = OBJECT_BLOCK, .content = (const uint8_t *)"the end of a file", .n = 17 };
	uint8_t *sealed[3];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		size_t n;

		in.avg_log2 = i == 0 ? 0 : (uint8_t)(15 + i);
		sealed[i] = object_seal(k, &in, &n);
		for (size_t j = 0; j < i; j++) {
			assert_memory_equal(sealed[i], sealed[j], 46);
			assert_memory_not_equal(sealed[i] + 46, sealed[j] + 46, 12);
		}
	}
	for (size_t i = 0; i < 3; i++)
		free(sealed[i]);
	keys_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_key_and_nonce_serve_two_inputs),
		cmocka_unit_test(test_the_padding_is_part_of_the_nonce),
	};

	return cmocka_run_group_tests_name("object_nonces", tests, NULL, NULL);
}
