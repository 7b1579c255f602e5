/* Settings: what is accepted, what is refused, and that a refusal names file, line and value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/config_internal.h"
#include "base/mem.h"

static int parse(struct config *c, const char *text, char **why)
{
	*why = NULL;
	config_init(c, "box");
	return config_parse(c, "f.conf", text, strlen(text), why);
}

static void defaults_hold_without_a_setting(void **state)
{
	struct config c;
	char *why;

	(void)state;
	assert_int_equal(parse(&c, "", &why), 0);
	assert_string_equal(c.settings.name, "box");
	assert_string_equal(c.settings.listen, "4170");
	assert_int_equal(c.settings.discovery, DISCOVERY_AUTO);
	assert_int_equal(c.settings.peers.n, 0);
	assert_int_equal(c.settings.log_level, LOG_INFO);
	assert_int_equal(c.settings.rescan_s, 3600);
	assert_int_equal(c.settings.versions_age_s, 90 * 86400);
	assert_int_equal(c.settings.versions_percent, 10);
	assert_int_equal(c.settings.upload, 0);
	assert_int_equal(c.settings.download, 0);
	assert_int_equal(c.settings.memory, 0);
	assert_int_equal(c.settings.tombstones_age_s, 30 * 86400);
	assert_int_equal(c.settings.vault_disk, 0);
	config_free(&c);
}

static void every_key_is_read(void **state)
{
	struct config c;
	char *why;

	(void)state;
	assert_int_equal(
		parse(&c,
	              "# comment\n[agent]\nname = h\xc3\xa9 1\nlisten=[::1]:0\ndiscovery = off ; why\n"
	              "peer = a.b:1\npeer = [fe80::1%eth0]:65535\nlog-level = debug\nrescan-interval = 2h\n"
	              "scrub-interval = off\nversions-age = 7d\nversions-disk = 25%\n"
	              "interface = eth0\ninterface = wl-0.1\nupload-limit = 500K\ndownload-limit = 12M\nmemory = 16M\n"
	              "tombstones-age = 45s\n",
	              &why),
		0);
	assert_string_equal(c.settings.name, "h\xc3\xa9 1");
	assert_string_equal(c.settings.listen, "[::1]:0");
	assert_int_equal(c.settings.discovery, DISCOVERY_OFF);
	assert_int_equal(c.settings.peers.n, 2);
	assert_string_equal(c.settings.peers.v[0], "a.b:1");
	assert_string_equal(c.settings.peers.v[1], "[fe80::1%eth0]:65535");
	assert_int_equal(c.settings.log_level, LOG_DEBUG);
	assert_int_equal(c.settings.rescan_s, 7200);
	assert_int_equal(c.settings.scrub_s, 0);
	assert_int_equal(c.settings.versions_age_s, 7 * 86400);
	assert_int_equal(c.settings.versions_percent, 25);
	assert_int_equal(c.settings.interfaces.n, 2);
	assert_string_equal(c.settings.interfaces.v[1], "wl-0.1");
	assert_int_equal(c.settings.upload, 500000);
	assert_int_equal(c.settings.download, 12000000);
	assert_int_equal(c.settings.memory, 16 << 20);
	assert_int_equal(c.settings.tombstones_age_s, 45);
	config_free(&c);
}

static void a_mistake_names_file_line_and_value(void **state)
{
	static const struct {
		const char *text;
		const char *said;
	} cases[] = {
		{ "[agent]\n\nlisten = x\n", "f.conf:3: listen is 'x', but must be PORT or ADDR:PORT" },
		{ "[agent]\nversions-disk = 95%\n", "f.conf:2: versions-disk is '95%', but must be 0% to 90%" },
		{ "[agent]\nversions-disk = 10\n", "f.conf:2: versions-disk is '10'" },
		{ "[agent]\nupload-limit = 10\n",
		  "f.conf:2: upload-limit is '10', but must be off, or bytes per second: 64K" },
		{ "[agent]\nupload-limit = 1MB\n", "f.conf:2: upload-limit is '1MB'" },
		{ "[agent]\ndownload-limit = 0\n", "f.conf:2: download-limit is '0'" },
		{ "[agent]\ndownload-limit = 101G\n", "f.conf:2: download-limit is '101G'" },
		{ "[agent]\ninterface = eth0 eth1\n",
		  "f.conf:2: interface is 'eth0 eth1', but must be the name of a network interface" },
		{ "[agent]\ninterface = sixteen-letters-\n", "f.conf:2: interface is" },
		{ "[agent]\nmemory = 7M\n", "f.conf:2: memory is '7M', but must be 8M to 16G" },
		{ "[agent]\nmemory = off\n", "f.conf:2: memory is 'off'" },
		{ "[agent]\ntombstones-age = 0s\n", "f.conf:2: tombstones-age is '0s'" },
		{ "[agent]\nversions-age = ever\n", "f.conf:2: versions-age is 'ever'" },
		{ "[agent]\nmetrics = 4172\n", "f.conf:2: metrics is '4172'" },
		{ "[agent]\nmetrics = localhost:4172\n", "f.conf:2: metrics is 'localhost:4172'" },
		{ "[agent]\nmetrics = 127.0.0.1:0\n", "f.conf:2: metrics is '127.0.0.1:0'" },
		{ "[agent]\nmetrics = /run/\n", "f.conf:2: metrics is '/run/'" },
		{ "[agent]\nlisten = 65536\n", "f.conf:2: listen is '65536'" },
		{ "[agent]\nlisten = fe80::1:4170\n", "f.conf:2: listen is 'fe80::1:4170'" },
		{ "[agent]\npeer = host\n", "f.conf:2: peer is 'host', but must be HOST:PORT" },
		{ "[agent]\npeer = host:0\n", "f.conf:2: peer is" },
		{ "[agent]\npeer = :1\n", "f.conf:2: peer is" },
		{ "[agent]\npeer = a b:1\n", "f.conf:2: peer is" },
		{ "[agent]\ndiscovery = on\n",
		  "f.conf:2: discovery is 'on', but must be auto, avahi, embedded or off" },
		{ "[agent]\nlog-level = loud\n", "f.conf:2: log-level is 'loud', but must be error, warn" },
		{ "[agent]\nrescan-interval = 5s\n", "f.conf:2: rescan-interval is '5s'" },
		{ "[agent]\nrescan-interval = -1h\n", "f.conf:2: rescan-interval is '-1h'" },
		{ "[agent]\nscrub-interval = 0\n", "f.conf:2: scrub-interval is '0', but must be off, or 1s to 3650d" },
		{ "[agent]\nname = \x1b[2J\n", "f.conf:2: name is '\\x1b[2J'" },
		{ "[agent]\nname =\n", "f.conf:2: name is ''" },
		{ "[agent]\ncolour = red\n", "f.conf:2: unknown key 'colour'; known keys: name, listen" },
		{ "[agent]\nlisten = 1\nname = a\nlisten = 2\n", "f.conf:4: listen is given twice" },
		{ "listen = 1\n", "f.conf:1: a setting before the first [section]" },
		{ "[agent]\n[other]\n", "f.conf:2: unknown section [other]; known sections: [agent] and [group NAME]" },
		{ "[agent]\n\n[agent]\n", "f.conf:3: [agent] appears twice" },
		{ "[group a]\n[agent]\n[group a]\n", "f.conf:3: [group a] appears twice" },
		{ "[group]\n", "f.conf:1: unknown section [group]" },
		{ "[group a/b]\n", "f.conf:1: 'a/b' is not a valid group name" },
		{ "[group  a]\n", "f.conf:1: ' a' is not a valid group name" },
		{ "[group a]\nshare = photos\n", "f.conf:2: share is 'photos', but must be an absolute path" },
		{ "[group a]\nshare = /\n", "f.conf:2: share is '/', but must be" },
		{ "[group a]\nshare = /a/../b\n", "f.conf:2: share is '/a/../b', but must be" },
		{ "[group a]\nshare = /a\nshare = /a\n", "f.conf:3: share is given twice" },
		{ "[group a]\ninvite-file = x\n", "f.conf:2: invite-file is 'x', but must be an absolute path" },
		{ "[group a]\ninvite-credential = ../x\n", "f.conf:2: invite-credential is '../x'" },
		{ "[group a]\ninvite-credential = ..\n", "f.conf:2: invite-credential is '..'" },
		{ "[group a]\ninvite-credential =\n", "f.conf:2: invite-credential is ''" },
		{ "[group a]\nvault-disk = 1K\n", "f.conf:2: vault-disk is '1K', but must be off, or 1M or more" },
		{ "[group a]\nvault-disk = 2M\nvault-disk = 2M\n", "f.conf:3: vault-disk is given twice" },
		{ "[group a]\nlisten = 1\n",
		  "f.conf:2: unknown key 'listen'; known keys: share, invite-file, invite-credential" },
		{ "[group a]\n[agent]\nshare = /a\n", "f.conf:3: unknown key 'share'; known keys: name, listen" },
		{ "[agent]\nlisten\nname=\n", "f.conf:2: neither a [section] nor key = value" },
		{ "[agent\n", "f.conf:1: neither" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config c;
		char *why;

		assert_int_equal(parse(&c, cases[i].text, &why), -1);
		if (strncmp(why, cases[i].said, strlen(cases[i].said)) != 0)
			fail_msg("said: %s\nnot:  %s", why, cases[i].said);
		free(why);
		config_free(&c);
	}
}

static void groups_are_read(void **state)
{
	/* More than inih keeps of a section's name. */
	static const char name[] = "a name of 64 bytes with spaces, (marks) and = signs as it may be";
	char *text = mem_printf("[group %s]\nshare = //srv/./a/ ; where\n[group b]\nshare=/srv/b\n"
	                        "invite-credential = invite_b\n[agent]\nname = x\n",
	                        name);
	struct config c;
	char *why;

	(void)state;
	assert_int_equal(strlen(name), 64);
	assert_int_equal(parse(&c, text, &why), 0);
	assert_int_equal(config_check(&c, "/var/lib/lanyard", &why), 0);
	assert_int_equal(c.ngroups, 2);
	assert_string_equal(c.groups[0].name, name);
	assert_string_equal(c.groups[0].share, "/srv/a");
	assert_string_equal(c.groups[0].place, "f.conf:1");
	assert_null(c.groups[0].invite_credential);
	assert_string_equal(c.groups[1].name, "b");
	assert_string_equal(c.groups[1].invite_credential, "invite_b");
	assert_string_equal(c.settings.name, "x");
	config_free(&c);
	free(text);
}

