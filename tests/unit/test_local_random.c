/* Proves that whatever is done to a share, in any order and at any time, its index comes to be what is on disk. */
#include "tests/unit/local_fixture.h"

#include <pthread.h>

static const char *const names[] = { "a", "b", "c", "a-b", "a.b", "d" };

static void random_path(char *out, size_t size, unsigned depth)
{
	size_t len = 0;

	for (unsigned i = 0; i < depth; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%s", i > 0 ? "/" : "",
		                        names[random_below(sizeof(names) / sizeof(names[0]))]);
}

static void random_step(void)
{
	char path[64];
	char other[64];
	char text[32];
	int rc = 0;

	random_path(path, sizeof(path), 1 + (unsigned)random_below(3));
	random_path(other, sizeof(other), 1 + (unsigned)random_below(3));
	/* Many of these fail, as they would for a user: a missing folder, a name that is taken. */
	switch (random_below(9)) {
	case 0:
	case 1:
		rc = mkdirat(root, path, 0755);
		break;
	case 2:
	case 3:
	case 4:
		rc = fs_open(root, path, O_WRONLY | O_CREAT, 0644);
		if (rc < 0)
			break;
		(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)random_below(1000000000));
		assert_true(write(rc, text, strlen(text)) > 0);
		close(rc);
		break;
	case 5:
		if (strcmp(path, other) != 0)
			rc = renameat(root, path, root, other);
		break;
	case 6:
		rc = fs_remove_tree(root, path);
		break;
	case 7:
		rc = symlinkat(other, root, path);
		break;
	default:
		rc = fchmodat(root, path, random_below(2) ? 0700 : 0755, 0);
		break;
	}
	(void)rc;
}

static void test_whatever_happens_the_index_comes_to_be_the_disk(void **state)
{
	(void)state;
	random_set_seed(11);
	start_local();
	until_idle();
	for (int round = 0; round < 30; round++) {
		for (int i = 0; i < 60; i++) {
			random_step();
			if (random_below(3) == 0)
				(void)loop_turn(loop, false);
		}
		until_idle();
		assert_index_is_disk();
		forget_log();
	}
	assert_int_equal(nscanned, 1);
	random_set_seed(0);
}

static bool storm_over;

static void *storm(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3000; i++)
		random_step();
	__atomic_store_n(&storm_over, true, __ATOMIC_RELEASE);
	return NULL;
}

static void test_a_storm_beside_the_loop(void **state)
{
	pthread_t thread;

	(void)state;
	random_set_seed(12);
	start_local();
	until_idle();
	storm_over = false;
	assert_int_equal(pthread_create(&thread, NULL, storm, NULL), 0);
	while (!__atomic_load_n(&storm_over, __ATOMIC_ACQUIRE)) {
		(void)loop_turn(loop, false);
		forget_log();
	}
	pthread_join(thread, NULL);
	until_idle();
	assert_index_is_disk();
	random_set_seed(0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_whatever_happens_the_index_comes_to_be_the_disk),
		T(test_a_storm_beside_the_loop),
	};

	return cmocka_run_group_tests_name("local random", tests, NULL, NULL);
}
