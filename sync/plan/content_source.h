/* Content apart from paths: where a content's bytes can be read, whatever keeps them. sync/peer serves blocks through
 * this and knows neither files nor paths. A share's files are one source (sync/share/share_source.h), the parts of
 * downloads another; a store of blobs would be a third.
 *
 * A reading passes between threads, since a disk may not answer:
 *   stat, open   loop: decides from rows and maps alone which file to read; touches no disk
 *   read         worker, at most once: opens, reads, checks that the bytes are still the content's; shares no state
 *   close        loop, once the worker is done: acts on what the worker found
 *
 * Pure: the sources behind it are not. */
#ifndef LANYARD_SYNC_PLAN_CONTENT_SOURCE_H
#define LANYARD_SYNC_PLAN_CONTENT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sync/plan/block.h"
#include "sync/plan/blocklist.h"
#include "sync/plan/record.h"

enum content_state {
	CONTENT_ABSENT,   /* this source does not have it */
	CONTENT_PRESENT,  /* all of its blocks can be read */
	CONTENT_PARTIAL,  /* some of them; which ones changes */
	CONTENT_WITHHELD, /* it is here, but not shared (ignore rules) */
};

/* One reading. A source makes it the first member of its own struct. */
struct content_reading {
	const struct content_source_ops *ops; /* set by content_open() */
	bool warm; /* its bytes were read a moment ago, and are in memory: it need not wait behind work on the disk */
};

struct content_source_ops {
	enum content_state (*stat)(void *arg, const struct content *c);
	/* NULL if this source does not have the block. row: a row of ours that has the content; only its file is read.
	 * NULL: the source looks for one. The arguments are copied. */
	struct content_reading *(*open)(void *arg, const struct content *c, const struct record *row,
	                                const struct block_want *want);
	/* The part of the block list from block `first` on, at least one block and at most `most`: 1 and *list; 0: this
	 * source has no whole content of that name, or not its list; -1. NULL: 0 always. */
	int (*list)(void *arg, const struct content *c, uint32_t first, uint32_t most, struct blocklist *list);
	/* Writes want.len bytes to out, of WANT_LEAVES only those leaves at their places: 0; -1 if they cannot be
	 * read, or the file may have changed. The bytes are hashed only where the file's metadata leave a doubt:
	 * whoever receives them verifies them. */
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
/* Loop. The part of the block list of a content that is whole here: see content_source_ops.list. */
int content_list(const struct content_sources *s, const struct content *c, uint32_t first, uint32_t most,
                 struct blocklist *list);
/* Worker. */
int content_read(struct content_reading *r, uint8_t *out);
/* Loop. NULL is allowed. */
void content_close(struct content_reading *r);

#endif
