/* What the records of one NEWS share. Inside sync/wire only. Pure. */
#ifndef LANYARD_SYNC_WIRE_MSG_LIKE_H
#define LANYARD_SYNC_WIRE_MSG_LIKE_H

#include "sync/wire/lanyard.pb-c.h"
#include "sync/wire/msg_internal.h"

/* Leaves out of r, a whole record, what it has in common with the one before it, which is whole. */
void msg_like_shorten(Lanyard__Record *r, const Lanyard__Record *before);
/* The reverse, with memory of the arena. before: NULL for the first record. -1 if it cannot have been written so. */
int msg_like_complete(Lanyard__Record *r, struct msg_arena *a, const Lanyard__Record *before);

#endif