/* The setting of a group beats that of all, in whichever order they stand, and a later file beats an earlier one. */
static void groups_have_room_of_their_own(void **state)
{
	static const char later[] = "[group a]\nvault-disk = 3M\n[group c]\nvault-disk = off\nshare = /srv/c\n";
	struct config c, reread;
	char *why;

	(void)state;
	assert_int_equal(parse(&c,
	                       "[group a]\nshare = /srv/a\nvault-disk = 2M\n[agent]\nvault-disk = 1G\n[group b]\n"
	                       "share = /srv/b\n",
	                       &why),
	                 0);
	assert_int_equal(c.settings.vault_disk, 1 << 30);
	assert_int_equal(c.settings.ngroups, 1);
	assert_string_equal(c.settings.groups[0].name, "a");
	assert_int_equal(c.settings.groups[0].vault_disk, 2 << 20);
	assert_int_equal(config_parse(&c, "g.conf", later, strlen(later), &why), 0);
	assert_int_equal(config_check(&c, "/var/lib/lanyard", &why), 0);
	assert_int_equal(c.settings.ngroups, 2);
	assert_int_equal(c.settings.groups[0].vault_disk, 3 << 20);
	assert_string_equal(c.settings.groups[1].name, "c");
	assert_int_equal(c.settings.groups[1].vault_disk, 0);
	/* As a reload takes them over. */
	assert_int_equal(parse(&reread, "[group b]\nvault-disk = 5M\n", &why), 0);
	config_groups_move(&c.settings, &reread.settings);
	config_free(&reread);
	assert_int_equal(c.settings.ngroups, 1);
	assert_string_equal(c.settings.groups[0].name, "b");
	config_free(&c);
}

