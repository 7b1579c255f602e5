/* Names of kept versions: see kept_name.h. */
#include "sync/versions/kept_name.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/sha256.h"

static const int64_t ns_per_s = 1000000000;

struct kept_tag kept_tag_of(const char *path)
{
	uint8_t hash[SHA256_SIZE];
	struct kept_tag tag = { 0 };

	sha256(hash, path, strlen(path));
	hex_encode(tag.hex, hash, KEPT_TAG / 2);
	return tag;
}

void kept_id_format(char out[KEPT_ID_MAX], int64_t at_ns)
{
	int64_t ns = at_ns > 0 ? at_ns : 0;
	time_t s = (time_t)(ns / ns_per_s);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm); /* years 1970 to 2262 */
	n = strftime(out, KEPT_ID_MAX, "%Y%m%d-%H%M%S", &tm);
	(void)snprintf(out + n, KEPT_ID_MAX - n, "-%09u", (unsigned)(ns % ns_per_s));
}

/* n decimal digits; -1 for anything else. */
static int digits(const char **p, int n)
{
	int v = 0;

	for (; n > 0; n--, (*p)++) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

/* The id that p begins with; *end is what follows it. */
static int read_id(const char *p, int64_t *at_ns, const char **end)
{
	char again[KEPT_ID_MAX];
	const char *start = p;
	struct tm tm = { 0 };
	int v[7];

	for (int i = 0; i < 7; i++) {
		static const int width[7] = { 4, 2, 2, 2, 2, 2, 9 };

		if ((i == 3 || i == 6) && *p++ != '-')
			return -1;
		v[i] = digits(&p, width[i]);
		if (v[i] < 0)
			return -1;
	}
	if (v[0] < 1970 || v[0] > 2261)
		return -1;
	tm = (struct tm){ .tm_year = v[0] - 1900, .tm_mon = v[1] - 1, .tm_mday = v[2] };
	tm.tm_hour = v[3];
	tm.tm_min = v[4];
	tm.tm_sec = v[5];
	*at_ns = (int64_t)timegm(&tm) * ns_per_s + v[6];
	*end = p;
	/* The 31st of February is no day. */
	kept_id_format(again, *at_ns);
	return strncmp(again, start, KEPT_ID_MAX - 1) == 0 ? 0 : -1;
}

int kept_id_parse(const char *text, int64_t *at_ns)
{
	const char *end;

	return read_id(text, at_ns, &end) == 0 && *end == '\0' ? 0 : -1;
}

/* What fits of a name: its end, which has the extension, not begun within a UTF-8 sequence where that can be helped. */
static const char *tail_that_fits(const char *name, size_t room)
{
	size_t len = strlen(name);

	if (len <= room)
		return name;
	name += len - room;
	for (int i = 0; i < 3 && ((unsigned char)*name & 0xc0) == 0x80; i++)
		name++;
	return name;
}

void kept_name_format(char out[KEPT_NAME_MAX], const struct kept_tag *tag, int64_t at_ns, const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;
	char id[KEPT_ID_MAX];
	int n;

	kept_id_format(id, at_ns);
	n = snprintf(out, KEPT_NAME_MAX, "%s-%s", tag->hex, id);
	if (path != NULL)
		(void)snprintf(out + n, KEPT_NAME_MAX - (size_t)n, "-%s",
		               tail_that_fits(slash != NULL ? slash + 1 : path, KEPT_NAME_MAX - (size_t)n - 2));
}

int kept_name_parse(const char *name, struct kept_tag *tag, int64_t *at_ns)
{
	const char *end;

	if (strspn(name, "0123456789abcdef") != KEPT_TAG || name[KEPT_TAG] != '-')
		return -1;
	memcpy(tag->hex, name, KEPT_TAG);
	tag->hex[KEPT_TAG] = '\0';
	return read_id(name + KEPT_TAG + 1, at_ns, &end) == 0 && (*end == '\0' || *end == '-') ? 0 : -1;
}
