/* Files in the home that the page's door at a remote address keeps secrets in: for their owner alone. */
#ifndef LANYARD_AGENT_WEB_SECRET_FILE_H
#define LANYARD_AGENT_WEB_SECRET_FILE_H

#include <stddef.h>

/* The text of a file of at most max bytes, fresh: 1. 0: there is none. -1 with *why (fresh text): it cannot be read, or
 * others may. */
int web_secret_file_read(int home_dirfd, const char *name, size_t max, char **text, char **why);
/* Replaces it, or with NULL removes it, for good. -1 with *why. */
int web_secret_file_write(int home_dirfd, const char *name, const char *text, char **why);

#endif
