/* Proves that bytes are never taken for known by a ctime that was not read: whatever a user does to hide a write
 * (VeraCrypt and some databases set the mtime back), it is a change of his, and never rot. */
#include <sys/mman.h>
#include <time.h>

#include "tests/unit/local_fixture.h"

static bool any_rotten, verify_done;

static void on_rotten(void *arg, const struct record *r)
{
	(void)arg;
	(void)r;
	any_rotten = true;
}

static void on_verified(void *arg, int64_t files, int64_t bytes, int64_t rotten)
{
	(void)arg;
	(void)files;
	(void)bytes;
	any_rotten |= rotten > 0;
	verify_done = true;
}

static bool is_verified(void)
{
	return verify_done;
}

static const struct local_verify_ops verify_ops = { .rotten = on_rotten, .done = on_verified };

static bool finds_rot(void)
{
	any_rotten = verify_done = false;
	assert_int_equal(local_verify(local, &verify_ops, NULL), 0);
	until(is_verified);
	until_idle();
	return any_rotten;
}

/* A tick of the clock that files are stamped with has passed since the file was last changed. */
static void wait_for_ctime(const char *path)
{
	struct fs_stat before, after = { 0 };

	assert_int_equal(fs_stat_beneath(root, path, &before), 0);
	while (after.ctime_ns <= before.ctime_ns) {
		put("tick", "x");
		assert_int_equal(fs_stat_beneath(root, "tick", &after), 0);
	}
	assert_int_equal(unlinkat(root, "tick", 0), 0);
}

/* In place, of the same size, the mtime set back. */
static void write_hidden(const char *path, const char *text)
{
	struct fs_stat st;
	int fd = openat(root, path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fs_stat_fd(fd, &st), 0);
	assert_int_equal(fs_pwrite_all(fd, text, strlen(text), 0), 0);
	assert_int_equal(fs_set_mtime_fd(fd, st.mtime_ns), 0);
	close(fd);
}

static void set_times(const char *path, int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	assert_int_equal(utimensat(root, path, (struct timespec[2]){ ts, ts }, 0), 0);
}

static char *mapped; /* a page */

/* The same through a mapping that stays, as some databases do it: of the bytes themselves no event tells. */
static void write_mapped(const char *path, const char *text)
{
	struct fs_stat st;
	int fd = openat(root, path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fs_stat_fd(fd, &st), 0);
	mapped = mmap(NULL, (size_t)st.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(mapped != MAP_FAILED);
	close(fd);
	until_idle();
	memcpy(mapped, text, strlen(text));
	/* Both times, as touch does it: the mtime alone would be told as if it were a write. */
	set_times(path, st.mtime_ns);
}

static void unmap(void)
{
	assert_int_equal(munmap(mapped, 1), 0);
	until_idle();
}

static void start_with(const char *path, const char *text)
{
	put(path, text);
	wait_for_ctime(path);
	start_local();
	until_idle();
	forget_log();
}

static void test_a_write_while_off_is_found_with_its_mtime_set_back(void **state)
{
	(void)state;
	start_with("f", "one");
	stop_local();
	write_hidden("f", "two");
	start_local();
	until_idle();
	assert_index_is_disk();
	assert_int_equal(nlogged, 1);
	assert_false(finds_rot());
}

static void test_a_write_that_no_event_tells_of_is_found_with_its_mtime_set_back(void **state)
{
	(void)state;
	start_with("f", "one");
	write_mapped("f", "two");
	until_idle();
	assert_index_is_disk();
	unmap();
	assert_int_equal(nlogged, 1);
	assert_false(finds_rot());
}

/* A new mode and a new name are told at once, but they do not vouch for the bytes. */
static void test_neither_chmod_nor_rename_hides_a_write(void **state)
{
	(void)state;
	start_with("f", "one");
	stop_local();
	write_hidden("f", "two");
	assert_int_equal(fchmodat(root, "f", 0600, 0), 0);
	start_local();
	until_idle();
	assert_index_is_disk();
	wait_for_ctime("f");
	until_idle();
	write_mapped("f", "six");
	move("f", "g");
	until_idle();
	assert_index_is_disk();
	unmap();
	make_dir("d");
	move("g", "d/g");
	until_idle();
	wait_for_ctime("d/g");
	until_idle();
	write_mapped("d/g", "ten");
	move("d", "e");
	until_idle();
	assert_index_is_disk();
	unmap();
	assert_false(finds_rot());
}

/* What changes the ctime alone makes no new version: it is read, and that is all. */
static void test_a_new_ctime_alone_is_no_change(void **state)
{
	struct fs_stat st;
	struct record r;

	(void)state;
	start_with("f", "one");
	assert_int_equal(fchmodat(root, "f", 0600, 0), 0);
	assert_int_equal(fchmodat(root, "f", 0644, 0), 0);
	until_idle();
	assert_int_equal(linkat(root, "f", top, "elsewhere", 0), 0);
	until_idle();
	stop_local();
	assert_int_equal(unlinkat(top, "elsewhere", 0), 0);
	forget_log();
	start_local();
	until_idle();
	assert_int_equal(nlogged, 0);
	assert_int_equal(fs_stat_beneath(root, "f", &st), 0);
	r = get_row("f");
	assert_int_equal(r.seen.ctime_ns, st.ctime_ns);
	record_clear(&r);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_a_write_while_off_is_found_with_its_mtime_set_back),
		T(test_a_write_that_no_event_tells_of_is_found_with_its_mtime_set_back),
		T(test_neither_chmod_nor_rename_hides_a_write),
		T(test_a_new_ctime_alone_is_no_change),
	};

	return cmocka_run_group_tests_name("local ctime", tests, NULL, NULL);
}
