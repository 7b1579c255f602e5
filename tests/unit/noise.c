/* Bytes for tests: see noise.h. */
#include "tests/unit/noise.h"

#include <stdio.h>
#include <stdlib.h>
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

void noise_log(uint8_t *p, size_t n)
{
	static const char *const pages[] = { "/", "/index.html", "/img/logo.png", "/api/v1/items", "/favicon.ico" };
	uint8_t *dice = noise(n, 7);
	unsigned second = 1700000000;
	size_t at = 0;

	while (at < n) {
		const uint8_t *d = dice + at;
		char line[160];
		size_t len = (size_t)snprintf(line, sizeof(line), "10.0.%d.%d - - [%u] \"GET %s HTTP/1.1\" %d %d\n",
		                              d[0] % 4, d[1] % 250, second, pages[d[2] % 5], d[3] % 20 ? 200 : 404,
		                              d[4] * 20 + d[5] % 20);

		second += d[0] & 1;
		len = n - at < len ? n - at : len;
		memcpy(p + at, line, len);
		at += len;
	}
	free(dice);
}
