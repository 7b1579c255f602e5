/* Which way of hashing several inputs this machine is fastest with: what is measured, and so differs from one run to
 * the next. sha256_many_enough() and sha256_many_measure() of sha256.h are here too, so that the simulator, in which
 * two runs of a seed have to be the same, can stand in for all of it. */
#ifndef LANYARD_BASE_SHA256_SPEED_H
#define LANYARD_BASE_SHA256_SPEED_H

#include <stddef.h>

#include "base/sha256_many.h"

/* The best for each number of inputs, among the kernels that this process may use. speeds: of each kernel with all its
 * lanes busy, in the order of sha256_kernels; a kernel with fewer inputs than lanes is slower in proportion. Pure. */
void sha256_choose(struct sha256_choice *c, const double speeds[SHA256_KERNELS]);
/* The choice for n inputs of that many bytes in all; NULL: one by one, with sha256(). Lives as long as the process.
 * May measure first, once. Any thread. */
const struct sha256_choice *sha256_speed_choice(size_t n, size_t bytes);

#endif
