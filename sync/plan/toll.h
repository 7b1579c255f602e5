/* What one author's changes took away, or would take away, within the last hour, told by path: a file that is replaced again
 * and again is one loss. What was made within that hour and is deleted counts only as far as the share shrinks by it:
 * temporary files come and go. Bounded: with many paths only every
 * second, fourth, ... is remembered, and stands for the others. For each author one. Pure; times never go back. */
#ifndef LANYARD_SYNC_PLAN_TOLL_H
#define LANYARD_SYNC_PLAN_TOLL_H

#include <stdbool.h>
#include <stdint.h>

enum { TOLL_REMEMBERED = 1024 };

struct toll;

struct toll *toll_new(void);
void toll_free(struct toll *l);
/* path: a hash of it that nobody else can foresee, or paths could be chosen that do not count. */

/* The author made something where nothing was. */
void toll_made(struct toll *l, uint64_t path, int64_t now_ms);
/* Whether it did, within the hour. */
bool toll_is_own(const struct toll *l, uint64_t path, int64_t now_ms);
/* The author takes away what is at path. own: deletes what was made within the hour. */
void toll_add(struct toll *l, uint64_t path, bool own, int64_t now_ms);
/* It is done: what stands there now is the author's. */
void toll_took(struct toll *l, uint64_t path);
/* Whether it has been, within the hour. */
bool toll_has_taken(const struct toll *l, uint64_t path, int64_t now_ms);
/* It came to nothing. */
void toll_drop(struct toll *l, uint64_t path);
/* How many files were lost within the hour; exact up to TOLL_REMEMBERED. shrunk: how many fewer there are than at some time
 * within it. */
int64_t toll_count(struct toll *l, int64_t shrunk, int64_t now_ms);

#endif
