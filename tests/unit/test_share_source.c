/* Proves that a share gives out the bytes of a content only from files that still are what their rows say, whatever a
 * user does to them meanwhile, and never from files that ignore rules leave out. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sync/index/index.h"
#include "sync/share/seen.h"
#include "sync/share/share.h"
#include "sync/share/share_source.h"

static const uint8_t marker[32] = { 1 };
static const char text[] = "the bytes of the file";

static char dir[64], *share_dir;
static struct share *share;
static struct index *rows;
static struct share_source files;
static struct content_source source;
static struct content_sources sources;
static char hinted[64];

static void on_hint(void *arg, const char *path)
{
	(void)arg;
	(void)snprintf(hinted, sizeof(hinted), "%s", path);
}

static int setup(void **state)
{
	char *why = NULL;

	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/lanyard-test-source-XXXXXX");
	assert_non_null(mkdtemp(dir));
	share_dir = mem_printf("%s/share", dir);
	assert_int_equal(index_open(&rows, dir, &why), INDEX_NEW);
	share = share_open(share_dir, true, false, marker, &why);
	assert_non_null(share);
	files = (struct share_source){ .share = share, .index = rows, .hint = on_hint };
	source = share_source(&files);
	sources = (struct content_sources){ .source = &source, .n = 1 };
	hinted[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	share_free(share);
	index_close(rows);
	assert_int_equal(fs_remove_tree(tmp, dir + strlen("/tmp/")), 0);
	close(tmp);
	free(share_dir);
	return 0;
}

/* --- files, rows, readings --- */

static void write_file(const char *name, const char *bytes)
{
	int fd = fs_open(share_root(share), name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_pwrite_all(fd, bytes, strlen(bytes), 0), 0);
	close(fd);
}

static void set_mtime(const char *name, int64_t ns)
{
	assert_int_equal(fs_set_mtime_at(share_root(share), name, ns), 0);
}

static struct fs_stat look(const char *name)
{
	struct fs_stat st;

	assert_int_equal(fs_stat_at(share_root(share), name, &st), 0);
	return st;
}

static struct content content_of(const char *bytes)
{
	struct content c = { .size = (int64_t)strlen(bytes), .nblocks = 1 };

	sha256(c.root, bytes, strlen(bytes));
	return c;
}

/* A row that says that the file, as it is now, has these bytes. */
static void put_row(const char *name, const char *bytes)
{
	struct record r = { .path = mem_strdup(name), .kind = RECORD_FILE, .mode = 0644, .content = content_of(bytes) };
	struct fs_stat st = look(name);

	r.mtime_ns = st.mtime_ns;
	r.seen = seen_of(&st);
	assert_int_equal(index_put_change(rows, &r, NULL, 1), 0);
	record_clear(&r);
}

static void put_file(const char *name)
{
	write_file(name, text);
	put_row(name, text);
}

static struct block_want want_all(void)
{
	struct block_want w = { .len = (uint32_t)strlen(text) };

	sha256(w.hash, text, w.len);
	return w;
}

static struct content_reading *open_text(const struct record *row)
{
	const struct content c = content_of(text);
	const struct block_want w = want_all();

	return content_open(&sources, &c, row, &w);
}

/* Whether the block that was opened before comes out. */
static bool comes(struct content_reading *r)
{
	char out[sizeof(text)] = "";
	int rc = content_read(r, (uint8_t *)out);

	content_close(r);
	if (rc == 0)
		assert_string_equal(out, text);
	return rc == 0;
}

static bool is_served(void)
{
	struct content_reading *r = open_text(NULL);

	return r != NULL && comes(r);
}

/* --- what is there --- */

static void a_file_that_is_what_its_row_says_is_served(void **state)
{
	const struct content c = content_of(text), other = content_of("other");
	const struct block_want w = want_all();

	(void)state;
	put_file("file");
	assert_int_equal(content_stat(&sources, &c), CONTENT_PRESENT);
	assert_true(is_served());
	assert_string_equal(hinted, "");
	assert_int_equal(content_stat(&sources, &other), CONTENT_ABSENT);
	assert_null(content_open(&sources, &other, NULL, &w));
}

