/* See join_token.h. */
#include "agent/cli/join_token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cli/cli.h"
#include "base/mem.h"

enum { TOKEN_MAX = 4096 };

/* The first line of more than white space. */
static char *first_line(FILE *f)
{
	char line[TOKEN_MAX];

	while (fgets(line, sizeof(line), f) != NULL) {
		char *text = line + strspn(line, " \t\r\n");
		size_t n = strlen(text);

		while (n > 0 && strchr(" \t\r\n", text[n - 1]) != NULL)
			text[--n] = '\0';
		if (n > 0)
			return mem_strdup(text);
	}
	return NULL;
}

char *join_token_read(const char *path)
{
	bool input = path == NULL || strcmp(path, "-") == 0;
	FILE *f = input ? stdin : fopen(path, "re");
	char *token;

	if (f == NULL) {
		cli_error("%s: %s", path, strerror(errno));
		return NULL;
	}
	if (input && isatty(STDIN_FILENO))
		(void)fputs("Paste the token, then press Enter: ", stderr);
	token = first_line(f);
	if (token == NULL)
		cli_error("%s: %s", input ? "standard input" : path,
		          ferror(f) ? strerror(errno) : "there is no token in it");
	if (!input)
		(void)fclose(f);
	return token;
}
