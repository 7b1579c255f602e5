/* Fetch on disks that refuse: full, read-only, without permission, with another disk mounted inside, without exchange.
 * Where mounting is not allowed these are skipped. */
#include "tests/unit/fetch_world.h"

#include <dirent.h>
#include <errno.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "sync/fetch/reason.h"
#include "tests/unit/own_mounts.h"

static bool can_mount, is_root;

/* A share that is a disk of 4 MiB. */
static int setup(void **state)
{
	char dir[64] = "/tmp/test-fetch-XXXXXX", share[96];

	(void)state;
	if (!can_mount)
		return 0;
	umask(022);
	assert_non_null(mkdtemp(dir));
	snprintf(share, sizeof(share), "%s/share", dir);
	assert_int_equal(mkdir(share, 0755), 0);
	assert_int_equal(mount("none", share, "tmpfs", 0, "size=4m,nr_inodes=500"), 0);
	world_open(dir);
	return 0;
}

static int teardown(void **state)
{
	char share[96];

	(void)state;
	if (!can_mount)
		return 0;
	snprintf(share, sizeof(share), "%s", w->share_dir);
	log_set_sink(NULL, NULL);
	umount2(share, MNT_DETACH);
	world_close();
	return 0;
}

/* Share and home on one disk of 16 MiB, of which a quarter is the index's. */
static int setup_together(void **state)
{
	char dir[64] = "/tmp/test-fetch-XXXXXX";

	(void)state;
	if (!can_mount)
		return 0;
	umask(022);
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mount("none", dir, "tmpfs", 0, "size=16m"), 0);
	world_open(dir);
	return 0;
}

static int teardown_together(void **state)
{
	(void)state;
	if (!can_mount)
		return 0;
	umount2(w->dir, MNT_DETACH);
	world_close();
	return 0;
}

static int64_t free_bytes(void)
{
	struct statvfs st;

	assert_int_equal(fstatvfs(w->root, &st), 0);
	return (int64_t)(st.f_bavail * st.f_frsize);
}

