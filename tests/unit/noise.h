/* Bytes without pattern, the same each time. */
#ifndef LANYARD_TESTS_UNIT_NOISE_H
#define LANYARD_TESTS_UNIT_NOISE_H

#include <stddef.h>
#include <stdint.h>

/* n bytes that differ for each seed; the caller frees them. */
uint8_t *noise(size_t n, uint64_t seed);

#endif
