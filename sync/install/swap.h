/* Names in parts/ for what an exchange brings out of the share, on its way into the versions. The name says what should
 * come out, from which path, and what the new thing is that may still stand there, so that after a crash one lstat
 * tells what it is:
 *   z<id>-<number>-<old ino>-<old size>-<old mtime>-<new size>-<new mtime>-<tag>[-<part>].swap
 * (tag: of the path, as versions have it; it and part are two numbers each, the numbers of digits of five bits) */
#ifndef LANYARD_SYNC_INSTALL_SWAP_H
#define LANYARD_SYNC_INSTALL_SWAP_H

#include <stdint.h>

#include "base/fs.h"
#include "sync/versions/kept_name.h"

enum { SWAP_NAME_MAX = 200 }; /* with the NUL; names of real files take 143 bytes at most */

struct swap {
	uint64_t id;
	uint32_t number;
	uint64_t old_ino;
	int64_t old_size, old_mtime_ns; /* of what should come out */
	int64_t new_size, new_mtime_ns; /* of what goes in */
	struct kept_tag tag;            /* of the path */
	char part[33];                  /* the download's name in parts/, without ".part"; "" for none */
};

void swap_name(char out[SWAP_NAME_MAX], const struct swap *s);
/* -1 when it is not such a name. */
int swap_parse(struct swap *s, const char *name);

enum swap_verdict {
	SWAP_OLD,      /* what should have come out */
	SWAP_NEW,      /* what should have gone in */
	SWAP_STRANGER, /* neither: a user's file */
};
enum swap_verdict swap_judge(const struct swap *s, const struct fs_stat *st);

#endif
