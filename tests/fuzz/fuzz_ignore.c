/* An ignore file of any bytes, matched with its own lines as paths: no rule may read outside itself, or be slow. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sync/share/ignore.h"

enum { PATH_LIMIT = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ignore *ig = ignore_parse((const char *)data, size, NULL);
	size_t at = 0;

	for (int lines = 0; at < size && lines < 20; lines++) {
		const uint8_t *newline = memchr(data + at, '\n', size - at);
		size_t n = newline != NULL ? (size_t)(newline - data) - at : size - at;
		char path[PATH_LIMIT + 1];

		memcpy(path, data + at, n < PATH_LIMIT ? n : PATH_LIMIT);
		path[n < PATH_LIMIT ? n : PATH_LIMIT] = '\0';
		/* A path that matches as an entry is also ignored when its folders are considered. */
		if (ignore_match_entry(ig, path, true) && !ignore_match(ig, path, true))
			abort();
		(void)ignore_match(ig, path, false);
		at += n + 1;
	}
	ignore_free(ignore_ref(ig));
	ignore_free(ig);
	return 0;
}
