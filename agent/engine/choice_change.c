/* Making a change to a copy of what was chosen, and ending it: see choice_change.h. */
#include "agent/engine/choice_change.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "sync/share/share_choices.h"

static char *refuse_many(const char *what)
{
	char *name = log_escape(what, strlen(what));
	char *why = mem_printf("%s: there are too many rules or paths already (%d at most); a folder or a pattern "
	                       "covers many files",
	                       name, SHARE_CHOICES_MAX);

	free(name);
	return why;
}

static char *refuse_part(const char *what, const char *above)
{
	char *name = log_escape(what, strlen(what)), *folder = log_escape(above, strlen(above));
	char *why = mem_printf("%s: it is in %s, which is not shared as a whole: share that", name, folder);

	free(folder);
	free(name);
	return why;
}

static char *choice_change_one(const struct choice_change *change, const char *what, struct share_choices *next)
{
	const char *above = NULL;

	if (change->kind == CHANGE_RULES && share_choices_add_rule(next, what, change->get) < 0)
		return refuse_many(what);
	if (change->kind == CHANGE_UNSHARE && share_choices_unshare(next, what) < 0)
		return refuse_many(what);
	if (change->kind == CHANGE_SHARE && share_choices_share(next, what, &above) < 0)
		return refuse_part(what, above);
	return NULL;
}

void choice_change_apply(struct choice_change *change, struct share_choices **next)
{
	struct share_choices *copy = share_choices_dup(*next);

	if (change->kind == CHANGE_MODE)
		share_choices_set_mode(copy, change->mode);
	for (size_t i = 0; i < change->n && change->why == NULL; i++)
		change->why = choice_change_one(change, change->what[i], copy);
	if (change->why == NULL) {
		share_choices_free(*next);
		*next = copy;
	} else {
		share_choices_free(copy);
	}
}

void choice_change_end(struct choice_change *change, const char *why)
{
	if (change->done != NULL)
		change->done(change->arg, change->why != NULL ? change->why : why);
	for (size_t i = 0; i < change->n; i++)
		free(change->what[i]);
	free(change->what);
	free(change->why);
	free(change);
}

void choice_change_end_all(struct choice_change **list, const char *why)
{
	struct choice_change *change;

	while ((change = *list) != NULL) {
		DL_DELETE(*list, change);
		choice_change_end(change, why);
	}
}