static void a_block_in_the_middle_is_served(void **state)
{
	const struct content c = content_of(text);
	struct block_want w = { .len = 5, .offset = 4 };
	struct content_reading *r;
	char out[6] = "";

	(void)state;
	put_file("file");
	r = content_open(&sources, &c, NULL, &w);
	assert_non_null(r);
	assert_int_equal(content_read(r, (uint8_t *)out), 0);
	content_close(r);
	assert_string_equal(out, "bytes");
}

static void what_rules_leave_out_is_withheld(void **state)
{
	const struct content c = content_of(text);

	(void)state;
	put_file("file.tmp");
	write_file(SHARE_IGNORE_FILE, "*.tmp\n");
	assert_true(share_take_rules(share, share_read_rules(share_root(share))));
	assert_int_equal(content_stat(&sources, &c), CONTENT_WITHHELD);
	assert_false(is_served());
	put_file("file");
	assert_int_equal(content_stat(&sources, &c), CONTENT_PRESENT);
	assert_true(is_served());
}

static void another_file_of_the_content_stands_in(void **state)
{
	(void)state;
	put_file("a");
	put_file("b");
	write_file("a", "something else, longer");
	assert_true(is_served());
	assert_string_equal(hinted, "");
}

static void a_named_row_is_read_and_no_other(void **state)
{
	struct record row = { 0 };

	(void)state;
	put_file("a");
	put_file("b");
	assert_int_equal(index_get(rows, "a", &row), 1);
	assert_true(comes(open_text(&row)));
	write_file("a", "something else, longer");
	assert_false(comes(open_text(&row)));
	assert_string_equal(hinted, "");
	record_clear(&row);
}

/* --- what is not what its row says --- */

static void a_file_of_another_size_is_not_served(void **state)
{
	struct fs_stat st;

	(void)state;
	put_file("file");
	st = look("file");
	write_file("file", "the bytes of the file and more");
	set_mtime("file", st.mtime_ns);
	assert_false(is_served());
	assert_string_equal(hinted, "file");
}

static void a_file_of_another_mtime_is_not_served(void **state)
{
	(void)state;
	put_file("file");
	set_mtime("file", look("file").mtime_ns + 1000000000);
	assert_false(is_served());
	assert_string_equal(hinted, "file");
}

static void a_file_that_was_replaced_by_its_equal_is_not_served(void **state)
{
	struct fs_stat st;
	int root = share_root(share);

	(void)state;
	put_file("file");
	st = look("file");
	write_file("new", text);
	assert_int_equal(renameat(root, "new", root, "file"), 0);
	set_mtime("file", st.mtime_ns);
	assert_false(is_served()); /* another inode, though the bytes are the same */
	assert_string_equal(hinted, "file");
}

static void where_the_ctime_alone_differs_the_bytes_decide(void **state)
{
	struct fs_stat st;
	char other[sizeof(text)];

	(void)state;
	put_file("file");
	st = look("file");
	assert_int_equal(fs_set_mode_at(share_root(share), "file", 0600), 0);
	assert_true(is_served());
	/* A write of as many bytes whose mtime was set back. */
	memset(other, 'x', sizeof(other) - 1);
	other[sizeof(other) - 1] = '\0';
	write_file("file", other);
	set_mtime("file", st.mtime_ns);
	assert_false(is_served());
	assert_string_equal(hinted, "file");
}

static void a_file_that_changes_after_it_was_opened_is_not_served(void **state)
{
	struct content_reading *r;

	(void)state;
	put_file("file");
	r = open_text(NULL);
	write_file("file", "the BYTES of the file");
	set_mtime("file", look("file").mtime_ns + 1000000000);
	assert_false(comes(r));
	assert_string_equal(hinted, "file");
}

static void a_file_that_became_shorter_is_not_served(void **state)
{
	struct content_reading *r;
	int fd;

	(void)state;
	put_file("file");
	r = open_text(NULL);
	fd = fs_open(share_root(share), "file", O_WRONLY, 0);
	assert_int_equal(ftruncate(fd, 3), 0);
	close(fd);
	assert_false(comes(r));
}

