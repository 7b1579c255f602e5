/* Joining the groups that the settings name: see declared_groups.h. */
#include "agent/declared_groups.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "agent/agent_internal.h"
#include "base/log.h"
#include "base/mem.h"

enum { INVITE_FILE_MAX = 4096 };

/* Where the group's invite is. NULL when none is named, or ($CREDENTIALS_DIRECTORY is not set) it is not for us. */
static char *invite_place(const struct config_group *g)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (g->invite_file != NULL)
		return mem_strdup(g->invite_file);
	if (g->invite_credential == NULL || dir == NULL || dir[0] != '/')
		return NULL;
	return mem_printf("%s/%s", dir, g->invite_credential);
}

/* The token at path, when it is an invite to this group. Fresh; NULL with *why. */
static char *read_invite(const struct config_group *g, const char *path, struct invite *invite, char **why)
{
	static const char *const faults[] = {
		[INVITE_NOT_A_TOKEN] = "holds no invite token: one begins with \"lanyard1-\"",
		[INVITE_OTHER_VERSION] = "holds an invite token of another version of lanyard: ask for a new one",
		[INVITE_DAMAGED] = "holds an invite token that is damaged: copy all of it again",
		[INVITE_BAD_SIGNATURE] = "holds an invite token with a false signature: ask for a new one",
	};
	size_t n;
	char *token = config_read(path, INVITE_FILE_MAX, false, &n, why);
	enum invite_parse parsed;

	if (token == NULL)
		return NULL;
	/* Without the newline at its end it can be compared with the one that is stored. */
	while (n > 0 && strchr(" \t\r\n", token[n - 1]) != NULL)
		token[--n] = '\0';
	parsed = strlen(token) == n ? invite_parse(invite, token) : INVITE_NOT_A_TOKEN;
	if (parsed == INVITE_OK && strcmp(invite->group_name, g->name) == 0)
		return token;
	if (parsed == INVITE_OK)
		*why = mem_printf("%s: is an invite to group '%s', not to '%s'", path, invite->group_name, g->name);
	else
		*why = mem_printf("%s: %s", path, faults[parsed]);
	free(token);
	return NULL;
}

int declared_groups_check(const struct config *c, char **why)
{
	for (size_t i = 0; i < c->ngroups; i++) {
		const struct config_group *g = &c->groups[i];
		char *path = invite_place(g);
		struct invite invite;
		char *token;

		if (path == NULL)
			continue;
		token = read_invite(g, path, &invite, why);
		free(path);
		if (token == NULL) {
			char *reason = *why;

			*why = mem_printf("%s: [group %s]: %s", g->place, g->name, reason);
			free(reason);
			return -1;
		}
		free(token);
	}
	return 0;
}

/* An attempt to join that has not come to an end, or that was refused: nothing is lost when it begins anew. */
static bool is_attempt(const struct engine *e)
{
	return e->token != NULL || (e->index == NULL && (e->roster == NULL || *roster_name(e->roster) == '\0'));
}

static struct engine *find(struct agent *a, const char *name)
{
	struct engine *e;

	DL_FOREACH(a->engines, e) {
		if (strcmp(engine_name(e), name) == 0)
			return e;
	}
	return NULL;
}

static char *join(struct agent *a, const struct config_group *g, const struct engine *here)
{
	char *path = invite_place(g);
	struct invite invite;
	struct engine *e;
	char *token = NULL;
	char *why = NULL;

	if (path == NULL && g->invite_credential != NULL)
		return mem_printf("the credential %s is not there: the service manager passes none "
		                  "(LoadCredential= in the unit)",
		                  g->invite_credential);
	if (path == NULL)
		return mem_strdup("this agent is not in it, and neither invite-file nor invite-credential is set");
	token = read_invite(g, path, &invite, &why);
	/* The same invite is being tried already. */
	if (token != NULL && (here == NULL || here->token == NULL || strcmp(here->token, token) != 0) &&
	    agent_join(a, token, g->share, &e, &why) == 0)
		log_about(LOG_INFO, &(struct log_about){ .group = g->name }, "group %s: joining, as the settings say",
		          g->name);
	free(token);
	free(path);
	return why;
}

static void tell_moved(const struct config_group *g, const struct engine *here)
{
	if (strcmp(here->share_path, g->share) != 0)
		log_about(LOG_WARN, &(struct log_about){ .group = g->name },
		          "group %s: its share is %s; that %s names %s changes nothing: leave the group and join it "
		          "again to move it",
		          g->name, here->share_path, g->place, g->share);
}

void declared_groups_join(struct agent *a, const struct config *c)
{
	for (size_t i = 0; i < c->ngroups; i++) {
		const struct config_group *g = &c->groups[i];
		const struct engine *here = find(a, g->name);
		char *why;

		if (here != NULL && !is_attempt(here)) {
			tell_moved(g, here);
			continue;
		}
		why = join(a, g, here); /* which may end here */
		if (why != NULL)
			log_about(LOG_ERROR, &(struct log_about){ .group = g->name }, "group %s (%s): %s", g->name,
			          g->place, why);
		free(why);
	}
}
