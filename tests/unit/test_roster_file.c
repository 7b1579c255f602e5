/* The file of a roster: it brings back all that was known, damaged what can be proved. */
#include "tests/unit/roster_world.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"

static int open_tmp(char path[32])
{
	memcpy(path, "/tmp/lanyard-roster-XXXXXX", 27);
	assert_non_null(mkdtemp(path));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void close_tmp(int fd, const char *path)
{
	fs_remove_tree(fd, "roster.bin");
	close(fd);
	rmdir(path);
}

static void a_file_brings_back_the_same_roster(void **state)
{
	struct world *w = *state;
	struct roster *r, *back;
	struct verdict v = { 0 };
	struct fs_stat st;
	char path[32], *why = NULL;
	int fd = open_tmp(path);

	populate(w);
	r = roster_of(w);
	assert_int_equal(roster_save(r, fd, "roster.bin"), 0);
	assert_int_equal(fs_stat_at(fd, "roster.bin", &st), 0);
	assert_int_equal(st.mode, 0600);
	back = roster_load(fd, "roster.bin", &why);
	assert_non_null(back);
	assert_false(roster_is_damaged(back));
	agree(w, r, &v);
	agree(w, back, &v);
	roster_free(r);
	roster_free(back);
	close_tmp(fd, path);
}

static void what_once_counted_is_kept_though_it_does_not_now(void **state)
{
	struct world *w = *state;
	struct roster *r, *back;
	char path[32], text[TEXT_MAX], *why = NULL;
	int fd = open_tmp(path), removal;

	/* B removed C; A removed B, which made that void; then A makes B an owner again. */
	say_add(w, A, B, ROLE_OWNER, -1, NOW);
	say_add(w, A, C, ROLE_MEMBER, -1, NOW);
	say_remove(w, B, C, NOW);
	removal = say_remove(w, A, B, NOW + 1);
	r = roster_of(w);
	assert_string_equal(members_text(w, r, text), "A owner, C member");
	assert_int_equal(roster_save(r, fd, "roster.bin"), 0);
	back = roster_load(fd, "roster.bin", &why);
	assert_string_equal(members_text(w, back, text), "A owner, C member");
	say_add(w, A, B, ROLE_OWNER, removal, NOW + 2);
	put(w, back, w->n - 1);
	assert_string_equal(members_text(w, back, text), "A owner, B owner");
	roster_free(r);
	roster_free(back);
	close_tmp(fd, path);
}

static void a_damaged_file_gives_what_can_be_proved(void **state)
{
	struct world *w = *state;
	struct roster *r, *back;
	char path[32], *content, *why = NULL;
	int fd = open_tmp(path);
	size_t n, founding;

	populate(w);
	r = roster_of(w);
	founding = 8 + 32 + 4 + w->entries[0].len;
	assert_int_equal(roster_save(r, fd, "roster.bin"), 0);
	content = fs_read_file(fd, "roster.bin", 1 << 20, &n);
	assert_int_equal(fs_write_file(fd, "roster.bin", content, n - 3, 0600), 0);
	back = roster_load(fd, "roster.bin", &why);
	assert_non_null(back);
	assert_string_equal(roster_name(back), "pictures");
	assert_true(roster_is_damaged(back));
	roster_free(back);
	content[n - 3] ^= 1;
	assert_int_equal(fs_write_file(fd, "roster.bin", content, n, 0600), 0);
	content[n - 3] ^= 1;
	back = roster_load(fd, "roster.bin", &why);
	assert_non_null(back);
	assert_true(roster_is_damaged(back));
	roster_free(back);
	for (size_t cut = 0; cut < founding; cut += 7) {
		assert_int_equal(fs_write_file(fd, "roster.bin", content, cut, 0600), 0);
		assert_null(roster_load(fd, "roster.bin", &why));
		assert_non_null(strstr(why, "roster.bin"));
		free(why);
	}
	content[20] ^= 1;
	assert_int_equal(fs_write_file(fd, "roster.bin", content, n, 0600), 0);
	assert_null(roster_load(fd, "roster.bin", &why));
	free(why);
	free(content);
	roster_free(r);
	close_tmp(fd, path);
}

static void a_missing_file_is_explained(void **state)
{
	char path[32], *why = NULL;
	int fd = open_tmp(path);

	(void)state;
	assert_null(roster_load(fd, "roster.bin", &why));
	assert_non_null(strstr(why, "No such file"));
	free(why);
	close_tmp(fd, path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_brings_back_the_same_roster),
		TEST(what_once_counted_is_kept_though_it_does_not_now),
		TEST(a_damaged_file_gives_what_can_be_proved),
		TEST(a_missing_file_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
