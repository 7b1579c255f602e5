/* The requests that every part of a struct local can make: that it stays allocated, another turn, a check of a
 * path, a full scan, or the end of everything after a failure. None of it happens here: local.c, scan.c and root.c
 * find the request at the end of the turn. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/local/local_internal.h"
#include "sync/plan/path.h"

void local_ref(struct local *l)
{
	l->refs++;
}

void local_unref(struct local *l)
{
	if (--l->refs == 0)
		free(l);
}

void local_wake(struct local *l)
{
	loop_timer_start(l->debounce_timer, 0, 0);
}

void local_set_text(char **slot, char *text)
{
	free(*slot);
	*slot = text;
}

void local_fail(struct local *l, char *why)
{
	if (l->error == NULL)
		log_about(LOG_ERROR, share_about(l->c.share),
		          "%s; nothing is treated as deleted; checking again every 5 s", why);
	local_set_text(&l->error, why);
	l->failed = true;
}

void local_unwritten(struct local *l)
{
	local_fail(l, mem_printf("%s: the index cannot be read or written", share_path(l->c.share)));
}

/* The rules' own file is checked even if the rules leave it out. Another share's own folder is listed as a problem. */
bool local_is_left_out(const struct local *l, const char *path, bool is_dir)
{
	enum path_verdict verdict = path_check(path, strlen(path));

	if (strcmp(path, SHARE_IGNORE_FILE) == 0)
		return false;
	return ((verdict == PATH_OURS || verdict == PATH_RULES) && !path_is_like_ours(path)) ||
	       ignore_match(share_ignore(l->c.share), path, is_dir);
}

void local_event(struct local *l, const char *path, enum debounce_event event)
{
	if (!local_is_left_out(l, path, false))
		debounce_event(l->debounce, loop_now_ms(l->c.loop), path, event);
}

void local_hint(struct local *l, const char *path)
{
	if (path_check(path, strlen(path)) == PATH_OK)
		local_event(l, path, DEBOUNCE_NOW);
	local_wake(l);
}

void local_check_again(struct local *l, const char *path)
{
	debounce_event(l->debounce, loop_now_ms(l->c.loop), path, DEBOUNCE_NOW);
}

/* An installer's unfinished work is not the user's doing. */
bool local_is_installing(struct local *l, const char *path)
{
	if (l->c.busy == NULL || !l->c.busy(l->c.arg, path))
		return false;
	debounce_event(l->debounce, loop_now_ms(l->c.loop), path, DEBOUNCE_BUSY);
	return true;
}

bool local_refuse_long(struct local *l, const char *path)
{
	if (strlen(path) <= RECORD_PATH_MAX)
		return false;
	problem_add_errno(l->problems, path, ENAMETOOLONG, l->scan.walk_no);
	return true;
}

void local_rescan(struct local *l)
{
	/* The cause of the failure may be over by now. */
	if (l->error != NULL && !l->failed)
		loop_timer_start(l->retry_timer, 0, 0);
	if (l->handle == NULL)
		return;
	l->scan.full_wanted = true;
	local_wake(l);
}

int64_t local_watch_limit(const char *name)
{
	char *path = mem_printf("/proc/sys/fs/inotify/%s", name);
	FILE *f = fopen(path, "re");
	long long value = 0;

	free(path);
	if (f == NULL)
		return 0;
	if (fscanf(f, "%lld", &value) != 1 || value < 0)
		value = 0;
	(void)fclose(f);
	return value;
}
