/* Key files as lines of text, to print and to type in again: see export.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/seal/export.h"

enum { EXPORT_DIGITS = 40, EXPORT_CHECKS = 4, EXPORT_GROUP = 5 };

/* The NUL is part of it. */
static const char export_line_label[] = "lanyard paper 1";

/* A line's check digits: 20 bits that depend on its place too. A line with any error passes once in a million times,
 * and the file's checksum finds it then. */
static void export_line_check(char check[EXPORT_CHECKS + 1], size_t number, const uint8_t line[EXPORT_LINE])
{
	uint8_t in[sizeof(export_line_label) + 4 + EXPORT_LINE], sha[SHA256_SIZE];
	char text[9];

	memcpy(in, export_line_label, sizeof(export_line_label));
	put_u32(in + sizeof(export_line_label), (uint32_t)number);
	memcpy(in + sizeof(export_line_label) + 4, line, EXPORT_LINE);
	sha256(sha, in, sizeof(in));
	base32_encode(text, sha, 5);
	memcpy(check, text, EXPORT_CHECKS);
	check[EXPORT_CHECKS] = '\0';
}

static void export_line_write(struct bytes *b, size_t number, const uint8_t line[EXPORT_LINE])
{
	char digits[EXPORT_DIGITS + 1], check[EXPORT_CHECKS + 1], *place = mem_printf("%2zu:", number);

	base32_encode(digits, line, EXPORT_LINE);
	export_line_check(check, number, line);
	bytes_append(b, place, strlen(place));
	for (size_t i = 0; i < EXPORT_DIGITS; i += EXPORT_GROUP) {
		bytes_append_u8(b, ' ');
		bytes_append(b, digits + i, EXPORT_GROUP);
	}
	bytes_append(b, "  ", 2);
	bytes_append(b, check, EXPORT_CHECKS);
	bytes_append_u8(b, '\n');
	free(place);
}

char *export_paper(const uint8_t *p, size_t n)
{
	struct bytes b = BYTES_INIT(3 * EXPORT_MAX);

	for (size_t at = 0; at < n; at += EXPORT_LINE) {
		uint8_t line[EXPORT_LINE] = { 0 }; /* the last one is filled up with zeros */

		memcpy(line, p + at, n - at < EXPORT_LINE ? n - at : EXPORT_LINE);
		export_line_write(&b, at / EXPORT_LINE + 1, line);
	}
	bytes_append_u8(&b, '\0');
	return (char *)b.p;
}

/* --- reading --- */

/* What people take for a letter. */
static char export_digit(char c)
{
	switch (c) {
	case '0':
		return 'o';
	case '1':
		return 'l';
	case '8':
		return 'b';
	default:
		return c;
	}
}

/* Reads a line of n characters that should be the one of this number. -1: it is not. */
static int export_line_read(uint8_t line[EXPORT_LINE], const char *text, size_t n, size_t number)
{
	char digits[EXPORT_DIGITS + EXPORT_CHECKS + 1], check[EXPORT_CHECKS + 1];
	const char *colon = memchr(text, ':', n);
	size_t have = 0;

	/* The number may be left out; if it is there, it has to be right. */
	if (colon != NULL) {
		if (strtoul(text, NULL, 10) != number)
			return -1;
		n -= (size_t)(colon + 1 - text);
		text = colon + 1;
	}
	for (size_t i = 0; i < n; i++) {
		if (isspace((unsigned char)text[i]) || text[i] == '-')
			continue;
		if (have == EXPORT_DIGITS + EXPORT_CHECKS)
			return -1;
		digits[have++] = export_digit((char)tolower((unsigned char)text[i]));
	}
	if (have != EXPORT_DIGITS + EXPORT_CHECKS)
		return -1;
	digits[have] = '\0';
	/* Its check digits are compared as text; the others are decoded by themselves. */
	memcpy(check, digits + EXPORT_DIGITS, EXPORT_CHECKS + 1);
	digits[EXPORT_DIGITS] = '\0';
	if (base32_decode(line, EXPORT_LINE, digits) != EXPORT_LINE)
		return -1;
	export_line_check(digits, number, line);
	return memcmp(digits, check, EXPORT_CHECKS) == 0 ? 0 : -1;
}

/* The file's length by its own head; 0: there is no whole head. */
static size_t export_length(const uint8_t *p, size_t n)
{
	size_t length;

	if (n < EXPORT_HEAD)
		return 0;
	length = get_u32(p + EXPORT_HEAD - 4);
	return length <= EXPORT_PLAIN_MAX ? EXPORT_HEAD + length + 16 + SHA256_SIZE : 0;
}

enum export_result export_unpaper(const char *text, struct bytes *out, size_t *line)
{
	struct bytes b = BYTES_INIT(EXPORT_MAX + EXPORT_LINE);
	enum export_result result = EXPORT_DAMAGED;
	size_t number = 0, length;

	while (*text != '\0' && !b.full) {
		size_t n = strcspn(text, "\n");
		uint8_t bytes[EXPORT_LINE];

		if (strspn(text, " \t\r") < n && *text != '#') {
			*line = ++number;
			if (export_line_read(bytes, text, n, number) < 0)
				goto free_bytes;
			bytes_append(&b, bytes, sizeof(bytes));
		}
		text += n + (text[n] == '\n');
	}
	length = export_length(b.p, b.len);
	/* Lines that are missing at the end, or that follow it. */
	*line = length == 0 || b.len < length ? number + 1 : 0;
	if (length != 0 && (length + EXPORT_LINE - 1) / EXPORT_LINE * EXPORT_LINE == b.len)
		result = bytes_append(out, b.p, length) == 0 ? EXPORT_OK : EXPORT_FULL;
free_bytes:
	bytes_free(&b);
	return result;
}
