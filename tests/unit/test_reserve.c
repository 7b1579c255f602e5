/* Room on a disk: how much is kept, and what a download still needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "sync/share/reserve.h"

static bool is_odd(const void *arg, uint32_t block)
{
	(void)arg;
	return block % 2 == 1;
}

static void the_reserve_fits_the_disk(void **state)
{
	static const int64_t mib = 1 << 20;
	struct block b[] = { { 5, { 1 } }, { 7, { 2 } }, { 7, { 2 } }, { 7, { 2 } }, { 9, { 3 } }, { 7, { 2 } } };
	struct blocklist l = { 6, b };

	(void)state;
	assert_int_equal(reserve_size(0), 0);
	assert_int_equal(reserve_size(4 * mib), mib);
	assert_int_equal(reserve_size(24 * mib), 6 * mib);
	assert_int_equal(reserve_size(100 * mib), 8 * mib);
	assert_int_equal(reserve_size(1000 * mib), 50 * mib);
	assert_int_equal(reserve_size(10000 * mib), 64 * mib);
	assert_int_equal(reserve_needed(&l, NULL, NULL), 5 + 7 + 9 + 7);
	assert_int_equal(reserve_needed(&l, is_odd, NULL), 5 + 9);
	l.n = 0;
	assert_int_equal(reserve_needed(&l, NULL, NULL), 0);
}

/* Each of two would fit, and both do not. */
static void what_is_being_written_counts(void **state)
{
	int fd = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statvfs st;
	int64_t room;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstatvfs(fd, &st), 0);
	room = (int64_t)(st.f_bavail * st.f_frsize) - reserve_size((int64_t)(st.f_blocks * st.f_frsize));
	assert_true(room > 1 << 20);
	assert_int_equal(reserve_take(fd, room / 3 * 2), 0);
	assert_int_equal(reserve_check(fd, room / 3 * 2), 0);
	assert_int_equal(reserve_take(fd, room / 3 * 2), -1);
	assert_int_equal(errno, RESERVE_REACHED);
	reserve_give(room / 3 * 2);
	assert_int_equal(reserve_take(fd, room / 3 * 2), 0);
	reserve_give(room / 3 * 2);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reserve_fits_the_disk),
		cmocka_unit_test(what_is_being_written_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
