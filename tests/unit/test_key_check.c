/* What a key file says is taken from it only if an agent may have written it, and its folders only if they are safe. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/key_check.h"
#include "agent/key_file.h"
#include "base/fs.h"
#include "base/mem.h"
#include "tests/unit/seal_world.h"

static char dir[64];
static int top = -1;

static void set_text(char *to, size_t room, const char *text)
{
	assert_true((size_t)snprintf(to, room, "%s", text) < room);
}

static struct export_content *content(size_t ngroups)
{
	struct export_content *c = export_content_new(ngroups);

	assert_non_null(c);
	seal_world_bytes(c->seed, 1);
	for (size_t i = 0; i < ngroups; i++) {
		c->groups[i].id = seal_world_group((uint8_t)i);
		c->groups[i].addresses = mem_calloc(1, EXPORT_ADDRESS_MAX);
		c->groups[i].naddresses = 1;
		set_text(c->groups[i].addresses[0], sizeof(c->groups[i].addresses[0]), "nas.example:7000");
		snprintf(c->groups[i].name, sizeof(c->groups[i].name), "group %zu", i);
		snprintf(c->groups[i].share, sizeof(c->groups[i].share), "%s/s%zu", dir, i);
	}
	c->ngroups = ngroups;
	return c;
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test-key-check-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = content(2);
	return top < 0 ? -1 : fs_mkdirs(top, "home", 0700);
}

static int teardown(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	export_content_free(*state);
	close(top);
	rc = fs_remove_tree(tmp, dir + strlen("/tmp/"));
	close(tmp);
	return rc;
}

static void assert_content(const struct export_content *c, const char *expected)
{
	char *why = key_check_content(c);

	if (expected == NULL)
		assert_null(why);
	else
		assert_non_null(strstr(why != NULL ? why : "", expected));
	free(why);
}

static void only_what_an_agent_writes_is_content(void **state)
{
	static const char *const names[] = { "", "a/b", "a\nb", "a\033[2J", " a", "\xff" };
	static const char *const addresses[] = { "", "a b:1", "a:1\n", "a\033:1" };
	static const char *const shares[] = { "srv/a", "/srv/a\nshare /etc", "/srv/\033[2J", "/srv/\x7f" };
	struct export_content *c = *state;
	struct export_group *g = &c->groups[1], was = *g;

	assert_content(c, NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		set_text(g->name, sizeof(g->name), names[i]);
		assert_content(c, "made by somebody else");
	}
	*g = was;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		set_text(g->addresses[0], sizeof(g->addresses[0]), addresses[i]);
		assert_content(c, "made by somebody else");
	}
	set_text(g->addresses[0], sizeof(g->addresses[0]), "[fe80::1%eth0]:7000");
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
		set_text(g->share, sizeof(g->share), shares[i]);
		assert_content(c, "made by somebody else");
		assert_true(!key_check_names_share(shares[i]) || i == 0);
	}
	g->share[0] = '\0';
	assert_content(c, NULL);
	g->id = c->groups[0].id;
	assert_content(c, "made by somebody else");
}

static void a_file_of_more_groups_than_an_agent_may_have_is_refused(void **state)
{
	const struct export_cost cheap = { .log2_n = 4, .r = 1, .p = 1 };
	struct export_content *c = content(KEY_CHECK_GROUPS_MAX + 1), *opened;
	char **shares = mem_calloc(c->ngroups, sizeof(*shares)), *why = NULL;
	struct bytes file = BYTES_INIT(EXPORT_MAX);
	bool became = true;

	(void)state;
	for (size_t i = 0; i < c->ngroups; i++)
		shares[i] = c->groups[i].share;
	assert_int_equal(key_file_install(top, c, shares, &became, &why), -1);
	assert_non_null(strstr(why, "at most 64 groups"));
	assert_false(became);
	free(why);
	assert_int_equal(faccessat(top, "key.pem", F_OK, 0), -1);
	assert_int_equal(export_seal(c, false, "words", &cheap, &file), EXPORT_OK);
	why = NULL;
	assert_null(key_file_open("words", file.p, file.len, &why));
	assert_non_null(strstr(why, "has 65 groups"));
	free(why);
	why = NULL;
	bytes_clear(&file);
	c->ngroups--;
	assert_int_equal(export_seal(c, false, "words", &cheap, &file), EXPORT_OK);
	opened = key_file_open("words", file.p, file.len, &why);
	assert_non_null(opened);
	export_content_free(opened);
	c->ngroups++;
	export_content_free(c);
	free(shares);
	bytes_free(&file);
}

static void assert_shares(const struct export_content *c, const char *first, bool asked, const char *expected)
{
	char *home = mem_printf("%s/home", dir), *second = mem_printf("%s/s1", dir), *path = mem_strdup(first);
	char *shares[2] = { path, second }, *why = key_check_shares(c, shares, asked, home);

	if (expected == NULL && why != NULL)
		fail_msg("%s", why);
	if (expected != NULL)
		assert_non_null(strstr(why != NULL ? why : "", expected));
	free(why);
	free(home);
	free(second);
	free(path);
}

static void a_share_is_neither_the_home_nor_all_nor_nowhere(void **state)
{
	char path[128];

	for (int asked = 0; asked <= 1; asked++) {
		assert_shares(*state, "/", asked, "agent's home");
		assert_shares(*state, "/proc/x", asked, "virtual");
		assert_shares(*state, dir, asked, "agent's home");
		snprintf(path, sizeof(path), "%s/home/share", dir);
		assert_shares(*state, path, asked, "agent's home");
		snprintf(path, sizeof(path), "%s/none/../home", dir);
		assert_shares(*state, path, asked, "'..'");
		snprintf(path, sizeof(path), "%s/./home/../home/x", dir);
		assert_shares(*state, path, asked, "agent's home");
		snprintf(path, sizeof(path), "%s/s1/below", dir);
		assert_shares(*state, path, asked, "overlaps");
		snprintf(path, sizeof(path), "%s/s0", dir);
		assert_shares(*state, path, asked, NULL);
	}
}

/* The folder that a file names is not filled, nor given to the group, if it is somebody's. */
static void a_folder_that_the_file_names_is_the_groups_or_empty(void **state)
{
	const struct export_content *c = *state;
	char path[128];

	snprintf(path, sizeof(path), "%s/s0", dir);
	assert_int_equal(fs_mkdirs(top, "s0", 0700), 0);
	assert_shares(c, path, false, NULL);
	assert_int_equal(fs_write_file(top, "s0/diary", "x", 1, 0600), 0);
	assert_shares(c, path, false, "by --share");
	assert_shares(c, path, true, NULL);
	assert_int_equal(fs_mkdirs(top, "s0/.lanyard", 0700), 0);
	assert_int_equal(fs_write_file(top, "s0/.lanyard/share", c->groups[1].id.b, 32, 0600), 0);
	assert_shares(c, path, false, "by --share");
	assert_int_equal(fs_write_file(top, "s0/.lanyard/share", c->groups[0].id.b, 32, 0600), 0);
	assert_shares(c, path, false, NULL);
	snprintf(path, sizeof(path), "%s/s0/diary", dir);
	assert_shares(c, path, false, "Not a directory");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(only_what_an_agent_writes_is_content),
		CASE(a_file_of_more_groups_than_an_agent_may_have_is_refused),
		CASE(a_share_is_neither_the_home_nor_all_nor_nowhere),
		CASE(a_folder_that_the_file_names_is_the_groups_or_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
