/* Shared by the tests of sealed forms: hex vectors, and "whatever is altered or cut off is refused". */
#ifndef LANYARD_TESTS_UNIT_SEAL_FORMS_H
#define LANYARD_TESTS_UNIT_SEAL_FORMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a published vector. Fails the test unless text is n bytes in hex. */
void seal_forms_hex(uint8_t *out, size_t n, const char *text);
/* Fails the test unless takes() takes the n bytes as they are; refuses them with any one bit flipped; and refuses them
 * cut off at each length, and with a byte more. The bytes are handed over in an allocation of their own, so that a read
 * past their end is noticed. */
void seal_forms_check(const uint8_t *p, size_t n, bool (*takes)(void *arg, const uint8_t *p, size_t n), void *arg);

#endif
