/* A home becomes that of the agent whose key file it is, or stays as it was; and what users hand in is told apart. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/engine/group_settings.h"
#include "agent/home_machine.h"
#include "agent/key_file.h"
#include "base/fs.h"
#include "base/mem.h"
#include "sync/seal/keyring.h"
#include "tests/unit/seal_world.h"

static char dir[64], fotos[] = "/srv/fotos", other[] = "/srv/b", docs[] = "/srv/docs";
static int home = -1;

static void set_text(char *to, size_t room, const char *text)
{
	assert_true((size_t)snprintf(to, room, "%s", text) < room);
}

static int setup(void **state)
{
	struct export_content *c = export_content_new(3);
	struct keyring *ring;
	struct keys *k = seal_world_keys(7);

	snprintf(dir, sizeof(dir), "/tmp/test-key-file-XXXXXX");
	if (c == NULL || mkdtemp(dir) == NULL)
		return -1;
	home = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	seal_world_bytes(c->seed, 1);
	for (uint8_t i = 0; i < 3; i++) {
		c->groups[i].id = seal_world_group(i);
		c->groups[i].addresses = mem_calloc(1, EXPORT_ADDRESS_MAX);
	}
	c->ngroups = 3;
	set_text(c->groups[0].name, sizeof(c->groups[0].name), "fotos ü");
	set_text(c->groups[0].share, sizeof(c->groups[0].share), "/srv/fotos");
	set_text(c->groups[0].addresses[0], sizeof(c->groups[0].addresses[0]), "nas.example:7000");
	c->groups[0].naddresses = 1;
	c->groups[0].marks[0] = (struct roster_mark){ .owner = 0x0102030405060708, .number = 99 };
	c->groups[0].nmarks = 1;
	c->groups[0].heads = mem_calloc(1, sizeof(c->groups[0].heads[0]));
	c->groups[0].heads[0] =
		(struct export_head){ .key = { 3 }, .epoch = UINT64_MAX, .seq = 5, .number = 1, .hash = { 9 } };
	c->groups[0].nheads = 1;
	ring = keyring_new(&c->groups[0].id);
	assert_int_equal(keyring_add(ring, keys_about(k), keys_secret(k), NULL), KEYRING_OK);
	c->groups[0].keyring = keyring_encode(ring, &c->groups[0].keyring_n);
	set_text(c->groups[1].name, sizeof(c->groups[1].name), "..");
	c->groups[1].on_demand = true;
	set_text(c->groups[2].name, sizeof(c->groups[2].name), "docs");
	keyring_free(ring);
	keys_free(k);
	*state = c;
	return home < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

	export_content_free(*state);
	close(home);
	rc = fs_remove_tree(tmp, dir + strlen("/tmp/"));
	close(tmp);
	return rc;
}

static void group_path(char path[128], const struct group_id *id, const char *file)
{
	char hex[65];

	hex_encode(hex, id->b, sizeof(id->b));
	snprintf(path, 128, "groups/%s/%s", hex, file);
}

static struct group_settings settings_of(const struct group_id *id)
{
	struct group_settings s = { 0 };
	char path[128], *text;
	size_t n;

	group_path(path, id, "settings");
	text = fs_read_file(home, path, 4096, &n);
	assert_non_null(text);
	group_settings_read(&s, text);
	free(text);
	return s;
}

static void install(const struct export_content *c)
{
	char *shares[3] = { fotos, other, docs }, *why = NULL;
	bool became;

	assert_int_equal(key_file_install(home, c, shares, &became, &why), 0);
	assert_null(why);
	assert_true(became);
}

static void a_home_becomes_the_agents(void **state)
{
	const struct export_content *c = *state;
	struct group_settings s;
	struct identity *self;
	struct keyring *ring;
	struct agent_id id;
	char path[128], *why = NULL;

	install(c);
	self = identity_open(home, &why);
	assert_non_null(self);
	key_file_agent(c, &id);
	assert_true(agent_id_equal(&id, identity_id(self)));
	identity_free(self);
	s = settings_of(&c->groups[0].id);
	assert_true(s.restored && !s.on_demand && !s.paused && s.token == NULL);
	assert_string_equal(s.name, "fotos ü");
	assert_string_equal(s.share, "/srv/fotos");
	assert_int_equal(s.naddresses, 1);
	assert_string_equal(s.addresses[0], "nas.example:7000");
	assert_int_equal(s.nmarks, 1);
	assert_true(s.marks[0].owner == 0x0102030405060708 && s.marks[0].number == 99);
	assert_int_equal(s.nheads, 1);
	assert_memory_equal(&s.heads[0], &c->groups[0].heads[0], sizeof(s.heads[0]));
	group_settings_clear(&s);
	s = settings_of(&c->groups[1].id);
	assert_int_equal(s.nheads, 0);
	assert_true(s.restored && s.on_demand);
	group_settings_clear(&s);
	group_path(path, &c->groups[0].id, "keys.bin");
	assert_int_equal(keyring_load(&ring, &c->groups[0].id, home, path), KEYRING_OK);
	assert_non_null(keyring_find(ring, 7));
	keyring_free(ring);
	group_path(path, &c->groups[1].id, "keys.bin");
	assert_int_equal(faccessat(home, path, F_OK, 0), -1);
	/* The agent of the file may still run, so this home is the one that yields. */
	assert_true(home_machine_check(home).moved);
}

