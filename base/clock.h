/* Wall clock and random bytes, both of which tests and the simulator can set. Any thread. */
#ifndef LANYARD_BASE_CLOCK_H
#define LANYARD_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds since 1970 (CLOCK_REALTIME), or what clock_set_wall() put in its place. */
int64_t clock_wall_ns(void);
int64_t clock_wall_s(void);
/* Monotonic nanoseconds (CLOCK_MONOTONIC); only differences mean something. */
int64_t clock_mono_ns(void);
/* For tests: fn replaces the wall clock; NULL restores it. */
void clock_set_wall(int64_t (*fn)(void));

/* n bytes from the system's generator (getrandom), or from the seed that tests set. Never fails. */
void random_bytes(void *out, size_t n);
uint64_t random_u64(void);
/* Uniform in [0, below); below > 0. */
uint64_t random_below(uint64_t below);
/* For tests: from now on a repeatable sequence; 0 restores the system's generator. */
void random_set_seed(uint64_t seed);

#endif
