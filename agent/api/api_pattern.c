/* See api_pattern.h. */
#include "agent/api/api_pattern.h"

#include <stdlib.h>
#include <string.h>

#include "agent/api/api_request.h"
#include "agent/escape.h"
#include "base/mem.h"
#include "sync/plan/path.h"
#include "sync/plan/pattern.h"
#include "sync/plan/record.h"

enum { LOOK_MAX = 4096, PATHS_MAX = 1000 };

static bool note_existence(void *arg, const struct engine_file *f)
{
	(void)f;
	*(bool *)arg = true;
	return false;
}

static bool path_exists(struct engine *e, const char *path)
{
	bool found = false;

	free(engine_files(e, path, NULL, 1, note_existence, &found));
	return found;
}

/* Slashes at the end, as a shell completes them, and "." and "./", as find prints them, are not part of the path. */
static void trim_path(char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		path[--n] = '\0';
	while (strncmp(path, "./", 2) == 0)
		memmove(path, path + 2, strlen(path + 2) + 1);
	if (strcmp(path, ".") == 0)
		path[0] = '\0';
}

char *api_pattern(struct control_call *call, struct engine *e, const char *text)
{
	char *bytes = escape_decode(text), *pattern = NULL;
	bool is_path;

	/* A backslash that quotes a byte of a pattern is not one of a name's text form. */
	if (bytes == NULL)
		bytes = mem_strdup(text);
	trim_path(bytes);
	if (bytes[0] == '\0')
		return bytes;
	is_path = path_check(bytes, strlen(bytes)) == PATH_OK;
	if (is_path && (!pattern_is_glob(bytes) || path_exists(e, bytes)))
		pattern = pattern_quote(bytes);
	else if (pattern_is_glob(bytes) && pattern_check(bytes))
		pattern = mem_strdup(bytes);
	else
		control_fail(call, 400,
		             "%s: not a path in the share, relative to it, nor a pattern for such paths (write a "
		             "backslash in a name as \\\\)",
		             text);
	free(bytes);
	return pattern;
}

void api_patterns_free(char **patterns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(patterns[i]);
	free(patterns);
}

static char *plain_path(struct control_call *call, const char *text)
{
	char *path = escape_decode(text);

	if (path != NULL)
		trim_path(path);
	if (path != NULL && path_check(path, strlen(path)) == PATH_OK)
		return path;
	free(path);
	control_fail(call, 400, "%s: not a path in the share, relative to it (write a backslash in it as \\\\)", text);
	return NULL;
}

/* e NULL: plain paths. */
static int read_words(struct control_call *call, struct engine *e, const char *key, char ***list, size_t *n)
{
	json_t *array = json_object_get(call->body, key), *value;
	size_t i;

	*list = NULL;
	*n = 0;
	if (!json_is_array(array) || json_array_size(array) == 0 || json_array_size(array) > PATHS_MAX) {
		control_fail(call, 400, "\"%s\" must be an array of 1 to %d strings", key, PATHS_MAX);
		return -1;
	}
	*list = mem_calloc(json_array_size(array), sizeof(**list));
	json_array_foreach(array, i, value) {
		const char *text = json_string_value(value);
		char *item = NULL;

		if (text == NULL)
			control_fail(call, 400, "\"%s\" must be an array of strings", key);
		else
			item = e != NULL ? api_pattern(call, e, text) : plain_path(call, text);
		if (item == NULL) {
			api_patterns_free(*list, *n);
			return -1;
		}
		(*list)[(*n)++] = item;
	}
	return 0;
}

int api_body_patterns(struct control_call *call, const char *key, struct engine *e, char ***patterns, size_t *n)
{
	return read_words(call, e, key, patterns, n);
}

int api_body_paths(struct control_call *call, const char *key, char ***paths, size_t *n)
{
	return read_words(call, NULL, key, paths, n);
}

struct look {
	const char *pattern;
	bool found;
};

static bool cover_one(void *arg, const struct engine_file *f)
{
	struct look *l = arg;

	l->found = pattern_covers(l->pattern, f->r->path);
	return !l->found;
}

bool api_pattern_has_files(struct engine *e, const char *pattern)
{
	struct look l = { .pattern = pattern };
	char *root = pattern_root(pattern), *last;

	if (pattern_is_glob(pattern)) {
		last = engine_files(e, root, NULL, LOOK_MAX, cover_one, &l);
		l.found = l.found || last != NULL;
		free(last);
	} else {
		l.found = path_exists(e, root);
	}
	free(root);
	return l.found;
}
