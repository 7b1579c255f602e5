/* See names.h. */
#include "agent/cli/names.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "base/mem.h"

enum { ID_SHOWN = 7 };

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t same_start(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] != '\0' && a[n] == b[n])
		n++;
	return n;
}

/* In order, so that IDs with the same start are neighbours. */
size_t names_id_length(const json_t *list, const char *key)
{
	const char **ids = mem_calloc(json_array_size(list) + 1, sizeof(*ids));
	size_t length = ID_SHOWN;
	const json_t *row;
	size_t n = 0;
	size_t i;

	json_array_foreach(list, i, row) {
		const char *id = json_string_value(json_object_get(row, key));

		if (id != NULL)
			ids[n++] = id;
	}
	qsort(ids, n, sizeof(*ids), by_text);
	for (i = 1; i < n; i++) {
		size_t same = same_start(ids[i - 1], ids[i]);

		if (strcmp(ids[i - 1], ids[i]) != 0 && same >= length)
			length = same + 1;
	}
	free(ids);
	return length;
}

char *names_id(const json_t *document, const char *key, size_t length)
{
	char *id = document_text(document, key);

	if (strlen(id) > length)
		id[length] = '\0';
	return id;
}

/* Takes the ID over. */
static char *name_and_id(const json_t *document, char *id)
{
	char *name = document_text(document, "name"), *text;

	if (name[0] == '\0') {
		free(name);
		return id;
	}
	text = mem_printf("%s (%s)", name, id);
	free(name);
	free(id);
	return text;
}

char *names_agent(const json_t *document)
{
	return name_and_id(document, names_id(document, "agent", ID_SHOWN));
}

char *names_peer(const json_t *event)
{
	if (json_object_get(event, "short_id") != NULL)
		return name_and_id(event, document_text(event, "short_id"));
	return name_and_id(event, names_id(event, "peer", ID_SHOWN));
}
