/* Proves that verify and scrub read every file, tell what rotted and nothing else, and that both can be ended at any
 * time. */
#include "tests/unit/local_fixture.h"

static char rotten_path[64];
static int64_t verified[3];
static bool verify_done;

static void on_rotten(void *arg, const struct record *r)
{
	(void)arg;
	assert_string_equal(rotten_path, "");
	assert_true(strlen(r->path) < sizeof(rotten_path));
	memcpy(rotten_path, r->path, strlen(r->path) + 1);
}

static void on_verified(void *arg, int64_t files, int64_t bytes, int64_t rotten)
{
	(void)arg;
	verified[0] = files;
	verified[1] = bytes;
	verified[2] = rotten;
	verify_done = true;
}

static bool is_verified(void)
{
	return verify_done;
}

static uint64_t scrubbed_to;

static void on_reached(void *arg, uint64_t seq)
{
	(void)arg;
	assert_true(seq >= scrubbed_to);
	scrubbed_to = seq;
}

static const struct local_verify_ops verify_ops = { .rotten = on_rotten, .reached = on_reached, .done = on_verified };

static void verify(void)
{
	verify_done = false;
	rotten_path[0] = '\0';
	assert_int_equal(local_verify(local, &verify_ops, NULL), 0);
	assert_int_equal(local_verify(local, &verify_ops, NULL), -1);
	until(is_verified);
}

static void scrub(uint64_t after, int64_t bytes_per_s)
{
	verify_done = false;
	rotten_path[0] = '\0';
	scrubbed_to = after;
	assert_int_equal(local_scrub(local, after, bytes_per_s, &verify_ops, NULL), 0);
	assert_int_equal(local_scrub(local, after, bytes_per_s, &verify_ops, NULL), -1);
}

enum { ZEROS = 16 << 20 };

/* Some of them written, or there would be nothing to read. */
static void put_zeros(const char *path, int64_t n)
{
	uint8_t *zeros = mem_calloc(ZEROS, 1);
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, n), 0);
	assert_int_equal(fs_pwrite_all(fd, zeros, ZEROS, 0), 0);
	assert_int_equal(fs_pwrite_all(fd, "begin", 5, 0), 0);
	close(fd);
	free(zeros);
}

static void test_verify_finds_bytes_that_rotted(void **state)
{
	struct fs_stat st;
	struct seen seen;
	int fd;

	(void)state;
	make_dir("d");
	put("d/small", "12345");
	put("empty", "");
	put_zeros("large", 50 << 20);
	start_local();
	until_idle();
	verify();
	assert_int_equal(verified[0], 3);
	assert_int_equal(verified[1], (50 << 20) + 5);
	assert_int_equal(verified[2], 0);
	/* A byte changes, and stat tells nothing of it. */
	stop_local();
	fd = openat(root, "large", O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "x", 1, 40 << 20), 1);
	close(fd);
	assert_int_equal(fs_stat_beneath(root, "large", &st), 0);
	seen = (struct seen){ st.size, st.mtime_ns, st.ctime_ns, st.ino, st.mode };
	assert_int_equal(index_touch(ix, "large", &seen), 0);
	start_local();
	until_idle();
	forget_log();
	verify();
	assert_string_equal(rotten_path, "large");
	assert_int_equal(verified[2], 1);
	/* So does a scrub; but not one that begins behind the file's row. */
	scrub(0, INT64_C(1) << 40);
	until(is_verified);
	assert_string_equal(rotten_path, "large");
	assert_int_equal(verified[0], 3);
	assert_int_equal(scrubbed_to, index_seq(ix));
	scrub(index_seq(ix), INT64_C(1) << 40);
	until(is_verified);
	assert_int_equal(verified[0], 0);
	/* A verify does not wait for a slow one: it ends it. */
	scrub(0, 1);
	for (int i = 0; i < 100; i++)
		loop_turn(loop, false);
	assert_false(verify_done);
	verify();
	assert_int_equal(verified[0], 3);
	scrub(0, 1); /* and it may be out, or resting, when all is freed */
	for (int i = 0; i < 10; i++)
		loop_turn(loop, false);
	/* A change that stat shows is not rot. */
	stop_local();
	put("d/small", "54321");
	start_local();
	until_idle();
	forget_log();
	verify();
	assert_string_equal(rotten_path, "large");
	until_idle();
	assert_int_equal(nlogged, 0);
}

static void test_freeing_while_jobs_are_out_is_safe(void **state)
{
	(void)state;
	put_zeros("large", 100 << 20);
	for (int i = 0; i < 8; i++) {
		make_dir("d");
		put("d/f", "x");
		start_local();
		for (int k = 0; k < i && local_state(local) != LOCAL_WATCHING; k++)
			(void)loop_turn(loop, true);
		if (local_state(local) == LOCAL_WATCHING || i % 2 == 0)
			(void)local_verify(local, &verify_ops, NULL);
		stop_local();
	}
	start_local();
	until_idle();
	assert_index_is_disk();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_verify_finds_bytes_that_rotted),
		T(test_freeing_while_jobs_are_out_is_safe),
	};

	return cmocka_run_group_tests_name("local verify", tests, NULL, NULL);
}
