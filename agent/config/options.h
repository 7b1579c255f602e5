/* The command line of lanyardd. Pure. */
#ifndef LANYARD_AGENT_OPTIONS_H
#define LANYARD_AGENT_OPTIONS_H

#include <stdbool.h>

#include "agent/config/args.h"

/* As given; NULL or empty when not given. The texts stay argv's. Values are judged by config_set(). */
struct options {
	const char *home;
	const char *config;
	const char *listen;
	const char *discovery;
	const char *log_level;
	const char *web;
	struct args_list peers;
	bool check_config;
	bool help;
	bool version;
};

/* argv as main() got it. -1 with *why (fresh text). */
int options_parse(struct options *o, int argc, char **argv, char **why);
void options_free(struct options *o);
extern const char options_usage[];

#endif
