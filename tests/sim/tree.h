/* The tree in a simulated host's share, in order of its paths, without .lanyard/. */
#ifndef LANYARD_TESTS_SIM_TREE_H
#define LANYARD_TESTS_SIM_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fs.h"

struct leaf {
	char *path;
	struct fs_stat st;
	char *target; /* symlinks */
};

struct tree {
	struct leaf *leaves;
	size_t n, max;
};

/* Reads the folder `under` in the share at `root` (both paths; "": all of it). */
void tree_read(struct tree *t, const char *root, const char *under);
void tree_free(struct tree *t);
/* The bytes of a file, or "-> " and the target of a symlink; NULL for all other kinds. The caller frees it. */
uint8_t *tree_bytes(const char *root, const char *path, size_t *n);

#endif
