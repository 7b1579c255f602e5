/* Settings from defaults and the command line, and checks across settings: see config.h. config_keys.c has the single
 * keys. */
#include "agent/config/config.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/config_given.h"
#include "agent/config/config_internal.h"
#include "agent/config/door_address.h"
#include "agent/config/settings_list.h"
#include "base/mem.h"
#include "sync/group/roster.h"
#include "sync/versions/kept_policy.h"
#include "sync/plan/path.h"

enum {
	RESCAN_DEFAULT = 3600, /* s */
	SCRUB_DEFAULT = 30 * 86400,
	TOMBSTONES_AGE_DEFAULT = 30 * 86400,
	SHOWN_MAX = 200, /* bytes of a value that is not accepted */
};

void config_init(struct config *c, const char *host_name)
{
	*c = (struct config){ 0 };
	c->settings = (struct settings){ .discovery = DISCOVERY_AUTO,
		                         .log_level = LOG_INFO,
		                         .rescan_s = RESCAN_DEFAULT,
		                         .scrub_s = SCRUB_DEFAULT,
		                         .versions_age_s = KEPT_AGE_S,
		                         .versions_percent = KEPT_DISK_PERCENT,
		                         .tombstones_age_s = TOMBSTONES_AGE_DEFAULT };
	c->settings.listen = mem_strdup("4170");
	c->settings.web = mem_strdup("");
	c->settings.metrics = mem_strdup("");
	c->settings.web_certificate = mem_strdup("");
	c->settings.web_key = mem_strdup("");
	c->settings.name = mem_strdup(host_name);
}

static void free_group(struct config_group *g)
{
	free(g->name);
	free(g->share);
	free(g->invite_file);
	free(g->invite_credential);
	free(g->secret_file);
	free(g->secret_credential);
	free(g->founder);
	free(g->place);
}

static void settings_groups_free(struct settings *s)
{
	for (size_t i = 0; i < s->ngroups; i++)
		free(s->groups[i].name);
	free(s->groups);
	s->groups = NULL;
	s->ngroups = 0;
}

void config_groups_move(struct settings *to, struct settings *from)
{
	settings_groups_free(to);
	to->groups = from->groups;
	to->ngroups = from->ngroups;
	from->groups = NULL;
	from->ngroups = 0;
}

void config_groups_fill(struct config *c)
{
	struct settings *s = &c->settings;

	settings_groups_free(s);
	s->groups = mem_calloc(c->ngroups + 1, sizeof(*s->groups));
	for (size_t i = 0; i < c->ngroups; i++) {
		const struct config_group *g = &c->groups[i];

		if (g->vault_disk_set)
			s->groups[s->ngroups++] =
				(struct settings_group){ .name = mem_strdup(g->name), .vault_disk = g->vault_disk };
	}
}

void config_free(struct config *c)
{
	settings_groups_free(&c->settings);
	for (size_t i = 0; i < c->ngroups; i++)
		free_group(&c->groups[i]);
	free(c->groups);
	settings_list_clear(&c->settings.peers);
	settings_list_clear(&c->settings.interfaces);
	settings_list_clear(&c->settings.web_names);
	settings_list_clear(&c->pending);
	config_given_free(c);
	free(c->settings.web);
	free(c->settings.web_certificate);
	free(c->settings.web_key);
	free(c->settings.name);
	free(c->settings.listen);
	free(c->settings.metrics);
	*c = (struct config){ 0 };
}

const struct config_key *config_find_key(const struct config_key *keys, const char *name, char **why)
{
	char *all = NULL;
	char *shown;

	for (const struct config_key *key = keys; key->name != NULL; key++) {
		char *before = all;

		if (strcmp(key->name, name) == 0) {
			free(all);
			return key;
		}
		all = mem_printf("%s%s%s", before != NULL ? before : "", before != NULL ? ", " : "", key->name);
		free(before);
	}
	shown = log_escape(name, strlen(name));
	*why = mem_printf("unknown key '%s'; known keys: %s", shown, all != NULL ? all : "none");
	free(shown);
	free(all);
	return NULL;
}

