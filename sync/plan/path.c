/* Which paths can be in a share, and their order: see path.h. */
#include "sync/plan/path.h"

#include <string.h>

#include "base/mem.h"
#include "sync/plan/record.h"

static const char ours[] = ".lanyard", short_ours[] = "lanyar~", rules[] = ".lanyardignore";

/* The length of a code point at p that some file systems skip when they compare names; 0 for any other. HFS+ skips
 * these, according to git: U+200C to 200F, 202A to 202E, 206A to 206F, FEFF. */
static size_t ignorable(const unsigned char *p, size_t n)
{
	if (n < 3)
		return 0;
	if (p[0] == 0xe2 && p[1] == 0x80 && ((p[2] >= 0x8c && p[2] <= 0x8f) || (p[2] >= 0xaa && p[2] <= 0xae)))
		return 3;
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xaa && p[2] <= 0xaf)
		return 3;
	return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
}

/* The name as the most lenient file system compares it; returns its length, at most max. */
static size_t fold(char *folded, size_t max, const char *name, size_t n)
{
	size_t len = 0, step;

	while (n > 0 && (name[n - 1] == '.' || name[n - 1] == ' '))
		n--;
	for (size_t i = 0; i < n && len < max; i += step) {
		char c = name[i];

		step = ignorable((const unsigned char *)name + i, n - i);
		if (step > 0)
			continue;
		step = 1;
		folded[len++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	return len;
}

bool path_is_ours(const char *name, size_t n)
{
	char folded[sizeof(ours)];

	if (fold(folded, sizeof(folded), name, n) != sizeof(ours) - 1)
		return false;
	return memcmp(folded, ours, sizeof(ours) - 1) == 0 ||
	       (memcmp(folded, short_ours, sizeof(short_ours) - 1) == 0 && folded[sizeof(ours) - 2] >= '1' &&
	        folded[sizeof(ours) - 2] <= '9');
}

static bool is_rules(const char *name, size_t n)
{
	char folded[sizeof(rules)];

	return fold(folded, sizeof(folded), name, n) == sizeof(rules) - 1 &&
	       memcmp(folded, rules, sizeof(rules) - 1) == 0;
}

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
		if (path_is_ours(path + start, len))
			return PATH_OURS;
		if (start == 0 && slash == NULL && is_rules(path, len))
			return PATH_RULES;
		if (slash == NULL)
			return PATH_OK;
		start += len + 1;
	}
}

bool path_is_like_ours(const char *path)
{
	const char *slash = strrchr(path, '/');
	enum path_verdict verdict = path_check(path, strlen(path));

	if (verdict != PATH_OURS && verdict != PATH_RULES)
		return false;
	return slash != NULL ? path_check(path, (size_t)(slash - path)) == PATH_OK
	                     : strcmp(path, ours) != 0 && strcmp(path, rules) != 0;
}

const char *path_verdict_text(enum path_verdict v)
{
	switch (v) {
	case PATH_OK:
		return "fine";
	case PATH_EMPTY:
		return "the path or a component of it is empty";
	case PATH_DOTS:
		return "the path has a component \".\" or \"..\"";
	case PATH_NUL:
		return "the path contains a NUL byte";
	case PATH_LONG:
		return "the path is too long (4095 bytes, 255 per component)";
	case PATH_RULES:
		return ".lanyardignore is local to each machine: it is not synced";
	case PATH_OURS:
		return "lanyard's own folder, perhaps of a share that was moved or mounted here, is not synced";
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
	/* The end sorts below '/', and '/' below all other bytes: so a folder's content follows the folder at once. */
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
