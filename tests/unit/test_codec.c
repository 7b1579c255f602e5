/* Compression: unpacking gives exactly the bytes that were packed, or nothing. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/mem.h"
#include "sync/wire/codec.h"

enum { BIG = 1 << 20 };

static uint8_t *text(size_t n)
{
	static const char words[] = "the quick brown fox jumps over the lazy dog and ";
	uint8_t *p = mem_calloc(n + 1, 1);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)words[(i + i / 1000) % (sizeof(words) - 1)];
	return p;
}

static uint8_t *noise(size_t n)
{
	uint8_t *p = mem_calloc(n + 1, 1);

	random_bytes(p, n);
	return p;
}

/* --- control payloads --- */

static void control_comes_back(void **state)
{
	static const size_t lengths[] = { 1, 511, 512, 4096, 100000, BIG };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i], packed_n, back_n;
		uint8_t *plain = text(n), *packed = mem_calloc(n + 100, 1), *back;

		packed_n = codec_compress(packed, n + 100, plain, n);
		assert_true(packed_n > CODEC_PREFIX);
		assert_int_equal(get_u32(packed), n);
		back = codec_decompress(packed, packed_n, n, &back_n);
		assert_non_null(back);
		assert_int_equal(back_n, n);
		assert_memory_equal(back, plain, n);
		free(plain);
		free(packed);
		free(back);
	}
}

static void what_does_not_fit_is_not_compressed(void **state)
{
	uint8_t *plain = noise(10000), out[10000];

	(void)state;
	assert_int_equal(codec_compress(out, 10000 - 10000 / 8, plain, 10000), 0);
	assert_int_equal(codec_compress(out, 0, plain, 10000), 0);
	assert_int_equal(codec_compress(out, CODEC_PREFIX, plain, 10000), 0);
	free(plain);
}

static void a_plain_length_above_the_maximum_is_refused(void **state)
{
	uint8_t *plain = mem_calloc(1, BIG), out[4096];
	size_t n = codec_compress(out, sizeof(out), plain, BIG), back_n;

	(void)state;
	assert_true(n > 0);
	assert_null(codec_decompress(out, n, BIG - 1, &back_n));
	free(plain);
}

static void a_false_plain_length_is_refused(void **state)
{
	uint8_t *plain = text(5000), out[6000];
	size_t n = codec_compress(out, sizeof(out), plain, 5000), back_n;

	(void)state;
	for (uint32_t claim = 4990; claim <= 5010; claim++) {
		uint8_t *back;

		put_u32(out, claim);
		back = codec_decompress(out, n, BIG, &back_n);
		assert_true((back != NULL) == (claim == 5000));
		free(back);
	}
	free(plain);
}

static void cut_lengthened_or_strange_frames_are_refused(void **state)
{
	static const uint8_t skippable[] = { 0, 0, 0, 0, 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0 };
	uint8_t *plain = text(5000), out[6000] = { 0 };
	size_t n = codec_compress(out, sizeof(out), plain, 5000), back_n;

	(void)state;
	for (size_t cut = 0; cut < n; cut++)
		assert_null(codec_decompress(out, cut, BIG, &back_n));
	assert_null(codec_decompress(out, n + 1, BIG, &back_n));
	/* A second frame after the first, which zstd itself would accept. */
	memcpy(out + n, out + CODEC_PREFIX, n - CODEC_PREFIX);
	put_u32(out, 10000);
	assert_null(codec_decompress(out, n + n - CODEC_PREFIX, BIG, &back_n));
	assert_null(codec_decompress(skippable, sizeof(skippable), BIG, &back_n));
	free(plain);
}

/* --- blocks --- */

static void a_block_that_pays_is_packed_and_comes_back(void **state)
{
	static const size_t lengths[] = { 200, 16384, 65536, 65537, BIG, 4 * BIG };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t n = lengths[i], packed_n = 0;
		uint8_t *plain = text(n), *packed = NULL, *back = mem_calloc(1, n);

		assert_int_equal(codec_block(&packed, &packed_n, plain, n), 1);
		assert_true(packed_n <= n - n / 8);
		assert_int_equal(codec_unblock(back, n, packed, packed_n), 0);
		assert_memory_equal(back, plain, n);
		assert_int_equal(codec_unblock(back, n - 1, packed, packed_n), -1);
		assert_int_equal(codec_unblock(back, n, packed, packed_n - 1), -1);
		free(plain);
		free(packed);
		free(back);
	}
}

static void incompressible_blocks_go_as_they_are(void **state)
{
	static const size_t lengths[] = { 0, 1, 100, 16384, 65537, BIG };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t *plain = noise(lengths[i]), *packed = NULL;
		size_t packed_n = 0;

		assert_int_equal(codec_block(&packed, &packed_n, plain, lengths[i]), 0);
		assert_null(packed);
		free(plain);
	}
}

static void a_header_that_packs_does_not_hide_a_body_that_does_not(void **state)
{
	uint8_t *plain = noise(BIG), *packed = NULL;
	size_t packed_n;

	(void)state;
	memset(plain, 0, 32 << 10);
	assert_int_equal(codec_block(&packed, &packed_n, plain, BIG), 0);
	/* And the reverse. */
	free(plain);
	plain = text(BIG);
	random_bytes(plain, 32 << 10);
	assert_int_equal(codec_block(&packed, &packed_n, plain, BIG), 1);
	free(packed);
	free(plain);
}

static void altered_blocks_never_grow_past_their_length(void **state)
{
	uint8_t *plain = text(20000), *packed, *back = mem_calloc(1, 20000);
	size_t packed_n;

	(void)state;
	assert_int_equal(codec_block(&packed, &packed_n, plain, 20000), 1);
	for (size_t i = 0; i < packed_n; i++) {
		packed[i] ^= 0x10;
		/* Not every change can be told from here; none may write outside (the sanitizer watches). */
		(void)codec_unblock(back, 20000, packed, packed_n);
		packed[i] ^= 0x10;
	}
	assert_int_equal(codec_unblock(back, 20000, packed, packed_n), 0);
	free(plain);
	free(packed);
	free(back);
}

static void *work(void *arg)
{
	(void)arg;
	for (int i = 0; i < 8; i++)
		a_block_that_pays_is_packed_and_comes_back(NULL);
	return NULL;
}

static void threads_do_not_meet(void **state)
{
	pthread_t threads[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_comes_back),
		cmocka_unit_test(what_does_not_fit_is_not_compressed),
		cmocka_unit_test(a_plain_length_above_the_maximum_is_refused),
		cmocka_unit_test(a_false_plain_length_is_refused),
		cmocka_unit_test(cut_lengthened_or_strange_frames_are_refused),
		cmocka_unit_test(a_block_that_pays_is_packed_and_comes_back),
		cmocka_unit_test(incompressible_blocks_go_as_they_are),
		cmocka_unit_test(a_header_that_packs_does_not_hide_a_body_that_does_not),
		cmocka_unit_test(altered_blocks_never_grow_past_their_length),
		cmocka_unit_test(threads_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
