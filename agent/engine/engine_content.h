/* Reading a file of the group without having it in the share: block by block and in order, from this disk or from the
 * members that have it, several at a time, each block verified before it is given out. For `get --to`. The loop's
 * thread; workers read and hash. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_CONTENT_H
#define LANYARD_AGENT_ENGINE_ENGINE_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/engine/engine.h"
#include "sync/plan/block.h"
#include "sync/plan/record.h"

struct engine_content;

/* The file, symlink or folder at the path: what is here, else the newest that the group lists. changed: more can be
 * taken, or it has ended; never from inside of a call. NULL: there is nothing at the path. */
struct engine_content *engine_content_new(struct engine *e, const char *path, void (*changed)(void *arg), void *arg);
void engine_content_free(struct engine_content *c); /* NULL is allowed */
const struct record *engine_content_record(const struct engine_content *c);

/* Begins with the block that has this byte; by default with the first one. At most once, before anything is taken.
 * names: only the blocks' lengths and hashes are given out, no bytes. */
void engine_content_begin(struct engine_content *c, int64_t from, bool names);

enum engine_content_state {
	ENGINE_CONTENT_BLOCK,     /* there is a block to take */
	ENGINE_CONTENT_COMING,    /* not yet */
	ENGINE_CONTENT_NO_SOURCE, /* not yet, and nobody is connected who has it */
	ENGINE_CONTENT_END,       /* all was taken */
	ENGINE_CONTENT_GONE,      /* the group stopped */
};
/* The next block and where it begins; bytes are lent until engine_content_next(), NULL with names. */
enum engine_content_state engine_content_look(struct engine_content *c, const struct block **block, int64_t *offset,
                                              const uint8_t **bytes);
void engine_content_next(struct engine_content *c);

#endif
