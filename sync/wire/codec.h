/* Compression: the only door to zstd. Each thread keeps its own contexts, so every function may be called on any thread;
 * they are freed when the thread ends. Nothing here believes a length: output is bounded by what the caller gives. */
#ifndef LANYARD_SYNC_WIRE_CODEC_H
#define LANYARD_SYNC_WIRE_CODEC_H

#include <stddef.h>
#include <stdint.h>

enum {
	CODEC_WORTHWHILE = 512, /* bytes; control payloads below this are not worth trying */
	CODEC_PREFIX = 4,       /* plain length, 32-bit big endian, before a control payload's zstd frame */
};

/* Control payloads (FRAME_FLAG_ZSTD): writes prefix and one zstd frame to out, which has room for cap bytes. Returns the
 * size written; 0 when it does not fit, so a cap of n - n / 8 asks "does it save an eighth?". n: below 4 GiB. */
size_t codec_compress(uint8_t *out, size_t cap, const void *plain, size_t n);
/* The reverse. Fresh memory of *out_n bytes; NULL unless p is a prefix of at most max and exactly one zstd frame that
 * gives exactly so many bytes. */
uint8_t *codec_decompress(const uint8_t *p, size_t n, size_t max, size_t *out_n);

/* Blocks: 1 with *out fresh memory (the caller frees) of *out_n bytes, at least an eighth less than n; 0 when that cannot
 * be had and the block goes as it is. Incompressible blocks cost a look at two samples. */
int codec_block(uint8_t **out, size_t *out_n, const uint8_t *plain, size_t n);
/* Fills plain's n bytes, the length that the receiver knows already; -1 unless packed is exactly one zstd frame that
 * gives exactly so many. */
int codec_unblock(uint8_t *plain, size_t n, const uint8_t *packed, size_t packed_n);

#endif
