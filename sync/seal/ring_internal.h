/* Shared by ring.c and ring_share.c. */
#ifndef LANYARD_SYNC_SEAL_RING_INTERNAL_H
#define LANYARD_SYNC_SEAL_RING_INTERNAL_H

#include "sync/group/generation.h"
#include "sync/seal/ring.h"

struct ring {
	struct ring_config config;
};

/* The key of a generation that is in effect, if it is here and the one that was promised. */
struct keys *ring_find(const struct ring *g, const struct generation *generation);

#endif
