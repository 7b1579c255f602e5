/* A passphrase or a password: asked for on the terminal, or read from a file, and nowhere else. */
#ifndef LANYARD_AGENT_CLI_PASSPHRASE_H
#define LANYARD_AGENT_CLI_PASSPHRASE_H

#include <stdbool.h>

#include "agent/cli/cli.h"

/* How it is called, in messages and prompts. */
struct passphrase_words {
	const char *noun;       /* "passphrase" */
	const char *ask, *make; /* prompts: for the one that there is, for a new one */
};

/* file: its first line is the passphrase, "-" is standard input; NULL: asks on the terminal, twice if it is a new one,
 * and shows nothing of it. The command has an option --NOUN-file for it. Fresh, for passphrase_free(). NULL after a
 * message, with the exit status in *rc. */
char *passphrase_get(struct cli *cli, const struct passphrase_words *words, const char *file, bool fresh, int *rc);
void passphrase_free(char *passphrase);
/* For a process that is to have one in its memory: no core dump, and no debugger of the same user. */
void passphrase_keep_private(void);

#endif
