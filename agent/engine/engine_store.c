/* A group's settings, groups/<hex>/settings in the home; and left/<hex>, which outlives the group: the roster entry by
 * which this agent left it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/engine/engine_internal.h"
#include "agent/engine/group_settings.h"
#include "base/fs.h"
#include "base/mem.h"

enum { SETTINGS_MAX = 16 << 10 };

int engine_store_save(struct engine *e, char **why)
{
	struct group_settings s = { .share = e->share_path,
		                    .token = e->token,
		                    .paused = e->paused,
		                    .on_demand = e->begin_on_demand,
		                    .vault = e->was_vault,
		                    .restored = e->restored,
		                    .naddresses = e->invite.naddresses,
		                    .nmarks = e->invite.nmarks,
		                    .nheads = e->nseen };
	char *path = mem_printf("%s/settings", e->dir), *text;
	int status = -1;

	memcpy(s.name, e->invite.group_name, sizeof(s.name));
	memcpy(s.addresses, e->invite.addresses, sizeof(s.addresses));
	memcpy(s.marks, e->invite.marks, sizeof(s.marks));
	if (e->nseen > 0)
		memcpy(s.heads, e->seen, e->nseen * sizeof(s.heads[0]));
	text = group_settings_text(&s);
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

/* A restored group is joined as by an invite that is not shown: the members know this agent by its key. */
static void take_settings(struct engine *e, struct group_settings *s)
{
	e->share_path = s->share;
	s->share = NULL;
	e->token = s->token;
	s->token = NULL;
	e->paused = s->paused;
	e->begin_on_demand = s->on_demand;
	e->was_vault = s->vault;
	e->restored = s->restored && e->token == NULL;
	e->nseen = s->nheads;
	e->seen = s->nheads > 0 ? mem_dup(s->heads, s->nheads * sizeof(s->heads[0])) : NULL;
	if (!e->restored)
		return;
	e->invite.group = e->group;
	e->invite.expires_s = INT64_MAX;
	memcpy(e->invite.group_name, s->name, sizeof(s->name));
	memcpy(e->invite.addresses, s->addresses, sizeof(s->addresses));
	e->invite.naddresses = s->naddresses;
	memcpy(e->invite.marks, s->marks, sizeof(s->marks));
	e->invite.nmarks = s->nmarks;
}

int engine_store_load(struct engine *e, char **why)
{
	struct group_settings s = { 0 };
	char *path = mem_printf("%s/settings", e->dir), *text;
	size_t n;

	text = fs_read_file(e->context->home_dirfd, path, SETTINGS_MAX, &n);
	if (!text)
		*why = mem_printf("%s/%s: %s", e->context->home, path, strerror(errno));
	else
		group_settings_read(&s, text);
	take_settings(e, &s);
	group_settings_clear(&s);
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
