/* UTF-8, decoded strictly. Pure. */
#ifndef LANYARD_BASE_UTF8_H
#define LANYARD_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the sequence at p, of which n bytes may be read (at least 1), and its code point. 0 when it is not
 * valid: cut short, overlong, a surrogate, or above U+10FFFF. A NUL byte is a sequence of its own. */
size_t utf8_decode(const uint8_t *p, size_t n, uint32_t *code);

#endif
