/* What one author's changes took away, or would take away, within the last hour, told by path: a file that is replaced
 * again and again is one loss. What was made within that hour and is deleted counts only as far as the share shrinks by
 * it: temporary files come and go. Bounded: with many paths only every second, fourth, ... is remembered, and stands
 * for the others. For each author one. Pure; times never go back. */
#ifndef LANYARD_SYNC_PLAN_LOSSES_H
#define LANYARD_SYNC_PLAN_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

enum { LOSSES_REMEMBERED = 1024 };

struct losses;

struct losses *losses_new(void);
void losses_free(struct losses *l);
/* path: a hash of it that nobody else can foresee, or paths could be chosen that do not count. */

/* The author made something where nothing was. */
void losses_note_made(struct losses *l, uint64_t path, int64_t now_ms);
/* Whether it did, within the hour. */
bool losses_has_made(const struct losses *l, uint64_t path, int64_t now_ms);
/* The author takes away what is at path. own: deletes what was made within the hour. */
void losses_add(struct losses *l, uint64_t path, bool own, int64_t now_ms);
/* It is done: what stands there now is the author's. */
void losses_done(struct losses *l, uint64_t path);
/* Whether it has been, within the hour. */
bool losses_has_done(const struct losses *l, uint64_t path, int64_t now_ms);
/* It came to nothing. */
void losses_cancel(struct losses *l, uint64_t path);
/* How many files were lost within the hour; exact up to LOSSES_REMEMBERED. shrunk: how many fewer there are than at
 * some time within it. */
int64_t losses_count(struct losses *l, int64_t shrunk, int64_t now_ms);

#endif
