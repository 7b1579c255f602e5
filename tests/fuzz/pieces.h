/* Pieces of an input, for fuzz targets that take steps: changes of what is right, and bytes as they are. */
#ifndef LANYARD_TESTS_FUZZ_PIECES_H
#define LANYARD_TESTS_FUZZ_PIECES_H

#include "base/bytes.h"

/* A place in up to 64 KiB, or a length. */
static inline size_t piece_number(struct reader *r)
{
	size_t n = (size_t)reader_u8(r) << 8;

	return n + reader_u8(r);
}

/* Makes as many changes to the n bytes at p as the input says. */
static inline void piece_change(struct reader *r, uint8_t *p, size_t n)
{
	for (uint8_t i = reader_u8(r); i > 0; i--) {
		size_t at = piece_number(r);

		p[at % n] += reader_u8(r);
	}
}

/* Hands on that many bytes as the input says, if it has them. */
static inline void piece_take(struct reader *r, void (*to)(const uint8_t *p, size_t n))
{
	size_t n = piece_number(r);
	const uint8_t *p = reader_take(r, n);

	if (p != NULL)
		to(p, n);
}

#endif
