/* What a GEN entry of the roster says, as bytes: from its number to its exits. The frame around it, and the signature,
 * are those of all entries (roster_entry.c). Any thread. */
#ifndef LANYARD_SYNC_GROUP_GENERATION_ENTRY_H
#define LANYARD_SYNC_GROUP_GENERATION_ENTRY_H

#include "base/bytes.h"
#include "sync/group/generation.h"

/* -1: parents or exits are not ascending, or too many; nothing is appended. Signer and name are not part of it. */
int generation_entry_write(struct bytes *b, const struct generation *g);
/* Sets all but signer and name. r->bad: it has another form. Suite and policy may be any: generation_judge() refuses
 * what is unknown. */
void generation_entry_read(struct reader *r, struct generation *g);

#endif
