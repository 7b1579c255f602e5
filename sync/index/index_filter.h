/* Says of most digests that a table does not have them, from a little memory: a Bloom filter.
 *
 * A digest is evenly spread by itself, so its own bits choose the place. All bits of one digest are in one line of the
 * processor's cache. What goes out of the table stays in the filter, which then says less and nothing wrong. */
#ifndef LANYARD_SYNC_INDEX_INDEX_FILTER_H
#define LANYARD_SYNC_INDEX_INDEX_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct index_filter;

/* Takes 1 MiB, however many digests come: of a million it tells all but a few per cent of the others. */
struct index_filter *index_filter_new(void);
void index_filter_free(struct index_filter *filter);
void index_filter_add(struct index_filter *filter, int64_t digest);
/* True: it was surely never added. */
bool index_filter_lacks(const struct index_filter *filter, int64_t digest);

#endif
