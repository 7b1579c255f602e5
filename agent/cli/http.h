/* Requests to the agent over its Unix socket: the only door to libcurl. Messages about what went wrong are printed
 * here; the results are exit codes (enum cli_exit). */
#ifndef LANYARD_AGENT_CLI_HTTP_H
#define LANYARD_AGENT_CLI_HTTP_H

#include <stddef.h>

#include "agent/cli/cli.h"

void http_free(struct http *http);

/* A part of a path or of a query, percent-encoded. Fresh. */
char *http_encode(const char *bytes);
/* "/groups/NAME" and `rest`, with the name encoded. Fresh. */
char *http_group_path(const char *group, const char *rest);

/* Asks, and gives the answer's document (the caller's). path: with query, after "/v1". */
int http_get(struct cli *cli, const char *path, json_t **document);
/* body is taken over; NULL: none. */
int http_post(struct cli *cli, const char *path, json_t *body, json_t **document);
/* Whether an agent answers: like http_get(), but silent. */
int http_probe(struct cli *cli, const char *path, json_t **document);

/* Gives each line of the answer, without its newline and NUL-terminated, as it comes. fn returns false to stop. */
typedef bool http_line_fn(void *arg, const char *line, size_t n);
int http_lines(struct cli *cli, const char *path, http_line_fn *fn, void *arg);
/* The answer as it is, to stdout. */
int http_copy(struct cli *cli, const char *path);

/* Whether the agent that is meant is the system's, which this user may look at, or not even that: its home and settings are
 * not this user's. After a request or a probe. */
bool http_is_systems(const struct cli *cli);
/* The home that the options and the environment mean; NULL when none (the message is out). Stays the cli's. */
const char *http_home(struct cli *cli);

#endif
