/* Which paths can be in a share: bytes a Linux file system holds, relative, without tricks. Pure. */
#ifndef LANYARD_SYNC_SHARE_PATH_H
#define LANYARD_SYNC_SHARE_PATH_H

#include <stdbool.h>
#include <stddef.h>

enum path_verdict {
	PATH_OK,
	PATH_EMPTY, /* "" or an empty component ("a//b", "/a", "a/") */
	PATH_DOTS,  /* a component "." or ".." */
	PATH_NUL,   /* a NUL byte among the n */
	PATH_LONG,  /* over RECORD_PATH_MAX, or a component over RECORD_NAME_MAX */
	PATH_RULES, /* the ignore rules of the share, which are each machine's own, by a name as below */
	PATH_OURS   /* path_is_ours() of a component: that of this share, or of one that was moved or mounted into it */
};

/* Whether a name is that of lanyard's own folder, or stands for it on some file system: without regard to case (exFAT, casefold), dots
 * and spaces at the end or to code points that do not show, or in 8.3 form (vfat). Wherever one is, it is never told nor taken:
 * it holds versions of what others deleted, and parts of what they are not to see. */
bool path_is_ours(const char *name, size_t n);
/* Judges n bytes. */
enum path_verdict path_check(const char *path, size_t n);
const char *path_verdict_text(enum path_verdict v);
/* Order of the index and of every walk: '/' sorts below every other byte. <0, 0, >0. */
int path_compare(const char *a, const char *b);
/* Whether path is `under` or beneath it; under "" is everything. */
bool path_is_under(const char *path, const char *under);
/* dir + '/' + name (dir "" gives name). Fresh memory. */
char *path_join(const char *dir, const char *name);

#endif
