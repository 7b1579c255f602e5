/* See seal_forms.h. */
#include "tests/unit/seal_forms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/bytes.h"
#include "base/mem.h"

void seal_forms_hex(uint8_t *out, size_t n, const char *text)
{
	assert_int_equal(hex_decode(out, n, text), 0);
}

void seal_forms_check(const uint8_t *p, size_t n, bool (*takes)(void *arg, const uint8_t *p, size_t n), void *arg)
{
	uint8_t *copy = mem_dup(p, n), *longer;

	assert_true(takes(arg, copy, n));
	for (size_t bit = 0; bit < 8 * n; bit++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (takes(arg, copy, n))
			fail_msg("bit %zu of byte %zu of %zu does not matter", bit % 8, bit / 8, n);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *shorter = mem_dup(p, cut);

		if (takes(arg, shorter, cut))
			fail_msg("%zu of %zu bytes are enough", cut, n);
		free(shorter);
	}
	longer = mem_calloc(n + 1, 1);
	memcpy(longer, p, n);
	assert_false(takes(arg, longer, n + 1));
	free(longer);
	free(copy);
}
