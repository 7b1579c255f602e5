/* The agent's settings: defaults, then lanyard.conf (INI), then the command line. A setting that means nothing is an
 * error that names file, line, value, and what is accepted; nothing is guessed or skipped. The door to inih.
 * Pure but for config_load(). */
#ifndef LANYARD_AGENT_CONFIG_H
#define LANYARD_AGENT_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "agent/options.h"
#include "base/log.h"
#include "discovery/discovery.h"

enum { CONFIG_FILE_MAX = 64 << 10, CONFIG_MAX_PEERS = 64 };

/* Texts are owned. */
struct config {
	char *name;   /* of this host, for people */
	char *listen; /* "[ADDR:]PORT" */
	enum discovery_mode discovery;
	char **peers; /* HOST:PORT; file and command line add up */
	size_t npeers;
	enum log_level log_level;
	int64_t rescan_s;
	int64_t scrub_s;
};

/* The defaults; host_name is what `name` is without a setting. */
void config_init(struct config *c, const char *host_name);
void config_free(struct config *c);

/* One setting by its name in the file ("listen", "discovery", "peer", "log-level", "rescan-interval", "scrub-interval",
 * "name").
 * -1 with *why (fresh text: the value and what is accepted). "peer" adds, the others replace. */
int config_set(struct config *c, const char *key_name, const char *value, char **why);

/* n bytes of a file, which is called `file` in messages. -1 with *why; c may be half changed then. */
int config_parse(struct config *c, const char *file, const char *text, size_t n, char **why);

/* What the options say, onto c. -1 with *why: a mistake on the command line. */
int config_options(struct config *c, const struct options *o, char **why);

/* All three layers: defaults, the file (o->config; else lanyard.conf in home when it is there), the options. c is
 * initialised either way. -1 with *why. */
int config_load(struct config *c, const char *home, const struct options *o, char **why);

#endif
