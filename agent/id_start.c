/* See id_start.h. */
#include "agent/id_start.h"

#include <stddef.h>

bool id_start_of_agent(const char *text, const char *id, bool *whole)
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		char c = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;

		if (c == '-' && n > 0)
			continue;
		id += *id == '-';
		if (*id == '\0' || c != *id++)
			return false;
		n++;
	}
	if (whole != NULL)
		*whole = *id == '\0';
	return n >= ID_START_AGENT;
}
