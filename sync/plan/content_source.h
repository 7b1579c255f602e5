/* Content apart from paths: where a content's bytes can be read, whatever keeps them. Talking serves blocks through this and knows
 * neither files nor paths. A share's files are one source (sync/share/share_source.h), the parts of downloads another
 * (sync/fetch/fetch_source.h); a store of blobs would be a third.
 *
 * A reading goes from thread to thread, since a disk may not answer:
 *   stat, open   the loop: decides from rows and maps alone which file to read; touches no disk
 *   read         a worker, at most once: opens, reads and checks that the bytes are still the content's; touches no shared state
 *   close        the loop, once the worker is done: acts on what the worker found */
#ifndef LANYARD_SYNC_PLAN_CONTENT_SOURCE_H
#define LANYARD_SYNC_PLAN_CONTENT_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "sync/plan/block.h"
#include "sync/plan/record.h"

enum content_state {
	CONTENT_ABSENT,   /* nothing is known of it here */
	CONTENT_PRESENT,  /* some of it at least can be read */
	CONTENT_WITHHELD, /* it is here, and not to be given away (ignore rules) */
};

/* One reading. A source makes it the first member of its own struct. */
struct content_reading {
	const struct content_source_ops *ops; /* set by content_open() */
};

struct content_source_ops {
	enum content_state (*stat)(void *arg, const struct content *c);
	/* NULL when this source does not have the block. row: a row of ours known to have the content, which alone is read then; NULL:
	 * the source looks for one. Rows and content are copied. */
	struct content_reading *(*open)(void *arg, const struct content *c, const struct record *row,
	                                const struct block_want *want);
	/* want.len bytes to out: 0; -1 when they cannot be had, or may not be the content's any more. Once per reading. The bytes
	 * are hashed only where the file's metadata leave a doubt: whoever gets them verifies them. */
	int (*read)(struct content_reading *r, uint8_t *out);
	/* Frees the reading. */
	void (*close)(struct content_reading *r);
};

struct content_source {
	const struct content_source_ops *ops;
	void *arg;
};

/* The sources of a group, in the order in which they are asked. */
struct content_sources {
	const struct content_source *source;
	size_t n;
};

/* Loop. The first answer that is not CONTENT_ABSENT. */
enum content_state content_stat(const struct content_sources *s, const struct content *c);
/* Loop. The first source that has the block; NULL: none has. */
struct content_reading *content_open(const struct content_sources *s, const struct content *c, const struct record *row,
                                     const struct block_want *want);
/* Worker. */
int content_read(struct content_reading *r, uint8_t *out);
/* Loop. NULL is allowed. */
void content_close(struct content_reading *r);

#endif
