/* Frames: how messages are delimited in the stream. 4 bytes payload length (big endian), 1 byte type, 1 byte flags,
 * payload. Pure. */
#ifndef LANYARD_SYNC_WIRE_FRAME_H
#define LANYARD_SYNC_WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FRAME_HEADER = 6,
	FRAME_MAX_CONTROL = 4 << 20,               /* payload bytes of any message except BLOCK, compressed or not */
	FRAME_MAX_BLOCK = (4 << 20) + 64,          /* payload bytes of BLOCK */
	FRAME_MAX_SEALED = (4 << 20) + 256,        /* of SEALED: any of those, and what seals it */
	FRAME_MAX_OBJECT = (4 << 20) + (24 << 10), /* of OBJECT */
	FRAME_MAX_BEFORE_HELLO = 16 << 10,         /* until the peer has proved itself a member of a group */
	FRAME_FLAG_ZSTD = 1,                       /* payload: 4 bytes plain length, then one zstd frame */
};

/* Message types; the bodies are in lanyard.proto. Unknown types are skipped. */
enum frame_type {
	FRAME_HELLO = 1,
	FRAME_BYE = 2,
	FRAME_PING = 3,
	FRAME_PONG = 4,
	FRAME_GROUP_OPEN = 5,
	FRAME_GROUP_CLOSE = 6,
	FRAME_ROSTER = 7,
	FRAME_INDEX_HELLO = 8,
	FRAME_NEWS = 9,
	FRAME_NEWS_ACK = 10,
	FRAME_LIST_GET = 11,
	FRAME_LIST = 12,
	FRAME_GET = 13,
	FRAME_BLOCK = 14,
	FRAME_CANCEL = 15,
	FRAME_ADDRESSES = 16,
	FRAME_RUN_PROOF = 17,
	FRAME_HOLD_ASK = 18,
	FRAME_HOLD_ANSWER = 19,
	FRAME_ASK = 20,
	FRAME_ASK_ANSWER = 21,
	FRAME_ASK_REVEAL = 22,
	FRAME_REQUESTS = 23,
	FRAME_MAP = 24,
	FRAME_HAVE = 25,
	FRAME_ANY = 26,
	FRAME_COMING = 28,
	FRAME_RANGES = 34,
	FRAME_SAME = 35,
	FRAME_RELAY = 36,
	FRAME_KEEP = 40,
	FRAME_HERE = 41,
	FRAME_KEYS = 42, /* this one and the following: in sealed groups only */
	FRAME_SEALED = 43,
	FRAME_CORES = 44,
	FRAME_OBJECT = 45,
	FRAME_HEADS = 46,
	FRAME_VAULT = 47,
};

struct frame {
	uint8_t type, flags;
	uint32_t len;
};

enum frame_status { FRAME_WHOLE, FRAME_INCOMPLETE, FRAME_TOO_LONG };
/* Reads the header at the start of n bytes. WHOLE: header and payload are there. *f is filled once the header is there
 * (n >= FRAME_HEADER), and TOO_LONG is returned as soon as the header says so. limit: FRAME_MAX_BEFORE_HELLO, or 0 for
 * the type's own maximum. Does not judge flags or type. */
enum frame_status frame_read(struct frame *f, const uint8_t *p, size_t n, uint32_t limit);
/* The most payload bytes that a type may have, whether it is known or not. */
uint32_t frame_max(uint8_t type);
/* Whether its payload may travel compressed: not what is packed by itself, or sealed. */
bool frame_packs(uint8_t type);
/* Whether type is one of enum frame_type. */
bool frame_known(uint8_t type);
void frame_write_header(uint8_t out[FRAME_HEADER], uint8_t type, uint8_t flags, uint32_t len);

#endif
