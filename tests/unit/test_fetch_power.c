/* Fetch and the order in which things reach the disk: before anything is put in its place, the note that says whose it
 * is has been made safe, so that a power cut never makes it look like the user's own. */
#include "tests/unit/fetch_world.h"

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sync/install/install_job.h"
#include "tests/unit/own_mounts.h"

enum { MANY = 40 };

static bool can_mount;
static int64_t safe_bytes; /* of the index's WAL */
static int wal_syncs;      /* by workers */
static int disk_syncs, placed;
static char unsafe[32]; /* a path that was placed too early */

static int stat_wal(struct stat *st)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/index.db-wal", w->home_dir);
	return stat(path, st);
}

/* In place of the C library's. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's own names are reserved ones */
int fdatasync(int fd)
{
	struct stat wal, st;

	if (w != NULL && stat_wal(&wal) == 0 && fstat(fd, &st) == 0 && st.st_ino == wal.st_ino &&
	    st.st_dev == wal.st_dev) {
		wal_syncs += gettid() != getpid();
		safe_bytes = wal.st_size;
	}
	return (int)syscall(SYS_fdatasync, fd);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the same */
int syncfs(int fd)
{
	struct stat wal, st;

	if (stat_wal(&wal) == 0 && fstat(fd, &st) == 0 && st.st_dev == wal.st_dev)
		safe_bytes = wal.st_size;
	disk_syncs++;
	return (int)syscall(SYS_syncfs, fd);
}

/* A batch's notes are committed before it is sent, and nothing else is while it is out. */
static void look(enum install_step step, const char *path)
{
	struct stat wal;

	if (step != STEP_LOOKED)
		return;
	placed++;
	if (stat_wal(&wal) < 0 || safe_bytes < wal.st_size)
		snprintf(unsafe, sizeof(unsafe), "%s", path);
}

static void expect_safe(int n)
{
	assert_true(run());
	assert_string_equal(unsafe, "");
	assert_int_equal(placed, n);
	placed = 0;
}

static void begin(void)
{
	safe_bytes = 0;
	wal_syncs = disk_syncs = placed = 0;
	unsafe[0] = 0;
	install_set_hook(look);
}

static int setup(void **state)
{
	int rc = world_setup(state);

	begin();
	return rc;
}

static int teardown(void **state)
{
	install_set_hook(NULL);
	return world_teardown(state);
}

static void what_is_placed_was_noted_for_good(void **state)
{
	struct record r;

	(void)state;
	say_text(ANNA, "a", "one");
	expect_safe(1);
	say_text(ANNA, "a", "two");
	expect_safe(1);
	say_link(ANNA, "l", "a");
	expect_safe(1);
	r = peer_next(ANNA, "a", RECORD_FILE);
	have(ANNA, &r, "two", 3, CHUNK);
	r.mode = 0600;
	say(ANNA, &r, NULL, 0);
	expect_safe(1);
	say_gone(ANNA, "a");
	expect_safe(1);
	assert_false(is_there("a"));
}

static void say_many(void)
{
	for (int i = 0; i < MANY; i++) {
		char name[16];

		snprintf(name, sizeof(name), "f%d", i);
		say_text(ANNA, name, name);
	}
}

/* The one sync of the disk has the index's file with it. */
static void a_sync_of_the_whole_disk_is_enough(void **state)
{
	(void)state;
	say_many();
	expect_safe(MANY);
	assert_true(disk_syncs > 0);
	assert_int_equal(wal_syncs, 0);
}

static int setup_apart(void **state)
{
	char dir[64] = "/tmp/test-fetch-XXXXXX", share[96];

	(void)state;
	if (!can_mount)
		return 0;
	assert_non_null(mkdtemp(dir));
	snprintf(share, sizeof(share), "%s/share", dir);
	assert_int_equal(mkdir(share, 0755), 0);
	assert_int_equal(mount("none", share, "tmpfs", 0, "size=4m"), 0);
	world_open(dir);
	begin();
	return 0;
}

static int teardown_apart(void **state)
{
	(void)state;
	if (!can_mount)
		return 0;
	install_set_hook(NULL);
	umount2(w->share_dir, MNT_DETACH);
	world_close();
	return 0;
}

static void that_of_another_disk_is_not(void **state)
{
	(void)state;
	if (!can_mount)
		skip();
	say_many();
	expect_safe(MANY);
	assert_true(disk_syncs > 0);
	assert_true(wal_syncs > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_placed_was_noted_for_good, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sync_of_the_whole_disk_is_enough, setup, teardown),
		cmocka_unit_test_setup_teardown(that_of_another_disk_is_not, setup_apart, teardown_apart),
	};

	umask(022);
	can_mount = own_mounts() == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