static void groups_that_cannot_be_together_are_refused(void **state)
{
	static const struct {
		const char *text;
		const char *said;
	} cases[] = {
		{ "[agent]\n[group a]\n", "f.conf:2: [group a] has no share" },
		{ "[group a]\nshare=/s/a\n[group b]\nshare=/s/a/b\n",
		  "f.conf:3: [group b]: share is '/s/a/b', but must be apart from '/s/a', the share of [group a] at f.conf:1" },
		{ "[group a]\nshare=/s/a/b\n[group b]\nshare=/s/a\n", "f.conf:3: [group b]: share is '/s/a', but" },
		{ "[group a]\nshare=/home/x\n",
		  "f.conf:1: [group a]: share is '/home/x', but must neither contain the agent's home" },
		{ "[group a]\nshare=/home\n", "f.conf:1: [group a]: share is '/home', but must neither contain" },
		{ "[group a]\nshare=/s\ninvite-file=/i\ninvite-credential=i\n", "f.conf:1: [group a] has both" },
	};
	struct config c;
	char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&c, cases[i].text, &why), 0);
		assert_int_equal(config_check(&c, "/home/x", &why), -1);
		if (strncmp(why, cases[i].said, strlen(cases[i].said)) != 0)
			fail_msg("said: %s\nnot:  %s", why, cases[i].said);
		free(why);
		config_free(&c);
	}
	/* Same beginning, but not one below the other. */
	assert_int_equal(parse(&c, "[group a]\nshare=/s/a\n[group b]\nshare=/s/ab\n", &why), 0);
	assert_int_equal(config_check(&c, "/s/abc", &why), 0);
	config_free(&c);
}

