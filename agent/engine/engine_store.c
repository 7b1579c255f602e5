/* A group's settings: groups/<hex>/settings in the home, one "key value" per line. A value is bytes up to the end of
 * the line; a share's path may contain any byte except a newline. And left/<hex>, which outlives the group: the roster
 * entry by which this agent left it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/engine_internal.h"
#include "base/fs.h"
#include "base/mem.h"

enum { SETTINGS_MAX = 16 << 10 };

int engine_store_save(struct engine *e, char **why)
{
	char *path = mem_printf("%s/settings", e->dir);
	char *text = mem_printf("share %s\npaused %d\n%s%s%s%s", e->share_path, e->paused,
	                        e->begin_on_demand ? "begin on-demand\n" : "", e->token ? "invite " : "",
	                        e->token ? e->token : "", e->token ? "\n" : "");
	int status = -1;

	if (strchr(e->share_path, '\n'))
		*why = mem_strdup(
			"the share's path has a newline in it, which cannot be stored: choose another folder");
	else if (fs_mkdirs(e->context->home_dirfd, e->dir, 0700) ||
	         fs_write_file(e->context->home_dirfd, path, text, strlen(text), 0600))
		*why = mem_printf("%s/%s: %s", e->context->home, path, strerror(errno));
	else
		status = 0;
	free(text);
	free(path);
	return status;
}

static void read_setting(struct engine *e, const char *key, const char *value)
{
	if (strcmp(key, "share") == 0 && !e->share_path)
		e->share_path = mem_strdup(value);
	else if (strcmp(key, "paused") == 0)
		e->paused = strcmp(value, "1") == 0;
	else if (strcmp(key, "begin") == 0)
		e->begin_on_demand = strcmp(value, "on-demand") == 0;
	else if (strcmp(key, "invite") == 0 && !e->token)
		e->token = mem_strdup(value);
}

/* Unknown keys are skipped, so that an older agent can read a newer one's file. */
int engine_store_load(struct engine *e, char **why)
{
	char *path = mem_printf("%s/settings", e->dir), *text, *line, *rest;
	size_t n;

	text = fs_read_file(e->context->home_dirfd, path, SETTINGS_MAX, &n);
	if (!text)
		*why = mem_printf("%s/%s: %s", e->context->home, path, strerror(errno));
	for (rest = text; rest && (line = strsep(&rest, "\n"));) {
		char *value = strchr(line, ' ');

		if (!value)
			continue;
		*value++ = 0;
		read_setting(e, line, value);
	}
	if (text && !e->share_path)
		*why = mem_printf("%s/%s: does not name a share: leave the group and join it again", e->context->home,
		                  path);
	free(text);
	free(path);
	return e->share_path ? 0 : -1;
}

void engine_forget(struct engine *e)
{
	if (fs_remove_tree(e->context->home_dirfd, e->dir))
		engine_log(e, LOG_ERROR, "group %s: %s/%s: could not be removed: %s", engine_name(e), e->context->home,
		           e->dir, strerror(errno));
}

/* --- groups that this agent has left --- */

static char *left_path(const struct engine *e)
{
	char hex[65];

	hex_encode(hex, e->group.b, sizeof(e->group.b));
	return mem_printf("left/%s", hex);
}

/* Without the file a later admission may not count; that is no reason to stay. */
void engine_remember_leave(struct engine *e, const uint8_t *entry, size_t n)
{
	char *path = left_path(e);

	if (fs_mkdirs(e->context->home_dirfd, "left", 0700) < 0 ||
	    fs_write_file(e->context->home_dirfd, path, entry, n, 0600) < 0)
		engine_log(e, LOG_WARN, "group %s: %s/%s: %s", engine_name(e), e->context->home, path, strerror(errno));
	free(path);
}

void engine_store_show_leave(struct engine *e)
{
	char *path = left_path(e), *entry;
	size_t n = 0;

	entry = fs_read_file(e->context->home_dirfd, path, ROSTER_ENTRY_MAX, &n);
	if (entry != NULL && roster_check(&e->group, (const uint8_t *)entry, n)) {
		(void)roster_put(e->roster, 0, (const uint8_t *)entry, n);
		roster_settle(e->roster);
	}
	free(entry);
	free(path);
}

void engine_store_forget_leave(struct engine *e)
{
	char *path = left_path(e);

	(void)unlinkat(e->context->home_dirfd, path, 0);
	free(path);
}
