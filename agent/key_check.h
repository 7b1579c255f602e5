/* Whether a key file's content, and the folders it would have its files in, can be those of an agent. The passphrase
 * proves only that somebody knew it: the file may be a stranger's. Any thread. */
#ifndef LANYARD_AGENT_KEY_CHECK_H
#define LANYARD_AGENT_KEY_CHECK_H

#include "sync/seal/export.h"

enum { KEY_CHECK_GROUPS_MAX = 64 }; /* an agent's */

/* NULL: an agent may have written it. Otherwise why not, fresh, to follow the file's name. */
char *key_check_content(const struct export_content *c);
/* Whether an export may name the share's path. One that it cannot name is left out. */
bool key_check_names_share(const char *share);
/* A worker's, or the command line's: looks at the disks. shares: of each group, absolute. asked: the user named them;
 * the file did otherwise. home: the agent's, absolute. NULL: they may become the groups' shares. Otherwise why not,
 * fresh, with what to do. */
char *key_check_shares(const struct export_content *c, char *const *shares, bool asked, const char *home);

#endif
