/* See choose.h. */
#include "sync/plan/choose.h"

#include <string.h>

static bool pin_covers(const struct choose_pin *pin, const char *path)
{
	size_t n = strlen(pin->path);

	return n == 0 || (strncmp(path, pin->path, n) == 0 && (path[n] == '\0' || path[n] == '/'));
}

enum choice choose(const struct choices *choices, const struct record *offer)
{
	if (choices->mode == CHOOSE_MIRROR || offer->deleted)
		return CHOICE_GET;
	for (size_t i = choices->npins; i > 0; i--) {
		if (pin_covers(&choices->pins[i - 1], offer->path))
			return choices->pins[i - 1].get ? CHOICE_GET : CHOICE_LEAVE;
	}
	return CHOICE_LEAVE;
}
