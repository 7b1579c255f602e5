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
	PATH_RULES, /* the share's .lanyardignore, by a name as below: each machine has its own */
	PATH_OURS   /* path_is_ours() of a component: that of this share, or of one that was moved or mounted into it */
};

/* Whether a name is `.lanyard`, or means it on some file system: in any case (exFAT, casefold), with dots and spaces at
 * its end, with code points that do not show, or in 8.3 form (vfat). Such a folder is never announced or accepted,
 * wherever it is: it holds versions of deleted files, and parts of files that not everybody may read. */
bool path_is_ours(const char *name, size_t n);
/* Whether a path is refused for its last component alone, and is not what this share keeps there itself: `.lanyard` of
 * another share, or a name that means it or the rules. */
bool path_is_like_ours(const char *path);
/* Checks n bytes. */
enum path_verdict path_check(const char *path, size_t n);
const char *path_verdict_text(enum path_verdict v);
/* Order of the index and of every walk: '/' sorts below every other byte. <0, 0, >0. */
int path_compare(const char *a, const char *b);
/* Whether path is `under` or beneath it; under "" is everything. */
bool path_is_under(const char *path, const char *under);
/* dir + '/' + name (dir "" gives name). Fresh memory. */
char *path_join(const char *dir, const char *name);

#endif
