/* See settings_list.h. */
#include "agent/config/settings_list.h"

#include <stdlib.h>

#include "base/mem.h"

void settings_list_add(struct settings_list *list, const char *text)
{
	list->v = mem_realloc(list->v, list->n + 1, sizeof(*list->v));
	list->v[list->n++] = mem_strdup(text);
}

void settings_list_clear(struct settings_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->v[i]);
	free(list->v);
	*list = (struct settings_list){ 0 };
}
