/* What this agent keeps of a group: its mode, what of the list it has chosen, and what is not shared here. A change is
 * written into the share (sync/share/share_choices.h) before it takes effect. All calls return at once; `done` is
 * called exactly once, in this turn or a later one, also when the group stops meanwhile. The loop's thread. */
#ifndef LANYARD_AGENT_ENGINE_ENGINE_CHOICES_H
#define LANYARD_AGENT_ENGINE_ENGINE_CHOICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/engine/engine.h"
#include "sync/plan/choose.h"

/* why: NULL: it is done, and safe from a power cut; else why not, for people, good until the call returns. */
typedef void engine_choices_fn(void *arg, const char *why);

/* What is in effect now; a mirror without a share. Good until the next turn. */
const struct choices *engine_choices(const struct engine *e);
/* Whether this agent keeps what is chosen; while there is no share, whether it is to begin so. */
bool engine_is_on_demand(const struct engine *e);
/* False: the group is in error, and what was chosen could not be read, or is damaged: it may be anything. */
bool engine_choices_known(const struct engine *e);

/* The group is on demand from its first moment here: to be called in the turn in which the engine of a new group was
 * made. -1 with *why: that cannot be stored. */
int engine_begin_on_demand(struct engine *e, char **why);
void engine_choices_mode(struct engine *e, enum choose_mode mode, engine_choices_fn *done, void *arg);
/* Adds a rule for each pattern: what it covers is wanted, or is not wanted any more. What is here stays either way. In
 * a mirror the rules are kept for when it is on demand. */
void engine_choices_rules(struct engine *e, const char *const *patterns, size_t n, bool get, engine_choices_fn *done,
                          void *arg);
/* These paths, with all below them, are this agent's own from now on: they stay on the disk as they are, nothing of
 * them is told, and nothing of the group touches them. Done when that is so for each file. */
void engine_choices_unshare(struct engine *e, const char *const *paths, size_t n, engine_choices_fn *done, void *arg);
/* The reverse: what is there is compared with what was shared, and differences are told as changes. A reader's own
 * changes, too, once it may write. */
void engine_choices_share(struct engine *e, const char *const *paths, size_t n, engine_choices_fn *done, void *arg);

/* At the path and all below it ("": everywhere), what a reader changed makes way for what the group has; what is there
 * becomes a version. done: once no more of it is set aside; reverted: how many paths; why: NULL, or why some stay. */
typedef void engine_revert_fn(void *arg, int64_t reverted, const char *why);
void engine_revert(struct engine *e, const char *path, engine_revert_fn *done, void *arg);

/* Lets go of what each pattern covers: what is not here is not wanted any more, and files that are here leave this
 * disk, one by one, each of which needs another member that is known to have it, unless even_if_last. Folders and
 * patterns also become rules, for what is to come. */
struct engine_drop_ops {
	void (*refused)(void *arg, const char *path, const char *why); /* the file stays; for each */
	void (*done)(void *arg, int64_t dropped, const char *why);     /* why as above */
};
void engine_drop(struct engine *e, const char *const *patterns, size_t n, bool even_if_last,
                 const struct engine_drop_ops *ops, void *arg);

#endif
