/* See marker.h. */
#include "sync/share/marker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

int marker_check(int root, const char *path, const uint8_t marker[MARKER_SIZE], char **why)
{
	size_t n;
	char *text = fs_read_file(root, MARKER_FILE, 4096, &n);
	int rc = 1;

	if (text == NULL && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (text == NULL) {
		*why = mem_printf("%s/" MARKER_FILE ": cannot be read: %s", path, strerror(errno));
		return -1;
	}
	if (n != MARKER_SIZE || memcmp(text, marker, MARKER_SIZE) != 0) {
		*why = mem_printf(
			"%s: is the share of another group; choose another folder, or remove its .lanyard folder",
			path);
		rc = -1;
	}
	free(text);
	return rc;
}
