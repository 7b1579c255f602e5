/* SHA-256, fast for small inputs too: the algorithm is fetched once, and each thread keeps one context. Any thread. */
#ifndef LANYARD_BASE_SHA256_H
#define LANYARD_BASE_SHA256_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

/* The digest of n bytes; p may be NULL for n = 0. Never fails. */
void sha256(uint8_t out[SHA256_SIZE], const void *p, size_t n);

/* Whether two digests are the same; takes the same time wherever they differ. */
bool sha256_same(const uint8_t a[SHA256_SIZE], const uint8_t b[SHA256_SIZE]);

/* Several inputs at once, side by side in the instructions this machine has: 24 or more inputs of similar length take a
 * third to two thirds of the time that they take one by one. Any order, any lengths. */
struct sha256_input {
	const uint8_t *p; /* NULL for n = 0 */
	size_t n;
	uint8_t digest[SHA256_SIZE]; /* out */
};
void sha256_many(struct sha256_input *inputs, size_t n);
/* How many inputs at a time are hashed about as fast, per byte, as any number of them: 1 to 16, by the lanes of this
 * machine. A caller that can have more inputs at little cost collects that many. Any thread; never waits, so it is a
 * guess until this process has hashed a MiB, or measured. */
size_t sha256_many_enough(void);
/* Measures now what each way of hashing does on this machine, if nobody did: under 2 ms, once. For a worker that has
 * much to hash. */
void sha256_many_measure(void);

/* The digest of bytes that come in pieces. Zeroed memory is a valid, unused stream. */
struct sha256_stream {
	struct evp_md_ctx_st *evp; /* owned; NULL when not begun */
};

/* Begins again, whatever the stream did before. */
void sha256_begin(struct sha256_stream *s);
void sha256_update(struct sha256_stream *s, const void *p, size_t n);
/* The digest of everything since sha256_begin(); the stream has to be begun again, or freed, after it. */
void sha256_end(struct sha256_stream *s, uint8_t out[SHA256_SIZE]);
/* Frees what a stream holds, begun or not. */
void sha256_free(struct sha256_stream *s);

#endif
