/* The start of an ID by which users may call a group or an agent. Pure; any thread. */
#ifndef LANYARD_AGENT_ID_START_H
#define LANYARD_AGENT_ID_START_H

#include <stdbool.h>

enum {
	ID_START_GROUP = 4, /* hex digits of a group's ID, at least */
	ID_START_AGENT = 7, /* characters of an agent's ID without dashes, at least: the first group of it */
};

/* Whether text begins the ID of an agent and is long enough; dashes in both and the case of text do not matter.
 * *whole: it is all of the ID; NULL: nobody asks. */
bool id_start_of_agent(const char *text, const char *id, bool *whole);

#endif
