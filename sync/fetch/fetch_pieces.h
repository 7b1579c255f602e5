/* The pieces of a file that is being downloaded. The loop's thread. */
#ifndef LANYARD_SYNC_FETCH_FETCH_PIECES_H
#define LANYARD_SYNC_FETCH_FETCH_PIECES_H

#include "sync/fetch/fetch.h"
#include "sync/get/pieces.h"

/* Of the download at this path: its bytes that are here, of its size. False: there is none, or nothing is known of its
 * blocks yet. */
bool fetch_pieces(const struct fetch *f, const char *path, struct pieces *p, int64_t *done, int64_t *size);

#endif