static void one_with_groups_is_left_alone(void **state)
{
	char *why;

	assert_null(key_file_obstacle(home));
	assert_int_equal(fs_mkdirs(home, "groups", 0700), 0);
	assert_int_equal(fs_mkdirs(home, "asks", 0700), 0);
	assert_null(key_file_obstacle(home));
	install(*state);
	why = key_file_obstacle(home);
	assert_non_null(why);
	assert_non_null(strstr(why, "in 3 groups already"));
	free(why);
	assert_int_equal(fs_remove_tree(home, "groups"), 0);
	assert_int_equal(fs_write_file(home, "asks/tag", "x", 1, 0600), 0);
	why = key_file_obstacle(home);
	assert_non_null(strstr(why, "asks to join"));
	free(why);
}

/* A key that cannot be kept is found before the home is another one. */
static void what_cannot_be_installed_changes_nothing(void **state)
{
	struct export_content *c = *state;
	char newline[] = "/srv/b\nshare /etc", *shares[3] = { fotos, newline, docs }, *why = NULL;
	bool became;

	assert_int_equal(key_file_install(home, c, shares, &became, &why), -1);
	assert_false(became);
	assert_non_null(strstr(why, "newline"));
	free(why);
	why = NULL;
	shares[1] = other;
	c->groups[0].keyring[c->groups[0].keyring_n - 1] ^= 1;
	assert_int_equal(key_file_install(home, c, shares, &became, &why), -1);
	assert_false(became);
	assert_non_null(strstr(why, "keys of group"));
	free(why);
	assert_int_equal(faccessat(home, "key.pem", F_OK, 0), -1);
	assert_int_equal(faccessat(home, "groups", F_OK, 0), -1);
	assert_int_equal(faccessat(home, "groups.new", F_OK, 0), -1);
	assert_null(key_file_obstacle(home));
	/* What a crash has left is not in the way. */
	assert_false(key_file_forget_unfinished(home));
	assert_int_equal(fs_mkdirs(home, "groups.new/left", 0700), 0);
	assert_true(key_file_forget_unfinished(home));
	assert_int_equal(faccessat(home, "groups.new", F_OK, 0), -1);
	assert_int_equal(fs_mkdirs(home, "groups.new/left", 0700), 0);
	c->groups[0].keyring[c->groups[0].keyring_n - 1] ^= 1;
	install(c);
	assert_int_equal(faccessat(home, "groups/left", F_OK, 0), -1);
}

/* The agent that runs there has another key from then on, and has to know it. */
static void a_key_without_its_groups_is_told_apart_and_may_be_tried_again(void **state)
{
	char *shares[3] = { fotos, other, docs }, *why = NULL;
	bool became = false;

	assert_int_equal(fs_mkdirs(home, "groups/in the way", 0700), 0);
	assert_int_equal(key_file_install(home, *state, shares, &became, &why), -1);
	assert_true(became);
	assert_non_null(strstr(why, "import it again"));
	free(why);
	assert_int_equal(faccessat(home, "key.pem", F_OK, 0), 0);
	assert_int_equal(fs_remove_tree(home, "groups"), 0);
	install(*state);
}

static void assert_share(const struct export_content *c, size_t i, const char *share, const char *expected)
{
	char *path = key_file_share(c, i, share, "/home/me/share");

	assert_string_equal(path, expected);
	free(path);
}

