/* Settings files: which are read, in which order, what the command line overrides, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config_internal.h"
#include "base/mem.h"

static char dir[] = "/tmp/lanyard-config-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char *path = mem_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static void the_command_line_wins_over_the_file(void **state)
{
	const char *peers[] = { "b:2" };
	struct options o = { .listen = "9", .peers = { peers, 1 } };
	struct config c;
	char *why;

	(void)state;
	write_file("lanyard.conf", "[agent]\nlisten = 8\npeer = a:1\nname = filed\n");
	assert_int_equal(config_load(&c, dir, &o, &why), 0);
	assert_string_equal(c.settings.listen, "9");
	assert_string_equal(c.settings.name, "filed");
	assert_int_equal(c.settings.peers.n, 2);
	config_free(&c);
	o.listen = "nine";
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_non_null(strstr(why, "--listen is 'nine', but must be"));
	free(why);
	config_free(&c);
}

static void a_missing_file_matters_only_when_it_was_named(void **state)
{
	struct options o = { 0 };
	char *path = mem_printf("%s/none.conf", dir);
	struct config c;
	char *why;

	(void)state;
	assert_int_equal(config_load(&c, "/nonexistent", &o, &why), 0);
	config_free(&c);
	o.config = path;
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_non_null(strstr(why, "none.conf: cannot be read: No such file"));
	free(why);
	config_free(&c);
	free(path);
}

static void a_file_that_is_none_is_refused(void **state)
{
	char *fifo = mem_printf("%s/fifo", dir);
	char *big = mem_calloc(CONFIG_FILE_MAX + 2, 1);
	struct options o = { .config = fifo };
	struct config c;
	char *why;

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_non_null(strstr(why, "cannot be read"));
	free(why);
	config_free(&c);
	o.config = dir;
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_non_null(strstr(why, "Is a directory"));
	free(why);
	config_free(&c);
	o.config = NULL;
	memset(big, '\n', CONFIG_FILE_MAX + 1);
	write_file("lanyard.conf", big);
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_non_null(strstr(why, "is larger than 65536 bytes"));
	free(why);
	config_free(&c);
	unlink(fifo);
	free(fifo);
	free(big);
}

static void drop_ins_are_read_in_byte_order_after_the_file(void **state)
{
	static const char *const names[] = { "lanyard.conf.d/20-b.conf", "lanyard.conf.d/10-a.conf",
		                             "lanyard.conf.d/.hidden.conf", "lanyard.conf.d/30-c.conf~",
		                             "lanyard.conf.d/.conf" };
	struct options o = { 0 };
	char *drop_ins = mem_printf("%s/lanyard.conf.d", dir);
	struct config c;
	char *why;

	(void)state;
	assert_int_equal(mkdir(drop_ins, 0700), 0);
	write_file("lanyard.conf", "[agent]\nname = file\nlisten = 1\n[group a]\nshare = /s/a\n");
	write_file(names[0], "[agent]\nlisten = 3\npeer = b:1\n[group a]\nshare = /s/late\n");
	write_file(names[1], "[agent]\nlisten = 2\npeer = a:1\n[group a]\ninvite-credential = i\n");
	for (int i = 2; i < 5; i++)
		write_file(names[i], "senseless\n");
	assert_int_equal(config_load(&c, dir, &o, &why), 0);
	assert_string_equal(c.settings.name, "file");
	assert_string_equal(c.settings.listen, "3");
	assert_int_equal(c.settings.peers.n, 2);
	assert_string_equal(c.settings.peers.v[0], "a:1");
	assert_int_equal(c.ngroups, 1);
	assert_string_equal(c.groups[0].share, "/s/late");
	assert_string_equal(c.groups[0].invite_credential, "i");
	assert_int_equal(c.nfiles, 3);
	config_free(&c);
	write_file(names[0], "\n[agent]\nlisten = x\n");
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_non_null(strstr(why, "/lanyard.conf.d/20-b.conf:3: listen is 'x', but must be"));
	free(why);
	config_free(&c);
	for (int i = 0; i < 5; i++) {
		char *path = mem_printf("%s/%s", dir, names[i]);

		unlink(path);
		free(path);
	}
	rmdir(drop_ins);
	free(drop_ins);
}

static void drop_ins_stand_without_the_file(void **state)
{
	struct options o = { 0 };
	char *conf = mem_printf("%s/lanyard.conf", dir);
	char *drop_ins = mem_printf("%s.d", conf);
	struct config c;
	char *why;

	(void)state;
	unlink(conf);
	assert_int_equal(mkdir(drop_ins, 0700), 0);
	write_file("lanyard.conf.d/x.conf", "[agent]\nlisten = 7\n");
	assert_int_equal(config_load(&c, dir, &o, &why), 0);
	assert_string_equal(c.settings.listen, "7");
	config_free(&c);
	write_file("lanyard.conf.d/x.conf", "");
	free(conf);
	conf = mem_printf("%s/x.conf", drop_ins);
	unlink(conf);
	rmdir(drop_ins);
	/* What should be a folder and is none is not passed over in silence. */
	write_file("lanyard.conf.d", "");
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_non_null(strstr(why, "lanyard.conf.d: cannot be read: Not a directory"));
	free(why);
	config_free(&c);
	unlink(drop_ins);
	free(drop_ins);
	free(conf);
}

static void what_cannot_be_read_now_is_no_wrong_setting(void **state)
{
	struct rlimit was, none;
	struct options o = { 0 };
	struct config c;
	char *why;

	(void)state;
	write_file("lanyard.conf", "[agent]\n");
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = was.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_non_null(strstr(why, "lanyard.conf: cannot be read: Too many open files"));
	assert_true(c.unread);
	free(why);
	config_free(&c);
	write_file("lanyard.conf", "[agent]\nlisten = everywhere\n");
	assert_int_equal(config_load(&c, dir, &o, &why), -1);
	assert_false(c.unread);
	free(why);
	config_free(&c);
}

static void the_systems_home_has_its_settings_in_etc(void **state)
{
	char *system = config_path("/var/lib/lanyard");
	char *own = config_path("/home/x/.local/state/lanyard");

	(void)state;
	assert_string_equal(system, "/etc/lanyard/lanyard.conf");
	assert_string_equal(own, "/home/x/.local/state/lanyard/lanyard.conf");
	free(system);
	free(own);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_command_line_wins_over_the_file),
		cmocka_unit_test(a_missing_file_matters_only_when_it_was_named),
		cmocka_unit_test(a_file_that_is_none_is_refused),
		cmocka_unit_test(drop_ins_are_read_in_byte_order_after_the_file),
		cmocka_unit_test(drop_ins_stand_without_the_file),
		cmocka_unit_test(what_cannot_be_read_now_is_no_wrong_setting),
		cmocka_unit_test(the_systems_home_has_its_settings_in_etc),
	};
	char *path;
	int rc;

	if (mkdtemp(dir) == NULL)
		return 1;
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	path = mem_printf("%s/lanyard.conf", dir);
	unlink(path);
	free(path);
	rmdir(dir);
	return rc;
}
