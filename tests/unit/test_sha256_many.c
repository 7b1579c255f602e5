/* Proves each SHA-256 kernel of this machine against OpenSSL: every length and alignment, any number of inputs of any
 * lengths; and which kernel is chosen for how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/sha256_many.h"
#include "base/sha256_speed.h"
#include "tests/unit/effort.h"

enum { BYTES = 300000, LENGTHS = 1000, MOST = 70, SETS = EFFORT(100, 20) };

static uint8_t *bytes;
static uint32_t seed = 1;

static uint32_t luck(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static int make_bytes(void **state)
{
	(void)state;
	bytes = mem_calloc(BYTES, 1);
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)luck(256);
	return 0;
}

static int free_bytes(void **state)
{
	(void)state;
	free(bytes);
	return 0;
}

static void check(const struct sha256_input *inputs, size_t n)
{
	uint8_t want[SHA256_SIZE];

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(EVP_Digest(inputs[i].p, inputs[i].n, want, NULL, EVP_sha256(), NULL), 1);
		assert_memory_equal(inputs[i].digest, want, SHA256_SIZE);
	}
}

/* The lanes of one turn begin at different alignments, and end together and apart. */
static void try_lengths(const struct sha256_choice *c, unsigned lanes)
{
	struct sha256_input inputs[2 * SHA256_LANES_MAX];

	for (size_t length = 0; length <= LENGTHS; length++) {
		for (unsigned i = 0; i < 2 * lanes; i++)
			inputs[i] = (struct sha256_input){ .p = bytes + (length + i) % 64 + 1024 * i, .n = length };
		sha256_many_by(c, inputs, 2 * lanes);
		check(inputs, 2 * lanes);
	}
	for (size_t align = 0; align < 64; align++) {
		for (unsigned i = 0; i < lanes; i++)
			inputs[i] = (struct sha256_input){ .p = bytes + align, .n = 55 + align + i };
		sha256_many_by(c, inputs, lanes);
		check(inputs, lanes);
	}
}

static void try_random_sets(const struct sha256_choice *c)
{
	struct sha256_input inputs[MOST];

	for (int round = 0; round < SETS; round++) {
		size_t n = luck(MOST + 1);
		uint32_t most = 1u << (4 + luck(14));

		for (size_t i = 0; i < n; i++) {
			inputs[i] = (struct sha256_input){ .n = luck(4) == 0 ? luck(most) : most / 2 + luck(most / 8) };
			inputs[i].p = inputs[i].n == 0 ? NULL : bytes + luck((uint32_t)(BYTES - inputs[i].n));
		}
		sha256_many_by(c, inputs, n);
		check(inputs, n);
	}
}

/* Forced: that kernel does all the work, whatever the number of inputs. */
static void each_kernel_is_right_on_everything(void **state)
{
	int tried = 0;

	(void)state;
	for (size_t i = 0; i < SHA256_KERNELS; i++) {
		struct sha256_choice c;

		if (sha256_kernels[i]->run == NULL || !cpu_may_use(sha256_kernels[i]->sets))
			continue;
		print_message("%s\n", sha256_kernels[i]->name);
		for (size_t n = 0; n <= SHA256_LANES_MAX; n++)
			c.kernel[n] = sha256_kernels[i];
		try_lengths(&c, sha256_kernels[i]->lanes);
		try_random_sets(&c);
		tried++;
	}
	assert_true(tried >= 1);
}

/* Inputs move from kernel to kernel as they become fewer. */
static void kernels_take_over_from_one_another(void **state)
{
	struct sha256_choice c;
	size_t usable[SHA256_KERNELS] = { 0 }, n = 0;

	(void)state;
	for (size_t i = 0; i < SHA256_KERNELS; i++) {
		if (sha256_kernels[i]->run != NULL && cpu_may_use(sha256_kernels[i]->sets))
			usable[n++] = i;
	}
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i <= SHA256_LANES_MAX; i++)
			c.kernel[i] = sha256_kernels[usable[luck((uint32_t)n)]];
		try_random_sets(&c);
	}
}

static void the_choice_of_this_machine_is_right(void **state)
{
	(void)state;
	for (int round = 0; round < SETS / 2; round++) {
		struct sha256_input inputs[MOST];
		size_t n = luck(MOST + 1);

		for (size_t i = 0; i < n; i++)
			inputs[i] = (struct sha256_input){ .p = bytes + luck(1000), .n = luck(BYTES - 1000) };
		sha256_many(inputs, n);
		check(inputs, n);
	}
}

static const char *chosen(const struct sha256_choice *c, size_t n)
{
	return c->kernel[n]->name;
}

/* The speeds of a Xeon, and of a Zen 4, whose two states of SHA-NI are faster than any lanes. */
static void the_widest_is_taken_only_when_it_pays(void **state)
{
	const double xeon[SHA256_KERNELS] = { 0.3, 1.4, 1.7, 1.24, 2.4, 3.1 };
	const double zen4[SHA256_KERNELS] = { 0.3, 1.8, 3.3, 1.8, 3.0, 3.45 };
	struct sha256_choice c;

	(void)state;
	if (!cpu_may_use(CPU_SSE41 | CPU_SHA | CPU_AVX512))
		skip();
	sha256_choose(&c, xeon);
	assert_string_equal(chosen(&c, 1), "sha-ni");
	assert_string_equal(chosen(&c, 2), "sha-ni two");
	assert_string_equal(chosen(&c, 6), "sha-ni two");
	assert_string_equal(chosen(&c, 7), "avx512vl");
	assert_string_equal(chosen(&c, 13), "avx512vl");
	assert_string_equal(chosen(&c, 14), "avx512");
	assert_string_equal(chosen(&c, SHA256_LANES_MAX), "avx512");
	sha256_choose(&c, zen4);
	assert_string_equal(chosen(&c, 1), "sha-ni");
	for (size_t n = 2; n <= SHA256_LANES_MAX; n++)
		assert_string_equal(chosen(&c, n), "sha-ni two");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kernel_is_right_on_everything),
		cmocka_unit_test(kernels_take_over_from_one_another),
		cmocka_unit_test(the_choice_of_this_machine_is_right),
		cmocka_unit_test(the_widest_is_taken_only_when_it_pays),
	};

	return cmocka_run_group_tests(tests, make_bytes, free_bytes);
}
