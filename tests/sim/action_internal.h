/* Shared by action.c, action_save.c, action_odd.c and action_slow.c: the action under way, and the small steps that
 * actions are made of. Each step tells the oracle and the host's watch what it did. */
#ifndef LANYARD_TESTS_SIM_ACTION_INTERNAL_H
#define LANYARD_TESTS_SIM_ACTION_INTERNAL_H

#include "tests/sim/host.h"
#include "tests/sim/script.h"
#include "tests/sim/tree.h"

struct act {
	struct host *h;
	uint64_t luck;
	struct tree tree;
	const char *path; /* asked for; NULL: any */
};

/* The absolute path. The caller frees it. */
char *act_full(const struct act *a, const char *path);
/* Any path of one of these kinds (S_IF bits or 0: all but the wanted one); NULL when there is none. */
const char *act_any(struct act *a, uint32_t kind);
const struct leaf *act_leaf(const struct act *a, const char *path);
/* A name in a folder that exists; it may be taken. There are only a few names, so that users meet at them. The
 * caller frees it. */
char *act_path(struct act *a, bool folder);
uint8_t *act_bytes(uint64_t *luck, size_t *n);
/* Sets the time to now. */
void act_stamp(const struct act *a, const char *path, uint64_t luck);
void act_say(const struct act *a, const char *what, const char *path);
/* Writes n bytes to a regular file, or to a new one: at its end, or in place of its content (flags). */
bool act_put(struct act *a, const char *path, int flags, const uint8_t *bytes, size_t n);
/* The same in place of its content, with holes where there are zeros. */
bool act_put_holes(struct act *a, const char *path, const uint8_t *bytes, size_t n);
void act_move(struct act *a, const char *from, const char *to);

/* action_save.c */
void action_patch(struct act *a);
void action_sparse(struct act *a);
void action_large(struct act *a);
void action_vast(struct act *a);
void action_flock(struct act *a);
void action_save(struct act *a);
void action_restore(struct act *a);
void action_resolve(struct act *a);

/* action_slow.c */
void action_slow(struct act *a);

/* action_odd.c */
void action_hide(struct act *a);
void action_odd_time(struct act *a);
void action_link(struct act *a);
void action_gather(struct act *a);

#endif
