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

/* Length of the valid UTF-8 sequence at p; 0 when there is none. The NUL at the end ends every sequence. */
static size_t utf8_length(const uint8_t *p)
{
	/* The second byte's bounds tell overlong forms, surrogates and what is above U+10FFFF. */
	uint8_t low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
	uint8_t high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (len < 2)
		return len;
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static char *escape(const char *bytes, bool double_backslash)
{
	const uint8_t *in = (const uint8_t *)bytes;
	char *out = mem_calloc(strlen(bytes) + 1, 4);
	char *at = out;

	while (*in != '\0') {
		size_t len = utf8_length(in);

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
