/* What `lanyard status` says of a sealed group: what a vault stores, how full the vaults are that a member is connected
 * with, and what signed heads show. */
#ifndef LANYARD_AGENT_CLI_STATUS_SEALED_H
#define LANYARD_AGENT_CLI_STATUS_SEALED_H

#include <jansson.h>
#include <stdbool.h>

struct lines;

/* Whether this agent is a vault of the group. g: the group in the answer of GET /v1/status. */
bool status_sealed_is_vault(const json_t *g);
/* Adds nothing of a group that is not sealed. */
void status_sealed_add(struct lines *l, const json_t *g);

#endif