static void groups_are_bounded(void **state)
{
	char *text = mem_strdup("");
	struct config c;
	char *why;

	(void)state;
	for (int i = 0; i <= CONFIG_MAX_GROUPS; i++) {
		char *more = mem_printf("%s[group %d]\n", text, i);

		free(text);
		text = more;
	}
	assert_int_equal(parse(&c, text, &why), -1);
	assert_string_equal(why, "f.conf:65: more than 64 groups");
	free(why);
	config_free(&c);
	free(text);
}

/* inih would cut a long line in two, and the second half could be a setting. */
static void no_line_is_too_long(void **state)
{
	struct config c;
	char *folder = mem_printf("/%01000d", 7);
	char *text =
		mem_printf("[agent]\n# %0300d\nname = a %300s; comment\nlisten=1\n[group g]\n  share = %s ; %0400d\n"
	                   "invite-file=%s\n%300s\n",
	                   1, "", folder, 2, folder, "");
	char *why = NULL;

	(void)state;
	assert_int_equal(parse(&c, text, &why), 0);
	assert_string_equal(c.settings.name, "a");
	assert_string_equal(c.settings.listen, "1");
	assert_string_equal(c.groups[0].share, folder);
	assert_string_equal(c.groups[0].invite_file, folder);
	config_free(&c);
	free(text);
	text = mem_printf("[agent]\nname = %01000d\n", 1);
	assert_int_equal(parse(&c, text, &why), -1);
	assert_non_null(strstr(why, "f.conf:2: name is '0000"));
	assert_non_null(strstr(why, "...', but must be"));
	assert_true(strlen(why) < 400);
	free(why);
	config_free(&c);
	free(text);
	text = mem_printf("[agent]\n%01000d\n", 1);
	assert_int_equal(parse(&c, text, &why), -1);
	assert_string_equal(why, "f.conf:2: neither a [section] nor key = value");
	free(why);
	config_free(&c);
	free(text);
	free(folder);
}

static void what_inih_would_misread_is_refused(void **state)
{
	struct config c;
	char *why = NULL;

	(void)state;
	config_init(&c, "box");
	assert_int_equal(config_parse(&c, "f.conf", "[agent]\n\0\n", 10, &why), -1);
	assert_non_null(strstr(why, "f.conf:2: the line has a NUL byte"));
	free(why);
	config_free(&c);
}

