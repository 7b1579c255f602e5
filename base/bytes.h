/* Bounded bytes: a growing buffer born with its maximum, a reader that cannot pass the end, and the text forms of
 * binary names (hex, base32, base64url). Pure; any thread. */
#ifndef LANYARD_BASE_BYTES_H
#define LANYARD_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing buffer. `full` is set, and stays set, once an append did not fit into max; that append and all later ones
 * add nothing, so the content never has a hole. */
struct bytes {
	uint8_t *p; /* owned; NULL when empty */
	size_t len; /* bytes in use */
	size_t cap; /* bytes allocated */
	size_t max; /* len never passes this */
	bool full;
};

#define BYTES_INIT(maximum) ((struct bytes){ .max = (maximum) })
/* Frees what it holds and leaves it empty, with the same max. */
void bytes_free(struct bytes *b);
/* len = 0, memory kept, full cleared. */
void bytes_clear(struct bytes *b);
/* 0, or -1 when it would pass max. p may be NULL for n = 0. */
int bytes_append(struct bytes *b, const void *p, size_t n);
int bytes_append_u8(struct bytes *b, uint8_t v);
int bytes_append_u32(struct bytes *b, uint32_t v); /* big endian */
int bytes_append_u64(struct bytes *b, uint64_t v); /* big endian */
/* n writable bytes at the end, already counted in len; NULL when it would pass max. */
uint8_t *bytes_extend(struct bytes *b, size_t n);
/* Drops the first n bytes (n <= len). */
void bytes_consume(struct bytes *b, size_t n);

/* Reads from memory that stays the caller's. `bad` is set, and stays set, on any read past the end; such reads give
 * zeros. Check it once at the end of a message. */
struct reader {
	const uint8_t *p;
	const uint8_t *end;
	bool bad;
};

#define READER_INIT(ptr, n) ((struct reader){ .p = (ptr), .end = (const uint8_t *)(ptr) + (n) })
uint8_t reader_u8(struct reader *r);
uint32_t reader_u32(struct reader *r); /* big endian */
uint64_t reader_u64(struct reader *r); /* big endian */
/* The next n bytes in place; NULL (and bad) when fewer are left. */
const uint8_t *reader_take(struct reader *r, size_t n);
size_t reader_left(const struct reader *r);

/* n bytes at p, inside the allocation at base, which goes with them. p NULL: none. */
struct slab {
	uint8_t *p;
	size_t n;
	void *base;
};

/* A copy. */
struct slab slab_dup(const void *p, size_t n);
/* The bytes as an allocation of their own, for free(). */
uint8_t *slab_flatten(struct slab *s);
void slab_free(struct slab *s);

void put_u32(uint8_t *p, uint32_t v); /* big endian */
void put_u64(uint8_t *p, uint64_t v);
uint32_t get_u32(const uint8_t *p);
uint64_t get_u64(const uint8_t *p);

/* The value of a hex digit of either case, -1 for anything else. */
int hex_digit(char c);
/* Lower-case hex; out has room for 2n + 1. */
void hex_encode(char *out, const void *p, size_t n);
/* Exactly 2n hex digits into n bytes; -1 for anything else. */
int hex_decode(uint8_t *out, size_t n, const char *text);
/* RFC 4648 base32, lower case, unpadded; out has room for (n * 8 + 4) / 5 + 1. */
void base32_encode(char *out, const void *p, size_t n);
/* Ignores '-' and case. Returns the bytes decoded, -1 for a bad digit, bad trailing bits or more than max bytes. */
int base32_decode(uint8_t *out, size_t max, const char *text);
/* RFC 4648 base64url, unpadded. encode: out has room for (n * 4 + 2) / 3 + 1. */
void base64url_encode(char *out, const void *p, size_t n);
/* Returns the bytes decoded, -1 for a bad digit, bad trailing bits, or more than max bytes. */
int base64url_decode(uint8_t *out, size_t max, const char *text, size_t text_len);

#endif
