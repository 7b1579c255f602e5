/* Proves in an emulator that NEON finds the ends of blocks that the plain code finds: `make arm-test`. On the machine
 * that builds, tests/unit/test_chunk.c compares its own paths. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sync/hash/chunk.h"
#include "sync/hash/chunk_find.h"
#include "tests/unit/noise.h"

enum { N = 100000 };

static size_t compare(const uint8_t *p, const char *kind)
{
	size_t found = 0;

	for (size_t k = 0; k < 2000; k++) {
		size_t skip = k % 67, from = CHUNK_WINDOW - 1 + k * 19 % 20000;
		size_t n = k % 3 != 0 ? N - skip : from + 1 + k % 131;
		unsigned shift = 54 + (unsigned)(k % 10);
		size_t end = chunk_find_scalar(p + skip, n, from, shift);

		if (chunk_find_neon(p + skip, n, from, shift) != end) {
			(void)fprintf(stderr, "chunk: NEON and the plain code differ on %s, case %zu\n", kind, k);
			exit(1);
		}
		found += end > 0;
	}
	return found;
}

int main(void)
{
	uint8_t *p = noise(N, 1), *dice = noise(N, 2);
	size_t found = compare(p, "noise");

	for (size_t i = 0; i < N; i++)
		p[i] = (uint8_t) "ACGT"[dice[i] & 3];
	found += compare(p, "letters");
	for (size_t i = 0; i < N; i++)
		p[i] = dice[i] & 1 ? 0x80 : dice[i] & 2 ? 0x7f : 0xff;
	found += compare(p, "signs");
	memset(p, 0, N);
	found += compare(p, "zeros");
	if (found < 500) {
		(void)fprintf(stderr, "chunk: too few ends to compare: %zu\n", found);
		return 1;
	}
	printf("chunk: NEON finds the same %zu ends\n", found);
	return 0;
}