static void peers_are_bounded(void **state)
{
	struct config c;
	char *why = NULL;

	(void)state;
	config_init(&c, "box");
	for (int i = 0; i < CONFIG_MAX_PEERS; i++)
		assert_int_equal(config_set(&c, "peer", "a:1", &why), 0);
	assert_int_equal(config_set(&c, "peer", "a:1", &why), -1);
	free(why);
	config_free(&c);
}

/* --- the tables of keys --- */

/* Each key has an entry of its own in the manual page. */
static void every_key_is_documented(void **state)
{
	const struct config_key *const tables[] = { config_agent_keys, config_group_keys };
	size_t n = 0;
	char *why = NULL, *page = config_read("docs/man/lanyard.conf.5", 1 << 20, false, &n, &why);

	(void)state;
	assert_non_null(page); /* unit tests run in the root of the tree */
	for (size_t t = 0; t < 2; t++) {
		for (const struct config_key *key = tables[t]; key->name != NULL; key++) {
			char *entry = mem_printf(".TP\n.B %s\n", key->name);

			if (strstr(page, entry) == NULL)
				fail_msg("docs/man/lanyard.conf.5 does not describe %s", key->name);
			free(entry);
		}
	}
	free(page);
}

static void note_key(void *arg, const char *key)
{
	char **all = arg, *before = *all;

	*all = mem_printf("%s%s;", before != NULL ? before : "", key);
	free(before);
}

static char *pending(const char *before, const char *after)
{
	struct config a, b;
	char *why, *all = NULL;

	assert_int_equal(parse(&a, before, &why), 0);
	assert_int_equal(parse(&b, after, &why), 0);
	config_pending(&a.settings, &b.settings, note_key, &all);
	config_free(&a);
	config_free(&b);
	return all;
}

/* What a reload says of each key that it cannot apply. */
static void a_change_is_pending_until_a_restart(void **state)
{
	static const struct {
		const char *before, *after, *pending;
	} cases[] = {
		{ "", "", NULL },
		{ "[agent]\n", "[agent]\nlog-level = debug\nupload-limit = 1M\ndownload-limit = 1M\n", NULL },
		{ "[agent]\nname = a\n", "[agent]\nname = b\nlisten = 1\n", "name;listen;" },
		{ "[agent]\n", "[agent]\ndiscovery = off\nmemory = 9M\nversions-disk = 1%\n",
		  "discovery;versions-disk;memory;" },
		{ "[agent]\n",
		  "[agent]\nrescan-interval = 60s\nscrub-interval = off\nversions-age = 1d\ntombstones-age = 1d\n",
		  "rescan-interval;scrub-interval;versions-age;tombstones-age;" },
		{ "[agent]\npeer = a:1\n", "[agent]\npeer = b:1\npeer = a:1\n", NULL },
		{ "[agent]\npeer = b:1\npeer = a:1\n", "[agent]\npeer = a:1\n", "peer removed;" },
		{ "[agent]\ninterface = a\n", "[agent]\ninterface = a\ninterface = b\n", "interface;" },
		{ "[agent]\ninterface = a\ninterface = b\n", "[agent]\ninterface = b\ninterface = a\n", "interface;" },
		{ "[agent]\nlisten = 4170\n", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *all = pending(cases[i].before, cases[i].after);

		if (cases[i].pending == NULL)
			assert_null(all);
		else
			assert_string_equal(all, cases[i].pending);
		free(all);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_hold_without_a_setting),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(a_mistake_names_file_line_and_value),
		cmocka_unit_test(groups_are_read),
		cmocka_unit_test(groups_have_room_of_their_own),
		cmocka_unit_test(groups_that_cannot_be_together_are_refused),
		cmocka_unit_test(groups_are_bounded),
		cmocka_unit_test(no_line_is_too_long),
		cmocka_unit_test(what_inih_would_misread_is_refused),
		cmocka_unit_test(peers_are_bounded),
		cmocka_unit_test(every_key_is_documented),
		cmocka_unit_test(a_change_is_pending_until_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
