/* See document.h. */
#include "agent/document.h"

#include "agent/escape.h"

char *document_text(const json_t *document, const char *key)
{
	const char *text = json_string_value(json_object_get(document, key));

	return escape_terminal(text != NULL ? text : "");
}

int64_t document_number(const json_t *document, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(document, key));
}

bool document_flag(const json_t *document, const char *key)
{
	return json_is_true(json_object_get(document, key));
}
