/* See upload_route.h. */
#include "agent/api/upload_route.h"

#include <string.h>

static const char before[] = "/v1/groups/", after[] = "/upload";

bool upload_route_is(const char *method, const char *path)
{
	const char *group = path + sizeof(before) - 1;
	size_t n;

	if (strcmp(method, "POST") != 0 || strncmp(path, before, sizeof(before) - 1) != 0)
		return false;
	n = strcspn(group, "/");
	return n > 0 && strcmp(group + n, after) == 0;
}
