/* What is told of a file before it has a record: in runs, once, and only as long as it is what was cut; and its
 * blocks are read only while they are what was told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/sha256.h"
#include "sync/local/comings.h"
#include "tests/unit/noise.h"

enum { LEN = 1 << 20, RUN = COMING_RUN_MIN / LEN, BLOCKS = 2 * RUN + RUN / 2 };

static struct loop *loop;
static struct workers *workers;
static struct comings *comings;
static uint8_t *bytes;
static struct block blocks[BLOCKS];
static int fd;

static struct {
	int runs, ends;
	uint64_t id;
	int64_t end; /* of the last run */
	struct content last;
} told;

static size_t nlisteners;

static size_t count_listeners(void *arg)
{
	(void)arg;
	return nlisteners;
}

static void tell(void *arg, const struct coming *said)
{
	(void)arg;
	if (said->state == COMING_ENDED) {
		told.ends++;
		return;
	}
	assert_true(said->base == (told.id == said->id ? told.end : 0));
	told.runs++;
	told.id = said->id;
	told.last = blocklist_content(&said->blocks);
	told.end = said->base + told.last.size;
	for (uint32_t i = 0; i < said->blocks.n; i++)
		assert_memory_equal(&said->blocks.b[i], &blocks[said->base / LEN + i], sizeof(struct block));
}

static int set_up(void **state)
{
	char path[] = "/tmp/test-comings-XXXXXX";

	(void)state;
	loop = loop_new();
	workers = workers_new(loop, 2);
	comings = comings_new(&(
		struct comings_config){ .loop = loop, .workers = workers, .tell = tell, .listeners = count_listeners });
	bytes = noise((size_t)BLOCKS * LEN, 1);
	for (size_t i = 0; i < BLOCKS; i++) {
		blocks[i].len = LEN;
		sha256(blocks[i].hash, bytes + i * LEN, LEN);
	}
	memset(&told, 0, sizeof(told));
	nlisteners = 1;
	fd = mkostemp(path, O_CLOEXEC);
	return fd < 0 || unlink(path) < 0 || fs_pwrite_all(fd, bytes, (size_t)BLOCKS * LEN, 0) < 0;
}

static int tear_down(void **state)
{
	(void)state;
	comings_free(comings);
	close(fd);
	free(bytes);
	workers_free(workers);
	loop_free(loop);
	return 0;
}

/* The file is known to begin with the first n blocks. */
static bool cut(const char *path, uint32_t n, bool known)
{
	struct blocklist list = { .n = n, .b = blocks };
	struct comings_cut c = { .path = path, .fd = fd, .list = &list, .log2 = 17, .known = known };

	assert_int_equal(fs_stat_fd(fd, &c.st), 0);
	return comings_cut(comings, &c);
}

static void runs_are_told_once_they_are_long_enough(void **state)
{
	(void)state;
	assert_true(cut("a", RUN - 1, false));
	assert_int_equal(told.runs, 0);
	assert_true(cut("a", RUN, true));
	assert_int_equal(told.runs, 1);
	assert_true(cut("a", RUN, true));
	assert_true(cut("a", BLOCKS, true));
	assert_int_equal(told.runs, 2);
	assert_true(told.end == (int64_t)2 * RUN * LEN);
	assert_int_equal(comings_log2(comings, "a"), 17);
	assert_int_equal(comings_log2(comings, "b"), 0);
}

/* A file that grew is hashed as a whole in the end: what was told is not said twice, and where it goes on it is told
 * further. */
static void a_file_that_was_told_while_it_grew_goes_on_where_that_ended(void **state)
{
	(void)state;
	assert_true(cut("a", RUN, false));
	assert_true(cut("a", 3, true));
	assert_true(cut("a", RUN + 3, true));
	assert_int_equal(told.runs, 1);
	assert_true(cut("a", 2 * RUN, true));
	assert_int_equal(told.runs, 2);
	assert_int_equal(told.ends, 0);
}

static void a_file_that_turns_out_otherwise_ends(void **state)
{
	struct block kept = blocks[RUN - 1];

	(void)state;
	assert_true(cut("a", RUN, false));
	blocks[RUN - 1].hash[0] ^= 1;
	assert_false(cut("a", RUN + 1, true));
	assert_int_equal(told.ends, 1);
	assert_int_equal(comings_log2(comings, "a"), 0);
	/* And is told nothing of before its record. */
	blocks[RUN - 1] = kept;
	assert_false(cut("a", BLOCKS, true));
	assert_int_equal(told.runs, 1);
}

