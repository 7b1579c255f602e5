/* The oracle: knows every byte string that users wrote, and which of them a user who had it has replaced or deleted
 * since. Everything else must be found at the end (P2), nothing else may ever be seen (P1), and all trees must be
 * identical (P3). */
#ifndef LANYARD_TESTS_SIM_ORACLE_H
#define LANYARD_TESTS_SIM_ORACLE_H

#include <stdbool.h>

#include "tests/sim/host.h"

/* A user wrote what is at this path now. */
void oracle_wrote(const struct host *h, const char *path);
/* A user is about to replace or delete what is at this path (files below a folder are reported one by one). */
void oracle_loses(const struct host *h, const char *path);

/* What this host's user did as a reader, or to what was unshared, may be told from now on. */
void oracle_shared(const struct host *h);

/* From now on versions may be dropped, because days went by: those that exist now have been kept long enough. */
void oracle_keeps_versions(void);
/* The user gives up what this host has kept. */
void oracle_gives_up_versions(const struct host *h);

/* Each returns NULL, or fresh text that says what is wrong. */
char *oracle_torn(const struct host *h);
/* Whether the tree of h is another one than that of a host which has everything, except where it may be. */
char *oracle_differ(const struct host *whole, const struct host *h);
char *oracle_lost(void);
/* Whether a mode or time that a lossy disk made is in the tree of a host whose disk lacks nothing. */
char *oracle_disk_told(const struct host *h);
/* The tree as text: one line per path, with its content. The caller frees it. */
char *oracle_snapshot(const struct host *h);
size_t oracle_conflicts(const struct host *h); /* conflict copies in its tree */

#endif
