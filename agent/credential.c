/* See credential.h. */
#include "agent/credential.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/config.h"
#include "base/mem.h"

char *credential_path(const char *file, const char *credential)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (file != NULL)
		return mem_strdup(file);
	if (credential == NULL || dir == NULL || dir[0] != '/')
		return NULL;
	return mem_printf("%s/%s", dir, credential);
}

char *credential_missing(const char *credential)
{
	return mem_printf("the credential %s does not exist: the service manager passes none (LoadCredential= in the "
	                  "unit). It passes a file that is new at a restart, not at a reload",
	                  credential);
}

char *credential_read(const char *path, size_t max, bool *absent, char **why)
{
	size_t n = 0;
	char *text = config_read(path, max, true, &n, why);

	*absent = text == NULL && *why == NULL;
	if (*absent)
		*why = mem_printf("%s: cannot be read: %s", path, strerror(ENOENT));
	while (text != NULL && n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
		text[--n] = '\0';
	if (text == NULL || strlen(text) == n)
		return text;
	*why = mem_printf("%s: has a NUL byte: this is not a text file", path);
	free(text);
	return NULL;
}
