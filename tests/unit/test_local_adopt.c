/* What the scan finds and others have said already: it is theirs, not a change of ours, unless that would lose
 * something. */
#include "tests/unit/local_fixture.h"

enum { ANNA = 100, BERT = 200, ANNAS_EPOCH = 1000, BERTS_EPOCH = 2000 };

/* What is on disk at path, as a peer would say it. */
static struct record said(const char *path, uint64_t writer, uint64_t counter)
{
	struct record r = { .path = mem_strdup(path), .modified_by = writer == ANNAS_EPOCH ? ANNA : BERT };
	struct fs_stat st;
	char target[256] = "";
	char *bytes;
	size_t n;

	assert_int_equal(fs_stat_beneath(root, path, &st), 0);
	r.seq = counter;
	r.kind = st.kind == S_IFDIR ? RECORD_DIR : st.kind == S_IFLNK ? RECORD_SYMLINK : RECORD_FILE;
	r.mode = st.kind == S_IFLNK ? 0 : st.mode;
	r.mtime_ns = st.kind == S_IFDIR ? 0 : st.mtime_ns;
	if (st.kind == S_IFLNK) {
		assert_true(readlinkat(root, path, target, sizeof(target) - 1) > 0);
		r.target = mem_strdup(target);
	}
	if (st.kind == S_IFREG) {
		bytes = fs_read_file(root, path, 1 << 20, &n);
		r.content = (struct content){ .size = (int64_t)n, .nblocks = n > 0 };
		if (n > 0)
			sha256(r.content.root, bytes, n);
		free(bytes);
	}
	assert_int_equal(version_bump(&r.version, writer, counter), 0);
	return r;
}

/* The life that was placing r ends here: the next one begins with the same index. */
static void killed_while_placing(struct record *r)
{
	struct record also = { 0 };

	record_copy(&also, r);
	assert_true(index_install_begin(ix, r) > 0);
	index_close(ix);
	open_index();
	record_clear(r);
	assert_non_null(index_leftover(ix, also.path));
	record_clear(&also);
}

static void assert_version(const char *path, uint64_t writer, uint64_t counter)
{
	struct record r = get_row(path);

	if (r.version.n != 1 || version_counter(&r.version, writer) != counter)
		fail_msg("%s: not %llu's version", path, (unsigned long long)writer);
	record_clear(&r);
}

static void test_what_a_killed_installer_left_is_its_owners(void **state)
{
	struct record r;

	(void)state;
	put("f", "text");
	r = said("f", ANNAS_EPOCH, 5);
	killed_while_placing(&r);
	make_dir("d");
	r = said("d", ANNAS_EPOCH, 6);
	killed_while_placing(&r);
	assert_int_equal(symlinkat("f", root, "l"), 0);
	r = said("l", ANNAS_EPOCH, 7);
	killed_while_placing(&r);
	start_local();
	until_idle();
	assert_version("f", ANNAS_EPOCH, 5);
	assert_version("d", ANNAS_EPOCH, 6);
	assert_version("l", ANNAS_EPOCH, 7);
}

/* The owner's deletion, which comes next, has to win: that of the row which was replaced, too. */
static void test_an_update_that_a_killed_installer_left_is_its_owners(void **state)
{
	struct record r;

	(void)state;
	put("f", "one");
	start_local();
	until_idle();
	r = get_row("f");
	put("f", "two");
	stop_local();
	{
		struct record two = said("f", ANNAS_EPOCH, 5);

		assert_int_equal(version_join(&two.version, &r.version), 0);
		record_clear(&r);
		record_copy(&r, &two);
		killed_while_placing(&two);
	}
	start_local();
	until_idle();
	{
		struct record row = get_row("f");

		assert_int_equal(version_compare(&row.version, &r.version), VERSION_EQUAL);
		record_clear(&row);
	}
	record_clear(&r);
}

static void test_what_a_peer_says_too_is_the_peers(void **state)
{
	struct record r;

	(void)state;
	put("f", "text");
	r = said("f", ANNAS_EPOCH, 5);
	assert_int_equal(index_offer(ix, ANNA, &r), 0);
	record_clear(&r);
	start_local();
	until_idle();
	assert_version("f", ANNAS_EPOCH, 5);
}

