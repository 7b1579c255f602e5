/* What this agent has chosen of a group's files, as the file .lanyard/choices in the share: the mode, the rules, the
 * paths that are not shared here, and a stamp. It lies beside the files it speaks of, so no index that is lost or
 * restored can forget it. Its text:
 *
 *   lanyard choices 1
 *   stamp 12
 *   mode on-demand            or mirror
 *   + photos/2026             a rule: wanted
 *   - photos/2026/raw         a rule: not wanted; in order, the last that covers a path decides
 *   unshared notes/private
 *   end
 *
 * In patterns and paths, control bytes and '%' are written %XX. Each change raises the stamp, which the index remembers
 * too: where the two differ at a start, index and share are not of one time. Parsing and changing are pure and for any
 * thread; share_choices_read() and share_choices_write() are for workers. */
#ifndef LANYARD_SYNC_SHARE_CHOICES_H
#define LANYARD_SYNC_SHARE_CHOICES_H

#include <stddef.h>
#include <stdint.h>

#include "sync/plan/choose.h"

#define SHARE_CHOICES_FILE ".lanyard/choices"
/* Bytes kept for it: what frees a full disk, a drop, has to write first. */
#define SHARE_CHOICES_SPARE ".lanyard/spare"

/* Rules and unshared paths, each; and bytes of the file. */
enum { SHARE_CHOICES_MAX = 4096, SHARE_CHOICES_FILE_MAX = 16 << 20 };

struct share_choices;

/* A mirror with stamp 0. */
struct share_choices *share_choices_new(void);
struct share_choices *share_choices_dup(const struct share_choices *c);
void share_choices_free(struct share_choices *c);
/* Good until c is changed or freed. */
const struct choices *share_choices_view(const struct share_choices *c);
int64_t share_choices_stamp(const struct share_choices *c);
void share_choices_set_stamp(struct share_choices *c, int64_t stamp);

void share_choices_set_mode(struct share_choices *c, enum choose_mode mode);
/* Appends a rule. Earlier ones go if it covers all that they do: the same pattern, or what is at or below its path.
 * -1: there are too many, or it is not a pattern. */
int share_choices_add_rule(struct share_choices *c, const char *pattern, bool get);
/* -1: there are too many. What is below it goes from the list, since it is covered. */
int share_choices_unshare(struct share_choices *c, const char *path);
/* The path, and what is below it, are shared again. -1: a folder above it is unshared as a whole, and goes on
 * to be; *above is that one, as long as c is not changed. */
int share_choices_share(struct share_choices *c, const char *path, const char **above);

/* NULL when the text is not what share_choices_text() makes: *line is then the first bad one, counted from 1. */
struct share_choices *share_choices_parse(const char *text, size_t n, int *line);
/* Fresh memory. */
char *share_choices_text(const struct share_choices *c);

/* root: the share's, where the spare bytes are put, too, if they are missing. A file that is missing is a mirror with
 * stamp 0. NULL with *why (fresh): it cannot be read, or is damaged. path: of the share, for *why. */
struct share_choices *share_choices_read(int root, const char *path, char **why);
/* Replaces the file as a whole, and syncs it and its folder; on a full disk, in place of the spare bytes. 0, or -1 and
 * errno. */
int share_choices_write(int root, const struct share_choices *c);

#endif
