/* See lines.h. */
#include "agent/cli/lines.h"

#include <stdlib.h>

#include "base/mem.h"

void lines_add(struct lines *l, char *text)
{
	l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = text;
}

void lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->v[i]);
	free(l->v);
	*l = (struct lines){ 0 };
}
