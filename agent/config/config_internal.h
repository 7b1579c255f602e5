/* The tables of keys, shared by the config*.c files. */
#ifndef LANYARD_AGENT_CONFIG_INTERNAL_H
#define LANYARD_AGENT_CONFIG_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/config/config.h"

/* When a change takes effect in an agent that reads its settings again. */
enum config_effect {
	CONFIG_AFTER_RESTART,
	CONFIG_AT_ONCE,
	CONFIG_ADDED_AT_ONCE, /* an added entry at once, a removed one after a restart */
};

enum config_kind { CONFIG_NUMBER, CONFIG_TEXT, CONFIG_LIST };

struct config_key {
	const char *name;                            /* NULL ends a table */
	int (*set)(void *target, const char *value); /* -1: not accepted */
	const char *accepted;
	enum config_effect effect;
	/* Where it is in struct settings; for [agent] alone. */
	enum config_kind kind; /* a list may be repeated */
	size_t offset, size;
};

enum { CONFIG_MAX_KEYS = 32 };

extern const struct config_key config_agent_keys[]; /* target: struct settings */
extern const struct config_key config_group_keys[]; /* target: struct config_group */

extern const char config_path_accepted[];

/* NULL with *why, which lists what there is. */
const struct config_key *config_find_key(const struct config_key *keys, const char *name, char **why);
/* -1 with *why: the value, and what is accepted. */
int config_set_key(const struct config_key *key, void *target, const char *value, char **why);

/* The group of that name, made when it is new. NULL with *why. */
struct config_group *config_named_group(struct config *c, const char *name, const char *file, int line, char **why);

/* Fills in what the settings have for groups, from the groups that were read. */
void config_groups_fill(struct config *c);

#endif
