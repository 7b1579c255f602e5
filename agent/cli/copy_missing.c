/* See copy_missing.h. */
#include "agent/cli/copy_missing.h"

#include <stdlib.h>

#include "agent/cli/cli.h"
#include "agent/format.h"
#include "base/mem.h"

void copy_missing_print(const json_t *missing)
{
	char *path = document_text(missing, "path");
	json_t *members = json_object_get(missing, "members"), *m;
	char *who = NULL;
	size_t i;

	json_array_foreach(members, i, m) {
		char *name = document_text(m, "name"), *before = who, when[FORMAT_MAX];
		const char *seen = json_is_integer(json_object_get(m, "last_seen"))
		                           ? format_time(when, document_number(m, "last_seen"))
		                           : "never";

		who = document_flag(m, "connected")
		              ? mem_printf("%s%s%s has it", before != NULL ? before : "", before != NULL ? ", " : "",
		                           name)
		              : mem_printf("%s%s%s had it (last seen %s)", before != NULL ? before : "",
		                           before != NULL ? ", " : "", name, seen);
		free(before);
		free(name);
	}
	cli_error("%s: %s", path, who != NULL ? who : "no member is known to have it");
	free(who);
	free(path);
}
