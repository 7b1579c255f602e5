/* Shared by msg.c (connection and groups), msg_ask.c (requests to join), msg_sync.c (index, news, holds), msg_block.c,
 * msg_swarm.c and msg_seal.c. */
#ifndef LANYARD_SYNC_WIRE_MSG_INTERNAL_H
#define LANYARD_SYNC_WIRE_MSG_INTERNAL_H

#include <protobuf-c/protobuf-c.h>

#include "sync/wire/msg.h"

/* Memory, not zeroed, that msg_free releases; NULL above MSG_ARENA_MAX. arena: a struct msg_arena, as protobuf-c passes
 * it. */
void *msg_arena_alloc(void *arena, size_t n);
/* NULL if the bytes are not such a message, or it needs more than MSG_ARENA_MAX. */
ProtobufCMessage *msg_unpack(const ProtobufCMessageDescriptor *d, struct msg_arena *a, const uint8_t *p, size_t n);
/* Fresh memory of *n bytes. */
uint8_t *msg_pack(const ProtobufCMessage *m, size_t *n);
/* Lends p to a message that is to be packed. */
ProtobufCBinaryData msg_binary(const void *p, size_t n);
/* Lends n byte strings; the array is fresh memory. */
ProtobufCBinaryData *msg_binary_list(const struct msg_bytes *b, size_t n);
/* The reverse, borrowed; the list is the arena's. NULL: no memory there. */
struct msg_bytes msg_bytes_of(ProtobufCBinaryData b);
const struct msg_bytes *msg_bytes_list(struct msg_arena *a, const ProtobufCBinaryData *b, size_t n);
/* 0, or -1 if no file can have such a content. */
int msg_content_read(struct content *c, uint64_t size, uint32_t nblocks, ProtobufCBinaryData root);
ProtobufCBinaryData msg_content_root(const struct content *c);

#endif
