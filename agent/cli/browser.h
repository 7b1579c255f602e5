/* Has a browser open a link that begins a session. */
#ifndef LANYARD_AGENT_CLI_BROWSER_H
#define LANYARD_AGENT_CLI_BROWSER_H

#include <stdbool.h>

#include "agent/cli/cli.h"

/* True if a browser was started; none is as root. All users of a machine can read command lines, so the link is in a
 * file that only this user can read, and the browser is given its path. The file goes when the link was used or has
 * expired. */
bool browser_open(struct cli *cli, const char *url);

#endif
