/* Any bytes as a path: a path that is accepted cannot leave the share, and the order of two paths is consistent. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/plan/record.h"
#include "sync/plan/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_taken(const char *path, size_t n)
{
	char *copy = mem_calloc(n + 3, 1);

	/* Framed in slashes, every component is between two of them. */
	copy[0] = '/';
	memcpy(copy + 1, path, n);
	copy[n + 1] = '/';
	if (strlen(copy) != n + 2 || n > RECORD_PATH_MAX || strstr(copy, "//") != NULL || strstr(copy, "/./") != NULL ||
	    strstr(copy, "/../") != NULL || strcasestr(copy, "/.lanyard/") != NULL)
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	size_t half = size / 2;
	char *a = mem_calloc(half + 1, 1);
	char *b = mem_calloc(size - half + 1, 1);
	int ab;

	if (path_check(p, size) == PATH_OK)
		check_taken(p, size);
	if (half > 0)
		memcpy(a, data, half);
	if (size > half)
		memcpy(b, data + half, size - half);
	ab = path_compare(a, b);
	if (ab != -path_compare(b, a) || (ab == 0) != (strcmp(a, b) == 0))
		abort();
	if (path_is_under(a, b) && ab < 0)
		abort();
	free(a);
	free(b);
	return 0;
}
