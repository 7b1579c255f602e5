/* The losses that one author has caused, or would cause, within the last hour. They are counted by path: a file that is
 * replaced again and again is one loss. What the author made within that hour and deletes itself counts only as far as
 * the share shrinks by it, since temporary files come and go. Memory is bounded: with many paths only every second,
 * fourth, ... is remembered, and stands for the others. Pure; the caller's times never go back. */
#ifndef LANYARD_SYNC_PLAN_LOSSES_H
#define LANYARD_SYNC_PLAN_LOSSES_H

#include <stdbool.h>
#include <stdint.h>

enum { LOSSES_REMEMBERED = 1024 };

struct losses;

/* Everywhere below, path is a hash of the path that nobody else can predict: otherwise a member could choose paths that
 * are not counted. */

struct losses *losses_new(void);
/* NULL is allowed. */
void losses_free(struct losses *l);
/* The author made something where nothing was. */
void losses_note_made(struct losses *l, uint64_t path, int64_t now_ms);
/* Whether it did so within the hour. */
bool losses_has_made(const struct losses *l, uint64_t path, int64_t now_ms);
/* The author is about to take away what is at path. own: it deletes what it made within the hour. */
void losses_add(struct losses *l, uint64_t path, bool own, int64_t now_ms);
/* It has happened: the author's content is there now. */
void losses_done(struct losses *l, uint64_t path);
/* Whether it has happened within the hour. */
bool losses_has_done(const struct losses *l, uint64_t path, int64_t now_ms);
/* It does not happen: the loss does not count. */
void losses_cancel(struct losses *l, uint64_t path);
/* How many files the author has taken away within the hour; exact up to LOSSES_REMEMBERED. shrunk: by how many files
 * the share has shrunk within it. */
int64_t losses_count(struct losses *l, int64_t shrunk, int64_t now_ms);

#endif
