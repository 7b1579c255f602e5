/* Content-defined cutting by filter and hash: an insertion moves only the cuts next to it. Sizes are normalised
 * (FastCDC, Xia et al., USENIX ATC 2016): cuts are rare below the average and likely above it. Any thread. */
#ifndef LANYARD_SYNC_HASH_CHUNK_H
#define LANYARD_SYNC_HASH_CHUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHUNK_MIN_LOG2 = 16, CHUNK_MAX_LOG2 = 20 }; /* averages from 64 KiB to 1 MiB; a block is avg/2 to avg*4 bytes */
enum { CHUNK_WINDOW = 32 };                        /* a cut depends on this many bytes before it */
/* A file up to this size is one block and is not cut. */
#define CHUNK_WHOLE_MAX 65536

/* log2 of the average block size for a file of this size: floor(log2(size)) - 12, clamped. previous: what its last
 * version was cut with (0: none); it is kept while it is within one step, so that a file that grows over a power of
 * two keeps its blocks. */
/* In records this is added to the log2: the rule that cut the file. Without it, an earlier rule did. */
enum { CHUNK_RULE = 32 };
uint8_t chunk_log2(int64_t size, uint8_t previous);
size_t chunk_max(uint8_t avg_log2);

/* Cuts bytes that come in pieces. Where a block ends depends on where it began and on its bytes, on nothing else. */
struct chunk_stream {
	uint32_t len; /* bytes of the current block so far */
	uint8_t avg_log2;
	uint8_t tail[CHUNK_WINDOW - 1]; /* its last bytes, once there are that many */
};
#define CHUNK_STREAM_INIT(log2) ((struct chunk_stream){ .avg_log2 = (log2) })
/* Takes bytes up to the end of the block or of p, and returns how many. *cut: the block ends after them, and the
 * stream begins the next one. Pieces of 64 KiB and more are searched at full speed. */
size_t chunk_feed(struct chunk_stream *s, const uint8_t *p, size_t n, bool *cut);

/* A way of cutting, for whoever does not care which. All agents of a group have the same one. */
struct chunk_rule {
	/* Of a file that is cut in segments (sync/hash/hash_large.c), counted in largest blocks: how far before a
	 * segment one has to begin so that the cuts are probably the true ones when it is reached, and its length. */
	uint16_t guess, segment;
	/* The largest block; a run of one byte is cut there. */
	size_t (*max)(const struct chunk_rule *rule, uint8_t avg_log2);
	/* A state at the beginning of a block; stop() frees it. A worker has one of its own. */
	void *(*start)(const struct chunk_rule *rule, uint8_t avg_log2);
	void (*stop)(void *state);
	/* As chunk_feed(). */
	size_t (*feed)(void *state, const uint8_t *p, size_t n, bool *cut);
	/* Forgets the block that was begun. */
	void (*restart)(void *state);
};
/* The above, for groups without keys. */
extern const struct chunk_rule chunk_plain;

#endif
