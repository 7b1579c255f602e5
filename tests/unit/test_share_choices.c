/* The file of choices: written and read back, whatever the names; hostile text; rules that hide others. */
#include <setjmp.h>
#include <fcntl.h>
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
#include "sync/share/share_choices.h"

static struct share_choices *parse(const char *text)
{
	int line;

	return share_choices_parse(text, strlen(text), &line);
}

static void what_is_written_is_read(void **state)
{
	struct share_choices *c = share_choices_new(), *again;
	char *text, *same;

	(void)state;
	share_choices_set_mode(c, CHOOSE_ON_DEMAND);
	share_choices_set_stamp(c, INT64_MAX / 16);
	assert_int_equal(share_choices_add_rule(c, "photos/**", true), 0);
	assert_int_equal(share_choices_add_rule(c, "photos/raw", false), 0);
	assert_int_equal(share_choices_add_rule(c, "new\nline %41 \xff", true), 0);
	assert_int_equal(share_choices_unshare(c, "z"), 0);
	assert_int_equal(share_choices_unshare(c, "a b"), 0);
	assert_int_equal(share_choices_unshare(c, "end\nof\nit"), 0);
	text = share_choices_text(c);
	again = parse(text);
	assert_non_null(again);
	same = share_choices_text(again);
	assert_string_equal(same, text);
	assert_string_equal(share_choices_view(again)->rules[2].pattern, "new\nline %41 \xff");
	assert_string_equal(share_choices_view(again)->unshared[1], "end\nof\nit");
	assert_false(choose_shares(share_choices_view(again), "a b/c"));
	assert_int_equal(choose_rule_of(share_choices_view(again), "photos/raw/x"), -1);
	free(same);
	free(text);
	share_choices_free(again);
	share_choices_free(c);
}

static void what_was_not_written_whole_is_refused(void **state)
{
	struct share_choices *c = share_choices_new();
	char *text;

	(void)state;
	share_choices_add_rule(c, "a/b", true);
	share_choices_unshare(c, "c");
	text = share_choices_text(c);
	for (size_t n = 0; n < strlen(text); n++) {
		int line;

		assert_null(share_choices_parse(text, n, &line));
	}
	free(text);
	share_choices_free(c);
}

static void hostile_text_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"end\n",
		"lanyard choices 2\nend\n",
		"lanyard choices 1\nend\nmore\n",
		"lanyard choices 1\nstamp -1\nend\n",
		"lanyard choices 1\nstamp 99999999999999999999\nend\n",
		"lanyard choices 1\nmode\nend\n",
		"lanyard choices 1\nmode both\nend\n",
		"lanyard choices 1\n+ /etc\nend\n",
		"lanyard choices 1\n+ a/../b\nend\n",
		"lanyard choices 1\nunshared ../x\nend\n",
		"lanyard choices 1\nunshared .lanyard\nend\n",
		"lanyard choices 1\n+ a%0\nend\n",
		"lanyard choices 1\n+ a%00b\nend\n",
		"lanyard choices 1\n+ a%zz\nend\n",
		"lanyard choices 1\nwhat a\nend\n",
	};
	char nul[] = "lanyard choices 1\nend\n\0x";
	int line;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i]) != NULL)
			fail_msg("taken: %s", bad[i]);
	}
	assert_null(share_choices_parse(nul, sizeof(nul) - 1, &line));
}

static void a_rule_takes_the_place_of_those_it_hides(void **state)
{
	struct share_choices *c = share_choices_new();
	const struct choices *view = share_choices_view(c);

	(void)state;
	share_choices_add_rule(c, "a/b", true);
	share_choices_add_rule(c, "a/*.jpg", true);
	share_choices_add_rule(c, "ab", true);
	share_choices_add_rule(c, "a", false);
	assert_int_equal(view->nrules, 2);
	assert_string_equal(view->rules[0].pattern, "ab");
	assert_int_equal(choose_rule_of(view, "a/b"), -1);
	share_choices_add_rule(c, "a", true);
	assert_int_equal(view->nrules, 2);
	share_choices_add_rule(c, "*", false);
	assert_int_equal(view->nrules, 3);
	share_choices_add_rule(c, "", true);
	assert_int_equal(view->nrules, 1);
	share_choices_free(c);
}

static void too_many_are_refused(void **state)
{
	struct share_choices *c = share_choices_new();
	char name[32];

	(void)state;
	for (int i = 0; i < SHARE_CHOICES_MAX; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		assert_int_equal(share_choices_add_rule(c, name, true), 0);
		assert_int_equal(share_choices_unshare(c, name), 0);
	}
	assert_int_equal(share_choices_add_rule(c, "x", true), -1);
	assert_int_equal(share_choices_unshare(c, "x"), -1);
	assert_int_equal(share_choices_view(c)->nrules, SHARE_CHOICES_MAX);
	/* One that hides others finds room. */
	assert_int_equal(share_choices_add_rule(c, "d", true), 0);
	assert_int_equal(share_choices_unshare(c, "d"), 0);
	assert_int_equal(share_choices_view(c)->nunshared, 1);
	share_choices_free(c);
}

static void unshared_folders_cover_what_is_below(void **state)
{
	struct share_choices *c = share_choices_new();
	const struct choices *view = share_choices_view(c);
	const char *above = NULL;

	(void)state;
	share_choices_unshare(c, "a/b");
	share_choices_unshare(c, "a/c");
	share_choices_unshare(c, "a");
	assert_int_equal(view->nunshared, 1);
	assert_int_equal(share_choices_unshare(c, "a/d"), 0);
	assert_int_equal(view->nunshared, 1);
	assert_int_equal(share_choices_share(c, "a/d", &above), -1);
	assert_string_equal(above, "a");
	assert_int_equal(share_choices_share(c, "a", &above), 0);
	assert_int_equal(view->nunshared, 0);
	share_choices_unshare(c, "a/b");
	share_choices_unshare(c, "a/c");
	assert_int_equal(share_choices_share(c, "a", &above), 0);
	assert_int_equal(view->nunshared, 0);
	share_choices_free(c);
}

static void the_file_is_replaced_as_a_whole(void **state)
{
	char dir[] = "/tmp/test-choices-XXXXXX", *why = NULL;
	struct share_choices *c, *again;
	int root;

	(void)state;
	assert_non_null(mkdtemp(dir));
	root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(root, ".lanyard", 0700), 0);
	c = share_choices_read(root, dir, &why);
	assert_non_null(c);
	assert_int_equal(share_choices_view(c)->mode, CHOOSE_MIRROR);
	share_choices_set_mode(c, CHOOSE_ON_DEMAND);
	share_choices_set_stamp(c, 7);
	assert_int_equal(share_choices_write(root, c), 0);
	again = share_choices_read(root, dir, &why);
	assert_non_null(again);
	assert_int_equal(share_choices_stamp(again), 7);
	share_choices_free(again);
	assert_int_equal(fs_write_file(root, SHARE_CHOICES_FILE, "lanyard", 7, 0600), 0);
	assert_null(share_choices_read(root, dir, &why));
	assert_non_null(strstr(why, "line 1 is damaged"));
	free(why);
	share_choices_free(c);
	fs_remove_tree(root, ".lanyard");
	close(root);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_was_not_written_whole_is_refused),
		cmocka_unit_test(hostile_text_is_refused),
		cmocka_unit_test(a_rule_takes_the_place_of_those_it_hides),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(unshared_folders_cover_what_is_below),
		cmocka_unit_test(the_file_is_replaced_as_a_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
