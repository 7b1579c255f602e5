/* Bytes for tests, the same each time: without pattern, and like those of a log. */
#ifndef LANYARD_TESTS_UNIT_NOISE_H
#define LANYARD_TESTS_UNIT_NOISE_H

#include <stddef.h>
#include <stdint.h>

/* n bytes that differ for each seed; the caller frees them. */
uint8_t *noise(size_t n, uint64_t seed);
/* Fills n bytes with the lines of an access log. */
void noise_log(uint8_t *p, size_t n);

#endif