/* Two say so, and neither knows of the other: one version that knows both. */
static void test_words_are_joined(void **state)
{
	struct record r, row;

	(void)state;
	put("f", "text");
	r = said("f", ANNAS_EPOCH, 5);
	assert_int_equal(index_offer(ix, ANNA, &r), 0);
	record_clear(&r);
	r = said("f", BERTS_EPOCH, 9);
	assert_int_equal(index_offer(ix, BERT, &r), 0);
	record_clear(&r);
	start_local();
	until_idle();
	row = get_row("f");
	assert_int_equal(row.version.n, 2);
	record_clear(&row);
}

static void test_other_bytes_are_a_change_of_ours(void **state)
{
	struct record r, row;

	(void)state;
	put("f", "text");
	r = said("f", ANNAS_EPOCH, 5);
	killed_while_placing(&r);
	put("f", "mine");
	start_local();
	until_idle();
	row = get_row("f");
	assert_int_equal(version_counter(&row.version, ANNAS_EPOCH), 0);
	assert_int_equal(row.modified_by, 7);
	record_clear(&row);
}

/* The bytes are the peer's, the mode is the user's: a change of ours that knows the peer's. */
static void test_another_mode_is_a_change_of_theirs(void **state)
{
	struct record r, row;

	(void)state;
	put("f", "text");
	r = said("f", ANNAS_EPOCH, 5);
	killed_while_placing(&r);
	assert_int_equal(fchmodat(root, "f", 0600, 0), 0);
	start_local();
	until_idle();
	row = get_row("f");
	assert_int_equal(version_counter(&row.version, ANNAS_EPOCH), 5);
	assert_int_equal(row.version.n, 2);
	assert_int_equal(row.modified_by, 7);
	assert_int_equal(row.mode, 0600);
	record_clear(&row);
}

/* What we changed since knows more than the peer's word, and must not go back to it. */
static void test_an_older_word_takes_nothing_back(void **state)
{
	struct record old, row, now;

	(void)state;
	put("f", "one");
	old = said("f", ANNAS_EPOCH, 5);
	row = said("f", ANNAS_EPOCH, 5);
	assert_int_equal(index_put(ix, &row, NULL), 0);
	record_clear(&row);
	start_local();
	put("f", "two");
	until_idle();
	assert_int_equal(index_offer(ix, ANNA, &old), 0);
	put("f", "one");
	until_idle();
	now = get_row("f");
	assert_int_equal(version_compare(&now.version, &old.version), VERSION_NEWER);
	assert_int_equal(now.modified_by, 7);
	record_clear(&now);
	record_clear(&old);
}

/* Hundreds of deletions that an installer had done are no accident of a user's. */
static void test_what_a_killed_installer_deleted_is_not_held(void **state)
{
	char name[16];

	(void)state;
	for (int i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		put(name, name);
	}
	start_local();
	until_idle();
	stop_local();
	for (int i = 0; i < 60; i++) {
		struct record r;

		(void)snprintf(name, sizeof(name), "f%d", i);
		r = get_row(name);
		r.deleted = true;
		assert_int_equal(version_bump(&r.version, ANNAS_EPOCH, (uint64_t)i + 1), 0);
		assert_true(index_install_begin(ix, &r) > 0);
		assert_int_equal(unlinkat(root, name, 0), 0);
		record_clear(&r);
	}
	index_close(ix);
	open_index();
	start_local();
	until_idle();
	assert_int_equal(local_held(local, NULL), 0);
	for (int i = 0; i < 60; i++) {
		struct record r;

		(void)snprintf(name, sizeof(name), "f%d", i);
		r = get_row(name);
		assert_true(r.deleted);
		assert_int_equal(version_counter(&r.version, ANNAS_EPOCH), i + 1);
		record_clear(&r);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(test_what_a_killed_installer_left_is_its_owners),
		T(test_an_update_that_a_killed_installer_left_is_its_owners),
		T(test_what_a_peer_says_too_is_the_peers),
		T(test_words_are_joined),
		T(test_other_bytes_are_a_change_of_ours),
		T(test_another_mode_is_a_change_of_theirs),
		T(test_an_older_word_takes_nothing_back),
		T(test_what_a_killed_installer_deleted_is_not_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
