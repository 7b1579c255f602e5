/* Wall clock and random bytes: see clock.h. */
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts) < 0)
		abort(); /* only for a clock that does not exist */
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

typedef int64_t wall_fn(void);
static _Atomic(wall_fn *) wall;

void clock_set_wall(int64_t (*fn)(void))
{
	atomic_store(&wall, fn);
}

int64_t clock_wall_ns(void)
{
	wall_fn *fn = atomic_load_explicit(&wall, memory_order_relaxed);

	return fn != NULL ? fn() : read_clock(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
	int64_t ns = clock_wall_ns();
	int64_t s = ns / 1000000000;

	/* Round towards the past, also before 1970. */
	return ns % 1000000000 < 0 ? s - 1 : s;
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* The repeatable sequence of tests: splitmix64, whose state is a plain counter. */
static pthread_mutex_t seed_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool seeded;
static uint64_t seed_state;

void random_set_seed(uint64_t seed)
{
	pthread_mutex_lock(&seed_lock);
	seed_state = seed;
	atomic_store(&seeded, seed != 0);
	pthread_mutex_unlock(&seed_lock);
}

static uint64_t seeded_next(void)
{
	uint64_t z;

	pthread_mutex_lock(&seed_lock);
	z = seed_state += 0x9e3779b97f4a7c15;
	pthread_mutex_unlock(&seed_lock);
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void seeded_bytes(uint8_t *out, size_t n)
{
	while (n > 0) {
		uint64_t v = seeded_next();
		size_t take = n < sizeof(v) ? n : sizeof(v);

		memcpy(out, &v, take);
		out += take;
		n -= take;
	}
}

void random_bytes(void *out, size_t n)
{
	uint8_t *p = out;

	if (atomic_load_explicit(&seeded, memory_order_relaxed)) {
		seeded_bytes(p, n);
		return;
	}
	while (n > 0) {
		ssize_t got = getrandom(p, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		/* Without the system's generator no key and no nonce is safe, so the process cannot continue. */
		if (got < 0) {
			perror("lanyard: getrandom");
			abort();
		}
		p += got;
		n -= (size_t)got;
	}
}

uint64_t random_u64(void)
{
	uint64_t v;

	random_bytes(&v, sizeof(v));
	return v;
}

uint64_t random_below(uint64_t below)
{
	/* Values under 2^64 mod below would make the low results more frequent than the high ones. */
	uint64_t reject = -below % below;
	uint64_t v;

	do {
		v = random_u64();
	} while (v < reject);
	return v % below;
}
