/* Bytes per second that the cutter gets through, for each instruction set that this machine has, and what it makes of
 * them: build/tests/bench/chunk_bench [MEBIBYTES]. Data is read from memory (MEBIBYTES, 256) and from the cache (512
 * KiB again and again). "hostile": made so that as many ends as possible pass the filter and cost a hash. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "sync/hash/chunk.h"
#include "sync/hash/chunk_find.h"

enum { LOG2 = 16, CACHED = 512 << 10 };

static uint64_t state = 1;

static uint64_t draw(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void fill_random(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)draw();
}

static void fill_log(uint8_t *p, size_t n)
{
	static const char *const pages[] = { "/", "/index.html", "/img/logo.png", "/api/v1/items", "/favicon.ico" };
	size_t at = 0;
	unsigned long second = 0;

	while (at < n) {
		char line[160];
		int len = snprintf(line, sizeof(line), "10.0.%u.%u - - [%lu] \"GET %s HTTP/1.1\" %u %u\n",
		                   (unsigned)(draw() % 4), (unsigned)(draw() % 250), second += draw() % 2,
		                   pages[draw() % 5], draw() % 20 ? 200U : 404U, (unsigned)(draw() % 5000));
		size_t take = n - at < (size_t)len ? n - at : (size_t)len;

		memcpy(p + at, line, take);
		at += take;
	}
}

static void fill_zeros(uint8_t *p, size_t n)
{
	memset(p, 0, n);
}

static bool end_passes(const uint8_t *e)
{
	uint64_t w = chunk_load(e - 8);
	uint32_t sum = (uint32_t)((int16_t)w * CHUNK_K0) + (uint32_t)((int16_t)(w >> 16) * CHUNK_K1) +
	               (uint32_t)((int16_t)(w >> 32) * CHUNK_K2) + (uint32_t)((int16_t)(w >> 48) * CHUNK_K3);

	return (sum & CHUNK_FILTER_MASK) == CHUNK_FILTER_BITS;
}

/* Each byte is the one that lets the end behind it pass, if there is one; a last choice among 256. */
static void fill_hostile(uint8_t *p, size_t n)
{
	size_t made = n < CACHED ? n : CACHED;

	fill_random(p, 64);
	for (size_t i = 64; i < made; i++) {
		unsigned first = (unsigned)draw();

		for (unsigned k = 0; k < 256; k++) {
			p[i] = (uint8_t)(first + k);
			if (end_passes(p + i + 1) && chunk_hash(p + i + 1) >> 60 != 0)
				break;
		}
	}
	for (size_t i = made; i < n; i += made)
		memcpy(p + i, p, n - i < made ? n - i : made);
}

static double now_s(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct cuts {
	size_t n, forced;
};

/* As chunk_feed() cuts, with one given function. */
static struct cuts cut_all(chunk_find *find, const uint8_t *p, size_t n)
{
	size_t avg = (size_t)1 << LOG2, max = chunk_max(LOG2);
	struct cuts cuts = { 0 };

	for (size_t at = 0; n - at > avg / 2;) {
		size_t left = n - at < max ? n - at : max, end;

		end = find(p + at, left < avg ? left : avg, avg / 2 - 1, 71 - LOG2);
		if (end == 0 && left > avg)
			end = find(p + at, left, avg, 76 - LOG2);
		cuts.forced += end == 0;
		at += end > 0 ? end : left;
		cuts.n++;
	}
	return cuts;
}

static double gb_per_s(chunk_find *find, const uint8_t *p, size_t n)
{
	double best = 1e9;

	for (int run = 0; run < 5; run++) {
		double begin = now_s();
		int rounds = n > CACHED ? 1 : 64;

		for (int i = 0; i < rounds; i++)
			(void)cut_all(find, p, n);
		begin = (now_s() - begin) / rounds;
		best = begin < best ? begin : best;
	}
	return (double)n / best / 1e9;
}

int main(int argc, char **argv)
{
	size_t n = (size_t)(argc > 1 ? atoi(argv[1]) : 256) << 20;
	uint8_t *p = mem_calloc(n + 1, 1);
	const struct {
		const char *name;
		void (*fill)(uint8_t *p, size_t n);
	} kinds[] = { { "random", fill_random },
		      { "log", fill_log },
		      { "zeros", fill_zeros },
		      { "hostile", fill_hostile } };
	const struct {
		const char *name;
		chunk_find *find;
		bool there;
	} paths[] = {
		{ "scalar", chunk_find_scalar, true },
#if defined(__x86_64__)
		{ "sse2", chunk_find_sse2, true },
		{ "avx2", chunk_find_avx2, __builtin_cpu_supports("avx2") },
#elif defined(__aarch64__)
		{ "neon", chunk_find_neon, true },
#endif
	};

	for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
		struct cuts cuts;
		size_t passing = 0;

		kinds[k].fill(p, n);
		cuts = cut_all(chunk_find_best(), p, n);
		for (size_t i = 32; i < n; i++)
			passing += end_passes(p + i);
		printf("%-8s mean block %6.0f, forced %5.2f %%, ends that pass the filter: 1 in %.0f\n", kinds[k].name,
		       (double)n / (double)cuts.n, 100.0 * (double)cuts.forced / (double)cuts.n,
		       passing > 0 ? (double)n / (double)passing : 0);
		for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
			if (paths[i].there)
				printf("    %-7s %6.2f GB/s cached, %6.2f from memory\n", paths[i].name,
				       gb_per_s(paths[i].find, p, CACHED), gb_per_s(paths[i].find, p, n));
	}
	free(p);
	return 0;
}
