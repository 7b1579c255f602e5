/* The passphrase of a key file: asked for on the terminal, or read from a file, and nowhere else. */
#ifndef LANYARD_AGENT_CLI_PASSPHRASE_H
#define LANYARD_AGENT_CLI_PASSPHRASE_H

#include <stdbool.h>

#include "agent/cli/cli.h"

/* file: its first line is the passphrase, "-" is standard input; NULL: asks on the terminal, twice if it is a new one,
 * and shows nothing of it. Fresh, for passphrase_free(). NULL after a message, with the exit status in *rc. */
char *passphrase_get(struct cli *cli, const char *file, bool fresh, int *rc);
void passphrase_free(char *passphrase);

#endif
