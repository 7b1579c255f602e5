/* A group's settings: groups/<hex>/settings in the home, one "key value" per line. A value is bytes up to the end of
 * the line; a share's path may contain any byte except a newline. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
