/* Bounded buffers and readers, big-endian numbers, hex, base32 and base64url: see bytes.h. */
#include "base/bytes.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { FIRST_CAP = 64 };

void bytes_free(struct bytes *b)
{
	free(b->p);
	*b = BYTES_INIT(b->max);
}

void bytes_clear(struct bytes *b)
{
	b->len = 0;
	b->full = false;
}

uint8_t *bytes_extend(struct bytes *b, size_t n)
{
	uint8_t *at;

	/* Once an append did not fit, the buffer takes nothing more, so that what it holds has no hole in the
	 * middle. */
	if (b->full || b->len > b->max || n > b->max - b->len) {
		b->full = true;
		return NULL;
	}
	if (b->p == NULL || n > b->cap - b->len) {
		size_t need = b->len + n;
		size_t cap = b->cap > b->max / 2 ? b->max : b->cap * 2;

		if (cap < need)
			cap = need;
		if (cap < FIRST_CAP)
			cap = FIRST_CAP;
		b->p = mem_realloc(b->p, cap, 1);
		b->cap = cap;
	}
	at = b->p + b->len;
	b->len += n;
	return at;
}

int bytes_append(struct bytes *b, const void *p, size_t n)
{
	uint8_t *at = bytes_extend(b, n);

	if (at == NULL)
		return -1;
	if (n != 0)
		memcpy(at, p, n);
	return 0;
}

int bytes_append_u8(struct bytes *b, uint8_t v)
{
	return bytes_append(b, &v, 1);
}

int bytes_append_u32(struct bytes *b, uint32_t v)
{
	uint8_t *at = bytes_extend(b, 4);

	if (at == NULL)
		return -1;
	put_u32(at, v);
	return 0;
}

int bytes_append_u64(struct bytes *b, uint64_t v)
{
	uint8_t *at = bytes_extend(b, 8);

	if (at == NULL)
		return -1;
	put_u64(at, v);
	return 0;
}

void bytes_consume(struct bytes *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->p, b->p + n, b->len);
}

size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->p);
}

const uint8_t *reader_take(struct reader *r, size_t n)
{
	const uint8_t *at = r->p;

	/* After the first bad read the position means nothing, so nothing more is read. */
	if (r->bad || n > reader_left(r)) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	return at;
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *at = reader_take(r, 1);

	return at != NULL ? *at : 0;
}

uint32_t reader_u32(struct reader *r)
{
	const uint8_t *at = reader_take(r, 4);

	return at != NULL ? get_u32(at) : 0;
}

uint64_t reader_u64(struct reader *r)
{
	const uint8_t *at = reader_take(r, 8);

	return at != NULL ? get_u64(at) : 0;
}

struct slab slab_dup(const void *p, size_t n)
{
	uint8_t *copy = mem_dup(p, n);

	return (struct slab){ .p = copy, .n = n, .base = copy };
}

uint8_t *slab_flatten(struct slab *s)
{
	uint8_t *base = s->base;

	if (s->p != base)
		memmove(base, s->p, s->n);
	*s = (struct slab){ 0 };
	return base;
}

void slab_free(struct slab *s)
{
	free(s->base);
	*s = (struct slab){ 0 };
}

void put_u32(uint8_t *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

void put_u64(uint8_t *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

uint32_t get_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

uint64_t get_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

void hex_encode(char *out, const void *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = p;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[in[i] >> 4];
		out[2 * i + 1] = digits[in[i] & 15];
	}
	out[2 * n] = '\0';
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(uint8_t *out, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return -1;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return text[2 * n] == '\0' ? 0 : -1;
}

/* Base 32 and base 64 are the same walk, with 5 or 6 bits per digit. */
static void encode_digits(char *out, const uint8_t *in, size_t n, unsigned bits, const char *digits)
{
	uint32_t held = 0;
	unsigned nheld = 0;
	uint32_t mask = (1U << bits) - 1;

	for (size_t i = 0; i < n; i++) {
		held = held << 8 | in[i];
		nheld += 8;
		while (nheld >= bits) {
			nheld -= bits;
			*out++ = digits[held >> nheld & mask];
		}
	}
	if (nheld > 0)
		*out++ = digits[held << (bits - nheld) & mask];
	*out = '\0';
}

/* The result so far of a walk over digits. */
struct gather {
	uint8_t *out;
	size_t max;    /* space in out */
	size_t n;      /* bytes written */
	uint32_t held; /* the bits that are not written yet, nheld of them */
	unsigned nheld;
};

static int gather_digit(struct gather *g, unsigned digit, unsigned bits)
{
	g->held = (g->held << bits | digit) & 0xffff;
	g->nheld += bits;
	if (g->nheld < 8)
		return 0;
	if (g->n == g->max)
		return -1;
	g->nheld -= 8;
	g->out[g->n++] = (uint8_t)(g->held >> g->nheld);
	return 0;
}

/* A whole digit left over, or a bit set in the padding, would let one value be written in several ways. */
static int gather_end(const struct gather *g, unsigned bits)
{
	if (g->nheld >= bits || (g->held & ((1U << g->nheld) - 1)) != 0)
		return -1;
	return (int)g->n;
}

void base32_encode(char *out, const void *p, size_t n)
{
	encode_digits(out, p, n, 5, "abcdefghijklmnopqrstuvwxyz234567");
}

static int base32_digit(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= '2' && c <= '7')
		return c - '2' + 26;
	return -1;
}

int base32_decode(uint8_t *out, size_t max, const char *text)
{
	struct gather g = { .out = out, .max = max };

	for (; *text != '\0'; text++) {
		int digit;

		if (*text == '-')
			continue;
		digit = base32_digit(*text);
		if (digit < 0 || gather_digit(&g, (unsigned)digit, 5) < 0)
			return -1;
	}
	return gather_end(&g, 5);
}

void base64url_encode(char *out, const void *p, size_t n)
{
	encode_digits(out, p, n, 6, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

static int base64url_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

int base64url_decode(uint8_t *out, size_t max, const char *text, size_t text_len)
{
	struct gather g = { .out = out, .max = max };

	for (size_t i = 0; i < text_len; i++) {
		int digit = base64url_digit(text[i]);

		if (digit < 0 || gather_digit(&g, (unsigned)digit, 6) < 0)
			return -1;
	}
	return gather_end(&g, 6);
}
