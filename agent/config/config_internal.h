/* What config.c, config_keys.c and config_file.c share: the tables of keys. Nobody else includes this. */
#ifndef LANYARD_AGENT_CONFIG_INTERNAL_H
#define LANYARD_AGENT_CONFIG_INTERNAL_H

#include <stdbool.h>

#include "agent/config/config.h"

struct config_key {
	const char *name;                            /* NULL ends a table */
	int (*set)(void *target, const char *value); /* -1: not accepted */
	bool repeats;
	const char *accepted;
};

enum { CONFIG_MAX_KEYS = 32 };

extern const struct config_key config_agent_keys[]; /* target: struct config */
extern const struct config_key config_group_keys[]; /* target: struct config_group */

extern const char config_path_accepted[];

/* NULL with *why, which lists what there is. */
const struct config_key *config_find_key(const struct config_key *keys, const char *name, char **why);
/* -1 with *why: the value, and what is accepted. */
int config_set_key(const struct config_key *key, void *target, const char *value, char **why);

/* The group of that name, made when it is new. NULL with *why. */
struct config_group *config_group(struct config *c, const char *name, const char *file, int line, char **why);

#endif
