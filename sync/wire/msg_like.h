/* Records as NEWS and SAME carry them, and what those of one message share. Inside sync/wire only. Pure. */
#ifndef LANYARD_SYNC_WIRE_MSG_LIKE_H
#define LANYARD_SYNC_WIRE_MSG_LIKE_H

#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

/* Leaves out of r, a whole record, what it has in common with the one before it, which is whole. */
void msg_like_shorten(Lanyard__Record *r, const Lanyard__Record *before);
/* The reverse, with memory of the arena. before: NULL for the first record. -1 if it cannot have been written so. */
int msg_like_complete(Lanyard__Record *r, struct msg_arena *a, const Lanyard__Record *before);
/* The version and both bases of r into pb; vectors: space for them, lent to pb. Returns the end of what it used. */
uint64_t *msg_versions_fill(Lanyard__Record *pb, const struct record *r, uint64_t *vectors);
/* The reverse, into the arena. All may be empty. -1 if one cannot be a version, a base is not older than the version,
 * or there is a mode_base without a base. */
int msg_versions_read(struct record *r, struct msg_arena *a, const Lanyard__Record *pb);

#endif
