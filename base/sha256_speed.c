/* Which kernels this machine is fastest with, by measuring them once: see sha256_speed.h. */
#include "base/sha256_speed.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/cpu.h"
#include "base/sha256.h"

enum {
	MEASURE_FROM = 1 << 20, /* bytes hashed in this process that make it worthwhile to measure the kernels */
	MEASURE_BLOCKS = 64,
	MEASURE_CALLS = 4,
	MEASURE_TURNS = 3,
};

/* How much faster a kernel must be than one before it in the table, which has fewer lanes to keep busy. */
#define WIDER 1.1
/* The part of the highest speed that is enough not to wait for more inputs. */
#define ENOUGH 0.95
/* GB/s measured on a Xeon of the Sapphire Rapids family, a Zen 4 for AVX2, and guessed for ARM: what is taken until
 * the kernels are measured here. In the table's order. */
static const double usual_speeds[SHA256_KERNELS] = { 0.3, 1.4, 1.7, 1.2, 2.4, 3.1, 0.5, 1.4, 1.8 };

void sha256_choose(struct sha256_choice *c, const double speeds[SHA256_KERNELS])
{
	for (size_t n = 0; n <= SHA256_LANES_MAX; n++) {
		double best = 0;

		for (size_t i = 0; i < SHA256_KERNELS; i++) {
			const struct sha256_kernel *k = sha256_kernels[i];
			double speed = n < k->lanes ? speeds[i] * (double)n / k->lanes : speeds[i];

			if (k->run == NULL || !cpu_may_use(k->sets) || speed <= best * WIDER)
				continue;
			best = speed;
			c->kernel[n] = k;
			c->speed[n] = speed;
		}
	}
}

static double now(void)
{
	struct timespec t = { 0 };

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* GB/s of a kernel with all lanes busy, or of sha256() for NULL, on bytes in the cache: what is compared is the
 * processor's work. The best of a few, since a thread may be interrupted. */
static double measure(const struct sha256_kernel *k)
{
	static const uint8_t bytes[MEASURE_BLOCKS * SHA256_BLOCK];
	uint32_t states[SHA256_LANES_MAX][8] = { 0 };
	uint32_t *h[SHA256_LANES_MAX];
	const uint8_t *p[SHA256_LANES_MAX];
	uint8_t digest[SHA256_SIZE];
	double best = 0;

	for (int i = 0; i < SHA256_LANES_MAX; i++) {
		h[i] = states[i];
		p[i] = bytes;
	}
	for (int turn = 0; turn < MEASURE_TURNS; turn++) {
		double begin = now(), took;

		for (int i = 0; i < MEASURE_CALLS; i++) {
			if (k != NULL)
				k->run(h, p, MEASURE_BLOCKS);
			else
				sha256(digest, bytes, sizeof(bytes));
		}
		took = now() - begin;
		if (took > 0 && (best == 0 || took < best))
			best = took;
	}
	return best > 0 ? (k != NULL ? k->lanes : 1.0) * MEASURE_CALLS * sizeof(bytes) / best / 1e9 : 0;
}

static pthread_once_t usual_once = PTHREAD_ONCE_INIT, measured_once = PTHREAD_ONCE_INIT;
static struct sha256_choice usual, measured;
static double single_speed; /* of sha256() */
static atomic_bool is_measured;

static void choose_usual(void)
{
	sha256_choose(&usual, usual_speeds);
}

static void choose_measured(void)
{
	double speeds[SHA256_KERNELS] = { 0 };

	for (size_t i = 0; i < SHA256_KERNELS; i++) {
		const struct sha256_kernel *k = sha256_kernels[i];

		if (k->run != NULL && cpu_may_use(k->sets))
			speeds[i] = measure(k);
	}
	single_speed = measure(NULL);
	sha256_choose(&measured, speeds);
	atomic_store(&is_measured, true);
}

static bool one_by_one(size_t n)
{
	if (!atomic_load(&is_measured))
		return !cpu_may_use(CPU_SHA) && !cpu_may_use(CPU_ARM_SHA2) && n < 4;
	return measured.speed[n < SHA256_LANES_MAX ? n : SHA256_LANES_MAX] <= single_speed;
}

void sha256_many_measure(void)
{
	pthread_once(&measured_once, choose_measured);
}

size_t sha256_many_enough(void)
{
	const struct sha256_choice *c;
	size_t n = 1;

	pthread_once(&usual_once, choose_usual);
	c = atomic_load(&is_measured) ? &measured : &usual;
	while (n < SHA256_LANES_MAX && c->speed[n] < c->speed[SHA256_LANES_MAX] * ENOUGH)
		n++;
	return n;
}

/* Whether this process has hashed enough for it; an idle one never measures. */
static bool is_much(size_t bytes)
{
	static atomic_size_t seen;

	return atomic_fetch_add(&seen, bytes) + bytes >= MEASURE_FROM;
}

const struct sha256_choice *sha256_speed_choice(size_t n, size_t bytes)
{
	if (n <= 1)
		return NULL;
	if (!atomic_load(&is_measured) && is_much(bytes))
		sha256_many_measure();
	pthread_once(&usual_once, choose_usual);
	if (one_by_one(n))
		return NULL;
	return atomic_load(&is_measured) ? &measured : &usual;
}
