/* Proves that a file which an earlier rule cut stays what it is while its bytes are the same, and that new bytes are
 * cut by the rule of now. */
#include "base/sha256.h"
#include "sync/hash/chunk.h"
#include "tests/unit/local_fixture.h"
#include "tests/unit/noise.h"

/* Cuts that no rule makes. */
static void fill_old_list(struct blocklist *list, const uint8_t *p, size_t n, size_t step)
{
	list->b = mem_calloc(n / step + 1, sizeof(*list->b));
	for (size_t at = 0; at < n; at += step) {
		struct block *b = &list->b[list->n++];

		b->len = (uint32_t)(n - at < step ? n - at : step);
		sha256(b->hash, p + at, b->len);
	}
}

static void put_bytes(const char *path, const uint8_t *p, size_t n)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, p, n, 0), 0);
	close(fd);
}

/* The file is known as its last version was cut, with the ctime that it had before somebody touched it. */
static void start_known(const uint8_t *p, size_t n, size_t step)
{
	struct blocklist list = { 0 };
	struct record r;

	put_bytes("f", p, n);
	start_local();
	until_idle();
	stop_local();
	r = get_row("f");
	assert_true(r.chunk_log2 & CHUNK_RULE);
	fill_old_list(&list, p, n, step);
	r.content = blocklist_content(&list);
	r.chunk_log2 = 16;
	r.seen.ctime_ns -= 1000000;
	assert_int_equal(index_put(ix, &r, &list), 0);
	blocklist_clear(&list);
	record_clear(&r);
	forget_log();
}

static void assert_kept(size_t n, size_t step)
{
	uint8_t *p = noise(n, 1);
	struct record before, after;

	start_known(p, n, step);
	before = get_row("f");
	start_local();
	until_idle();
	after = get_row("f");
	assert_int_equal(nlogged, 0);
	assert_int_equal(after.seq, before.seq);
	assert_true(content_equal(&after.content, &before.content));
	assert_int_equal(after.chunk_log2, 16);
	assert_int_not_equal(after.seen.ctime_ns, before.seen.ctime_ns);
	record_clear(&after);

	p[n - 1] ^= 1;
	put_bytes("f", p, n);
	until_idle();
	after = get_row("f");
	assert_true(after.seq > before.seq);
	assert_false(content_equal(&after.content, &before.content));
	assert_true(after.chunk_log2 & CHUNK_RULE);
	record_clear(&after);
	record_clear(&before);
	free(p);
}

static void test_a_touched_file_keeps_its_earlier_cuts(void **state)
{
	(void)state;
	assert_kept(300000, 100000);
}

static void test_a_touched_file_of_one_block_keeps_its_name(void **state)
{
	(void)state;
	assert_kept(200000, 200000);
}

static void test_a_touched_large_file_keeps_its_earlier_cuts(void **state)
{
	(void)state;
	assert_kept(40 << 20, 200000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_a_touched_file_keeps_its_earlier_cuts),
		T(test_a_touched_file_of_one_block_keeps_its_name),
		T(test_a_touched_large_file_keeps_its_earlier_cuts),
	};

	return cmocka_run_group_tests_name("local cuts", tests, NULL, NULL);
}
