/* Bytes without pattern: see noise.h. */
#include "tests/unit/noise.h"

#include <string.h>

#include "base/mem.h"

uint8_t *noise(size_t n, uint64_t seed)
{
	uint8_t *p = mem_calloc(n + 8, 1);

	for (size_t i = 0; i < n; i += 8) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		memcpy(p + i, &(uint64_t){ seed ^ seed >> 29 }, 8);
	}
	return p;
}
