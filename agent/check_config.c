/* See check_config.h. */
#include "agent/check_config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/door_address.h"
#include "agent/config/settings_list.h"
#include "agent/credential.h"
#include "agent/declared_groups.h"
#include "agent/secret_groups.h"
#include "base/mem.h"
#include "sync/plan/path.h"

static const char system_home[] = "/var/lib/lanyard";
static const char system_user[] = "lanyard";

static void add_note(struct settings_list *notes, char *text)
{
	settings_list_add(notes, text);
	free(text);
}

/* The packaged unit passes each file /etc/lanyard/invites/NAME as the credential invite_NAME, and the secrets in the
 * same way. */
static char *credential_source(const char *credential)
{
	static const struct {
		const char *prefix, *folder;
	} sources[] = { { "invite_", "/etc/lanyard/invites" }, { "secret_", "/etc/lanyard/secrets" } };

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		size_t n = strlen(sources[i].prefix);

		if (strncmp(credential, sources[i].prefix, n) == 0)
			return mem_printf("%s/%s", sources[i].folder, credential + n);
	}
	return NULL;
}

/* The settings are right, and the page is not served yet. */
static void check_page_key(const struct settings *s, const char *home, struct settings_list *notes)
{
	char *password = mem_printf("%s/web-password", home), *tokens = mem_printf("%s/web-tokens", home);
	struct door_address a;

	if (s->web[0] != '\0' && door_address_parse(s->web, &a) == 0 && !a.is_local && access(password, F_OK) < 0 &&
	    access(tokens, F_OK) < 0)
		add_note(notes, mem_printf("web is '%s', and there is no password yet: the page is not served until "
		                           "lanyard web --password has set one",
		                           s->web));
	free(password);
	free(tokens);
}

/* A file that is not there may be put there later, and a member needs none. A credential that only the service manager
 * passes cannot be seen from here. */
static int check_way_in(const struct config_group *g, bool system, struct settings_list *notes, char **why)
{
	bool secret = g->secret_file != NULL || g->secret_credential != NULL, absent = false;
	const char *file = secret ? g->secret_file : g->invite_file;
	const char *credential = secret ? g->secret_credential : g->invite_credential;
	char *path = credential_path(file, credential), *text, *reason = NULL;

	if (path == NULL && credential != NULL && system)
		path = credential_source(credential);
	if (path == NULL)
		return 0;
	text = secret ? secret_groups_read(g, path, &absent, &reason) : declared_groups_read(g, path, &absent, &reason);
	if (text == NULL && absent)
		add_note(notes,
		         mem_printf("%s: [group %s]: %s does not exist. An agent that is in the group already does "
		                    "not need it; another joins once it is there and the settings are read again",
		                    g->place, g->name, path));
	else if (text == NULL)
		*why = mem_printf("%s: [group %s]: %s", g->place, g->name, reason);
	free(text);
	free(reason);
	free(path);
	return *why == NULL ? 0 : -1;
}

/* False: it stays what it is. */
static bool become_service_user(void)
{
	/* cppcheck-suppress getpwnamCalled ; no other thread asks */
	const struct passwd *user = getpwnam(system_user);

	return user != NULL && initgroups(system_user, user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
	       setuid(user->pw_uid) == 0;
}

static bool is_within_sandbox(const char *share)
{
	static const char *const folders[] = { "/srv", "/mnt", "/media" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		if (path_is_under(share, folders[i]))
			return true;
	}
	return false;
}

/* What the service's user may do there; its sandbox is not known here. */
static void check_share(const struct config_group *g, struct settings_list *notes)
{
	if (access(g->share, R_OK | W_OK | X_OK) < 0 && errno != ENOENT)
		add_note(notes, mem_printf("%s: [group %s]: the user %s cannot read and write %s: %s", g->place,
		                           g->name, system_user, g->share, strerror(errno)));
	if (!is_within_sandbox(g->share))
		add_note(
			notes,
			mem_printf("%s: [group %s]: the packaged service may write below /srv, /mnt and /media "
		                   "only, and to what ReadWritePaths= names (systemctl edit lanyardd): %s is elsewhere",
		                   g->place, g->name, g->share));
}

int check_config(struct config *c, const char *home, const struct options *o, struct settings_list *notes, char **why)
{
	bool system = geteuid() == 0 && strcmp(home, system_home) == 0;
	struct config again;
	char *reason = NULL;

	if (config_load(c, home, o, why) < 0)
		return -1;
	for (size_t i = 0; i < c->ngroups; i++) {
		if (check_way_in(&c->groups[i], system, notes, why) < 0)
			return -1;
	}
	check_page_key(&c->settings, home, notes);
	if (!system || !become_service_user())
		return 0;
	if (config_load(&again, home, o, &reason) < 0)
		*why = mem_printf("%s (as the user %s, whose service reads it)", reason, system_user);
	config_free(&again);
	free(reason);
	for (size_t i = 0; i < c->ngroups; i++)
		check_share(&c->groups[i], notes);
	return *why == NULL ? 0 : -1;
}
