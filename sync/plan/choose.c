/* See choose.h. */
#include "sync/plan/choose.h"

#include <stdlib.h>
#include <string.h>

#include "sync/plan/conflict.h"
#include "sync/plan/pattern.h"

static const char *const mode_names[] = { [CHOOSE_MIRROR] = "mirror", [CHOOSE_ON_DEMAND] = "on-demand" };

const char *choose_mode_name(enum choose_mode mode)
{
	return mode_names[mode];
}

int choose_mode_parse(const char *name, enum choose_mode *mode)
{
	for (enum choose_mode m = CHOOSE_MIRROR; m <= CHOOSE_ON_DEMAND; m++) {
		if (strcmp(name, mode_names[m]) == 0) {
			*mode = m;
			return 0;
		}
	}
	return -1;
}

int choose_rule_of(const struct choices *choices, const char *path)
{
	char *original = choices->nrules > 0 ? conflict_original(path) : NULL;
	int said = 0;

	for (size_t i = choices->nrules; i > 0 && said == 0; i--) {
		const struct choose_rule *rule = &choices->rules[i - 1];

		if (pattern_covers(rule->pattern, path) ||
		    (original != NULL && pattern_covers(rule->pattern, original)))
			said = rule->get ? 1 : -1;
	}
	free(original);
	return said;
}

/* The first n bytes of a path: the path, or a folder above it. */
struct path_start {
	const char *path;
	size_t n;
};

static int compare_start(const void *key, const void *item)
{
	const struct path_start *start = key;
	const char *path = *(const char *const *)item;
	int c = strncmp(start->path, path, start->n);

	return c != 0 ? c : path[start->n] == '\0' ? 0 : -1;
}

bool choose_shares(const struct choices *choices, const char *path)
{
	if (choices->nunshared == 0)
		return true;
	for (size_t n = 1;; n++) {
		const struct path_start start = { .path = path, .n = n };

		if (path[n - 1] == '\0')
			return true;
		if ((path[n] == '/' || path[n] == '\0') &&
		    bsearch(&start, choices->unshared, choices->nunshared, sizeof(choices->unshared[0]), compare_start))
			return false;
	}
}

enum choice choose(const struct choices *choices, const struct record *offer, const struct choose_state *state)
{
	static const struct choose_state nothing;

	if (offer->deleted)
		return CHOICE_GET;
	if (state == NULL)
		state = &nothing;
	if (state->own || !choose_shares(choices, offer->path))
		return CHOICE_LEAVE;
	if (choices->mode == CHOOSE_MIRROR || choose_rule_of(choices, offer->path) > 0)
		return CHOICE_GET;
	return (state->here && !state->leaving) || state->had ? CHOICE_GET : CHOICE_LEAVE;
}