/* A file of the user's, of n bytes. */
static void put_ballast(size_t n)
{
	int fd = fs_open(w->root, ".lanyard/ballast", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(posix_fallocate(fd, 0, (off_t)n), 0);
	close(fd);
}

static void fill_disk(void)
{
	int fd = fs_open(w->root, ".lanyard/ballast", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	uint8_t *p = mem_calloc(1 << 16, 1);

	memset(p, 1, 1 << 16);
	while (write(fd, p, 1 << 16) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	while (write(fd, p, 4096) > 0)
		;
	free(p);
	close(fd);
}

static void free_disk(void)
{
	assert_int_equal(unlinkat(w->root, ".lanyard/ballast", 0), 0);
}

static void full_disk_waits_and_goes_on(void **state)
{
	size_t n = 2 << 20;
	uint8_t *bytes = noise(n, 1);

	(void)state;
	if (!can_mount)
		skip();
	assert_true(run());
	fill_disk();
	say_text(ANNA, "small", "small");
	say_file(ANNA, "big", bytes, n, false);
	RUN_UNTIL(w->nproblems == 2);
	assert_string_equal(w->problem, reason_text(REASON_FULL));
	/* Nothing is known in memory only while we wait. */
	assert_int_equal(fetch_unstored(w->fetch, ANNA), 0);
	assert_false(run_ms(200));
	assert_false(is_there("small"));
	free_disk();
	assert_true(run());
	assert_text("small", "small");
	assert_bytes("big", bytes, n);
	assert_int_equal(w->nproblems, 2);
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void disk_that_fills_up_in_the_middle_keeps_what_it_has(void **state)
{
	size_t n = 3 << 20;
	uint8_t *bytes = noise(n, 2), *other = noise(3 << 20, 3);
	uint64_t received;

	(void)state;
	if (!can_mount)
		skip();
	say_file(ANNA, "first", other, 2 << 20, false);
	assert_true(run());
	say_file(ANNA, "second", bytes, n, false);
	RUN_UNTIL(w->nproblems == 1);
	received = fetch_counters(w->fetch).blocks_received;
	assert_bytes("first", other, 2 << 20);
	assert_false(is_there("second"));
	assert_int_equal(unlinkat(w->root, "first", 0), 0);
	scan_path("first");
	assert_true(run());
	assert_bytes("second", bytes, n);
	assert_true(fetch_counters(w->fetch).blocks_received > received);
	/* Only what found no room was fetched twice. */
	assert_true(fetch_counters(w->fetch).blocks_received < 32 + 48 + 40);
	free(bytes);
	free(other);
}

static void what_would_take_the_indexs_room_is_not_begun(void **state)
{
	size_t n = 13 << 20;
	uint8_t *bytes = noise(n, 1);

	(void)state;
	if (!can_mount)
		skip();
	assert_true(run());
	assert_true(free_bytes() > (int64_t)n);
	say_file(ANNA, "large", bytes, n, false);
	RUN_UNTIL(w->nproblems == 1);
	assert_string_equal(w->problem, reason_text(REASON_RESERVED));
	assert_int_equal(fetch_counters(w->fetch).blocks_received, 0);
	assert_int_equal(parts_left(), 0);
	/* What is smaller comes. */
	say_text(ANNA, "small", "small");
	RUN_UNTIL(is_there("small"));
	say_file(ANNA, "middle", bytes, 2 << 20, false);
	RUN_UNTIL(is_there("middle"));
	assert_int_equal(mount("none", w->dir, NULL, MS_REMOUNT, "size=32m"), 0);
	assert_true(run());
	assert_bytes("large", bytes, n);
	assert_int_equal(w->nproblems, 1);
	free(bytes);
}

/* Half of it is here when the user takes the room; it waits, keeps what it has, and goes on when there is room
 * again. */
static void what_has_begun_stops_before_the_indexs_room(void **state)
{
	size_t n = 6 << 20;
	uint8_t *bytes = noise(n, 1);
	uint64_t received;

	(void)state;
	if (!can_mount)
		skip();
	assert_true(run());
	say_file(ANNA, "large", bytes, n, false);
	RUN_UNTIL(fetch_counters(w->fetch).blocks_received > 10);
	peer_down(ANNA);
	(void)run_ms(50);
	put_ballast((size_t)free_bytes() - (4 << 20));
	peer_up(ANNA);
	RUN_UNTIL(w->nproblems == 1);
	assert_string_equal(w->problem, reason_text(REASON_RESERVED));
	received = fetch_counters(w->fetch).blocks_received;
	assert_false(run_ms(1500));
	assert_int_equal(fetch_counters(w->fetch).blocks_received, received);
	assert_true(free_bytes() > 3 << 20);
	/* Not what is small either. */
	say_text(ANNA, "small", "small");
	RUN_UNTIL(w->nproblems == 2);
	assert_string_equal(w->problem, reason_text(REASON_RESERVED));
	assert_false(is_there("small"));
	free_disk();
	assert_true(run());
	assert_bytes("large", bytes, n);
	assert_text("small", "small");
	RUN_UNTIL(parts_left() == 0);
	free(bytes);
}

static void read_only_disk_waits(void **state)
{
	(void)state;
	if (!can_mount)
		skip();
	say_text(ANNA, "a", "one");
	assert_true(run());
	assert_int_equal(mount("none", w->share_dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	say_text(ANNA, "a", "two");
	say_text(ANNA, "b", "new");
	RUN_UNTIL(w->nproblems == 2);
	assert_string_equal(w->problem, "the disk is read-only");
	assert_text("a", "one");
	assert_int_equal(mount("none", w->share_dir, NULL, MS_REMOUNT, "size=4m"), 0);
	assert_true(run());
	assert_text("a", "two");
	assert_text("b", "new");
}

/* Another disk on the folder "usb" of the share, which Anna has as well. */
static void mount_inside(void)
{
	char inside[160];

	say_dir(ANNA, "usb");
	assert_true(run());
	snprintf(inside, sizeof(inside), "%s/usb", w->share_dir);
	assert_int_equal(mount("none", inside, "tmpfs", 0, "size=1m"), 0);
}

static void umount_inside(void)
{
	char inside[160];

	snprintf(inside, sizeof(inside), "%s/usb", w->share_dir);
	assert_int_equal(umount(inside), 0);
}

static void other_disk_inside_the_share_is_told(void **state)
{
	(void)state;
	if (!can_mount)
		skip();
	mount_inside();
	say_text(ANNA, "usb/x", "x");
	RUN_UNTIL(w->nproblems == 1);
	assert_string_equal(w->problem, "another disk is mounted there, where files cannot be replaced in one step");
	umount_inside();
	assert_true(run());
	assert_text("usb/x", "x");
}

/* What was downloaded and could not be put in its place gets the mode it has by the time when it can. */
static void a_download_that_had_to_wait_takes_the_new_mode(void **state)
{
	size_t n = 300000;
	uint8_t *bytes = noise(n, 1);
	struct fs_stat st;
	struct record r;

	(void)state;
	if (!can_mount)
		skip();
	mount_inside();
	say_file(ANNA, "usb/big", bytes, n, false);
	RUN_UNTIL(w->nproblems == 1);
	r = peer_next(ANNA, "usb/big", RECORD_FILE);
	have(ANNA, &r, bytes, n, CHUNK);
	r.mode = 0640;
	r.mtime_ns += INT64_C(5000000000);
	say(ANNA, &r, NULL, 0);
	assert_false(run_ms(50));
	umount_inside();
	assert_true(run());
	assert_bytes("usb/big", bytes, n);
	assert_int_equal(fs_stat_beneath(w->root, "usb/big", &st), 0);
	assert_int_equal(st.mode, 0640);
	free(bytes);
}

/* Puts n other bytes in the place of the only part there is. */
static void replace_part(size_t n)
{
	char path[160], part[512];
	uint8_t *bytes = noise(n, 2);
	struct dirent *e;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%s/.lanyard/parts", w->share_dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL && strstr(e->d_name, ".part") == NULL)
		;
	assert_non_null(e);
	snprintf(part, sizeof(part), "%s/%s", path, e->d_name);
	closedir(dir);
	assert_int_equal(unlink(part), 0);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, bytes, n, 0), 0);
	close(fd);
	free(bytes);
}

static void what_takes_the_place_of_a_part_is_not_installed(void **state)
{
	size_t n = 300000;
	uint8_t *bytes = noise(n, 1);

	(void)state;
	if (!can_mount)
		skip();
	mount_inside();
	say_file(ANNA, "usb/big", bytes, n, false);
	RUN_UNTIL(w->nproblems == 1);
	replace_part(n);
	umount_inside();
	assert_true(run());
	assert_bytes("usb/big", bytes, n);
	free(bytes);
}

/* Runs fn as nobody in a share of nobody's. */
static void as_nobody(void (*fn)(void))
{
	int status = 1;
	pid_t pid;

	if (!is_root)
		skip();
	pid = fork();
	if (pid == 0) {
		char dir[64] = "/tmp/test-fetch-XXXXXX";

		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(77);
		umask(022);
		if (mkdtemp(dir) == NULL)
			_exit(1);
		world_open(dir);
		fn();
		world_close();
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                       \
		}                                                                       \
	} while (0)

static void write_into_locked_folders(void)
{
	struct record r = peer_next(ANNA, "locked", RECORD_DIR);
	struct fs_stat st;

	r.mode = 0555;
	say(ANNA, &r, NULL, 0);
	say_text(ANNA, "locked/a", "one");
	say_text(ANNA, "locked/b", "b");
	CHECK(run());
	say_text(ANNA, "locked/a", "two");
	say_gone(ANNA, "locked/b");
	CHECK(run());
	CHECK(!is_there("locked/b"));
	CHECK(fs_stat_beneath(w->root, "locked", &st) == 0 && st.mode == 0555);
	CHECK(w->nproblems == 0);
	/* So that it can be cleaned up. */
	CHECK(fchmodat(w->root, "locked", 0755, 0) == 0);
}

static void own_locked_folder_is_opened_for_a_moment(void **state)
{
	(void)state;
	as_nobody(write_into_locked_folders);
}

static void unreadable_part_is_taken_up_again(void)
{
	size_t n = 1 << 20;
	uint8_t *bytes = noise(n, 4);
	struct record r = peer_next(ANNA, "dark", RECORD_FILE);
	struct fs_stat st;

	have(ANNA, &r, bytes, n, CHUNK);
	r.mode = 0;
	say(ANNA, &r, NULL, 0);
	CHECK(run());
	CHECK(fs_stat_beneath(w->root, "dark", &st) == 0 && st.mode == 0 && st.size == (int64_t)n);
	free(bytes);
}

static void file_of_mode_zero_is_installed(void **state)
{
	(void)state;
	as_nobody(unreadable_part_is_taken_up_again);
}

static void denied_until_allowed(void)
{
	CHECK(run());
	CHECK(symlinkat("x", w->root, "y") == 0);
	CHECK(unlinkat(w->root, "y", 0) == 0);
	CHECK(fchmodat(w->root, ".lanyard/parts", 0500, 0) == 0);
	say_text(ANNA, "a", "a");
	while (w->nproblems == 0)
		turn();
	CHECK(strstr(w->problem, "may not write there") != NULL);
	CHECK(!is_there("a"));
	CHECK(fchmodat(w->root, ".lanyard/parts", 0700, 0) == 0);
	CHECK(run());
	CHECK(is_there("a"));
}

static void no_permission_waits(void **state)
{
	(void)state;
	as_nobody(denied_until_allowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* These fork, so they come before there are threads. */
		cmocka_unit_test(own_locked_folder_is_opened_for_a_moment),
		cmocka_unit_test(file_of_mode_zero_is_installed),
		cmocka_unit_test(no_permission_waits),
		cmocka_unit_test_setup_teardown(full_disk_waits_and_goes_on, setup, teardown),
		cmocka_unit_test_setup_teardown(disk_that_fills_up_in_the_middle_keeps_what_it_has, setup, teardown),
		cmocka_unit_test_setup_teardown(what_would_take_the_indexs_room_is_not_begun, setup_together,
		                                teardown_together),
		cmocka_unit_test_setup_teardown(what_has_begun_stops_before_the_indexs_room, setup_together,
		                                teardown_together),
		cmocka_unit_test_setup_teardown(read_only_disk_waits, setup, teardown),
		cmocka_unit_test_setup_teardown(other_disk_inside_the_share_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_download_that_had_to_wait_takes_the_new_mode, setup, teardown),
		cmocka_unit_test_setup_teardown(what_takes_the_place_of_a_part_is_not_installed, setup, teardown),
	};

	is_root = geteuid() == 0;
	can_mount = own_mounts() == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
