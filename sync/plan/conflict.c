/* See conflict.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sync/plan/conflict.h"

enum {
	EXT_MAX = 32,     /* a longer "extension" counts as part of the stem, which can be shortened */
	SHORT_NAME = 143, /* bytes of a name that every disk holds; longer only where the path's own is */
	AGENT_DIGITS = 8, /* of modified_by */
	MARK_AGENT = 16,  /* where the agent's digits begin in a mark */
	MARK_MAX = 64,    /* ".conflict-YYYYYY-HHMMSS-agent-try" */
};

static const char infix[] = ".conflict-";

/* ".conflict-20261121-070612-abcdefgh", and "-<try>" if that is not 0. */
static void format_mark(char out[MARK_MAX], const struct record *loser, unsigned try)
{
	time_t s = (time_t)(loser->mtime_ns / 1000000000 - (loser->mtime_ns % 1000000000 < 0));
	uint8_t id[8];
	char agent[16];
	struct tm tm;
	int n;

	gmtime_r(&s, &tm); /* years 1677 to 2262: always representable */
	put_u64(id, loser->modified_by);
	base32_encode(agent, id, sizeof(id));
	n = snprintf(out, MARK_MAX, "%s%04d%02d%02d-%02d%02d%02d-%.*s", infix, tm.tm_year + 1900, tm.tm_mon + 1,
	             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)AGENT_DIGITS, agent);
	if (try > 0)
		snprintf(out + n, MARK_MAX - (size_t)n, "-%u", try);
}

/* Where the extension begins: at the last dot, unless the name begins or ends with it, or the extension is too long. */
static size_t stem_length(const char *name, size_t len)
{
	const char *dot = memrchr(name, '.', len);

	if (dot == NULL || dot == name || dot[1] == '\0' || len - (size_t)(dot - name) > EXT_MAX)
		return len;
	return (size_t)(dot - name);
}

/* At most `max` bytes of the stem; in a valid name no UTF-8 sequence is cut. */
static size_t shorten(const char *stem, size_t len, size_t max)
{
	size_t at = max;

	if (len <= max)
		return len;
	while (at > 0 && max - at < 3 && ((unsigned char)stem[at] & 0xc0) == 0x80)
		at--;
	return ((unsigned char)stem[at] & 0xc0) == 0x80 ? max : at;
}

/* The path with the mark before its extension, shortened as conflict.h says. */
static char *marked(const char *path, const char *mark)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	size_t dir = (size_t)(name - path), len = strlen(name); /* dir counts its slash */
	size_t stem = stem_length(name, len), ext = len - stem, fixed = strlen(mark) + ext, space;

	/* If no name fits below a folder so deep: the nearest folder above it in which one does. */
	while (dir > 0 && dir + fixed + 1 > RECORD_PATH_MAX) {
		const char *up = dir > 1 ? memrchr(path, '/', dir - 1) : NULL;

		dir = up != NULL ? (size_t)(up - path) + 1 : 0;
	}
	space = (len <= SHORT_NAME ? SHORT_NAME : len <= RECORD_NAME_MAX ? len : RECORD_NAME_MAX) - fixed;
	if (space > RECORD_PATH_MAX - dir - fixed)
		space = RECORD_PATH_MAX - dir - fixed;
	stem = shorten(name, stem, space);
	return mem_printf("%.*s%.*s%s%s", (int)dir, path, (int)stem, name, mark, name + len - ext);
}

char *conflict_name(const struct record *loser, unsigned try)
{
	char mark[MARK_MAX];

	format_mark(mark, loser, try);
	return marked(loser->path, mark);
}

char *conflict_prefix(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash != NULL ? slash + 1 : path;

	return mem_printf("%.*s%s", (int)((size_t)(name - path) + stem_length(name, strlen(name))), path, infix);
}

/* Whether the next n characters pass; *p moves behind them. */
static bool run_of(const char **p, int n, int (*pass)(int c))
{
	for (int i = 0; i < n; i++, (*p)++) {
		if (!pass((unsigned char)**p))
			return false;
	}
	return true;
}

static int is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static int is_base32(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
}

/* Whether p is date, time and agent, perhaps a try, and then the end or an extension. */
static bool is_mark(const char *p)
{
	if (!run_of(&p, 8, is_digit) || *p++ != '-' || !run_of(&p, 6, is_digit) || *p++ != '-' ||
	    !run_of(&p, AGENT_DIGITS, is_base32))
		return false;
	if (*p == '-' && is_digit((unsigned char)p[1])) {
		p++;
		while (is_digit((unsigned char)*p))
			p++;
	}
	return *p == '\0' || (*p == '.' && strchr(p + 1, '.') == NULL && strlen(p) <= EXT_MAX);
}

const char *conflict_mark(const char *path)
{
	const char *slash = strrchr(path, '/'), *p = slash != NULL ? slash + 1 : path;

	while ((p = strstr(p, infix)) != NULL) {
		p += sizeof(infix) - 1;
		if (is_mark(p))
			return p;
	}
	return NULL;
}

bool conflict_is_copy(const char *path)
{
	return conflict_mark(path) != NULL;
}

char *conflict_original(const char *path)
{
	const char *mark = conflict_mark(path), *ext;

	if (mark == NULL)
		return NULL;
	ext = strchr(mark, '.');
	return mem_printf("%.*s%s", (int)(mark - path) - (int)(sizeof(infix) - 1), path, ext != NULL ? ext : "");
}

bool conflict_is_by(const char *path, uint64_t modified_by)
{
	const char *mark = conflict_mark(path);
	uint8_t id[8];
	char agent[16];

	put_u64(id, modified_by);
	base32_encode(agent, id, sizeof(id));
	return mark != NULL && strncmp(mark + MARK_AGENT, agent, AGENT_DIGITS) == 0;
}

bool conflict_is_of(const char *copy, const char *path)
{
	const char *mark = conflict_mark(copy);
	char text[MARK_MAX] = "", *name;
	size_t n;
	bool same;

	if (mark == NULL)
		return false;
	mark -= sizeof(infix) - 1;
	n = sizeof(infix) - 1 + strcspn(mark + sizeof(infix) - 1, ".");
	if (n >= sizeof(text))
		return false;
	memcpy(text, mark, n);
	name = marked(path, text);
	same = strcmp(name, copy) == 0;
	free(name);
	return same;
}

bool conflict_is_shortened(const char *copy)
{
	const char *slash = strrchr(copy, '/');
	size_t len = strlen(slash != NULL ? slash + 1 : copy);

	/* A cut that would fall into a UTF-8 sequence leaves up to three bytes unused. */
	return conflict_mark(copy) != NULL && (len + 3 >= SHORT_NAME || strlen(copy) + 3 >= RECORD_PATH_MAX);
}
