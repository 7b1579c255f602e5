/* Key files (sync/seal/export.h) as the command line and the agent use them: what a user hands in is read, and a home
 * becomes that of the agent whose key file it is. Any thread, one at a time for a home. */
#ifndef LANYARD_AGENT_KEY_FILE_H
#define LANYARD_AGENT_KEY_FILE_H

#include "sync/seal/export.h"

/* The bytes of a sound key file of n bytes, or of the lines of one on paper, typed or scanned; appended to out. -1 with
 * *why (fresh, to follow the file's name): it is neither, or is damaged, or a line is wrong. */
int key_file_read(const void *p, size_t n, struct bytes *out, char **why);
/* Seals at the usual cost, or opens: 128 MiB, and half a second. What it opens has passed key_check_content(). -1 or
 * NULL with *why as above. */
int key_file_seal(const struct export_content *c, bool paper, const char *passphrase, struct bytes *out, char **why);
struct export_content *key_file_open(const char *passphrase, const void *p, size_t n, char **why);
/* What is printed: lines that say what this is, and the lines of the file. Fresh. */
char *key_file_page(const void *p, size_t n, const char *agent, const char *host);

/* The agent whose key it is. */
void key_file_agent(const struct export_content *c, struct agent_id *id);
/* The folder for the files of group i, fresh. share: where the user wants them; NULL: where they were, or, if the key
 * file does not say, at `otherwise`. Several groups each have a folder of their name in share or otherwise. */
char *key_file_share(const struct export_content *c, size_t i, const char *share, const char *otherwise);

/* NULL if the home may become another agent's: it has no groups, and asks to join none. Otherwise why not, fresh. */
char *key_file_obstacle(int home_dirfd);
/* The home has a key, which an installation replaces. */
bool key_file_replaces(int home_dirfd);
/* Makes the home that of the agent: its key, and its groups, which wait for a member. shares: of each group, absolute.
 * -1 with *why; it may be tried again then. *became: the home may have the agent's key, also after -1, without groups;
 * otherwise it is as it was. */
int key_file_install(int home_dirfd, const struct export_content *c, char *const *shares, bool *became, char **why);
/* Removes what an installation that a crash ended has left. True: there was such a thing. */
bool key_file_forget_unfinished(int home_dirfd);

#endif
