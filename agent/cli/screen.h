/* A block of lines that is redrawn in place on a terminal until Ctrl-C. The terminal's modes and cursor are not
 * changed, so nothing has to be restored except the position of the prompt. */
#ifndef LANYARD_AGENT_CLI_SCREEN_H
#define LANYARD_AGENT_CLI_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

struct screen {
	size_t drawn; /* lines on the terminal now */
};

/* From now on Ctrl-C and SIGTERM only end screen_sleep(). */
void screen_begin(struct screen *s);
/* Columns and rows that may be used. */
void screen_size(size_t *columns, size_t *rows);
/* Draws n lines over the previous ones. If they do not fit, the last row says how many are missing. The lines must
 * be safe for terminals and short enough (screen_size). */
void screen_draw(struct screen *s, char *const *lines, size_t n);
/* False when it is time to end. */
bool screen_sleep(int ms);

#endif
