/* Bytes as text that cannot harm a terminal or a log: see log_escape.h. Bytes other than printable UTF-8 become
 * \xNN. */
#include "base/log_escape.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

/* Not only control codes: what ends a line or turns its direction can make one name look like another. */
static bool printable(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return false;
	if (c == 0x61c || c == 0x200e || c == 0x200f || c == 0xfeff)
		return false;
	return !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2066 && c <= 0x2069);
}

/* A valid, printable sequence is copied as it is; a valid one that is not printable, or a single invalid byte,
 * becomes \xNN for each byte. */
size_t log_escape_to(char *out, const void *bytes, size_t n, bool backslash)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = bytes;
	char *at = out;

	for (size_t i = 0; i < n;) {
		uint32_t code;
		size_t len = utf8_decode(in + i, n - i, &code);

		if (len != 0 && printable(code)) {
			if (backslash && code == '\\')
				*at++ = '\\';
			memcpy(at, in + i, len);
			at += len;
			i += len;
			continue;
		}
		for (len = len != 0 ? len : 1; len > 0; len--, i++) {
			*at++ = '\\';
			*at++ = 'x';
			*at++ = digits[in[i] >> 4];
			*at++ = digits[in[i] & 15];
		}
	}
	*at = '\0';
	return (size_t)(at - out);
}

char *log_escape(const void *bytes, size_t n)
{
	char *out = mem_calloc(n + 1, 4);

	return mem_realloc(out, log_escape_to(out, bytes, n, true) + 1, 1);
}
