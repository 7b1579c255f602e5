/* The agent's settings: defaults, then the settings file and its drop-ins (INI), then the command line. An invalid
 * setting is an error that names file, line, value and what is accepted; nothing is guessed or skipped. Nothing here
 * writes. config.c and config_keys.c are pure; config_file.c reads, and is the door to inih. */
#ifndef LANYARD_AGENT_CONFIG_H
#define LANYARD_AGENT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config/options.h"
#include "agent/settings.h"

enum { CONFIG_FILE_MAX = 64 << 10, CONFIG_MAX_PEERS = 64, CONFIG_MAX_GROUPS = 64, CONFIG_MAX_DROP_INS = 256 };

/* A group that the settings want this agent to be in. Texts are owned. */
struct config_group {
	char *name;
	char *share;             /* absolute, in its shortest form */
	char *invite_file;       /* absolute; NULL: none */
	char *invite_credential; /* a name below $CREDENTIALS_DIRECTORY; NULL: none */
	char *secret_file;       /* as the two above, of a secret (agent/secret_groups.h) */
	char *secret_credential;
	char *founder;       /* the name of the agent that founds it; NULL: none does */
	bool vault_disk_set; /* vault_disk is this group's own */
	int64_t vault_disk;
	char *place; /* "file:line" of the section that named it first */
	size_t file; /* the last file that had a section of it: counts config_parse() calls */
};

/* A setting of [agent] as somebody has written it. Texts are owned. */
struct config_given {
	const char *key; /* its name */
	char *value;
	char *place; /* "file:line", or "the command line" */
};

/* Texts are owned. */
struct config {
	struct settings settings;
	struct config_given *given; /* what of that was set, in the order in which it was read */
	size_t ngiven;
	struct settings_list pending; /* what has changed since, and takes effect after a restart */
	struct config_group *groups;
	size_t ngroups;
	size_t nfiles; /* read into it */
	bool unread;   /* config_load() failed at a file that may be readable later (no descriptor left, say) */
};

/* The defaults; host_name is what `name` is without a setting. */
void config_init(struct config *c, const char *host_name);
void config_free(struct config *c);

/* Takes over what `from` has set for groups; the rest stays. `from` is only to be freed then. */
void config_groups_move(struct settings *to, struct settings *from);

/* One setting of [agent] by its name in the file (config_keys.c lists them). -1 with *why (fresh text: the value and
 * what is accepted). "peer" and "interface" add, the others replace. */
int config_set(struct config *c, const char *key_name, const char *value, char **why);

/* fn for each key that differs between the two and takes effect only after a restart; with `peer` only when one was
 * removed, since a new one takes effect at once. */
void config_pending(const struct settings *old, const struct settings *new, void (*fn)(void *arg, const char *key),
                    void *arg);

/* n bytes of a file, which is called `file` in messages. -1 with *why; c may be half changed then. */
int config_parse(struct config *c, const char *file, const char *text, size_t n, char **why);

/* Applies the command line to c. -1 with *why: it has a mistake. */
int config_options(struct config *c, const struct options *o, char **why);

/* Checks that need all settings: a page that others could reach without web-remote, groups without a share or with two
 * ways in, shares that overlap one another or the home (NULL: not checked). -1 with *why. */
int config_check(const struct config *c, const char *home, char **why);

/* Where the settings are without --config: /etc/lanyard/lanyard.conf for the system's home (/var/lib/lanyard), else
 * lanyard.conf in the home. Fresh. */
char *config_path(const char *home);

/* All layers: defaults, the file (o->config, which must be there; else config_path(), which need not), the drop-ins in
 * the folder of its name and ".d" (all that end in ".conf", in byte order), the options; checked. c is initialised
 * either way. -1 with *why. */
int config_load(struct config *c, const char *home, const struct options *o, char **why);

/* A whole file of at most max bytes, NUL-terminated, fresh; neither a FIFO nor a huge one can hang or bloat us. NULL
 * with *why; with absent_ok, and no such file: NULL without. */
char *config_read(const char *path, size_t max, bool absent_ok, size_t *n, char **why);

#endif
