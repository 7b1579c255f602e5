/* Which paths can be in a share, and their order: see path.h. */
#include "sync/share/path.h"

#include <string.h>

#include "base/mem.h"
#include "sync/plan/record.h"

static const char ours[] = ".lanyard";

static enum path_verdict check_component(const char *p, size_t n)
{
	if (n == 0)
		return PATH_EMPTY;
	if (memchr(p, '\0', n) != NULL)
		return PATH_NUL;
	if (p[0] == '.' && (n == 1 || (n == 2 && p[1] == '.')))
		return PATH_DOTS;
	if (n > RECORD_NAME_MAX)
		return PATH_LONG;
	return PATH_OK;
}

enum path_verdict path_check(const char *path, size_t n)
{
	size_t start = 0;

	if (n > RECORD_PATH_MAX)
		return PATH_LONG;
	for (;;) {
		const char *slash = memchr(path + start, '/', n - start);
		size_t len = slash != NULL ? (size_t)(slash - path) - start : n - start;
		enum path_verdict v = check_component(path + start, len);

		if (v != PATH_OK)
			return v;
		if (start == 0 && len == sizeof(ours) - 1 && memcmp(path, ours, len) == 0)
			return PATH_OURS;
		if (slash == NULL)
			return PATH_OK;
		start += len + 1;
	}
}

const char *path_verdict_text(enum path_verdict v)
{
	switch (v) {
	case PATH_OK:
		return "fine";
	case PATH_EMPTY:
		return "the path or a part of it is empty";
	case PATH_DOTS:
		return "the path has a part \".\" or \"..\"";
	case PATH_NUL:
		return "the path has a NUL byte";
	case PATH_LONG:
		return "the path is too long (4095 bytes, 255 for each part)";
	case PATH_OURS:
		return ".lanyard is lanyard's own";
	}
	return "unknown";
}

int path_compare(const char *a, const char *b)
{
	size_t i = 0;
	unsigned char ca;
	unsigned char cb;

	while (a[i] == b[i]) {
		if (a[i] == '\0')
			return 0;
		i++;
	}
	ca = (unsigned char)a[i];
	cb = (unsigned char)b[i];
	/* The end comes before '/', and '/' before all else: so a folder's content follows the folder at once. */
	if (ca == '\0' || cb == '\0')
		return ca == '\0' ? -1 : 1;
	if (ca == '/' || cb == '/')
		return ca == '/' ? -1 : 1;
	return ca < cb ? -1 : 1;
}

bool path_is_under(const char *path, const char *under)
{
	size_t n = strlen(under);

	if (n == 0)
		return true;
	return strncmp(path, under, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

char *path_join(const char *dir, const char *name)
{
	size_t nd = strlen(dir);
	size_t nn = strlen(name);
	char *out;

	if (nd == 0)
		return mem_strdup(name);
	out = mem_calloc(nd + nn + 2, 1);
	memcpy(out, dir, nd);
	out[nd] = '/';
	memcpy(out + nd + 1, name, nn);
	return out;
}
