/* See control_url.h. */
#include "agent/api/control_url.h"

#include "base/bytes.h"

/* 0: it is not one that is decoded. */
static int encoded_byte(const char *p)
{
	int high = p[0] == '%' ? hex_digit(p[1]) : -1;
	int low = high >= 0 ? hex_digit(p[2]) : -1;

	return low >= 0 ? high * 16 + low : 0;
}

size_t control_url_decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0';) {
		int byte = encoded_byte(from);

		*to++ = byte != 0 ? (char)byte : *from;
		from += byte != 0 ? 3 : 1;
	}
	*to = '\0';
	return (size_t)(to - text);
}
