/* Writing files with holes: long runs of zeros are not written. Any thread. */
#ifndef LANYARD_BASE_SPARSE_H
#define LANYARD_BASE_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPARSE_PAGE = 4096, SPARSE_MIN = 32768 };

/* Writes n bytes at offset of a file that is all zero there (a hole), and leaves out runs of whole zero pages of
 * SPARSE_MIN bytes or more. The caller sets the size (ftruncate), since a run that is left out at the end does not.
 * dirty: something else may be there, so such runs are punched, or written where that cannot be done. 0, or -1 and
 * errno. */
int sparse_write(int fd, const void *bytes, size_t n, int64_t offset, bool dirty);

#endif
