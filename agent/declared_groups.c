/* Joining the groups that the settings name: see declared_groups.h. */
#include "agent/declared_groups.h"

#include <stdlib.h>
#include <string.h>

#include "agent/credential.h"
#include "agent/engine/engine_admin.h"
#include "sync/group/invite.h"
#include "base/log.h"
#include "base/mem.h"

enum { INVITE_FILE_MAX = 4096 };

/* The token at path, when it is an invite to this group. Fresh; NULL with *why. */
static char *read_declared(const struct config_group *g, const char *path, struct invite *invite, bool *absent,
                           char **why)
{
	static const char *const faults[] = {
		[INVITE_NOT_A_TOKEN] = "does not hold an invite token: one begins with \"lanyard1-\"",
		[INVITE_OTHER_VERSION] = "holds an invite token of another version of lanyard: ask for a new one",
		[INVITE_DAMAGED] = "holds an invite token that is damaged: copy all of it again",
		[INVITE_BAD_SIGNATURE] = "holds an invite token with an invalid signature: ask for a new one",
	};
	/* Without the newline at its end, so that it can be compared with the stored one. */
	char *token = credential_read(path, INVITE_FILE_MAX, absent, why);
	enum invite_parse parsed;

	if (token == NULL)
		return NULL;
	parsed = invite_parse(invite, token);
	if (parsed == INVITE_OK && strcmp(invite->group_name, g->name) == 0)
		return token;
	if (parsed == INVITE_OK)
		*why = mem_printf("%s: is an invite to group '%s', not to '%s'", path, invite->group_name, g->name);
	else
		*why = mem_printf("%s: %s", path, faults[parsed]);
	free(token);
	return NULL;
}

char *declared_groups_read(const struct config_group *g, const char *path, bool *absent, char **why)
{
	struct invite invite;

	return read_declared(g, path, &invite, absent, why);
}

/* An attempt to join that is unfinished or was refused: nothing is lost if it is started again. */
static bool is_attempt(struct engine *e)
{
	const struct roster *roster = engine_roster(e);

	/* One from a key file waits for a member, and an invite would make it a joiner. */
	if (engine_is_restored(e))
		return false;
	return engine_is_joiner(e) || (engine_index(e) == NULL && (roster == NULL || *roster_name(roster) == '\0'));
}

struct engine_of_name {
	const char *name;
	struct engine *engine; /* NULL: not found yet */
};

static bool has_name(void *arg, struct engine *e)
{
	struct engine_of_name *wanted = arg;

	if (strcmp(engine_name(e), wanted->name) != 0)
		return true;
	wanted->engine = e;
	return false;
}

static struct engine *find_here(struct agent *a, const char *name)
{
	struct engine_of_name wanted = { .name = name };

	agent_engines(a, has_name, &wanted);
	return wanted.engine;
}

static char *join_declared(struct agent *a, const struct config_group *g, const struct engine *here)
{
	char *path = credential_path(g->invite_file, g->invite_credential);
	struct invite invite;
	struct engine *e;
	char *token = NULL;
	char *why = NULL;
	bool absent;

	if (path == NULL && g->invite_credential != NULL)
		return credential_missing(g->invite_credential);
	if (path == NULL)
		return mem_strdup(
			"this agent is not in it, and the settings name neither an invite nor a secret for it");
	token = read_declared(g, path, &invite, &absent, &why);
	if (token == NULL && absent && g->invite_file == NULL) {
		free(why);
		why = credential_missing(g->invite_credential);
	}
	/* The same invite is being tried already. */
	if (token != NULL && (here == NULL || !engine_joins_by(here, token)) &&
	    agent_join(a, token, g->share, &e, &why) == 0)
		log_about(LOG_INFO, &(struct log_about){ .group = g->name }, "group %s: joining, as the settings say",
		          g->name);
	free(token);
	free(path);
	return why;
}

static void tell_moved(const struct config_group *g, const struct engine *here)
{
	if (strcmp(engine_share_path(here), g->share) != 0)
		log_about(LOG_WARN, &(struct log_about){ .group = g->name },
		          "group %s: its share is %s; %s names %s, which has no effect: to move it, "
		          "leave the group and join it again",
		          g->name, engine_share_path(here), g->place, g->share);
}

void declared_groups_join(struct agent *a, const struct config *c)
{
	for (size_t i = 0; i < c->ngroups; i++) {
		const struct config_group *g = &c->groups[i];
		struct engine *here = find_here(a, g->name);
		char *why;

		if (here != NULL && !is_attempt(here))
			tell_moved(g, here);
		if ((here != NULL && !is_attempt(here)) || g->secret_file != NULL || g->secret_credential != NULL)
			continue;
		why = join_declared(a, g, here); /* which may free `here` */
		if (why != NULL)
			log_about(LOG_ERROR, &(struct log_about){ .group = g->name }, "group %s (%s): %s", g->name,
			          g->place, why);
		free(why);
	}
}
