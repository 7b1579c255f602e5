/* Finds the path that a conflict copy belongs to. */
#ifndef LANYARD_AGENT_API_CONFLICTS_H
#define LANYARD_AGENT_API_CONFLICTS_H

struct index;

/* The path that was in conflict; where the copy's name was shortened, the index is searched for it. NULL when `copy` is
 * not a conflict copy. Fresh. */
char *api_conflict_of(struct index *index, const char *copy);

#endif
