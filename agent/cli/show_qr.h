/* A QR code in a terminal. */
#ifndef LANYARD_AGENT_CLI_SHOW_QR_H
#define LANYARD_AGENT_CLI_SHOW_QR_H

#include "agent/cli/cli.h"

/* Prints one as the agent sends it (docs/api.md, invite), with the quiet zone that cameras need, two rows of it in a
 * line. Where there are no colours, the terminal's ground has to be the darker one. -1: it is not one. */
int show_qr(const struct cli *cli, const json_t *qr);

#endif