int config_set_key(const struct config_key *key, void *target, const char *value, char **why)
{
	char *shown;

	if (key->set(target, value) == 0)
		return 0;
	shown = log_escape(value, strnlen(value, SHOWN_MAX));
	*why = mem_printf("%s is '%s%s', but must be %s", key->name, shown, strlen(value) > SHOWN_MAX ? "..." : "",
	                  key->accepted);
	free(shown);
	return -1;
}

int config_set(struct config *c, const char *key_name, const char *value, char **why)
{
	const struct config_key *key = config_find_key(config_agent_keys, key_name, why);

	return key == NULL ? -1 : config_set_key(key, &c->settings, value, why);
}

/* Sections of one group in several files are merged, so an existing group is not a mistake here. */
struct config_group *config_named_group(struct config *c, const char *name, const char *file, int line, char **why)
{
	struct config_group *g;
	char *shown;

	for (size_t i = 0; i < c->ngroups; i++) {
		if (strcmp(c->groups[i].name, name) == 0)
			return &c->groups[i];
	}
	if (!roster_name_valid(name)) {
		shown = log_escape(name, strlen(name));
		*why = mem_printf("'%s' is not a valid group name: 1 to %d bytes of printable UTF-8 without '/'", shown,
		                  GROUP_NAME_MAX);
		free(shown);
		return NULL;
	}
	if (c->ngroups == CONFIG_MAX_GROUPS) {
		*why = mem_printf("more than %d groups", CONFIG_MAX_GROUPS);
		return NULL;
	}
	c->groups = mem_realloc(c->groups, c->ngroups + 1, sizeof(*c->groups));
	g = &c->groups[c->ngroups++];
	*g = (struct config_group){ .name = mem_strdup(name), .place = mem_printf("%s:%d", file, line) };
	return g;
}

/* --- two of them --- */

static bool has_text(const struct settings_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++) {
		if (strcmp(list->v[i], text) == 0)
			return true;
	}
	return false;
}

/* Whether all of a is in b. */
static bool is_within(const struct settings_list *a, const struct settings_list *b)
{
	for (size_t i = 0; i < a->n; i++) {
		if (!has_text(b, a->v[i]))
			return false;
	}
	return true;
}

static bool is_same_list(const struct settings_list *a, const struct settings_list *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++) {
		if (strcmp(a->v[i], b->v[i]) != 0)
			return false;
	}
	return a->n == b->n;
}

static bool is_same(const struct config_key *key, const struct settings *a, const struct settings *b)
{
	const char *in_a = (const char *)a + key->offset, *in_b = (const char *)b + key->offset;

	switch (key->kind) {
	case CONFIG_TEXT:
		return strcmp(*(char *const *)in_a, *(char *const *)in_b) == 0;
	case CONFIG_LIST:
		return is_same_list((const struct settings_list *)in_a, (const struct settings_list *)in_b);
	default:
		return memcmp(in_a, in_b, key->size) == 0;
	}
}

void config_pending(const struct settings *old, const struct settings *new, void (*fn)(void *arg, const char *key),
                    void *arg)
{
	for (const struct config_key *key = config_agent_keys; key->name != NULL; key++) {
		if (key->effect == CONFIG_AFTER_RESTART && !is_same(key, old, new))
			fn(arg, key->name);
		if (key->effect == CONFIG_ADDED_AT_ONCE &&
		    !is_within((const struct settings_list *)((const char *)old + key->offset),
		               (const struct settings_list *)((const char *)new + key->offset))) {
			char *what = mem_printf("%s removed", key->name);

			fn(arg, what);
			free(what);
		}
	}
}

/* --- the command line --- */

static int set_option(struct config *c, const char *key, const char *value, char **why)
{
	char *reason = NULL;

	if (value == NULL)
		return 0;
	if (config_set(c, key, value, &reason) == 0) {
		config_given_note(c, config_find_key(config_agent_keys, key, &reason), value,
		                  mem_strdup("the command line"));
		return 0;
	}
	*why = mem_printf("--%s", reason);
	free(reason);
	return -1;
}

