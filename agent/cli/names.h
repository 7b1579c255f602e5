/* Agents in lists: their names first, and as much of their IDs as tells them apart. */
#ifndef LANYARD_AGENT_CLI_NAMES_H
#define LANYARD_AGENT_CLI_NAMES_H

#include <jansson.h>
#include <stddef.h>

/* How many characters of the IDs under `key` in the documents of a list tell all of them apart: at least the first
 * group of digits. Rows of one agent do not count as different. */
size_t names_id_length(const json_t *list, const char *key);
/* The ID under `key`, made safe for terminals and cut to that length; "" when there is none. Fresh. */
char *names_id(const json_t *document, const char *key, size_t length);

/* "name (ID)" of a document's "agent" and "name", or the ID alone where there is no name. Fresh. */
char *names_agent(const json_t *document);
/* The same of an event's peer; "" when it is about none. Fresh. */
char *names_peer(const json_t *event);

#endif
