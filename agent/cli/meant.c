/* See meant.h. */
#include "agent/cli/meant.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "agent/escape.h"
#include "agent/id_start.h"

typedef bool fits_fn(const json_t *document, const char *word);

/* The only one that fits; *n: how many do. */
static const json_t *only_one(const json_t *list, fits_fn *fits, const char *word, size_t *n)
{
	const json_t *one, *found = NULL;
	size_t i;

	*n = 0;
	json_array_foreach(list, i, one) {
		if (fits(one, word)) {
			found = one;
			++*n;
		}
	}
	return *n == 1 ? found : NULL;
}

static bool holds_text(const json_t *document, const char *key, const char *text)
{
	const char *value = json_string_value(json_object_get(document, key));

	return value != NULL && strcmp(value, text) == 0;
}

static bool group_called(const json_t *group, const char *word)
{
	return holds_text(group, "group", word);
}

static bool has_name_and_public_id(const json_t *group, const char *word)
{
	const char *name = json_string_value(json_object_get(group, "group"));
	const char *id = json_string_value(json_object_get(group, "public_id"));
	const char *hash = strrchr(word, '#');
	size_t n = hash != NULL ? (size_t)(hash - word) : 0;

	return hash != NULL && hash[1] != '\0' && name != NULL && id != NULL && strlen(name) == n &&
	       memcmp(name, word, n) == 0 && strncmp(id, hash + 1, strlen(hash + 1)) == 0;
}

static bool has_id(const json_t *group, const char *word)
{
	const char *id = json_string_value(json_object_get(group, "id"));

	return id != NULL && strlen(word) >= ID_START_GROUP && strncmp(id, word, strlen(word)) == 0;
}

const json_t *meant_group(const json_t *groups, const char *word)
{
	fits_fn *const rules[] = { group_called, has_name_and_public_id, has_id };
	char *escaped = escape_name(word);
	const json_t *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && n == 0; i++)
		found = only_one(groups, rules[i], escaped, &n);
	free(escaped);
	return found;
}

static bool is_agent(const json_t *document, const char *word)
{
	const char *id = json_string_value(json_object_get(document, "agent"));

	return holds_text(document, "name", word) || holds_text(document, "code", word) ||
	       (id != NULL && id_start_of_agent(word, id, NULL));
}

const json_t *meant_agent(const json_t *list, const char *word)
{
	char *escaped = escape_name(word);
	size_t n;
	const json_t *found = only_one(list, is_agent, escaped, &n);

	free(escaped);
	return found;
}
