/* Proves the SHA-256 kernels of another processor, in an emulator: without OpenSSL and cmocka, which are not there for
 * it. The plain kernel has to be right on the standard's vectors, and every other one as the plain one. See `make
 * arm-test`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/sha256_many.h"

enum { LENGTHS = 300, SETS = 60, MOST = 40, BYTES = 40000 };

static uint8_t bytes[BYTES];
static struct sha256_choice plain, forced;

/* What sha256_many() takes from OpenSSL elsewhere. */
void sha256(uint8_t out[SHA256_SIZE], const void *p, size_t n)
{
	struct sha256_input one = { .p = p, .n = n };

	sha256_many_by(&plain, &one, 1);
	memcpy(out, one.digest, SHA256_SIZE);
}

static void check_set(const char *name, struct sha256_input *inputs, size_t n)
{
	uint8_t want[SHA256_SIZE];

	sha256_many_by(&forced, inputs, n);
	for (size_t i = 0; i < n; i++) {
		sha256(want, inputs[i].p, inputs[i].n);
		if (memcmp(want, inputs[i].digest, SHA256_SIZE) == 0)
			continue;
		printf("%s: wrong for %zu bytes, %zu of %zu\n", name, inputs[i].n, i, n);
		exit(1);
	}
}

static void try_kernel(const struct sha256_kernel *k)
{
	struct sha256_input inputs[MOST];

	for (size_t i = 0; i <= SHA256_LANES_MAX; i++)
		forced.kernel[i] = k;
	for (size_t length = 0; length < LENGTHS; length++) {
		for (size_t i = 0; i < 2 * k->lanes; i++)
			inputs[i] = (struct sha256_input){ .p = bytes + (length + i) % 64, .n = length };
		check_set(k->name, inputs, 2 * k->lanes);
	}
	for (int set = 0; set < SETS; set++) {
		size_t n = (size_t)rand() % MOST;

		for (size_t i = 0; i < n; i++)
			inputs[i] =
				(struct sha256_input){ .p = bytes + rand() % 64, .n = (size_t)rand() % (BYTES - 64) };
		check_set(k->name, inputs, n);
	}
	printf("%s: right\n", k->name);
}

static int check_standard(void)
{
	static const uint8_t want[SHA256_SIZE] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
		                                   0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
		                                   0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	uint8_t digest[SHA256_SIZE];

	sha256(digest, "abc", 3);
	return memcmp(digest, want, SHA256_SIZE);
}

/* The names of the kernels that must be there. */
int main(int argc, char **argv)
{
	int missing = argc - 1;

	for (size_t i = 0; i <= SHA256_LANES_MAX; i++)
		plain.kernel[i] = &sha256_plain;
	for (size_t i = 0; i < BYTES; i++)
		bytes[i] = (uint8_t)rand();
	if (check_standard() != 0) {
		printf("plain: not as the standard says\n");
		return 1;
	}
	for (size_t i = 0; i < SHA256_KERNELS; i++) {
		const struct sha256_kernel *k = sha256_kernels[i];

		if (k->run == NULL || !cpu_may_use(k->sets))
			continue;
		try_kernel(k);
		for (int arg = 1; arg < argc; arg++)
			missing -= strcmp(argv[arg], k->name) == 0;
	}
	return missing == 0 ? 0 : 1;
}
