/* Requests to the agent over its Unix socket: the only door to libcurl. Messages about what went wrong are printed
 * here; the results are exit codes (enum cli_exit). */
#ifndef LANYARD_AGENT_CLI_HTTP_H
#define LANYARD_AGENT_CLI_HTTP_H

#include <stddef.h>

#include "agent/cli/cli.h"

void http_free(struct http *http);

/* A part of a path or of a query, percent-encoded. Fresh. */
char *http_encode(const char *bytes);
/* "/groups/NAME" and `rest`, with the name encoded; `rest` alone where group is NULL. Fresh. */
char *http_group_path(const char *group, const char *rest);

/* Sends a request and returns the answer's document, which is the caller's. path: what follows "/v1", with the
 * query. */
int http_get(struct cli *cli, const char *path, json_t **document);
/* Takes body over; NULL: empty. */
int http_post(struct cli *cli, const char *path, json_t *body, json_t **document);
/* The same of "/groups/GROUP" and `rest`; of `rest` alone where group is NULL. */
int http_group_get(struct cli *cli, const char *group, const char *rest, json_t **document);
int http_group_post(struct cli *cli, const char *group, const char *rest, json_t *body, json_t **document);
/* http_group_post() for a command that prints its answer: *document is NULL after a failure, and under --json, where
 * it is printed as it is. */
int http_group_tell(struct cli *cli, const char *group, const char *rest, json_t *body, json_t **document);
/* Whether an agent answers: like http_get(), but silent. */
int http_probe(struct cli *cli, const char *path, json_t **document);

/* Calls fn for each line of the answer as it arrives, without its newline and NUL-terminated. fn returns false to
 * stop. */
typedef bool http_line_fn(void *arg, const char *line, size_t n);
int http_lines(struct cli *cli, const char *path, http_line_fn *fn, void *arg);
/* Calls fn with the answer's bytes as they arrive. fn returns false to stop. */
typedef bool http_bytes_fn(void *arg, const void *bytes, size_t n);
int http_bytes(struct cli *cli, const char *path, http_bytes_fn *fn, void *arg);
/* Copies the answer to stdout as it is. */
int http_copy(struct cli *cli, const char *path);

/* True if the command is meant for the system's agent, whose home and settings this user may not read. Valid after
 * a request or a probe. */
bool http_is_systems(const struct cli *cli);
/* The home that the options and the environment name; NULL after printing a message. It stays the cli's. */
const char *http_home(struct cli *cli);

#endif