int config_options(struct config *c, const struct options *o, char **why)
{
	if (set_option(c, "listen", o->listen, why) < 0 || set_option(c, "discovery", o->discovery, why) < 0 ||
	    set_option(c, "log-level", o->log_level, why) < 0 || set_option(c, "web", o->web, why) < 0)
		return -1;
	for (size_t i = 0; i < o->peers.n; i++) {
		if (set_option(c, "peer", o->peers.v[i], why) < 0)
			return -1;
	}
	return 0;
}

/* --- all together --- */

static bool overlap(const char *a, const char *b)
{
	return path_is_under(a, b) || path_is_under(b, a);
}

/* A group is joined in one way. NULL, or what is wrong; fresh. */
static char *ways_mistake(const struct config_group *g)
{
	const struct {
		const char *key, *value;
	} ways[] = { { "invite-file", g->invite_file },
		     { "invite-credential", g->invite_credential },
		     { "secret-file", g->secret_file },
		     { "secret-credential", g->secret_credential } };
	const char *given = NULL;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (ways[i].value == NULL)
			continue;
		if (given != NULL)
			return mem_printf("%s: [group %s] has both %s and %s: one of them is enough", g->place, g->name,
			                  given, ways[i].key);
		given = ways[i].key;
	}
	if (g->founder != NULL && g->secret_file == NULL && g->secret_credential == NULL)
		return mem_printf("%s: [group %s] has a founder, but neither secret-file nor secret-credential, by "
		                  "which the others are let in",
		                  g->place, g->name);
	return NULL;
}

/* With the groups before it, so that each pair of shares is compared once. */
static int check_group(const struct config *c, size_t i, const char *home, char **why)
{
	const struct config_group *g = &c->groups[i];

	if (g->share == NULL) {
		*why = mem_printf("%s: [group %s] has no share: it needs 'share = ' and %s", g->place, g->name,
		                  config_path_accepted);
		return -1;
	}
	*why = ways_mistake(g);
	if (*why != NULL)
		return -1;
	if (home != NULL && overlap(g->share, home)) {
		*why = mem_printf("%s: [group %s]: share is '%s', but must neither contain the agent's home (%s) "
		                  "nor be inside it",
		                  g->place, g->name, g->share, home);
		return -1;
	}
	for (size_t k = 0; k < i; k++) {
		if (!overlap(g->share, c->groups[k].share))
			continue;
		*why = mem_printf("%s: [group %s]: share is '%s', but must be apart from '%s', the share of [group "
		                  "%s] at %s",
		                  g->place, g->name, g->share, c->groups[k].share, c->groups[k].name,
		                  c->groups[k].place);
		return -1;
	}
	return 0;
}

/* An address that others reach is opened only by an admin who says so. */
static int check_web(const struct config *c, char **why)
{
	const char *place = "the command line";
	struct door_address a;

	if (c->settings.web_remote || c->settings.web[0] == '\0' || door_address_parse(c->settings.web, &a) < 0 ||
	    a.is_local)
		return 0;
	for (size_t i = 0; i < c->ngiven; i++) {
		if (strcmp(c->given[i].key, "web") == 0)
			place = c->given[i].place;
	}
	*why = mem_printf(
		"%s: web is '%s', which others on the network can reach: for this machine alone set web = "
		"127.0.0.1:%u; for others, with TLS and a password (lanyard web --password), set web-remote = "
		"yes as well",
		place, c->settings.web, a.port);
	return -1;
}

int config_check(const struct config *c, const char *home, char **why)
{
	if (check_web(c, why) < 0)
		return -1;
	if ((c->settings.web_certificate[0] == '\0') != (c->settings.web_key[0] == '\0')) {
		*why = mem_strdup("web-certificate and web-key belong together: set both or neither");
		return -1;
	}
	for (size_t i = 0; i < c->ngroups; i++) {
		if (check_group(c, i, home, why) < 0)
			return -1;
	}
	return 0;
}
