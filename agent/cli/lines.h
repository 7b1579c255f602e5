/* Lines of text, gathered before they are printed or drawn. */
#ifndef LANYARD_AGENT_CLI_LINES_H
#define LANYARD_AGENT_CLI_LINES_H

#include <stddef.h>

/* Zeroed memory is an empty list. */
struct lines {
	char **v; /* owned, each owned */
	size_t n;
};

/* text is taken over. */
void lines_add(struct lines *l, char *text);
/* Frees them all: the list is empty afterwards. */
void lines_free(struct lines *l);

#endif