static void shares_are_where_they_were_or_in_folders_of_their_names(void **state)
{
	struct export_content *c = *state;

	assert_share(c, 0, NULL, "/srv/fotos");
	assert_share(c, 2, NULL, "/home/me/share/docs");
	assert_share(c, 0, "/data", "/data/fotos ü");
	assert_share(c, 2, "/data", "/data/docs");
	/* Not the folder above, and not one folder for two. */
	set_text(c->groups[0].name, sizeof(c->groups[0].name), "docs");
	for (size_t i = 0; i < 3; i++) {
		char *path = key_file_share(c, i, "/data", "/x");

		assert_int_equal(strncmp(path, "/data/group-", 12), 0);
		assert_int_equal(strlen(path), 12 + 7);
		free(path);
	}
	c->ngroups = 1;
	assert_share(c, 0, "/data", "/data");
	c->groups[0].share[0] = '\0';
	assert_share(c, 0, NULL, "/home/me/share");
	c->ngroups = 3;
}

static void assert_reads_as(const char *text, const char *expected)
{
	struct bytes out = BYTES_INIT(EXPORT_MAX);
	char *why = NULL;
	int rc = key_file_read(text, strlen(text), &out, &why);

	if (expected == NULL) {
		assert_int_equal(rc, 0);
	} else {
		assert_int_equal(rc, -1);
		assert_non_null(strstr(why, expected));
	}
	free(why);
	bytes_free(&out);
}

static void what_is_handed_in_is_told_apart(void **state)
{
	const struct export_cost cheap = { .log2_n = 4, .r = 1, .p = 1 };
	struct bytes file = BYTES_INIT(EXPORT_MAX), read = BYTES_INIT(EXPORT_MAX);
	char *page, *why = NULL, *line;

	assert_int_equal(export_seal(*state, true, "words", &cheap, &file), EXPORT_OK);
	page = key_file_page(file.p, file.len, "abc", "host");
	assert_reads_as(page, NULL);
	assert_int_equal(key_file_read(page, strlen(page), &read, &why), 0);
	assert_int_equal(read.len, file.len);
	assert_memory_equal(read.p, file.p, file.len);
	line = strstr(page, " 3: ");
	line[6] = line[6] == 'a' ? 'c' : 'a';
	assert_reads_as(page, "line 3 is wrong or missing");
	*strchr(line, '\n') = '\0';
	assert_reads_as(page, "line 3 is wrong");
	assert_reads_as("", "not a key file");
	assert_reads_as("Dear diary,\ntoday I exported my key and it was a nice day, with sun and wind.\n",
	                "not a key file");
	assert_reads_as("\x7f"
	                "ELF\x02\x01\x01",
	                "not a key file");
	assert_reads_as("LANYKEY9 what later ones write", "by a later lanyard");
	assert_int_equal(key_file_read(file.p, file.len, &read, &why), 0);
	file.p[file.len / 2] ^= 1;
	assert_int_equal(key_file_read(file.p, file.len, &read, &why), -1);
	assert_non_null(strstr(why, "is damaged"));
	free(why);
	free(page);
	bytes_free(&file);
	bytes_free(&read);
}

static void settings_are_read_as_they_were_written(void **state)
{
	char share[] = "/srv/a b", token[] = "lanyard1-x";
	struct group_settings s = { .share = share, .token = token, .paused = true, .on_demand = true }, read = { 0 };
	char *text = group_settings_text(&s);

	(void)state;
	assert_string_equal(text, "share /srv/a b\npaused 1\nbegin on-demand\ninvite lanyard1-x\n");
	group_settings_read(&read, text);
	assert_true(read.paused && read.on_demand && !read.restored && read.nmarks == 0);
	assert_string_equal(read.share, "/srv/a b");
	assert_string_equal(read.token, "lanyard1-x");
	group_settings_clear(&read);
	free(text);
	text = mem_strdup("later thing\nshare /a\nmark 00\nmark zz\naddress x:1\nhead 00\nnonsense\n");
	group_settings_read(&read, text);
	assert_true(read.nmarks == 0 && read.naddresses == 1 && read.nheads == 0 && !read.restored);
	group_settings_clear(&read);
	free(text);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_home_becomes_the_agents),
		CASE(one_with_groups_is_left_alone),
		CASE(what_cannot_be_installed_changes_nothing),
		CASE(a_key_without_its_groups_is_told_apart_and_may_be_tried_again),
		CASE(shares_are_where_they_were_or_in_folders_of_their_names),
		CASE(what_is_handed_in_is_told_apart),
		cmocka_unit_test(settings_are_read_as_they_were_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
