/* See pattern.h. */
#include "sync/plan/pattern.h"

#include <string.h>

#include "base/mem.h"
#include "sync/plan/record.h"

/* The end of the set that begins behind a '[' at p: its ']'; NULL if there is none, so that the '[' is a plain one. A
 * ']' that comes first is in the set. */
static const char *set_end(const char *p)
{
	if (*p == '!' || *p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p != '\0' && *p != ']' && *p != '/')
		p++;
	return *p == ']' ? p : NULL;
}

static bool set_has(const char *p, const char *end, unsigned char c)
{
	bool negated = *p == '!' || *p == '^', found = false;

	if (negated)
		p++;
	while (p < end) {
		unsigned char low = (unsigned char)*p, high = low;

		if (p + 2 < end && p[1] == '-') {
			high = (unsigned char)p[2];
			p += 2;
		}
		found = found || (c >= low && c <= high);
		p++;
	}
	return found != negated;
}

/* Whether the one element at *p that stands for a single byte takes c; moves *p behind it. */
static bool takes_byte(const char **p, unsigned char c)
{
	const char *end;

	switch (**p) {
	case '?':
		(*p)++;
		return c != '/';
	case '[':
		end = set_end(*p + 1);
		if (end != NULL) {
			bool has = set_has(*p + 1, end, c);

			*p = end + 1;
			return c != '/' && has;
		}
		break;
	case '\\':
		if ((*p)[1] != '\0')
			(*p)++;
		break;
	default:
		break;
	}
	return (unsigned char)*(*p)++ == c;
}

/* Where the match goes on when it fails behind a star: with one byte more for that star. */
struct again {
	const char *pattern; /* behind the star; NULL: there was none */
	const char *path;
};

/* A later ** makes earlier stars final, and so does a later * those of its component: whatever they might have taken
 * instead, the later one can take. So only the last of each kind is tried again. */
static bool step_back(struct again *star, struct again *stars, const char **p, const char **s)
{
	if (star->pattern != NULL && *star->path != '\0' && *star->path != '/') {
		*p = star->pattern;
		*s = ++star->path;
		return true;
	}
	star->pattern = NULL;
	if (stars->pattern == NULL || *stars->path == '\0')
		return false;
	*p = stars->pattern;
	*s = ++stars->path;
	return true;
}

/* Notes the star at *p and moves behind it. A ** that is a whole component may take nothing, and its slash with it. */
static void enter_star(const char *pattern, const char **p, const char *s, struct again *star, struct again *stars)
{
	const char *begin = *p;

	if (begin[1] != '*') {
		*p = begin + 1;
		*star = (struct again){ *p, s };
		return;
	}
	while (**p == '*')
		(*p)++;
	star->pattern = NULL;
	*stars = (struct again){ *p, s };
	if ((begin == pattern || begin[-1] == '/') && **p == '/') {
		/* What follows the slash begins here, or behind any later slash. */
		*p += 1;
	}
}

bool pattern_covers(const char *pattern, const char *path)
{
	const char *p = pattern, *s = path;
	struct again star = { NULL, NULL }, stars = { NULL, NULL };

	if (*pattern == '\0')
		return true;
	for (;;) {
		if (*p == '\0' && (*s == '\0' || *s == '/'))
			return true;
		if (*p == '*') {
			enter_star(pattern, &p, s, &star, &stars);
			continue;
		}
		if (*p != '\0' && *s != '\0') {
			unsigned char c = (unsigned char)*s;

			if (takes_byte(&p, c)) {
				s++;
				continue;
			}
		}
		if (!step_back(&star, &stars, &p, &s))
			return false;
	}
}

bool pattern_is_glob(const char *pattern)
{
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '\\' && p[1] != '\0')
			p++;
		else if (*p == '*' || *p == '?' || (*p == '[' && set_end(p + 1) != NULL))
			return true;
	}
	return false;
}

bool pattern_check(const char *pattern)
{
	size_t n = strlen(pattern);
	const char *part = pattern;

	if (n == 0)
		return true;
	if (n > PATTERN_MAX)
		return false;
	for (;;) {
		size_t len = strcspn(part, "/");

		if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		if (part[len] == '\0')
			break;
		part += len + 1;
	}
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p == '\\' && *++p == '\0')
			return false;
	}
	return true;
}

char *pattern_quote(const char *path)
{
	char *quoted = mem_calloc(strlen(path) * 2 + 1, 1), *to = quoted;

	for (; *path != '\0'; path++) {
		if (strchr("*?[\\", *path) != NULL)
			*to++ = '\\';
		*to++ = *path;
	}
	return quoted;
}

/* The components before the first glob, without their quotes. */
char *pattern_root(const char *pattern)
{
	char *root = mem_calloc(strlen(pattern) + 1, 1), *to = root, *slash = root;
	const char *p = pattern;

	for (; *p != '\0'; p++) {
		if (*p == '*' || *p == '?' || (*p == '[' && set_end(p + 1) != NULL)) {
			*slash = '\0';
			return root;
		}
		if (*p == '\\' && p[1] != '\0')
			p++;
		if (*p == '/')
			slash = to;
		*to++ = *p;
	}
	return root;
}
