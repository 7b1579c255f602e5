/* The token that `join` is given otherwise than as a word, which everybody on the host could read in the list of
 * processes. */
#ifndef LANYARD_AGENT_CLI_JOIN_TOKEN_H
#define LANYARD_AGENT_CLI_JOIN_TOKEN_H

/* From a file; NULL or "-": from standard input, where a terminal is asked for it. Without white space around it.
 * Fresh; NULL after printing a message. */
char *join_token_read(const char *path);

#endif
