/* Prints how fast each SHA-256 kernel of this machine is with all lanes busy, and sha256_many() for 1 to 64 inputs.
 * Usage: sha256_bench [BYTES OF AN INPUT] */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/sha256_kernel.h"

/* SPACE: between two inputs, so that their lines do not all fall into the same set of the cache. */
enum { TURNS = 7, TOTAL = 64 << 20, SPACE = 320 };

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double kernel_speed(const struct sha256_kernel *k, const uint8_t *bytes, size_t n)
{
	uint32_t states[SHA256_LANES_MAX][8] = { 0 };
	uint32_t *h[SHA256_LANES_MAX];
	const uint8_t *p[SHA256_LANES_MAX];
	double best = 0;

	for (unsigned i = 0; i < SHA256_LANES_MAX; i++) {
		h[i] = states[i];
		p[i] = bytes + i * (n + SPACE);
	}
	for (int turn = 0; turn < TURNS; turn++) {
		double begin = seconds(), speed;
		size_t done = 0;

		for (; done < TOTAL / 4; done += n * k->lanes)
			k->run(h, p, n / SHA256_BLOCK);
		speed = (double)done / (seconds() - begin) / 1e9;
		best = speed > best ? speed : best;
	}
	return best;
}

static double many_speed(const uint8_t *bytes, size_t n, size_t count)
{
	struct sha256_input inputs[64];
	double best = 0;

	for (int turn = 0; turn < TURNS; turn++) {
		double begin = seconds(), speed;
		size_t done = 0;

		for (; done < TOTAL / 4; done += n * count) {
			for (size_t i = 0; i < count; i++)
				inputs[i] = (struct sha256_input){ .p = bytes + i * (n + SPACE), .n = n };
			sha256_many(inputs, count);
		}
		speed = (double)done / (seconds() - begin) / 1e9;
		best = speed > best ? speed : best;
	}
	return best;
}

int main(int argc, char **argv)
{
	static const size_t counts[] = { 1, 2, 3, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 64 };
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 65536;
	uint8_t *bytes = mem_calloc(64, n + SPACE);

	for (size_t i = 0; i < 64 * (n + SPACE); i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	for (size_t i = 0; i < SHA256_KERNELS; i++) {
		if (sha256_kernels[i]->run != NULL && cpu_may_use(sha256_kernels[i]->sets))
			printf("%-12s %2u lanes %6.2f GB/s\n", sha256_kernels[i]->name, sha256_kernels[i]->lanes,
			       kernel_speed(sha256_kernels[i], bytes, n));
	}
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		printf("sha256_many of %2zu inputs of %zu bytes %6.2f GB/s\n", counts[i], n,
		       many_speed(bytes, n, counts[i]));
	free(bytes);
	return 0;
}
