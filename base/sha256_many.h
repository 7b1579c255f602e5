/* Which kernel takes how many inputs: the inside of sha256_many(), for its tests and its bench. */
#ifndef LANYARD_BASE_SHA256_MANY_H
#define LANYARD_BASE_SHA256_MANY_H

#include "base/sha256.h"
#include "base/sha256_kernel.h"

struct sha256_choice {
	const struct sha256_kernel *kernel[SHA256_LANES_MAX + 1]; /* by the number of inputs left; the last for more */
	double speed[SHA256_LANES_MAX + 1];                       /* of all of them together, in the speeds' unit */
};

/* As sha256_many(), with that choice; also for one input. Any thread. */
void sha256_many_by(const struct sha256_choice *c, struct sha256_input *inputs, size_t n);

#endif