static void a_block_beyond_the_end_is_not_served(void **state)
{
	const struct content c = content_of(text);
	struct block_want w = { .len = 8, .offset = (int64_t)strlen(text) - 4 };
	struct content_reading *r;
	uint8_t out[8];

	(void)state;
	put_file("file");
	r = content_open(&sources, &c, NULL, &w);
	assert_non_null(r);
	assert_int_equal(content_read(r, out), -1);
	content_close(r);
}

static void what_is_gone_or_no_file_is_not_served(void **state)
{
	int root = share_root(share);

	(void)state;
	put_file("file");
	assert_int_equal(unlinkat(root, "file", 0), 0);
	assert_false(is_served());
	assert_int_equal(mkfifoat(root, "file", 0644), 0);
	assert_false(is_served()); /* and does not hang */
	assert_int_equal(unlinkat(root, "file", 0), 0);
	assert_int_equal(mkdirat(root, "file", 0755), 0);
	assert_false(is_served());
}

static void a_symlink_in_its_place_is_not_followed(void **state)
{
	int root = share_root(share);

	(void)state;
	put_file("file");
	assert_int_equal(renameat(root, "file", root, "elsewhere"), 0); /* the same inode, even */
	assert_int_equal(symlinkat("elsewhere", root, "file"), 0);
	assert_false(is_served());
}

static void nothing_outside_of_the_share_is_read(void **state)
{
	char *outside = mem_printf("%s/outside", dir), *file = mem_printf("%s/outside/file", dir);
	int root = share_root(share);

	(void)state;
	assert_int_equal(mkdirat(root, "folder", 0755), 0);
	write_file("folder/file", text);
	{
		struct record r = { .path = mem_strdup("folder/file"),
			            .kind = RECORD_FILE,
			            .content = content_of(text) };
		struct fs_stat st;

		assert_int_equal(fs_stat_beneath(root, "folder/file", &st), 0);
		r.seen = seen_of(&st);
		assert_int_equal(index_put_change(rows, &r, NULL, 1), 0);
		record_clear(&r);
	}
	assert_true(is_served());
	/* The very file, behind a symlink that leads out. */
	assert_int_equal(mkdir(outside, 0755), 0);
	assert_int_equal(renameat(root, "folder/file", AT_FDCWD, file), 0);
	assert_int_equal(unlinkat(root, "folder", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat(outside, root, "folder"), 0);
	assert_false(is_served());
	free(outside);
	free(file);
}

/* --- the share is moved under a reading --- */

static void a_reading_outlasts_the_reopening_of_its_share(void **state)
{
	struct content_reading *r;
	struct share *again;
	char *why = NULL;

	(void)state;
	put_file("file");
	r = open_text(NULL);
	again = share_open(share_dir, false, true, marker, &why);
	assert_non_null(again);
	assert_int_equal(share_move(share, again, &why), 0);
	assert_true(comes(r));
	assert_true(is_served());
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_file_that_is_what_its_row_says_is_served),
		T(a_block_in_the_middle_is_served),
		T(what_rules_leave_out_is_withheld),
		T(another_file_of_the_content_stands_in),
		T(a_named_row_is_read_and_no_other),
		T(a_file_of_another_size_is_not_served),
		T(a_file_of_another_mtime_is_not_served),
		T(a_file_that_was_replaced_by_its_equal_is_not_served),
		T(where_the_ctime_alone_differs_the_bytes_decide),
		T(a_file_that_changes_after_it_was_opened_is_not_served),
		T(a_file_that_became_shorter_is_not_served),
		T(a_block_beyond_the_end_is_not_served),
		T(what_is_gone_or_no_file_is_not_served),
		T(a_symlink_in_its_place_is_not_followed),
		T(nothing_outside_of_the_share_is_read),
		T(a_reading_outlasts_the_reopening_of_its_share),
	};

	return cmocka_run_group_tests_name("share_source", tests, NULL, NULL);
}
