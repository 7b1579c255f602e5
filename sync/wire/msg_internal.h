/* Shared by msg.c (connection and groups) and msg_sync.c (index, news, blocks). */
#ifndef LANYARD_SYNC_WIRE_MSG_INTERNAL_H
#define LANYARD_SYNC_WIRE_MSG_INTERNAL_H

#include <protobuf-c/protobuf-c.h>

#include "sync/wire/msg.h"

/* Zero-free memory that msg_free releases; NULL above MSG_ARENA_MAX. First argument: the struct msg_arena. */
void *msg_arena_alloc(void *arena, size_t n);
ProtobufCMessage *msg_unpack(const ProtobufCMessageDescriptor *d, struct msg_arena *a, const uint8_t *p, size_t n);
uint8_t *msg_pack(const ProtobufCMessage *m, size_t *n);
ProtobufCBinaryData msg_binary(const void *p, size_t n);
int msg_content_read(struct content *c, uint64_t size, uint32_t nblocks, ProtobufCBinaryData root);
ProtobufCBinaryData msg_content_root(const struct content *c);

#endif
