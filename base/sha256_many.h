/* Which kernel takes how many inputs: the inside of sha256_many(), for its tests and its bench. */
#ifndef LANYARD_BASE_SHA256_MANY_H
#define LANYARD_BASE_SHA256_MANY_H

#include "base/sha256.h"
#include "base/sha256_kernel.h"

struct sha256_choice {
	const struct sha256_kernel *kernel[SHA256_LANES_MAX + 1]; /* by the number of inputs left; the last for more */
	double speed[SHA256_LANES_MAX + 1];                       /* of all of them together, in the speeds' unit */
};

/* The best for each number of inputs, among the kernels that this process may use. speeds: of each kernel with all its
 * lanes busy, in the order of sha256_kernels; a kernel with fewer inputs than lanes is slower in proportion. Pure. */
void sha256_choose(struct sha256_choice *c, const double speeds[SHA256_KERNELS]);
/* As sha256_many(), with that choice; also for one input. Any thread. */
void sha256_many_by(const struct sha256_choice *c, struct sha256_input *inputs, size_t n);

#endif
