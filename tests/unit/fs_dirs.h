/* Shared by the tests of base/fs: a fresh folder `root` inside a fresh temporary one, with a folder `outside`
 * beside it that must stay untouched. */
#ifndef LANYARD_TESTS_UNIT_FS_DIRS_H
#define LANYARD_TESTS_UNIT_FS_DIRS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

static char top_path[64];
static int top;  /* the temporary folder */
static int root; /* top/root */

static inline void put(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void assert_content(int dirfd, const char *name, const char *want)
{
	size_t len = 0;
	char *text = fs_read_file(dirfd, name, 1000, &len);

	assert_non_null(text);
	assert_string_equal(text, want);
	assert_int_equal(len, strlen(want));
	free(text);
}

static inline int set_up(void **state)
{
	(void)state;
	umask(022);
	(void)snprintf(top_path, sizeof(top_path), "/tmp/lanyard-test-fs-XXXXXX");
	if (mkdtemp(top_path) == NULL)
		return -1;
	top = open(top_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (top < 0 || mkdirat(top, "root", 0755) < 0 || mkdirat(top, "outside", 0755) < 0)
		return -1;
	put(top, "outside/secret", "secret");
	root = openat(top, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? -1 : 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	if (fs_remove_tree(top, "root") < 0 || fs_remove_tree(top, "outside") < 0)
		return -1;
	close(root);
	close(top);
	return rmdir(top_path); /* fails if a test left anything else */
}

#define assert_errno(call, want)                 \
	do {                                     \
		errno = 0;                       \
		assert_int_equal((call), -1);    \
		assert_int_equal(errno, (want)); \
	} while (0)

#define FS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