static void there_are_four_at_a_time(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };

	(void)state;
	for (int i = 0; i < 5; i++) {
		told.id = 0;
		assert_int_equal(cut(names[i], RUN, false), i < COMING_FILES_MAX);
	}
	comings_end(comings, "b", true);
	told.id = 0;
	assert_true(cut("e", RUN, false));
	assert_int_equal(told.runs, 5);
}

/* Each would get what is on its way to another once more. */
static void several_receivers_wait_for_the_record(void **state)
{
	(void)state;
	nlisteners = 2;
	assert_true(cut("a", BLOCKS, false));
	assert_int_equal(told.runs, 0);
	nlisteners = 1;
	assert_true(cut("a", BLOCKS, false));
	assert_int_equal(told.runs, 2);
}

static void a_renamed_file_keeps_what_was_told(void **state)
{
	(void)state;
	assert_true(cut("a", RUN, false));
	comings_move(comings, "a", "b");
	assert_true(cut("b", 2 * RUN, true));
	assert_int_equal(told.runs, 2);
	assert_false(cut("a", 2 * RUN, true));
}

/* --- blocks for peers --- */

static struct content_reading *reading_of(uint32_t block)
{
	struct content_source source = comings_source(comings);
	struct block_want want = { .len = LEN, .offset = (int64_t)block * LEN };
	struct content_reading *r = source.ops->open(source.arg, &told.last, NULL, &want);

	if (r != NULL)
		r->ops = source.ops;
	/* cppcheck-suppress returnDanglingLifetime ; the source copies what it is asked for */
	return r;
}

static int read_of(uint32_t block)
{
	struct content_reading *r = reading_of(block);
	uint8_t *out = mem_calloc(LEN, 1);
	int rc;

	assert_non_null(r);
	rc = content_read(r, out);
	if (rc == 0)
		assert_memory_equal(out, bytes + (size_t)block * LEN, LEN);
	content_close(r);
	free(out);
	return rc;
}

static void blocks_are_read_while_they_are_what_was_told(void **state)
{
	(void)state;
	assert_true(cut("a", RUN, false));
	assert_int_equal(read_of(0), 0);
	assert_int_equal(read_of(RUN - 1), 0);
	assert_null(reading_of(RUN));
	/* It grew. */
	assert_int_equal(fs_pwrite_all(fd, bytes, LEN, (int64_t)BLOCKS * LEN), 0);
	assert_int_equal(read_of(1), 0);
	/* It was written to where it was cut: other blocks are still right, and this one is not given. */
	assert_int_equal(fs_pwrite_all(fd, "x", 1, 5 * (int64_t)LEN), 0);
	assert_int_equal(read_of(4), 0);
	assert_int_equal(told.ends, 0);
	assert_int_equal(read_of(5), -1);
	assert_int_equal(told.ends, 1);
	assert_null(reading_of(4));
}

static void a_written_record_leaves_blocks_for_those_who_asked(void **state)
{
	(void)state;
	assert_true(cut("a", RUN, false));
	comings_end(comings, "a", true);
	assert_int_equal(told.ends, 0);
	assert_int_equal(read_of(0), 0);
	assert_false(cut("a", 2 * RUN, true));
	assert_int_equal(told.runs, 1);
}

static void count_told(void *arg, const struct coming *said)
{
	*(int *)arg += said->state == COMING_RUN;
}

static void a_peer_that_comes_later_is_told_all(void **state)
{
	int n = 0;

	(void)state;
	assert_true(cut("a", 2 * RUN, false));
	comings_each(comings, count_told, &n);
	assert_int_equal(n, 2);
	comings_end_all(comings);
	n = 0;
	comings_each(comings, count_told, &n);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(runs_are_told_once_they_are_long_enough, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_was_told_while_it_grew_goes_on_where_that_ended, set_up,
		                                tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_turns_out_otherwise_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_are_four_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(several_receivers_wait_for_the_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_renamed_file_keeps_what_was_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blocks_are_read_while_they_are_what_was_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_written_record_leaves_blocks_for_those_who_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_peer_that_comes_later_is_told_all, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
