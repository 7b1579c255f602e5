/* A folder for an index under test, made and removed again. */
#ifndef LANYARD_TESTS_UNIT_INDEX_DIR_H
#define LANYARD_TESTS_UNIT_INDEX_DIR_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

static char dir[64];

static inline int make_dir(void)
{
	snprintf(dir, sizeof(dir), "/tmp/test-index-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static inline int remove_dir(void)
{
	int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = fs_remove_tree(fd, strrchr(dir, '/') + 1);

	close(fd);
	return rc;
}

#endif
