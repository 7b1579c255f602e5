/* Shared by deed.c, deed_save.c and deed_odd.c: one deed under way, and the small steps that deeds are made of. Each step tells the
 * oracle and the host's watch what it did. */
#ifndef LANYARD_TESTS_SIM_DEED_INTERNAL_H
#define LANYARD_TESTS_SIM_DEED_INTERNAL_H

#include "tests/sim/host.h"
#include "tests/sim/script.h"
#include "tests/sim/tree.h"

struct act {
	struct host *h;
	uint64_t luck;
	struct tree tree;
	const char *path; /* asked for; NULL: any */
};

/* The path from the root of all. Fresh. */
char *act_full(const struct act *a, const char *path);
/* Any path of one of these kinds (S_IF bits or 0: all but the wanted one); NULL when there is none. */
const char *act_any(struct act *a, uint32_t kind);
const struct leaf *act_leaf(const struct act *a, const char *path);
/* A name in a folder that exists; perhaps taken. Few names, so that they meet. Fresh. */
char *act_path(struct act *a, bool folder);
uint8_t *act_bytes(uint64_t *luck, size_t *n);
/* Sets the time to now. */
void act_stamp(const struct act *a, const char *path, uint64_t luck);
void act_say(const struct act *a, const char *what, const char *path);
/* Writes n bytes at the end, or instead, of a regular file or of nothing. */
bool act_put(struct act *a, const char *path, int flags, const uint8_t *bytes, size_t n);
/* The same, with holes where there are zeros, instead of what is there. */
bool act_put_holes(struct act *a, const char *path, const uint8_t *bytes, size_t n);
void act_move(struct act *a, const char *from, const char *to);

/* deed_save.c */
void deed_patch(struct act *a);
void deed_sparse(struct act *a);
void deed_large(struct act *a);
void deed_save(struct act *a);
void deed_restore(struct act *a);
void deed_resolve(struct act *a);

/* deed_odd.c */
void deed_hide(struct act *a);
void deed_odd_time(struct act *a);
void deed_link(struct act *a);

#endif
