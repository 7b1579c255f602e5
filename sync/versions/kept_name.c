/* See kept_name.h. */
#include "sync/versions/kept_name.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/sha256.h"

enum { SHORT_NAME = 143 };

static const int64_t ns_per_s = 1000000000;

struct kept_tag kept_tag_of(const char *path)
{
	uint8_t hash[SHA256_SIZE];
	struct kept_tag tag = { 0 };

	sha256(hash, path, strlen(path));
	hex_encode(tag.hex, hash, KEPT_TAG / 2);
	return tag;
}

uint32_t kept_hand(uint64_t author, uint64_t via)
{
	uint8_t hash[SHA256_SIZE], in[16];
	uint32_t hand;

	put_u64(in, author);
	put_u64(in + 8, via);
	sha256(hash, in, sizeof(in));
	hand = get_u32(hash);
	return hand != 0 ? hand : 1;
}

bool kept_is_foreign(const struct kept_hands *h)
{
	return h->wrote == 0 || h->wrote != h->took;
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

/* Reads the ID that p begins with; *end is what follows it. */
static int read_kept_id(const char *p, int64_t *at_ns, const char **end)
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
	/* Such years keep the time within 64 bits of nanoseconds. Days beyond the end of a month show below. */
	if (v[0] < 1970 || v[0] > 2261 || v[1] > 12 || v[2] > 31 || v[3] > 23 || v[4] > 59 || v[5] > 59)
		return -1;
	tm = (struct tm){ .tm_year = v[0] - 1900, .tm_mon = v[1] - 1, .tm_mday = v[2] };
	tm.tm_hour = v[3];
	tm.tm_min = v[4];
	tm.tm_sec = v[5];
	*at_ns = (int64_t)timegm(&tm) * ns_per_s + v[6];
	*end = p;
	/* timegm() accepts the 31st of February; written again it is another day. */
	kept_id_format(again, *at_ns);
	return strncmp(again, start, KEPT_ID_MAX - 1) == 0 ? 0 : -1;
}

int kept_id_parse(const char *text, int64_t *at_ns)
{
	const char *end;

	return read_kept_id(text, at_ns, &end) == 0 && *end == '\0' ? 0 : -1;
}

/* As much of the end of a name as fits, since that has the extension. In a valid name no UTF-8 sequence is cut. */
static const char *tail_that_fits(const char *name, size_t space)
{
	size_t len = strlen(name);

	if (len <= space)
		return name;
	name += len - space;
	for (int i = 0; i < 3 && ((unsigned char)*name & 0xc0) == 0x80; i++)
		name++;
	return name;
}

void kept_name_format(char out[KEPT_NAME_MAX], const struct kept_tag *tag, int64_t at_ns,
                      const struct kept_hands *hands, const char *path)
{
	const char *slash = path != NULL ? strrchr(path, '/') : NULL;
	char id[KEPT_ID_MAX];
	int n;

	kept_id_format(id, at_ns);
	n = snprintf(out, KEPT_NAME_MAX, "%s-%s", tag->hex, id);
	if (hands != NULL && hands->wrote != 0)
		n += snprintf(out + n, KEPT_NAME_MAX - (size_t)n, ".%08" PRIx32 "%08" PRIx32, hands->wrote,
		              hands->took);
	if (path != NULL)
		(void)snprintf(out + n, KEPT_NAME_MAX - (size_t)n, "-%s",
		               tail_that_fits(slash != NULL ? slash + 1 : path, KEPT_NAME_MAX - (size_t)n - 2));
}

/* Eight hex digits. */
static uint32_t read_hand(const char *p)
{
	uint8_t b[4];
	char text[9] = { 0 };

	memcpy(text, p, 8);
	return hex_decode(b, sizeof(b), text) == 0 ? get_u32(b) : 0;
}

/* Reads the hands that *p begins with, if any; *p moves behind them. */
static void read_hands(const char **p, struct kept_hands *hands)
{
	const char *digits = *p + 1;

	*hands = (struct kept_hands){ 0 };
	if (**p != '.' || strspn(digits, "0123456789abcdef") != KEPT_HANDS)
		return;
	*hands = (struct kept_hands){ .wrote = read_hand(digits), .took = read_hand(digits + 8) };
	*p = digits + KEPT_HANDS;
}

int kept_name_shorten(char name[KEPT_NAME_MAX])
{
	char *end = name + KEPT_TAG + KEPT_ID_MAX; /* of tag, '-' and ID */
	struct kept_hands hands;
	const char *behind = end, *rest;

	read_hands(&behind, &hands);
	end += behind - end;
	if (*end == '\0')
		return -1;
	/* First to what every disk can hold, then to nothing. */
	if (strlen(name) > SHORT_NAME) {
		rest = tail_that_fits(end + 1, SHORT_NAME - (size_t)(end + 1 - name));
		memmove(end + 1, rest, strlen(rest) + 1);
	} else {
		*end = '\0';
	}
	return 0;
}

int kept_name_parse(const char *name, struct kept_tag *tag, int64_t *at_ns, struct kept_hands *hands)
{
	struct kept_hands found;
	const char *end;

	if (strspn(name, "0123456789abcdef") != KEPT_TAG || name[KEPT_TAG] != '-')
		return -1;
	memcpy(tag->hex, name, KEPT_TAG);
	tag->hex[KEPT_TAG] = '\0';
	if (read_kept_id(name + KEPT_TAG + 1, at_ns, &end) < 0)
		return -1;
	read_hands(&end, &found);
	if (hands != NULL)
		*hands = found;
	return *end == '\0' || *end == '-' ? 0 : -1;
}

const char *kept_name_component(const char *name)
{
	const char *behind = name + KEPT_TAG + KEPT_ID_MAX; /* tag, '-' and ID */
	struct kept_hands hands;

	read_hands(&behind, &hands);
	return *behind == '-' ? behind + 1 : "";
}
