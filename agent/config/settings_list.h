/* Texts of a setting that may be repeated. Pure. */
#ifndef LANYARD_AGENT_SETTINGS_LIST_H
#define LANYARD_AGENT_SETTINGS_LIST_H

#include "agent/settings.h"

void settings_list_add(struct settings_list *list, const char *text); /* a copy */
void settings_list_clear(struct settings_list *list);

#endif
