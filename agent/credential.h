/* What the settings name as a file or as a credential of the service manager: an invite, a secret. Any thread. */
#ifndef LANYARD_AGENT_CREDENTIAL_H
#define LANYARD_AGENT_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>

/* Where it is: `file`, or `credential` below $CREDENTIALS_DIRECTORY. Fresh; NULL: none is named, or it is a credential
 * and the service manager passes none. */
char *credential_path(const char *file, const char *credential);
/* Its text without white space at its end; fresh. NULL with *why; *absent: since there is no such file. */
char *credential_read(const char *path, size_t max, bool *absent, char **why);

/* What to tell when credential_path() found no path for this credential. Fresh text. */
char *credential_missing(const char *credential);

#endif
