/* Proves that two paths overlap if the folders they lead to do: through symlinks, bind mounts, and folders that do not
 * exist yet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "sync/share/real_path.h"
#include "tests/unit/own_mounts.h"

static bool can_mount;
static char top_path[32];
static int top;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(top_path, sizeof(top_path), "/tmp/lanyard-place-XXXXXX");
	if (mkdtemp(top_path) == NULL)
		return -1;
	top = open(top_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fs_mkdirs(top, "share/sub folder/deep", 0755) == 0 && fs_mkdirs(top, "share2", 0755) == 0 &&
	                       fs_mkdirs(top, "elsewhere", 0755) == 0 && symlinkat("share", top, "link") == 0
	               ? 0
	               : -1;
}

static int tear_down(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *mounted = mem_printf("%s/elsewhere", top_path);

	(void)state;
	(void)umount2(mounted, MNT_DETACH);
	free(mounted);
	close(top);
	if (fs_remove_tree(tmp, top_path + 5) < 0)
		return -1;
	close(tmp);
	return 0;
}

static void mount_at(const char *from, const char *at)
{
	char *a = mem_printf("%s/%s", top_path, from), *b = mem_printf("%s/%s", top_path, at);

	assert_int_equal(mount(a, b, NULL, MS_BIND, NULL), 0);
	free(a);
	free(b);
}

static bool overlap(const char *a, const char *b)
{
	char *pa = mem_printf("%s/%s", top_path, a), *pb = mem_printf("%s/%s", top_path, b);
	struct real_path *x = real_path_of(pa), *y = real_path_of(pb);
	bool yes = real_path_overlaps(x, y);

	assert_non_null(x);
	assert_non_null(y);
	assert_int_equal(real_path_overlaps(y, x), yes);
	real_path_free(x);
	real_path_free(y);
	free(pa);
	free(pb);
	return yes;
}

static void test_names_and_symlinks(void **state)
{
	char *up = mem_printf("%s/nothing/../share", top_path);

	(void)state;
	assert_true(overlap("share", "share"));
	assert_true(overlap("share", "share/sub folder/deep"));
	assert_true(overlap("share", "share/not/there/yet"));
	assert_true(overlap("link/not yet", "share"));
	assert_false(overlap("share", "share2"));
	assert_false(overlap("share/a", "share/b"));
	assert_false(overlap("share", "elsewhere/share"));
	assert_null(real_path_of(up));
	assert_false(real_path_overlaps(NULL, NULL));
	free(up);
}

static void test_a_bind_mount_is_the_folder_it_shows(void **state)
{
	(void)state;
	if (!can_mount)
		skip();
	assert_false(overlap("share", "elsewhere"));
	mount_at("share/sub folder", "elsewhere");
	assert_true(overlap("share", "elsewhere"));
	assert_true(overlap("share", "elsewhere/deep"));
	assert_true(overlap("share/sub folder/deep/new", "elsewhere/deep"));
	assert_true(overlap("elsewhere/not/yet", "share/sub folder/not"));
	assert_false(overlap("share/other", "elsewhere"));
	assert_false(overlap("share2", "elsewhere"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_names_and_symlinks),
		T(test_a_bind_mount_is_the_folder_it_shows),
	};

	can_mount = own_mounts() == 0;
	return cmocka_run_group_tests_name("place", tests, NULL, NULL);
}
