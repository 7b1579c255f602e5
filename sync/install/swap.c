/* Names of things on their way out of the share: see swap.h. */
#include "sync/install/swap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

static const char suffix[] = ".swap";

/* Five bits per digit, since some disks cannot hold a name above 143 bytes; only lower case, since some do not
 * distinguish. The 32 hex digits of tag and part are written as two numbers each. */
static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

enum { BEGIN = 'z', NUMBERS = 7, HALF = 16 };

static char *write_number(char *p, uint64_t v)
{
	char text[16];
	size_t at = sizeof(text);

	do {
		text[--at] = digits[v & 31];
		v >>= 5;
	} while (v != 0);
	memcpy(p, text + at, sizeof(text) - at);
	p += sizeof(text) - at;
	*p = '-';
	return p + 1;
}

static char *write_hash(char *p, const char *hex)
{
	uint8_t bytes[HALF];

	(void)hex_decode(bytes, sizeof(bytes), hex);
	return write_number(write_number(p, get_u64(bytes)), get_u64(bytes + sizeof(bytes) / 2));
}

void swap_name(char out[SWAP_NAME_MAX], const struct swap *s)
{
	const uint64_t v[NUMBERS] = { s->id,
		                      s->number,
		                      s->old_ino,
		                      (uint64_t)s->old_size,
		                      (uint64_t)s->old_mtime_ns,
		                      (uint64_t)s->new_size,
		                      (uint64_t)s->new_mtime_ns };
	char *p = out;

	*p++ = BEGIN;
	for (size_t i = 0; i < NUMBERS; i++)
		p = write_number(p, v[i]);
	p = write_hash(p, s->tag.hex);
	if (s->part[0] != '\0')
		p = write_hash(p, s->part);
	/* In place of the last '-'. */
	memcpy(p - 1, suffix, sizeof(suffix));
}

/* Digits of `bits` each, up to a '-' or the suffix; NULL when they are not. */
static const char *read_number(const char *p, unsigned bits, uint64_t *v)
{
	const char *start = p, *digit;

	*v = 0;
	for (; *p != '\0' && (digit = memchr(digits, *p, (size_t)1 << bits)) != NULL; p++) {
		if (*v >> (64 - bits) != 0)
			return NULL;
		*v = *v << bits | (uint64_t)(digit - digits);
	}
	return p > start && (*p == '-' || strcmp(p, suffix) == 0) ? p + (*p == '-') : NULL;
}

static const char *read_hash(const char *p, char hex[2 * HALF + 1])
{
	uint64_t high, low;

	p = read_number(p, 5, &high);
	if (p != NULL)
		p = read_number(p, 5, &low);
	if (p != NULL)
		(void)snprintf(hex, 2 * HALF + 1, "%016" PRIx64 "%016" PRIx64, high, low);
	return p;
}

/* Version 0.1.0 wrote all of it in hex, without BEGIN; "0" stands for no part. */
static const char *read_old_hashes(struct swap *s, const char *p)
{
	const char *end = strstr(p, suffix);

	if (strspn(p, "0123456789abcdef") != KEPT_TAG || p[KEPT_TAG] != '-' || end == NULL)
		return NULL;
	memcpy(s->tag.hex, p, KEPT_TAG);
	p += KEPT_TAG + 1;
	if (end - p == 2 * HALF)
		memcpy(s->part, p, 2 * HALF);
	else if (end - p != 1 || *p != '0')
		return NULL;
	return end;
}

/* A name of ours only if each piece reads to its end and nothing follows the suffix. */
int swap_parse(struct swap *s, const char *name)
{
	bool old = name[0] != BEGIN;
	const char *p = name + !old;
	uint64_t v[NUMBERS] = { 0 };

	*s = (struct swap){ 0 };
	for (size_t i = 0; i < NUMBERS && p != NULL; i++)
		p = read_number(p, old ? 4 : 5, &v[i]);
	if (p != NULL)
		p = old ? read_old_hashes(s, p) : read_hash(p, s->tag.hex);
	if (p != NULL && !old && strcmp(p, suffix) != 0)
		p = read_hash(p, s->part);
	if (p == NULL || strcmp(p, suffix) != 0 || p[-1] == '-' || v[1] > UINT32_MAX)
		return -1;
	s->id = v[0];
	s->number = (uint32_t)v[1];
	s->old_ino = v[2];
	s->old_size = (int64_t)v[3];
	s->old_mtime_ns = (int64_t)v[4];
	s->new_size = (int64_t)v[5];
	s->new_mtime_ns = (int64_t)v[6];
	return 0;
}

enum swap_verdict swap_judge(const struct swap *s, const struct fs_stat *st)
{
	if (st->ino == s->old_ino && st->size == s->old_size && st->mtime_ns == s->old_mtime_ns)
		return SWAP_OLD;
	if (st->size == s->new_size && st->mtime_ns == s->new_mtime_ns)
		return SWAP_NEW;
	return SWAP_STRANGER;
}
