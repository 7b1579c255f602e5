/* Shared by the files behind export.h: a key file's content as plain bytes. */
#ifndef LANYARD_SYNC_SEAL_EXPORT_INTERNAL_H
#define LANYARD_SYNC_SEAL_EXPORT_INTERNAL_H

#include "sync/seal/export.h"

/* The content's bytes, in the secure heap; the caller calls keys_wipe(*p, *n). */
enum export_result export_content_encode(const struct export_content *c, bool paper, uint8_t **p, size_t *n);
/* The other way. *c is NULL unless EXPORT_OK. */
enum export_result export_content_decode(struct export_content **c, const uint8_t *p, size_t n);

#endif
