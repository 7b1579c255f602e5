/* Names as text and back: see escape.h. */
#include "agent/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/bytes.h"
#include "base/mem.h"
#include "base/utf8.h"

/* Allocates for the worst case, four characters per byte, and shrinks the result. */
static char *escape(const char *bytes, bool double_backslash)
{
	const uint8_t *in = (const uint8_t *)bytes, *end = in + strlen(bytes);
	char *out = mem_calloc(strlen(bytes) + 1, 4);
	char *at = out;

	while (in < end) {
		uint32_t code;
		size_t len = utf8_decode(in, (size_t)(end - in), &code);

		if (len == 0) {
			at += snprintf(at, 5, "\\x%02x", *in++);
			continue;
		}
		if (*in == '\\' && double_backslash)
			*at++ = '\\';
		memcpy(at, in, len);
		at += len;
		in += len;
	}
	return mem_realloc(out, (size_t)(at - out) + 1, 1);
}

char *escape_name(const char *bytes)
{
	return escape(bytes, true);
}

char *escape_message(const char *bytes)
{
	return escape(bytes, false);
}

/* The byte that the escape at text stands for; -1 when it is none. *len: characters it takes. */
static int decode_one(const char *text, size_t *len)
{
	int high;
	int low;

	*len = 2;
	if (text[1] == '\\')
		return '\\';
	if (text[1] != 'x')
		return -1;
	high = hex_digit(text[2]);
	low = high < 0 ? -1 : hex_digit(text[3]);
	*len = 4;
	return low < 0 || (high == 0 && low == 0) ? -1 : high << 4 | low;
}

char *escape_decode(const char *text)
{
	char *out = mem_calloc(strlen(text) + 1, 1);
	char *at = out;

	while (*text != '\0') {
		size_t len = 1;
		int byte = *text == '\\' ? decode_one(text, &len) : (unsigned char)*text;

		if (byte < 0) {
			free(out);
			return NULL;
		}
		*at++ = (char)byte;
		text += len;
	}
	return out;
}

char *escape_terminal(const char *text)
{
	char *out = mem_calloc(strlen(text) + 1, 4);
	char *at = out;

	/* log_escape() doubles backslashes, which are escapes already: it gets what is between them. */
	for (;;) {
		size_t n = strcspn(text, "\\");
		char *piece = log_escape(text, n);

		at = stpcpy(at, piece);
		free(piece);
		text += n;
		if (*text == '\0')
			break;
		*at++ = *text++;
	}
	*at = '\0';
	return mem_realloc(out, (size_t)(at - out) + 1, 1);
}
