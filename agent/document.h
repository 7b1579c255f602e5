/* Reading the agent's documents: those of its API, by the command line, and by the agent itself. Any thread. */
#ifndef LANYARD_AGENT_DOCUMENT_H
#define LANYARD_AGENT_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* A member's text, made safe for terminals; "" if it is not there, or is not text. Fresh. */
char *document_text(const json_t *document, const char *key);
/* A member's number; 0 if it is not there, or is not a whole number. */
int64_t document_number(const json_t *document, const char *key);
/* Whether it has a member that is true. */
bool document_flag(const json_t *document, const char *key);

#endif
