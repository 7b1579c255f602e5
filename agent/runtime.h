/* The folder the control socket is in: the service manager's runtime folder ($RUNTIME_DIRECTORY, which vanishes with
 * the service), else the home. In the home the socket is found either way: by a symlink, so that `--home` says
 * enough. */
#ifndef LANYARD_AGENT_RUNTIME_H
#define LANYARD_AGENT_RUNTIME_H

#include <stdbool.h>

#include "agent/home.h"

struct runtime {
	char *path; /* absolute; owned; NULL: not open */
	int dirfd;  /* -1: not open */
	bool named; /* by the service manager */
};

/* home: open. -1 with *why (fresh text). */
int runtime_open(struct runtime *r, const struct home *home, char **why);
/* A closed one is fine. */
void runtime_close(struct runtime *r);

#endif
