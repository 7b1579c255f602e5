/* Compression: the only door to zstd. Each thread has its own contexts, freed when the thread ends, so every function
 * may be called on any thread. No length in the input is trusted: the caller bounds the output. */
#ifndef LANYARD_SYNC_WIRE_CODEC_H
#define LANYARD_SYNC_WIRE_CODEC_H

#include <stddef.h>
#include <stdint.h>

enum {
	CODEC_WORTHWHILE = 512, /* bytes; control payloads below this are not worth trying */
	CODEC_PREFIX = 4,       /* plain length, 32-bit big endian, before a control payload's zstd frame */
};

/* Control payloads (FRAME_FLAG_ZSTD): writes prefix and one zstd frame to out, which has room for cap bytes. Returns
 * the size written; 0 when it does not fit, so a cap of n - n / 8 asks "does it save an eighth?". n: below 4 GiB. */
size_t codec_compress(uint8_t *out, size_t cap, const void *plain, size_t n);
/* The reverse. Fresh memory of *out_n bytes; NULL unless p is a prefix of at most max and exactly one zstd frame, which
 * unpacks to exactly that many bytes. */
uint8_t *codec_decompress(const uint8_t *p, size_t n, size_t max, size_t *out_n);

/* Blocks. 1: *out is fresh memory (the caller frees) of *out_n bytes, at least an eighth less than n. 0: that much
 * cannot be saved, so the block goes as it is; an incompressible block costs two samples. */
int codec_block(uint8_t **out, size_t *out_n, const uint8_t *plain, size_t n);
/* Fills plain's n bytes, a length that the receiver knows already. -1 unless packed is exactly one zstd frame that
 * unpacks to exactly n bytes. */
int codec_unblock(uint8_t *plain, size_t n, const uint8_t *packed, size_t packed_n);

#endif
