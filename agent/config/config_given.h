/* The settings of [agent] as they were written, each with the place where it was. */
#ifndef LANYARD_AGENT_CONFIG_GIVEN_H
#define LANYARD_AGENT_CONFIG_GIVEN_H

#include "agent/config/config.h"

struct config_key;

/* A later value takes the place of an earlier one, except in a list. Takes over place. */
void config_given_note(struct config *c, const struct config_key *key, const char *value, char *place);
void config_given_free(struct config *c);
/* `to` has from then on what `from` had. */
void config_given_move(struct config *to, struct config *from);

/* Of each key that there is, in the order of lanyard.conf(5): its name and what is accepted, with NULL; then the same
 * with each of its values. */
typedef void config_given_fn(void *arg, const char *key, const char *accepted, const struct config_given *given);
void config_given_each(const struct config *c, config_given_fn *fn, void *arg);

#endif
